"""How far a sample may depart from the conditional mean: one number for three parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

Array = npt.NDArray[np.float32]

EARLIEST = 0.6
"""Start time of a walk that hardly departs from the mean."""
ANCHOR_PX = 2.5
"""Width of the anchor's Gaussian half-way, in pixels of the generator's grid."""
DARKEST = 1e-3
"""Grey level that counts as black: added to both images before their ratio is taken."""
BRIGHTER = 2.0
"""Largest factor by which an anchor brightens; it may darken to black."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What :func:`~napari_fus_ulm.inference.samplers.sample_around_mean` is called with.

    Attributes
    ----------
    start : float
        Time in (0, 1] at which the walk starts; 1 is pure noise.
    noise_scale : float
        τ: share of the noise's standard deviation, 0 to 1.
    anchor_px : float
        Standard deviation in pixels of the Gaussian under which mean and estimate must agree;
        infinite: no anchor.
    """

    start: float = 1.0
    noise_scale: float = 1.0
    anchor_px: float = math.inf


def around(departure: float) -> Around:
    """What a departure from the mean stands for.

    Parameters
    ----------
    departure : float
        0 (the conditional mean) to 1 (a free sample: all of the noise, from time 1, no anchor).
        It is the share of the noise's variance; the anchor's Gaussian grows with its odds.
    """
    odds = departure / (1.0 - departure) if departure < 1.0 else math.inf
    return Around(
        start=EARLIEST + (1.0 - EARLIEST) * departure,
        noise_scale=math.sqrt(departure),
        anchor_px=ANCHOR_PX * odds,
    )


def anchored(grey: Array, mean: Array, sigma_px: float) -> Array:
    """Grey levels whose low frequencies are those of a mean.

    Each pixel is multiplied by the ratio of the two images under a Gaussian. Fine
    structure in a region that is dark in the mean goes dark; where both agree nothing changes.

    Parameters
    ----------
    grey, mean : (..., height, width) array
        Grey levels; what is below 0 counts as 0.
    sigma_px : float
        Standard deviation of the Gaussian, which mirrors the image at its edges; > 0.
    """

    def low(image: Array) -> Array:
        sigmas = (0.0,) * (image.ndim - 2) + (sigma_px, sigma_px)
        return np.asarray(gaussian_filter(image, sigmas) + DARKEST, np.float32)

    grey, mean = np.maximum(grey, 0.0), np.clip(mean, 0.0, 1.0)
    return np.asarray(grey * np.minimum(low(mean) / low(grey), BRIGHTER), np.float32)
