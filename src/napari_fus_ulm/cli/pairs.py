"""Folders of paired fUS and ULM images."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_fus_ulm.cli.console import failing_politely, print_json, progress

if TYPE_CHECKING:
    from napari_fus_ulm.cohort.check import Checked, Finding

NAME = "pairs"

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def pairs() -> None:
    """Check folders of paired fUS and ULM images."""


@app.command("check")
def check(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder with pairs.csv, or with fus/ and ulm/.")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check a folder of pairs and say what is wrong with it.

    One line for each finding: level, pair, what is wrong and what to do. Exit code 1 on errors.
    """
    with failing_politely(json):
        from napari_fus_ulm.cohort.check import Checked, Finding, PairChecked, check_cohort

        findings: list[Finding] = []
        end = Checked(0, 0)
        with progress() as bar:
            task = bar.add_task("Checking", total=None)
            for event in check_cohort(folder):
                if isinstance(event, Finding):
                    findings.append(event)
                elif isinstance(event, PairChecked):
                    bar.update(task, completed=event.done, total=event.total)
                else:
                    end = event
        counts = Counter[str](finding.level for finding in findings)
        if json:
            print_json(
                {
                    "pairs": end.pairs,
                    "animals": end.animals,
                    "findings": [
                        {"level": one.level, "pair": one.pair, "sentence": one.sentence}
                        for one in findings
                    ],
                }
            )
        else:
            print("\n".join([*_lines(findings), _summary(end, counts)]))
        if counts["error"]:
            raise typer.Exit(1)


def _lines(findings: list[Finding]) -> list[str]:
    names = [one.pair or "(all)" for one in findings]
    wide = max(map(len, names), default=0)
    return [
        f"{one.level:<8} {name:<{wide}}  {one.sentence}"
        for one, name in zip(findings, names, strict=True)
    ]


def _summary(end: Checked, counts: Counter[str]) -> str:
    """For instance "35 pairs of 35 animals: 2 errors, 1 warning"."""
    findings = [
        _many(counts[level], level) for level in ("error", "warning", "note") if counts[level]
    ]
    about = f"{_many(end.pairs, 'pair')} of {_many(end.animals, 'animal')}"
    return f"{about}: {', '.join(findings) or 'no problems found'}"


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
