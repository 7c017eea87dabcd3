"""An evaluation as Markdown for people, CSV for spreadsheets and JSON for programs."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from napari_fus_ulm.evaluation.harness import Evaluation, ImageScored, Row
from napari_fus_ulm.evaluation.intervals import Summary, summarise
from napari_fus_ulm.evaluation.methods import INPUT, ULM
from napari_fus_ulm.metrics.vessels import VesselRule


@dataclass(frozen=True, slots=True)
class Column:
    """One measure of a table: its name among the scores, its heading, its sense."""

    name: str
    heading: str
    digits: int
    better: int
    """1 where larger is best, -1 where smaller is, 0 where a picture of nothing would be best."""


LIKENESS = (
    Column("mse", "MSE ↓", 4, -1),
    Column("ssim", "SSIM ↑", 3, 1),
    Column("psnr", "PSNR (dB) ↑", 2, 1),
    Column("lpips", "LPIPS ↓", 3, -1),
    Column("r", "r ↑", 3, 1),
)
CL_DICE = Column("cl_dice", "clDice ↑", 3, 1)


def vessel_columns(evaluation: Evaluation) -> tuple[Column, ...]:
    """Measures of the vessels against the ULM."""
    return (
        CL_DICE,
        Column("recall", "recall ↑", 3, 1),
        Column("precision", "precision ↑", 3, 1),
        *_by_calibre("recall", "recall", evaluation.settings.rule.calibre_um),
        Column("breaks_per_mm", "breaks/mm ↓", 2, 0),
        Column("missed_mm", "missed mm ↓", 1, 0),
        Column("invented_mm", "invented mm ↓", 1, 0),
    )


def tree_columns(evaluation: Evaluation) -> tuple[Column, ...]:
    """Measures of the vessels against the simulated tree."""
    edges = evaluation.settings.tree_rule.calibre_um
    return (
        Column("tree_recall", "recall ↑", 3, 1),
        Column("tree_precision", "precision ↑", 3, 1),
        *_by_calibre("tree_recall", "recall", edges),
        Column("tree_segment_recall", "segments ↑", 3, 1),
        *_by_calibre("tree_segment_recall", "segments", edges),
        Column("tree_missed_mm", "missed mm ↓", 1, 0),
        Column("tree_invented_mm", "invented mm ↓", 1, 0),
    )


def _by_calibre(name: str, heading: str, edges: tuple[float, ...]) -> list[Column]:
    from napari_fus_ulm.evaluation.tree import calibre_classes

    told = [
        f"< {edges[0]:g} µm",
        *(f"{one:g}–{two:g} µm" for one, two in itertools.pairwise(edges)),
        f"≥ {edges[-1]:g} µm",
    ]
    return [
        Column(f"{name}_{of}", f"{heading} {words} ↑", 3, 1)
        for of, words in zip(calibre_classes(edges), told, strict=True)
    ]


# ---------------------------------------------------------------- numbers


def summary_of(evaluation: Evaluation, row: Row, name: str) -> Summary:
    """A measure of a row over its images."""
    found = _of(evaluation, row.key)
    return summarise([value_of(one, name) for one in found], [one.animal for one in found])


def difference_of(evaluation: Evaluation, row: Row, name: str, against: str = INPUT) -> Summary:
    """A measure of a row less the same image's in another row."""
    base = {(one.split, one.image): value_of(one, name) for one in _of(evaluation, against)}
    found = [one for one in _of(evaluation, row.key) if (one.split, one.image) in base]
    return summarise(
        [value_of(one, name) - base[one.split, one.image] for one in found],
        [one.animal for one in found],
    )


def value_of(one: ImageScored, name: str) -> float:
    """A measure of an image by its name in the CSV; NaN where it has none."""
    if name == "psnr":  # None in the flat form where it is infinite
        return one.scores.fidelity.psnr
    value = one.scores.as_dict().get(name)
    return math.nan if value is None else float(value)


def _of(evaluation: Evaluation, key: str) -> list[ImageScored]:
    return [one for one in evaluation.images if one.method == key]


# ---------------------------------------------------------------- Markdown


def markdown(evaluation: Evaluation) -> str:
    """All tables, each with what it means, and what every row is.

    Returns
    -------
    str
        Likeness to the ULM (mean ± standard deviation over images), paired differences with
        bootstrap intervals, vessels against the ULM, vessels against the simulated tree where
        there is one, and footnotes.
    """
    rows = [row for row in evaluation.rows if row.key != ULM]
    parts = [_counts(evaluation)]
    if len(rows) == 1 and len(evaluation.images) > 1:
        parts.append(_per_image(evaluation))
    parts.append(_table(evaluation, rows, LIKENESS, "Likeness to the ULM"))
    if differences := _differences(evaluation, rows):
        parts.append(differences)
    parts.append(
        _table(
            evaluation,
            rows,
            vessel_columns(evaluation),
            "Vessels against the ULM (its black is no proof of no vessel)",
        )
    )
    if any(one.scores.tree for one in evaluation.images):
        parts.append(
            _table(
                evaluation,
                evaluation.rows,
                tree_columns(evaluation),
                "Vessels against the simulated tree",
            )
        )
    parts.append(_footnotes(evaluation))
    return "\n".join(parts)


def _counts(evaluation: Evaluation) -> str:
    images = {one.image for one in evaluation.images}
    animals = {one.animal for one in evaluation.images}
    told = f"{_many(len(images), 'image')} of {_many(len(animals), 'animal')}"
    splits = {one.split for one in evaluation.images}
    if len(splits) > 1:
        told += (
            f", {len(splits)} splits drawn by animal and pooled "
            f"({len(_of(evaluation, evaluation.rows[0].key))} judgements a row). The baselines "
            "were fitted again for every split; the generators were not trained again"
        )
    return f"{told}; mean ± standard deviation over images, the best in bold.\n"


def _many(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _table(
    evaluation: Evaluation, rows: Sequence[Row], columns: Sequence[Column], title: str
) -> str:
    found = [[summary_of(evaluation, row, column.name) for column in columns] for row in rows]
    # The ULM itself is no competitor, so it is never the best.
    best = [
        _best([line[n].mean for line, row in zip(found, rows, strict=True) if row.key != ULM], c)
        for n, c in enumerate(columns)
    ]
    lines = [_head(title, [column.heading for column in columns])]
    for row, line in zip(rows, found, strict=True):
        cells = [
            _cell(one, column, row.key != ULM and len(rows) > 1 and one.mean == top)
            for one, column, top in zip(line, columns, best, strict=True)
        ]
        lines.append(_line(row.title, cells))
    return "\n".join(lines) + "\n"


def _differences(evaluation: Evaluation, rows: Sequence[Row]) -> str:
    others = [row for row in rows if row.key != INPUT]
    base = next((row for row in rows if row.key == INPUT), None)
    if base is None or not others:
        return ""
    columns = (*LIKENESS, CL_DICE)
    lines = [_head(f"Difference to: {base.title}", [column.heading for column in columns])]
    for row in others:
        cells = []
        for column in columns:
            one = difference_of(evaluation, row, column.name)
            digits = column.digits
            told = "–" if math.isnan(one.low) else f"{one.low:+.{digits}f}, {one.high:+.{digits}f}"
            mean = _number(one.mean, digits, sign=True)
            cells.append(f"{mean} [{told}]")
        lines.append(_line(row.title, cells))
    return "\n".join(lines) + "\n"


def _per_image(evaluation: Evaluation) -> str:
    columns = (*LIKENESS, CL_DICE)
    lines = [_head("Image by image", [column.heading for column in columns])]
    for one in evaluation.images:
        cells = [_number(value_of(one, column.name), column.digits) for column in columns]
        lines.append(_line(one.image, cells))
    return "\n".join(lines) + "\n"


def _head(title: str, headings: Sequence[str]) -> str:
    return f"{_line(title, headings)}\n| --- |{' ---: |' * len(headings)}"


def _line(name: str, cells: Iterable[str]) -> str:
    return f"| {name.replace('|', chr(92) + '|')} | {' | '.join(cells)} |"


def _best(means: Sequence[float], column: Column) -> float:
    known = [mean for mean in means if not math.isnan(mean)]
    choose: Callable[[list[float]], float] = max if column.better > 0 else min
    return choose(known) if known and column.better else math.nan


def _cell(one: Summary, column: Column, bold: bool) -> str:
    mean = _number(one.mean, column.digits)
    if mean == "–":
        return mean
    mean = f"**{mean}**" if bold else mean
    return f"{mean} ± {_number(one.sd, column.digits)}"


def _number(value: float, digits: int, *, sign: bool = False) -> str:
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"


def _footnotes(evaluation: Evaluation) -> str:
    lines = [f"- **{row.title}**: {_told(row)}" for row in evaluation.rows]
    settings = evaluation.settings
    rule, tree = settings.rule, settings.tree_rule
    lines.append(f"- {_grid(settings.pixel_um)} A vessel is {_vessel(rule)}")
    if any(row.key == INPUT for row in evaluation.rows) and len(evaluation.rows) > 1:
        animals = {one.animal for one in evaluation.images}
        lines.append(
            "- Differences are paired by image; in brackets the 95 % bootstrap interval of their "
            "mean, whole animals drawn again"
            + (
                ", which of so few animals is rather too short."
                if 1 < len(animals) < 10
                else (": with one animal there is none (–)." if len(animals) == 1 else ".")
            )
        )
    if any(one.scores.tree for one in evaluation.images):
        lines.append(
            f"- The simulated tree: recall asks for vessels within {tree.slice_um / 2:g} µm of "
            f"the image plane, precision forgives those within {tree.slice_um:g} µm; a centreline "
            f"is shown when the picture has one within {tree.tolerance_um:g} µm of the vessel's "
            "wall, a segment when half of it is. Classes are diameters. Read every row beside the "
            "ULM itself (a perfect answer) and another animal's ULM (chance)."
        )
    return "\n".join(lines) + "\n"


def _told(row: Row) -> str:
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


# ---------------------------------------------------------------- CSV and JSON

FIRST = ("split", "method", "image", "animal", "seconds")


def csv_table(evaluation: Evaluation) -> str:
    """One line per split, method and image; one column per measure, every digit.

    The columns are :data:`FIRST` and the names of :meth:`Scores.as_dict`; ``tree_`` marks what is
    judged against the simulated tree. A measure without a value is empty.
    """
    names = list(dict.fromkeys(n for one in evaluation.images for n in one.scores.as_dict()))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*FIRST, *names])
    for one in evaluation.images:
        found = one.scores.as_dict()
        cells = ["" if found.get(name) is None else found[name] for name in names]
        seconds = f"{one.seconds:.3f}"
        writer.writerow([one.split, one.method, one.image, one.animal, seconds, *cells])
    return buffer.getvalue()


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Everything, ready for JSON: settings, versions, splits, rows with summaries, images."""
    names = list(dict.fromkeys(n for one in evaluation.images for n in one.scores.as_dict()))
    has_input = any(row.key == INPUT for row in evaluation.rows)
    rows: dict[str, Any] = {}
    for row in evaluation.rows:
        rows[row.key] = {
            "title": row.title,
            "note": row.note,
            "chosen": list(row.chosen),
            "summary": {name: _plain(summary_of(evaluation, row, name)) for name in names},
        }
        if has_input and row.key != INPUT:
            rows[row.key]["difference_to_input"] = {
                name: _plain(difference_of(evaluation, row, name)) for name in names
            }
    return {
        "versions": versions(),
        "settings": dataclasses.asdict(evaluation.settings),
        "splits": list(evaluation.splits),
        "rows": rows,
        "images": [
            {
                **{name: getattr(one, name) for name in FIRST},
                **one.scores.as_dict(),
            }
            for one in evaluation.images
        ],
    }


def _plain(one: Summary) -> dict[str, float | int | None]:
    found: dict[str, float | int] = dataclasses.asdict(one)
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


def versions() -> dict[str, str]:
    """Versions that the numbers depend on."""
    from importlib.metadata import version

    from napari_fus_ulm import __version__

    packages = ("numpy", "scipy", "scikit-image", "torch", "lpips")
    return {"napari-fus-ulm": __version__, **{name: version(name) for name in packages}}
