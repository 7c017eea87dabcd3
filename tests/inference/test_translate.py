"""Tiled application with models small enough to know the answer."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from napari_fus_ulm.errors import EnhanceError
from napari_fus_ulm.generators.base import Generator, PatchBatch
from napari_fus_ulm.inference import translate
from napari_fus_ulm.inference.departure import Around
from napari_fus_ulm.inference.events import Notice
from napari_fus_ulm.inference.samplers import Estimate, Noise
from napari_fus_ulm.inference.tiles import Tiling, make_tiling
from napari_fus_ulm.inference.translate import (
    Applied,
    Frame,
    Tick,
    frame_noise,
    sample_frame,
    sample_patches,
)


class Blur(Generator):
    """A local model: the clean image is a 9×9 mean of fUS and noise; a pixel knows 4 around it."""

    name, title, iterative = "blur", "Blur", True
    fail_above: int | None = None

    def config(self) -> dict[str, Any]:
        return {}

    def training_loss(self, batch: PatchBatch, rng: torch.Generator) -> dict[str, Tensor]:
        raise NotImplementedError

    def to_model(self, grey: Tensor) -> Tensor:
        return grey

    def to_grey(self, x: Tensor) -> Tensor:
        return x

    def predict(self, noisy: Tensor, t: Tensor, fus: Tensor, position: Tensor) -> Tensor:
        if self.fail_above is not None and noisy.numel() > self.fail_above:
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate")
        mixed = fus + 0.3 * noisy + 0.1 * position[:, :1]
        return F.avg_pool2d(mixed, 9, 1, 4, count_include_pad=False)


def applied(patch: int, overlap: int, window: str = "box", batch: int = 4) -> Applied:
    return Applied(Blur(), torch.device("cpu"), "float32", patch, overlap, window, batch)


def frame(height: int, width: int) -> Frame:
    rng = np.random.default_rng(0)
    return Frame(
        rng.random((1, height, width), np.float32), rng.random((3, height, width), np.float32)
    )


def still(noise: Tensor) -> Noise:
    """The same noise at every step (DDIM asks for the first only)."""
    return lambda step: noise


def result(one: Applied, on: Frame, steps: int = 3) -> np.ndarray:
    estimates = [
        event
        for event in sample_frame(one, on, still(frame_noise(on.shape, 1)), steps)
        if isinstance(event, Estimate)
    ]
    assert [e.step for e in estimates] == list(range(1, steps + 1))
    return estimates[-1].clean.numpy()[0, 0]


def test_tiles_with_a_halo_are_the_whole_frame() -> None:
    on = frame(328, 296)
    whole = result(applied(1024, 0), on)
    for patch, overlap in ((128, 16), (136, 64), (256, 100)):
        np.testing.assert_allclose(result(applied(patch, overlap), on), whole, atol=1e-5)


@pytest.mark.parametrize("anchor_px", [1.5, 6.0])
def test_an_anchored_walk_gives_the_same_whatever_the_tiles(anchor_px: float) -> None:
    """The anchor's Gaussian is wider than the halo: it acts on the frame that tiles make up."""
    on = frame(328, 296)
    way = Around(start=0.8, noise_scale=0.7, anchor_px=anchor_px)

    def held(patch: int, overlap: int, way: Around = way) -> np.ndarray:
        one = dataclasses.replace(applied(patch, overlap), sampler="around-mean", around=way)
        return result(one, on, 4)

    whole = held(1024, 0)
    for patch, overlap in ((128, 16), (136, 64)):
        np.testing.assert_allclose(held(patch, overlap), whole, atol=1e-5)
    free = dataclasses.replace(way, anchor_px=math.inf)
    assert np.abs(held(1024, 0, free) - whole).max() > 1e-3


def test_without_a_halo_they_are_not() -> None:
    on = frame(328, 296)
    assert np.abs(result(applied(128, 0), on) - result(applied(1024, 0), on)).max() > 1e-3


@pytest.mark.parametrize("batch", [1, 2, 7, 100])
def test_the_batch_size_changes_nothing(batch: int) -> None:
    on = frame(200, 300)
    np.testing.assert_allclose(
        result(applied(128, 64, "hann", batch), on),
        result(applied(128, 64, "hann", 3), on),
        atol=1e-6,
    )


def test_the_order_of_the_patches_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    on = frame(200, 300)
    forwards = result(applied(128, 64, "hann", 3), on)

    def backwards(*arguments: Any) -> Tiling:
        tiling = make_tiling(*arguments)
        return dataclasses.replace(tiling, tiles=tiling.tiles[::-1])

    monkeypatch.setattr(translate, "make_tiling", backwards)
    np.testing.assert_allclose(result(applied(128, 64, "hann", 3), on), forwards, atol=1e-6)


def test_ticks_add_up_to_the_steps() -> None:
    on = frame(200, 300)
    ticks = [
        e.share
        for e in sample_frame(applied(128, 64), on, still(frame_noise(on.shape, 1)), 3)
        if isinstance(e, Tick)
    ]
    assert len(ticks) > 3
    assert sum(ticks) == pytest.approx(3.0)


def test_noise_follows_from_its_key_alone() -> None:
    one, again, other = (frame_noise((40, 50), *key) for key in ((1, 2), (1, 2), (2, 1)))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert float(one.std()) == pytest.approx(1.0, abs=0.05)


def test_memory_running_out_halves_the_batch_and_says_so() -> None:
    on = frame(300, 300)
    one = applied(128, 64, "box", batch=8)
    one.model.fail_above = 3 * 128 * 128  # type: ignore[assignment]
    events = list(sample_frame(one, on, still(frame_noise(on.shape, 1)), 2))
    notices = [e.message for e in events if isinstance(e, Notice)]
    assert notices == [
        "Memory ran out: continuing with 4 patches at a time.",
        "Memory ran out: continuing with 2 patches at a time.",
    ]
    final = [e for e in events if isinstance(e, Estimate)][-1].clean.numpy()[0, 0]
    np.testing.assert_allclose(final, result(applied(128, 64), on, 2), atol=1e-6)


def test_then_it_takes_smaller_patches_with_the_same_result() -> None:
    on = frame(600, 600)
    one = applied(768, 192, "box", batch=32)
    one.model.fail_above = 300 * 300  # type: ignore[assignment]
    events = list(sample_frame(one, on, still(frame_noise(on.shape, 1)), 2))
    assert any("296 pixels" in e.message for e in events if isinstance(e, Notice))
    final = [e for e in events if isinstance(e, Estimate)][-1].clean.numpy()[0, 0]
    np.testing.assert_allclose(final, result(applied(768, 192), on, 2), atol=1e-5)


def test_memory_that_runs_out_with_the_smallest_patches_is_reported() -> None:
    one = applied(768, 192, "box", batch=32)
    one.model.fail_above = 10  # type: ignore[assignment]
    with pytest.raises(EnhanceError, match="smallest patches"):
        list(sample_frame(one, frame(300, 300), still(frame_noise((300, 300), 1)), 2))


def test_a_single_patch_that_does_not_fit_at_the_end_is_explained() -> None:
    one = applied(768, 192)
    one.model.fail_above = 10  # type: ignore[assignment]
    with pytest.raises(EnhanceError, match="304 × 304 pixels"):
        drain(sample_patches(one, frame(300, 300), lambda t, i: torch.zeros(1, 304, 304), 1))


@pytest.mark.parametrize("worst", [np.nan, np.inf])
def test_numbers_that_are_not_finite_make_no_image(worst: float) -> None:
    on = frame(40, 40)
    on.fus[0, 3, 5] = worst
    one = applied(24, 16)
    with pytest.raises(EnhanceError, match=r"“Blur” gave numbers that are not finite \(float32\)"):
        result(one, on)
    with pytest.raises(EnhanceError, match="not finite"):
        drain(sample_patches(one, on, lambda tile, i: torch.zeros(1, 24, 24), 2))


def test_other_errors_pass_through() -> None:
    one = applied(128, 64)
    one.model.predict = lambda *_: 1 / 0  # type: ignore[assignment, method-assign]
    with pytest.raises(ZeroDivisionError):
        list(sample_frame(one, frame(150, 150), still(frame_noise((150, 150), 1)), 1))


def drain(source: Any) -> Any:
    while True:
        try:
            next(source)
        except StopIteration as stop:
            return stop.value


def test_fusion_at_the_end_covers_the_frame_and_keeps_to_the_chosen_patches() -> None:
    on = frame(200, 300)
    one = applied(128, 64, "hann")
    whole = frame_noise(one.tiling(on.shape).padded, 3)

    def noise(tile: Any, step: int) -> Tensor:
        return whole[0, :, tile.rows, tile.columns]

    patches = drain(sample_patches(one, on, noise, 2))
    assert patches.images.shape == (len(patches.tiling.tiles), 128, 128)
    image, covered = patches.blend()
    assert image.shape == (200, 300)
    assert covered.all()
    image, covered = patches.blend(lambda tile: tile.column == 0)
    assert covered[:, :128].all()
    assert not covered[:, 128:].any()
    assert not image[:, 128:].any()


def test_at_the_end_memory_running_out_is_survived_too() -> None:
    on = frame(300, 300)
    one = applied(128, 64, "hann", batch=8)
    one.model.fail_above = 3 * 128 * 128  # type: ignore[assignment]
    patches = drain(sample_patches(one, on, lambda t, i: torch.zeros(1, 128, 128), 1))
    image, covered = patches.blend()
    assert covered.all()
    assert one.batch == 2
    assert np.isfinite(image).all()
