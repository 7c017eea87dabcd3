"""Krippendorff's alpha, on his own example and where the answer is known."""

import math

import numpy as np
import pytest

from napari_fus_ulm.review.agreement import krippendorff

RELIABILITY = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)
"""Four observers and twelve units (Krippendorff, Computing Krippendorff's alpha, 2011)."""
UNITS = [
    [int(one) - 1 for one in column if one != "."]
    for column in zip(*map(str.split, RELIABILITY), strict=True)
]


@pytest.mark.parametrize(("ordered", "alpha"), [(False, 0.743), (True, 0.815)])
def test_the_published_example(ordered: bool, alpha: float) -> None:
    measured = krippendorff(UNITS, ["rat"] * 12, 5, ordered=ordered)
    assert measured.value == pytest.approx(alpha, abs=5e-4)
    assert measured.units == 11  # one was rated once
    assert math.isnan(measured.low)  # one animal


def test_perfect_agreement_and_chance() -> None:
    random = np.random.default_rng(0)
    animals = [f"rat {n // 10}" for n in range(400)]
    same = [[n % 5, n % 5] for n in range(400)]
    assert krippendorff(same, animals, 5, ordered=True).value == 1.0
    chance = krippendorff(random.integers(5, size=(400, 2)).tolist(), animals, 5, ordered=True)
    assert abs(chance.value) < 0.1
    assert chance.low < 0 < chance.high


def test_a_near_miss_counts_less_among_ordered_ratings() -> None:
    near = [[1, 2], [3, 3], [2, 1], [0, 0], [4, 4], [4, 3]]
    far = [[1, 4], [3, 3], [4, 1], [0, 0], [2, 2], [0, 4]]
    of = [krippendorff(units, ["rat"] * 6, 5, ordered=True).value for units in (near, far)]
    assert of[0] > 0.7 > of[1]


def test_where_nothing_differs_there_is_nothing_to_agree_on() -> None:
    assert math.isnan(krippendorff([[2, 2], [2, 2]], ["a", "b"], 5, ordered=True).value)
    assert krippendorff([[1]], ["a"], 5, ordered=True).units == 0
