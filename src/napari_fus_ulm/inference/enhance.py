"""From a fUS scan to a ULM-like one: the one path that widget, command line and notebook share."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator as YieldingGenerator
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from napari_fus_ulm.generators.base import Generator
from napari_fus_ulm.generators.checkpoint import Card, bundled_weights, load_generator, sha256
from napari_fus_ulm.inference.device import choose_device, choose_precision
from napari_fus_ulm.inference.enhancement import Enhancement
from napari_fus_ulm.inference.errors import EnhanceError
from napari_fus_ulm.inference.events import (
    Event,
    Finished,
    Notice,
    Preview,
    Progress,
    SliceDone,
)
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
from napari_fus_ulm.pairs.baseline import apply_monotone_map
from napari_fus_ulm.pairs.grid import Shape, area_mean, grid_shape
from napari_fus_ulm.pairs.intensity import FusRange, fus_range, log_power
from napari_fus_ulm.pairs.patches import position_channels
from napari_fus_ulm.pairs.prepare import condition_grey, native_shape
from napari_fus_ulm.scan import (
    ScanError,
    check_image,
    check_scan,
    extent_of,
    guess_values,
    make_scan,
    planes,
    spacing_of,
)

Array = npt.NDArray[np.float32]

_CARRIED = ("voxel_to_world", "slice_spacing_known", "leading_axis_known", "time_known")
"""Attributes of the input's axes, which the result shares."""


@dataclass(frozen=True, slots=True)
class Plane:
    """One plane at native sampling.

    Attributes
    ----------
    label : str
        Such as "slice 3/7"; empty for a single image.
    stream : int
        Noise stream: frames of a time series share one, slices have their own.
    logged : (height, width) array
        Logarithm of power.
    limits : FusRange or None
        Range shared by a time series; None for a plane that is the same everywhere and stays
        black.
    """

    label: str
    stream: int
    logged: Array
    limits: FusRange | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A scan ready for the generator.

    Attributes
    ----------
    scan : xarray.DataArray
    applied : Applied
    card : Card
    weights : Path
    values : str
        What the numbers were taken for.
    native, target, result : tuple of int
        Shapes of the planes: at native sampling, on the generator's grid, of the result.
    planes : list of Plane
    position : (3, height, width) array
        Channels of the generator's grid.
    notices : list of str
        What the user was told; grows while the run goes on.
    """

    scan: xr.DataArray
    applied: Applied
    card: Card
    weights: Path
    values: str
    native: Shape
    target: Shape
    result: Shape
    planes: list[Plane]
    position: Array
    notices: list[str]

    def frame(self, number: int) -> Frame:
        """What one plane is conditioned on, on the generator's grid."""
        plane = self.planes[number]
        grey = condition_grey(plane.logged, self.native, self.target, plane.limits)
        return Frame(grey[None], self.position)


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
            raise ValueError("A plain array needs its pixel size: pass spacing=(dy, dx) in mm.")
        fus = make_scan(np.asarray(fus), spacing=spacing, modality="fus", source="array")
    for event in enhance_events(fus, chosen):
        if isinstance(event, Finished):
            return event.enhancement
    raise EnhanceError("The run ended without a result.")


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
    begun = time.monotonic()
    ready = prepare(fus, settings)
    for sentence in ready.notices:
        yield Notice(sentence)
    steps, samples = evaluations(settings, ready.applied.model)
    images: list[Array] = []
    spreads: list[Array] = []
    for number, plane in enumerate(ready.planes):
        seen = _Moments(ready.target)
        for sample in range(samples if plane.limits else 0):
            grey = yield from _sample_events(ready, settings, number, sample)
            seen.add(grey)
            if samples > 1:
                yield Preview(
                    plane_on_result(ready, seen.mean()),
                    (sample + 1) * steps,
                    samples * steps,
                    number,
                )
        images.append(_bin(seen.mean(), ready.result))
        if samples > 1:
            spreads.append(_bin(seen.deviation(), ready.result))
        yield SliceDone(number, len(ready.planes))
    yield Finished(_finish(ready, settings, images, spreads, time.monotonic() - begun))


def _sample_events(
    ready: Prepared, settings: EnhanceSettings, number: int, sample: int
) -> YieldingGenerator[Event, None, Array]:
    """Draw one sample of one plane; return its grey levels on the generator's grid."""
    model, frame, plane = ready.applied.model, ready.frame(number), ready.planes[number]
    steps, samples = evaluations(settings, model)
    key = (settings.seed, plane.stream, sample)
    before = (number * samples + sample) * steps
    total = len(ready.planes) * samples * steps
    which = f"sample {sample + 1}/{samples}" if samples > 1 else ""
    label = " · ".join(part for part in (plane.label, which) if part)
    grey = np.zeros(frame.shape, np.float32)
    share = 0.0
    for event in _walk(ready.applied, frame, key, steps, settings.fusion):
        if isinstance(event, Tick):
            share += event.share
            # Hundredths of an evaluation, so that counts stay whole numbers.
            yield Progress(round(100 * (before + share)), 100 * total, label)
        elif isinstance(event, Estimate):
            share = float(event.step)
            grey = np.clip(model.to_grey(event.clean).numpy()[0, 0], 0.0, 1.0)
            if samples == 1:
                yield Preview(plane_on_result(ready, grey), event.step, event.steps, number)
        else:
            if isinstance(event, Notice):
                ready.notices.append(event.message)
            yield event
    return grey


def _walk(
    applied: Applied, frame: Frame, key: tuple[int, ...], steps: int, fusion: str
) -> Iterator[Tick | Notice | Estimate]:
    """Sample one frame with either way of fusing; both end with the estimate that counts."""
    if fusion == "per-step":
        yield from sample_frame(applied, frame, frame_noise(frame.shape, *key), steps)
        return
    whole = frame_noise(applied.tiling(frame.shape).padded, *key)

    def cut(tile: Tile) -> torch.Tensor:
        return whole[0, :, tile.rows, tile.columns]

    image, _ = yield from sample_patches(applied, frame, cut, steps)
    yield Estimate(steps, steps, torch.from_numpy(image)[None, None])


def input_on_grid(fus: xr.DataArray, settings: EnhanceSettings) -> xr.DataArray:
    """The input as the row to beat: cubic interpolation, through the card's intensity map.

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
    """Steps of a sample and number of samples that the mode asks of this generator."""
    steps = settings.steps if model.iterative and settings.mode != "accurate" else 1
    return steps, settings.samples if settings.mode == "balanced" else 1


def prepare(fus: xr.DataArray, settings: EnhanceSettings) -> Prepared:
    """Check the input, load the generator, and bring every plane onto its grid.

    Raises
    ------
    ScanError, ValueError, CheckpointError
        With a sentence about what is wrong and what to do.
    """
    fus = check_scan(fus)
    blank = _check_planes(fus)
    weights = Path(settings.weights) if settings.weights else bundled_weights(settings.generator)
    model, card = _loaded(weights, weights.stat().st_mtime_ns if weights.exists() else 0)
    if settings.generator != card.generator:
        raise ValueError(
            f"{weights.name} holds weights of the generator {card.generator!r}, "
            f"not of {settings.generator!r}."
        )
    if settings.pixel_um < card.pixel_um - 1e-6:
        raise ValueError(
            f"The result pixel is {settings.pixel_um:g} µm, finer than the {card.pixel_um:g} µm "
            f"this generator was trained at. Choose {card.pixel_um:g} µm or more."
        )
    device = choose_device(settings.device)
    applied = Applied(
        model.to(device),
        device,
        choose_precision(settings.precision, device),
        settings.patch,
        settings.overlap,
        settings.window,
        settings.batch,
    )
    values, notices = _values(fus, settings)
    native = native_shape(fus)
    if native != fus.shape[-2:]:
        notices.append(
            f"The pixels are finer than fUS can resolve; the image was averaged to "
            f"{native[1]} × {native[0]} pixels of about 100 µm before it was enhanced."
        )
    if not fus.attrs.get("spacing_known", True):
        dy, dx = spacing_of(fus)
        notices.append(f"Pixel size not in the file: {dy:g} × {dx:g} mm assumed.")
    extent = extent_of(fus)
    target = grid_shape(extent, card.pixel_um)
    position, said = _position(extent, target, settings, card)
    notices += said
    if not fus.attrs.get("leading_axis_known", True):
        notices.append(
            f"The file does not say whether its {fus.shape[0]} images are slices or times; "
            f"{'times' if fus.dims[0] == 'time' else 'slices'} were assumed."
        )
    found = _planes(fus, values, native, blank)
    if blank:
        same = ", ".join(found[number].label for number in blank)
        notices.append(f"Nothing to enhance, the same value everywhere: {same}; left black.")
    result = grid_shape(extent, settings.pixel_um)
    return Prepared(
        fus, applied, card, weights, values, native, target, result, found, position, notices
    )


def _check_planes(fus: xr.DataArray) -> list[int]:
    """Check every plane; return the numbers of those that are the same everywhere.

    Raises
    ------
    ScanError
        If a plane cannot be enhanced (naming it), or all are the same everywhere.
    """
    blank: list[int] = []
    every = list(planes(fus))
    for number, (_, plane) in enumerate(every):
        try:
            check_image(plane)
        except ScanError as error:
            if len(every) == 1:
                raise
            values = plane.values
            if not np.isfinite(values).all() or values.min() != values.max():
                raise ScanError(f"Image {number + 1} of {len(every)}: {error}") from error
            blank.append(number)
            if len(blank) == len(every):
                raise
    return blank


@lru_cache(maxsize=2)
def _loaded(weights: Path, modified: int) -> tuple[Generator, Card]:
    """Keep the last generators in memory; ``modified`` makes a rewritten file a new one."""
    model, card = load_generator(weights)
    return model.to(memory_format=torch.channels_last), card


def _values(fus: xr.DataArray, settings: EnhanceSettings) -> tuple[str, list[str]]:
    if settings.values != "auto":
        return settings.values, []
    guess = str(fus.attrs.get("values", "unknown"))
    if guess == "unknown":
        guess = guess_values(fus.values)
    elif not fus.attrs.get("values_guessed", False):
        return guess, []
    return guess, [f"The file does not say what its values are; «{guess}» was guessed."]


def _position(
    extent: tuple[float, float], target: Shape, settings: EnhanceSettings, card: Card
) -> tuple[Array, list[str]]:
    """Position channels, or zeros where the prior is off or the field of view is foreign."""
    known = position_channels(target)
    if settings.position == "off":
        return np.zeros_like(known), []
    seen = card.training.get("field_mm")
    slack = 0.2
    if seen and not all(
        low * (1 - slack) <= side <= high * (1 + slack)
        for side, (low, high) in zip(extent, seen, strict=True)
    ):
        return np.zeros_like(known), [
            f"The field of view ({extent[1]:.1f} × {extent[0]:.1f} mm) is unlike those the "
            "generator was trained on, so it is not told where in the brain a patch lies."
        ]
    return known, []


def _planes(fus: xr.DataArray, values: str, native: Shape, blank: list[int]) -> list[Plane]:
    """Bring every plane to native sampling and settle its range and noise stream."""
    every = [(_place(index), plane) for index, plane in planes(fus)]
    logs: list[Array] = []
    for number, (_, plane) in enumerate(every):
        logged = (
            np.zeros(plane.shape, np.float32)
            if number in blank
            else (log_power(plane.values, values))
        )
        logs.append(logged if logged.shape == native else area_mean(logged, native))
    # Frames of one time series differ in nothing but the data: same range, same noise.
    places = list(dict.fromkeys(place for place, _ in every))
    limits = {}
    for place in places:
        series = [
            log
            for n, ((at, _), log) in enumerate(zip(every, logs, strict=True))
            if at == place and n not in blank
        ]
        if series:
            limits[place] = fus_range(np.stack(series))
    word = "time" if fus.dims[:-2] == ("time",) else "slice"
    return [
        Plane(
            f"{word} {n + 1}/{len(every)}" if len(every) > 1 else "",
            places.index(place),
            log,
            None if n in blank else limits[place],
        )
        for n, ((place, _), log) in enumerate(zip(every, logs, strict=True))
    ]


def _place(index: dict[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple((dim, n) for dim, n in index.items() if dim != "time")


def _bin(image: Array, shape: Shape) -> Array:
    return image if image.shape == shape else area_mean(image, shape)


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


def _coordinates(ready: Prepared, shape: Shape) -> dict[str, Any]:
    """Pixel centres of a grid that fills the input's extent exactly."""
    found: dict[str, Any] = {}
    extent, spacing = extent_of(ready.scan), spacing_of(ready.scan)
    for axis, (dim, name) in enumerate((("j", "y"), ("i", "x"))):
        before = float(ready.scan.coords[name].values[0]) - spacing[axis] / 2
        step = extent[axis] / shape[axis]
        centres = before + (np.arange(shape[axis]) + 0.5) * step
        found[name] = (dim, centres, {"units": "mm"})
    return found


def plane_on_result(ready: Prepared, grey: Array) -> xr.DataArray:
    """One plane of grey levels on the result's grid, with its coordinates."""
    image = _bin(grey, ready.result)
    return xr.DataArray(
        image,
        dims=("j", "i"),
        coords=_coordinates(ready, image.shape),
        attrs={"modality": "ulm", "generated": True, "values": "grey"},
    )


def _finish(
    ready: Prepared,
    settings: EnhanceSettings,
    images: list[Array],
    spreads: list[Array],
    seconds: float,
) -> Enhancement:
    provenance = _provenance(ready, settings)

    def assemble(stack: list[Array], name: str) -> xr.DataArray:
        leading = ready.scan.dims[:-2]
        shape = (*ready.scan.shape[:-2], *ready.result)
        coords = {
            key: value
            for key, value in ready.scan.coords.items()
            if set(value.dims) <= set(leading)
        }
        return xr.DataArray(
            np.stack(stack).reshape(shape),
            dims=(*leading, "j", "i"),
            coords={**coords, **_coordinates(ready, ready.result)},
            name=name,
            attrs={
                "modality": "ulm",
                "values": "grey",
                "generated": True,
                "source": provenance["input"],
                "spacing_known": bool(ready.scan.attrs.get("spacing_known", True)),
                "provenance": provenance,
                **{key: ready.scan.attrs[key] for key in _CARRIED if key in ready.scan.attrs},
            },
        )

    result = Enhancement(
        assemble(images, "enhanced"),
        assemble(spreads, "spread") if spreads else None,
        settings,
        provenance,
        seconds,
    )
    result.image.name = result.title
    if result.spread is not None:
        result.spread.name = f"{result.title} · spread"
    return result


def _provenance(ready: Prepared, settings: EnhanceSettings) -> dict[str, Any]:
    from napari_fus_ulm import __version__

    extent = extent_of(ready.scan)
    native_um = [1000.0 * side / n for side, n in zip(extent, ready.native, strict=True)]
    result_um = [1000.0 * side / n for side, n in zip(extent, ready.result, strict=True)]
    return {
        "software": f"napari-fus-ulm {__version__}",
        "torch": torch.__version__,
        "generated": True,
        "input": str(ready.scan.attrs.get("source", "")),
        "input_name": str(ready.scan.name or "fUS"),
        "values": ready.values,
        "native_pixel_um": native_um,
        "pixel_um": result_um,
        "gain": float(np.sqrt(np.prod(native_um) / np.prod(result_um))),
        "generator_title": ready.applied.model.title,
        "weights": ready.weights.name,
        "weights_sha256": sha256(ready.weights),
        "phantom_trained": bool(ready.card.training.get("phantom_trained", False)),
        "device": str(ready.applied.device),
        "precision": ready.applied.precision,
        "settings": dataclasses.asdict(settings),
        "notices": ready.notices,
    }
