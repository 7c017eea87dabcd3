"""The protocol: what is judged, what is refused, and that stopping stops."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_fus_ulm.cohort import leakage
from napari_fus_ulm.cohort.splits import Split, draw_splits, pixel_fingerprint, split_of
from napari_fus_ulm.cohort.table import read_cohort
from napari_fus_ulm.errors import LeakageError
from napari_fus_ulm.evaluation.baselines import baselines, the_shifted_ulm, the_ulm
from napari_fus_ulm.evaluation.generated import generators
from napari_fus_ulm.evaluation.harness import (
    EvaluationSettings,
    Finished,
    ImageScored,
    evaluate,
    evaluate_events,
)
from napari_fus_ulm.evaluation.methods import Fitted, Method
from napari_fus_ulm.evaluation.pairs import EvaluationPair, load_pair
from napari_fus_ulm.generators.checkpoint import BUNDLED
from napari_fus_ulm.inference.events import Progress
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.io import write
from napari_fus_ulm.scan import make_scan

INPUT_ONLY = baselines()[:1]


@pytest.fixture
def split(cohort: Path) -> Split:
    return split_of(read_cohort(cohort))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """The bundled diffusion weights as a laboratory's own file."""
    for suffix in (".safetensors", ".json"):
        shutil.copy(BUNDLED / f"diffusion{suffix}", tmp_path / f"mine{suffix}")
    return tmp_path / "mine.safetensors"


def taught(weights: Path, **training: object) -> None:
    """Write into the card what the weights have seen."""
    card = json.loads(weights.with_suffix(".json").read_text())
    card["training"] |= training
    weights.with_suffix(".json").write_text(json.dumps(card))


@pytest.mark.slow
def test_every_method_is_judged_on_every_test_image(split: Split) -> None:
    quick = EnhanceSettings(mode="detailed", steps=2, samples=2)
    methods = (*baselines(), *generators(settings=quick), the_shifted_ulm(), the_ulm())
    events = list(evaluate_events([split], methods))
    scored = [event for event in events if isinstance(event, ImageScored)]
    names = [files.name for files in split.test]
    assert [(one.method, one.image) for one in scored] == [
        (method.key, name) for method in methods for name in names
    ]
    for one in scored:
        assert one.scores.tree is not None
        assert one.picture is not None
        assert one.pair is not None
        assert one.picture.shape == one.pair.truth.shape
    perfect = [one for one in scored if one.method == "ulm"]
    assert all(one.scores.fidelity.mse == 0.0 for one in perfect)
    shifted = [one for one in scored if one.method == "ulm-shifted"]
    assert all(one.scores.fidelity.mse > 0.0 for one in shifted)
    steps = [event for event in events if isinstance(event, Progress)]
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[-1].done == steps[-1].total
    (end,) = [event for event in events if isinstance(event, Finished)]
    assert all(one.picture is None and one.pair is None for one in end.evaluation.images)
    assert end.evaluation.splits[0]["test"] == names


def test_the_fits_see_the_training_and_validation_sides_only(split: Split) -> None:
    seen: list[list[str]] = []

    def fit(train: list[EvaluationPair], validation: list[EvaluationPair]) -> Fitted:
        seen.append([pair.name for pair in (*train, *validation)])
        return Fitted(lambda pair: pair.condition)

    spy = Method("spy", "spy", "", fit, learns=True)
    evaluate([split], [spy])
    evaluate([split], [spy], EvaluationSettings(side="validation"))
    train = [files.name for files in split.train]
    assert seen == [[*train, split.validation[0].name], train]


def test_repeated_splits_are_pooled(cohort: Path) -> None:
    splits = draw_splits(read_cohort(cohort), 3)
    evaluation = evaluate(splits, INPUT_ONLY)
    assert {one.split for one in evaluation.images} == {1, 2, 3}
    assert len(evaluation.images) == sum(len(split.test) for split in splits)
    assert len(evaluation.rows[0].chosen) == 3


def test_a_row_without_animals_enough_is_left_out_before_any_work(split: Split) -> None:
    guest = dataclasses.replace(split.train[0], name="again", animal="SUB-01 ")
    alone = Split((split.train[0], guest), split.validation, split.test)
    methods = [method for method in baselines() if method.key in ("input", "atlas")]
    evaluation = evaluate([alone], [*methods, the_ulm()])
    assert [row.key for row in evaluation.rows] == ["input", "ulm"]
    (note,) = evaluation.notes
    assert "“mean training image (mapped)” is left out: it needs 2 training animals" in note
    assert not evaluate([split], methods).notes
    with pytest.raises(ValueError, match="is left out"):
        next(iter(evaluate_events([alone], [methods[1], the_ulm()])))


def test_stopping_the_iteration_stops_the_work(split: Split) -> None:
    fitted = []

    def fit(train: object, validation: object) -> Fitted:
        fitted.append(1)
        return Fitted(lambda pair: pair.condition)

    slow = [Method(name, name, "", fit) for name in ("one", "two")]
    events = evaluate_events([split], slow)
    next(event for event in events if isinstance(event, ImageScored))
    events.close()  # type: ignore[attr-defined]
    assert fitted == [1]


def test_an_animal_on_two_sides_is_refused(split: Split) -> None:
    guest = dataclasses.replace(split.train[0], name="again")
    with pytest.raises(LeakageError, match="sub-01"):
        evaluate([Split(split.train, split.validation, (guest,))], INPUT_ONLY)


def test_an_image_that_was_renamed_is_refused(split: Split, tmp_path: Path) -> None:
    """Another animal's name and another file format do not hide equal pixels."""
    from napari_fus_ulm.io import read_one, write

    seen = split.train[0]
    fus = write(tmp_path / "new_pwd.npy", read_one(seen.fus))
    guest = dataclasses.replace(split.test[0], name="new", animal="sub-99", fus=fus)
    leaking = Split(split.train, split.validation, (guest,))
    with pytest.raises(LeakageError, match=r"sub-01 and new hold the same fus image.*test side"):
        evaluate([leaking], INPUT_ONLY)


def test_weights_that_have_seen_a_test_animal_are_refused(split: Split, weights: Path) -> None:
    methods = generators([weights])[:1]
    settings = EvaluationSettings(cohort="lab")
    seen = {"cohort": "lab", "animal": "SUB-05", "fus_pixels": ""}
    taught(weights, animals=[seen])
    with pytest.raises(LeakageError, match=r"mine\.safetensors were trained on the animal sub-05"):
        next(iter(evaluate_events([split], methods, settings)))
    taught(weights, animals=[seen | {"cohort": "another", "fus_pixels": "0" * 16}])
    assert evaluate([split], methods, settings).images  # another laboratory's sub-05
    hashed = pixel_fingerprint(load_pair(split.test[0]).fus)
    taught(weights, animals=[seen | {"cohort": "another", "fus_pixels": hashed}])
    with pytest.raises(LeakageError, match="under the name SUB-05"):
        next(iter(evaluate_events([split], methods, settings)))


def test_weights_that_were_trained_on_these_phantoms_are_refused(
    split: Split, weights: Path
) -> None:
    pair = load_pair(split.test[0])
    seed = leakage.phantom_seed(pair)
    assert seed is not None
    taught(weights, phantom_seeds=[[seed - 5, seed]])
    leakage.refuse_phantoms([pair], weights)  # the one before was the last
    taught(weights, phantom_seeds=[[0, 1], [seed - 5, seed + 1]])
    with pytest.raises(LeakageError, match=f"sub-05 is the phantom of seed {seed}"):
        evaluate([split], generators([weights])[:1])


def test_a_recording_has_no_seed(pairs: list[EvaluationPair]) -> None:
    fus = pairs[0].fus.copy()
    fus.attrs = {key: value for key, value in fus.attrs.items() if key != "provenance"}
    assert leakage.phantom_seed(dataclasses.replace(pairs[0], fus=fus)) is None


def test_an_empty_side_is_named(split: Split) -> None:
    with pytest.raises(ValueError, match="test side of the split holds no pair"):
        evaluate([Split(split.train, (), ())], INPUT_ONLY)
    with pytest.raises(ValueError, match="training side"):
        evaluate([Split((), (), split.test)], INPUT_ONLY)
    with pytest.raises(ValueError, match="must be test or validation"):
        EvaluationSettings(side="train")  # type: ignore[arg-type]


def test_a_file_that_cannot_be_used_is_named(split: Split, tmp_path: Path) -> None:
    broken = tmp_path / "broken_pwd.npy"
    np.save(broken, np.full((20, 20), np.nan))
    for part in ("fus", "ulm"):
        bad = dataclasses.replace(split.test[0], **{part: broken})
        with pytest.raises(ValueError, match=r"broken_pwd\.npy.*NaN"):
            evaluate([Split(split.train, (), (bad,))], INPUT_ONLY)
    wide = tmp_path / "wide_pwd.npy"
    write(wide, make_scan(np.random.default_rng(0).random((20, 20)), spacing=100.0, modality="fus"))
    bad = dataclasses.replace(split.test[0], fus=wide)
    with pytest.raises(ValueError, match=r"wide_pwd\.npy.*2 m wide .*How wide is it really"):
        evaluate([Split(split.train, (), (bad,))], INPUT_ONLY)
    tree = tmp_path / "tree.npz"
    tree.write_text("no tree")
    lost = dataclasses.replace(split.test[0], vessels=tree)
    with pytest.raises(ValueError, match=r"tree\.npz is not a vessel tree"):
        evaluate([Split(split.train, (), (lost,))], INPUT_ONLY)
