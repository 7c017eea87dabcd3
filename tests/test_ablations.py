"""Ablations at the smallest scale: trained once, judged once, paired by image and seed."""

import json
import sys
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from napari_fus_ulm.cohort.splits import draw_splits, split_of
from napari_fus_ulm.cohort.table import read_cohort, write_pairs_table
from napari_fus_ulm.generators.checkpoint import read_card
from napari_fus_ulm.phantom import PhantomParams
from napari_fus_ulm.phantom.population import PopulationSettings, simulate_population
from napari_fus_ulm.training.run import WEIGHTS

pytestmark = pytest.mark.slow

SMALL = PhantomParams(width_mm=2.4, depth_mm=2.4, fus_pixel_um=(100.0, 100.0))


@pytest.fixture(scope="module")
def ablations(repository: Path) -> ModuleType:
    spec = spec_from_file_location("ablations", repository / "benchmarks" / "ablations.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["ablations"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two training animals, one to validate on, one to judge on."""
    folder = tmp_path_factory.mktemp("ablations") / "cohort"
    animals = PopulationSettings(animals=4, seed=921_000_000, params=SMALL, vary=False)
    list(simulate_population(folder, animals))
    pairs = read_cohort(folder)
    (split,) = draw_splits(pairs, 1)
    sides = {pair.name: side for side, part in split.sides() for pair in part}
    write_pairs_table(folder, [replace(pair, split=sides[pair.name]) for pair in pairs])
    return folder


@pytest.fixture(scope="module")
def question(ablations: ModuleType) -> Any:
    small = {"patch": 32, "batch": 4}
    base = ablations.Trial("base", "the base", small, pairs=2)
    return ablations.Question(
        "any",
        "Any",
        (
            base,
            ablations.Trial("fewer", "one pair", small, pairs=1),
            ablations.Trial("then", "gone on with", small, pairs=2, begins_with=base),
            ablations.Trial(
                "kept-back", "no position", None, {"position": "off"}, begins_with=base
            ),
        ),
    )


@pytest.fixture(scope="module")
def scale(ablations: ModuleType) -> Any:
    return ablations.Scale(patches=2, seeds=2, model={"widths": [8, 8, 8], "blocks": [1, 1, 1]})


@pytest.fixture(scope="module")
def asked(
    ablations: ModuleType,
    cohort: Path,
    question: Any,
    scale: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("asked")
    ablations.ask([question], scale, cohort, folder)
    return folder


def test_every_trial_sees_as_many_pixels(
    ablations: ModuleType, cohort: Path, scale: Any, asked: Path
) -> None:
    seen = set()
    for question in ablations.QUESTIONS[:4]:
        for trial in question.trials:
            if trial.train is None or trial.pairs not in (0, 29) or trial.begins_with:
                continue
            of_all = replace(trial, pairs=2 if trial.pairs else 0)
            large = ablations.Scale(patches=15_000)
            made = ablations.training(of_all, 1, large, cohort, asked)
            share = trial.train.get("patches", 1.0)
            seen.add(made.steps * made.batch * made.patch**2 / share / (15_000 * 128**2))
            assert not made.flip
    assert len(seen) > 2
    assert all(abs(one - 1.0) < 0.003 for one in seen)


def test_a_trial_learns_from_its_pairs_and_begins_with_its_weights(
    asked: Path, cohort: Path
) -> None:
    split = split_of(read_cohort(cohort))
    first, second = (pair.animal for pair in split.train)
    cards = {
        key: read_card(asked / "runs" / f"{key}-1" / WEIGHTS) for key in ("base", "fewer", "then")
    }
    animals = {
        key: [one["animal"] for one in card.training["animals"]] for key, card in cards.items()
    }
    assert animals == {"base": [first, second], "fewer": [first], "then": [first, second]}
    assert [len(card.training.get("began_with") or []) for card in cards.values()] == [0, 0, 1]
    assert not (asked / "runs" / "kept-back-1").exists()


def test_tables_tell_every_trial_with_its_interval_and_all_seeds(
    ablations: ModuleType, asked: Path
) -> None:
    text = (asked / "ablations.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows] == [
        "| Any",
        "| ---",
        "| the base",
        "| one pair",
        "| gone on with",
        "| no position",
    ]
    assert "MSE ↓ (Accurate)" in rows[0]
    assert "LPIPS ↓ (Detailed)" in rows[0]
    assert "[" not in rows[2]
    assert all(row.count("[") == 6 for row in rows[3:])
    assert "Seeds: 2." in text


def test_nothing_is_trained_or_judged_twice(
    ablations: ModuleType, asked: Path, cohort: Path, question: Any, scale: Any
) -> None:
    kept = [*asked.glob("runs/*/finished"), *asked.glob("judged/*.json")]
    assert len(kept) == 3 * 2 + 4 * 2
    before = {path: path.stat().st_mtime_ns for path in kept}
    one = asked / "judged" / "fewer-1.json"
    trial_record = json.loads(one.read_text())
    trial_record["of"]["weights"] = "others"
    one.write_text(json.dumps(trial_record))
    ablations.ask([question], scale, cohort, asked)
    after = {path: path.stat().st_mtime_ns for path in kept}
    assert [path for path in kept if after[path] != before[path]] == [one]
    assert json.loads(one.read_text())["of"]["weights"] != "others"


def test_differences_are_paired_by_image_and_seed(ablations: ModuleType) -> None:
    measure = ablations.Measure("accurate", "mse", "MSE", 4, -1)
    base = [{"accurate": {"a": {"mse": 0.1 + seed}, "b": {"mse": 0.5}}} for seed in range(2)]
    trial = [{"accurate": {"a": {"mse": 0.2 + seed}, "b": {"mse": 0.6}}} for seed in range(2)]
    difference = ablations.difference(measure, trial, base, {"a": "one", "b": "other"})
    assert difference.mean == pytest.approx(0.1)
    assert (difference.low, difference.high) == (pytest.approx(0.1), pytest.approx(0.1))
    assert difference.images == 4
    assert difference.animals == 2


def test_too_few_pairs_are_named(ablations: ModuleType, cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has 2 training pairs, not 5"):
        ablations.some_pairs(cohort, 5, tmp_path)
