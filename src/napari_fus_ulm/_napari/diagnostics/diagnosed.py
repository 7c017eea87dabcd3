"""What the diagnostics below a result work on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_fus_ulm._napari.picker.picked import Picked
    from napari_fus_ulm.inference.enhancement import Enhancement
    from napari_fus_ulm.inference.settings import EnhanceSettings


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosed:
    """The input, and what is there beside it.

    Parameters
    ----------
    viewer : napari viewer
    picked : Picked
        The power Doppler.
    settings : EnhanceSettings
        As the dock has them.
    truth : Picked or None
        The ground truth, if one is chosen and fits.
    result : napari.layers.Image or None
        The result that is selected, or else the newest.
    enhancement : Enhancement or None
        What the newest run gave, if its layer is that result.
    """

    viewer: Any
    picked: Picked
    settings: EnhanceSettings
    truth: Picked | None = None
    result: Image | None = None
    enhancement: Enhancement | None = None
