"""The generators, their cards, and the sample pair. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from napari_fus_ulm.generators import Entry, entry, names

if TYPE_CHECKING:
    from napari_fus_ulm.generators.checkpoint import Card
    from napari_fus_ulm.inference.settings import EnhanceSettings
    from napari_fus_ulm.phantom.pair import PhantomPair

__all__ = [
    "Entry",
    "card_of",
    "entry",
    "finest_pixel_um",
    "names",
    "native_pixel_um",
    "sample_pair",
]


def card_of(settings: EnhanceSettings) -> tuple[Card, Path]:
    """Return the card of the chosen weights, and their file.

    Raises
    ------
    CheckpointError
        If there are no such weights or they have no card.
    """
    from napari_fus_ulm.generators.checkpoint import bundled_weights, read_card

    weights = Path(settings.weights) if settings.weights else bundled_weights(settings.generator)
    return read_card(weights), weights


def native_pixel_um(fus: xr.DataArray) -> float:
    """Return the pixel (µm) at which a power Doppler image was sampled."""
    from napari_fus_ulm.grey.native import native_pixel_um

    return native_pixel_um(fus)


def finest_pixel_um(card_um: float, fus: xr.DataArray, native_um: float | None = None) -> float:
    """Return the pixel (µm) at which a generator works on an image.

    Parameters
    ----------
    card_um : float
        Its pixel for fUS at 15 MHz, as its card says.
    fus : xarray.DataArray
    native_um : float, optional
        Native sampling of the image; estimated from it by default.
    """
    from napari_fus_ulm.grey.native import generator_pixel_um, with_native_um

    return generator_pixel_um(card_um, with_native_um(fus, native_um))


def sample_pair() -> PhantomPair:
    """Simulate the pair that the demo and the viewer's sample show."""
    from napari_fus_ulm.cohort.seeds import DEMO_SEED
    from napari_fus_ulm.phantom import simulate_pair

    return simulate_pair(DEMO_SEED)
