"""A request for a file, and the scan made of what the file holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.axes import arranged
from napari_fus_ulm.io.colours import grey_levels
from napari_fus_ulm.io.formats import stem_of
from napari_fus_ulm.io.guesses import (
    assumed_pixel,
    factor_to_mm,
    guess_kind,
    length_in_mm,
    modality_of,
)
from napari_fus_ulm.scan import make_scan

_SMALLEST, _LARGEST = 1e-30, 1e30
"""Between these, largest values leave float32 room for what is a million times fainter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A file to read, and what the caller knows about it."""

    path: Path
    modality: str | None = None
    spacing: Sequence[float] | float | None = None


def image_scan(
    request: Request,
    values: npt.NDArray[Any],
    *,
    spacing: Sequence[float] | float | None = None,
    assumed: Sequence[float] | None = None,
    modality: str | None = None,
    values_kind: str | None = None,
    name: str | None = None,
    doubts: Mapping[str, str] | None = None,
    **kwargs: Any,
) -> xr.DataArray:
    """Make a scan of what a file stores, and mark every assumption.

    The caller's values come first, then the file's, then the guess from the name.

    Parameters
    ----------
    request : Request
    values : array
    spacing : float or sequence of float, optional
        What the file states.
    assumed : sequence of float, optional
        A likely pixel size ``(dy, dx)`` of a file that states none.
    doubts : mapping, optional
        See `napari_fus_ulm.scan.doubts_of`; what the values leave unclear is added.
    modality, values_kind, name, **kwargs
        As for `make_scan`.
    """
    if values.dtype.kind == "c":
        raise complex_values(request.path, "its values")
    kind = request.modality or modality or modality_of(request.path)
    known = in_plane(request.spacing, spacing)
    if values_kind is None:
        kwargs.setdefault("values_guessed", True)
    unclear = dict(doubts or {})
    if request.spacing is None and known is not None:
        unlikely = unlikely_pixel(request.path, known)
        if unlikely is not None:
            known, (assumed, unclear["spacing"]) = None, unlikely
    pixel = assumed or (assumed_pixel(kind),) * 2
    if kwargs.get("leading_axis_known") is False:
        unclear.setdefault("leading", open_axis(values.shape[0]))
    values, remarks = looked_at(values, request.path, kind)
    unclear |= remarks
    return make_scan(
        values,
        # Two numbers: the distance of slices is then marked as assumed too.
        spacing=tuple(pixel) if known is None else known,
        spacing_known=known is not None,
        modality=kind,
        values_kind=values_kind or guess_kind(values, kind),
        source=kwargs.pop("source", str(request.path)),
        name=name or stem_of(request.path),
        doubts=unclear or None,
        **kwargs,
    )


def scans_of(
    request: Request,
    values: npt.NDArray[Any],
    letters: str,
    *,
    step: Mapping[str, float] | None = None,
    times: npt.NDArray[np.float64] | None = None,
    names: Sequence[str] = (),
    label: str = "",
    doubts: Mapping[str, str] | None = None,
    **kwargs: Any,
) -> list[xr.DataArray]:
    """Make a scan of every channel of an array whose axes have letters (see `axes`).

    Parameters
    ----------
    request : Request
    values : array
    letters : str
        One for each axis.
    step : mapping, optional
        Pixel size (mm) by dim, as far as the file states it.
    times : array, optional
        Of the frames (s), where there is a time axis.
    names : sequence of str
        Of the channels.
    label : str
        What tells this array from others of the file.
    doubts, **kwargs
        As for `image_scan`.
    """
    unclear, sizes = dict(doubts or {}), dict(step or {})
    if "S" in letters:
        picture = np.moveaxis(values, letters.index("S"), -1)
        values, note = grey_levels(picture, request.path.name)
        letters, kwargs["values_kind"] = letters.replace("S", ""), "display"
        unclear |= {"colours": note} if note else {}
    channels = arranged(values, letters, request.path.name)
    scans = []
    for number, channel in enumerate(channels):
        extra = dict(kwargs)
        if not channel.leading_known:
            extra["leading_axis_known"] = False
        if "time" in channel.dims and times is not None:
            extra["time"] = times
        spacing: list[float] | None = None
        if {"j", "i"} <= sizes.keys():
            slices = [sizes["k"]] if "k" in sizes and "k" in channel.dims else []
            spacing = [*slices, sizes["j"], sizes["i"]]
        elif side := length_in_mm(sizes.get("j") or sizes.get("i") or 0.0):
            extra["assumed"] = (side, side)
            unclear["spacing"] = (
                f"“{request.path.name}” states the pixel's {'height' if 'j' in sizes else 'width'} "
                f"only ({side:g} mm); square pixels were assumed."
            )
        parts = [label] if label else []
        if len(channels) > 1:
            parts.append(names[number] if number < len(names) else f"channel {number + 1}")
        if parts:
            extra["name"] = " · ".join([stem_of(request.path), *parts])
        scans.append(
            image_scan(
                request,
                channel.values,
                dims=channel.dims,
                spacing=spacing,
                doubts=unclear,
                **extra,
            )
        )
    return scans


def unlikely_pixel(
    path: Path, stated: Sequence[float] | float
) -> tuple[tuple[float, float] | None, str] | None:
    """Doubt a pixel that no ultrasound image has.

    Parameters
    ----------
    path : Path
        The file that states it.
    stated : float or sequence of float
        Its size in mm; the last two numbers are those of the plane.

    Returns
    -------
    likely : tuple of float or None
        ``(dy, dx)`` in mm as it was probably meant, in another unit.
    words : str
        What is doubted. None in place of both where there is no doubt.
    """
    down, right = (stated, stated) if isinstance(stated, int | float) else stated[-2:]
    factor = factor_to_mm([down, right])
    if factor == 1.0:
        return None
    said = (
        f"“{path.name}” states pixels of {right:.4g} × {down:.4g} mm, which no ultrasound image has"
    )
    if factor is None:
        return None, f"{said}. Give the pixel size (--spacing, in mm, on the command line)."
    likely = (down * factor, right * factor)
    return likely, (
        f"{said}; {likely[1]:.4g} × {likely[0]:.4g} mm was assumed, as if the unit was mistaken. "
        "Give the pixel size if that is wrong (--spacing, in mm, on the command line)."
    )


def open_axis(count: int) -> str:
    """Say that nobody knows what the images of a stack are."""
    return (
        f"The file does not say whether its {count} images are slices or times; slices are assumed."
    )


def looked_at(
    values: npt.NDArray[Any], path: Path, modality: str
) -> tuple[npt.NDArray[Any], dict[str, str]]:
    """Return values that single precision holds, and what is odd about them."""
    values, remarks = in_range(values, path.name)
    if modality != "ulm" and is_mask(values):
        remarks["mask"] = (
            f"“{path.name}” holds two values only, as a mask does; power Doppler was expected."
        )
    return values, remarks


def in_range(values: npt.NDArray[Any], name: str) -> tuple[npt.NDArray[Any], dict[str, str]]:
    """Bring numbers that float32 cannot hold into its range by a power of ten, and say so."""
    if values.dtype.kind != "f" or values.dtype.itemsize <= 4 or not values.size:
        return values, {}
    with np.errstate(invalid="ignore"):
        largest = max(abs(float(np.fmin.reduce(values, None))), abs(np.fmax.reduce(values, None)))
    if not np.isfinite(largest) or largest == 0 or _SMALLEST < largest < _LARGEST:
        return values, {}
    power = -int(np.floor(np.log10(largest)))
    # In two steps, because 10 to the power of 320 is no number.
    scaled = values * 10.0 ** (power // 2) * 10.0 ** (power - power // 2)
    return scaled, {
        "range": f"The values of “{name}” (up to {largest:.2g}) were multiplied by 1e{power:+d}, "
        "so that single precision holds them."
    }


def is_mask(values: npt.NDArray[Any]) -> bool:
    """Whether an image holds exactly two values."""
    if values.dtype.kind not in "buif" or not values.size:
        return False
    # A few pixels answer for nearly every image.
    flat = values.ravel(order="K")
    if np.unique(flat[:: max(1, flat.size // 1000)]).size > 2:
        return False
    low, high = values.min(), values.max()
    return bool(low < high and ((values == low) | (values == high)).all())


def in_plane(
    given: Sequence[float] | float | None, stored: Sequence[float] | float | None
) -> Sequence[float] | float | None:
    """Return the caller's pixel size, with the file's slice distance where none is given."""
    if given is None:
        return stored
    plane = [float(given)] * 2 if isinstance(given, int | float) else [float(g) for g in given]
    if len(plane) == 2 and stored is not None and not isinstance(stored, int | float):
        return [*stored[:-2], *plane]
    return plane


def complex_values(path: Path, what: str) -> ScanError:
    """Return the error for complex numbers: beamformed IQ data instead of power Doppler."""
    return ScanError(
        f"“{path.name}”: {what} are complex (IQ data), not power Doppler. Filter out the tissue "
        "and save the mean of the squared magnitude, for instance mean(abs(IQ).^2, 3)."
    )
