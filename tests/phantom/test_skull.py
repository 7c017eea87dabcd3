"""What the skull lets through."""

import dataclasses

import numpy as np
import pytest

from napari_fus_ulm.phantom import PhantomParams
from napari_fus_ulm.phantom.skull import draw_skull, transparent

X = np.linspace(0.0, 12000.0, 200)


def test_a_skull_without_shadow_lets_everything_through() -> None:
    clear = PhantomParams(shadow=0.0, hemisphere_loss=0.0)
    assert np.allclose(draw_skull(np.random.default_rng(0), clear)(X), 1.0)
    assert np.array_equal(transparent(X), np.ones(200))


def test_one_hemisphere_may_lie_in_the_dark() -> None:
    params = PhantomParams(shadow=0.0, hemisphere_loss=0.6)
    sides = set()
    for seed in range(10):
        through = draw_skull(np.random.default_rng(seed), params)(X)
        assert sorted([through[0], through[-1]]) == pytest.approx([0.4, 1.0], abs=0.01)
        sides.add(bool(through[0] < through[-1]))
    assert sides == {True, False}


def test_shadows_are_soft_and_as_dark_as_asked() -> None:
    for strength in (0.2, 0.5):
        params = dataclasses.replace(PhantomParams(hemisphere_loss=0.0), shadow=strength)
        for seed in range(5):
            through = draw_skull(np.random.default_rng(seed), params)(X)
            assert through.max() <= 1.0
            assert through.min() > np.exp(-8.0 * strength)
            assert np.abs(np.diff(through)).max() < 0.4
