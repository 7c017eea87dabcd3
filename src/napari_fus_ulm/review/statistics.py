"""Summaries of the readers' answers, with intervals; pure functions of unblinded judgements.

Repeated trials measure the reader, not the candidates: ratings, preferences and side bias count
first showings only. Of several readers, ratings are averaged and a trial is decided by the
majority, so that a trial counts once, however many have judged it.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from scipy.stats import binomtest

from napari_fus_ulm.evaluation.intervals import Summary, summarise
from napari_fus_ulm.review import answers
from napari_fus_ulm.review.agreement import Alpha, krippendorff
from napari_fus_ulm.review.marks import Marked, marked
from napari_fus_ulm.review.unblinding import Judgement, Reader, Unblinded

_SIDES = get_args(answers.Preference)


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
    rating_alpha, preference_alpha : Alpha
        Krippendorff's alpha of both.
    """

    preference: Share
    ratings: Share
    rating_difference: float
    rating_alpha: Alpha
    preference_alpha: Alpha


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of several readers about the same pictures, first showings only.

    Attributes
    ----------
    rating, preference : Alpha
        Krippendorff's alpha, of ordered ratings and of unordered preferences.
    same_preference : Share
        Of the two readers' answers to one trial, over all pairs of readers.
    """

    rating: Alpha
    preference: Alpha
    same_preference: Share


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known about one reader.

    Attributes
    ----------
    name : str
    answered : int
        Showings, repeats among them.
    left : Share
        Trials in which the left picture was preferred, among the decided.
    consistency : Consistency or None
        None where no trial and its repeat are both answered.
    median_seconds : float
        Spent on a trial; NaN where not measured.
    changed : int
        Trials whose answer was changed before the unblinding.
    after_unblinding : int
        Answers that count although the session had been unblinded.
    passed_over : int
        Answers that do not count, since an earlier one was blinded.
    """

    name: str
    answered: int
    left: Share
    consistency: Consistency | None
    median_seconds: float
    changed: int
    after_unblinding: int
    passed_over: int


@dataclass(frozen=True, slots=True)
class Report:
    """A session unblinded.

    Attributes
    ----------
    readers : tuple of Reading
    trials : int
        Showings, repeats among them.
    cases, animals : int
        That were judged.
    candidates : tuple of Continuity
        Ratings of all readers.
    pairs : tuple of Preference
        By the majority of the readers.
    control : Preference or None
        The real ULM (first) against all generated pictures together; None without a control.
    agreement : Agreement or None
        None of one reader.
    marks : tuple of Marked
        Empty where nobody has marked anything.
    damaged : int
        Truncated lines of the file.
    """

    readers: tuple[Reading, ...]
    trials: int
    cases: int
    animals: int
    candidates: tuple[Continuity, ...]
    pairs: tuple[Preference, ...]
    control: Preference | None
    agreement: Agreement | None
    marks: tuple[Marked, ...]
    damaged: int


def statistics(unblinded: Unblinded) -> Report:
    """Summarise the judgements of all readers."""
    judged = unblinded.judgements
    decided = majority([first_showings(reader.judgements) for reader in unblinded.readers])
    return Report(
        readers=tuple(map(reading, unblinded.readers)),
        trials=unblinded.trials,
        cases=len({one.case for one in judged}),
        animals=len({one.animal for one in judged}),
        candidates=continuity(first_showings(judged), unblinded.kinds),
        pairs=preferences(decided, unblinded.kinds),
        control=control(decided, unblinded.kinds),
        agreement=agreement(unblinded.readers),
        marks=marked(unblinded),
        damaged=unblinded.damaged,
    )


def reading(reader: Reader) -> Reading:
    """Summarise what is known about a reader."""
    judged = reader.judgements
    decided = [one for one in first_showings(judged) if one.preferred]
    seconds = [one.answer.seconds for one in judged if not math.isnan(one.answer.seconds)]
    return Reading(
        name=reader.name,
        answered=len(judged),
        left=share(sum(one.answer.preference == "left" for one in decided), len(decided)),
        consistency=consistency(judged),
        median_seconds=float(np.median(seconds)) if seconds else math.nan,
        changed=sum(one.changed > 0 for one in judged),
        after_unblinding=sum(one.answer.after_unblinding for one in judged),
        passed_over=sum(one.passed_over for one in judged),
    )


def majority(readers: Iterable[Iterable[Judgement]]) -> list[Judgement]:
    """One judgement a trial, with the preference that most readers share; "none" where none is."""
    by_trial: defaultdict[str, list[Judgement]] = defaultdict(list)
    for judged in readers:
        for one in judged:
            by_trial[one.trial].append(one)
    together = []
    for same in by_trial.values():
        votes = [one.answer.preference for one in same]
        left, right = votes.count("left"), votes.count("right")
        won: answers.Preference = "left" if left > right else "right" if right > left else "none"
        together.append(replace(same[0], answer=replace(same[0].answer, preference=won)))
    return together


def agreement(readers: Sequence[Reader]) -> Agreement | None:
    """Compare the readers' answers to the same showings."""
    if len(readers) < 2:
        return None
    by_trial: defaultdict[str, list[Judgement]] = defaultdict(list)
    for reader in readers:
        for one in first_showings(reader.judgements):
            by_trial[one.trial].append(one)
    ratings, preferred, animals = [], [], []
    for same in by_trial.values():
        for side in ("left_continuity", "right_continuity"):
            ratings.append([getattr(one.answer, side) - answers.SCALE[0] for one in same])
            animals.append(same[0].animal)
        preferred.append([_SIDES.index(one.answer.preference) for one in same])
    pairs = [one == other for votes in preferred for one, other in itertools.combinations(votes, 2)]
    return Agreement(
        krippendorff(ratings, animals, len(answers.SCALE), ordered=True),
        krippendorff(preferred, animals[::2], len(_SIDES), ordered=False),
        share(sum(pairs), len(pairs)),
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
    ratings = [
        (before - answers.SCALE[0], after - answers.SCALE[0])
        for one, again in both
        for before, after in (
            (one.answer.left_continuity, again.answer.right_continuity),
            (one.answer.right_continuity, again.answer.left_continuity),
        )
    ]
    gaps = [abs(before - after) for before, after in ratings]
    animals = [one.animal for one, _ in both]
    preferred = [
        tuple([one.left, one.right, None].index(shown.preferred) for shown in (one, again))
        for one, again in both
    ]
    return Consistency(
        share(sum(one == again for one, again in preferred), len(both)),
        share(gaps.count(0), len(gaps)),
        float(np.mean(gaps)),
        krippendorff(ratings, np.repeat(animals, 2).tolist(), len(answers.SCALE), ordered=True),
        krippendorff(preferred, animals, len(_SIDES), ordered=False),
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
