"""The generators and their cards. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from napari_fus_ulm.declared import declared
from napari_fus_ulm.generators import Entry, entry, names
from napari_fus_ulm.inference.settings import EnhanceSettings

if TYPE_CHECKING:
    from napari_fus_ulm.generators.checkpoint import Card

__all__ = [
    "PURPOSES",
    "Entry",
    "Judged",
    "card_of",
    "check_available",
    "entry",
    "judged",
    "judged_on",
    "names",
    "pixels_um",
]
PURPOSES = {mode: purpose for purpose, mode in declared(EnhanceSettings)["mode"].items}
"""What each mode is for, the first being the one that may be believed."""


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


@dataclass(frozen=True, slots=True)
class Judged:
    """How a generator's images did in one mode on phantoms that it had not seen.

    Attributes
    ----------
    real : float
        Share of the drawn length that follows a vessel of the simulated tree.
    shown : float
        Share of the tree's visible length that is drawn.
    lpips : float
        How unlike a ULM it looks; smaller is sharper.
    """

    real: float
    shown: float
    lpips: float


def judged(card: Card, mode: str) -> Judged | None:
    """What a card says of a mode; None where it has not been measured.

    Generators with one image for every mode have one entry.
    """
    entries = {name: one for name, one in card.metrics.items() if name in PURPOSES}
    measured = entries.get(mode) or (next(iter(entries.values())) if len(entries) == 1 else None)
    mean = measured.get("mean", {}) if isinstance(measured, dict) else {}
    values = [mean.get(name) for name in ("tree_precision", "tree_recall", "lpips")]
    known = [float(value) for value in values if isinstance(value, int | float)]
    return Judged(*known) if len(known) == len(values) else None


def judged_on(card: Card) -> str:
    """Say what the numbers of a card were measured on."""
    return str(card.metrics.get("on", "images that it had not seen"))


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
