"""Simulated animals on disk: reproducible, resumable, and never incomplete."""

import json
import operator
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from napari_fus_ulm.cohort.seeds import SEED_BLOCK, TEST_SEED, VALIDATION_SEED
from napari_fus_ulm.cohort.splits import split_of
from napari_fus_ulm.cohort.table import PairFiles, cohort_name, read_cohort, write_pairs_table
from napari_fus_ulm.errors import CohortError
from napari_fus_ulm.io import read_one
from napari_fus_ulm.phantom import PhantomParams, population, read_vessels, simulate_animal
from napari_fus_ulm.phantom.population import (
    STUDY_SEED,
    PlanesReady,
    PopulationSettings,
    simulate_population,
    study_settings,
)
from napari_fus_ulm.phantom.processes import ProcessEndedError, in_processes
from napari_fus_ulm.training.settings import TrainSettings

SMALL = PhantomParams(width_mm=2.0, depth_mm=1.6)
TWO = PopulationSettings(animals=2, planes=2, seed=7, suffix=".npy", params=SMALL, vary=False)


def ready(folder: Path, settings: PopulationSettings = TWO, workers: int = 1) -> list[PlanesReady]:
    return list(simulate_population(folder, settings, workers=workers))


def files_of(folder: Path) -> dict[str, int]:
    """Modification time of every file of the animals."""
    paths = (path for path in folder.glob("sub-*/*/*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in paths}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two animals of two planes by two processes; not to be changed."""
    folder = tmp_path_factory.mktemp("cohort") / "rats"
    events = ready(folder, workers=2)
    assert events[0] == PlanesReady(0, 4)
    assert events[-1] == PlanesReady(4, 4)
    return folder


@pytest.fixture
def copied(cohort: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(cohort, tmp_path / "copy"))


def test_a_cohort_holds_what_its_seeds_give(cohort: Path) -> None:
    pairs = read_cohort(cohort)
    assert [pair.name for pair in pairs] == [
        f"sub-0{animal}_acq-plane{plane}" for animal in (1, 2) for plane in (1, 2)
    ]
    expected = [pair for seed in (7, 8) for pair in simulate_animal(seed, 2, SMALL, vary=False)]
    for files, pair in zip(pairs, expected, strict=True):
        assert np.array_equal(read_one(files.fus).values, pair.fus.values)
        ulm = read_one(files.ulm)
        assert np.array_equal(ulm.values, pair.ulm.values)
        assert (ulm.attrs["modality"], ulm.attrs["values"]) == ("ulm", "linear")
        assert files.vessels is not None
        tree = read_vessels(files.vessels)
        assert np.allclose(tree.points, pair.vessels.points, atol=1e-2)
        assert files.split == ""
    assert "seed 7" in cohort_name(cohort)


def test_one_process_and_two_give_the_same_arrays(cohort: Path, tmp_path: Path) -> None:
    ready(tmp_path / "one", workers=1)
    for one, two in zip(read_cohort(tmp_path / "one"), read_cohort(cohort), strict=True):
        for kind in ("fus", "ulm"):
            left, right = (np.load(getattr(pair, kind)) for pair in (one, two))
            assert np.array_equal(left, right)
        assert one.vessels is not None
        assert two.vessels is not None
        with np.load(one.vessels) as left, np.load(two.vessels) as right:
            assert all(np.array_equal(left[name], right[name]) for name in left.files)


def test_what_is_complete_is_not_made_again(copied: Path) -> None:
    before = files_of(copied)
    assert ready(copied) == [PlanesReady(4, 4)]
    assert files_of(copied) == before


def test_a_run_goes_on_with_the_planes_that_are_missing(copied: Path, cohort: Path) -> None:
    before = files_of(copied)
    (copied / "sub-02/truth/sub-02_acq-plane2_vessels.npz").unlink()
    (copied / "sub-02/ulm/.part-0123456789ab-sub-02_acq-plane2_ulm.npy").write_bytes(b"half")
    assert ready(copied) == [PlanesReady(3, 4), PlanesReady(4, 4)]
    after = files_of(copied)
    assert before.keys() == after.keys()
    written = {name for name, when in after.items() if when != before[name]}
    assert written
    assert all(name.startswith("sub-02/") and "plane2" in name for name in written)
    one, two = (np.load(f / "sub-02/ulm/sub-02_acq-plane2_ulm.npy") for f in (copied, cohort))
    assert np.array_equal(one, two)


def test_an_interrupted_run_leaves_a_table_of_what_is_complete(tmp_path: Path) -> None:
    three = PopulationSettings(animals=3, seed=7, suffix=".npy", params=SMALL, vary=False)
    with closing(simulate_population(tmp_path, three, workers=1)) as events:
        assert next(events) == PlanesReady(0, 3)
        assert next(events) == PlanesReady(1, 3)
    listed = read_cohort(tmp_path)
    there = sorted(path.name for path in tmp_path.glob("sub-*/truth/*_vessels.npz"))
    assert [f"{pair.name}_vessels.npz" for pair in listed] == there
    assert 1 <= len(listed) < 3
    assert "sub-01\t1" in (tmp_path / "participants.tsv").read_text()
    assert ready(tmp_path, three)[-1] == PlanesReady(3, 3)
    assert [pair.animal for pair in read_cohort(tmp_path)] == ["sub-01", "sub-02", "sub-03"]


def test_the_table_is_not_written_after_every_animal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: list[int] = []
    real = population.write_pairs_table

    def write_animals(
        _: object, tasks: list[tuple[Path, PopulationSettings, int]], **__: object
    ) -> Iterator[int]:
        for folder, chosen, number in tasks:
            files = population.pair_files(folder, chosen, number, 0)
            for path in (files.fus, files.ulm, files.vessels):
                assert path is not None
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            yield number

    def counted(folder: Path, pairs: list[PairFiles]) -> Path:
        lengths.append(len(pairs))
        return real(folder, pairs)

    monkeypatch.setattr(population, "in_processes", write_animals)
    monkeypatch.setattr(population, "write_pairs_table", counted)
    many = PopulationSettings(animals=45, seed=7, suffix=".npy", params=SMALL, vary=False)
    events = ready(tmp_path / "quick", many)
    assert events == [PlanesReady(n, 45) for n in range(46)]
    assert lengths == [0, 20, 40, 45]
    # An interruption is reported at the end of the animals in progress.
    lengths.clear()
    with closing(simulate_population(tmp_path / "stopped", many)) as running:
        assert [next(running).done for _ in range(8)] == list(range(8))
    assert lengths == [0, 7]
    assert len(read_cohort(tmp_path / "stopped")) == 7
    # Where an animal takes long, it is listed at once.
    lengths.clear()
    monkeypatch.setattr(population, "TABLE_SECONDS", 0.0)
    ready(tmp_path / "slow", many)
    assert lengths == [*range(46), 45]


def test_planes_that_a_killed_run_did_not_list_are_kept(copied: Path) -> None:
    before = files_of(copied)
    write_pairs_table(copied, read_cohort(copied)[:1])
    assert ready(copied) == [PlanesReady(4, 4)]
    assert len(read_cohort(copied)) == 4
    assert files_of(copied) == before


def test_a_smaller_run_leaves_the_other_animals_alone(copied: Path) -> None:
    one = PopulationSettings(animals=1, planes=2, seed=7, suffix=".npy", params=SMALL, vary=False)
    assert ready(copied, one) == [PlanesReady(2, 2)]
    assert len(read_cohort(copied)) == 4
    description = json.loads((copied / "dataset_description.json").read_text())
    assert description["GeneratedBy"][0]["Settings"]["animals"] == 2


def test_other_settings_and_other_folders_are_refused(copied: Path, tmp_path: Path) -> None:
    other = PopulationSettings(animals=2, planes=2, seed=8, suffix=".npy", params=SMALL, vary=False)
    with pytest.raises(CohortError, match=r"other settings \(seed: 7\)"):
        ready(copied, other)
    foreign = tmp_path / "photos"
    foreign.mkdir()
    (foreign / "rat.png").write_bytes(b"")
    with pytest.raises(CohortError, match="photos is not empty"):
        ready(foreign)
    assert [path.name for path in foreign.iterdir()] == ["rat.png"]


@pytest.mark.parametrize(
    ("setting", "value"), [("animals", 0), ("planes", 17), ("seed", -1), ("suffix", ".png")]
)
def test_settings_outside_their_range_are_named(setting: str, value: object) -> None:
    with pytest.raises(ValueError, match=setting):
        PopulationSettings(**{setting: value})  # type: ignore[arg-type]


def test_the_study_has_its_own_animals_and_sides() -> None:
    study = study_settings()
    sides = [study.side(number) for number in range(study.animals)]
    assert sides == ["train"] * 29 + ["validation"] + ["test"] * 5
    last_training = (VALIDATION_SEED // SEED_BLOCK) * SEED_BLOCK - 1
    with pytest.raises(ValueError, match="seed"):
        TrainSettings(seed=last_training // SEED_BLOCK + 1)
    assert last_training < VALIDATION_SEED < TEST_SEED < STUDY_SEED
    assert STUDY_SEED - TEST_SEED > SEED_BLOCK


def test_the_sides_of_the_study_stand_in_the_table(tmp_path: Path) -> None:
    study = PopulationSettings(
        animals=31, seed=STUDY_SEED, suffix=".npy", study=True, params=SMALL, vary=False
    )
    with closing(simulate_population(tmp_path, study, workers=1)) as events:
        next(events)
    # Only the paths of the files matter here, so the files are empty.
    for number in range(1, 32):
        for place, name in (("angio", "pwd.npy"), ("ulm", "ulm.npy"), ("truth", "vessels.npz")):
            path = tmp_path / f"sub-{number:02d}" / place / f"sub-{number:02d}_{name}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    assert ready(tmp_path, study) == [PlanesReady(31, 31)]
    split = split_of(read_cohort(tmp_path))
    assert [len(side) for _, side in split.sides()] == [29, 1, 1]
    assert split.validation[0].animal == "sub-30"


# ---------------------------------------------------------------- processes


def test_every_process_has_one_thread_and_the_parents_threads_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    tasks = [("OMP_NUM_THREADS",), ("MKL_NUM_THREADS",)]
    assert list(in_processes(os.getenv, tasks, workers=1)) == ["1", "1"]
    assert os.environ["OMP_NUM_THREADS"] == "2"
    assert "MKL_NUM_THREADS" not in os.environ


def test_results_come_from_other_processes_and_errors_too() -> None:
    assert sorted(in_processes(operator.mul, [(2, 3), (4, 5), (6, 7)], workers=2)) == [6, 20, 42]
    assert list(in_processes(operator.mul, [], workers=2)) == []
    with pytest.raises(ZeroDivisionError):
        list(in_processes(operator.truediv, [(1, 0)], workers=1))


def test_a_process_that_is_killed_is_told_in_a_sentence() -> None:
    with pytest.raises(ProcessEndedError, match="fewer --workers"):
        list(in_processes(os._exit, [(9,)], workers=1))
