"""Methods judged on a cohort or on held-out phantoms, and images judged by their ULM."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fus_ulm.declared import check_declared
from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.evaluation.settings import JudgedPixel, JudgedSide
from napari_fus_ulm.inference.events import Notice, Progress
from napari_fus_ulm.tasks.events import Take
from napari_fus_ulm.tasks.task import Task

if TYPE_CHECKING:
    from napari_fus_ulm.evaluation.harness import (
        Evaluation,
        EvaluationSettings,
        Event,
        ImageScored,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSettings:
    """What is evaluated: a cohort, held-out phantoms, or images.

    Parameters
    ----------
    cohort : str or None
        Folder with ``pairs.csv`` and a split.
    images, references : str or None
        An image and its ULM, or two folders of files with equal names.
    phantoms : int
        Number of held-out phantoms to evaluate.
    side : {"test", "validation"}
        Of the cohort's split.
    splits : int
        Number of splits to draw by animal, instead of the cohort's.
    methods : tuple of str
        Only these, by their keys; all if empty.
    weights : tuple of str
        Files, instead of the bundled weights.
    pixel_um : float
        Grid on which everything is compared, µm.
    align : bool
        Shift images onto their ULM first.
    spacing : float or None
        Pixel size (mm) for images that store none.
    picture : int
        Number of the image that is drawn, from 1.

    Raises
    ------
    SettingsError
        If it is none of the three, or more than one.
    """

    cohort: str | None = None
    images: str | None = None
    references: str | None = None
    phantoms: int = 0
    side: JudgedSide = "test"
    splits: int = 0
    methods: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    pixel_um: JudgedPixel = 20.0
    align: bool = False
    spacing: float | None = None
    picture: int = 1

    def __post_init__(self) -> None:
        check_declared(self)
        kinds = (self.cohort, self.phantoms, self.images)
        if sum(map(bool, kinds)) != 1 or (self.images is None) != (self.references is None):
            raise SettingsError(
                "Choose a cohort, or images and their ULM, or a number of phantoms."
            )


@dataclass(frozen=True, slots=True, eq=False)
class EvaluateReady:
    """The evaluation, and every method's result for the image that is drawn."""

    evaluation: Evaluation
    drawn: tuple[ImageScored, ...]


def evaluate_run(
    settings: EvaluateSettings,
) -> Iterator[Progress | Notice | ImageScored | EvaluateReady]:
    """Judge what the settings name, event by event.

    Yields
    ------
    Progress, Notice, ImageScored, EvaluateReady

    Raises
    ------
    SettingsError
        If files are missing or weights have seen what they would be judged on.
    """
    if settings.phantoms:
        from napari_fus_ulm.evaluation.phantoms import UNTRAINED

        yield Notice(UNTRAINED)
    yield from followed(_events(settings), settings.picture)


def followed(
    events: Iterator[Event], picture: int
) -> Iterator[Progress | Notice | ImageScored | EvaluateReady]:
    """Pass the events of an evaluation on; keep the results of one image, to draw them."""
    from napari_fus_ulm.evaluation.harness import Finished, ImageScored

    judged: list[str] = []
    drawn: list[ImageScored] = []
    for event in events:
        if isinstance(event, Finished):
            if picture > len(judged):
                yield Notice(
                    f"There are {len(judged)} images; there is no image {picture} to draw."
                )
            yield EvaluateReady(event.evaluation, tuple(drawn))
            return
        if isinstance(event, ImageScored) and event.split == 1:
            if event.image not in judged:
                judged.append(event.image)
            if judged.index(event.image) == picture - 1:
                drawn.append(event)
        yield event


def cohort_events(
    folder: Path,
    weights: list[Path],
    words: list[str],
    settings: EvaluationSettings,
    draws: int,
) -> Iterator[Event]:
    """Judge generators and baselines on a cohort; the bundled weights if there are none."""
    from napari_fus_ulm.cohort.splits import draw_splits, split_of
    from napari_fus_ulm.cohort.table import read_cohort
    from napari_fus_ulm.evaluation.baselines import baselines, the_shifted_ulm, the_ulm
    from napari_fus_ulm.evaluation.generated import generators
    from napari_fus_ulm.evaluation.harness import evaluate_events
    from napari_fus_ulm.evaluation.methods import chosen

    pairs = read_cohort(folder)
    splits = draw_splits(pairs, draws) if draws else [split_of(pairs)]
    rows = (*chosen((*baselines(), *generators(weights)), words), the_shifted_ulm())
    if any(pair.vessels for pair in pairs):
        rows = (*rows, the_ulm())
    return evaluate_events(splits, rows, settings)


def _events(settings: EvaluateSettings) -> Iterator[Event]:
    from napari_fus_ulm.cohort.table import cohort_name
    from napari_fus_ulm.evaluation.compare import compare_events, matched
    from napari_fus_ulm.evaluation.harness import EvaluationSettings
    from napari_fus_ulm.generators.library import weights_file

    weights, words = [weights_file("", one) for one in settings.weights], list(settings.methods)
    if settings.phantoms:
        measured = EvaluationSettings(pixel_um=settings.pixel_um)
        return _phantom_events(settings.phantoms, weights, words, measured)
    if settings.cohort is not None:
        folder = Path(settings.cohort)
        measured = EvaluationSettings(
            side=settings.side,  # checked by the settings
            pixel_um=settings.pixel_um,
            cohort=cohort_name(folder),
        )
        return cohort_events(folder, weights, words, measured, settings.splits)
    files = matched(Path(str(settings.images)), Path(str(settings.references)))
    measured = EvaluationSettings(pixel_um=settings.pixel_um)
    return compare_events(files, measured, aligned=settings.align, spacing=settings.spacing)


def _phantom_events(
    n: int, weights: list[Path], words: list[str], settings: EvaluationSettings
) -> Iterator[Event]:
    from napari_fus_ulm.evaluation.baselines import the_shifted_ulm, the_ulm
    from napari_fus_ulm.evaluation.harness import evaluate_events
    from napari_fus_ulm.evaluation.methods import chosen
    from napari_fus_ulm.evaluation.phantoms import held_out, load_phantom, phantom_methods

    rows = (*chosen(phantom_methods(weights), words), the_shifted_ulm(), the_ulm())
    return evaluate_events([held_out(n)], rows, settings, load=load_phantom)


def save_evaluation(ready: EvaluateReady, folder: Path) -> list[Path]:
    """Write ``table.md``, ``images.csv``, ``results.json`` and the picture of one image."""
    from napari_fus_ulm.evaluation.export import as_json, csv_table
    from napari_fus_ulm.evaluation.methods import REFERENCES
    from napari_fus_ulm.evaluation.picture import study_picture
    from napari_fus_ulm.evaluation.report import markdown
    from napari_fus_ulm.io.atomic import write_text
    from napari_fus_ulm.output.figures import save_figure

    evaluation = ready.evaluation
    results = json.dumps(as_json(evaluation), indent=2, ensure_ascii=False)
    texts = {
        "table.md": markdown(evaluation),
        "images.csv": csv_table(evaluation),
        "results.json": results + "\n",
    }
    paths = [write_text(folder / name, text) for name, text in texts.items()]
    titles = {row.key: row.title for row in evaluation.rows}
    pictures = {
        titles[one.method]: one.picture
        for one in ready.drawn
        if one.picture is not None and one.method not in REFERENCES
    }
    pair = next((one.pair for one in ready.drawn if one.pair is not None), None)
    if pair is not None and pictures:
        paths.append(save_figure(folder / "picture.png", study_picture(pair, pictures)))
    return paths


def _run(
    images: Mapping[str, Take], settings: EvaluateSettings
) -> Iterator[Progress | Notice | ImageScored | EvaluateReady]:
    return evaluate_run(settings)


EVALUATE = Task(
    "evaluate",
    EvaluateSettings,
    (),
    _run,
    save_evaluation,
    files=("table.md", "images.csv", "results.json", "picture.png"),
)
