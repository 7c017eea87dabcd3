"""Streams: patches that follow from a seed, with targets that fit their recordings."""

import dataclasses
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_fus_ulm.errors import CohortError
from napari_fus_ulm.generators.base import PatchBatch
from napari_fus_ulm.grey.intensity import ulm_to_grey
from napari_fus_ulm.grey.pair import PreparedPair
from napari_fus_ulm.grey.patches import draw_patches
from napari_fus_ulm.grey.resampling import bin_counts
from napari_fus_ulm.phantom.recording import RecordingParams, record
from napari_fus_ulm.phantom.scene import read_scene
from napari_fus_ulm.training.streams import (
    AHEAD,
    MixedStream,
    PairStream,
    Patches,
    RecordedFrame,
    RecordingStream,
    batch_of,
    batches,
    on_device,
)


@pytest.fixture
def stream(scenes_folder: Path) -> RecordingStream:
    return RecordingStream(tuple(sorted(scenes_folder.glob("phantom_*.npz"))))


def test_patches_follow_from_seed_and_step(stream: RecordingStream) -> None:
    one, same, other, later = (
        batch_of(stream, seed, step, 6, 32) for seed, step in ((1, 5), (1, 5), (2, 5), (1, 6))
    )
    assert one.noise_seed == same.noise_seed != later.noise_seed
    for part in ("fus", "ulm", "position"):
        a, b, c, d = (getattr(batch.patches, part) for batch in (one, same, other, later))
        assert torch.equal(a, b)
        assert not torch.equal(a, c)
        assert not torch.equal(a, d)


def test_patches_are_grey_levels_with_positions(stream: RecordingStream) -> None:
    fus, ulm, position = stream.patches(np.random.default_rng(0), 30, 48)
    assert fus.shape == ulm.shape == (30, 1, 48, 48)
    assert position.shape == (30, 3, 48, 48)
    for image in (fus, ulm):
        assert image.dtype == np.float32
        assert 0.0 <= image.min() < image.max() <= 1.0
    known = position[:, 2, 0, 0]
    assert set(known) == {0.0, 1.0}  # withheld from windows, given otherwise
    assert not position[known == 0.0].any()


def test_withheld_positions_are_never_told(stream: RecordingStream) -> None:
    silent = dataclasses.replace(stream, without_position=1.0)
    assert not silent.patches(np.random.default_rng(0), 12, 32).position.any()


def test_a_frame_seen_perfectly_asks_for_the_whole_ulm(scenes_folder: Path) -> None:
    """On 20 µm, what a pair of the same section would be trained on."""
    scene = read_scene(scenes_folder / "phantom_000000001.npz")
    recording = record(scene, RecordingParams(), np.random.default_rng(0))
    recording = dataclasses.replace(recording, visibility=np.ones_like(recording.visibility))
    frame = RecordedFrame.of(scene, recording, 20.0)
    whole = frame.window(0, 0, frame.shape)
    assert frame.shape == (100, 120)
    expected = ulm_to_grey(bin_counts(scene.counts, frame.shape))
    assert whole.ulm == pytest.approx(expected, abs=2e-3)
    part = frame.window(30, 40, (50, 60))
    assert part.ulm == pytest.approx(whole.ulm[30:80, 40:100], abs=1e-5)
    assert part.fus == pytest.approx(whole.fus[30:80, 40:100], abs=1e-5)


def test_finer_pixels_see_a_track_as_bright(scenes_folder: Path) -> None:
    scene = read_scene(scenes_folder / "phantom_000000001.npz")
    recording = record(scene, RecordingParams(), np.random.default_rng(0))
    recording = dataclasses.replace(recording, visibility=np.ones_like(recording.visibility))
    fine = RecordedFrame.of(scene, recording, 5.0)
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
    with pytest.raises(CohortError, match="is damaged"):
        dataclasses.replace(broken, share=1.0).patches(np.random.default_rng(0), 1, 32)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95])
def test_two_streams_share_every_batch(share: float) -> None:
    mixed = MixedStream(Constant(1.0), Constant(2.0), share)
    rng = np.random.default_rng(0)
    batches_ = [mixed.patches(rng, 8, 16).fus[:, 0, 0, 0] for _ in range(400)]
    assert {len(one) for one in batches_} == {8}
    assert np.mean(np.concatenate(batches_) == 2.0) == pytest.approx(share, abs=0.02)


class Constant:
    """Patches of one grey level."""

    def __init__(self, grey: float) -> None:
        self.grey = grey

    def patches(self, rng: np.random.Generator, n: int, size: int) -> Patches:
        flat = np.full((n, 1, size, size), self.grey, np.float32)
        return Patches(flat, flat, np.zeros((n, 3, size, size), np.float32))


def test_pairs_are_drawn_as_before() -> None:
    rng = np.random.default_rng(1)
    pairs = [PreparedPair(*(rng.random((60, 70)).astype(np.float32) for _ in range(2)))]
    stream = PairStream(pairs, flip=True, without_position=0.4)
    drawn = batch_of(stream, 3, 7, 5, 32)
    random = np.random.default_rng([3, 7])
    assert drawn.noise_seed == int(random.integers(2**62))
    expected = draw_patches(pairs, random, 5, 32, flip=True, without_position=0.4)
    for part, there in zip(("fus", "ulm", "position"), expected, strict=True):
        assert np.array_equal(getattr(drawn.patches, part), there)


class Counting:
    """A stream that says which thread drew how often."""

    def __init__(self) -> None:
        self.threads: list[str] = []

    def patches(self, rng: np.random.Generator, n: int, size: int) -> Patches:
        self.threads.append(threading.current_thread().name)
        return Patches(*(rng.random((n, c, size, size)).astype(np.float32) for c in (1, 1, 3)))


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_come_in_order_prepared_beside(threads: int) -> None:
    stream = Counting()
    drawn = list(batches(stream, 4, range(2, 9), 2, 8, threads=threads))
    assert len(drawn) == 7
    for step, batch in zip(range(2, 9), drawn, strict=True):
        expected = batch_of(Counting(), 4, step, 2, 8)
        assert torch.equal(batch.patches.fus, expected.patches.fus)
    assert threading.current_thread().name not in stream.threads


def test_no_more_is_prepared_than_a_few_batches_ahead() -> None:
    stream = Counting()
    coming = batches(stream, 0, range(100), 1, 8)
    next(coming)
    coming.close()
    assert 1 <= len(stream.threads) <= 1 + AHEAD


def test_batches_are_prepared_in_several_threads() -> None:
    """Each thread waits for the other: one thread alone would wait for ever."""
    both = threading.Barrier(2, timeout=30.0)

    class Meeting(Counting):
        def patches(self, rng: np.random.Generator, n: int, size: int) -> Patches:
            both.wait()
            return super().patches(rng, n, size)

    assert len(list(batches(Meeting(), 0, range(4), 1, 8, threads=2))) == 4


def test_batches_for_cuda_are_pinned_and_travel_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned: list[tuple[int, ...]] = []

    def pin(tensor: torch.Tensor) -> torch.Tensor:
        pinned.append(tuple(tensor.shape))
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    list(batches(Counting(), 0, range(1), 2, 8))
    assert pinned == []
    list(batches(Counting(), 0, range(1), 2, 8, pinned=True))
    assert pinned == [(2, 1, 8, 8), (2, 1, 8, 8), (2, 3, 8, 8)]


def test_patches_are_sent_without_blocking() -> None:
    class Patch:
        def to(self, device: torch.device, *, non_blocking: bool) -> tuple[str, bool]:
            return device.type, non_blocking

    sent = on_device(PatchBatch(*(Patch() for _ in range(3))), torch.device("cuda"))  # type: ignore[arg-type]
    assert {sent.fus, sent.ulm, sent.position} == {("cuda", True)}


def test_what_goes_wrong_beside_is_raised_here() -> None:
    class Broken:
        def patches(self, rng: np.random.Generator, n: int, size: int) -> Patches:
            raise ValueError("no such map")

    with pytest.raises(ValueError, match="no such map"):
        next(batches(Broken(), 0, range(3), 1, 8))
