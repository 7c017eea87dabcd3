"""Tables of bubble tracks, drawn as a density map: one count per track and pixel."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.formats import stem_of
from napari_fus_ulm.io.request import Request
from napari_fus_ulm.scan import ASSUMED_ULM_PIXEL_MM, MM_PER, make_scan

_TRACK_COLUMNS = ("track", "track_id", "trackid", "id", "particle", "bubble")
_LARGEST = 20_000
"""Pixels a side beyond which the positions cannot be in the unit they were taken to be in."""


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
    low = np.floor(points.min(axis=0) / pixel_mm).astype(int)
    width, height = np.floor(points.max(axis=0) / pixel_mm).astype(int) - low + 1
    if max(width, height) > _LARGEST:
        raise ScanError(
            f"The tracks of “{name or source}” span {width} × {height} pixels of "
            f"{pixel_mm * 1e3:g} µm; positions in mm, or a larger pixel, were expected."
        )
    counts = np.zeros((height, width), dtype=np.float32)
    for line in lines:
        at = np.floor(_dense(line, pixel_mm / 2) / pixel_mm).astype(int) - low
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


def _dense(line: npt.NDArray[np.float64], step: float) -> npt.NDArray[np.float64]:
    """Put points on a polyline at most ``step`` apart."""
    line = line[np.isfinite(line).all(axis=1)]
    if len(line) < 2:
        return line
    pieces = np.maximum(np.ceil(np.linalg.norm(np.diff(line, axis=0), axis=1) / step), 1)
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
    with np.load(request.path, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    rows = [value for value in arrays.values() if value.ndim == 2 and value.shape[1] >= 2]
    ends = [value for value in arrays.values() if value.ndim == 1 and value.dtype.kind in "iu"]
    if len(rows) != 1 or len(ends) != 1:
        raise ScanError(
            f"“{request.path.name}” holds {', '.join(arrays) or 'no arrays'}; one array of rows "
            "[x, y, intensity] and one of end indices were expected."
        )
    return [_map(request, tracks_of_rows(rows[0], ends[0]), factor=None)]


def read_csv(request: Request) -> list[xr.DataArray]:
    """Read a table with a header: a track column, x, and y or z (depth); units as in ``x_um``."""
    with request.path.open(newline="", encoding="utf-8-sig") as file:
        sample = file.read(4096)
        file.seek(0)
        dialect: type[csv.Dialect] = csv.excel
        with suppress(csv.Error):  # too short a table to tell: commas
            dialect = csv.Sniffer().sniff(sample, delimiters=",;\t")
        reader = csv.reader(file, dialect)
        header = [cell.strip() for cell in next(reader, [])]
        rows = [row for row in reader if any(cell.strip() for cell in row)]
    plain = [re.split(r"[ _(\[]", cell.lower())[0] for cell in header]
    track = next((n for n, c in enumerate(header) if c.lower() in _TRACK_COLUMNS), None)
    depth = "z" if "z" in plain else "y"
    if track is None or "x" not in plain or depth not in plain:
        raise _wrong_header(request, header)
    x, y = plain.index("x"), plain.index(depth)
    try:
        labels = [row[track] for row in rows]
        points = np.array([[float(row[x]), float(row[y])] for row in rows])
    except (IndexError, ValueError) as error:
        raise ScanError(
            f"“{request.path.name}” has a row without numbers in {header[x]} and {header[y]} "
            f"({error})."
        ) from error
    groups: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        groups.setdefault(label, []).append(row)
    unit = re.search(r"[_(\[ ](mm|um|µm|μm|m)\b", header[x].lower())
    tracks = [points[members] for members in groups.values()]
    return [_map(request, tracks, factor=MM_PER[unit.group(1)] if unit else None)]


def _map(
    request: Request, tracks: list[npt.NDArray[np.float64]], factor: float | None
) -> xr.DataArray:
    known = factor is not None
    if factor is None:
        # A field of view is 1 to 100 mm wide: m, mm and µm cannot be confused.
        points = np.concatenate([np.empty((0, 2)), *tracks])
        points = points[np.isfinite(points).all(axis=1)]
        span = float(np.ptp(points, axis=0).max()) if len(points) else 0.0
        factor = 1e3 if span < 0.1 else 1.0 if span <= 200 else 1e-3
    return density_map(
        [track * factor for track in tracks],
        pixel_mm=map_pixel(request),
        source=str(request.path),
        name=stem_of(request.path),
        spacing_known=known,
    )


def map_pixel(request: Request) -> float:
    """Return the side (mm) of the square pixels that tracks are drawn in."""
    pixel = request.spacing
    if isinstance(pixel, Sequence):
        pixel = pixel[-1]
    return float(pixel) if pixel else ASSUMED_ULM_PIXEL_MM


def _wrong_header(request: Request, header: list[str]) -> ScanError:
    columns = f"the columns {', '.join(header)}" if any(header) else "no columns"
    return ScanError(
        f"“{request.path.name}” has {columns}; a header with a track column (track, id), x, and y "
        "or z was expected."
    )
