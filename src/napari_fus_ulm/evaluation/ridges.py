"""Classical ridge filters: the baseline of image processing, without training."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_fus_ulm.diagnostics.evidence import ridge
from napari_fus_ulm.evaluation.methods import Fitted, fit_mapped
from napari_fus_ulm.evaluation.pairs import EvaluationPair, Grey
from napari_fus_ulm.grey.intensity_map import apply_monotone_map

SCALES_UM = (25.0, 40.0, 60.0, 90.0)
"""Standard deviations to choose from: of bright lines about 60 to 220 µm wide."""
SURROUND = 2.5
"""Standard deviation of the surround that a difference of Gaussians takes away, over the inner."""
TUNING_PAIRS = 4
"""Training pairs on which a candidate's intensity map is fitted while tuning."""
HIGH = 99.7
"""Percentile of a filter's response that becomes 1."""

RidgeFilter = Callable[[Grey, float, float], Grey]


def hessian(grey: Grey, pixel_mm: float, sigma_um: float) -> Grey:
    """The largest negative curvature at one scale (Lindeberg 1998), 0 where there is none."""
    return ridge(grey, pixel_mm, sigma_um)


def difference_of_gaussians(grey: Grey, pixel_mm: float, sigma_um: float) -> Grey:
    """What is brighter than its surround (Marr & Hildreth 1980), 0 where nothing is."""
    inner = sigma_um / 1000.0 / pixel_mm
    difference = gaussian_filter(grey, inner) - gaussian_filter(grey, SURROUND * inner)
    return np.asarray(np.maximum(difference, 0.0), np.float32)


def fit_ridges(
    filtered: RidgeFilter, train: Sequence[EvaluationPair], validation: Sequence[EvaluationPair]
) -> Fitted:
    """Choose a filter's scale by the validation pairs' mean squared error.

    Without validation pairs, by the training pairs on which the map is fitted.

    Parameters
    ----------
    filtered : callable
        :func:`hessian` or :func:`difference_of_gaussians`.
    train, validation : sequence of EvaluationPair
    """
    few = train[:TUNING_PAIRS]
    judged = validation or few
    best, chosen = math.inf, SCALES_UM[0]
    for sigma_um in SCALES_UM:
        table = fit_mapped(lambda pair, um=sigma_um: ridges(filtered, pair, um), few)  # type: ignore[misc]
        error = np.mean(
            [
                np.mean(
                    (apply_monotone_map(ridges(filtered, pair, sigma_um), table) - pair.truth) ** 2
                )
                for pair in judged
            ]
        )
        if error < best:
            best, chosen = float(error), sigma_um
    table = fit_mapped(lambda pair: ridges(filtered, pair, chosen), train)
    side = "validation" if validation else "training"
    return Fitted(
        lambda pair: apply_monotone_map(ridges(filtered, pair, chosen), table),
        f"standard deviation {chosen:g} µm, chosen on {len(judged)} {side} "
        f"pair{'s' * (len(judged) > 1)}",
    )


def ridges(filtered: RidgeFilter, pair: EvaluationPair, sigma_um: float) -> Grey:
    """Grey levels in [0, 1] of a filter's response to the interpolated input."""
    response = filtered(pair.condition, pair.grid.pixel_mm, sigma_um)
    top = float(np.percentile(response, HIGH))
    return np.clip(response / top, 0.0, 1.0) if top > 0.0 else response
