"""What the skull lets through; shadows and a darker side are the same for both recordings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.phantom.params import PhantomParams

Transmission = Callable[[npt.NDArray[np.floating]], npt.NDArray[np.floating]]
"""Share of the power that comes through, 0 to 1, at lateral positions in µm."""


def transparent(x: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """No skull at all."""
    return np.ones_like(x)


def draw_skull(rng: np.random.Generator, params: PhantomParams) -> Transmission:
    """Draw one animal's skull: a few soft shadows, and the loss of one hemisphere."""
    width = 1000.0 * params.width_mm
    n = int(rng.integers(1, 5))
    centres, widths = rng.uniform(0, width, n), rng.uniform(150, 900, n)
    darkness = 2.0 * params.shadow * rng.uniform(0, 1, n)
    side = rng.choice([-1.0, 1.0])
    midline = 0.5 * width + params.midline_offset_um

    def transmission(x: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        dark = np.zeros(np.shape(x))
        for centre, breadth, strength in zip(centres, widths, darkness, strict=True):
            dark += strength * np.exp(-0.5 * ((x - centre) / breadth) ** 2)
        lost = params.hemisphere_loss / (1.0 + np.exp(-side * (x - midline) / 400.0))
        return np.asarray(np.exp(-dark) * (1.0 - lost))

    return transmission
