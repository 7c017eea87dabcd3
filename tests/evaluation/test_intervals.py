"""Means and intervals whose answer is known."""

import math

import numpy as np
import pytest

from napari_fus_ulm.evaluation.intervals import bootstrap, summarise


def test_mean_and_sample_standard_deviation() -> None:
    summary = summarise([1.0, 2.0, 3.0, math.nan], ["a", "b", "c", "d"])
    assert (summary.mean, summary.sd, summary.images, summary.animals) == (2.0, 1.0, 3, 3)
    assert 1.0 <= summary.low < 2.0 < summary.high <= 3.0


def test_one_animal_has_no_interval() -> None:
    summary = summarise([1.0, 2.0], ["a", "a"])
    assert summary.mean == 1.5
    assert math.isnan(summary.low)
    assert math.isnan(summarise([1.0], ["a"]).sd)
    assert summarise([], []).images == 0
    assert math.isnan(summarise([math.nan], ["a"]).mean)


def test_an_infinite_value_makes_the_mean_infinite_and_nothing_else() -> None:
    summary = summarise([math.inf, 1.0], ["a", "b"])
    assert summary.mean == math.inf
    assert math.isnan(summary.sd)


def test_the_interval_is_that_of_the_normal_theory_for_many_animals() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    low, high = bootstrap(values, [str(n) for n in range(400)])
    half = 1.96 * values.std(ddof=1) / 20.0
    assert low == pytest.approx(values.mean() - half, abs=0.04)
    assert high == pytest.approx(values.mean() + half, abs=0.04)


def test_animals_are_drawn_not_images() -> None:
    rng = np.random.default_rng(1)
    level = rng.normal(0.0, 1.0, 12)
    values = np.repeat(level, 30)  # 30 sections of an animal that are all alike
    owners = [f"rat {n}" for n in range(12) for _ in range(30)]
    by_animal = np.subtract(*reversed(bootstrap(values, owners)))
    by_image = np.subtract(*reversed(bootstrap(values, [str(n) for n in range(360)])))
    alone = np.subtract(*reversed(bootstrap(level, [str(n) for n in range(12)])))
    assert by_animal == pytest.approx(alone, rel=0.1)
    assert by_animal > 4 * by_image


def test_an_animal_in_other_spelling_is_one_animal() -> None:
    values = [1.0, 3.0, 5.0]
    summary = summarise(values, ["Rat1", "rat1 ", "rat2"])
    assert summary.animals == 2
    assert summary == summarise(values, ["rat1", "rat1", "rat2"])
    assert math.isnan(summarise(values, ["a", "A", "a"]).low)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(5).random(30).tolist()
    animals = [str(n) for n in range(30)]
    assert summarise(values, animals, seed=3) == summarise(values, animals, seed=3)
    assert summarise(values, animals, seed=3).low != summarise(values, animals, seed=4).low
