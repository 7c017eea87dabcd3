"""The common image type: an `xarray.DataArray` in ConfUSIus' convention, made and checked here.

A *scan* is float32, its dims are an ordered subset of ``(time, pose, k, j, i)`` that ends in
``(j, i)`` (k elevation, j depth, i lateral), and it carries pixel-centre coordinates in mm
(``z`` on k, ``y`` on j, ``x`` on i), ``time`` in s and ``pose`` as integers. Its attributes say
what the numbers are: ``modality``, ``values`` (the transform they went through), ``source`` and
``spacing_known``. ``doubts`` holds one sentence by subject where a file is unclear or contradicts
itself (see `doubts_of`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import ScanError

Modality = Literal["fus", "ulm", "unknown"]
ValuesKind = Literal["linear", "sqrt", "cbrt", "db", "display", "grey", "unknown"]

DIMS = ("time", "pose", "k", "j", "i")
MODALITIES = ("fus", "ulm", "unknown")
VALUES = ("linear", "sqrt", "cbrt", "db", "display", "grey", "unknown")
AXIS_OF = {"k": "z", "j": "y", "i": "x"}
GAPS_KNOWN = "gaps_are_dark"
LAID = "laid_mm"
"""Attribute of a ULM that was laid on its fUS: how far it was moved down and right, mm."""
"""Attribute of a scan whose pixels without a value a person takes for no signal."""
ASSUMED_PIXEL_MM = 0.1
"""In-plane pixel size assumed where a file stores none: λ at 15 MHz, the usual fUS pixel."""
ASSUMED_ULM_PIXEL_MM = 0.01
"""The same for a ULM map."""
ASSUMED_SLICE_MM = 0.5
"""Distance of slices assumed where a file stores none: a usual fUS slice thickness."""
SMALLEST_SIDE = 8
PART = "part_of_whole"
"""Attribute of a part of a result: its first row and column, and the shape of the whole."""
SCRUBBED = "scrubbed"
"""Attribute of a mean over time: numbers of the frames that were left out as they are empty."""


def make_scan(
    values: npt.ArrayLike,
    *,
    spacing: Sequence[float] | float,
    dims: Sequence[str] | None = None,
    origin: Sequence[float] | float | None = None,
    modality: str = "unknown",
    source: str = "",
    spacing_known: bool = True,
    values_kind: str = "unknown",
    time: npt.ArrayLike | None = None,
    name: str | None = None,
    **attrs: Any,
) -> xr.DataArray:
    """Make a scan from an array and its pixel size.

    Parameters
    ----------
    values : array-like of 2 to 5 dimensions
        The image, the last two axes (depth, lateral). Converted to float32.
    spacing : float or sequence of float
        Pixel size in mm, ``(dy, dx)`` or ``(dz, dy, dx)``; one number is used for every axis. With
        slices but no ``dz``, 0.5 mm is assumed and ``slice_spacing_known`` is False.
    dims : sequence of str, optional
        Names of the axes. Without it: 2-D ``(j, i)``; 3-D ``(k, j, i)``, or ``(time, j, i)`` when
        ``time`` is given; 4-D ``(time, k, j, i)``; 5-D all.
    origin : float or sequence of float, optional
        Centre of the first pixel in mm, as many numbers as ``spacing``; 0 by default.
    modality : {"fus", "ulm", "unknown"}
        What was imaged.
    source : str
        The file, or how the image was made.
    spacing_known : bool
        False when the pixel size is an assumption.
    values_kind : {"linear", "sqrt", "cbrt", "db", "display", "unknown"}
        The transform the numbers went through; stored as the attribute ``values``.
    time : array-like, optional
        Times of the frames in s. Without it frames are one second apart and ``time_known`` is
        False.
    name : str, optional
        Name of the array.
    **attrs
        Further attributes; they should be JSON-able.

    Returns
    -------
    xarray.DataArray
        The scan; `check_scan` holds.

    Raises
    ------
    ScanError
        If axes, pixel size or names do not fit.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "buif":
        raise ScanError(
            f"The image holds {array.dtype} values; real numbers were expected"
            + (" (take the magnitude of complex data first)." if array.dtype.kind == "c" else ".")
        )
    names = _default_dims(array.ndim, time is not None) if dims is None else tuple(dims)
    _check_dims(names)
    if len(names) != array.ndim:
        raise ScanError(f"The image has {array.ndim} axes, but {len(names)} were named: {names}.")
    step = _per_axis(spacing, "pixel size", fallback=ASSUMED_SLICE_MM)
    start = _per_axis(0.0 if origin is None else origin, "origin", fallback=0.0)
    if not all(math.isfinite(step[d]) and step[d] > 0 for d in ("k", "j", "i")):
        raise ScanError(f"The pixel size {spacing} mm is not a positive number.")
    if not all(math.isfinite(start[d]) for d in ("k", "j", "i")):
        raise ScanError(f"The position {origin} mm is not finite.")
    slices_known = "k" not in names or np.size(spacing) != 2
    coords: dict[str, Any] = {}
    for size, dim in zip(array.shape, names, strict=True):
        if dim == "time":
            frames = np.arange(size, dtype=float) if time is None else np.asarray(time, float)
            if frames.shape != (size,):
                raise ScanError(f"{size} frames need {size} times; {frames.size} were given.")
            coords["time"] = ("time", frames, {"units": "s"})
        elif dim == "pose":
            coords["pose"] = ("pose", np.arange(size))
        else:
            centres = start[dim] + step[dim] * np.arange(size)
            # The step is kept beside the centres because a single slice does not define it.
            coords[AXIS_OF[dim]] = (dim, centres, {"units": "mm", "spacing": step[dim]})
    attributes = {key: value for key, value in attrs.items() if value is not None}
    if not slices_known:
        attributes.setdefault("slice_spacing_known", False)
    if "time" in names and time is None:
        attributes.setdefault("time_known", False)
    # Beyond single precision is infinite, which is said later.
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = array.astype(np.float32)
    scan = xr.DataArray(
        numbers,
        dims=names,
        coords=coords,
        name=name,
        attrs={
            "modality": modality,
            "source": source,
            "spacing_known": bool(spacing_known),
            "values": values_kind,
            **attributes,
        },
    )
    return check_scan(scan)


def check_scan(da: xr.DataArray) -> xr.DataArray:
    """Return ``da`` as a float32 scan with all attributes, or say what it lacks.

    Only its form is checked, not its numbers: see `check_image` for those.

    Raises
    ------
    ScanError
        If dims, coordinates or attributes are not those of a scan.
    """
    if not isinstance(da, xr.DataArray):
        raise ScanError(
            f"An xarray.DataArray was expected, not {type(da).__name__}; "
            "make_scan(values, spacing=...) makes one from a plain array."
        )
    dims = tuple(str(dim) for dim in da.dims)
    _check_dims(dims)
    if 0 in da.shape:
        raise ScanError(f"The image {_named(da)}is empty: its shape is {da.shape}.")
    for dim in ("k", "j", "i"):
        if dim in dims:
            _check_axis(da, dim)
    if "time" in dims and ("time" not in da.coords or da.coords["time"].dims != ("time",)):
        raise ScanError(f"The image {_named(da)}has a time axis without one time (s) per frame.")
    # Written so that NaN is refused too.
    if "time" in dims and not (np.diff(np.asarray(da.coords["time"], dtype=float)) > 0).all():
        raise ScanError(
            f"The times of the image {_named(da)}do not increase from frame to frame; sort the "
            "frames or correct their times."
        )
    if da.dtype.kind not in "buif":
        raise ScanError(f"The image {_named(da)}holds {da.dtype} values; numbers were expected.")
    out = da if da.dtype == np.float32 else da.astype(np.float32)
    defaults = {"modality": "unknown", "source": "", "spacing_known": True, "values": "unknown"}
    if not all(key in out.attrs for key in defaults):
        out = out.assign_attrs({**defaults, **out.attrs})
    if out.attrs["modality"] not in MODALITIES:
        raise ScanError(
            f"The modality “{out.attrs['modality']}” is not one of {', '.join(MODALITIES)}."
        )
    if out.attrs["values"] not in VALUES:
        raise ScanError(
            f"The kind of values “{out.attrs['values']}” is not one of {', '.join(VALUES)}."
        )
    return out


def check_image(da2d: xr.DataArray) -> None:
    """Refuse a 2-D image that cannot be enhanced, and say why.

    Raises
    ------
    ScanError
        If it is not 2-D, is smaller than 8 pixels a side, has NaN or infinite pixels, or is
        the same everywhere.
    """
    label = _named(da2d)
    if da2d.ndim != 2:
        raise ScanError(
            f"The image {label}has the axes {tuple(map(str, da2d.dims))}; one 2-D plane (depth, "
            "lateral) was expected: choose a slice and a time."
        )
    height, width = da2d.shape
    if min(height, width) < SMALLEST_SIDE:
        raise ScanError(
            f"The image {label}is {height} × {width} pixels; at least "
            f"{SMALLEST_SIDE} × {SMALLEST_SIDE} are needed."
        )
    values = da2d.values
    wrong = int(values.size - np.isfinite(values).sum())
    if wrong:
        raise ScanError(
            f"The image {label}has {wrong} of {values.size} pixels that are NaN or infinite; "
            "replace them (for instance by 0) first."
        )
    if values.min() == values.max():
        raise ScanError(
            f"The image {label}is {values.flat[0]:g} everywhere; there is nothing to enhance."
        )


def spacing_of(da: xr.DataArray) -> tuple[float, float]:
    """Return the in-plane pixel size ``(dy, dx)`` of a scan in mm."""
    return step_of(da, "j"), step_of(da, "i")


def step_of(da: xr.DataArray, dim: str) -> float:
    """Return the distance of neighbouring pixels of a scan along ``k``, ``j`` or ``i`` in mm."""
    coord = da.coords[AXIS_OF[dim]]
    if coord.ndim == 1 and coord.size > 1:
        centres = coord.values  # xarray's own arithmetic takes a hundred times as long
        return float((centres[-1] - centres[0]) / (centres.size - 1))
    assumed = ASSUMED_SLICE_MM if dim == "k" else ASSUMED_PIXEL_MM
    return float(coord.attrs.get("spacing", assumed))


def extent_of(da: xr.DataArray) -> tuple[float, float]:
    """Return ``(height, width)`` of a scan's plane in mm, outer pixel edge to outer edge."""
    dy, dx = spacing_of(da)
    return dy * da.sizes["j"], dx * da.sizes["i"]


_SETTLED_BY = {"spacing": "spacing_known", "leading": "leading_axis_known"}


def doubts_of(da: xr.DataArray) -> dict[str, str]:
    """Return the sentences about what the file left unclear and nobody has answered since."""
    doubts = da.attrs.get("doubts")
    if not isinstance(doubts, dict):
        return {}
    return {
        str(subject): str(sentence)
        for subject, sentence in doubts.items()
        if not (subject in _SETTLED_BY and da.attrs.get(_SETTLED_BY[subject], True))
    }


def planes(da: xr.DataArray) -> Iterator[tuple[dict[str, int], xr.DataArray]]:
    """Yield every (j, i) plane of a scan with its index in the leading dims."""
    leading = [str(dim) for dim in da.dims[:-2]]
    for position in np.ndindex(*(da.sizes[dim] for dim in leading)):
        index = dict(zip(leading, position, strict=True))
        yield index, da.isel(index)


def mean_over_time(scan: xr.DataArray) -> xr.DataArray:
    """Average a time series into one image (or one stack); decibels are averaged as power.

    Raises
    ------
    ScanError
        If the scan has no time axis.
    """
    if "time" not in scan.dims:
        raise ScanError(f"The image {_named(scan)}has no time axis to average over.")
    empty = scrubbed_frames(scan)
    if empty:
        if len(empty) == scan.sizes["time"]:
            raise ScanError(f"No frame of the image {_named(scan)}holds a value; all are NaN.")
        scan = scan.drop_isel(time=list(empty)).assign_attrs({SCRUBBED: list(empty)})
    if scan.attrs.get("values") != "db":
        return scan.mean("time", keep_attrs=True)
    power = (10.0 ** (scan / 10.0)).mean("time")
    with np.errstate(divide="ignore"):  # no power at all is −∞ dB
        decibels = 10.0 * np.log10(power.values)
    return scan.isel(time=0, drop=True).copy(data=decibels)


def scrubbed_frames(scan: xr.DataArray) -> tuple[int, ...]:
    """Numbers (from 0) of the frames that hold no value at all: they were scrubbed."""
    if "time" not in scan.dims:
        return ()
    frames = np.moveaxis(scan.values, scan.get_axis_num("time"), 0).reshape(scan.sizes["time"], -1)
    return tuple(n for n, frame in enumerate(frames) if not np.isfinite(frame).any())


def gaps_in(values: npt.NDArray[np.floating]) -> int:
    """How many pixels have no value: NaN, or −∞ (the decibels of nothing)."""
    if np.isfinite(np.sum(values, dtype=np.float64)):  # a fifth of the time, in all but few images
        return 0
    return int(np.isnan(values).sum() + np.isneginf(values).sum())


def share_in_words(part: int, whole: int) -> str:
    """Word a share of the pixels; a small one is not rounded to nothing."""
    share = 100.0 * part / whole
    return f"{share:.0f} %" if share >= 1.0 else "Less than 1 %"


def _default_dims(ndim: int, timed: bool) -> tuple[str, ...]:
    table = {2: ("j", "i"), 3: ("k", "j", "i"), 4: ("time", "k", "j", "i"), 5: DIMS}
    if ndim not in table:
        raise ScanError(f"The image has {ndim} axes; 2 (depth, lateral) to 5 were expected.")
    return ("time", "j", "i") if ndim == 3 and timed else table[ndim]


def _check_dims(dims: tuple[str, ...]) -> None:
    expected = tuple(dim for dim in DIMS if dim in dims)
    if dims != expected or dims[-2:] != ("j", "i"):
        raise ScanError(
            f"The axes {tuple(map(str, dims))} are not those of a scan; an ordered subset "
            f"of {', '.join(DIMS)} that ends in j, i was expected."
        )


def _per_axis(numbers: Sequence[float] | float, what: str, fallback: float) -> dict[str, float]:
    if isinstance(numbers, int | float | np.number):
        return dict.fromkeys(("k", "j", "i"), float(numbers))
    given = [float(number) for number in numbers]
    if len(given) == 2:
        given = [fallback, *given]
    if len(given) != 3:
        raise ScanError(
            f"The {what} {tuple(given)} has {len(given)} numbers; (y, x) or (z, y, x) was expected."
        )
    return dict(zip(("k", "j", "i"), given, strict=True))


def _check_axis(da: xr.DataArray, dim: str) -> None:
    axis = AXIS_OF[dim]
    if axis not in da.coords or da.coords[axis].dims != (dim,):
        raise ScanError(
            f"The image {_named(da)}lacks the coordinate “{axis}” (pixel centres in mm) on its "
            f"axis “{dim}”; make_scan gives it one, from_confusius converts a ConfUSIus array."
        )
    values = np.asarray(da.coords[axis], dtype=float)
    step = even_step(values, dim)
    if values.size > 1 and not step > 0:
        raise ScanError(f"The coordinate “{axis}” of the image {_named(da)}does not increase.")


def even_step(values: npt.NDArray[np.float64], dim: str) -> float:
    """Mean signed step of evenly spaced positions; 0 for a single one."""
    if values.size < 2:
        return 0.0
    steps = np.diff(values)
    mean = float(steps.mean())
    if not np.isfinite(steps).all() or np.abs(steps - mean).max() > 1e-2 * abs(mean):
        raise ScanError(
            f"The positions along “{AXIS_OF[dim]}” are not evenly spaced; resample the image first."
        )
    return mean


def laid_mm(scan: xr.DataArray) -> tuple[float, float]:
    """How far a scan was moved down and right to lie on its fUS; (0, 0) where it was not."""
    try:
        down, right = (float(mm) for mm in scan.attrs.get(LAID) or (0.0, 0.0))
    except (TypeError, ValueError):  # a file of somebody else's may say anything
        return 0.0, 0.0
    return (down, right) if np.isfinite((down, right)).all() else (0.0, 0.0)


def generated_truth(ulm: xr.DataArray) -> str:
    """Say that an image that is taken for the ground truth is generated; empty if it is not."""
    if not ulm.attrs.get("generated"):
        return ""
    label = ulm.name or ulm.attrs.get("source") or ""
    subject = f"“{label}”" if label else "The ground truth"
    return f"{subject} is generated, not measured: it is no ground truth."


def _named(da: xr.DataArray) -> str:
    label = da.name or da.attrs.get("source") or ""
    return f"“{label}” " if label else ""
