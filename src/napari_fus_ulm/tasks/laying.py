"""The ULM laid on its fUS: how far they lie apart, in numbers and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from napari_fus_ulm.errors import MeasureError
from napari_fus_ulm.scan import LAID, laid_mm, planes

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
