"""From a scan to a generator's input: checked, with all choices made, on its grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import CheckpointError, ScanError, SettingsError
from napari_fus_ulm.generators.checkpoint import Card
from napari_fus_ulm.generators.device import choose_device, choose_precision
from napari_fus_ulm.generators.library import weights_file
from napari_fus_ulm.generators.loaded import loaded_generator
from napari_fus_ulm.grey.condition import condition_grey
from napari_fus_ulm.grey.intensity import FusRange, fus_range, is_signed, log_power
from napari_fus_ulm.grey.native import (
    NATIVE_UM,
    generator_pixel_um,
    native_shape,
    native_um,
    with_native_um,
)
from napari_fus_ulm.grey.position import position_channels
from napari_fus_ulm.grey.resampling import area_mean
from napari_fus_ulm.grid import Grid, Shape
from napari_fus_ulm.inference.affordable import check_affordable
from napari_fus_ulm.inference.departure import around
from napari_fus_ulm.inference.familiarity import Familiarity, familiarity
from napari_fus_ulm.inference.region import Region, region_of
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.inference.translate import Applied, Frame
from napari_fus_ulm.io.guesses import guess_values
from napari_fus_ulm.plausible import check_size
from napari_fus_ulm.scan import (
    GAPS_KNOWN,
    SCRUBBED,
    check_image,
    check_scan,
    doubts_of,
    gaps_in,
    planes,
    share_in_words,
)

Array = npt.NDArray[np.float32]


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
        Range shared by a time series; None for a constant plane, which stays black.
    """

    label: str
    stream: int
    logged: Array
    limits: FusRange | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A scan ready for the generator.

    Attributes
    ----------
    scan : xarray.DataArray
    applied : Applied
    card : Card
    weights : Path
    values : str
        What the input's numbers were taken to be.
    grid, native, target, result : Grid
        Of the planes as they arrived, at native sampling, on the generator's pixels, and of the
        result; all over one field.
    region : Region or None
        The part that is drawn; None for all of it.
    planes : list of Plane
    position : (3, height, width) array
        Channels of the generator's grid.
    familiarity : Familiarity
        How far the scan looks like fUS.
    notices : list of str
        Messages to the user; more are added during the run.
    """

    scan: xr.DataArray
    applied: Applied
    card: Card
    weights: Path
    values: str
    grid: Grid
    native: Grid
    target: Grid
    result: Grid
    region: Region | None
    planes: list[Plane]
    position: Array
    familiarity: Familiarity
    notices: list[str]

    @property
    def shown(self) -> Grid:
        """Grid of what is drawn: the whole result, or its region."""
        part = self.region
        return self.result if part is None else self.result.part(part.rows, part.columns)

    def frame(self, number: int) -> Frame:
        """What one plane is conditioned on, on the generator's grid."""
        plane = self.planes[number]
        grey = condition_grey(plane.logged, self.native.shape, self.target.shape, plane.limits)
        return Frame(grey[None], self.position)


def prepare(fus: xr.DataArray, settings: EnhanceSettings) -> Prepared:
    """Check the input, load the generator, and bring every plane onto its grid.

    Raises
    ------
    ScanError, ValueError, CheckpointError
        With a sentence about what is wrong and what to do.
    """
    fus = check_scan(fus)
    check_size(fus)
    blank = _check_planes(fus)
    fus = with_native_um(fus, settings.native_um)
    weights = weights_file(settings.generator, settings.weights)
    device = choose_device(settings.device)
    model, card = loaded_generator(weights, device)
    if settings.generator != card.generator:
        raise CheckpointError(
            f"{weights.name} holds weights of the generator “{card.generator}”, "
            f"not of “{settings.generator}”."
        )
    finest = generator_pixel_um(card.pixel_um, fus)
    if settings.pixel_um < finest - 0.06:  # a gain is offered to a tenth of a µm
        raise SettingsError(
            f"The result pixel is {settings.pixel_um:g} µm, finer than the {finest:.4g} µm at "
            f"which this generator works on an image sampled every {native_um(fus):.0f} µm. Choose "
            f"{finest:.4g} µm or more."
        )
    way = settings.application
    applied = Applied(
        model,
        device,
        choose_precision(settings.precision, device),
        way.patch,
        way.overlap,
        way.window,
        settings.batch,
        settings.sampler,
        around(settings.departure),
    )
    values, notices = _values(fus, settings)
    notices += _without_signal(fus, values)
    familiar = familiarity(fus)
    if familiar.sentence:
        notices.append(familiar.sentence)
    grid = Grid.of(fus)
    native = grid.with_shape(native_shape(fus))
    if native.shape != grid.shape:
        notices.append(
            "The pixels are finer than the recording resolves; the image was averaged to "
            f"{native.shape[1]} × {native.shape[0]} pixels of about {native_um(fus):.0f} µm "
            "before it was enhanced."
        )
    if native_um(fus) < NATIVE_UM:
        source = "as set" if settings.native_um is not None else "estimated from the image"
        notices.append(
            f"Native sampling: {native_um(fus):.0f} µm ({source}); the generator worked at "
            f"{finest:.3g} µm per pixel."
        )
    doubts = doubts_of(fus)
    notices += doubts.values()
    if not fus.attrs.get("spacing_known", True) and "spacing" not in doubts:
        dy, dx = grid.spacing_mm
        notices.append(f"Pixel size not in the file: {dy:g} × {dx:g} mm assumed.")
    target, result = grid.with_pixel_um(finest), grid.with_pixel_um(settings.pixel_um)
    kept = 2 if settings.mode == "balanced" else 1
    check_affordable(fus, target.shape, result.shape, kept)
    position, messages = _position(grid.extent_mm, target.shape, settings, card)
    notices += messages
    several = fus.ndim > 2 and fus.shape[0] > 1
    if several and not fus.attrs.get("leading_axis_known", True) and "leading" not in doubts:
        notices.append(
            f"The file does not say whether its {fus.shape[0]} images are slices or times; "
            f"{'times' if fus.dims[0] == 'time' else 'slices'} are assumed."
        )
    ready_planes = _planes(fus, values, native.shape, blank)
    if blank:
        constant = ", ".join(ready_planes[number].label for number in blank)
        notices.append(f"Constant images, nothing to enhance: {constant}; left black.")
    return Prepared(
        scan=fus,
        applied=applied,
        card=card,
        weights=weights,
        values=values,
        grid=grid,
        native=native,
        target=target,
        result=result,
        region=None if settings.region is None else region_of(settings.region, result, target),
        planes=ready_planes,
        position=position,
        familiarity=familiar,
        notices=notices,
    )


def _check_planes(fus: xr.DataArray) -> list[int]:
    """Check every plane; return the numbers of those in which there is nothing to enhance.

    Raises
    ------
    ScanError
        If a plane cannot be enhanced (naming it), or there is nothing in any.
    """
    blank: list[int] = []
    every = list(planes(fus))
    for number, (_, plane) in enumerate(every):
        known = plane.values[~(np.isnan(plane.values) | np.isneginf(plane.values))]
        if not known.size and len(every) == 1:
            named = f"“{fus.name}” " if fus.name else ""
            raise ScanError(f"The image {named}holds no value at all: every pixel is NaN.")
        lowest = known.min() if known.size else np.float32(0.0)
        try:
            check_image(plane.where(np.isfinite(plane) | np.isposinf(plane), lowest))
        except ScanError as error:
            if len(every) == 1:
                raise
            if known.size and (np.isposinf(known).any() or known.min() != known.max()):
                raise ScanError(f"Image {number + 1} of {len(every)}: {error}") from error
            blank.append(number)
            if len(blank) == len(every):
                raise
    return blank


def _without_signal(fus: xr.DataArray, values: str) -> list[str]:
    """Say which pixels and frames hold no signal, and what is done about negative power."""
    notices: list[str] = []
    if scrubbed := fus.attrs.get(SCRUBBED):
        numbers = ", ".join(str(n + 1) for n in scrubbed)
        notices.append(f"Frames without any value were left out of the mean: {numbers}.")
    pixels, gaps = fus.values, gaps_in(fus.values)
    if gaps and not fus.attrs.get(GAPS_KNOWN, False):
        notices.append(
            f"{share_in_words(gaps, fus.size)} of the pixels have no value (NaN or −∞); they are "
            "taken as no signal."
        )
    below = int((pixels < 0).sum()) if values != "db" else 0
    if below and is_signed(pixels[np.isfinite(pixels)], values):
        notices.append(
            f"{share_in_words(below, fus.size)} of the pixels are negative, and bright: the "
            "sign is taken for the direction of flow, and the magnitude is enhanced."
        )
    elif below > 0.001 * fus.size:
        notices.append(
            f"{share_in_words(below, fus.size)} of the pixels are negative, and faint; they are "
            "taken as no signal."
        )
    return notices


def _values(fus: xr.DataArray, settings: EnhanceSettings) -> tuple[str, list[str]]:
    if settings.values != "auto":
        return settings.values, []
    guess = str(fus.attrs.get("values", "unknown"))
    if guess == "unknown":
        guess = guess_values(fus.values)
    elif not fus.attrs.get("values_guessed", False):
        return guess, []
    return guess, [f"The file does not say what its values are; “{guess}” was guessed."]


def _position(
    extent: tuple[float, float], target: Shape, settings: EnhanceSettings, card: Card
) -> tuple[Array, list[str]]:
    """Position channels, or zeros where they are off or the field of view is unlike training's."""
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
            "generator was trained on, so the position in the brain is not used."
        ]
    return known, []


def _planes(fus: xr.DataArray, values: str, native: Shape, blank: list[int]) -> list[Plane]:
    """Bring every plane to native sampling and fix its range and noise stream."""
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
