"""An evaluation as Markdown tables, for people."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from napari_fus_ulm.cohort.splits import animal_key
from napari_fus_ulm.evaluation.columns import (
    CL_DICE,
    LIKENESS,
    Column,
    difference_of,
    has_tree,
    images_of,
    interval_columns,
    summary_of,
    tree_columns,
    value_of,
    vessel_columns,
)
from napari_fus_ulm.evaluation.harness import Evaluation, Row
from napari_fus_ulm.evaluation.intervals import Summary
from napari_fus_ulm.evaluation.methods import INPUT, REFERENCES, SHIFTED, ULM
from napari_fus_ulm.metrics.vessels import VesselRule
from napari_fus_ulm.output.tables import markdown_table, number


def markdown(evaluation: Evaluation) -> str:
    """All tables, each with what it means, and what every row is.

    Returns
    -------
    str
        Likeness to the ULM (mean ± standard deviation over images), paired differences with
        bootstrap intervals, vessels against the ULM, vessels against the simulated tree where
        there is one, means of the vessels' measures with their intervals, and footnotes.
    """
    rows = [row for row in evaluation.rows if row.key != ULM]
    real = [row for row in rows if row.key not in REFERENCES]
    parts = [_counts(evaluation)]
    if len(real) == 1 and len(images_of(evaluation, real[0].key)) > 1:
        parts.append(_per_image(evaluation, real[0]))
    parts.append(_table(evaluation, rows, LIKENESS, "Likeness to the ULM"))
    if differences := _differences(evaluation, real):
        parts.append(differences)
    parts.append(
        _table(
            evaluation,
            rows,
            vessel_columns(evaluation),
            "Vessels against the ULM (black in it does not prove that there is no vessel)",
        )
    )
    if has_tree(evaluation):
        parts.append(
            _table(
                evaluation,
                evaluation.rows,
                tree_columns(evaluation),
                "Vessels against the simulated tree",
            )
        )
    if intervals := _intervals(evaluation):
        parts.append(intervals)
    parts.append(_footnotes(evaluation))
    return "\n".join(parts)


def _counts(evaluation: Evaluation) -> str:
    images = {one.image for one in evaluation.images}
    animals = len(_animals(evaluation))
    text = f"{_many(len(images), 'image')} of {_many(animals, 'animal')}"
    splits = {one.split for one in evaluation.images}
    if len(splits) > 1:
        judged = len(images_of(evaluation, evaluation.rows[0].key))
        text += (
            f", {len(splits)} splits drawn by animal and pooled ({judged} judgements per row). The "
            "baselines were fitted again for every split; the generators were not trained again"
        )
    return f"{text}; mean ± standard deviation over images, the best in bold.\n"


def _animals(evaluation: Evaluation) -> set[str]:
    return {animal_key(one.animal) for one in evaluation.images}


def _many(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _table(
    evaluation: Evaluation, rows: Sequence[Row], columns: Sequence[Column], title: str
) -> str:
    summaries = [[summary_of(evaluation, row, column.name) for column in columns] for row in rows]
    # Rows made from the ULM do not compete, and a single row is not the best.
    real = [row.key not in REFERENCES for row in rows]
    best = [
        _best(
            [line[n].mean for line, is_real in zip(summaries, real, strict=True) if is_real], column
        )
        for n, column in enumerate(columns)
    ]
    lines = []
    for row, line, is_real in zip(rows, summaries, real, strict=True):
        cells = [
            _cell(one, column, is_real and sum(real) > 1 and one.mean == top)
            for one, column, top in zip(line, columns, best, strict=True)
        ]
        lines.append([row.title, *cells])
    return _under(title, columns, lines)


def _differences(evaluation: Evaluation, rows: Sequence[Row]) -> str:
    others = [row for row in rows if row.key != INPUT]
    base = next((row for row in rows if row.key == INPUT), None)
    if base is None or not others:
        return ""
    columns = (*LIKENESS, CL_DICE)
    lines = []
    for row in others:
        cells = [
            _with_interval(difference_of(evaluation, row, column.name), column.digits, sign=True)
            for column in columns
        ]
        lines.append([row.title, *cells])
    return _under(f"Difference to: {base.title}", columns, lines)


def _intervals(evaluation: Evaluation) -> str:
    """Means of the vessels' measures with their intervals; nothing for one animal."""
    if len(_animals(evaluation)) < 2:
        return ""
    columns = interval_columns(evaluation)
    lines = []
    for row in evaluation.rows:
        if row.key == ULM and not has_tree(evaluation):
            continue
        cells = [
            # The ULM is not compared with itself.
            "–"
            if row.key == ULM and not column.name.startswith("tree_")
            else _with_interval(summary_of(evaluation, row, column.name), column.digits)
            for column in columns
        ]
        lines.append([row.title, *cells])
    return _under("Vessels: mean [95 % interval]", columns, lines)


def _with_interval(one: Summary, digits: int, *, sign: bool = False) -> str:
    mean, low, high = (number(x, digits, sign=sign) for x in (one.mean, one.low, one.high))
    return f"{mean} [{'–' if math.isnan(one.low) else f'{low}, {high}'}]"


def _per_image(evaluation: Evaluation, row: Row) -> str:
    columns = (*LIKENESS, CL_DICE)
    lines = [
        [one.image, *(number(value_of(one, column.name), column.digits) for column in columns)]
        for one in images_of(evaluation, row.key)
    ]
    return _under("Image by image", columns, lines)


def _under(title: str, columns: Sequence[Column], lines: Sequence[Sequence[str]]) -> str:
    return markdown_table([title, *(column.heading for column in columns)], lines) + "\n"


def _best(means: Sequence[float], column: Column) -> float:
    known = [mean for mean in means if not math.isnan(mean)]
    choose: Callable[[list[float]], float] = max if column.better > 0 else min
    return choose(known) if known and column.better else math.nan


def _cell(one: Summary, column: Column, bold: bool) -> str:
    mean = number(one.mean, column.digits)
    if mean == "–":
        return mean
    mean = f"**{mean}**" if bold else mean
    return f"{mean} ± {number(one.sd, column.digits)}"


SCALE = {
    ULM: "the ULM itself (what ULM shows of the tree)",
    SHIFTED: "the ULM where fUS has it (what a sharp and perfect answer scores here)",
    "other": "another animal's ULM (chance)",
}
"""Rows that give the others a scale, and their meaning."""
DIMMED = {INPUT, "rl", "hessian", "dog", "atlas"}
"""Baselines dimmed by averaging, as is the mode Accurate of every generator."""


def _footnotes(evaluation: Evaluation) -> str:
    lines = [f"- **{row.title}**: {_note(row)}" for row in evaluation.rows]
    lines += [f"- {note}" for note in evaluation.notes]
    settings = evaluation.settings
    rule, tree = settings.rule, settings.tree_rule
    lines.append(f"- {_grid(settings.pixel_um)} A vessel is {_vessel(rule)}")
    keys = {row.key for row in evaluation.rows}
    animals = _animals(evaluation)
    if INPUT in keys and keys - {INPUT, *REFERENCES}:
        lines.append(
            "- Differences are paired by image; in brackets the 95 % bootstrap interval of their "
            "mean, whole animals resampled"
            + (
                "; with so few animals it is likely too narrow."
                if 1 < len(animals) < 10
                else ("; with one animal there is none (–)." if len(animals) == 1 else ".")
            )
        )
    elif len(animals) > 1:
        lines.append(
            "- In brackets the 95 % bootstrap interval of the mean, whole animals resampled."
        )
    if keys & DIMMED or any(key.endswith("-accurate") for key in keys):
        lines.append(
            "- A map fitted by least squares, and averaging of any kind, dims a picture where it "
            "is uncertain: the recall of rows that behave like a regression (the input, "
            "Richardson–Lucy, ridge filters, the mean training image, Accurate) is partly their "
            "contrast."
        )
    if has_tree(evaluation):
        lines.append(
            f"- The simulated tree: recall counts vessels within {tree.slice_um / 2:g} µm of "
            f"the image plane, precision accepts those within {tree.slice_um:g} µm; a centreline "
            f"is shown when the picture has one within {tree.tolerance_um:g} µm of the vessel's "
            "wall. A vessel of the tree, from its origin to its end, is found when half of "
            "its visible length is; its class is its mean diameter."
        )
    if scale := [meaning for key, meaning in SCALE.items() if key in keys]:
        lines.append(f"- For scale, compare every row with {', '.join(scale)}.")
    return "\n".join(lines) + "\n"


def _note(row: Row) -> str:
    chosen = list(dict.fromkeys(note for note in row.chosen if note))
    if not chosen:
        return row.note
    some = "; ".join(chosen[:3]) + ("; …" if len(chosen) > 3 else "")
    return f"{row.note} Here: {some}."


def _grid(pixel_um: float) -> str:
    return (
        f"Grid of {pixel_um:g} µm; ULM counts binned to it, log(1 + n), 1 at the 99.9th percentile."
    )


def _vessel(rule: VesselRule) -> str:
    return (
        f"what reaches {rule.low:g} after smoothing by {rule.smooth_um:g} µm and touches what "
        f"reaches {rule.high:g}; centrelines within {rule.tolerance_um:g} µm are the same. Classes "
        "are apparent widths in the ULM."
    )
