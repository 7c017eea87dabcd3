"""Score methods on a cohort's test side, images against their ULM, or generators on phantoms.

COHORT is a folder with pairs.csv and a split; RESULT and ULM are two images, or two folders with
equal names.
"""

from __future__ import annotations

import json as json_
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_fus_ulm.cli.console import failing_politely, print_json, progress, say
from napari_fus_ulm.errors import SettingsError

if TYPE_CHECKING:
    from napari_fus_ulm.evaluation.harness import (
        Evaluation,
        EvaluationSettings,
        Event,
        ImageScored,
    )

NAME = "evaluate"


ONLY = {
    "side": ("COHORT",),
    "splits": ("COHORT",),
    "methods": ("COHORT", "--phantoms"),
    "weights": ("COHORT", "--phantoms"),
    "image": ("COHORT", "--phantoms"),
    "align": ("RESULT ULM",),
    "spacing": ("RESULT ULM",),
}
"""Options that not every form of the command knows, and those that do."""


def command(
    context: typer.Context,
    images: Annotated[
        Path | None, typer.Argument(metavar="COHORT|RESULT", help="A cohort, or image(s).")
    ] = None,
    references: Annotated[
        Path | None, typer.Argument(metavar="ULM", help="With RESULT: its ULM.")
    ] = None,
    phantoms: Annotated[
        int, typer.Option(help="So many held-out phantoms instead of files.", min=0)
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Folder: table.md, images.csv, results.json, picture."),
    ] = None,
    side: Annotated[str, typer.Option(help="test or validation.")] = "test",
    splits: Annotated[
        int, typer.Option(help="Draw so many splits by animal, not the cohort's.", min=0)
    ] = 0,
    methods: Annotated[
        str, typer.Option(help="Only these, such as input,rl,accurate,diffusion.")
    ] = "",
    weights: Annotated[
        list[Path] | None, typer.Option(help="Weights in place of the bundled; repeatable.")
    ] = None,
    pixel_um: Annotated[float, typer.Option(help="Pixel everything is compared on, µm.")] = 20.0,
    align: Annotated[bool, typer.Option("--align", help="Shift RESULT onto ULM first.")] = False,
    spacing: Annotated[
        float | None, typer.Option(help="With RESULT: mm a pixel where a file tells none.")
    ] = None,
    image: Annotated[int, typer.Option(help="Image of the picture, from 1.", min=1)] = 1,
    csv: Annotated[bool, typer.Option("--csv", help="CSV instead of Markdown.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON instead of Markdown.")] = False,
) -> None:
    """Score methods on a cohort, or images against their ULM."""
    form = _form(images, references, phantoms)
    _refuse_others(context, form)
    with failing_politely(json):
        from napari_fus_ulm.evaluation.harness import EvaluationSettings

        words = [word.strip() for word in methods.split(",") if word.strip()]
        files = weights or []
        if form == "--phantoms":
            settings = EvaluationSettings(pixel_um=pixel_um)
            events = _phantoms(phantoms, files, words, settings)
        elif references is not None and images is not None:
            settings = EvaluationSettings(pixel_um=pixel_um)
            events = _images(images, references, settings, align, spacing)
        else:
            assert images is not None
            settings = EvaluationSettings(
                side=side,  # type: ignore[arg-type]  # it says itself what it can be
                pixel_um=pixel_um,
                cohort=_name(images),
            )
            events = cohort_events(images, files, words, settings, splits)
        if out is not None:
            make_writable(out)
        evaluation, shown = watch(events, image)
        _print(evaluation, csv, json)
        if out is not None:
            save(evaluation, shown, out)


def _form(images: Path | None, references: Path | None, phantoms: int) -> str:
    """Which of the three forms of the command was given."""
    if phantoms:
        if images is not None:
            raise typer.BadParameter(
                "--phantoms N takes no COHORT and no RESULT; give one of them."
            )
        return "--phantoms"
    if images is not None and references is not None:
        return "RESULT ULM"
    if images is not None and not images.is_file():
        return "COHORT"
    raise typer.BadParameter("Give COHORT, or RESULT and ULM, or --phantoms N.")


def _refuse_others(context: typer.Context, form: str) -> None:
    """Refuse options that would be passed over in silence."""
    for name, forms in ONLY.items():
        source = context.get_parameter_source(name)
        if form not in forms and source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(
                f"--{name} does not apply to {form}; it goes with {' or '.join(forms)}."
            )


def make_writable(folder: Path) -> None:
    """Make the folder for the results, and find out before the work that it can be written to."""
    from tempfile import TemporaryFile

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SettingsError(
            f"Nothing can be written to {folder} ({reason}); choose another folder (-o)."
        ) from error


def _name(cohort: Path) -> str:
    from napari_fus_ulm.cohort.table import cohort_name

    return cohort_name(cohort)


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


def _phantoms(
    n: int, weights: list[Path], words: list[str], settings: EvaluationSettings
) -> Iterator[Event]:
    from napari_fus_ulm.evaluation.baselines import the_shifted_ulm, the_ulm
    from napari_fus_ulm.evaluation.harness import evaluate_events
    from napari_fus_ulm.evaluation.methods import chosen
    from napari_fus_ulm.evaluation.phantoms import (
        UNTRAINED,
        held_out,
        load_phantom,
        phantom_methods,
    )

    rows = (*chosen(phantom_methods(weights), words), the_shifted_ulm(), the_ulm())
    say(UNTRAINED)
    return evaluate_events([held_out(n)], rows, settings, load=load_phantom)


def _images(
    images: Path,
    references: Path,
    settings: EvaluationSettings,
    aligned: bool,
    spacing: float | None,
) -> Iterator[Event]:
    from napari_fus_ulm.evaluation.compare import compare_events, matched

    files = matched(images, references)
    return compare_events(files, settings, aligned=aligned, spacing=spacing)


def watch(events: Iterator[Event], number: int) -> tuple[Evaluation, list[ImageScored]]:
    """Follow the work; keep what was made of one image, for the picture."""
    from napari_fus_ulm.evaluation.harness import Finished, ImageScored
    from napari_fus_ulm.inference.events import Progress

    judged: list[str] = []
    kept: list[ImageScored] = []
    with progress() as bar:
        task = bar.add_task("Evaluating")
        for event in events:
            if isinstance(event, Progress):
                bar.update(
                    task, completed=event.done, total=event.total, description=event.what or "Done"
                )
            elif isinstance(event, ImageScored):
                if event.split == 1 and event.image not in judged:
                    judged.append(event.image)
                if event.split == 1 and judged.index(event.image) == number - 1:
                    kept.append(event)
            elif isinstance(event, Finished):
                if number > len(judged):
                    say(f"There are {len(judged)} images; there is no image {number} to draw.")
                return event.evaluation, kept
    raise RuntimeError("The evaluation ended without a result.")


def _print(evaluation: Evaluation, csv: bool, json: bool) -> None:
    from napari_fus_ulm.evaluation.export import as_json, csv_table
    from napari_fus_ulm.evaluation.report import markdown

    if json:
        print_json(as_json(evaluation))
    elif csv:
        print(csv_table(evaluation), end="")
    else:
        print(markdown(evaluation), end="")


def save(evaluation: Evaluation, shown: list[ImageScored], out: Path) -> None:
    """Write tables, numbers and the picture of one image into a folder."""
    from napari_fus_ulm.evaluation.export import as_json, csv_table
    from napari_fus_ulm.evaluation.methods import REFERENCES
    from napari_fus_ulm.evaluation.picture import study_picture
    from napari_fus_ulm.evaluation.report import markdown
    from napari_fus_ulm.io.atomic import write_text
    from napari_fus_ulm.output.panels import save_picture

    found = json_.dumps(as_json(evaluation), indent=2, ensure_ascii=False)
    made = {
        "table.md": markdown(evaluation),
        "images.csv": csv_table(evaluation),
        "results.json": found + "\n",
    }
    for name, text in made.items():
        write_text(out / name, text)
    titles = {row.key: row.title for row in evaluation.rows}
    pictures = {
        titles[one.method]: one.picture
        for one in shown
        if one.picture is not None and one.method not in REFERENCES
    }
    pair = next((one.pair for one in shown if one.pair is not None), None)
    if pair is not None and pictures:
        save_picture(out / "picture.png", study_picture(pair, pictures))
        made["picture.png"] = ""
    say(f"Results in {out}/: {', '.join(made)}")
