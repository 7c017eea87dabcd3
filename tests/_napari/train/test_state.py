"""What the Train dock knows: from a folder with faults to weights that were judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_fus_ulm._napari.run import CANCELLED, DONE, FAILED
from napari_fus_ulm._napari.train.state import LONG, SHORT, TRAINING, Plan, TrainState
from napari_fus_ulm.cohort.suggest import Repaired
from napari_fus_ulm.cohort.table import PairFiles, leave_out, left_out
from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.tasks.train import Pace
from napari_fus_ulm.training.loop import StepDone
from napari_fus_ulm.training.validation import Validated


def pair(name: str, outcome: str = "fine", *, stored: bool = False, n: int = 1) -> Repaired:
    files = PairFiles(name, name, Path("fus") / name, Path("ulm") / name)
    return Repaired(
        pair=name, outcome=outcome, sentence=f"about {name}", files=files, shown=None,
        stored=stored, done=n, total=4,
    )  # fmt: skip


def looked(state: TrainState, folder: Path, *pairs: Repaired) -> None:
    state.open_folder(folder)
    for one in pairs:
        state.on_event(one)
    state.on_ended(DONE, "")


@pytest.fixture
def state(tmp_path: Path) -> TrainState:
    """Four pairs that are ready."""
    one = TrainState()
    looked(one, tmp_path / "rats", *(pair(name) for name in "abcd"))
    return one


def test_nothing_can_be_done_before_a_folder_is_open() -> None:
    state = TrainState()
    assert "Open a folder of pairs" in state.shown.hint
    assert not state.shown.can_train
    assert state.train() is state.measure() is state.judge() is state.store_corrections() is None
    with pytest.raises(SettingsError, match="Open a folder of pairs first"):
        state.settings()


def test_pairs_that_are_ready_can_be_trained_on(state: TrainState, tmp_path: Path) -> None:
    assert state.shown.can_train
    assert state.shown.hint == ""
    assert state.shown.run_folder == tmp_path / "rats_model"


def test_what_is_wrong_comes_first(tmp_path: Path) -> None:
    state = TrainState()
    (tmp_path / "rats").mkdir()
    bad, off = pair("x", "open"), pair("y", "corrected")
    looked(state, tmp_path / "rats", *(pair(name) for name in "abc"), bad, off)
    assert not state.shown.can_train
    assert state.shown.hint.startswith("1 pair can be corrected: store the corrections. 1 pair can")
    state.leave_out(bad)
    assert left_out(tmp_path / "rats") == {"x": "about x"}
    assert state.shown.hint == "1 pair can be corrected: store the corrections."
    assert state.store_corrections() is not None
    for name in "abc":
        state.on_event(pair(name))
    state.on_event(pair("y", "corrected", stored=True))
    assert not state.shown.can_train  # still storing
    state.on_ended(DONE, "")
    assert state.shown.can_train
    assert "recordings are as they were" in state.shown.hint
    leave_out(tmp_path / "rats", "x", None)
    assert left_out(tmp_path / "rats") == {}


def test_too_few_pairs_are_not_trained_on(tmp_path: Path) -> None:
    state = TrainState()
    looked(state, tmp_path / "rats", pair("a"), pair("b"))
    assert not state.shown.can_train
    assert state.shown.hint == "2 usable pairs; 3 or more are needed."


def test_the_plan_becomes_settings(state: TrainState) -> None:
    tuned = state.settings()
    assert (tuned.steps, tuned.keep_init, tuned.learning_rate) == (SHORT, 0.5, 2e-4)
    assert tuned.init is not None
    assert Path(tuned.init).name == "diffusion.safetensors"
    assert not tuned.flip
    state.choose(Plan(begin="scratch", phantoms=0.25))
    fresh = state.settings()
    assert (fresh.steps, fresh.init, fresh.keep_init) == (LONG, None, 0.0)
    assert (fresh.learning_rate, fresh.phantom_share) == (None, 0.25)
    state.choose(Plan(generator="mhvae", steps=7))
    assert (state.settings().generator, state.settings().steps) == ("mhvae", 7)


def test_how_long_it_takes_is_known_once_it_was_measured(state: TrainState) -> None:
    assert state.minutes() is None
    assert state.measure() is not None
    state.on_event(Pace(2.0))
    state.on_ended(DONE, "")
    assert state.minutes() == pytest.approx(2.0 * SHORT / 60.0)
    state.choose(Plan(steps=30))
    assert state.minutes() == pytest.approx(1.0)
    state.choose(Plan(generator="pix2pix", steps=30))
    assert state.minutes() is None


def step(n: int) -> StepDone:
    return StepDone(n, SHORT, {"loss": 1.0 / n}, 8.0, 0.0)


def test_a_run_shows_its_losses_and_what_is_left(state: TrainState) -> None:
    assert state.train() is not None
    assert state.shown.busy == TRAINING
    for n in (1, 2):
        state.on_event(step(n))
    state.on_event(Validated(2, {"loss": 0.7}, True))
    learned = state.shown.learned
    assert learned.losses == ((1, 1.0), (2, 0.5))
    assert learned.validations == ((2, 0.7),)
    assert learned.seconds_left == pytest.approx((SHORT - 2) * 16 / 8.0)
    state.on_ended(FAILED, "The loss became nan.")
    assert state.shown.error == "The loss became nan."
    assert state.shown.weights is None


def test_a_stopped_run_is_continued_and_not_begun_again(state: TrainState) -> None:
    run = state.shown.run_folder
    assert run is not None
    assert state.train(resume=True) is None
    state.train()
    run.mkdir()
    (run / "checkpoint.safetensors").write_bytes(b"")
    (run / "weights.safetensors").write_bytes(b"")
    state.on_ended(CANCELLED, "")
    assert "can go on" in state.shown.hint
    assert (state.shown.can_train, state.shown.can_resume) == (False, True)
    assert state.shown.weights == run / "weights.safetensors"
    assert state.train() is None
    assert state.train(resume=True) is not None


def test_another_folder_begins_anew(state: TrainState, tmp_path: Path) -> None:
    state.train()
    state.on_event(step(1))
    state.on_ended(DONE, "")
    looked(state, tmp_path / "mice", *(pair(name) for name in "abc"))
    assert state.shown.learned.losses == ()
    assert state.shown.weights is state.shown.judged is state.shown.pace is None
