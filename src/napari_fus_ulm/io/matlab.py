"""MATLAB files (v4, v5 and v7.3) with the structures that fUS and ULM groups save."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.colours import grey_levels
from napari_fus_ulm.io.formats import stem_of
from napari_fus_ulm.io.guesses import factor_to_mm, length_in_mm
from napari_fus_ulm.io.mat_binary import Damaged, binary_version, read_version_4, read_version_5
from napari_fus_ulm.io.request import Request, complex_values, image_scan
from napari_fus_ulm.io.tracks import density_map, map_pixel
from napari_fus_ulm.scan import SMALLEST_SIDE

_MAPS = {"MatOut": "counts", "MatOut_zdir": "axial direction", "MatOut_vel": "speed (mm/s)"}
_PALA_AXES = ("llz", "llx")
"""Depth and lateral pixel centres, in wavelengths."""
_AXIS = re.compile(
    r"(axis|coords?)?_?(?P<axis>[xzt]|depth|lateral|time)_?(axis|coords?|vec|grid|pos|ticks)?s?"
    r"_?(?P<unit>mm|um|m|ms|s)?",
    re.IGNORECASE,
)
"""Names of vectors that say where the pixels or when the frames are."""
_COARSEST_MM = 0.4
"""Coarser steps count wavelengths, where a file says how long those are."""
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


def _numbers(value: Any) -> npt.NDArray[np.float64]:
    """Return the real numbers of a variable as a vector, empty where it is something else."""
    numbers: npt.NDArray[Any] = np.asarray(value if isinstance(value, int | float) else [])
    if isinstance(value, np.ndarray) or (
        isinstance(value, list) and all(isinstance(item, int | float) for item in value)
    ):
        numbers = np.asarray(value)
    return numbers.astype(float).reshape(-1) if numbers.dtype.kind in "buif" else np.empty(0)


def _number(value: Any) -> float | None:
    """Return a positive, finite number."""
    numbers = _numbers(value)
    return float(numbers[0]) if numbers.size == 1 and 0 < numbers[0] < np.inf else None


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
    first = [_numbers(variables.get(axis))[:1] for axis in _PALA_AXES]
    if wavelength is None or not all(tick.size and np.isfinite(tick).all() for tick in first):
        return None
    return float(first[0][0]) * wavelength, float(first[1][0]) * wavelength


def _wavelength(variables: dict[str, Any], ulm: dict[str, Any]) -> float | None:
    """Return λ in mm; PALA stores it in mm or in m."""
    for value in (variables.get("lambda"), ulm.get("lambda")):
        if number := _number(value):
            return length_in_mm(number)
    return None


def _pala_pixel(
    variables: dict[str, Any], ulm: dict[str, Any], wavelength: float | None
) -> tuple[float, float] | None:
    if wavelength is None:
        return None
    steps = []
    for axis in _PALA_AXES:
        ticks = _numbers(variables.get(axis))
        if ticks.size > 1:
            steps.append(float(np.diff(ticks).mean()) * wavelength)
    if len(steps) == 2 and min(steps) > 0:
        return steps[0], steps[1]
    scale = _numbers(ulm.get("scale", 1.0))
    if (resolution := _number(ulm.get("res"))) and scale.size and scale[0] > 0:
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
        steps = [length_in_mm(float(s)) for s in _numbers(size)[:3]]
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


def _pixel_in(meta: Mapping[str, Any]) -> tuple[float, float] | None:
    """Find a pixel size among a structure's fields, by the names in use."""
    low = {key.lower().replace("_", ""): value for key, value in meta.items()}
    for depth, lateral in (("dz", "dx"), ("dy", "dx"), ("pixelsizez", "pixelsizex")):
        both = [_number(low.get(depth)), _number(low.get(lateral))]
        if (factor := factor_to_mm([step for step in both if step])) and all(both):
            return float(both[0] or 0) * factor, float(both[1] or 0) * factor
    for name in ("voxelsize", "pixelsize"):
        numbers = _numbers(low.get(name))
        if numbers.size in (1, 2, 3) and (factor := factor_to_mm(numbers[:2])):
            return float(numbers[0]) * factor, float(numbers[min(1, numbers.size - 1)]) * factor
    return None


def _side(meta: Mapping[str, Any]) -> float:
    """Return the one side of a pixel that is stated, 0 where there is none."""
    low = {key.lower(): value for key, value in meta.items()}
    return next((side for name in ("dx", "dz", "dy") if (side := _number(low.get(name)))), 0.0)


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
    axes = _axes(arrays, _wavelength(variables, {}))
    chosen = _image_among(request, arrays)
    if chosen is None:
        return []
    label, array = chosen
    if array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3:
        array, said = grey_levels(array, request.path.name)
        colour = {"colours": said} if said else {}
        return [_scan(request, array, label, None, values_kind="display", doubts=colour)]
    array, doubts = _depth_first(request, array, axes)
    spacing, origin = _place(array, axes)
    for struct in (variables, *(v for v in variables.values() if isinstance(v, dict))):
        stated = _pixel_in(struct)
        if stated and spacing and not np.allclose(stated, spacing, rtol=0.01):
            doubts["pixel"] = (
                f"“{request.path.name}” contradicts itself: pixels of {stated[0]:g} × "
                f"{stated[1]:g} mm (depth × lateral), and axes with steps of {spacing[0]:g} × "
                f"{spacing[1]:g} mm. The axes were used."
            )
        spacing = spacing or stated
    extra: dict[str, Any] = {}
    if spacing is None and (side := length_in_mm(_side(variables))):
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
        and not _AXIS.fullmatch(label.rpartition(".")[2])
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


def _axes(
    arrays: list[tuple[str, npt.NDArray[Any]]], wavelength: float | None
) -> dict[str, npt.NDArray[np.float64]]:
    """Return the even vectors that are named like axes: z (depth) and x in mm, t in s."""
    found: dict[str, npt.NDArray[np.float64]] = {}
    for label, array in arrays:
        match = _AXIS.fullmatch(label.rpartition(".")[2])
        if match is None or array.dtype.kind not in "uif" or array.ndim > 2:
            continue
        ticks = array.astype(float)
        axis = {"d": "z", "l": "x"}.get(match["axis"][0].lower(), match["axis"][0].lower())
        if ticks.ndim == 2:  # of a mesh, one row or column says all
            ticks = ticks[:, 0] if axis == "z" else ticks[0]
        steps = np.diff(ticks)
        mean = float(steps.mean()) if steps.size else 0.0
        if not mean > 0 or np.abs(steps - mean).max() > 0.01 * mean:
            continue
        unit = (match["unit"] or "").lower()
        if axis == "t":
            factor = 1e-3 if unit == "ms" else 1.0
        elif unit:
            factor = {"mm": 1.0, "um": 1e-3, "m": 1e3}.get(unit, 0.0)
        elif wavelength and mean > _COARSEST_MM:
            factor = wavelength
        else:  # pixels that are counted have no length
            factor = 0.0 if np.isclose(mean, 1.0) else factor_to_mm([mean]) or 0.0
        if factor:
            found.setdefault(axis, ticks * factor)
    return found


def _depth_first(
    request: Request, array: npt.NDArray[Any], axes: Mapping[str, npt.NDArray[np.float64]]
) -> tuple[npt.NDArray[Any], dict[str, str]]:
    """Bring an array to MATLAB's usual order: depth, lateral, and then slices or times."""
    name = request.path.name
    if {"z", "x"} <= axes.keys():
        plane = axes["z"].size, axes["x"].size
        if array.shape[:2] == plane:
            return array, {}
        if array.shape[-2:] == plane:
            return np.moveaxis(array, (-2, -1), (0, 1)), {}
        if array.shape[:2] == plane[::-1]:
            said = f"“{name}” stores lateral before depth, as its axes say; it was turned."
            return array.swapaxes(0, 1), {"axes": said}
    if array.ndim == 3 and _images_first(array):
        said = (
            f"The first axis of “{name}” ({' × '.join(map(str, array.shape))}) was taken for that "
            "of slices or times, because its images are alike."
        )
        return np.moveaxis(array, 0, -1), {"axes": said}
    return array, {}


def _images_first(array: npt.NDArray[Any]) -> bool:
    """Whether images lie along the first of three axes, though MATLAB's order has them last.

    The mean of like images keeps most of their variance; that of an image's rows does not.
    """
    if min(array.shape[1:]) < SMALLEST_SIDE:
        return False
    cut = tuple(slice(None, None, max(1, size // 64)) for size in array.shape)
    values = np.log1p(np.abs(np.nan_to_num(array[cut].astype(float), posinf=0.0, neginf=0.0)))
    spread = float(values.var())
    if not spread > 0:
        return False
    first, last = (float(values.mean(axis=axis).var()) / spread for axis in (0, 2))
    return first > 0.8 and first > last + 0.25


def _place(
    array: npt.NDArray[Any], axes: Mapping[str, npt.NDArray[np.float64]]
) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    """Return pixel size and first pixel (mm), where the file has both axes of the image."""
    ticks = [axes.get("z", np.empty(0)), axes.get("x", np.empty(0))]
    if [tick.size for tick in ticks] != list(array.shape[:2]):
        return None, None
    steps = [float(tick[-1] - tick[0]) / (tick.size - 1) for tick in ticks]
    return (steps[0], steps[1]), (float(ticks[0][0]), float(ticks[1][0]))


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
