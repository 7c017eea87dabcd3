"""What the Blinded review dock knows, without its widgets."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_fus_ulm._napari.layers.from_scan import scan_to_layer
from napari_fus_ulm._napari.review.answer import Answer
from napari_fus_ulm._napari.review.state import NewSession, ReviewState
from napari_fus_ulm.scan import make_scan


def add(viewer, name):
    values = np.random.default_rng(len(viewer.layers)).random((24, 30))
    scan = make_scan(values, spacing=0.02, modality="ulm", values_kind="grey", generated=True)
    data, kwargs, _ = scan_to_layer(scan, name=name)
    return viewer.add_image(data, **kwargs)


@pytest.fixture
def opened():
    viewer = ViewerModel()
    for name in ("sharp", "soft"):
        add(viewer, name)
    state = ReviewState(viewer)
    yield viewer, state
    state.close()


def run(state, work):
    assert work is not None
    assert state.shown.running
    outcome, error = "done", ""
    try:
        for event in work():
            state.on_event(event)
    except ValueError as failed:
        outcome, error = "failed", str(failed)
    state.on_ended(outcome, error)


def test_ratings_go_from_left_to_right_and_back():
    answer = Answer()
    assert answer.missing == ("the left rating", "the right rating", "the preference")
    answer = answer.rated(4).rated(2)
    assert (answer.left, answer.right, answer.next_side) == (4, 2, None)
    assert answer.rated(5) == answer
    assert answer.missing == ("the preference",)
    assert answer.taken_back() == Answer(left=4)
    assert answer.taken_back().taken_back() == Answer()
    assert Answer().taken_back() == Answer()


def test_a_session_from_start_to_end(opened, tmp_path):
    viewer, state = opened
    new = NewSession(folder=str(tmp_path / "look"), reader=" AB ")
    assert state.shown.missing(new) == ()
    run(state, state.make(new))
    assert (state.shown.page, state.shown.trial) == ("trial", (1, 1))
    assert [one.name for one in viewer.layers if one.visible] == ["left", "right"]
    state.answer(Answer(left=1))
    assert state.shown.page == "trial"
    state.stop()
    assert state.shown.status == "Stopped. 0 of 1 trials are answered and saved."
    assert state.shown.go_on == "look"
    assert [one.name for one in viewer.layers if one.visible] == ["sharp", "soft"]
    run(state, state.go_on())
    assert state.session.reader == "AB"
    state.answer(Answer(left=1, right=2, preference="none"))
    assert (state.shown.page, state.shown.status) == ("finished", "")
    state.show_start()
    assert state.shown.page == "start"


def test_errors_stand_where_they_belong_and_go_with_the_next_attempt(opened, tmp_path):
    _, state = opened
    run(state, state.open_folder(tmp_path, ""))
    assert "not a complete session" in state.shown.opening_error
    assert state.shown.making_error == ""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    run(state, state.make(NewSession(folder=str(tmp_path / "full"))))
    assert state.shown.opening_error == ""
    assert "is not empty" in state.shown.making_error
    assert state.make(NewSession(folder=str(tmp_path / "look"))) is not None
    assert state.shown.making_error == ""
    assert state.open_folder(tmp_path, "") is None  # one at a time


def test_a_lost_picture_is_shown_again(opened, tmp_path):
    viewer, state = opened
    lost = []
    state.picture_lost.connect(lambda: lost.append(True))
    run(state, state.make(NewSession(folder=str(tmp_path / "look"))))
    viewer.layers.remove(viewer.layers["left"])
    assert lost
    state.show_lost()
    assert {one.name for one in viewer.layers if one.visible} == {"left", "right"}


def test_what_was_said_of_a_picture_stays_while_it_does(opened):
    viewer, state = opened
    soft = viewer.layers["soft"]
    state.check(soft.unique_id, checked=False, kind="ulm")
    add(viewer, "third")
    soft.name = "renamed"
    listed = {one.name: (one.checked, one.kind) for one in state.shown.pictures}
    assert listed["renamed"] == (False, "ulm")
    assert listed["third"] == (True, "generated")
    viewer.layers.remove(soft)
    assert [one.name for one in state.shown.pictures] == ["third", "sharp"]
