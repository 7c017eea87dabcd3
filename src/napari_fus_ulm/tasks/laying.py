"""The ULM laid on its fUS: how far they lie apart, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import MeasureError
from napari_fus_ulm.scan import LAID, PART, laid_mm, planes

if TYPE_CHECKING:
    from napari_fus_ulm.registration.beside import Beside as Beside


def lies_beside(fus: xr.DataArray, ulm: xr.DataArray) -> Beside | None:
    """Estimate how far a ULM lies beside its fUS, by the first plane of both.

    Parameters
    ----------
    fus, ulm : xarray.DataArray
        Of one extent; see `napari_fus_ulm.tasks.enhance.mismatch`.

    Returns
    -------
    Beside or None
        None where they hardly overlap: then they show different places.
    """
    from napari_fus_ulm.registration.beside import beside

    one, other = (next(planes(scan))[1] for scan in (fus, ulm))
    try:
        return beside(one, other)
    except MeasureError:
        return None


def laid(ulm: xr.DataArray, shift_mm: tuple[float, float] | None) -> xr.DataArray:
    """The same pixels so far down and right of where their file puts them; None puts them back."""
    from napari_fus_ulm.registration.beside import laid

    return laid(ulm, shift_mm)


@dataclass(frozen=True, slots=True, eq=False)
class TruthOn:
    """A ground truth on the pixels of a result.

    Parameters
    ----------
    reference : (height, width) array
        Grey levels in [0, 1].
    box : tuple of slice
        Where it is known.
    """

    reference: npt.NDArray[np.float32]
    box: tuple[slice, slice]


def truth_on(like: xr.DataArray, ulm: xr.DataArray) -> TruthOn:
    """Lay a ground truth on a result, or on the part of one that was enhanced.

    Parameters
    ----------
    like, ulm : xarray.DataArray
        One plane each.
    """
    from napari_fus_ulm.inference.region import same_part, whole_grid
    from napari_fus_ulm.registration.lay import lay_on

    if PART not in like.attrs:
        whole = lay_on(like, ulm)
        return TruthOn(whole.reference, whole.box)
    grid = whole_grid(like)
    blank = xr.DataArray(np.zeros(grid.shape, np.float32), dims=("j", "i"), coords=grid.coords())
    whole = lay_on(blank, ulm)
    sides = zip(whole.box, like.attrs[PART][:2], like.shape, strict=True)
    rows, columns = (slice(max(0, s.start - n), max(0, min(m, s.stop - n))) for s, n, m in sides)
    return TruthOn(same_part(whole.reference, like), (rows, columns))


def apart_words(fus: str, ulm: str, found: Beside) -> str:
    """Say that a ULM lies beside its fUS, and what that does."""
    from napari_fus_ulm.registration.beside import in_words

    return (
        f"“{ulm}” lies beside “{fus}”, as far as both show the same vessels: moved by "
        f"{in_words(found.shift_mm)} it would lie on it (correlation {found.before:.2f} before, "
        f"{found.after:.2f} after). Until then vessels in the right place count as missed."
    )


def laid_words(ulm: xr.DataArray) -> str:
    """Say that a ULM was laid on its fUS; empty where it was not."""
    if not ulm.attrs.get(LAID):
        return ""
    from napari_fus_ulm.registration.beside import in_words

    return f"“{ulm.name}” is laid on its fUS: moved by {in_words(laid_mm(ulm))}."
