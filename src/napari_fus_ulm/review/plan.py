"""Which two pictures are shown when, and on which side: random, balanced, reproducible by seed."""

from __future__ import annotations

import itertools
import secrets
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from napari_fus_ulm.errors import ReviewError
from napari_fus_ulm.review.cases import Case, shown

Pair = tuple[str, str]
SEED_BITS = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSettings:
    """How a session is laid out.

    Parameters
    ----------
    seed : int
        Of orders and sides. Drawn by the operating system if omitted: anyone who knows the
        seed and the candidates can work out what is shown where.
    repeats_share : float
        Share of the trials shown a second time with sides swapped, 0 to 1.
    control : bool
        Show the real ULM among the others.
    pairs : tuple of (str, str)
        Only these candidates are compared; all pairs if empty.
    """

    seed: int = field(default_factory=lambda: secrets.randbits(SEED_BITS))
    repeats_share: float = 0.2
    control: bool = True
    pairs: tuple[Pair, ...] = ()

    def __post_init__(self) -> None:
        if not 0.0 <= self.repeats_share <= 1.0:
            raise ReviewError(f"The share of repeats is {self.repeats_share:g}; give 0 to 1.")
        if self.seed < 0:
            raise ReviewError(f"The seed is {self.seed}; give 0 or more.")


@dataclass(frozen=True, slots=True)
class PlannedTrial:
    """One presentation of a pair.

    Attributes
    ----------
    case : str
    left, right : str
        Names of candidates.
    repeat_of : int or None
        Place in the plan of the first showing, where this is the second.
    """

    case: str
    left: str
    right: str
    repeat_of: int | None = None


def plan(cases: Sequence[Case], settings: ReviewSettings) -> tuple[PlannedTrial, ...]:
    """Lay out a session.

    All pairs of candidates of every case, in random order and on random sides. Over all showings,
    each candidate, and each candidate against each other, is left and right equally often or
    once more; in the first showings alone, twice more at most. Half of the session lies between
    a trial and its repeat.

    Raises
    ------
    ReviewError
        If there is nothing to compare, names are not unique, a name stands for two kinds, or a
        control was requested that no case has.
    """
    _check(cases, settings)
    random = np.random.default_rng(settings.seed)
    comparisons = [
        (case.name, pair)
        for case in cases
        for pair in _pairs(shown(case, control=settings.control), settings)
    ]
    if not comparisons:
        raise ReviewError(
            "There are no two pictures to compare; give every case two candidates, or check the "
            "names of the chosen pairs."
        )
    comparisons = [comparisons[n] for n in random.permutation(len(comparisons))]
    repeated = round(settings.repeats_share * len(comparisons))
    # Apart, because a trial and its swapped repeat are balanced already.
    twice, once = (
        [
            PlannedTrial(case, *sides)
            for (case, _), sides in zip(
                part, balanced([pair for _, pair in part], random), strict=True
            )
        ]
        for part in (comparisons[:repeated], comparisons[repeated:])
    )
    return _in_order(once, twice, random)


def balanced(pairs: Sequence[Pair], random: np.random.Generator) -> list[Pair]:
    """Order every pair so that each name, and each name against each other, is first half the time.

    Two showings of one pair take opposite sides; what remains, at most one of each pair, is
    directed along trails through the graph of names (as for Euler's walks: a trail enters a name
    as often as it leaves it, and ends only where an odd number of trials meet), so that no name
    is on one side more than once more often than on the other.
    """
    places: defaultdict[Pair, list[int]] = defaultdict(list)
    for n, (a, b) in enumerate(pairs):
        places[min(a, b), max(a, b)].append(n)
    ordered = list(pairs)
    for (a, b), where in places.items():
        half = len(where) // 2
        order = random.permutation(where)
        for n in order[:half]:
            ordered[n] = (a, b)
        for n in order[half : 2 * half]:
            ordered[n] = (b, a)
        places[a, b] = [int(order[-1])] if len(where) % 2 else []
    for a, b in _trails([pair for pair, where in places.items() if where], random):
        ordered[places[min(a, b), max(a, b)][0]] = (a, b)
    return ordered


def _trails(edges: Sequence[Pair], random: np.random.Generator) -> list[Pair]:
    """Direct every edge of a graph along trails that do not use one twice."""
    near: defaultdict[str, list[str]] = defaultdict(list)
    for a, b in (edges[n] for n in random.permutation(len(edges))):
        near[a].append(b)
        near[b].append(a)
    names = [list(near)[n] for n in random.permutation(len(near))]
    directed = []
    # Odd names first: a trail that begins at one ends at another, all later ones are circuits.
    # Looked up when it is their turn, since earlier trails have ended at some of them.
    for odd_only in (True, False):
        for name in names:
            if odd_only and len(near[name]) % 2 == 0:
                continue
            here = name
            while near[here]:
                there = near[here].pop()
                near[there].remove(here)
                directed.append((here, there))
                here = there
    if random.random() < 0.5:  # otherwise the first of the names would be left more often
        directed = [(b, a) for a, b in directed]
    return directed


def _in_order(
    once: Sequence[PlannedTrial], twice: Sequence[PlannedTrial], random: np.random.Generator
) -> tuple[PlannedTrial, ...]:
    """Repeats half a session after their first showing, everything else between."""
    total = len(once) + 2 * len(twice)
    half = total // 2
    order: list[PlannedTrial | None] = [None] * total
    for trial, place in zip(twice, random.permutation(half)[: len(twice)], strict=True):
        first = int(place)
        order[first] = trial
        order[first + half] = PlannedTrial(trial.case, trial.right, trial.left, first)
    rest = iter(once)
    return tuple(trial if trial is not None else next(rest) for trial in order)


def _pairs(case: Case, settings: ReviewSettings) -> list[Pair]:
    names = [one.name for one in case.candidates]
    if not settings.pairs:
        return list(itertools.combinations(names, 2))
    return [pair for pair in settings.pairs if set(pair) <= set(names)]


def _check(cases: Sequence[Case], settings: ReviewSettings) -> None:
    names = [case.name for case in cases]
    if len(set(names)) < len(names):
        raise ReviewError("Two cases have the same name; rename one.")
    kinds: dict[str, str] = {}
    for case in cases:
        for one in case.candidates:
            if kinds.setdefault(one.name, one.kind) != one.kind:
                raise ReviewError(
                    f"{one.name} is {kinds[one.name]} in one case and {one.kind} in {case.name}; "
                    "give them different names."
                )
    if settings.control and "ulm" not in kinds.values():
        raise ReviewError(
            "A control was requested, but no case has the real ULM; add one, or leave the control "
            "out (control=False)."
        )
    chosen = [frozenset(pair) for pair in settings.pairs]
    if any(len(pair) != 2 for pair in chosen) or len(set(chosen)) < len(chosen):
        raise ReviewError("Every chosen pair must be two different names, and be given once.")
    if unknown := {name for pair in settings.pairs for name in pair} - set(kinds):
        raise ReviewError(
            f"No candidate is called {', '.join(sorted(unknown))}; available: {', '.join(kinds)}."
        )
