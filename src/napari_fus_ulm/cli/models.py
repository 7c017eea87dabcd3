"""The models of your own: a folder of weights that other commands find by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_fus_ulm.cli.console import failing_politely, follow, print_json

if TYPE_CHECKING:
    from napari_fus_ulm.generators.library import Model

NAME = "models"

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the model.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@app.callback()
def models() -> None:
    """Keep your own models in a folder, to be used by name: --weights NAME."""


@app.command("list")
def list_(json: AsJson = False) -> None:
    """List the models: name, generator, date, and what they were trained on."""
    with failing_politely(json):
        from napari_fus_ulm.generators.library import library_folder, models

        known = models()
        if json:
            print_json(
                {"folder": str(library_folder()), "models": [_as_object(one) for one in known]}
            )
        elif known:
            print("\n".join(_line(one) for one in known))
        else:
            print(f"No models in {library_folder()}.")


@app.command("add")
def add(
    weights: Annotated[
        Path, typer.Argument(metavar="FILE", help="Weights of a training run, or a model's file.")
    ],
    name: Annotated[
        str, typer.Option(help="Its name in the library; by default that of the file or run.")
    ] = "",
    json: AsJson = False,
) -> None:
    """Check weights and their card, and put a copy into the library.

    Example: napari-fus-ulm models add runs/rats/weights.safetensors --name rats
    """
    with failing_politely(json):
        from napari_fus_ulm.generators.library import add_model

        default = weights.absolute().parent.name if weights.stem == "weights" else weights.stem
        _show(add_model(weights, name or default), json)


@app.command("judge")
def judge(
    weights: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A model, or weights.")],
    cohort: Annotated[
        Path, typer.Argument(metavar="COHORT", help="Folder with pairs.csv and a split.")
    ],
    json: AsJson = False,
) -> None:
    """Say whether weights are better than the bundled ones, on animals neither has seen.

    The test side of the cohort is judged; both are set beside the input and another animal's ULM.
    """
    with failing_politely(json):
        from napari_fus_ulm.evaluation.export import as_json
        from napari_fus_ulm.evaluation.report import markdown
        from napari_fus_ulm.generators.library import weights_file
        from napari_fus_ulm.tasks.acceptance import acceptance_run

        judged = follow(acceptance_run(weights_file("", weights), cohort), "Judging")
        verdict = judged.verdict
        if json:
            report = {"offered": verdict.offered, "sentence": verdict.sentence}
            print_json({**report, "evaluation": as_json(judged.evaluated.evaluation)})
            return
        print(markdown(judged.evaluated.evaluation))
        print("Against the bundled weights, paired by image (95 % interval over animals):\n")
        print("\n".join(f"- {one}" for one in verdict.compared))
        print(f"\n{verdict.sentence}")


@app.command("export")
def export(
    name: Name,
    out: Annotated[Path, typer.Option("-o", "--out", help="The file, NAME.safetensors.")],
    json: AsJson = False,
) -> None:
    """Write a model as one file with its card inside, to give to others."""
    with failing_politely(json):
        from napari_fus_ulm.generators.library import export_model

        path = export_model(name, out)
        print_json({"file": str(path)}) if json else print(path)


@app.command("rename")
def rename(
    name: Name,
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")],
    json: AsJson = False,
) -> None:
    """Give a model another name."""
    with failing_politely(json):
        from napari_fus_ulm.generators.library import rename_model

        _show(rename_model(name, new), json)


@app.command("remove")
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a model and its card."""
    with failing_politely():
        from napari_fus_ulm.generators.library import find_model, remove_model

        weights = find_model(name).weights
        if not yes and not typer.confirm(f"Delete {weights}?"):
            raise typer.Exit(1)
        remove_model(name)
        print(f"{weights} was deleted.")


@app.command("folder")
def folder(
    new: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="Keep models here from now on.")
    ] = None,
) -> None:
    """Show the folder of models, or choose another one."""
    with failing_politely():
        from napari_fus_ulm.generators.library import choose_library_folder, library_folder

        if new is not None:
            choose_library_folder(new)
        print(library_folder())


def _show(model: Model, json: bool) -> None:
    print_json(_as_object(model)) if json else print(_line(model))


def _as_object(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "file": str(model.weights),
        "generator": model.card.generator if model.card else None,
        "added": model.added.isoformat(timespec="seconds"),
        "origin": model.origin,
        "fault": model.fault,
    }


def _line(model: Model) -> str:
    if model.card is None:
        return f"{model.name}  cannot be used: {model.fault}"
    return f"{model.name}  {model.card.generator}  {model.added:%Y-%m-%d}  {model.origin}"
