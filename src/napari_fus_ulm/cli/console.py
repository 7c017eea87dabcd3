"""What the commands share: progress on stderr, results on stdout, errors as sentences."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
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

from napari_fus_ulm.errors import UserError

stderr = Console(stderr=True)
_debugging: ContextVar[bool] = ContextVar("debugging", default=False)


def show_tracebacks(shown: bool) -> None:
    """Make `failing_politely` show tracebacks too (``--debug``), or not."""
    _debugging.set(shown)


@contextmanager
def failing_politely(as_json: bool = False) -> Iterator[None]:
    """Turn errors into one sentence on stderr and exit code 1; Ctrl-C into 130.

    With ``--debug`` the traceback comes before the sentence.
    """
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except Exception as error:
        sentence = failure_sentence(error)
        if as_json:
            print_json({"error": sentence})
        # Not wrapped: a path broken over two lines cannot be searched for or copied.
        stderr.print(f"[bold red]Failed:[/] {_plain(sentence)}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        say("Interrupted.")
        raise typer.Exit(130) from error


def failure_sentence(error: Exception) -> str:
    """Word an error; a fault is logged, and ``--debug`` shows the traceback of any."""
    from napari_fus_ulm.tasks.failures import failure_of

    show_traceback(error)
    return failure_of(error).sentence


def show_traceback(error: Exception) -> None:
    """Print the traceback of an error where ``--debug`` asks for it."""
    if _debugging.get():
        stderr.print(_plain("".join(traceback.format_exception(error))), soft_wrap=True)


@contextmanager
def checking_usage() -> Iterator[None]:
    """Turn an invalid option value into a usage error (exit code 2)."""
    try:
        yield
    except UserError as error:
        raise typer.BadParameter(str(error)) from error


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress bar on stderr; hidden where stderr is not a terminal."""
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
    stderr.print(_plain(sentence), highlight=False, soft_wrap=True)


def print_json(result: Any) -> None:
    """Print the result as JSON on stdout."""
    print(json.dumps(result, indent=2, ensure_ascii=False))


def follow(events: Iterable[Any], name: str, *, shows_what: bool = False) -> Any:
    """Show the progress and the notices of a task; return its last event, the result.

    Parameters
    ----------
    events : iterable of events
    name : str
        What is being worked on, for the bar and the notices.
    shows_what : bool
        Show in the bar what the events say about the current step, instead of the name.

    Raises
    ------
    RuntimeError
        If there was no event.
    """
    from napari_fus_ulm.inference.events import Notice
    from napari_fus_ulm.inference.events import Progress as Done

    last: Any = None
    with progress() as bar:
        task = bar.add_task(name)
        for last in events:
            if isinstance(last, Done):
                words = (last.what or "Done") if shows_what else name
                bar.update(task, completed=last.done, total=last.total, description=words)
            elif isinstance(last, Notice):
                say(last.message if shows_what else f"{name}: {last.message}")
    if last is None:
        raise RuntimeError(f"{name}: the run ended without a result.")
    return last
