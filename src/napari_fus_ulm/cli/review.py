"""Blinded comparison of pictures by an expert."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_fus_ulm.cli.console import checking_usage, failing_politely, print_json, say
from napari_fus_ulm.errors import SettingsError

if TYPE_CHECKING:
    from napari_fus_ulm.review.cases import Kind

NAME = "review"

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Of the session.")]


@app.callback()
def review() -> None:
    """Let an expert judge pictures without names, and tell what was found."""


@app.command("new")
def new(
    folder: Folder,
    generated: Annotated[
        list[str], typer.Option(metavar="NAME=PATH", help="Generated picture(s); repeatable.")
    ],
    ulm: Annotated[Path | None, typer.Option(help="The real ULM, shown as a control.")] = None,
    fus: Annotated[Path | None, typer.Option(help="The power Doppler, shown too.")] = None,
    repeats: Annotated[
        float, typer.Option(help="Share of trials shown twice, sides swapped.", min=0, max=1)
    ] = 0.2,
    seed: Annotated[
        int | None, typer.Option(help="Of order and sides; drawn if left out.", min=0)
    ] = None,
    spacing: Annotated[
        float | None, typer.Option(help="mm a pixel where a file tells none.")
    ] = None,
) -> None:
    """Lay out a session: all pairs of pictures of every section, side by side, without names.

    A PATH is a file, or a folder of files with equal names (NAME or NAME_enhanced). Sections
    belong to the animal that their name begins with (sub-XX), else each is its own. The folder
    holds everything a reader needs; key.json, in it, is for the report.

    Example: napari-fus-ulm review new look/ --generated diffusion=out/d --generated pix2pix=out/p
    --ulm cohort/ulm
    """
    with checking_usage():
        sources = _sources(generated, ulm, fus)
    with failing_politely():
        from napari_fus_ulm.tasks.events import last_of
        from napari_fus_ulm.tasks.review import files_run

        events = files_run(folder, sources, repeats=repeats, seed=seed, spacing=spacing)
        session = last_of(events).session
        control = "with the real ULM as a control" if ulm else "without a control"
        say(f"{session.progress.total} trials in {folder}/, {control}. Nobody opens key.json.")


@app.command("report")
def report(
    folder: Folder,
    partial: Annotated[
        bool, typer.Option("--partial", help="Unblind although trials are unanswered.")
    ] = False,
    reader: Annotated[str | None, typer.Option(help="Whose answers, if several read.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Answers with names, as CSV.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON instead of Markdown.")] = False,
) -> None:
    """Unblind a session and say what was found.

    That it was unblinded is noted in the folder, and in every answer that is given later.
    """
    with failing_politely(json):
        from napari_fus_ulm.review.report import as_json, csv_table, markdown
        from napari_fus_ulm.review.statistics import statistics
        from napari_fus_ulm.tasks.review import unblinded

        found = unblinded(folder, reader=reader, partial=partial)
        if json:
            print_json(as_json(statistics(found)))
        elif csv:
            print(csv_table(found), end="")
        else:
            print(markdown(statistics(found)), end="")


def _sources(
    generated: list[str], ulm: Path | None, fus: Path | None
) -> dict[str, tuple[Kind, Path]]:
    found: dict[str, tuple[Kind, Path]] = {}
    for told in generated:
        name, equals, path = told.partition("=")
        if not (name.strip() and equals and path) or name in (*found, "ULM", "fUS"):
            raise SettingsError(
                f"--generated {told}: NAME=PATH was expected, every NAME once, not ULM or fUS."
            )
        found[name] = ("generated", Path(path))
    if ulm is not None:
        found["ULM"] = ("ulm", ulm)
    if fus is not None:
        found["fUS"] = ("fus", fus)
    return found
