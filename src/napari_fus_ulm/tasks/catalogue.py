"""The generators and their cards. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from napari_fus_ulm.generators import Entry, entry, names

if TYPE_CHECKING:
    from napari_fus_ulm.generators.checkpoint import Card
    from napari_fus_ulm.inference.settings import EnhanceSettings

__all__ = ["Entry", "card_of", "check_available", "entry", "names", "pixels_um"]


def card_of(settings: EnhanceSettings) -> tuple[Card, Path]:
    """Return the card of the chosen weights, and their file.

    Raises
    ------
    CheckpointError
        If there are no such weights or they have no card.
    """
    from napari_fus_ulm.generators.checkpoint import read_card
    from napari_fus_ulm.generators.library import weights_file

    weights = weights_file(settings.generator, settings.weights)
    return read_card(weights), weights


def check_available(settings: EnhanceSettings) -> None:
    """Fail before any work where weights, card or device are missing.

    Raises
    ------
    CheckpointError, SettingsError
        The sentence names what is missing.
    """
    card_of(settings)
    if settings.device not in ("auto", "cpu"):
        from napari_fus_ulm.generators.device import choose_device

        choose_device(settings.device)


def pixels_um(
    fus: xr.DataArray, card_um: float, native_um: float | None = None
) -> tuple[float, float]:
    """Return the pixels (µm) at which an image was sampled and at which a generator works on it.

    Parameters
    ----------
    fus : xarray.DataArray
        Power Doppler.
    card_um : float
        Pixel of the generator for fUS at 15 MHz, as its card says.
    native_um : float, optional
        Native sampling of the image; estimated from it by default.
    """
    from napari_fus_ulm.grey.native import generator_pixel_um, native_pixel_um, with_native_um

    settled = with_native_um(fus, native_um)
    return native_pixel_um(settled), generator_pixel_um(card_um, settled)
