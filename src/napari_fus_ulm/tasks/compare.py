"""The long work of a comparison: all generators, and figures and tables with their measures."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from napari_fus_ulm.errors import MeasureError
from napari_fus_ulm.generators import entry, names
from napari_fus_ulm.inference.events import Event, Progress
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.tasks.events import Saved, Take, loading

if TYPE_CHECKING:
    from napari_fus_ulm.evaluation.figure import Colours
    from napari_fus_ulm.evaluation.scores import Scores
    from napari_fus_ulm.generators.checkpoint import Card

PARTS = 1000
"""Units of progress of one run."""
MAPPED = "fUS was measured after the intensity map that was fitted on training pairs."


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """What a figure or a table is made of; all of it can go to a thread.

    Parameters
    ----------
    images : tuple of xarray.DataArray
        2-D scans, in reading order.
    truth : xarray.DataArray or None
        The ground truth, shown or not.
    settings : EnhanceSettings
        Whose intensity map power Doppler is measured through.
    """

    images: tuple[xr.DataArray, ...]
    truth: xr.DataArray | None
    settings: EnhanceSettings


def all_settings(like: EnhanceSettings) -> list[EnhanceSettings]:
    """Settings of every generator with bundled weights; an iterative one as mean and as sample.

    Parameters
    ----------
    like : EnhanceSettings
        Pixel, values, steps, seed and device are taken from here.
    """
    from napari_fus_ulm.generators.checkpoint import bundled

    shared = {
        name: getattr(like, name)
        for name in (
            "pixel_um",
            "values",
            "steps",
            "seed",
            "batch",
            "position",
            "device",
            "precision",
        )
    }
    found = []
    shipped = {path.stem for path in bundled()}
    for name in names():
        if name in shipped:
            base = EnhanceSettings(generator=name, **shared)
            if entry(name).iterative:
                found.append(dataclasses.replace(base, mode="accurate"))
            found.append(base)
    return found


def run_all(take: Take, runs: Sequence[EnhanceSettings]) -> Iterator[Event]:
    """Enhance one image with several settings; progress is over all of them.

    Yields
    ------
    Progress, Notice, Finished
        One `Finished` a run.
    """
    yield from loading()
    from napari_fus_ulm.inference.enhance import enhance_events

    fus = take()
    for number, settings in enumerate(runs):
        what = f"{entry(settings.generator).title} · {number + 1} of {len(runs)}"
        yield Progress(number * PARTS, len(runs) * PARTS, what)
        for event in enhance_events(fus, settings):
            if isinstance(event, Progress):
                done = event.done / event.total if event.total else 0.0
                at = number * PARTS + round(PARTS * done)
                yield Progress(at, len(runs) * PARTS, what)
            else:
                yield event


def figure_run(
    compared: Compared, path: Path, *, width_mm: float, colours: Colours
) -> Iterator[Progress | Saved]:
    """Draw and write the figure, with measures where there is a ground truth."""
    from napari_fus_ulm.evaluation.figure import figure, save_figure

    scores = yield from _scores(compared)
    yield Progress(0, 0, "Drawing…")
    truth = "" if compared.truth is None else str(compared.truth.name)
    drawn = figure(
        compared.images,
        scores=scores,
        truth=truth,
        width_mm=width_mm,
        colours=colours,
        note=_note(compared),
    )
    yield Saved(save_figure(path, drawn))


def metrics_run(compared: Compared, path: Path) -> Iterator[Progress | Saved]:
    """Measure every image and write the table.

    Raises
    ------
    MeasureError
        If there is no ground truth.
    """
    from napari_fus_ulm.evaluation.figure import metrics_table
    from napari_fus_ulm.io.atomic import write_text

    if compared.truth is None:
        raise MeasureError("There is no ground truth to measure by; choose one above.")
    scores = yield from _scores(compared)
    yield Saved(write_text(path, metrics_table(compared.images, scores, str(compared.truth.name))))


def _scores(compared: Compared) -> Generator[Progress, None, dict[str, Scores]]:
    """Measures of every image but the ground truth, by name."""
    truth = compared.truth
    if truth is None:
        return {}
    from napari_fus_ulm.evaluation.figure import measure

    found: dict[str, Scores] = {}
    images = [image for image in compared.images if image.name != truth.name]
    for number, image in enumerate(images):
        yield Progress(number, len(images), f"Measuring {number + 1} of {len(images)}")
        found[str(image.name)] = measure(_measured(image, compared.settings), truth)
    return found


def _measured(image: xr.DataArray, settings: EnhanceSettings) -> xr.DataArray:
    """What is measured of an image: power Doppler passes the intensity map, as in Enhance."""
    if image.attrs.get("modality") != "fus":
        return image
    from napari_fus_ulm.inference.enhance import input_on_grid

    return input_on_grid(image, _usable(settings)[0]).rename(image.name)


def _note(compared: Compared) -> str:
    """Say what has been done to power Doppler before it was measured, where something has."""
    fus = any(image.attrs.get("modality") == "fus" for image in compared.images)
    if compared.truth is None or not fus:
        return ""
    return MAPPED if _usable(compared.settings)[1].training.get("input_map") else ""


def _usable(settings: EnhanceSettings) -> tuple[EnhanceSettings, Card]:
    """Settings and the card of their weights; the defaults where those have been moved since."""
    from napari_fus_ulm.errors import CheckpointError
    from napari_fus_ulm.generators.checkpoint import bundled_weights, read_card

    try:
        path = settings.weights or bundled_weights(settings.generator)
        return settings, read_card(Path(path))
    except CheckpointError:
        default = EnhanceSettings()
        return default, read_card(bundled_weights(default.generator))
