"""Scenes: the section of a pair without its recording, kept on disk."""

from pathlib import Path

import numpy as np
import pytest

from napari_fus_ulm.grey.intensity import ulm_to_grey
from napari_fus_ulm.grey.resampling import bin_counts
from napari_fus_ulm.phantom import PhantomParams, simulate_pair
from napari_fus_ulm.phantom.scene import Scene, phantom_scene, read_scene, write_scene

SMALL = PhantomParams(width_mm=3.0, depth_mm=2.4)


def test_the_ulm_is_that_of_the_simulated_pair(small_scene: Scene) -> None:
    pair = simulate_pair(3, SMALL, vary=False)
    assert np.array_equal(small_scene.counts, pair.ulm.values)
    assert small_scene.placed


def test_blood_is_where_bubbles_are(small_scene: Scene) -> None:
    binned = bin_counts(small_scene.counts, small_scene.vessels.shape)
    blood = small_scene.vessels
    assert blood[binned > 20].mean() > 4.0 * blood[binned == 0].mean()


def test_the_top_is_what_a_frame_is_scaled_by(small_scene: Scene) -> None:
    binned = bin_counts(small_scene.counts, small_scene.vessels.shape)
    grey = np.log1p(binned) / np.log1p(small_scene.top(20.0))
    assert np.clip(grey, 0.0, 1.0) == pytest.approx(ulm_to_grey(binned), abs=1e-4)
    assert small_scene.top(10.0) < small_scene.top(15.0) < small_scene.top(20.0)


def test_another_seed_is_another_section(small_scene: Scene) -> None:
    other = phantom_scene(4, SMALL, vary=False)
    assert not np.array_equal(other.counts, small_scene.counts)


def test_scenes_survive_the_disk(small_scene: Scene, tmp_path: Path) -> None:
    path = write_scene(tmp_path / "scenes" / "one.npz", small_scene)
    stored = read_scene(path)
    assert stored.counts == pytest.approx(small_scene.counts, rel=1e-3)
    assert stored.vessels == pytest.approx(small_scene.vessels, rel=1e-3, abs=1e-6)
    assert stored.placed is True
    assert [p.name for p in path.parent.iterdir()] == ["one.npz"]
