"""From a fUS scan to a ULM-like one: the path shared by widget, command line and notebook."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from collections.abc import Generator as YieldingGenerator
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.generators.base import Generator
from napari_fus_ulm.grey.intensity_map import apply_monotone_map
from napari_fus_ulm.grid import Shape
from napari_fus_ulm.inference.enhancement import Enhancement
from napari_fus_ulm.inference.events import (
    Event,
    Finished,
    Notice,
    Preview,
    Progress,
    SliceDone,
)
from napari_fus_ulm.inference.patches import Patches
from napari_fus_ulm.inference.prepare import Prepared, prepare
from napari_fus_ulm.inference.region import Region
from napari_fus_ulm.inference.results import finish, plane_on_result, shown_pixels
from napari_fus_ulm.inference.samplers import Estimate
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.inference.tiles import Tile
from napari_fus_ulm.inference.translate import (
    Applied,
    Frame,
    Tick,
    frame_noise,
    sample_frame,
    sample_patches,
)
from napari_fus_ulm.plausible import GIVEN
from napari_fus_ulm.scan import make_scan

Array = npt.NDArray[np.float32]
HELD_SPREAD = (
    "The spread is that of samples held near the mean (departure {departure:g}), so it "
    "underestimates the uncertainty; the sampler DDIM gives that of free samples."
)
NoiseSource = Callable[[Shape, int], torch.Tensor]


def enhance(
    fus: xr.DataArray | npt.ArrayLike,
    settings: EnhanceSettings | None = None,
    *,
    spacing: tuple[float, float] | float | None = None,
    **overrides: Any,
) -> Enhancement:
    """Turn a fUS image or stack into a ULM-like one.

    Parameters
    ----------
    fus : xarray.DataArray or array-like
        Power Doppler with mm coordinates (see :mod:`napari_fus_ulm.scan`), or a plain array
        (..., depth, lateral) with ``spacing``.
    settings : EnhanceSettings, optional
    spacing : float or tuple of float, optional
        Pixel size in mm (depth, lateral), for a plain array.
    **overrides
        Settings to change, such as ``mode="balanced"``.

    Returns
    -------
    Enhancement

    Raises
    ------
    ScanError, ValueError, CheckpointError, EnhanceError
        With a sentence about what is wrong and what to do.

    Examples
    --------
    >>> result = enhance(power_doppler, spacing=0.1, mode="accurate")  # doctest: +SKIP
    >>> result.image  # doctest: +SKIP
    """
    chosen = dataclasses.replace(settings or EnhanceSettings(), **overrides)
    if not isinstance(fus, xr.DataArray):
        if spacing is None:
            raise ScanError("A plain array needs its pixel size: pass spacing=(dy, dx) in mm.")
        fus = make_scan(np.asarray(fus), spacing=spacing, modality="fus", source="array")
        fus = fus.assign_attrs({GIVEN: True})
    for event in enhance_events(fus, chosen):
        if isinstance(event, Finished):
            return event.enhancement
    raise RuntimeError("The run ended without a result.")


def enhance_events(fus: xr.DataArray, settings: EnhanceSettings) -> Iterator[Event]:
    """The same as :func:`enhance`, event by event. Stopping the iteration cancels the run.

    Yields
    ------
    Notice
        Assumptions made and fallbacks taken.
    Progress, Preview
        After every batch of patches; after every step.
    SliceDone, Finished
    """
    started = time.monotonic()
    settings = settings.resolved()
    ready = prepare(fus, settings)
    steps, samples = evaluations(settings, ready.applied.model)
    if samples > 1 and ready.applied.model.iterative and settings.sampler == "around-mean":
        ready.notices.append(HELD_SPREAD.format(departure=settings.departure))
    for sentence in ready.notices:
        yield Notice(sentence)
    images: list[Array] = []
    spreads: list[Array] = []
    known: list[Patches] = []
    for number, plane in enumerate(ready.planes):
        seen = _Moments(ready.target.shape)
        for sample in range(samples if plane.limits else 0):
            grey, patches = yield from _sample_events(ready, settings, number, sample)
            seen.add(grey)
            if patches is not None and len(ready.planes) == samples == 1 and not ready.region:
                known.append(patches)
            if samples > 1:
                yield Preview(
                    plane_on_result(ready, seen.mean()),
                    (sample + 1) * steps,
                    samples * steps,
                    number,
                )
        images.append(shown_pixels(ready, seen.mean()))
        if samples > 1:
            spreads.append(shown_pixels(ready, seen.deviation()))
        yield SliceDone(number, len(ready.planes))
    result = finish(ready, settings, images, spreads, time.monotonic() - started)
    yield Finished(dataclasses.replace(result, patches=known[0] if known else None))


def _sample_events(
    ready: Prepared, settings: EnhanceSettings, number: int, sample: int
) -> YieldingGenerator[Event, None, tuple[Array, Patches | None]]:
    """Draw one sample of one plane: grey levels on the generator's grid, and its patches.

    Patches only where each was sampled on its own.
    """
    model, frame, plane = ready.applied.model, ready.frame(number), ready.planes[number]
    steps, samples = evaluations(settings, model)
    noise = noise_source(model, settings, (settings.seed, plane.stream, sample))
    before = (number * samples + sample) * steps
    total = len(ready.planes) * samples * steps
    which = f"sample {sample + 1}/{samples}" if samples > 1 else ""
    label = " · ".join(part for part in (plane.label, which) if part)
    grey = np.zeros(frame.shape, np.float32)
    patches: Patches | None = None
    share = 0.0
    way = settings.application.fusion
    for event in _walk(ready.applied, frame, noise, steps, way, ready.region):
        if isinstance(event, Tick):
            share += event.share
            # Hundredths of an evaluation, so that counts stay whole numbers.
            yield Progress(round(100 * (before + share)), 100 * total, label)
        elif isinstance(event, Estimate):
            share = float(event.step)
            grey = np.clip(model.to_grey(event.clean).numpy()[0, 0], 0.0, 1.0)
            if ready.region is not None and way == "per-step":
                grey = ready.region.in_frame(grey, frame.shape)
            if samples == 1:
                yield Preview(plane_on_result(ready, grey), event.step, event.steps, number)
        elif isinstance(event, Patches):
            patches = to_grey(event, model)
        else:
            if isinstance(event, Notice):
                ready.notices.append(event.message)
            yield event
    return grey, patches


def _walk(
    applied: Applied,
    frame: Frame,
    noise: NoiseSource,
    steps: int,
    fusion: str,
    region: Region | None = None,
) -> Iterator[Tick | Notice | Patches | Estimate]:
    """Sample one frame with either way of fusing; both end with the final estimate.

    Of a region, fusion per step gives what it samples, and fusion at the end the whole frame,
    in which other patches are missing. The noise is the whole frame's.
    """
    if fusion == "per-step":
        inside = (...,) if region is None else (..., *region.sampled)
        part = Frame(frame.fus[inside], frame.position[inside])
        yield from sample_frame(applied, part, lambda n: noise(frame.shape, n)[inside], steps)
        return
    whole = lru_cache(maxsize=None)(partial(noise, applied.tiling(frame.shape).padded))

    def cut(tile: Tile, step: int) -> torch.Tensor:
        return whole(step)[0, :, tile.rows, tile.columns]

    keep = (lambda tile: True) if region is None else region.touches
    patches = yield from sample_patches(applied, frame, cut, steps, keep)
    yield patches
    yield Estimate(steps, steps, torch.from_numpy(patches.blend()[0])[None, None])


def to_grey(patches: Patches, model: Generator) -> Patches:
    """Patches in grey levels instead of model units."""
    grey = model.to_grey(torch.from_numpy(patches.images)).numpy()
    return dataclasses.replace(patches, images=np.clip(grey, 0.0, 1.0))


def noise_source(model: Generator, settings: EnhanceSettings, key: tuple[int, ...]) -> NoiseSource:
    """The noise of a frame at each step, which follows from ``key`` alone.

    *Accurate* gives a one-shot generator zero noise, which makes it deterministic. An iterative
    one gives its conditional mean from any noise.
    """

    def drawn(shape: Shape, step: int) -> torch.Tensor:
        if settings.mode == "accurate" and not model.iterative:
            return torch.zeros((1, 1, *shape))
        return frame_noise(shape, *key, step) if step else frame_noise(shape, *key)

    return drawn


def input_on_grid(fus: xr.DataArray, settings: EnhanceSettings) -> xr.DataArray:
    """The input as a baseline: cubic interpolation, through the card's intensity map.

    Parameters
    ----------
    fus : xarray.DataArray
        One 2-D plane.

    Returns
    -------
    xarray.DataArray
        Grey levels in [0, 1] on the result's grid. Without a map in the card, the input's own.
    """
    ready = prepare(fus, settings)
    grey = ready.frame(0).fus[0]
    table = ready.card.training.get("input_map")
    return plane_on_result(ready, apply_monotone_map(grey, table) if table else grey)


def evaluations(settings: EnhanceSettings, model: Generator) -> tuple[int, int]:
    """Steps of a sample and number of samples that the mode takes with this generator."""
    steps = settings.steps if model.iterative and settings.departs else 1
    differing = settings.departs if model.iterative else model.stochastic
    return steps, settings.samples if settings.mode == "balanced" and differing else 1


class _Moments:
    """Running mean and standard deviation of the samples of one plane (Welford)."""

    def __init__(self, shape: Shape) -> None:
        self.n = 0
        self._mean = np.zeros(shape, np.float64)
        self._squares = np.zeros(shape, np.float64)

    def add(self, image: Array) -> None:
        self.n += 1
        change = image - self._mean
        self._mean += change / self.n
        self._squares += change * (image - self._mean)

    def mean(self) -> Array:
        return self._mean.astype(np.float32)

    def deviation(self) -> Array:
        return np.sqrt(self._squares / max(self.n - 1, 1)).astype(np.float32)
