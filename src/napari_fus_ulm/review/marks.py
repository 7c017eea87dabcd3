"""Breaks and inventions that readers have marked: how many per mm of vessel, and where."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.evaluation.intervals import Summary, summarise
from napari_fus_ulm.review.answers import SIDES, Mark, MarkKind, Side
from napari_fus_ulm.review.folder import picture_path
from napari_fus_ulm.review.session import pictures
from napari_fus_ulm.review.unblinding import Judgement, Unblinded

if TYPE_CHECKING:
    from napari_fus_ulm.output.figures import Panel

Grey = npt.NDArray[np.float32]
LOOKS: dict[MarkKind, tuple[str, str]] = {"break": ("o", "#56b4e9"), "invention": ("D", "#ff8c1a")}
"""Marker and colour, distinct for colour-blind readers."""


@dataclass(frozen=True, slots=True)
class Marked:
    """What was marked in the pictures of a candidate.

    Attributes
    ----------
    name, kind : str
    looks : int
        How often a reader who marks has looked at a picture of it, repeats among them.
    breaks, inventions : int
        In all of these.
    vessel_mm : float
        Length of the centrelines drawn in the pictures, each look counted; NaN where pictures
        have been deleted.
    breaks_per_mm, inventions_per_mm : Summary
        Over sections (the looks at one are averaged first); the interval resamples animals.
    """

    name: str
    kind: str
    looks: int
    breaks: int
    inventions: int
    vessel_mm: float
    breaks_per_mm: Summary
    inventions_per_mm: Summary


@dataclass(frozen=True, slots=True)
class _Look:
    """One reader's look at one picture."""

    case: str
    animal: str
    vessel_mm: float
    breaks: int
    inventions: int


def marked(unblinded: Unblinded) -> tuple[Marked, ...]:
    """Sum up the marks of those readers who have marked anything at all.

    Somebody who has marked nothing anywhere has probably not used the tool.
    """
    looks: defaultdict[str, list[_Look]] = defaultdict(list)
    lengths: dict[tuple[str, str], float] = {}
    for one in _by_marking_readers(unblinded):
        for side in SIDES:
            name = getattr(one, side)
            if (one.case, name) not in lengths:
                lengths[one.case, name] = _vessel_mm(unblinded, one, side)
            kinds = [mark.kind for mark in one.answer.marks if mark.side == side]
            counts = kinds.count("break"), kinds.count("invention")
            looks[name].append(_Look(one.case, one.animal, lengths[one.case, name], *counts))
    return tuple(
        Marked(
            name,
            kind,
            len(looks[name]),
            sum(one.breaks for one in looks[name]),
            sum(one.inventions for one in looks[name]),
            sum(one.vessel_mm for one in looks[name]),
            _per_mm(looks[name], "breaks"),
            _per_mm(looks[name], "inventions"),
        )
        for name, kind in unblinded.kinds.items()
        if name in looks
    )


def places(unblinded: Unblinded) -> Iterator[tuple[Judgement, str, Mark]]:
    """Every mark with its judgement and the name of the candidate."""
    for one in unblinded.judgements:
        for mark in one.answer.marks:
            yield one, getattr(one, mark.side), mark


def panels(unblinded: Unblinded) -> dict[str, list[Panel]]:
    """The pictures of every section with all marks in them, by section; those that are there."""
    from napari_fus_ulm.output.figures import Panel, Points

    where: defaultdict[tuple[str, str, MarkKind], list[tuple[float, float]]] = defaultdict(list)
    for one, name, mark in places(unblinded):
        where[one.case, name, mark.kind].append((mark.depth_mm, mark.across_mm))
    shown: defaultdict[str, dict[str, Panel]] = defaultdict(dict)
    for one in _by_marking_readers(unblinded):
        for side in SIDES:
            name = getattr(one, side)
            if name in shown[one.case] or (grey := _grey(unblinded, one, side)) is None:
                continue
            points = tuple(
                Points(np.array(where[one.case, name, kind]), *look)
                for kind, look in LOOKS.items()
                if where[one.case, name, kind]
            )
            extent, generated = (
                unblinded.extents_mm[one.trial],
                unblinded.kinds[name] == "generated",
            )
            shown[one.case][name] = Panel(grey, extent, name, generated=generated, points=points)
    return {
        case: [by_name[name] for name in unblinded.kinds if name in by_name]
        for case, by_name in sorted(shown.items())
        if by_name
    }


def _by_marking_readers(unblinded: Unblinded) -> list[Judgement]:
    return [
        one
        for reader in unblinded.readers
        if any(judged.answer.marks for judged in reader.judgements)
        for one in reader.judgements
    ]


def _per_mm(looks: Sequence[_Look], what: str) -> Summary:
    by_case: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for one in looks:
        per_mm = getattr(one, what) / one.vessel_mm if one.vessel_mm > 0 else math.nan
        by_case[one.case, one.animal].append(per_mm)
    return summarise(
        [float(np.mean(values)) for values in by_case.values()], [owner for _, owner in by_case]
    )


def _grey(unblinded: Unblinded, one: Judgement, side: Side) -> Grey | None:
    """A picture as it was shown; None where it has been deleted to save space."""
    path = picture_path(unblinded.folder, one.trial)
    return np.asarray(pictures(path)[SIDES.index(side)]) if path.is_file() else None


def _vessel_mm(unblinded: Unblinded, one: Judgement, side: Side) -> float:
    """Length of the centrelines that a picture draws, by the rule of all tables."""
    from napari_fus_ulm.metrics.centrelines import skeleton, skeleton_mm
    from napari_fus_ulm.metrics.vessels import vessel_mask

    grey = _grey(unblinded, one, side)
    if grey is None:
        return math.nan
    height, width = unblinded.extents_mm[one.trial]
    pixel_mm = math.sqrt(height / grey.shape[0] * width / grey.shape[1])
    return skeleton_mm(skeleton(vessel_mask(grey, pixel_mm)), pixel_mm)
