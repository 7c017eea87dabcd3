"""Repeat a run from its record: NAME_record.json or record.json beside a result.

Give - as RECORD.json to read the record from standard input.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_fus_ulm.cli.console import failing_politely, follow, print_json

NAME = "run"


def command(
    record: Annotated[Path, typer.Argument(metavar="RECORD.json", help="The record, or -.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", help="Folder, or file if the task writes one; by default NAME_again."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the files as JSON.")] = False,
) -> None:
    """Repeat a run from its record."""
    with failing_politely(json):
        from napari_fus_ulm.tasks.record import parse_record, read_record
        from napari_fus_ulm.tasks.replay import replay

        recorded = parse_record(sys.stdin.read()) if str(record) == "-" else read_record(record)
        target = out or Path(f"{'record' if str(record) == '-' else record.stem}_again")
        paths: list[str] = []
        follow(_noting(replay(recorded, target), paths), recorded.task)
        if json:
            print_json({"task": recorded.task, "files": paths})
        else:
            print("\n".join(paths))


def _noting(events: Iterator[Any], paths: list[str]) -> Iterator[Any]:
    """Pass events on; note which files were written."""
    from napari_fus_ulm.tasks.events import Saved

    for event in events:
        if isinstance(event, Saved):
            paths.append(str(event.path))
        yield event
