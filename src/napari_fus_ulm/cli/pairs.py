"""Folders of paired fUS and ULM images."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_fus_ulm.cli.console import failing_politely, print_json, progress, say

if TYPE_CHECKING:
    from napari_fus_ulm.cohort.check import Checked, Finding

NAME = "pairs"

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="Folder with pairs.csv, or with fus/ and ulm/.")
]


@app.callback()
def pairs() -> None:
    """Check folders of paired fUS and ULM images, and bring the two of a pair onto one field."""


@app.command("check")
def check(
    folder: Folder,
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


@app.command("repair")
def repair(
    folder: Folder,
    only: Annotated[str, typer.Option("--only", help="Look at the pair of this name only.")] = "",
    register: Annotated[
        str, typer.Option(help="How a ULM may be moved: none, shift or affine.")
    ] = "shift",
    apply: Annotated[
        bool, typer.Option("--apply", help="Store the corrections; otherwise only show them.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Look for what brings the two images of each pair onto one field.

    A mistaken pixel size, a mirrored or turned image, a ULM that lies apart. No recording is
    changed: a correction is a file in DIR/corrections, which training and evaluation apply when
    they read the pair; delete it to undo it. Exit code 1 where something is left open.
    """
    if register not in ("none", "shift", "affine"):
        raise typer.BadParameter(f"--register is “{register}”; choose none, shift or affine.")
    how: Literal["none", "shift", "affine"] = register  # type: ignore[assignment]
    with failing_politely(json):
        from napari_fus_ulm.cohort.suggest import repair_cohort

        found = []
        with progress() as bar:
            task = bar.add_task("Looking", total=None)
            for one in repair_cohort(folder, how, only=only, apply=apply):
                found.append(one)
                bar.update(task, completed=one.done, total=one.total)
        if json:
            rows = [
                {"pair": one.pair, "outcome": one.outcome, "sentence": one.sentence}
                for one in found
            ]
            print_json({"stored": apply, "pairs": rows})
        else:
            wide = max(len(one.pair) for one in found)
            for one in found:
                print(f"{one.outcome:<9} {one.pair:<{wide}}  {one.sentence}")
            if not apply and any(one.outcome == "corrected" for one in found):
                say("Nothing is stored yet; add --apply.")
        if any(one.outcome == "open" for one in found):
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
