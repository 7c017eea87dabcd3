"""The life of results in the viewer, with runs whose result is at hand: no generator, no window."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_fus_ulm._napari.enhance.state import EnhanceState
from napari_fus_ulm._napari.layers.family import hang_on, hanging_on, is_result, ours, said_on
from napari_fus_ulm._napari.layers.from_scan import scan_to_layer
from napari_fus_ulm._napari.layers.results import record_of_result
from napari_fus_ulm._napari.picker.part_form import Corrections
from napari_fus_ulm._napari.reader import read
from napari_fus_ulm._napari.viewer.parts import overlays_of, scale_bar_of
from napari_fus_ulm._napari.writer import write_image
from napari_fus_ulm.inference.enhancement import Enhancement
from napari_fus_ulm.inference.events import Finished, Notice, Preview
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.scan import make_scan

PLANE, GAIN = (10, 12), 5
RECORDED = np.random.default_rng(0).gamma(2.0, 1.0, (3, *PLANE))


@pytest.fixture
def opened():
    """A viewer's model and the state, with one power Doppler plane of 100 µm pixels."""
    viewer = ViewerModel()
    state = EnhanceState(viewer, EnhanceSettings(mode="detailed"))
    add(viewer, fus_of(RECORDED[0]))
    yield viewer, state
    state.close()


def fus_of(values, name="rat01_pwd", **kwargs):
    words = {"spacing": 0.1, "modality": "fus", "values_kind": "linear", "name": name}
    return make_scan(values, **words | kwargs)


def add(viewer, scan, **kwargs):
    data, meta, _ = scan_to_layer(scan)
    return viewer.add_image(data, **(meta | kwargs))


def drawn(picked, grey, name="result"):
    """Grey levels on the result's grid of a picked plane or stack."""
    fus = picked.outline
    at = {"origin": [float(fus[axis][0]) - 0.04 for axis in "yx"]} if fus.ndim == 2 else {}
    spacing = (0.02, 0.02) if fus.ndim == 2 else (0.5, 0.02, 0.02)
    return make_scan(
        grey, spacing=spacing, modality="ulm", values_kind="grey", name=name, **at
    ).assign_attrs(generated=True)


def enhancement_of(state, grey=0.5, **made):
    """What a run would give with the state's settings: the same grey level everywhere."""
    picked = state.fus.picked()
    shape = (*picked.outline.shape[:-2], *(GAIN * side for side in PLANE))
    provenance = {
        "generated": True,
        "generator_title": "Diffusion",
        "gain": float(GAIN),
        "input_name": picked.source.layer,
        "input": "",
        "values": "linear",
        "precision": "float32",
        "familiarity": {"sentence": "", "light": "green"},
        "settings": {"mode": state.settings.mode},
        **made,
    }
    image = drawn(picked, np.full(shape, grey, np.float32)).assign_attrs(provenance=provenance)
    spread = image if state.settings.mode == "balanced" else None
    return Enhancement(image, spread, state.settings, provenance, 1.0)


def run(state, *events, grey=0.5, **made):
    """A whole run with some events before its result; returns the result's layer."""
    assert state.start() is not None
    for event in (*events, Finished(enhancement_of(state, grey, **made))):
        state.on_event(event)
    state.on_ended("done")
    state.settle()
    return state.result()


def set_seed(state, seed):
    state.set_settings(EnhanceSettings(mode="detailed", seed=seed))


def names(viewer):
    return [layer.name for layer in viewer.layers]


def diagnose(viewer, result, what="support"):
    labels = np.zeros(result.data.shape, int)
    return hang_on(viewer, result, "Support", [(labels, {"name": what}, "labels")], "found")


# ---------------------------------------------------------------- names, order, replacement


def test_a_rerun_replaces_its_result_and_what_hangs_on_it(opened):
    viewer, state = opened
    first = run(state, grey=0.2)
    diagnose(viewer, first)
    first.colormap = "gray"
    again = run(state, grey=0.7)
    assert again.unique_id == first.unique_id
    assert names(viewer) == ["rat01_pwd", "Detailed ×5 · seed 0 · rat01_pwd (generated)"]
    assert float(again.data.mean()) == pytest.approx(0.7)
    assert ours(again)["enhancement"].image.values.mean() == pytest.approx(0.7)
    assert again.colormap.name == "gray"  # its look is the user's


def test_a_rerun_with_another_seed_stands_beside_it(opened):
    viewer, state = opened
    run(state, grey=0.2)
    set_seed(state, 4)
    run(state, grey=0.7)
    assert names(viewer)[1:] == [
        "Detailed ×5 · seed 0 · rat01_pwd (generated)",
        "Detailed ×5 · seed 4 · rat01_pwd (generated)",
    ]
    set_seed(state, 0)
    assert run(state, grey=0.3) is viewer.layers[-1]  # the newest on top
    assert len(viewer.layers) == 3


def test_a_cancelled_rerun_costs_nothing(opened):
    viewer, state = opened
    result = run(state, grey=0.2)
    diagnose(viewer, result)
    state.start()
    state.on_event(preview(0))
    state.on_ended("cancelled")
    assert names(viewer)[1:3] == [result.name, "support · Detailed ×5 · seed 0 · rat01_pwd"]
    assert names(viewer)[3] == "preview · rat01_pwd (cancelled)"
    assert float(result.data.mean()) == pytest.approx(0.2)


def test_what_belongs_to_a_run_stands_and_goes_together(opened):
    viewer, state = opened
    state.set_settings(EnhanceSettings(mode="balanced"))
    older = run(state)
    set_seed(state, 1)
    newer = run(state)
    [support] = diagnose(viewer, older)
    again = diagnose(viewer, older)  # in place of the one before
    assert support not in viewer.layers
    assert viewer.layers[1:] == [older, *hanging_on(viewer, older), newer]
    assert hanging_on(viewer, older)[-1] is again[0]
    assert said_on(viewer, older, "Support") == "found"
    assert not any("[1]" in name for name in names(viewer))
    viewer.layers.remove(older)
    state.settle()
    assert viewer.layers[1:] == [newer]


def test_everything_can_be_deleted_at_once(opened):
    viewer, state = opened
    diagnose(viewer, run(state))
    viewer.layers.selection = set(viewer.layers)
    viewer.layers.remove_selected()
    state.settle()
    assert len(viewer.layers) == 0


# ---------------------------------------------------------------- words


def test_words_are_those_of_the_result_that_is_selected_and_go_with_it(opened):
    viewer, state = opened
    first = run(state, Notice("Odd."))
    set_seed(state, 1)
    second = run(state)
    assert (state.shown.result, state.shown.notices) == (second.name, ())
    viewer.layers.selection.active = first
    assert (state.shown.result, state.shown.notices) == (first.name, ("Odd.",))
    assert state.shown.status.startswith("Done in")
    viewer.layers.remove(first)
    assert (state.shown.result, state.shown.notices) == (second.name, ())
    viewer.layers.remove(second)
    assert (state.shown.result, state.shown.status) == ("", "")


def test_an_error_goes_when_the_image_changes(opened):
    viewer, state = opened
    state.start()
    state.on_ended("failed", "The image has infinite values.")
    assert state.shown.error
    viewer.layers.selection.active = None
    assert state.shown.error  # which layer is selected does not matter
    viewer.layers[0].data = RECORDED[1]
    state.fus.read_if_new()
    assert state.shown.error == ""


def test_a_result_of_another_image_is_not_diagnosed(opened):
    viewer, state = opened
    result = run(state)
    other = add(viewer, fus_of(RECORDED[1], name="rat02_pwd"))
    assert state.fus.layer is other
    viewer.layers.selection.active = result
    assert state.result() is result  # it can be saved
    assert state.diagnosed().result is None
    assert state.shown.status == ""


def test_words_go_when_the_image_has_another_size(opened):
    viewer, state = opened
    run(state)
    viewer.layers[0].scale = (0.05, 0.05)
    state.fus.read_if_new()
    assert state.shown.status == ""
    assert state.diagnosed().result is None
    viewer.layers[0].scale = (0.1, 0.1)
    state.fus.read_if_new()
    assert state.shown.status.startswith("Done in")


def test_a_dock_that_is_opened_later_knows_as_much(opened):
    viewer, state = opened
    result = run(state, Notice("Odd."))
    state.close()
    later = EnhanceState(viewer, EnhanceSettings(mode="detailed"))
    assert (later.shown.result, later.shown.notices) == (result.name, ("Odd.",))
    assert later.diagnosed().enhancement is state.diagnosed().enhancement
    run(later)
    assert len(viewer.layers) == 2  # it replaces the result of the first
    later.close()


def test_results_are_known_to_every_dock_when_they_appear(opened):
    viewer, state = opened
    heard = []
    other = EnhanceState(viewer, EnhanceSettings(mode="detailed"))
    other.turned.connect(lambda: heard.append(other.shown.result))
    result = run(state, preview(0))
    assert heard[-1] == result.name
    other.close()


def test_a_result_that_was_saved_by_any_writer_can_be_used_again(opened, tmp_path):
    viewer, state = opened
    result = run(state)
    path = tmp_path / "mine.ome.tif"
    write_image(str(path), result.data, result.as_layer_data_tuple()[1])
    viewer.layers.remove(result)
    [(data, meta, _)] = read(str(path))
    loaded = viewer.add_image(data, **meta)
    assert is_result(loaded)
    assert state.result() is loaded
    assert state.diagnosed().result is loaded
    assert record_of_result(loaded).task == "enhance"
    viewer.layers.selection.active = None
    assert state.result() is loaded  # its input has the name of the chosen one


# ---------------------------------------------------------------- the canvas


def test_generated_and_a_scale_bar_stand_on_the_canvas_while_a_result_is_seen(opened):
    viewer, state = opened
    assert not scale_bar_of(viewer).visible
    result = run(state)
    assert marks(viewer) == "Generated · Diffusion Detailed ×5 · seed 0"
    assert scale_bar_of(viewer).visible
    for change in ("visible", "removed"):
        if change == "visible":
            result.visible = False
        else:
            viewer.layers.remove(result)
        state.settle()
        assert marks(viewer) == ""
        assert not scale_bar_of(viewer).visible
        result.visible = True
        state.settle()
    run(state)
    state.close()
    assert marks(viewer) == ""
    assert not scale_bar_of(viewer).visible


def test_the_place_of_a_region_does_not_run_into_the_scale_bar(opened):
    viewer, state = opened
    state.set_settings(EnhanceSettings(mode="accurate", region=(0.1, 0.2, 0.4, 0.5)))
    result = run(state)
    assert "region 0.5 × 0.4 mm at 0.2, 0.1" in result.name
    assert marks(viewer) == "Generated · Diffusion Accurate ×5 · region"


def test_an_image_above_hides_the_result_and_its_mark(opened):
    viewer, state = opened
    run(state)
    above = viewer.add_image(RECORDED[1], scale=(0.1, 0.1), units="mm")
    state.settle()
    assert marks(viewer) == ""
    for change in ({"opacity": 0.5}, {"opacity": 1.0, "blending": "additive"}, {"visible": False}):
        for name, value in change.items():
            setattr(above, name, value)
        state.settle()
        assert marks(viewer) == "Generated · Diffusion Detailed ×5 · seed 0"


def marks(viewer):
    texts = [getattr(one, "text", "") for one in overlays_of(viewer).values() if one.visible]
    return "".join(texts).strip()


def test_the_users_scale_bar_stays_and_none_is_shown_for_an_assumed_size():
    viewer = ViewerModel()
    state = EnhanceState(viewer, EnhanceSettings(mode="detailed"))
    viewer.add_image(RECORDED[0], name="plain pwd")
    run(state)
    assert marks(viewer).startswith("Generated")
    assert not scale_bar_of(viewer).visible
    scale_bar_of(viewer).visible = True
    state.close()
    assert scale_bar_of(viewer).visible


def test_before_and_after(opened):
    viewer, state = opened
    fus = viewer.layers[0]
    result = run(state)
    [labels] = diagnose(viewer, result)
    fus.visible = False
    state.flip()
    assert state.shown.before
    assert [layer.visible for layer in (fus, result, labels)] == [True, False, False]
    state.flip()
    assert not state.shown.before
    assert [layer.visible for layer in (fus, result, labels)] == [False, True, True]
    state.flip()
    state.start()  # a run must be seen
    assert result.visible
    state.on_ended("cancelled")


# ---------------------------------------------------------------- stacks


@pytest.fixture
def stacked():
    viewer = ViewerModel()
    state = EnhanceState(viewer, EnhanceSettings(mode="detailed"))
    add(viewer, fus_of(RECORDED, spacing=(0.5, 0.1, 0.1)))
    yield viewer, state
    state.close()


def test_one_slice_of_a_stack_is_named_and_lies_at_its_place(stacked):
    viewer, state = stacked
    viewer.dims.set_current_step(0, 2)
    result = run(state)
    assert result.name == "Detailed ×5 · slice 3 · seed 0 · rat01_pwd (generated)"
    assert marks(viewer)
    viewer.dims.set_current_step(0, 0)
    state.settle()
    assert marks(viewer) == ""  # the input is seen there
    state.fus.follow_sliders()
    assert state.shown.status == ""
    assert state.diagnosed().result is None
    viewer.dims.set_current_step(0, 1)
    state.fus.follow_sliders()
    assert "slice 2" in run(state).name
    assert len(viewer.layers) == 3


def preview(number):
    """An estimate of one plane of the stack."""
    grey = np.full((GAIN * PLANE[0], GAIN * PLANE[1]), 0.5, np.float32)
    image = make_scan(grey, spacing=0.02, modality="ulm", values_kind="grey")
    return Preview(image.assign_attrs(generated=True), 1, 4, number)


def test_planes_that_are_not_drawn_yet_leave_the_input_visible(stacked):
    viewer, state = stacked
    state.fus.correct(Corrections(slices="all"))
    assert state.shown.planes == 3
    state.start()
    state.on_event(preview(1))
    layer = viewer.layers[-1]
    assert np.isnan(layer.data[[0, 2]]).all()
    assert (layer.data[1] == 0.5).all()
    for number, words in enumerate(("", "Generated · preview", "")):
        viewer.dims.set_current_step(0, number)
        state.settle()
        assert marks(viewer) == words
    state.on_event(Finished(enhancement_of(state)))
    state.on_ended("done")
    assert np.isfinite(state.result().data).all()


@pytest.mark.parametrize("follow", [True, False])
def test_the_sliders_follow_a_run_as_the_user_chose_and_go_back(stacked, follow):
    viewer, state = stacked
    state.fus.correct(Corrections(slices="all"))
    state.follow = follow
    viewer.dims.set_current_step(0, 2)
    state.start()
    seen = []
    for number in (0, 1):
        state.on_event(preview(number))
        seen.append(viewer.dims.current_step[0])
    assert seen == ([0, 1] if follow else [2, 2])
    state.on_ended("cancelled")
    assert viewer.dims.current_step[0] == 2


def test_a_user_who_moves_the_sliders_is_not_taken_along(stacked):
    viewer, state = stacked
    state.fus.correct(Corrections(slices="all"))
    state.follow = True
    state.start()
    state.on_event(preview(0))
    viewer.dims.set_current_step(0, 2)
    state.on_event(preview(1))
    assert viewer.dims.current_step[0] == 2
    state.on_ended("cancelled")
    assert viewer.dims.current_step[0] == 2
