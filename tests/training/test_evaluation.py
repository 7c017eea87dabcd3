"""Scores on held-out phantoms, with whatever weights ship."""

import numpy as np
import pytest

from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.phantom import PhantomPair, PhantomParams, simulate_pair
from napari_fus_ulm.training import evaluation
from napari_fus_ulm.training.settings import TEST_SEED

SMALL = PhantomParams(width_mm=2.4, depth_mm=2.0, fus_pixel_um=(100.0, 100.0))


def test_every_phantom_is_scored_in_every_mode_beside_its_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = []

    def small(seed: int) -> PhantomPair:
        drawn.append(seed)
        return simulate_pair(seed, SMALL, vary=False)

    monkeypatch.setattr(evaluation, "simulate_pair", small)
    settings = EnhanceSettings(steps=2, samples=2)
    rows = list(evaluation.evaluate_on_phantoms(settings, 2))
    assert drawn == [TEST_SEED, TEST_SEED + 1]
    names = [evaluation.BASELINE, "accurate", "balanced", "detailed"]
    assert [row.row for row in rows] == 2 * names
    for row in rows:
        assert np.isfinite([row.fidelity.mse, row.fidelity.ssim, row.fidelity.lpips]).all()
        assert 0.0 < row.fidelity.mse < 1.0
    assert len({row.fidelity.mse for row in rows}) == 8
