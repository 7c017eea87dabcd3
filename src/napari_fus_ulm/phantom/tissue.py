"""How dense the small vessels are from place to place.

One smooth random field governs both the small trees and the capillary bed: where tissue is richly
supplied, power Doppler is brighter and ULM finds more vessels. It is why fUS says anything about
vessels that it cannot resolve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
CONTRAST = 0.6
"""Log standard deviation of the density."""
WAVELENGTHS = (900.0, 4000.0)
"""Range of wavelengths of the field, µm."""


@dataclass(frozen=True, slots=True)
class Tissue:
    """A sum of plane waves: wave vectors (n, 2) in rad/µm, phases (n,)."""

    waves: Array
    phases: Array

    def density(self, x: Array, y: Array) -> Array:
        """Relative density at places in µm; log-normal about 1."""
        total = np.zeros(np.broadcast(x, y).shape)
        for (kx, ky), phase in zip(self.waves, self.phases, strict=True):
            total += np.cos(kx * x + ky * y + phase)
        return np.asarray(np.exp(CONTRAST * total * np.sqrt(2.0 / len(self.phases))))


def draw_tissue(rng: np.random.Generator, waves: int = 24) -> Tissue:
    """Draw one animal's field."""
    angle = rng.uniform(0, 2 * np.pi, waves)
    length = np.exp(rng.uniform(np.log(WAVELENGTHS[0]), np.log(WAVELENGTHS[1]), waves))
    vectors = 2 * np.pi / length[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return Tissue(vectors, rng.uniform(0, 2 * np.pi, waves))
