"""Summaries of a reader's answers, with intervals; pure functions of unblinded judgements.

Repeated trials measure the reader, not the candidates: ratings, preferences and side bias count
first showings only.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from napari_fus_ulm.evaluation.intervals import Summary, summarise
from napari_fus_ulm.review.unblinding import Judgement, Unblinded


@dataclass(frozen=True, slots=True)
class Share:
    """A count among trials.

    Attributes
    ----------
    count, total : int
    share, low, high : float
        With the exact 95 % interval (Clopper and Pearson, Biometrika 26, 1934); NaN of none.
    p : float
        Exact two-sided sign test against one half; NaN of none.
    """

    count: int
    total: int
    share: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Continuity:
    """Vessel continuity of a candidate, 1 to 5.

    Attributes
    ----------
    name, kind : str
    trials : int
        In which it was rated.
    rating : Summary
        Over cases (a case's ratings are averaged first); the interval resamples animals.
    """

    name: str
    kind: str
    trials: int
    rating: Summary


@dataclass(frozen=True, slots=True)
class Preference:
    """How often one of two was preferred.

    Attributes
    ----------
    first, second : str
    undecided : int
        Trials without a preference; left out of the two others.
    chosen : Share
        The first among the decided trials, taken as independent.
    by_animal : Summary
        The same share; its interval resamples animals.
    p_holm : float
        ``chosen.p`` corrected for the number of pairs (Holm, Scand. J. Statist. 6, 1979).
    """

    first: str
    second: str
    undecided: int
    chosen: Share
    by_animal: Summary
    p_holm: float


@dataclass(frozen=True, slots=True)
class Consistency:
    """Agreement of a reader's answers to the same pictures with sides swapped.

    Attributes
    ----------
    preference : Share
        Repeats with the same preference (also: none both times).
    ratings : Share
        Ratings that were the same both times, two per repeat.
    rating_difference : float
        Mean absolute difference of the ratings.
    """

    preference: Share
    ratings: Share
    rating_difference: float


@dataclass(frozen=True, slots=True)
class Report:
    """A session unblinded.

    Attributes
    ----------
    reader : str
    answered, trials : int
        Showings, repeats among them.
    cases, animals : int
        That were judged.
    candidates : tuple of Continuity
    pairs : tuple of Preference
    left : Share
        Trials in which the left picture was preferred, among the decided.
    consistency : Consistency or None
        None where no trial and its repeat are both answered.
    control : Preference or None
        The real ULM (first) against all generated pictures together; None without a control.
    median_seconds : float
        Spent on a trial; NaN where not measured.
    changed : int
        Trials whose answer was changed before the unblinding.
    after_unblinding : int
        Answers that count although the session had been unblinded.
    passed_over : int
        Answers that do not count, since an earlier one was blinded.
    damaged : int
        Truncated lines of the file.
    """

    reader: str
    answered: int
    trials: int
    cases: int
    animals: int
    candidates: tuple[Continuity, ...]
    pairs: tuple[Preference, ...]
    left: Share
    consistency: Consistency | None
    control: Preference | None
    median_seconds: float
    changed: int
    after_unblinding: int
    passed_over: int
    damaged: int


def statistics(unblinded: Unblinded) -> Report:
    """Summarise the judgements of one reader."""
    judged = unblinded.judgements
    first = first_showings(judged)
    decided = [one for one in first if one.preferred]
    seconds = [one.answer.seconds for one in judged if not math.isnan(one.answer.seconds)]
    return Report(
        reader=unblinded.reader,
        answered=len(judged),
        trials=unblinded.trials,
        cases=len({one.case for one in judged}),
        animals=len({one.animal for one in judged}),
        candidates=continuity(first, unblinded.kinds),
        pairs=preferences(first, unblinded.kinds),
        left=share(sum(one.answer.preference == "left" for one in decided), len(decided)),
        consistency=consistency(judged),
        control=control(first, unblinded.kinds),
        median_seconds=float(np.median(seconds)) if seconds else math.nan,
        changed=sum(one.changed > 0 for one in judged),
        after_unblinding=sum(one.answer.after_unblinding for one in judged),
        passed_over=sum(one.passed_over for one in judged),
        damaged=unblinded.damaged,
    )


def first_showings(judged: Iterable[Judgement]) -> list[Judgement]:
    """Judgements that are not repeats."""
    return [one for one in judged if one.repeat_of is None]


def share(count: int, total: int) -> Share:
    """Share of a count, with exact interval and sign test."""
    if not total:
        return Share(count, total, math.nan, math.nan, math.nan, math.nan)
    test = binomtest(count, total, 0.5)
    interval = test.proportion_ci(0.95, method="exact")
    return Share(
        count, total, count / total, float(interval.low), float(interval.high), float(test.pvalue)
    )


def continuity(first: Iterable[Judgement], kinds: dict[str, str]) -> tuple[Continuity, ...]:
    """Mean ratings of every candidate that was rated."""
    ratings: defaultdict[str, defaultdict[tuple[str, str], list[int]]]
    ratings = defaultdict(lambda: defaultdict(list))
    for one in first:
        ratings[one.left][one.case, one.animal].append(one.answer.left_continuity)
        ratings[one.right][one.case, one.animal].append(one.answer.right_continuity)
    return tuple(
        Continuity(
            name,
            kind,
            sum(map(len, ratings[name].values())),
            summarise(
                [float(np.mean(of_case)) for of_case in ratings[name].values()],
                [animal for _, animal in ratings[name]],
            ),
        )
        for name, kind in kinds.items()
        if name in ratings
    )


def preferences(first: Sequence[Judgement], kinds: dict[str, str]) -> tuple[Preference, ...]:
    """Every pair of candidates that was shown."""
    shown = []
    for a, b in itertools.combinations(kinds, 2):
        if both := [one for one in first if {one.left, one.right} == {a, b}]:
            shown.append((a, b, both))
    corrected = holm([share(*_counts(both, {a})).p for a, _, both in shown])
    return tuple(
        _preference(a, b, both, {a}, p) for (a, b, both), p in zip(shown, corrected, strict=True)
    )


def control(first: Sequence[Judgement], kinds: dict[str, str]) -> Preference | None:
    """The real ULM against everything generated."""
    real = {name for name, kind in kinds.items() if kind == "ulm"}
    against_generated = [
        one for one in first if {kinds[one.left], kinds[one.right]} == {"ulm", "generated"}
    ]
    if not against_generated:
        return None
    # Not corrected: it is one question, and trials of a section are not independent anyway.
    return _preference(", ".join(sorted(real)), "generated", against_generated, real, math.nan)


def consistency(judged: Sequence[Judgement]) -> Consistency | None:
    """Compare every repeat with its first showing."""
    by_trial = {one.trial: one for one in judged}
    both = [(by_trial[one.repeat_of], one) for one in judged if one.repeat_of in by_trial]
    if not both:
        return None
    gaps = [
        abs(before - after)
        for one, again in both
        for before, after in (
            (one.answer.left_continuity, again.answer.right_continuity),
            (one.answer.right_continuity, again.answer.left_continuity),
        )
    ]
    return Consistency(
        share(sum(one.preferred == again.preferred for one, again in both), len(both)),
        share(gaps.count(0), len(gaps)),
        float(np.mean(gaps)),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for their number, step by step; NaN (no test) is left out and stays."""
    order = sorted(
        (n for n, p in enumerate(p_values) if not math.isnan(p)), key=lambda n: p_values[n]
    )
    adjusted, largest = [math.nan] * len(p_values), 0.0
    for rank, n in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[n]))
        adjusted[n] = largest
    return adjusted


def _preference(
    first: str, second: str, trials: Sequence[Judgement], names: set[str], p_holm: float
) -> Preference:
    decided = [one for one in trials if one.preferred]
    return Preference(
        first,
        second,
        len(trials) - len(decided),
        share(*_counts(trials, names)),
        summarise(
            [float(one.preferred in names) for one in decided], [one.animal for one in decided]
        ),
        p_holm,
    )


def _counts(trials: Iterable[Judgement], names: set[str]) -> tuple[int, int]:
    """How often one of the names was preferred, and how often anything was."""
    preferred = [one.preferred for one in trials if one.preferred]
    return sum(name in names for name in preferred), len(preferred)
