"""The columns of the tables: measures by name, their headings, and their summaries over images."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from napari_fus_ulm.evaluation.harness import Evaluation, ImageScored, Row
from napari_fus_ulm.evaluation.intervals import Summary, summarise
from napari_fus_ulm.evaluation.methods import INPUT


@dataclass(frozen=True, slots=True)
class Column:
    """One measure of a table: its name among the scores, its heading, which way is better."""

    name: str
    heading: str
    digits: int
    better: int
    """1 where larger is best, -1 where smaller is, 0 where an empty picture would be best."""


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
    edges = evaluation.settings.rule.calibre_um
    return (
        CL_DICE,
        Column("recall", "recall ↑", 3, 1),
        Column("precision", "precision ↑", 3, 1),
        *_by_calibre("recall", "recall", edges),
        *_by_calibre("precision", "precision", edges),
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
        Column("tree_vessels_found", "vessels found ↑", 3, 1),
        *_by_calibre("tree_vessels_found", "vessels found", edges),
        Column("tree_missed_mm", "missed mm ↓", 1, 0),
        Column("tree_invented_mm", "invented mm ↓", 1, 0),
    )


def interval_columns(evaluation: Evaluation) -> tuple[Column, ...]:
    """Measures of the vessels whose means are given with their intervals."""
    columns = [*vessel_columns(evaluation)[:3]]
    if has_tree(evaluation):
        columns += [
            Column("tree_recall", "tree recall ↑", 3, 1),
            Column("tree_precision", "tree precision ↑", 3, 1),
        ]
    return tuple(columns)


def has_tree(evaluation: Evaluation) -> bool:
    """Whether anything was judged against simulated vessels."""
    return any(one.scores.tree for one in evaluation.images)


def _by_calibre(name: str, heading: str, edges: tuple[float, ...]) -> list[Column]:
    from napari_fus_ulm.metrics.vessels import calibre_classes

    labels = [
        f"< {edges[0]:g} µm",
        *(f"{one:g}–{two:g} µm" for one, two in itertools.pairwise(edges)),
        f"≥ {edges[-1]:g} µm",
    ]
    return [
        Column(f"{name}_{of}", f"{heading} {words} ↑", 3, 1)
        for of, words in zip(calibre_classes(edges), labels, strict=True)
    ]


def summary_of(evaluation: Evaluation, row: Row, name: str) -> Summary:
    """A measure of a row over its images."""
    judged = images_of(evaluation, row.key)
    return summarise([value_of(one, name) for one in judged], [one.animal for one in judged])


def difference_of(evaluation: Evaluation, row: Row, name: str, against: str = INPUT) -> Summary:
    """A measure of a row less the same image's in another row."""
    base = {(one.split, one.image): value_of(one, name) for one in images_of(evaluation, against)}
    judged = [one for one in images_of(evaluation, row.key) if (one.split, one.image) in base]
    return summarise(
        [value_of(one, name) - base[one.split, one.image] for one in judged],
        [one.animal for one in judged],
    )


def value_of(one: ImageScored, name: str) -> float:
    """A measure of an image by its name in the CSV; NaN where it has none."""
    if name == "psnr":  # None in the flat form where it is infinite
        return one.scores.fidelity.psnr
    value = one.scores.as_dict().get(name)
    return math.nan if value is None else float(value)


def images_of(evaluation: Evaluation, key: str) -> list[ImageScored]:
    """The judged images of a row, in order."""
    return [one for one in evaluation.images if one.method == key]
