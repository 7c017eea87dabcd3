"""What the Blinded review dock knows, without its widgets."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_fus_ulm._napari.layers.from_scan import scan_to_layer
from napari_fus_ulm._napari.review.answer import Answer
from napari_fus_ulm._napari.review.layers import likely_sections, methods
from napari_fus_ulm._napari.review.state import NewSession, ReviewState
from napari_fus_ulm.review import answers
from napari_fus_ulm.scan import make_scan
from napari_fus_ulm.tasks.review import Mark


def add(viewer, name, *, slices=1, made_from="", **provenance):
    values = np.random.default_rng(len(viewer.layers)).random((slices, 24, 30))
    about = {"provenance": {"input_name": made_from, **provenance}} if made_from else {}
    scan = make_scan(
        values if slices > 1 else values[0],
        dims=("k", "j", "i") if slices > 1 else ("j", "i"),
        spacing=(0.4, 0.02, 0.02) if slices > 1 else 0.02,
        modality="ulm",
        values_kind="grey",
        generated=True,
        **about,
    )
    data, kwargs, _ = scan_to_layer(scan, name=name)
    return viewer.add_image(data, **kwargs)


def seen(viewer):
    """Names of the images that are visible."""
    return [one.name for one in viewer.layers if one.visible and isinstance(one, Image)]


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
    assert seen(viewer) == ["left", "right"]
    state.answer(Answer(left=1))
    assert state.shown.page == "trial"
    state.stop()
    assert state.shown.status == "Stopped. 0 of 1 trials are answered and saved."
    assert state.shown.go_on == "look"
    assert seen(viewer) == ["sharp", "soft"]
    run(state, state.go_on())
    assert state.session.reader == "AB"
    state.answer(Answer(left=1, right=2, preference="none"))
    assert (state.shown.page, state.shown.status) == ("finished", "")
    assert state.shown.standing.answered == (("AB", 1),)
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
    assert set(seen(viewer)) == {"left", "right"}


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


def test_clicks_mark_and_unmark_and_are_stored_with_the_answer(opened, tmp_path):
    viewer, state = opened
    followed = list(viewer.mouse_drag_callbacks)
    film = viewer.add_image(np.ones((4, 50, 60)), name="film", units="um")  # three axes
    state.check(film.unique_id, checked=False, kind="fus")
    run(state, state.make(NewSession(folder=str(tmp_path / "look"))))
    marks, left, right = state.pictures.marks, viewer.layers["left"], viewer.layers["right"]

    def click(picture, row, column):
        marks.click((0.0, *picture.data_to_world((row, column))))

    click(left, 3, 4)
    assert state.shown.marks == ()  # no tool, no mark
    state.set_tool("break")
    click(left, 3, 4)
    click(right, 10, 20)
    click(left, -5, 4)  # beside the picture
    state.set_tool("invention")
    click(right, 10, 20)
    state.set_tool("break")
    click(right, 10, 20)  # takes away the break, not the invention there
    assert [(one.side, one.kind) for one in state.shown.marks] == [
        ("left", "break"),
        ("right", "invention"),
    ]
    assert (state.shown.marks[0].depth_mm, state.shown.marks[0].across_mm) == pytest.approx(
        (3.5 * 0.02, 4.5 * 0.02)
    )
    points = viewer.layers["inventions"]
    np.testing.assert_allclose(
        points.data_to_world(points.data[0])[-2:], right.data_to_world((10, 20))[-2:]
    )
    viewer.layers.remove(left)  # by accident: the marks stay
    state.show_lost()
    assert len(state.shown.marks) == 2
    state.answer(Answer(left=1, right=2, preference="none"))
    [given], _ = answers.read(tmp_path / "look" / "answers.csv")
    assert given.marks == (
        Mark("left", "break", 0.07, 0.09),
        Mark("right", "invention", 0.21, 0.41),
    )
    assert {layer.name for layer in viewer.layers} == {"sharp", "soft", "film"}
    assert viewer.mouse_drag_callbacks == followed
    assert state.shown.tool is None


def test_the_report_unblinds_only_once_that_is_confirmed(opened, tmp_path):
    _, state = opened
    folder = tmp_path / "look"
    run(state, state.make(NewSession(folder=str(folder), reader="AB")))
    assert state.report() is None
    state.answer(Answer(left=1, right=2, preference="none"))
    state.ask_report()
    assert state.shown.confirming
    state.ask_report(False)
    assert not state.shown.confirming
    assert not (folder / "unblinded.json").exists()
    run(state, state.report())
    assert state.shown.reported.page.is_file()
    assert "sharp" in state.shown.reported.brief
    assert state.shown.standing.unblinded
    state.show_start()
    assert state.shown.reported is None
    state.show_standing(tmp_path)
    assert "not a complete session" in state.shown.opening_error
    state.show_standing(folder)
    assert (state.shown.page, state.shown.standing.complete) == ("finished", True)


def test_a_report_that_fails_says_so_and_can_be_tried_again(opened, tmp_path):
    _, state = opened
    folder = tmp_path / "look"
    run(state, state.make(NewSession(folder=str(folder))))
    state.answer(Answer(left=1, right=2, preference="none"))
    key = (folder / "key.json").rename(folder / "aside")
    run(state, state.report())
    assert "key.json" in state.shown.error
    assert (state.shown.page, state.shown.reported) == ("finished", None)
    key.rename(folder / "key.json")
    run(state, state.report())
    assert (state.shown.error, state.shown.reported is None) == ("", False)


def test_pictures_of_several_sections_are_compared_within_each(tmp_path):
    viewer = ViewerModel()
    for animal in ("rat01", "rat02"):
        for mode in ("accurate", "detailed"):
            made = {"generator_title": "Diffusion", "has_modes": True, "settings": {"mode": mode}}
            add(viewer, f"{mode} of {animal}", made_from=f"{animal} pwd", **made)
    add(viewer, "rat02 ULM")
    add(viewer, "rat01 ULM")
    layers = list(viewer.layers)
    sections = likely_sections(layers)
    assert sections == [*["rat01 pwd"] * 2, *["rat02 pwd"] * 2, "rat02 pwd", "rat01 pwd"]
    kinds = ["generated"] * 4 + ["ulm"] * 2
    assert methods(layers, kinds, sections) == [
        *["Diffusion Accurate", "Diffusion Detailed"] * 2, "ULM", "ULM",
    ]  # fmt: skip
    state = ReviewState(viewer)
    run(state, state.make(NewSession(folder=str(tmp_path / "look"))))
    assert state.shown.making_error == ""
    # Three pairs of each section (the ULM of these is no ULM but for its name), and one repeat.
    assert state.shown.trial == (1, 7)
    state.close()


def test_every_slice_of_stacks_is_a_section(tmp_path):
    viewer = ViewerModel()
    for name in ("sharp", "soft"):
        add(viewer, name, slices=3)
    state = ReviewState(viewer)
    run(state, state.make(NewSession(folder=str(tmp_path / "look"))))
    assert state.shown.making_error == ""
    assert state.shown.trial == (1, 4)
    state.stop()
    add(viewer, "single")
    run(state, state.make(NewSession(folder=str(tmp_path / "other"))))
    assert "“single” has 1" in state.shown.making_error
    state.close()
