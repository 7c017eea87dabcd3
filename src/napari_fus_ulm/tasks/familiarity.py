"""The light of an input before anything is drawn from it, for dock and command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.tasks.events import Take

if TYPE_CHECKING:
    import xarray as xr

    from napari_fus_ulm.inference.familiarity import Familiarity


def light_of(take: Take) -> Familiarity:
    """Read an image and say whether it looks like fUS; no generator is loaded."""
    from napari_fus_ulm.inference.familiarity import familiarity

    return familiarity(take())


def refuse_unlike(fus: xr.DataArray) -> None:
    """Refuse an image that does not look like fUS.

    Raises
    ------
    ScanError
        Says why.
    """
    light = light_of(lambda: fus)
    if light.light == "red":
        raise ScanError(light.sentence)
