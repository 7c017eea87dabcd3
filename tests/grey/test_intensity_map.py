"""The input's intensity map: monotone, and the best in least squares."""

import numpy as np
import pytest

from napari_fus_ulm.grey.intensity_map import KNOTS, apply_monotone_map, fit_monotone_map
from napari_fus_ulm.grey.pair import PreparedPair

LEVELS = np.linspace(0.0, 1.0, KNOTS)


def pair(fus: np.ndarray, ulm: np.ndarray) -> PreparedPair:
    return PreparedPair(fus.astype(np.float32), ulm.astype(np.float32))


def test_a_monotone_relation_is_found_again() -> None:
    fus = np.repeat(LEVELS, 20).reshape(KNOTS, 20)
    table = fit_monotone_map([pair(fus, fus**2)])
    assert table == pytest.approx((LEVELS**2).tolist(), abs=1e-4)
    assert np.allclose(apply_monotone_map(fus, table), fus**2, atol=1e-4)


def test_what_is_not_monotone_is_pooled() -> None:
    """Means 0, .5, .3, .8 at four levels: the best monotone fit is 0, .4, .4, .8."""
    chosen = LEVELS[[0, 10, 20, 32]]
    fus = np.repeat(chosen, 8).reshape(4, 8)
    ulm = np.repeat([0.0, 0.5, 0.3, 0.8], 8).reshape(4, 8)
    table = fit_monotone_map([pair(fus, ulm)])
    assert [table[i] for i in (0, 10, 20, 32)] == pytest.approx([0.0, 0.4, 0.4, 0.8], abs=1e-4)
    assert (np.diff(table) >= 0).all()


def test_no_other_monotone_map_is_better() -> None:
    rng = np.random.default_rng(0)
    fus = LEVELS[rng.integers(KNOTS, size=(100, 100))]
    ulm = np.clip(fus**3 + rng.normal(0, 0.2, fus.shape), 0, 1)
    pairs = [pair(fus[:50], ulm[:50]), pair(fus[50:], ulm[50:])]
    table = np.array(fit_monotone_map(pairs))

    def loss(other: np.ndarray) -> float:
        return float(((apply_monotone_map(fus, list(other)) - ulm) ** 2).mean())

    best = loss(table)
    assert best < loss(LEVELS)
    for _ in range(200):
        other = np.sort(table + rng.normal(0, 0.02, KNOTS))
        assert loss(other) >= best - 1e-8


def test_the_map_is_fair_to_the_input() -> None:
    """An input that determines the ground truth matches it once mapped."""
    rng = np.random.default_rng(1)
    truth = rng.random((80, 80)) ** 3
    dull = 0.4 + 0.5 * truth ** (1 / 3)
    mapped = apply_monotone_map(dull, fit_monotone_map([pair(dull, truth)]))
    assert ((mapped - truth) ** 2).mean() < 0.02 * ((dull - truth) ** 2).mean()
