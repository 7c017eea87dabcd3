"""Bubble tracks drawn as a density map: one count per track and pixel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.affordable import check_affordable
from napari_fus_ulm.io.formats import stem_of
from napari_fus_ulm.io.request import Request
from napari_fus_ulm.scan import ASSUMED_ULM_PIXEL_MM, make_scan

_LARGEST = 20_000
"""Pixels a side beyond which the positions cannot be in the unit they were taken to be in."""
_LONGEST = 50_000_000
"""Steps of half a pixel in one track; a bubble that crosses an image makes some thousand."""
_FURTHEST = 1000
"""Images that lie between a position and the origin, likewise."""


def density_map(
    tracks: Sequence[npt.NDArray[np.float64]],
    *,
    pixel_mm: float = ASSUMED_ULM_PIXEL_MM,
    source: str = "tracks",
    name: str | None = None,
    spacing_known: bool = True,
) -> xr.DataArray:
    """Draw tracks as continuous lines and count how many pass each pixel.

    Parameters
    ----------
    tracks : sequence of arrays of shape (n, 2)
        Positions ``(x, y)`` in mm, x (lateral) first.
    pixel_mm : float
        Pixel side in mm.
    source, name, spacing_known
        As for `napari_fus_ulm.scan.make_scan`.

    Returns
    -------
    xarray.DataArray
        Linear counts, modality "ulm". A track counts once in a pixel however often it passes.

    Raises
    ------
    ScanError
        If there is no track, or the positions span more pixels than an image can have.
    """
    lines = [np.asarray(track, dtype=float) for track in tracks if len(track)]
    points = np.concatenate(lines) if lines else np.empty((0, 2))
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        raise ScanError(f"“{name or source}” holds no track with finite positions.")
    first = _pixels(points.min(axis=0), pixel_mm)
    span = _pixels(points.max(axis=0), pixel_mm) - first + 1
    if span.max() > _LARGEST or np.abs(first).max() > _FURTHEST * _LARGEST:
        raise ScanError(
            f"The tracks of “{name or source}” span {span[0]:.6g} × {span[1]:.6g} pixels of "
            f"{pixel_mm * 1e3:g} µm; positions in mm, or a larger pixel, were expected."
        )
    low, (width, height) = first.astype(int), span.astype(int).tolist()
    check_affordable(Path(source), (height, width), np.float32)
    counts = np.zeros((height, width), dtype=np.float32)
    for line in lines:
        at = _pixels(_dense(line, pixel_mm / 2), pixel_mm).astype(int) - low
        once = np.unique(at[:, 1] * width + at[:, 0])
        counts.reshape(-1)[once] += 1.0
    return make_scan(
        counts,
        spacing=pixel_mm,
        origin=((low[1] + 0.5) * pixel_mm, (low[0] + 0.5) * pixel_mm),
        modality="ulm",
        values_kind="linear",
        source=source,
        name=name,
        spacing_known=spacing_known,
        tracks=len(lines),
    )


def _pixels(points: npt.NDArray[np.float64], pixel_mm: float) -> npt.NDArray[np.float64]:
    """Return the pixels that positions lie in; one on an edge is in the next, in any unit."""
    return np.floor(points / pixel_mm + 1e-6)


def _dense(line: npt.NDArray[np.float64], step: float) -> npt.NDArray[np.float64]:
    """Put points on a polyline at most ``step`` apart."""
    line = line[np.isfinite(line).all(axis=1)]
    if len(line) < 2:
        return line
    pieces = np.maximum(np.ceil(np.linalg.norm(np.diff(line, axis=0), axis=1) / step), 1)
    if pieces.sum() > _LONGEST:
        raise ScanError("The positions of a track jump about; they were expected in their order.")
    along = np.concatenate([[0.0], np.cumsum(pieces)])
    at = np.arange(along[-1] + 1)
    return np.stack([np.interp(at, along, line[:, axis]) for axis in (0, 1)], axis=1)


def tracks_of_rows(rows: npt.NDArray[Any], ends: npt.NDArray[Any]) -> list[npt.NDArray[np.float64]]:
    """Cut ulmtools' rows ``[x, y, intensity]`` at their exclusive end indices.

    Raises
    ------
    ScanError
        If the indices do not increase up to the number of rows.
    """
    stops = np.asarray(ends, dtype=int).reshape(-1)
    if rows.ndim != 2 or rows.shape[1] < 2 or not len(stops):
        raise ScanError("Rows [x, y, intensity] and one end index per track were expected.")
    if (np.diff(stops) <= 0).any() or stops[0] <= 0 or stops[-1] > len(rows):
        raise ScanError(
            f"The end indices of the tracks must increase up to {len(rows)}, the number of rows."
        )
    return [np.asarray(part[:, :2], float) for part in np.split(rows, stops)[: len(stops)]]


def read_npz(request: Request) -> list[xr.DataArray]:
    """Read ulmtools' bubbles: one array of rows and one of end indices."""
    arrays = _arrays_in(request.path)
    rows = [value for value in arrays.values() if value.ndim == 2 and value.shape[1] >= 2]
    ends = [value for value in arrays.values() if value.ndim == 1 and value.dtype.kind in "iu"]
    if len(rows) != 1 or len(ends) != 1 or rows[0].dtype.kind not in "iuf":
        raise ScanError(
            f"“{request.path.name}” holds {', '.join(arrays)[:200] or 'no arrays'}; one array of "
            "rows [x, y, intensity] and one of end indices were expected."
        )
    return [map_of_tracks(request, tracks_of_rows(rows[0], ends[0]), known=False)]


def _arrays_in(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an archive, each once it is known to be affordable and complete."""
    from zipfile import BadZipFile, ZipFile

    arrays: dict[str, npt.NDArray[Any]] = {}
    try:
        with ZipFile(path) as archive:
            for info in archive.infolist():
                check_affordable(path, (info.file_size,), np.uint8)
                with archive.open(info) as file:
                    version = np.lib.format.read_magic(file)
                    known = {(1, 0): np.lib.format.read_array_header_1_0}
                    header = known.get(version, np.lib.format.read_array_header_2_0)
                    shape, _, dtype = header(file)
                if dtype.hasobject or math.prod(shape) * dtype.itemsize > info.file_size:
                    raise ScanError(
                        f"“{path.name}” is damaged, or holds Python objects; arrays of numbers "
                        "were expected."
                    )
                with archive.open(info) as file:
                    arrays[info.filename.removesuffix(".npy")] = np.lib.format.read_array(file)
    except (BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError, OSError) as error:
        if isinstance(error, ScanError):
            raise
        raise ScanError(
            f"“{path.name}” is damaged, truncated or no .npz file; a complete one was expected."
        ) from error
    return arrays


def map_of_tracks(
    request: Request,
    tracks: list[npt.NDArray[np.float64]],
    *,
    known: bool,
    doubts: Mapping[str, str] | None = None,
) -> xr.DataArray:
    """Draw tracks in mm (or, if not ``known``, in a unit that is guessed from their extent)."""
    said = dict(doubts or {})
    if not known:
        # A field of view is 1 to 100 mm wide: m, mm and µm cannot be confused.
        points = np.concatenate([np.empty((0, 2)), *tracks])
        points = points[np.isfinite(points).all(axis=1)]
        span = float(np.ptp(points, axis=0).max()) if len(points) else 0.0
        factor = 1e3 if span < 0.1 else 1.0 if span <= 200 else 1e-3
        tracks = [track * factor for track in tracks]
        unit = {1e3: "m", 1.0: "mm", 1e-3: "µm"}[factor]
        said["spacing"] = (
            f"“{request.path.name}” gives no unit; positions were taken for {unit}, which makes a "
            f"field of {span * factor:.3g} mm."
        )
    scan = density_map(
        tracks,
        pixel_mm=map_pixel(request),
        source=str(request.path),
        name=stem_of(request.path),
        spacing_known=known,
    )
    return scan.assign_attrs(doubts=said) if said else scan


def map_pixel(request: Request) -> float:
    """Return the side (mm) of the square pixels that tracks are drawn in."""
    pixel = request.spacing
    if isinstance(pixel, Sequence):
        pixel = pixel[-1]
    return float(pixel) if pixel else ASSUMED_ULM_PIXEL_MM
