"""Means with intervals: animals are resampled, not images.

Two sections of one animal, and one section in two splits, are not independent. So whole animals
are resampled with all of their images (percentile bootstrap; Efron and Tibshirani 1993, ch. 13).
With five animals such an interval is likely too narrow; with one there is none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_fus_ulm.cohort.splits import animal_key

RESAMPLES = 5000


@dataclass(frozen=True, slots=True)
class Summary:
    """A measure over images.

    Attributes
    ----------
    mean, sd : float
        Over images; the sample standard deviation (n - 1), NaN for one image.
    low, high : float
        95 % bootstrap interval of the mean over animals; NaN for one animal.
    images, animals : int
        That have a value.
    """

    mean: float
    sd: float
    low: float
    high: float
    images: int
    animals: int


def summarise(
    values: Sequence[float], animals: Sequence[str], *, seed: int = 0, level: float = 0.95
) -> Summary:
    """Summarise a measure over images.

    Parameters
    ----------
    values : sequence of float
        One per image; NaN where an image has no value (it is left out). An infinite value makes
        the mean infinite and the rest NaN.
    animals : sequence of str
        The animal of each image; upper and lower case count as equal.
    seed : int
    level : float
        Of the interval.
    """
    pairs = [(v, a) for v, a in zip(values, animals, strict=True) if not math.isnan(v)]
    known = np.array([value for value, _ in pairs], np.float64)
    owners = [animal for _, animal in pairs]
    count = len(set(map(animal_key, owners)))
    if not len(known):
        return Summary(math.nan, math.nan, math.nan, math.nan, 0, 0)
    mean = float(known.mean())
    if not math.isfinite(mean):
        return Summary(mean, math.nan, math.nan, math.nan, len(known), count)
    sd = float(known.std(ddof=1)) if len(known) > 1 else math.nan
    low, high = bootstrap(known, owners, seed=seed, level=level)
    return Summary(mean, sd, low, high, len(known), count)


def bootstrap(
    values: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]],
    animals: Sequence[str],
    *,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Return the percentile interval of the mean, animals resampled; NaN for one animal."""
    keys = [animal_key(animal) for animal in animals]
    _, owner = np.unique(np.asarray(keys), return_inverse=True)
    sums = np.bincount(owner, np.asarray(values, np.float64))
    sizes = np.bincount(owner)
    if len(sums) < 2:
        return math.nan, math.nan
    drawn = np.random.default_rng(seed).integers(len(sums), size=(RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(means, [tail, 100.0 - tail])
    return float(low), float(high)
