"""``napari-fus-ulm``: the command line, one file a command."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from napari_fus_ulm.cli import (
    coherence,
    demo,
    enhance,
    evaluate,
    frc,
    info,
    missed,
    models,
    pairs,
    review,
    run,
    simulate,
    support,
    train,
)
from napari_fus_ulm.cli.console import show_tracebacks

app = typer.Typer(
    help=(
        "Turn functional-ultrasound images into ULM-like ones.\n\n"
        "Example: napari-fus-ulm enhance rat01_pwd.nii.gz --mode detailed --gain 5 -o out/"
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for module in (
    enhance,
    coherence,
    support,
    missed,
    frc,
    run,
    demo,
    simulate,
    train,
    evaluate,
    info,
):
    app.command(module.NAME, help=module.__doc__, short_help=module.command.__doc__)(module.command)
app.add_typer(pairs.app, name=pairs.NAME)
app.add_typer(models.app, name=models.NAME)
app.add_typer(review.app, name=review.NAME)


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error as well.")
    ] = False,
) -> None:
    """Options of every command."""
    show_tracebacks(debug)


def main() -> None:
    """Run the command line. Exit codes: 0 fine, 1 failed, 2 usage, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal in ASCII gets "\\u201c", no traceback
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except BrokenPipeError:  # who read the output has seen enough, such as "head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
