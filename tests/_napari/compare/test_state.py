"""What the Compare dock knows, without its widgets."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_fus_ulm._napari.compare.choice import Wish
from napari_fus_ulm._napari.compare.state import CompareState
from napari_fus_ulm._napari.compare.work import WorkState
from napari_fus_ulm._napari.layers.from_scan import scan_to_layer
from napari_fus_ulm.inference.events import Notice
from napari_fus_ulm.scan import make_scan


def add(viewer, name, *, columns=40):
    values = np.random.default_rng(len(viewer.layers)).random((30, columns))
    kind = "ulm" if "ULM" in name else "fus"
    scan = make_scan(values, spacing=0.1, modality=kind, values_kind="grey")
    data, kwargs, _ = scan_to_layer(scan, name=name)
    return viewer.add_image(data, **kwargs)


@pytest.fixture
def opened():
    viewer = ViewerModel()
    for name in ("first ULM", "power Doppler", "second ULM"):
        add(viewer, name)
    state = CompareState(viewer)
    yield viewer, state
    state.close()


def name_of(state, layer_id):
    layer = state.layer(layer_id)
    return None if layer is None else layer.name


def test_a_wish_holds_while_it_is_offered():
    assert Wish().among([1, 2], 2) == 2
    assert Wish(1, by_hand=True).among([1, 2], 2) == 1
    assert Wish(3, by_hand=True).among([1, 2], 2) == 2
    assert Wish(None, by_hand=True).among([None, 1], 1) is None


def test_defaults_follow_what_is_there(opened):
    viewer, state = opened
    shown = state.shown
    assert name_of(state, shown.truth) == "second ULM"
    assert (name_of(state, shown.first), name_of(state, shown.second)) == (
        "power Doppler",
        "second ULM",
    )
    assert shown.can_be_measured
    state.check({viewer.layers["second ULM"].unique_id: False})
    assert name_of(state, state.shown.truth) == "second ULM"  # it measures, checked or not
    assert name_of(state, state.shown.second) == "first ULM"
    state.set_truth(None)
    assert state.shown.truth is None
    assert not state.shown.can_be_measured


def test_a_refusal_goes_when_other_images_are_checked(opened):
    viewer, state = opened
    narrow = add(viewer, "narrow", columns=20)
    state.show_view("grid")
    assert "“narrow”" in state.shown.error
    assert state.shown.view == "off"
    state.check({narrow.unique_id: False})
    assert state.shown.error == ""
    state.show_view("grid")
    assert (state.shown.view, state.shown.error) == ("grid", "")
    state.show_view("off")
    assert [layer.name for layer in viewer.layers if layer.visible] == [
        "first ULM", "power Doppler", "second ULM", "narrow",
    ]  # fmt: skip


def test_a_notice_about_the_images_goes_with_their_view(opened):
    viewer, state = opened
    viewer.layers["first ULM"].translate = (3.05, 4.05)
    state.show_view("grid")
    [notice] = state.shown.notices
    assert "“first ULM” lies" in notice
    state.show_view("difference")
    assert state.shown.notices == ()


def test_words_of_the_work_go_with_what_it_was_about():
    viewer = ViewerModel()
    work = WorkState(viewer)
    assert work.shown.phase == "empty"
    add(viewer, "power Doppler")
    work.set_subject("images")
    assert work.start(lambda: iter(())) is not None
    assert work.start(lambda: iter(())) is None
    work.on_event(Notice("odd"))
    work.on_ended("failed", "The disk is full.")
    assert (work.shown.error, work.shown.notices) == ("The disk is full.", ("odd",))
    assert work.shown.status == "The work failed; the message above says why."
    assert work.shown.phase == "ready"
    work.set_subject("other images")
    assert (work.shown.error, work.shown.notices, work.shown.status) == ("", (), "")
    work.close()
