"""The input as a fair baseline: one monotone intensity map, fitted on training pairs.

Without it any model beats the input by contrast alone: power Doppler is grey where ULM is black.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.grey.pair import PreparedPair

KNOTS = 33


def fit_monotone_map(pairs: Iterable[PreparedPair]) -> list[float]:
    """Mean ULM grey level at each of :data:`KNOTS` fUS grey levels, made non-decreasing.

    The best monotone prediction of ULM from the fUS grey level alone, in least squares (pool
    adjacent violators; scipy's isotonic regression on binned means).

    Returns
    -------
    list of float
        Grey levels in [0, 1] at ``linspace(0, 1, KNOTS)``.
    """
    from scipy.optimize import isotonic_regression

    total, weight = np.zeros(KNOTS), np.full(KNOTS, 1e-6)
    for pair in pairs:
        level = np.rint(pair.fus * (KNOTS - 1)).astype(np.int64).ravel()
        total += np.bincount(level, weights=pair.ulm.ravel().astype(np.float64), minlength=KNOTS)
        weight += np.bincount(level, minlength=KNOTS)
    fitted = isotonic_regression(total / weight, weights=weight).x
    return [round(float(value), 5) for value in fitted]


def apply_monotone_map(
    grey: npt.NDArray[np.floating], table: list[float]
) -> npt.NDArray[np.float32]:
    """Pass grey levels in [0, 1] through a map from :func:`fit_monotone_map`."""
    knots = np.linspace(0.0, 1.0, len(table))
    return np.asarray(np.interp(grey, knots, table), dtype=np.float32)
