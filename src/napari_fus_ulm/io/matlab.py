"""MATLAB files (v4, v5 and v7.3) with the structures that fUS and ULM groups save."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.colours import grey_levels
from napari_fus_ulm.io.formats import stem_of
from napari_fus_ulm.io.guesses import length_in_mm
from napari_fus_ulm.io.mat_binary import Damaged, binary_version, read_version_4, read_version_5
from napari_fus_ulm.io.mat_place import (
    AXIS,
    axes_in,
    depth_first,
    number_in,
    numbers_in,
    pixel_in,
    place_of,
    side_in,
)
from napari_fus_ulm.io.request import Request, complex_values, image_scan
from napari_fus_ulm.io.tracks import density_map, map_pixel
from napari_fus_ulm.scan import SMALLEST_SIDE

_MAPS = {"MatOut": "counts", "MatOut_zdir": "axial direction", "MatOut_vel": "speed (mm/s)"}
_PALA_AXES = ("llz", "llx")
"""Depth and lateral pixel centres, in wavelengths."""
_IMAGE = re.compile(
    r"(bf)?_?(pdi?|pwd|power_?doppler|doppler|fus|img|image|i|data|cbv)s?", re.IGNORECASE
)
"""Names of the image, where a file holds several arrays."""


def read_matlab(request: Request) -> list[xr.DataArray]:
    """Read the images of a ``.mat`` file.

    Known structures: PALA maps (``MatOut`` …) and tracks, Song-lab ``ULM_final``, NERF
    ``Data`` + ``VoxelSize``, pyfus ``I`` + ``md``; otherwise the one 2-D to 4-D numeric array.
    """
    variables = _variables(request.path)
    known: list[Callable[[Request, dict[str, Any]], list[xr.DataArray]]] = [
        _pala_maps,
        _song_maps,
        _nerf,
        _pyfus,
        _pala_tracks,
        _one_array,
    ]
    for structure in known:
        if scans := structure(request, variables):
            return scans
    raise ScanError(
        f"“{request.path.name}” holds {_listing(variables)}; one 2-D or 3-D numeric array, or "
        "one of the structures MatOut, ULM_final, Data + VoxelSize, I + md, or track cells, was "
        "expected. Save the image alone, or name it PDI."
    )


def _variables(path: Path) -> dict[str, Any]:
    """Return what a file holds, whatever its version."""
    from h5py import is_hdf5

    try:
        if is_hdf5(path):
            from napari_fus_ulm.io.mat_hdf5 import read_version_73

            return read_version_73(path)
        return (read_version_5 if binary_version(path) == 5 else read_version_4)(path)
    except Damaged as error:
        raise ScanError(
            f"“{path.name}” is damaged or cut off ({error}); a complete MATLAB file was expected."
        ) from error


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
    first = [numbers_in(variables.get(axis))[:1] for axis in _PALA_AXES]
    if wavelength is None or not all(tick.size and np.isfinite(tick).all() for tick in first):
        return None
    return float(first[0][0]) * wavelength, float(first[1][0]) * wavelength


def _wavelength(variables: dict[str, Any], ulm: dict[str, Any]) -> float | None:
    """Return λ in mm; PALA stores it in mm or in m."""
    for value in (variables.get("lambda"), ulm.get("lambda")):
        if number := number_in(value):
            return length_in_mm(number)
    return None


def _pala_pixel(
    variables: dict[str, Any], ulm: dict[str, Any], wavelength: float | None
) -> tuple[float, float] | None:
    if wavelength is None:
        return None
    steps = []
    for axis in _PALA_AXES:
        ticks = numbers_in(variables.get(axis))
        if ticks.size > 1:
            steps.append(float(np.diff(ticks).mean()) * wavelength)
    if len(steps) == 2 and min(steps) > 0:
        return steps[0], steps[1]
    scale = numbers_in(ulm.get("scale", 1.0))
    if (resolution := number_in(ulm.get("res"))) and scale.size and scale[0] > 0:
        return (float(scale[0]) * wavelength / resolution,) * 2
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
        steps = [length_in_mm(float(s)) for s in numbers_in(size)[:3]]
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
    return [_scan(request, image, "I", "fus", spacing=pixel_in(meta))]


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


def _one_array(request: Request, variables: dict[str, Any]) -> list[xr.DataArray]:
    """Read the array that is the image, placed by what else the file says."""
    arrays = [pair for name, value in variables.items() for pair in _arrays(name, value)]
    axes = axes_in(arrays, _wavelength(variables, {}))
    chosen = _image_among(request, arrays)
    if chosen is None:
        return []
    label, array = chosen
    if array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3:
        array, said = grey_levels(array, request.path.name)
        colour = {"colours": said} if said else {}
        return [_scan(request, array, label, None, values_kind="display", doubts=colour)]
    array, doubts = depth_first(request.path.name, array, axes)
    spacing, origin = place_of(array, axes)
    for struct in (variables, *(v for v in variables.values() if isinstance(v, dict))):
        stated = pixel_in(struct)
        if stated and spacing and not np.allclose(stated, spacing, rtol=0.01):
            doubts["pixel"] = (
                f"“{request.path.name}” contradicts itself: pixels of {stated[0]:g} × "
                f"{stated[1]:g} mm (depth × lateral), and axes with steps of {spacing[0]:g} × "
                f"{spacing[1]:g} mm. The axes were used."
            )
        spacing = spacing or stated
    extra: dict[str, Any] = {}
    if spacing is None and (side := length_in_mm(side_in(variables))):
        extra["assumed"] = (side, side)
        doubts["spacing"] = (
            f"“{request.path.name}” states one side of the pixel only ({side:g} mm); square pixels "
            "were assumed."
        )
    times = axes.get("t")
    if array.ndim > 2 and times is not None and times.size == array.shape[-1]:
        extra["time"] = times
        if array.ndim == 3:
            array = np.moveaxis(array, -1, 0)
            extra["dims"] = ("time", "j", "i")
    place = {"spacing": spacing, "origin": origin}
    return [_scan(request, array, label, None, doubts=doubts, **place, **extra)]


def _image_among(
    request: Request, arrays: list[tuple[str, npt.NDArray[Any]]]
) -> tuple[str, npt.NDArray[Any]] | None:
    """Return the one array that can be the image, or the one of several that is called so."""
    planes = [
        (label, array)
        for label, array in arrays
        if 2 <= array.ndim <= 4
        and np.sort(array.shape)[-2] >= SMALLEST_SIDE
        and not AXIS.fullmatch(label.rpartition(".")[2])
    ]
    real = [pair for pair in planes if pair[1].dtype.kind in "uif"]
    real = real or [pair for pair in planes if pair[1].dtype.kind == "b"]
    if not real and planes:
        raise complex_values(request.path, f"the values of {planes[0][0]}")
    named = [pair for pair in real if _IMAGE.fullmatch(pair[0].rpartition(".")[2])]
    chosen = named if len(named) == 1 else real
    return chosen[0] if len(chosen) == 1 else None


def _arrays(name: str, value: Any, depth: int = 0) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield every array of numbers with its name, two structures deep.

    A cell, or a field of several structures, with images of one shape is a stack.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind in "buifc":
        yield name, value
    elif isinstance(value, list) and value and all(isinstance(v, np.ndarray) for v in value):
        if value[0].ndim == 2 and len({(v.shape, v.dtype.kind) for v in value}) == 1:
            yield name, np.stack(value, axis=-1)
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
    scan = image_scan(request, array, modality=modality, name=name, **kwargs)
    return scan.isel(k=0, drop=True) if scan.sizes.get("k") == 1 else scan


_WORDS = {
    dict: "structure",
    list: "cell",
    str: "text",
    type(None): "function or object",
}


def _listing(variables: dict[str, Any]) -> str:
    """Name a file's variables with their shapes."""
    shapes = []
    for name, value in list(variables.items())[:8]:
        if isinstance(value, np.ndarray):
            shapes.append(f"{name} ({' × '.join(map(str, value.shape))})")
        else:
            shapes.append(f"{name} ({_WORDS.get(type(value), 'number')})")
    more = f" and {len(variables) - 8} more" if len(variables) > 8 else ""
    return f"the variables {', '.join(shapes)}{more}" if shapes else "no variables"
