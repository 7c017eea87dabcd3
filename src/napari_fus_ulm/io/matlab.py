"""MATLAB files (v5 and v7.3) with the structures that fUS and ULM groups save."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.formats import stem_of
from napari_fus_ulm.io.guesses import length_in_mm
from napari_fus_ulm.io.request import Request, image_scan
from napari_fus_ulm.io.tracks import density_map, map_pixel

_MAPS = {"MatOut": "counts", "MatOut_zdir": "axial direction", "MatOut_vel": "speed (mm/s)"}
_PALA_AXES = ("llz", "llx")
"""Depth and lateral pixel centres, in wavelengths."""


def read_matlab(request: Request) -> list[xr.DataArray]:
    """Read the images of a ``.mat`` file.

    Known structures: PALA maps (``MatOut`` …) and tracks, Song-lab ``ULM_final``, NERF
    ``Data`` + ``VoxelSize``, pyfus ``I`` + ``md``; otherwise the one 2-D to 4-D numeric array.
    """
    from pymatreader import read_mat

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "complex objects are not supported" and the like
        variables: dict[str, Any] = read_mat(request.path)
    variables = {key: value for key, value in variables.items() if not key.startswith("__")}
    known: list[Callable[[Request, dict[str, Any]], list[xr.DataArray]]] = [
        _pala_maps,
        _song_maps,
        _nerf,
        _pyfus,
        _pala_tracks,
        _only_array,
    ]
    for structure in known:
        if scans := structure(request, variables):
            return scans
    raise ScanError(
        f"“{request.path.name}” holds {_listing(variables)}; one 2-D or 3-D numeric array, or "
        "one of the structures MatOut, ULM_final, Data + VoxelSize, I + md, or track cells, was "
        "expected."
    )


def _pala_maps(request: Request, variables: dict[str, Any]) -> list[xr.DataArray]:
    """PALA's ``*_matouts.mat``: maps in pixels of ``llx``/``llz``, which count wavelengths."""
    if "MatOut" not in variables:
        return []
    ulm = variables.get("ULM") if isinstance(variables.get("ULM"), dict) else {}
    wavelength = _wavelength(variables, ulm or {})
    spacing = _pala_pixel(variables, ulm or {}, wavelength)
    place = {"spacing": spacing, "origin": _pala_corner(variables, wavelength)}
    scans = []
    for variable, quantity in _MAPS.items():
        for label, image in _images(variable, variables.get(variable)):
            scans.append(_scan(request, image, label, "ulm", quantity=quantity, **place))
    return scans


def _pala_corner(variables: dict[str, Any], wavelength: float | None) -> tuple[float, float] | None:
    """Return the centre (mm) of the first pixel, where the axes store it."""
    first = [
        np.asarray(variables.get(axis, []), dtype=float).reshape(-1)[:1] for axis in _PALA_AXES
    ]
    if wavelength is None or not all(tick.size and np.isfinite(tick).all() for tick in first):
        return None
    return float(first[0][0]) * wavelength, float(first[1][0]) * wavelength


def _wavelength(variables: dict[str, Any], ulm: dict[str, Any]) -> float | None:
    """Return λ in mm; PALA stores it in mm or in m."""
    for value in (variables.get("lambda"), ulm.get("lambda")):
        if isinstance(value, int | float) and value > 0:
            return length_in_mm(float(value))
    return None


def _pala_pixel(
    variables: dict[str, Any], ulm: dict[str, Any], wavelength: float | None
) -> tuple[float, float] | None:
    if wavelength is None:
        return None
    steps = []
    for axis in _PALA_AXES:
        ticks = np.asarray(variables.get(axis, []), dtype=float).reshape(-1)
        if ticks.size > 1:
            steps.append(float(np.diff(ticks).mean()) * wavelength)
    if len(steps) == 2 and min(steps) > 0:
        return steps[0], steps[1]
    resolution = ulm.get("res")
    if isinstance(resolution, int | float) and resolution > 0:
        first = np.asarray(ulm.get("scale", 1.0), dtype=float).reshape(-1)[0]
        return (float(first) * wavelength / float(resolution),) * 2
    return None


def _song_maps(request: Request, variables: dict[str, Any]) -> list[xr.DataArray]:
    ulm = variables.get("ULM_final")
    if not isinstance(ulm, dict):
        return []
    scans = []
    for field, quantity in {"mapCounter": "counts", "mapVelocity": "speed"}.items():
        for label, image in _images(field, ulm.get(field)):
            scans.append(_scan(request, image, label, "ulm", quantity=quantity))
    return scans


def _nerf(request: Request, variables: dict[str, Any]) -> list[xr.DataArray]:
    """NERF: ``Data`` (depth, lateral, elevation[, time]), ``VoxelSize`` (same order, µm)."""
    for struct in (variables, *(v for v in variables.values() if isinstance(v, dict))):
        data: Any = struct.get("Data")
        size = struct.get("VoxelSize")
        if not isinstance(data, np.ndarray) or size is None or not 2 <= data.ndim <= 4:
            continue
        steps = [length_in_mm(float(s)) for s in np.asarray(size, dtype=float).reshape(-1)[:3]]
        spacing = None
        if len(steps) == 3 and all(steps):
            spacing = [float(s or 0) for s in (steps[2], steps[0], steps[1])]
        elif len(steps) == 2 and all(steps):
            spacing = [float(s or 0) for s in steps]
        axes = [2, 0, 1] if data.ndim == 3 else [3, 2, 0, 1]
        values = data.transpose(axes) if data.ndim > 2 else data
        dims = {2: ("j", "i"), 3: ("k", "j", "i"), 4: ("time", "k", "j", "i")}[data.ndim]
        # MATLAB drops a trailing axis of one slice, so a film of one plane has three axes too.
        if data.ndim == 3 and str(struct.get("Type", "")).lower() in ("fus", "fast", "film"):
            dims = ("time", "j", "i")
        extra = {"values_kind": "linear", "dims": dims}
        return [_scan(request, values, "Data", "fus", spacing=spacing, **extra)]
    return []


def _pyfus(request: Request, variables: dict[str, Any]) -> list[xr.DataArray]:
    """``I`` (depth, lateral[, time]) with the acquisition's metadata ``md``."""
    image, meta = variables.get("I"), variables.get("md")
    if not isinstance(image, np.ndarray) or not isinstance(meta, dict):
        return []
    return [_scan(request, image, "I", "fus", spacing=_pixel_in(meta))]


def _pixel_in(meta: dict[str, Any]) -> tuple[float, float] | None:
    """Find a pixel size among a structure's fields, by the names in use."""
    low = {key.lower(): value for key, value in meta.items()}
    for depth, lateral in (("dz", "dx"), ("dy", "dx"), ("pixelsizez", "pixelsizex")):
        both = [low.get(depth), low.get(lateral)]
        if all(isinstance(value, int | float) and value > 0 for value in both):
            steps = [length_in_mm(float(value)) for value in both if value]
            if all(steps):
                return float(steps[0] or 0), float(steps[1] or 0)
    for name in ("voxelsize", "pixelsize", "voxel_size", "pixel_size"):
        numbers = np.asarray(low.get(name, []), dtype=object).reshape(-1)
        if numbers.size in (1, 2, 3) and all(isinstance(n, int | float) for n in numbers):
            sizes = [length_in_mm(float(n)) for n in numbers]
            if all(sizes):
                return float(sizes[0] or 0), float(sizes[min(1, len(sizes) - 1)] or 0)
    return None


def _pala_tracks(request: Request, variables: dict[str, Any]) -> list[xr.DataArray]:
    """PALA track cells, rows ``[z x vz vx t]`` in wavelengths, as a density map."""
    ulm = variables.get("ULM") if isinstance(variables.get("ULM"), dict) else {}
    wavelength = _wavelength(variables, ulm or {})
    for variable, value in variables.items():
        tracks = _tracks(value)
        if not tracks:
            continue
        factor = wavelength or 0.1  # λ at 15 MHz, marked as assumed below
        scan = density_map(
            [np.asarray(track[:, [1, 0]], dtype=float) * factor for track in tracks],
            pixel_mm=map_pixel(request),
            source=str(request.path),
            name=f"{stem_of(request.path)} · {variable}",
            spacing_known=wavelength is not None,
        )
        return [scan]
    return []


def _tracks(value: Any) -> list[npt.NDArray[np.float64]]:
    """Return the tracks of a cell array, or [] when it is none."""
    if not isinstance(value, list) or not value:
        return []
    tracks = []
    for cell in value:
        if not isinstance(cell, np.ndarray) or cell.dtype.kind not in "fiu":
            return []
        rows: npt.NDArray[Any] = np.atleast_2d(cell)
        if rows.ndim != 2 or rows.shape[1] not in (3, 4, 5):
            return []
        tracks.append(rows)
    return tracks


def _only_array(request: Request, variables: dict[str, Any]) -> list[xr.DataArray]:
    candidates = [
        (label, array)
        for name, value in variables.items()
        for label, array in _arrays(name, value)
        if 2 <= array.ndim <= 4 and min(array.shape[:2]) >= 8
    ]
    if len(candidates) != 1:
        return []
    label, array = candidates[0]
    return [_scan(request, array, label, None)]


def _arrays(name: str, value: Any, depth: int = 0) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield every numeric array with its name, two structures deep."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "buif":
        yield name, value
    elif isinstance(value, dict) and depth < 2:
        for key, item in value.items():
            yield from _arrays(f"{name}.{key}", item, depth + 1)


def _images(name: str, value: Any) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield the maps of a variable, which is one array or a cell of them."""
    several = isinstance(value, list)
    for number, item in enumerate(value if isinstance(value, list) else [value]):
        if isinstance(item, np.ndarray) and item.dtype.kind in "buif" and item.ndim in (2, 3):
            yield (f"{name}{{{number + 1}}}" if several else name), item


def _scan(
    request: Request,
    array: npt.NDArray[Any],
    label: str,
    modality: str | None,
    **kwargs: Any,
) -> xr.DataArray:
    """Make a scan of MATLAB's (depth, lateral[, slice or time]) order."""
    if "dims" not in kwargs and array.ndim == 3:
        array = np.moveaxis(array, -1, 0)
        kwargs |= {"dims": ("k", "j", "i"), "leading_axis_known": False}
    elif "dims" not in kwargs and array.ndim == 4:
        array = array.transpose(3, 2, 0, 1)
        kwargs["dims"] = ("time", "k", "j", "i")
    if modality == "ulm":
        kwargs.setdefault("values_kind", "linear")
    name = f"{stem_of(request.path)} · {label}"
    return image_scan(request, array, modality=modality, name=name, **kwargs)


def _listing(variables: dict[str, Any]) -> str:
    """Name a file's variables with their shapes."""
    shapes = []
    for name, value in list(variables.items())[:8]:
        if isinstance(value, np.ndarray):
            shapes.append(f"{name} ({' × '.join(map(str, value.shape))})")
        else:
            shapes.append(f"{name} ({type(value).__name__})")
    more = f" and {len(variables) - 8} more" if len(variables) > 8 else ""
    return f"the variables {', '.join(shapes)}{more}" if shapes else "no variables"
