"""Order and sides: the same for a seed, balanced, repeats far apart."""

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest

from napari_fus_ulm.review.plan import PlannedTrial, ReviewSettings, balanced, plan

NAMES = ("alpha", "beta", "gamma", "truth")


def sides(trials: Any) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """How much oftener each name was left than right, and each pair one way than the other."""
    names: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for left, right in trials:
        names[left] += 1
        names[right] -= 1
        pairs[min(left, right), max(left, right)] += 1 if left < right else -1
    return names, pairs


def shown_of(planned: tuple[PlannedTrial, ...]) -> list[tuple[str, str]]:
    return [(one.left, one.right) for one in planned]


def test_a_seed_gives_one_plan_and_another_seed_another(make_cases: Any) -> None:
    cases = make_cases(7)
    one, again, other = (plan(cases, ReviewSettings(seed=seed)) for seed in (3, 3, 4))
    assert one == again
    assert one != other
    assert ReviewSettings().seed != ReviewSettings().seed


def test_every_pair_of_every_case_is_shown_once_and_some_twice(make_cases: Any) -> None:
    cases = make_cases(5)
    planned = plan(cases, ReviewSettings(seed=0, repeats_share=0.2))
    first = [
        (one.case, frozenset((one.left, one.right))) for one in planned if one.repeat_of is None
    ]
    wanted = [
        (case.name, frozenset(pair)) for case in cases for pair in itertools.combinations(NAMES, 2)
    ]
    assert sorted(map(str, map(sorted_case, first))) == sorted(map(str, map(sorted_case, wanted)))
    assert len(planned) - len(first) == round(0.2 * len(first))
    assert [one[0] for one in first] != sorted(one[0] for one in first)


def sorted_case(one: tuple[str, frozenset[str]]) -> tuple[str, list[str]]:
    return one[0], sorted(one[1])


@pytest.mark.parametrize("n", [1, 2, 5, 8])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_sides_are_balanced(make_cases: Any, n: int, share: float) -> None:
    cases = make_cases(n)
    for seed in range(10):
        planned = plan(cases, ReviewSettings(seed=seed, repeats_share=share))
        first = tuple(one for one in planned if one.repeat_of is None)
        for showings, most in ((planned, 1), (first, 2)):
            names, pairs = sides(shown_of(showings))
            assert max(map(abs, names.values())) <= most
            assert max(map(abs, pairs.values())) <= most


def test_any_graph_of_pairs_is_balanced_and_no_name_is_favoured() -> None:
    random = np.random.default_rng(0)
    every = list(itertools.combinations("abcdefg", 2))
    lead: Counter[str] = Counter()
    for _ in range(300):
        some = [every[n] for n in random.integers(len(every), size=random.integers(1, 30))]
        ordered = balanced(some, random)
        assert [frozenset(pair) for pair in ordered] == [frozenset(pair) for pair in some]
        names, pairs = sides(ordered)
        assert max(map(abs, names.values())) <= 1
        assert max(map(abs, pairs.values())) <= 1
        lead.update(names)
    assert max(map(abs, lead.values())) < 60  # 4 standard deviations of 300 fair coins


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_repeats_are_swapped_and_half_a_session_away(make_cases: Any, share: float) -> None:
    planned = plan(make_cases(4), ReviewSettings(seed=2, repeats_share=share))
    repeats = [(n, one) for n, one in enumerate(planned) if one.repeat_of is not None]
    assert len(repeats) == round(share * 24)
    for n, again in repeats:
        first = planned[again.repeat_of]
        assert (first.case, first.left, first.right) == (again.case, again.right, again.left)
        assert first.repeat_of is None
        assert n - again.repeat_of == len(planned) // 2
    assert len({one.repeat_of for _, one in repeats}) == len(repeats)


def test_without_the_control_and_with_chosen_pairs(make_cases: Any) -> None:
    cases = make_cases(3)
    blind = plan(cases, ReviewSettings(seed=0, control=False, repeats_share=0))
    assert len(blind) == 9
    assert all("truth" not in pair for pair in shown_of(blind))
    chosen = plan(cases, ReviewSettings(seed=0, pairs=(("beta", "truth"),), repeats_share=0))
    assert [sorted(pair) for pair in shown_of(chosen)] == [["beta", "truth"]] * 3


@pytest.mark.parametrize(
    ("settings", "names", "sentence"),
    [
        ({"control": True}, ("alpha", "beta"), "no case has the real ULM"),
        ({"control": False}, ("alpha", "truth"), "no two pictures to compare"),
        ({"pairs": (("alpha", "omega"),)}, NAMES, "No candidate is called omega"),
        ({"pairs": (("alpha", "beta"), ("beta", "alpha"))}, NAMES, "given once"),
    ],
)
def test_what_cannot_be_planned_is_refused(
    make_cases: Any, settings: Any, names: Any, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        plan(make_cases(2, names), ReviewSettings(**settings))


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="give 0 to 1"):
        ReviewSettings(repeats_share=1.5)
    with pytest.raises(ValueError, match="give 0 or more"):
        ReviewSettings(seed=-1)
