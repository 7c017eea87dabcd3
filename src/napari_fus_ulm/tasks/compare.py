"""The long work of a comparison: all generators, and figures and tables with their measures."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import MeasureError
from napari_fus_ulm.generators import entry, names
from napari_fus_ulm.inference.events import Event, Notice, Progress
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.output.figures import Colours as Colours  # for the dock, too
from napari_fus_ulm.output.tables import csv_text, markdown_table
from napari_fus_ulm.output.tables import number as rounded
from napari_fus_ulm.scan import generated_truth, laid_mm
from napari_fus_ulm.tasks.events import Saved, Take, loading, plane_of
from napari_fus_ulm.tasks.record import Record, Source, record_beside, write_record
from napari_fus_ulm.tasks.task import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from napari_fus_ulm.evaluation.scores import Scores
    from napari_fus_ulm.generators.checkpoint import Card

PARTS = 1000
"""Units of progress in one run."""
MAPPED = "fUS was measured after the intensity map fitted on training pairs."
DIGITS = {
    "mse": 4,
    "ssim": 3,
    "psnr_db": 2,
    "lpips": 3,
    "r": 3,
    "cl_dice": 3,
    "recall": 3,
    "precision": 3,
}
"""Of every measure, for readers."""
FEWER_IS_BETTER = ("mse", "lpips")


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """What a figure or a table is made from; safe to hand to a thread.

    Parameters
    ----------
    images : tuple of xarray.DataArray
        2-D scans, in reading order.
    truth : xarray.DataArray or None
        The ground truth, shown or not.
    settings : EnhanceSettings
        Their intensity map is applied to power Doppler before it is measured.
    sources : mapping of str to Source
        Where the images come from, by their names; empty where no record is wanted.
    """

    images: tuple[xr.DataArray, ...]
    truth: xr.DataArray | None
    settings: EnhanceSettings
    sources: Mapping[str, Source] = field(default_factory=dict)

    @property
    def truth_name(self) -> str | None:
        """Name of the ground truth."""
        return None if self.truth is None else str(self.truth.name)

    @property
    def truth_shown(self) -> bool:
        """Whether the ground truth is one of the images."""
        return self.truth_name in [str(image.name) for image in self.images]


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
            "native_um",
            "values",
            "steps",
            "seed",
            "batch",
            "position",
            "device",
            "precision",
        )
    }
    choices = []
    shipped = {path.stem for path in bundled()}
    for name in names():
        if name in shipped:
            base = EnhanceSettings(generator=name, mode="detailed", **shared)
            if entry(name).iterative:
                choices.append(dataclasses.replace(base, mode="accurate"))
            choices.append(base)
    return choices


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


def check_one_field(images: Sequence[xr.DataArray]) -> None:
    """Refuse images that do not cover the same field of view.

    Raises
    ------
    MeasureError
        If two differ; the sentence names both and gives their extents in mm.
    """
    from napari_fus_ulm.evaluation.figure import check_one_field

    check_one_field(images)


def greys(images: Sequence[xr.DataArray]) -> list[npt.NDArray[np.float32]]:
    """Grey levels in [0, 1] of images of one field of view, on one grid."""
    from napari_fus_ulm.evaluation.figure import greys

    return greys(images)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """What images are measured by.

    Parameters
    ----------
    truth : str or None
        Name of the ground truth among the images.
    enhance : EnhanceSettings
        Their intensity map is applied to power Doppler before it is measured.
    """

    truth: str | None = None
    enhance: EnhanceSettings = field(default_factory=EnhanceSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureSettings:
    """How images are drawn beside each other.

    Parameters
    ----------
    truth : str or None
        Name of the ground truth among the images, if they are to be measured.
    truth_shown : bool
        Whether it has a panel.
    width_mm : float
        Width of the whole figure, 40 mm or more.
    colours : {"grey", "hot"}
    enhance : EnhanceSettings
        Their intensity map is applied to power Doppler before it is measured.
    """

    truth: str | None = None
    truth_shown: bool = True
    width_mm: float = 180.0
    colours: Colours = "grey"
    enhance: EnhanceSettings = field(default_factory=EnhanceSettings)


@dataclass(frozen=True, slots=True, eq=False)
class FigureReady:
    """The figure is drawn."""

    figure: Figure


@dataclass(frozen=True, slots=True)
class MeasuredImage:
    """The measures of one image.

    Attributes
    ----------
    name, generator, mode : str
        Generator and mode are empty where it is not known to be generated.
    is_input : bool
        Power Doppler, interpolated to the generator's grid.
    truth : str
        Name of the ground truth.
    moved_um : (float, float)
        How far down and right the ground truth was moved from where its file puts it.
    values : dict of str to float
        By the names of `DIGITS`.
    """

    name: str
    generator: str
    mode: str
    is_input: bool
    truth: str
    moved_um: tuple[float, float]
    values: Mapping[str, float]

    @property
    def moved(self) -> bool:
        """Whether the ground truth was moved."""
        return any(self.moved_um)


@dataclass(frozen=True, slots=True, eq=False)
class MetricsReady:
    """The table of measures."""

    rows: tuple[MeasuredImage, ...]

    @property
    def csv(self) -> str:
        """With every digit; see `rows_csv`."""
        return rows_csv(self.rows)


def rows_csv(rows: Sequence[MeasuredImage]) -> str:
    """Measures as CSV, every digit kept.

    One without a value is empty, an infinite one is "inf".
    """
    from napari_fus_ulm.evaluation.figure import COLUMNS

    table: list[Sequence[object]] = [COLUMNS]
    for one in rows:
        known = (one.name, one.generator, one.mode, one.truth, *one.moved_um)
        table.append([*known, *(one.values[name] for name in DIGITS)])
    return csv_text(table)


def rows_markdown(rows: Sequence[MeasuredImage], names: Sequence[str]) -> str:
    """Measures as Markdown, rounded, under names for people."""
    several = len({one.moved_um for one in rows}) > 1
    head = ["image", *(["ULM"] if several else []), *DIGITS]
    table = [
        [name, *([moved_words(one)] if several else []), *cells_of(one).values()]
        for name, one in zip(names, rows, strict=True)
    ]
    return markdown_table(head, table, align="l" * (1 + several) + "r" * len(DIGITS)) + "\n"


def cells_of(row: MeasuredImage) -> dict[str, str]:
    """The measures of an image, rounded for readers."""
    return {name: rounded(row.values[name], digits) for name, digits in DIGITS.items()}


def moved_words(row: MeasuredImage) -> str:
    """Where the ground truth lay when an image was measured."""
    return f"laid, {np.hypot(*row.moved_um):.0f} µm" if row.moved else "as stored"


def figure_events(compared: Compared, settings: FigureSettings) -> Iterator[Progress | FigureReady]:
    """Draw images beside each other, with their measures where there is a ground truth.

    Yields
    ------
    Progress, FigureReady
    """
    from napari_fus_ulm.evaluation.figure import figure

    scores = yield from _scores(compared)
    yield Progress(0, 0, "Drawing…")
    truth = "" if compared.truth is None else str(compared.truth.name)
    drawn = figure(
        compared.images,
        scores=scores,
        truth=truth,
        width_mm=settings.width_mm,
        colours=settings.colours,
        note=_note(compared),
    )
    yield FigureReady(drawn)


def metrics_events(
    compared: Compared,
) -> Iterator[Progress | Notice | MeasuredImage | MetricsReady]:
    """Measure every image by the ground truth, also where that lies beside its fUS and is moved.

    Yields
    ------
    Progress, Notice, MeasuredImage, MetricsReady
        One `MeasuredImage` for each image and place of the ground truth.

    Raises
    ------
    MeasureError
        If there is no ground truth.
    """
    from napari_fus_ulm.evaluation.figure import made_by, measure, places_of, values_of

    truth = compared.truth
    if truth is None:
        raise MeasureError("There is no ground truth to compare with; choose one above.")
    if about := generated_truth(truth):
        yield Notice(about)
    images = [image for image in compared.images if image.name != truth.name]
    places = places_of(truth, images)
    rows: list[MeasuredImage] = []
    total = len(places) * len(images)
    for done, (place, image) in enumerate(itertools.product(places, images)):
        yield Progress(done, total, f"Measuring {done + 1} of {total}")
        down, right = laid_mm(place)
        row = MeasuredImage(
            str(image.name),
            *made_by(image),
            image.attrs.get("modality") == "fus",
            str(truth.name),
            (1000.0 * down, 1000.0 * right),
            values_of(measure(_measured(image, compared.settings), place)),
        )
        rows.append(row)
        yield row
    yield MetricsReady(tuple(rows))


def figure_run(
    compared: Compared, path: Path, *, width_mm: float, colours: Colours
) -> Iterator[Progress | Saved]:
    """Draw the figure, and write it with the record that draws it again."""
    settings = FigureSettings(
        truth=compared.truth_name,
        truth_shown=compared.truth_shown,
        width_mm=width_mm,
        colours=colours,
        enhance=compared.settings,
    )
    for event in figure_events(compared, settings):
        if isinstance(event, FigureReady):
            yield from _written("figure", compared, settings, save_figure(event, path))
        else:
            yield event


def metrics_run(
    compared: Compared, path: Path
) -> Iterator[Progress | Notice | MeasuredImage | Saved]:
    """Measure every image, and write the table with the record that makes it again.

    Raises
    ------
    MeasureError
        If there is no ground truth.
    """
    settings = MetricsSettings(truth=compared.truth_name, enhance=compared.settings)
    for event in metrics_events(compared):
        if isinstance(event, MetricsReady):
            yield from _written("metrics", compared, settings, save_metrics(event, path))
        else:
            yield event


def _written(
    task: str, compared: Compared, settings: FigureSettings | MetricsSettings, paths: list[Path]
) -> Iterator[Saved]:
    """Write the record beside a file, if the sources of the images are known."""
    if compared.sources:
        record = Record.of(task, compared.sources, settings).with_outputs(paths)
        write_record(record_beside(paths[0]), record)
    yield from map(Saved, paths)


def save_figure(ready: FigureReady, path: Path) -> list[Path]:
    """Write a figure as PNG, SVG or PDF, by the suffix."""
    from napari_fus_ulm.output.figures import save_figure

    return [save_figure(path, ready.figure)]


def save_metrics(ready: MetricsReady, path: Path) -> list[Path]:
    """Write the table of measures as CSV."""
    from napari_fus_ulm.io.atomic import write_text

    return [write_text(path, ready.csv)]


def _compared(
    images: Mapping[str, Take], truth: str | None, enhance: EnhanceSettings, *, shown: bool = True
) -> Compared:
    """Read images by their names, one plane each."""
    if truth is not None and truth not in images:
        raise MeasureError(f"The ground truth “{truth}” is not among the images.")
    planes = {name: plane_of(take()).rename(name) for name, take in images.items()}
    check_one_field(list(planes.values()))
    chosen = tuple(image for name, image in planes.items() if shown or name != truth)
    return Compared(chosen, None if truth is None else planes[truth], enhance)


def _figure(
    images: Mapping[str, Take], settings: FigureSettings
) -> Iterator[Progress | FigureReady]:
    shown = settings.truth_shown
    return figure_events(_compared(images, settings.truth, settings.enhance, shown=shown), settings)


def _metrics(
    images: Mapping[str, Take], settings: MetricsSettings
) -> Iterator[Progress | Notice | MeasuredImage | MetricsReady]:
    return metrics_events(_compared(images, settings.truth, settings.enhance))


def _scores(compared: Compared) -> Generator[Progress, None, dict[str, Scores]]:
    """Measures of every image but the ground truth, by name."""
    truth = compared.truth
    if truth is None:
        return {}
    from napari_fus_ulm.evaluation.figure import measure

    scores: dict[str, Scores] = {}
    images = [image for image in compared.images if image.name != truth.name]
    for done, image in enumerate(images):
        yield Progress(done, len(images), f"Measuring {done + 1} of {len(images)}")
        scores[str(image.name)] = measure(_measured(image, compared.settings), truth)
    return scores


def _measured(image: xr.DataArray, settings: EnhanceSettings) -> xr.DataArray:
    """Return what is measured of an image: power Doppler after the intensity map, as in Enhance."""
    if image.attrs.get("modality") != "fus":
        return image
    from napari_fus_ulm.inference.enhance import input_on_grid

    return input_on_grid(image, _usable(settings)[0]).rename(image.name)


def _note(compared: Compared) -> str:
    """Say what is unusual about the ground truth, and how power Doppler was prepared for it."""
    if compared.truth is None:
        return ""
    about = generated_truth(compared.truth)
    fus = any(image.attrs.get("modality") == "fus" for image in compared.images)
    if fus and _usable(compared.settings)[1].training.get("input_map"):
        return f"{about} {MAPPED}".strip()
    return about


def _usable(settings: EnhanceSettings) -> tuple[EnhanceSettings, Card]:
    """Settings and the card of their weights; the defaults where those have been moved since."""
    from napari_fus_ulm.errors import CheckpointError
    from napari_fus_ulm.generators.checkpoint import bundled_weights, read_card
    from napari_fus_ulm.generators.library import weights_file

    try:
        return settings, read_card(weights_file(settings.generator, settings.weights))
    except CheckpointError:
        default = EnhanceSettings()
        return default, read_card(bundled_weights(default.generator))


FIGURE = Task(
    "figure",
    FigureSettings,
    (),
    _figure,
    save_figure,
    file="comparison.png",
    files=("{stem}{suffix}",),
)
METRICS = Task(
    "metrics",
    MetricsSettings,
    (),
    _metrics,
    save_metrics,
    file="comparison.csv",
    files=("{stem}{suffix}",),
)
