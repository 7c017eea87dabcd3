"""The arithmetic of the scripts in benchmarks/ on constructed cases."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


def script(repository: Path, name: str) -> ModuleType:
    spec = spec_from_file_location(f"benchmark_{name}", repository / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


# ---------------------------------------------------------------- support


def test_the_area_under_the_roc_is_the_share_of_pairs_in_the_right_order(repository):
    support = script(repository, "support")
    score = np.array([0.1, 0.4, 0.35, 0.8])
    assert support.auroc(score, np.array([False, False, True, True])) == 0.75
    assert support.auroc(np.ones(4), np.array([True, False, True, False])) == 0.5


def test_regression_finds_the_feature_that_matters(repository):
    support = script(repository, "support")
    random = np.random.default_rng(0)
    features = random.normal(size=(4000, 2)) * [1.0, 5.0] + [3.0, -2.0]
    there = random.random(4000) < 1.0 / (1.0 + np.exp(-2.0 * (features[:, 0] - 3.0)))
    fit = support.logistic(features, there)
    assert fit["weight"][0] == pytest.approx(2.0, abs=0.2)
    assert fit["weight"][1] == pytest.approx(0.0, abs=0.1)
    assert fit["intercept"] == pytest.approx(0.0, abs=0.15)


def test_targets_lie_on_the_vessels_of_the_tree(repository, section):
    support = script(repository, "support")
    vessels, shape = section.vessels, (400, 500)
    backed, here = support.targets(vessels, shape, 20.0)
    depth = np.abs(vessels.points[:, 2])
    rows, columns = np.floor(vessels.points[:, [1, 0]] / 20.0).astype(int).T
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    near = inside & (depth <= 250.0)
    assert backed[rows[near], columns[near]].all()
    assert here[rows[near], columns[near]].all()
    assert here.mean() < backed.mean() < 0.9


# ---------------------------------------------------------------- spread


def test_samples_of_the_truth_itself_are_calibrated_and_timid_ones_are_not(repository):
    spread = script(repository, "spread")
    random = np.random.default_rng(0)
    centre = random.normal(size=(200, 200))
    truth = centre + random.normal(size=centre.shape)
    samples = centre + random.normal(size=(8, *centre.shape))
    everywhere = np.ones(centre.shape, bool)
    dispersion, coverage = spread.numbers(samples, truth, everywhere)
    assert dispersion == pytest.approx(1.0, abs=0.03)
    assert coverage == pytest.approx(7 / 9, abs=0.02)
    timid = centre + 0.3 * (samples - centre)
    assert spread.numbers(timid, truth, everywhere)[0] < 0.4
