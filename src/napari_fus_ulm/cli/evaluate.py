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

if TYPE_CHECKING:
    from napari_fus_ulm.evaluation.harness import (
        Evaluation,
        EvaluationSettings,
        Event,
        ImageScored,
    )

NAME = "evaluate"


def command(
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
    with failing_politely(json):
        from napari_fus_ulm.evaluation.harness import EvaluationSettings

        words = [word.strip() for word in methods.split(",") if word.strip()]
        files = weights or []
        if phantoms:
            settings = EvaluationSettings(pixel_um=pixel_um)
            events = _phantoms(phantoms, files, words, settings)
        elif images is not None and references is not None:
            settings = EvaluationSettings(pixel_um=pixel_um)
            events = _images(images, references, settings, align, spacing)
        elif images is not None and not images.is_file():
            settings = EvaluationSettings(
                side=side,  # type: ignore[arg-type]  # it says itself what it can be
                pixel_um=pixel_um,
                cohort=_name(images),
            )
            events = _cohort(images, files, words, settings, splits)
        else:
            raise typer.BadParameter("Give COHORT, or RESULT and ULM, or --phantoms N.")
        evaluation, shown = _watch(events, image)
        _print(evaluation, csv, json)
        if out is not None:
            _save(evaluation, shown, out)


def _name(cohort: Path) -> str:
    from napari_fus_ulm.pairs.cohort import cohort_name

    return cohort_name(cohort)


def _cohort(
    folder: Path,
    weights: list[Path],
    words: list[str],
    settings: EvaluationSettings,
    draws: int,
) -> Iterator[Event]:
    from napari_fus_ulm.evaluation.baselines import baselines, the_ulm
    from napari_fus_ulm.evaluation.generated import generators
    from napari_fus_ulm.evaluation.harness import evaluate_events
    from napari_fus_ulm.evaluation.methods import chosen
    from napari_fus_ulm.pairs.cohort import read_cohort
    from napari_fus_ulm.pairs.splits import draw_splits, split_of

    pairs = read_cohort(folder)
    splits = draw_splits(pairs, draws) if draws else [split_of(pairs)]
    rows = chosen((*baselines(), *generators(weights)), words)
    if any(pair.vessels for pair in pairs):
        rows = (*rows, the_ulm())
    return evaluate_events(splits, rows, settings)


def _phantoms(
    n: int, weights: list[Path], words: list[str], settings: EvaluationSettings
) -> Iterator[Event]:
    from napari_fus_ulm.evaluation.baselines import the_ulm
    from napari_fus_ulm.evaluation.harness import evaluate_events
    from napari_fus_ulm.evaluation.methods import chosen
    from napari_fus_ulm.evaluation.phantoms import (
        UNTRAINED,
        held_out,
        load_phantom,
        phantom_methods,
    )

    rows = chosen(phantom_methods(weights), words)
    say(UNTRAINED)
    return evaluate_events([held_out(n)], (*rows, the_ulm()), settings, load=load_phantom)


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


def _watch(events: Iterator[Event], number: int) -> tuple[Evaluation, list[ImageScored]]:
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
    raise ValueError("The evaluation ended without a result.")


def _print(evaluation: Evaluation, csv: bool, json: bool) -> None:
    from napari_fus_ulm.evaluation.report import as_json, csv_table, markdown

    if json:
        print_json(as_json(evaluation))
    elif csv:
        print(csv_table(evaluation), end="")
    else:
        print(markdown(evaluation), end="")


def _save(evaluation: Evaluation, shown: list[ImageScored], out: Path) -> None:
    from napari_fus_ulm.evaluation.methods import ULM
    from napari_fus_ulm.evaluation.picture import study_picture
    from napari_fus_ulm.evaluation.report import as_json, csv_table, markdown
    from napari_fus_ulm.figures import save_picture

    out.mkdir(parents=True, exist_ok=True)
    found = json_.dumps(as_json(evaluation), indent=2, ensure_ascii=False)
    made = {
        "table.md": markdown(evaluation),
        "images.csv": csv_table(evaluation),
        "results.json": found + "\n",
    }
    for name, text in made.items():
        (out / name).write_text(text, encoding="utf-8")
    titles = {row.key: row.title for row in evaluation.rows}
    pictures = {
        titles[one.method]: one.picture
        for one in shown
        if one.picture is not None and one.method != ULM
    }
    pair = next((one.pair for one in shown if one.pair is not None), None)
    if pair is not None and pictures:
        save_picture(out / "picture.png", study_picture(pair, pictures))
        made["picture.png"] = ""
    say(f"Results in {out}/: {', '.join(made)}")
