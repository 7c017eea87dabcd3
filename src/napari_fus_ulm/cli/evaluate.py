"""Score methods on a cohort's test side, images against their ULM, or generators on phantoms.

COHORT is a folder with pairs.csv and a split; RESULT and ULM are two images, or two folders with
equal names.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_fus_ulm.cli.console import failing_politely, follow, print_json, say
from napari_fus_ulm.cli.options import option
from napari_fus_ulm.declared import declared
from napari_fus_ulm.tasks.evaluate import EvaluateSettings

if TYPE_CHECKING:
    from napari_fus_ulm.evaluation.harness import Evaluation

NAME = "evaluate"
DEFAULTS = declared(EvaluateSettings)


ONLY = {
    "side": ("COHORT",),
    "splits": ("COHORT",),
    "methods": ("COHORT", "--phantoms"),
    "weights": ("COHORT", "--phantoms"),
    "image": ("COHORT", "--phantoms"),
    "align": ("RESULT ULM",),
    "spacing": ("RESULT ULM",),
}
"""Options that only some forms of the command have, and these forms."""


def command(
    context: typer.Context,
    images: Annotated[
        Path | None, typer.Argument(metavar="COHORT|RESULT", help="A cohort, or image(s).")
    ] = None,
    references: Annotated[
        Path | None, typer.Argument(metavar="ULM", help="With RESULT: its ULM.")
    ] = None,
    phantoms: Annotated[
        int, typer.Option(help="Number of held-out phantoms to evaluate.", min=0)
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Folder: table.md, images.csv, results.json, picture."),
    ] = None,
    side: Annotated[str, option(EvaluateSettings, "side")] = DEFAULTS["side"].default,
    splits: Annotated[
        int,
        typer.Option(help="Number of splits to draw by animal, instead of the cohort's.", min=0),
    ] = 0,
    methods: Annotated[
        str, typer.Option(help="Only these methods, such as input,rl,accurate,diffusion.")
    ] = "",
    weights: Annotated[
        list[Path] | None,
        typer.Option(help="Instead of the bundled weights; repeatable."),
    ] = None,
    pixel_um: Annotated[float, option(EvaluateSettings, "pixel_um")] = DEFAULTS["pixel_um"].default,
    align: Annotated[bool, typer.Option("--align", help="Shift RESULT onto ULM first.")] = False,
    spacing: Annotated[
        float | None, typer.Option(help="With RESULT: pixel size (mm) for files that store none.")
    ] = None,
    image: Annotated[int, typer.Option(help="Number of the image to draw, from 1.", min=1)] = 1,
    csv: Annotated[bool, typer.Option("--csv", help="CSV instead of Markdown.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON instead of Markdown.")] = False,
) -> None:
    """Score methods on a cohort, or images against their ULM."""
    form = _form(images, references, phantoms)
    _refuse_others(context, form)
    with failing_politely(json):
        from napari_fus_ulm.generators.library import weights_file
        from napari_fus_ulm.tasks.evaluate import evaluate_run
        from napari_fus_ulm.tasks.record import Record
        from napari_fus_ulm.tasks.replay import checked, save

        def path(given: Path | None) -> str | None:
            return None if given is None else str(given.absolute())

        is_cohort = form == "COHORT"
        settings = EvaluateSettings(
            cohort=path(images) if is_cohort else None,
            images=None if is_cohort else path(images),
            references=path(references),
            phantoms=phantoms,
            side=side,  # type: ignore[arg-type]
            splits=splits,
            methods=tuple(word.strip() for word in methods.split(",") if word.strip()),
            weights=tuple(str(weights_file("", one).absolute()) for one in weights or []),
            pixel_um=pixel_um,
            align=align,
            spacing=spacing,
            picture=image,
        )
        record, events = Record.of("evaluate", {}, settings), evaluate_run(settings)
        if out is not None:
            events = checked(record, out, events)
        ready = follow(events, "Evaluating", shows_what=True)
        _print(ready.evaluation, csv, json)
        if out is not None:
            saved = list(save(record, ready, out))
            say(f"Results in {out}/: {', '.join(one.path.name for one in saved)}")


def _form(images: Path | None, references: Path | None, phantoms: int) -> str:
    """Which of the three forms of the command was given."""
    if phantoms:
        if images is not None:
            raise typer.BadParameter(
                "--phantoms N excludes COHORT and RESULT; give only one of them."
            )
        return "--phantoms"
    if images is not None and references is not None:
        return "RESULT ULM"
    if images is not None and not images.is_file():
        return "COHORT"
    raise typer.BadParameter("Give COHORT, or RESULT and ULM, or --phantoms N.")


def _refuse_others(context: typer.Context, form: str) -> None:
    """Refuse options that would be silently ignored."""
    for name, forms in ONLY.items():
        source = context.get_parameter_source(name)
        if form not in forms and source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(
                f"--{name} does not apply to {form}; it goes with {' or '.join(forms)}."
            )


def _print(evaluation: Evaluation, csv: bool, json: bool) -> None:
    from napari_fus_ulm.evaluation.export import as_json, csv_table
    from napari_fus_ulm.evaluation.report import markdown

    if json:
        print_json(as_json(evaluation))
    elif csv:
        print(csv_table(evaluation), end="")
    else:
        print(markdown(evaluation), end="")
