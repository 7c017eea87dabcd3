"""Where a run's patches come from: fixed pairs, or recordings drawn anew for every batch.

A stream has no state: what it draws follows from the random generator it is given, so a resumed run
learns from the same patches as one that never stopped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import affine_transform, spline_filter

from napari_fus_ulm.generators.base import PatchBatch
from napari_fus_ulm.grey.intensity import fus_range, log_power, to_grey
from napari_fus_ulm.grey.native import NATIVE_UM
from napari_fus_ulm.grey.pair import PreparedPair
from napari_fus_ulm.grey.patches import draw_patches, padded
from napari_fus_ulm.grey.position import position_window
from napari_fus_ulm.phantom.bubbles import ULM_PIXEL
from napari_fus_ulm.phantom.recording import Recording, RecordingParams, record
from napari_fus_ulm.phantom.scene import Scene, read_scene

Array = npt.NDArray[np.float32]

PATCHES_A_RECORDING = 4
"""Patches that share one recording: recording costs more than cutting out."""
DISPLAY = 0.2
"""Log standard deviation of a random exponent on the grey levels of a recording."""


class Patches(NamedTuple):
    """fUS and ULM grey levels (n, 1, size, size), and positions (n, 3, size, size)."""

    fus: Array
    ulm: Array
    position: Array


class Stream(Protocol):
    """Endless patches."""

    def patches(self, rng: np.random.Generator, n: int, size: int) -> Patches:
        """Draw ``n`` patches of ``size`` pixels a side."""


@dataclass(frozen=True, slots=True)
class PairStream:
    """Patches of fixed pairs; see :func:`napari_fus_ulm.grey.patches.draw_patches`."""

    pairs: Sequence[PreparedPair]
    flip: bool = False
    without_position: float = 0.15
    vary_display: float = 0.3

    def patches(self, rng: np.random.Generator, n: int, size: int) -> Patches:
        """Draw patches of the pairs."""
        return Patches(
            *draw_patches(
                self.pairs,
                rng,
                n,
                size,
                flip=self.flip,
                without_position=self.without_position,
                vary_display=self.vary_display,
            )
        )


@dataclass(frozen=True, slots=True)
class RecordingStream:
    """Patches of recordings drawn from scenes.

    Attributes
    ----------
    phantoms, maps : tuples of Path
        Scenes (see `napari_fus_ulm.phantom.scene`).
    share : float
        Of recordings that are made of maps.
    pixel_um : float
        Pixel of the generator's grid for a recording sampled at 100 µm; others in proportion.
    flip : bool
        Mirror left and right half of the time, positions too.
    without_position : float
        Share of patches whose position is withheld; always that of maps and windows.
    params : RecordingParams
        What the recordings are drawn around.
    """

    phantoms: tuple[Path, ...]
    maps: tuple[Path, ...] = ()
    share: float = 0.0
    pixel_um: float = 20.0
    flip: bool = True
    without_position: float = 0.15
    params: RecordingParams = field(default_factory=RecordingParams)

    def patches(self, rng: np.random.Generator, n: int, size: int) -> Patches:
        """Draw recordings, and :data:`PATCHES_A_RECORDING` patches of each."""
        drawn: list[tuple[Array, Array, Array]] = []
        while len(drawn) < n:
            scene = self._scene(rng)
            params = self.params.draw(rng)
            frame = RecordedFrame.of(scene, record(scene, params, rng), self._pixel(params))
            known = scene.placed and params.crop == RecordingParams().crop
            exponent = np.exp(rng.normal(0.0, DISPLAY))
            for _ in range(min(PATCHES_A_RECORDING, n - len(drawn))):
                top, left = (int(rng.integers(max(s - size, 0) + 1)) for s in frame.shape)
                inside = min(size, frame.shape[0]), min(size, frame.shape[1])
                pair = frame.window(top, left, inside)
                fus, ulm = padded(pair.fus, size), padded(pair.ulm, size)
                where = position_window(frame.shape, top, left, (size, size))
                if not known or rng.random() < self.without_position:
                    where = np.zeros_like(where)
                if self.flip and rng.random() < 0.5:
                    fus, ulm, where = fus[:, ::-1], ulm[:, ::-1], where[..., ::-1].copy()
                    where[1] *= -1.0
                drawn.append((fus**exponent, ulm, where))
        fus, ulm, position = (np.stack(parts) for parts in zip(*drawn, strict=True))
        return Patches(
            *(
                np.ascontiguousarray(a, dtype=np.float32)
                for a in (fus[:, None], ulm[:, None], position)
            )
        )

    def typical(self, n: int) -> list[PreparedPair]:
        """Whole frames of the first ``n`` phantoms, each recorded cleanly."""
        frames = []
        for path in self.phantoms[:n]:
            scene = read_scene(path)
            clean = record(scene, self.params, np.random.default_rng(0))
            frame = RecordedFrame.of(scene, clean, self._pixel(self.params))
            frames.append(frame.window(0, 0, frame.shape))
        return frames

    def _scene(self, rng: np.random.Generator) -> Scene:
        files = self.maps if self.maps and rng.random() < self.share else self.phantoms
        return read_scene(files[int(rng.integers(len(files)))])

    def _pixel(self, params: RecordingParams) -> float:
        """Pixel of the generator's grid, µm of the scene."""
        return self.pixel_um * params.wavelength_um / NATIVE_UM / params.magnified


@dataclass(frozen=True, slots=True)
class MixedStream:
    """Patches of two streams in every batch.

    Attributes
    ----------
    first, second : Stream
    share : float
        Of patches that are of the second.
    """

    first: Stream
    second: Stream
    share: float

    def patches(self, rng: np.random.Generator, n: int, size: int) -> Patches:
        """Draw from both; in the long run the share is met also where it is no whole number."""
        others = int(np.floor(n * self.share + rng.random()))
        parts = [
            stream.patches(rng, count, size)
            for stream, count in ((self.first, n - others), (self.second, others))
            if count
        ]
        return Patches(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """A recording and its target on the generator's grid, cut out as needed.

    Attributes
    ----------
    scene : Scene
    origin : tuple of float
        Top and left edge, µm of the scene.
    pixel : tuple of float
        Of the generator's grid, µm of the scene.
    shape : tuple of int
        Of the generator's grid.
    spline : (rows, columns) array
        Coefficients of the recording's grey levels on its native pixels.
    visibility : (rows, columns) array
    """

    scene: Scene
    origin: tuple[float, float]
    pixel: tuple[float, float]
    shape: tuple[int, int]
    spline: Array
    visibility: Array

    @classmethod
    def of(cls, scene: Scene, recording: Recording, pixel_um: float) -> RecordedFrame:
        """Lay the generator's grid, of about ``pixel_um`` of the scene, over a recording."""
        sides = [n * p for n, p in zip(recording.power.shape, recording.pixel, strict=True)]
        rows, columns = (max(1, round(side / pixel_um)) for side in sides)
        logged = log_power(recording.power, recording.values)
        grey = to_grey(logged, fus_range(logged))
        return cls(
            scene,
            recording.origin,
            (sides[0] / rows, sides[1] / columns),
            (rows, columns),
            spline_filter(grey, order=3, mode="nearest", output=np.float32),
            recording.visibility,
        )

    def window(self, top: int, left: int, shape: tuple[int, int]) -> PreparedPair:
        """Grey fUS and the visible grey ULM of a window inside the frame."""
        native = self.spline.shape
        step = [m / n for m, n in zip(native, self.shape, strict=True)]
        first = [(o + 0.5) * s - 0.5 for o, s in zip((top, left), step, strict=True)]
        fus = affine_transform(
            self.spline, step, first, output_shape=shape, order=3, mode="nearest", prefilter=False
        )
        seen = affine_transform(
            self.visibility, step, first, output_shape=shape, order=1, mode="nearest"
        )
        return PreparedPair(np.clip(fus, 0.0, 1.0), self._grey_ulm(top, left, shape) * seen)

    def _grey_ulm(self, top: int, left: int, shape: tuple[int, int]) -> Array:
        """log(1 + n), as :func:`napari_fus_ulm.grey.intensity.ulm_to_grey` gives the frame."""
        counts = self.scene.counts
        down, across = (
            _gathering(o + first * p, p, n, m)
            for o, first, p, n, m in zip(
                self.origin, (top, left), self.pixel, shape, counts.shape, strict=True
            )
        )
        rows, columns = down.cells, across.cells
        n = down.weights @ counts[rows, columns] @ across.weights.T
        highest = self.scene.top(float(np.sqrt(self.pixel[0] * self.pixel[1])))
        return np.asarray(np.clip(np.log1p(n) / np.log1p(highest), 0.0, 1.0), dtype=np.float32)


class _Gathering(NamedTuple):
    """How pixels along one axis gather counts: from which cells, with which weights."""

    cells: slice
    weights: Array


def _gathering(first_um: float, pixel_um: float, n: int, cells: int) -> _Gathering:
    """Share of every cell of counts that lies in each of ``n`` pixels.

    Pixels finer than a cell gather from one cell's width about their centre: counts between cells
    are interpolated, and a track counts once however fine the pixels are.
    """
    centres = (first_um + (np.arange(n) + 0.5) * pixel_um) / ULM_PIXEL
    half = 0.5 * max(pixel_um / ULM_PIXEL, 1.0)
    low = max(0, int(np.floor(centres[0] - half)))
    high = min(cells, int(np.ceil(centres[-1] + half)))
    edges = np.arange(low, high, dtype=np.float64)
    overlap = np.minimum(centres[:, None] + half, edges + 1.0) - np.maximum(
        centres[:, None] - half, edges
    )
    return _Gathering(slice(low, high), np.clip(overlap, 0.0, 1.0).astype(np.float32))


class Batch(NamedTuple):
    """The patches of one step in the CPU's memory, and the seed of its noise."""

    patches: PatchBatch
    noise_seed: int


def batch_of(
    stream: Stream, seed: int, step: int, n: int, size: int, *, pinned: bool = False
) -> Batch:
    """The batch of a step: it follows from (seed, step).

    Parameters
    ----------
    stream : Stream
    seed, step : int
    n, size : int
        Patches, and their side in pixels.
    pinned : bool
        In page-locked memory, which CUDA copies in the background.
    """
    random = np.random.default_rng([seed, step])
    noise = int(random.integers(2**62))
    tensors = (
        torch.from_numpy(a).contiguous(memory_format=torch.channels_last)
        for a in stream.patches(random, n, size)
    )
    return Batch(PatchBatch(*(t.pin_memory() if pinned else t for t in tensors)), noise)


def on_device(batch: PatchBatch, device: torch.device) -> PatchBatch:
    """Patches on the network's device; pinned ones are copied while the CPU continues."""
    return PatchBatch(
        *(t.to(device, non_blocking=True) for t in (batch.fus, batch.ulm, batch.position))
    )


AHEAD = 3
"""Batches that each thread prepares ahead."""


def batches(
    stream: Stream,
    seed: int,
    steps: range,
    n: int,
    size: int,
    *,
    threads: int = 1,
    pinned: bool = False,
) -> Iterator[Batch]:
    """The batches of the steps in order, each prepared while the run learns from earlier ones.

    Parameters
    ----------
    stream : Stream
    seed, steps, n, size : int, range, int, int
        See :func:`batch_of`.
    threads : int
        Preparing threads; what they draw does not depend on their number.
    pinned : bool
        See :func:`batch_of`.
    """
    with ThreadPoolExecutor(threads, thread_name_prefix="batches") as pool:

        def prepared(step: int) -> Future[Batch]:
            return pool.submit(batch_of, stream, seed, step, n, size, pinned=pinned)

        left = iter(steps)
        waiting = deque(prepared(step) for step in islice(left, AHEAD * threads))
        try:
            while waiting:
                batch = waiting.popleft().result()
                waiting.extend(prepared(step) for step in islice(left, 1))
                yield batch
        finally:
            for one in waiting:
                one.cancel()
