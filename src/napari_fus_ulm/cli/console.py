"""What the commands share: progress on stderr, results on stdout, errors as sentences."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

stderr = Console(stderr=True)


@contextmanager
def failing_politely(as_json: bool = False) -> Iterator[None]:
    """Turn expected errors into one sentence on stderr and exit code 1."""
    from napari_fus_ulm.inference.errors import EnhanceError
    from napari_fus_ulm.training.errors import TrainingError

    try:
        yield
    except (ValueError, OSError, MemoryError, EnhanceError, TrainingError) as error:
        sentence = str(error) or type(error).__name__
        if as_json:
            print(json.dumps({"error": sentence}))
        stderr.print(f"[bold red]Failed:[/] {_plain(sentence)}", highlight=False)
        raise typer.Exit(1) from error


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress bar on stderr; plain and quiet where that is no terminal."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=stderr,
        disable=not sys.stderr.isatty(),
    ) as bar:
        yield bar


def say(sentence: str) -> None:
    """One line on stderr."""
    stderr.print(_plain(sentence), highlight=False)


def print_json(found: Any) -> None:
    """The result for machines, on stdout."""
    print(json.dumps(found, indent=2, ensure_ascii=False))
