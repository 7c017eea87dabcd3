"""Apply a generator to one frame by overlapping patches.

*Fusion per step*: at every step of the sampler the patches' estimates are blended and one step is
taken on the whole frame. *Fusion at the end*: every patch is sampled on its own and the results
are blended once. Noise belongs to the frame, so a result does not depend on the order of the
patches, the batch size, or the device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_fus_ulm.errors import EnhanceError
from napari_fus_ulm.generators.base import Generator as Model
from napari_fus_ulm.generators.device import is_out_of_memory
from napari_fus_ulm.inference.departure import Around, anchored
from napari_fus_ulm.inference.events import Notice
from napari_fus_ulm.inference.patches import Patches
from napari_fus_ulm.inference.samplers import (
    SAMPLERS,
    Estimate,
    Noise,
    Predict,
    sample_around_mean,
    times_from,
    trailing_times,
)
from napari_fus_ulm.inference.tiles import Tile, Tiling, batches, make_tiling, pad_frame

Array = npt.NDArray[np.float32]
PATCH_AREA = 128 * 128


@dataclass(frozen=True, slots=True)
class Tick:
    """A batch of patches is done: ``share`` of one evaluation of the frame."""

    share: float


@dataclass(slots=True)
class Applied:
    """A generator ready to be applied: its device, precision, patches and sampler."""

    model: Model
    device: torch.device
    precision: str
    patch: int
    overlap: int
    window: str
    batch: int
    sampler: str = "ddim"
    around: Around = field(default_factory=Around)

    def samples(self, predict: Predict, noise: Noise, steps: int) -> Iterator[Any]:
        """Walk with the chosen sampler, in ``steps`` evaluations."""
        schedule, way = self.model.schedule, self.around
        if self.sampler != "around-mean":
            yield from SAMPLERS[self.sampler](predict, noise, trailing_times(steps), schedule)
            return
        yield from sample_around_mean(
            predict,
            noise,
            times_from(way.start, steps),
            schedule,
            noise_scale=way.noise_scale,
            hold=self.hold if math.isfinite(way.anchor_px) else None,
        )

    def hold(self, clean: Tensor, mean: Tensor) -> Tensor:
        """A clean estimate with the mean's low frequencies; both (B, 1, h, w), model units.

        The Gaussian covers what is sampled together: the whole frame where patches are blended
        at every step, so that patches have no edges.
        """
        grey, of_mean = (self.model.to_grey(x).numpy() for x in (clean, mean))
        return self.model.to_model(torch.from_numpy(anchored(grey, of_mean, self.around.anchor_px)))

    def tiling(self, shape: tuple[int, int]) -> Tiling:
        """The grid of patches over a frame."""
        return make_tiling(shape, self.patch, self.overlap, self.window)

    def run(self, noisy: Tensor, t: float, fus: Tensor, position: Tensor) -> Tensor:
        """One evaluation of a batch; result on the CPU in float32.

        Raises
        ------
        EnhanceError
            If it is not finite: no image must be made of it.
        """
        times = torch.full((len(noisy),), t, device=self.device)
        low = self.precision == "bfloat16"
        channels_last = torch.channels_last
        moved = (
            x.to(self.device).contiguous(memory_format=channels_last)
            for x in (noisy, fus, position)
        )
        on, fus_on, position_on = moved
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, torch.bfloat16, enabled=low),
        ):
            clean = self.model.predict(on, times, fus_on, position_on).float().cpu()
        if not clean.isfinite().all():
            raise EnhanceError(
                f"The generator “{self.model.title}” gave numbers that are not finite "
                f"({self.precision}). Choose float32 as precision; if the weights are your own, "
                "train them again from an earlier state."
            )
        return clean

    def at_once(self, side: tuple[int, int]) -> int:
        """Tiles of this size that are evaluated together."""
        return max(1, self.batch * PATCH_AREA // (side[0] * side[1]))

    def fewer(self, side: tuple[int, int]) -> str | None:
        """Evaluate half as many tiles of this size together; None if it is one already."""
        now = self.at_once(side)
        if now == 1:
            return None
        self.batch = -(-(now // 2) * side[0] * side[1] // PATCH_AREA)
        return f"Memory ran out: continuing with {now // 2} patches at a time."

    def smaller(self, side: tuple[int, int]) -> str | None:
        """Take smaller patches with the same overlap; None if they cannot get smaller."""
        patch = max(256, max(side) // 16 * 8)
        if patch >= max(side) or self.overlap > patch * 3 // 4:
            return None
        self.patch = patch
        return f"Memory ran out: continuing with patches of {patch} pixels."


@dataclass(frozen=True, slots=True)
class Frame:
    """What one frame is conditioned on, as (C, height, width) arrays."""

    fus: Array
    position: Array

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.fus.shape[-2], self.fus.shape[-1]


def frame_noise(shape: tuple[int, int], *key: int) -> Tensor:
    """Standard normal noise (1, 1, height, width) that follows from ``key`` alone.

    Drawn on the CPU: the same on every device.
    """
    state = np.random.SeedSequence(key).generate_state(2)
    rng = torch.Generator().manual_seed(int(state[0]) << 20 ^ int(state[1]))
    return torch.randn((1, 1, *shape), generator=rng)


def sample_frame(
    applied: Applied, frame: Frame, noise: Noise, steps: int
) -> Iterator[Tick | Notice | Estimate]:
    """Fusion per step: sample the whole frame.

    Parameters
    ----------
    applied : Applied
    frame : Frame
    noise : callable
        Noise (1, 1, height, width) of the frame (not padded) at each step.
    steps : int
        Evaluations.

    Yields
    ------
    Tick, Notice, Estimate
        ``Estimate.clean`` is (1, 1, height, width), in model units.
    """

    def predict(x: Tensor, t: float) -> Generator[Tick | Notice, None, Tensor]:
        while True:
            try:
                return (yield from _fuse(applied, frame, x, t))
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            # Outside the handler, so that the failed evaluation's memory is free again.
            side = applied.tiling(frame.shape).side
            message = applied.fewer(side) or applied.smaller(side)
            if message is None:
                raise EnhanceError(
                    "Memory ran out even with the smallest patches. Close other programs, or "
                    "enhance a smaller image."
                )
            yield Notice(message)

    yield from applied.samples(predict, noise, steps)


def _fuse(
    applied: Applied, frame: Frame, x: Tensor, t: float
) -> Generator[Tick | Notice, None, Tensor]:
    """Evaluate all patches of a frame at one time and blend their clean estimates."""
    tiling = applied.tiling(frame.shape)
    fus, position = _padded(frame, tiling)
    x = torch.from_numpy(pad_frame(x.numpy(), tiling.padded))
    total = torch.zeros(tiling.padded)
    for group in batches(tiling, applied.at_once(tiling.side)):
        cut = _cutter(group)
        clean = applied.run(cut(x[0]), t, cut(fus), cut(position))
        for one, tile in zip(clean[:, 0], group, strict=True):
            total[tile.rows, tile.columns] += torch.from_numpy(tile.weight) * one
        yield Tick(len(group) / len(tiling.tiles))
    total /= torch.from_numpy(tiling.total_weight())
    return total[None, None, : frame.shape[0], : frame.shape[1]]


def sample_patches(
    applied: Applied,
    frame: Frame,
    noise_of: Callable[[Tile, int], Tensor],
    steps: int,
    keep: Callable[[Tile], bool] = lambda tile: True,
) -> Generator[Tick | Notice, None, Patches]:
    """Sample every patch on its own, to be blended once at the end.

    Parameters
    ----------
    noise_of : callable
        Noise (1, h, w) of a tile at a step: cut from the frame's, or independent of its
        neighbours'.
    keep : callable
        Which tiles take part.

    Returns
    -------
    Patches
        In model units; its tiling holds the tiles that took part.
    """
    whole = applied.tiling(frame.shape)
    tiling = replace(whole, tiles=tuple(tile for tile in whole.tiles if keep(tile)))
    fus, position = _padded(frame, tiling)
    images = np.empty((len(tiling.tiles), *tiling.side), np.float32)
    first = 0
    while first < len(images):
        group = tiling.tiles[first : first + applied.at_once(tiling.side)]
        cut = _cutter(group)
        conditions = cut(fus), cut(position)
        noise = partial(_stacked, noise_of, group)
        share = len(group) / len(images)
        try:
            clean = yield from _sample_group(applied, conditions, noise, steps, share)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            clean = None
        if clean is None:
            message = applied.fewer(tiling.side)
            if message is None:
                raise EnhanceError(
                    f"Memory ran out with a single patch of {tiling.side[1]} × {tiling.side[0]} "
                    "pixels. Choose a smaller patch under Advanced."
                )
            yield Notice(message)
            continue
        images[first : first + len(group)] = clean[:, 0].numpy()
        first += len(group)
    return Patches(tiling, images)


def _sample_group(
    applied: Applied,
    conditions: tuple[Tensor, Tensor],
    noise: Noise,
    steps: int,
    share: float,
) -> Generator[Tick, None, Tensor]:
    def predict(x: Tensor, t: float) -> Generator[Tick, None, Tensor]:
        clean = applied.run(x, t, *conditions)
        yield Tick(share)
        return clean

    clean: Tensor | None = None
    for event in applied.samples(predict, noise, steps):
        if isinstance(event, Estimate):
            clean = event.clean
        else:
            yield event
    assert clean is not None  # there is at least one step
    return clean


def _stacked(noise_of: Callable[[Tile, int], Tensor], group: tuple[Tile, ...], i: int) -> Tensor:
    return torch.stack([noise_of(tile, i) for tile in group])


def _padded(frame: Frame, tiling: Tiling) -> tuple[Tensor, Tensor]:
    fus, position = (pad_frame(a, tiling.padded) for a in (frame.fus, frame.position))
    return torch.from_numpy(fus), torch.from_numpy(position)


def _cutter(group: tuple[Tile, ...]) -> Callable[[Tensor], Tensor]:
    return lambda whole: torch.stack([whole[:, t.rows, t.columns] for t in group])
