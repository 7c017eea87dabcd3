"""How far a ULM lies beside its fUS, by what both show, and the ULM laid on it.

The two are recorded one after the other, and files often store no origin: images of one extent are
taken to coincide. A ULM that has been laid says so (``attrs["laid_mm"]``), and every comparison
obeys.

Of pairs of the same section the correlation is 0.6 and more when they lie on each other, of
different sections below 0.2, wherever they are moved to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr

from napari_fus_ulm.grid import Grid
from napari_fus_ulm.registration.affine import register_shift
from napari_fus_ulm.registration.registered import NEEDED_GAIN
from napari_fus_ulm.registration.shift import align
from napari_fus_ulm.scan import LAID, laid_mm

SAME_SECTION = 0.35
"""Correlation below which two images do not show the same section, and nothing is offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """How far a ULM lies beside its fUS.

    Parameters
    ----------
    shift_mm : tuple of float
        How far down and right the ULM has to be moved from where its file puts it.
    laid_mm : tuple of float
        How far it has been moved already.
    pixel_mm : float
        Pixel of the fUS, mean of both sides.
    before, after : float
        Correlation of both where the file puts the ULM, and where it would be moved to.
    """

    shift_mm: tuple[float, float]
    laid_mm: tuple[float, float]
    pixel_mm: float
    before: float
    after: float

    @property
    def left_mm(self) -> float:
        """Distance that is left."""
        return math.dist(self.shift_mm, self.laid_mm)

    @property
    def known(self) -> bool:
        """Whether both show the same section and moving the ULM gains more than by chance."""
        return self.after >= SAME_SECTION and not self.after - self.before < NEEDED_GAIN

    @property
    def apart(self) -> bool:
        """Whether the ULM lies more than half a fUS pixel beside."""
        return self.known and self.left_mm > 0.5 * self.pixel_mm


def beside(fus: xr.DataArray, ulm: xr.DataArray) -> Beside:
    """Estimate how far a ULM lies beside its fUS, in a few tenths of a second.

    Parameters
    ----------
    fus, ulm : xarray.DataArray
        One plane each, of one extent.

    Raises
    ------
    MeasureError
        If they hardly overlap.
    """
    stored = laid(ulm, None)
    registered = register_shift(fus, stored, align(fus, stored))
    return Beside(
        shift_mm=registered.shift_mm,
        laid_mm=laid_mm(ulm),
        pixel_mm=math.sqrt(math.prod(Grid.of(fus).spacing_mm)),
        before=registered.correlation_before,
        after=registered.correlation,
    )


def laid(ulm: xr.DataArray, shift_mm: tuple[float, float] | None) -> xr.DataArray:
    """The same pixels elsewhere: so far down and right of where the file puts them.

    Parameters
    ----------
    ulm : xarray.DataArray
    shift_mm : tuple of float or None
        None puts it back.
    """
    step = np.subtract(shift_mm or (0.0, 0.0), laid_mm(ulm))
    moved = {}
    for axis, by in zip("yx", step, strict=True):
        coord = ulm[axis]
        moved[axis] = coord.copy(data=coord.values + by)
    attrs = {name: value for name, value in ulm.attrs.items() if name != LAID}
    if shift_mm is not None:
        attrs[LAID] = (float(shift_mm[0]), float(shift_mm[1]))
    result = ulm.assign_coords(moved)
    result.attrs = attrs
    return result


def on_own_field(ulm: xr.DataArray) -> xr.DataArray:
    """A laid ULM as an image of its field before: moved by whole pixels, 0 where it is not known.

    For what takes images of one extent to coincide. Counts stay counts.

    Parameters
    ----------
    ulm : xarray.DataArray
        One plane.
    """
    back = laid(ulm, None)
    moved = np.zeros_like(ulm.values)
    steps = np.rint(np.divide(laid_mm(ulm), Grid.of(ulm).spacing_mm)).astype(int)
    to, of = (
        tuple(slice(max(0, s), n + min(0, s)) for s, n in zip(sign * steps, ulm.shape, strict=True))
        for sign in (1, -1)
    )
    moved[to] = ulm.values[of]
    return back.copy(data=moved)


def in_words(shift_mm: tuple[float, float]) -> str:
    """A shift as a person says it: “73 µm (41 down, 60 right)”."""
    down, right = (round(1000.0 * mm) for mm in shift_mm)
    parts = [
        f"{abs(um)} {word}"
        for um, word in (
            (down, "down" if down > 0 else "up"),
            (right, "right" if right > 0 else "left"),
        )
        if um
    ]
    return f"{1000.0 * math.hypot(*shift_mm):.0f} µm ({', '.join(parts) or 'nowhere'})"
