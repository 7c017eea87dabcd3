"""Weights record the animals they were trained on, so an evaluation can refuse them."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_fus_ulm.cohort import leakage
from napari_fus_ulm.cohort.seen import memory
from napari_fus_ulm.cohort.splits import Split, pixel_fingerprint, refuse_seen
from napari_fus_ulm.cohort.table import PairFiles, cohort_name, read_cohort, write_pairs_table
from napari_fus_ulm.errors import LeakageError
from napari_fus_ulm.evaluation.pairs import load_pair
from napari_fus_ulm.generators.checkpoint import card_path, read_card
from napari_fus_ulm.io import read_one, write
from napari_fus_ulm.training.loop import Saved, train_events, training_seeds
from napari_fus_ulm.training.run import WEIGHTS
from napari_fus_ulm.training.settings import TrainSettings

pytestmark = pytest.mark.usefixtures("tiny_network")


@pytest.fixture
def split_folder(pairs_folder: Path, tmp_path: Path) -> Path:
    """The first animal to train on, the second to test on."""
    folder = tmp_path / "our rats"
    shutil.copytree(pairs_folder, folder)
    sides = zip(read_cohort(folder), ("train", "test"), strict=True)
    write_pairs_table(folder, [dataclasses.replace(pair, split=side) for pair, side in sides])
    return folder


def trained(settings: TrainSettings, run: Path, **changes: Any) -> dict[str, Any]:
    list(train_events(dataclasses.replace(settings, steps=1, **changes), run))
    return read_card(run / WEIGHTS).training


def test_the_card_lists_the_animals_of_the_train_side(
    settings: TrainSettings, split_folder: Path, tmp_path: Path
) -> None:
    one, two = read_cohort(split_folder)
    training = trained(settings, tmp_path / "run", pairs=str(split_folder))
    assert training["cohort"] == cohort_name(split_folder) == "our rats"
    assert training["animals"] == [
        {
            "cohort": "our rats",
            "animal": "rat.1",
            "fus_pixels": pixel_fingerprint(read_one(one.fus)),
            "simulated": True,
            "phantom_seed": 1,
        }
    ]
    refuse_seen(Split((one,), (), (two,)), training["animals"], WEIGHTS, cohort="our rats")
    with pytest.raises(LeakageError, match=r"animal rat\.1 of the test side"):
        refuse_seen(Split((two,), (), (one,)), training["animals"], WEIGHTS, cohort="our rats")


def test_fine_tuned_weights_remember_the_animals_they_began_with(
    settings: TrainSettings, split_folder: Path, pairs_folder: Path, tmp_path: Path
) -> None:
    trained(settings, tmp_path / "first", pairs=str(pairs_folder))
    start = str(tmp_path / "first" / WEIGHTS)
    training = trained(settings, tmp_path / "second", pairs=str(split_folder), init=start)
    assert [(one["cohort"], one["animal"]) for one in training["animals"]] == [
        (pairs_folder.name, "rat.1"),
        (pairs_folder.name, "rat.2"),
        ("our rats", "rat.1"),
    ]
    # Also where the first cohort had another name: rat.2 is identified by its file.
    one, two = read_cohort(split_folder)
    with pytest.raises(LeakageError, match=r"under the name rat\.2"):
        refuse_seen(Split((one,), (), (two,)), training["animals"], WEIGHTS, cohort="our rats")


def test_a_resumed_run_remembers_them_without_its_first_weights(
    settings: TrainSettings, split_folder: Path, pairs_folder: Path, tmp_path: Path
) -> None:
    trained(settings, tmp_path / "first", pairs=str(pairs_folder))
    tuned = dataclasses.replace(
        settings, pairs=str(split_folder), init=str(tmp_path / "first" / WEIGHTS)
    )
    for event in train_events(tuned, tmp_path / "second"):
        if isinstance(event, Saved):
            break
    before = read_card(tmp_path / "second" / WEIGHTS).training["animals"]
    shutil.rmtree(tmp_path / "first")
    list(train_events(tuned, tmp_path / "second", resume=True))
    assert read_card(tmp_path / "second" / WEIGHTS).training["animals"] == before
    assert len(before) == 3


def test_fine_tuned_weights_remember_the_phantoms_they_began_with(
    settings: TrainSettings, pairs_folder: Path, tmp_path: Path
) -> None:
    from napari_fus_ulm.cohort.seen import phantom_seeds

    old = {"phantom_trained": True, "settings": {"seed": 3, "phantoms": 20}}
    assert phantom_seeds(old) == [[3_000_000, 3_000_020]]
    trained(settings, tmp_path / "first", pairs=str(pairs_folder))
    start = tmp_path / "first" / WEIGHTS
    card = read_card(start)
    card.training.pop("phantom_seeds")
    card.training.update(old)
    card_path(start).write_text(json.dumps(dataclasses.asdict(card)), encoding="utf-8")
    training = trained(settings, tmp_path / "second", pairs=str(pairs_folder), init=str(start))
    assert training["phantom_seeds"] == [[1, 3], [3_000_000, 3_000_020]]
    assert phantom_seeds(training) == training["phantom_seeds"]
    assert [one["patches"] for one in training["began_with"]] == [settings.batch]
    again = dataclasses.replace(settings, steps=2, pairs=str(pairs_folder), init=str(start))
    list(train_events(again, tmp_path / "second", resume=True))
    resumed = read_card(tmp_path / "second" / WEIGHTS).training
    assert resumed["began_with"] == training["began_with"]
    assert resumed["patches"] == 2 * settings.batch


# ---------------------------------------------------------------- simulated animals in a folder


@pytest.fixture
def recordings(pairs_folder: Path, tmp_path: Path) -> Path:
    """The same images without provenance."""
    folder = tmp_path / "recordings"
    for pair in read_cohort(pairs_folder):
        for kind in ("fus", "ulm"):
            scan = read_one(getattr(pair, kind), modality=kind)
            scan.attrs.pop("provenance")
            (folder / kind).mkdir(parents=True, exist_ok=True)
            write(folder / kind / f"{pair.name}.ome.tif", scan)
    return folder


def test_simulated_pairs_in_a_folder_are_known_by_their_seeds(
    settings: TrainSettings, split_folder: Path, pairs_folder: Path, tmp_path: Path
) -> None:
    """As `evaluate --phantoms` would judge them, and in another folder, name and format."""
    training = trained(settings, tmp_path / "run", pairs=str(split_folder))
    assert training["phantom_seeds"] == [[1, 2]]
    weights = tmp_path / "run" / WEIGHTS
    one, two = (load_pair(files) for files in read_cohort(pairs_folder))
    leakage.refuse_phantoms([two], weights)
    with pytest.raises(LeakageError, match="is the phantom of seed 1"):
        leakage.refuse_phantoms([one], weights)
    saved = write(tmp_path / "new.nii.gz", one.fus)
    guest = PairFiles("new", "new", saved, read_cohort(pairs_folder)[0].ulm)
    with pytest.raises(LeakageError, match=r"new\.nii\.gz of the test side"):
        leakage.refuse_weights(Split((), (), (guest,)), weights, "another cohort")


def test_a_phantom_without_provenance_is_known_by_its_pixels(
    settings: TrainSettings, recordings: Path, pairs_folder: Path, tmp_path: Path
) -> None:
    training = trained(settings, tmp_path / "run", pairs=str(recordings))
    assert training["phantom_seeds"] == []
    one = load_pair(read_cohort(pairs_folder)[0])
    with pytest.raises(LeakageError, match=r"trained on rat\.1, under the name rat\.1"):
        leakage.refuse_phantoms([one], tmp_path / "run" / WEIGHTS)
    other = dataclasses.replace(one, fus=one.fus.copy(data=np.sqrt(one.fus.values)))
    other.fus.attrs.pop("provenance")
    leakage.refuse_phantoms([other], tmp_path / "run" / WEIGHTS)


def test_weights_are_phantom_trained_if_an_image_was_simulated(
    settings: TrainSettings, recordings: Path, pairs_folder: Path, tmp_path: Path
) -> None:
    def phantom_trained(pairs: Path | None) -> bool:
        chosen = dataclasses.replace(settings, pairs=None if pairs is None else str(pairs))
        return bool(memory(pairs, training_seeds(chosen), None, None)["phantom_trained"])

    assert phantom_trained(None)
    assert phantom_trained(pairs_folder)
    assert not phantom_trained(recordings)
    # One simulated pair among recordings is enough.
    shutil.copytree(recordings, tmp_path / "mixed")
    for kind in ("fus", "ulm"):
        for path in (pairs_folder / kind).glob("rat.2*"):
            shutil.copy(path, tmp_path / "mixed" / kind / path.name.replace("rat.2", "rat.3"))
    assert phantom_trained(tmp_path / "mixed")
    assert trained(settings, tmp_path / "run", pairs=str(recordings))["phantom_trained"] is False
    assert trained(settings, tmp_path / "other", pairs=str(pairs_folder))["phantom_trained"] is True


def test_seeds_that_touch_are_one_range(settings: TrainSettings, pairs_folder: Path) -> None:
    assert memory(pairs_folder, training_seeds(settings), None, None)["phantom_seeds"] == [[1, 3]]
