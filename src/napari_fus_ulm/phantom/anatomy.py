"""Landmarks of one animal's coronal section: surface, midline, callosal band.

Coordinates are (x, y, z) = (lateral, depth, elevation) in µm; y grows downwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.phantom.params import PhantomParams

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Landmarks of one animal's section (µm)."""

    midline: float
    top: float
    fall: float
    scale: float
    width: float
    depth: float

    def surface(self, x: Array) -> Array:
        """Depth of the brain's surface at lateral position ``x``."""
        u = np.abs(x - self.midline) / (5000.0 * self.scale)
        dimple = 150.0 * np.exp(-((u / 0.04) ** 2))
        return self.top + dimple + self.fall * self.scale * u**2.2

    def normal(self, x: Array) -> Array:
        """(n, 2) unit vectors pointing into the brain."""
        slope = (self.surface(x + 50.0) - self.surface(x - 50.0)) / 100.0
        slope = np.where(np.abs(x - self.midline) < 250, 0.0, slope)
        vector = np.stack([-slope, np.ones_like(slope)], axis=-1)
        return np.asarray(vector / np.linalg.norm(vector, axis=-1, keepdims=True))

    def below(self, x: Array, y: Array) -> Array:
        """Depth under the surface."""
        return y - self.surface(x)

    def in_callosum(self, x: Array, y: Array) -> npt.NDArray[np.bool_]:
        """Where the white-matter band lies, 1.5 to 2 mm under the surface near the midline."""
        u = np.abs(x - self.midline) / (1000.0 * self.scale)
        d = self.below(x, y) / (1000.0 * self.scale)
        centre = 1.75 + 0.12 * np.sin(1.3 * u)
        half = np.clip(0.22 - 0.035 * u, 0.05, None)
        return (np.abs(d - centre) < half) & (u < 4.2)

    def base(self, x: Array) -> Array:
        """Depth of the brain's base at lateral position ``x``."""
        u = (x - self.midline) / (1000.0 * self.scale)
        return np.asarray(self.top + (8.8 - 0.05 * u**2) * 1000.0 * self.scale)

    def place(self, side: float, u: float, d: float) -> Array:
        """A landmark ``u`` mm beside the midline and ``d`` mm below the top of an adult rat."""
        x = self.midline + side * u * 1000.0 * self.scale
        # Deep structures follow the curved surface only in part.
        drop = 0.35 * (float(self.surface(np.array(x))) - self.top)
        return np.array([x, self.top + drop + d * 1000.0 * self.scale])

    def outwards(self, x: Array, y: Array) -> Array:
        """(n, 2) unit vectors away from the base beside the midline: how deep vessels fan out."""
        foot = np.where(x > self.midline, 900.0, -900.0) * self.scale + self.midline
        vector = np.stack([x - foot, y - (self.top + 7500.0 * self.scale)], axis=-1)
        return np.asarray(vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9))


def anatomy_of(params: PhantomParams) -> Anatomy:
    """Place the landmarks of one animal."""
    return Anatomy(
        midline=params.width_mm * 500.0 + params.midline_offset_um,
        top=params.surface_um,
        fall=params.curvature * 1000.0,
        scale=params.scale,
        width=params.width_mm * 1000.0,
        depth=params.depth_mm * 1000.0,
    )
