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

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of the session.")]


@app.callback()
def review() -> None:
    """Set up and report a blinded comparison of images."""


@app.command("new")
def new(
    folder: Folder,
    generated: Annotated[
        list[str], typer.Option(metavar="NAME=PATH", help="Generated image(s); repeatable.")
    ],
    ulm: Annotated[Path | None, typer.Option(help="The real ULM, shown as a control.")] = None,
    fus: Annotated[Path | None, typer.Option(help="The power Doppler, shown too.")] = None,
    repeats: Annotated[
        float, typer.Option(help="Share of trials shown twice, sides swapped.", min=0, max=1)
    ] = 0.2,
    seed: Annotated[
        int | None, typer.Option(help="Seed of order and sides; random by default.", min=0)
    ] = None,
    spacing: Annotated[
        float | None, typer.Option(help="Pixel size (mm) for files that store none.")
    ] = None,
) -> None:
    """Set up a session: all pairs of images of every section, side by side, without names.

    A PATH is a file, or a folder of files with equal names (NAME or NAME_enhanced). Sections
    belong to the animal that their name begins with (sub-XX), otherwise each counts as a separate
    animal. The folder holds everything a reader needs; its key.json is for the report only.

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
        say(
            f"{session.progress.total} trials in {folder}/, {control}. "
            "Do not open key.json before all trials are answered."
        )


@app.command("report")
def report(
    folder: Folder,
    partial: Annotated[
        bool, typer.Option("--partial", help="Unblind even if trials are unanswered.")
    ] = False,
    reader: Annotated[
        str | None, typer.Option(help="Only the answers of this reader; by default of all.")
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Write a page, its text and tables into the folder.")
    ] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Answers with names, as CSV.")] = False,
    marks: Annotated[bool, typer.Option("--marks", help="Marked places, as CSV.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON instead of Markdown.")] = False,
) -> None:
    """Unblind a session and report the answers, with the agreement of its readers.

    The unblinding is noted in the folder, and in every answer given later.
    """
    with failing_politely(json):
        from napari_fus_ulm.review.report import as_json, csv_table, markdown, marks_table
        from napari_fus_ulm.review.statistics import statistics
        from napari_fus_ulm.tasks.events import last_of
        from napari_fus_ulm.tasks.review import report_run, unblinded

        if save:
            print(last_of(report_run(folder, reader=reader, partial=partial)).page)
            return
        answers = unblinded(folder, reader=reader, partial=partial)
        if json:
            print_json(as_json(statistics(answers)))
        elif csv or marks:
            print(csv_table(answers) if csv else marks_table(answers), end="")
        else:
            print(markdown(statistics(answers)), end="")


def _sources(
    generated: list[str], ulm: Path | None, fus: Path | None
) -> dict[str, tuple[Kind, Path]]:
    sources: dict[str, tuple[Kind, Path]] = {}
    for argument in generated:
        name, equals, path = argument.partition("=")
        if not (name.strip() and equals and path) or name in (*sources, "ULM", "fUS"):
            raise SettingsError(
                f"--generated is “{argument}”; write NAME=PATH, "
                "with every NAME once, and not ULM or fUS."
            )
        sources[name] = ("generated", Path(path))
    if ulm is not None:
        sources["ULM"] = ("ulm", ulm)
    if fus is not None:
        sources["fUS"] = ("fus", fus)
    return sources
