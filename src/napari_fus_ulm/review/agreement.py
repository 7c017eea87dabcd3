"""Agreement of ratings beyond chance: Krippendorff's alpha, for any number of raters and gaps.

One statistic serves ratings (ordered) and preferences (unordered), within a reader and between
readers: Krippendorff, Content Analysis, 4th ed. 2018, ch. 12. With two raters and no gaps it is
close to Cohen's kappa (unordered) or its weighted form (ordered).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.cohort.splits import animal_key

RESAMPLES = 2000
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Alpha:
    """Agreement beyond chance.

    Attributes
    ----------
    value : float
        1 is perfect, 0 is chance, less is worse than chance; NaN where nothing differs.
    low, high : float
        95 % bootstrap interval, whole animals resampled; NaN for one animal.
    units : int
        Things that were rated at least twice.
    """

    value: float
    low: float
    high: float
    units: int


def krippendorff(
    units: Sequence[Sequence[int]],
    animals: Sequence[str],
    levels: int,
    *,
    ordered: bool,
    seed: int = 0,
) -> Alpha:
    """Measure the agreement of ratings.

    Parameters
    ----------
    units : sequence of sequences of int
        The ratings of each thing, from 0; one that was rated less than twice does not count.
    animals : sequence of str
        The animal of each.
    levels : int
        How many ratings there are to choose from.
    ordered : bool
        Whether near ratings agree more than far ones.
    seed : int
        Of the bootstrap.
    """
    rated = [(one, owner) for one, owner in zip(units, animals, strict=True) if len(one) > 1]
    if not rated:
        return Alpha(math.nan, math.nan, math.nan, 0)
    names, owner = np.unique([animal_key(name) for _, name in rated], return_inverse=True)
    by_animal = np.zeros((len(names), levels, levels))
    for (one, _), number in zip(rated, owner, strict=True):
        by_animal[number] += _coincidences(one, levels)
    value = _alpha(by_animal.sum(axis=0), ordered)
    low = high = math.nan
    if len(names) > 1:
        random = np.random.default_rng(seed)
        drawn = random.multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
        sums = np.tensordot(drawn, by_animal, axes=1)
        again = [_alpha(one, ordered) for one in sums]
        known = [one for one in again if not math.isnan(one)]
        if known:
            low, high = (float(one) for one in np.percentile(known, [2.5, 97.5]))
    return Alpha(value, low, high, len(rated))


def _coincidences(ratings: Sequence[int], levels: int) -> Floats:
    """Ordered pairs of two raters' ratings of one thing; each rating counts once in all."""
    counts = np.bincount(ratings, minlength=levels).astype(np.float64)
    pairs = np.outer(counts, counts) - np.diag(counts)
    return np.asarray(pairs / (len(ratings) - 1))


def _alpha(coincidences: Floats, ordered: bool) -> float:
    counts = coincidences.sum(axis=1)
    total = counts.sum()
    apart = _ordered_distance(counts) if ordered else 1.0 - np.eye(len(counts))
    expected = (np.outer(counts, counts) * apart).sum() / (total - 1)
    if not expected > 0:
        return math.nan
    return float(1.0 - (coincidences * apart).sum() / expected)


def _ordered_distance(counts: Floats) -> Floats:
    """Squared distance of two levels: how many ratings lie between them."""
    below = np.cumsum(counts) - counts / 2
    return np.asarray((below[:, None] - below[None, :]) ** 2)
