"""Streams: patches that follow from a seed, with targets that fit their recordings."""

import dataclasses
import threading
from pathlib import Path

import numpy as np
import pytest

from napari_fus_ulm.grey.intensity import ulm_to_grey
from napari_fus_ulm.grey.pair import PreparedPair
from napari_fus_ulm.grey.patches import draw_patches
from napari_fus_ulm.grey.resampling import bin_counts
from napari_fus_ulm.phantom.recording import RecordingParams, record
from napari_fus_ulm.phantom.scene import read_scene
from napari_fus_ulm.training.streams import (
    AHEAD,
    PairStream,
    Patches,
    RecordedFrame,
    RecordingStream,
    batch_of,
    batches,
)


@pytest.fixture
def stream(scenes_folder: Path) -> RecordingStream:
    return RecordingStream(tuple(sorted(scenes_folder.glob("phantom_*.npz"))))


def test_patches_follow_from_seed_and_step(stream: RecordingStream) -> None:
    one, same, other, later = (
        batch_of(stream, seed, step, 6, 32) for seed, step in ((1, 5), (1, 5), (2, 5), (1, 6))
    )
    assert one.noise_seed == same.noise_seed != later.noise_seed
    for a, b, c, d in zip(one.patches, same.patches, other.patches, later.patches, strict=True):
        assert np.array_equal(a, b)
        assert not np.array_equal(a, c)
        assert not np.array_equal(a, d)


def test_patches_are_grey_levels_with_positions(stream: RecordingStream) -> None:
    fus, ulm, position = stream.patches(np.random.default_rng(0), 30, 48)
    assert fus.shape == ulm.shape == (30, 1, 48, 48)
    assert position.shape == (30, 3, 48, 48)
    for image in (fus, ulm):
        assert image.dtype == np.float32
        assert 0.0 <= image.min() < image.max() <= 1.0
    known = position[:, 2, 0, 0]
    assert set(known) == {0.0, 1.0}  # withheld from windows, told otherwise
    assert not position[known == 0.0].any()


def test_withheld_positions_are_never_told(stream: RecordingStream) -> None:
    silent = dataclasses.replace(stream, without_position=1.0)
    assert not silent.patches(np.random.default_rng(0), 12, 32).position.any()


def test_a_frame_seen_perfectly_asks_for_the_whole_ulm(scenes_folder: Path) -> None:
    """On 20 µm, what a pair of the same section would be trained on."""
    scene = read_scene(scenes_folder / "phantom_000000001.npz")
    found = record(scene, RecordingParams(), np.random.default_rng(0))
    found = dataclasses.replace(found, visibility=np.ones_like(found.visibility))
    frame = RecordedFrame.of(scene, found, 20.0)
    whole = frame.window(0, 0, frame.shape)
    assert frame.shape == (100, 120)
    expected = ulm_to_grey(bin_counts(scene.counts, frame.shape))
    assert whole.ulm == pytest.approx(expected, abs=2e-3)
    part = frame.window(30, 40, (50, 60))
    assert part.ulm == pytest.approx(whole.ulm[30:80, 40:100], abs=1e-5)
    assert part.fus == pytest.approx(whole.fus[30:80, 40:100], abs=1e-5)


def test_finer_pixels_see_a_track_as_bright(scenes_folder: Path) -> None:
    scene = read_scene(scenes_folder / "phantom_000000001.npz")
    found = record(scene, RecordingParams(), np.random.default_rng(0))
    found = dataclasses.replace(found, visibility=np.ones_like(found.visibility))
    fine = RecordedFrame.of(scene, found, 5.0)
    grey = fine.window(0, 0, fine.shape).ulm
    expected = ulm_to_grey(scene.counts)
    assert grey.shape == tuple(2 * n for n in expected.shape)
    assert grey.max() == pytest.approx(1.0)
    assert grey.mean() == pytest.approx(expected.mean(), rel=0.15)


def test_power_doppler_lies_on_its_ulm(stream: RecordingStream) -> None:
    for pair in stream.typical(2):
        assert np.corrcoef(pair.fus.ravel(), pair.ulm.ravel())[0, 1] > 0.3


def test_maps_are_drawn_as_often_as_asked(stream: RecordingStream, tmp_path: Path) -> None:
    broken = dataclasses.replace(stream, maps=(tmp_path / "none.npz",))
    dataclasses.replace(broken, share=0.0).patches(np.random.default_rng(0), 20, 32)
    with pytest.raises(FileNotFoundError):
        dataclasses.replace(broken, share=1.0).patches(np.random.default_rng(0), 1, 32)


def test_pairs_are_drawn_as_before() -> None:
    rng = np.random.default_rng(1)
    pairs = [PreparedPair(*(rng.random((60, 70)).astype(np.float32) for _ in range(2)))]
    stream = PairStream(pairs, flip=True, without_position=0.4)
    drawn = batch_of(stream, 3, 7, 5, 32)
    random = np.random.default_rng([3, 7])
    assert drawn.noise_seed == int(random.integers(2**62))
    expected = draw_patches(pairs, random, 5, 32, flip=True, without_position=0.4)
    for found, there in zip(drawn.patches, expected, strict=True):
        assert np.array_equal(found, there)


class Counting:
    """A stream that says which thread drew how often."""

    def __init__(self) -> None:
        self.threads: list[str] = []

    def patches(self, rng: np.random.Generator, n: int, size: int) -> Patches:
        self.threads.append(threading.current_thread().name)
        return Patches(*(rng.random((n, c, size, size)).astype(np.float32) for c in (1, 1, 3)))


def test_batches_come_in_order_prepared_beside() -> None:
    stream = Counting()
    found = list(batches(stream, 4, range(2, 9), 2, 8))
    assert len(found) == 7
    for step, batch in zip(range(2, 9), found, strict=True):
        expected = batch_of(Counting(), 4, step, 2, 8)
        assert np.array_equal(batch.patches.fus, expected.patches.fus)
    assert threading.current_thread().name not in stream.threads


def test_no_more_is_prepared_than_a_few_batches_ahead() -> None:
    stream = Counting()
    coming = batches(stream, 0, range(100), 1, 8)
    next(coming)
    coming.close()
    assert 1 <= len(stream.threads) <= 1 + AHEAD


def test_what_goes_wrong_beside_is_raised_here() -> None:
    class Broken:
        def patches(self, rng: np.random.Generator, n: int, size: int) -> Patches:
            raise ValueError("no such map")

    with pytest.raises(ValueError, match="no such map"):
        next(batches(Broken(), 0, range(3), 1, 8))
