"""The Compare dock as a user meets it: the real buttons; a window where that is the point."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_fus_ulm._napari.compare.layers import comparable_layers, looks_at, seen, titles
from napari_fus_ulm._napari.compare.pictures import WAITING
from napari_fus_ulm._napari.compare.stage import at_once
from napari_fus_ulm._napari.compare.widget import CompareWidget
from napari_fus_ulm._napari.layers.family import OURS, hang_on, is_result
from napari_fus_ulm._napari.layers.from_scan import scan_to_layer
from napari_fus_ulm._napari.viewer.marks import CanvasMarks
from napari_fus_ulm._napari.viewer.parts import (
    camera_of,
    grid_of,
    scale_bar_of,
    text_overlay,
)
from napari_fus_ulm._napari.worker import InBackground
from napari_fus_ulm.evaluation.figure import greys, measure
from napari_fus_ulm.grey.reference import reference_on_grid
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.inference.enhance import enhance
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.scan import extent_of, make_scan
from napari_fus_ulm.tasks import compare as compare_run


def add(viewer, scan, **kwargs):
    data, meta, _ = scan_to_layer(scan)
    return viewer.add_image(data, **(meta | kwargs))


@pytest.fixture(scope="session")
def results(small_pair, small_weights):
    """Two results of the small generator, which has learnt nothing."""
    settings = EnhanceSettings(
        mode="detailed", weights=str(small_weights), precision="float32", steps=1
    )
    fus = small_pair[0].rename("rat power Doppler")
    return [enhance(fus, settings, mode=mode) for mode in ("accurate", "detailed")]


@pytest.fixture
def open_compare(request, qtbot, small_pair, results):
    """Open a viewer's model with power Doppler, ULM, two results, and the dock."""

    def open_(*, layers=True, window=False):
        viewer = request.getfixturevalue("make_napari_viewer")() if window else ViewerModel()
        if layers:
            add(viewer, small_pair[1], name="rat ULM")
            add(viewer, small_pair[0], name="rat power Doppler")
            for one in results:
                record = {"settings": {}, "provenance": one.provenance}
                metadata = {OURS: record, "xarray": one.image}
                add(viewer, one.image, name=one.title, metadata=metadata)
        if window:
            _, dock = viewer.window.add_plugin_dock_widget("napari-fus-ulm", "Compare")
        else:
            dock = alone(viewer, qtbot)
        waits_for_nothing(dock)
        dock.controls.rate.setValue(1)
        return viewer, dock

    return open_


def waits_for_nothing(dock):
    """Let views be there after the click; one test of how they come is enough."""
    dock.state.background = None
    dock.state.stage.later = at_once


def alone(viewer, qtbot):
    """The dock without a window."""
    dock = CompareWidget(viewer)
    waits_for_nothing(dock)
    qtbot.addWidget(dock, before_close_func=CompareWidget.leave)
    return dock


@pytest.fixture
def press(qtbot):
    """Click a button with the mouse."""

    def press_(button):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    return press_


def truth_of(dock):
    """The layer that is the ground truth."""
    return dock.state.layer(dock.truth.value())


def state_of(viewer):
    """What a view changes and has to bring back."""
    camera, grid, text = camera_of(viewer), grid_of(viewer), text_overlay(viewer)
    return (
        [(layer.name, layer.visible) for layer in viewer.layers],
        viewer.layers.selection.active.name,
        (camera.center, camera.zoom, camera.angles, camera.mouse_pan),
        (grid.enabled, grid.shape, grid.stride),
        (text.text, text.visible, text.position),
        len(viewer.mouse_drag_callbacks),
    )


def shown(viewer):
    """Visible layers, the topmost first."""
    return [layer for layer in reversed(viewer.layers) if layer.visible]


def expected(viewer, dock, *names):
    layers = [viewer.layers[name] for name in names]
    views = seen(looks_at(viewer, layers, truth_of(dock)))
    return dict(zip([image.name for image in views.images], greys(views.images), strict=True))


def choose(combo, text):
    """Choose an entry as the user would."""
    number = combo.findText(text)
    assert number >= 0, [combo.itemText(n) for n in range(combo.count())]
    combo.setCurrentIndex(number)
    combo.activated.emit(number)


# ---------------------------------------------------------------- what there is


def test_an_empty_viewer_says_what_to_do_first(open_compare, press):
    viewer, dock = open_compare(layers=False, window=True)
    assert "Open a power Doppler image" in dock._welcome.text()
    assert not dock._welcome.isHidden()
    assert dock._about.isHidden()
    assert dock.jobs._export.isHidden()
    assert not dock.jobs.run.button.isEnabled()
    press(dock.sample)
    assert dock._welcome.isHidden()
    assert truth_of(dock) is viewer.layers["phantom ULM"]
    assert [layer.name for layer in dock.state.checked()] == [
        "phantom ULM",
        "phantom power Doppler",
    ]
    assert dock.jobs.run.button.isEnabled()


def test_previews_and_diagnostics_are_no_images_to_compare(open_compare, results):
    viewer, dock = open_compare()
    image = results[0].image
    add(viewer, image, name="preview", metadata={OURS: {"preview": True}})
    result = next(layer for layer in viewer.layers if is_result(layer))
    hang_on(viewer, result, "spread", [scan_to_layer(image, name="spread")])
    viewer.add_labels(np.zeros((20, 20), int))
    names = [layer.name for layer in comparable_layers(viewer)]
    assert names == [results[1].title, results[0].title, "rat power Doppler", "rat ULM"]
    assert dock.images.count() == 4
    # Without their input's name, which is the same for all.
    assert dock.images.item(0).text().startswith("Diffusion Detailed ×")


def test_the_list_follows_the_layers_and_keeps_what_is_checked(open_compare, results):
    viewer, dock = open_compare()
    dock.images.item(3).setCheckState(Qt.CheckState.Unchecked)
    add(viewer, results[0].image, name="another")
    assert dock.images.item(0).text() == "another"
    assert "rat ULM" not in [layer.name for layer in dock.state.checked()]
    viewer.layers["another"].name = "renamed"
    assert dock.images.item(0).text() == "renamed"
    viewer.layers.remove(viewer.layers["renamed"])
    assert dock.images.count() == 4


def test_the_newest_ulm_is_the_truth_until_the_user_says_otherwise(open_compare, small_pair):
    viewer, dock = open_compare()
    assert truth_of(dock) is viewer.layers["rat ULM"]
    add(viewer, small_pair[1], name="second ULM")
    assert truth_of(dock) is viewer.layers["second ULM"]
    choose(dock.truth, "no ground truth")
    add(viewer, small_pair[1], name="third ULM")
    assert truth_of(dock) is None
    assert not dock.jobs.save_metrics.isEnabled()
    choose(dock.truth, "second ULM")
    viewer.layers.remove(viewer.layers["second ULM"])
    assert truth_of(dock) is viewer.layers["third ULM"]


# ---------------------------------------------------------------- views


def test_the_grid_shows_the_checked_images_alone_and_goes_without_a_trace(
    open_compare, press, results
):
    viewer, dock = open_compare(window=True)
    viewer.layers["rat ULM"].visible = False
    dock.images.item(1).setCheckState(Qt.CheckState.Unchecked)  # the first result
    camera_of(viewer).center, camera_of(viewer).zoom = (0.0, 1.0, 2.0), 77.0
    text_overlay(viewer).text = "mine"
    before = state_of(viewer)

    press(dock.views.buttons["grid"])

    layers = shown(viewer)
    names = ["rat power Doppler", results[1].title, "rat ULM"]
    made = dock.images.item(0).text().removesuffix(" (generated)")
    assert [layer.name[3:] for layer in layers] == [names[0], f"generated · {made}", names[2]]
    grid = grid_of(viewer)
    assert grid.enabled
    assert grid.shape[0] * grid.shape[1] >= 3
    # Reading order is the order of the layer list.
    cells = [grid.position(viewer.layers.index(layer), viewer.layers) for layer in layers]
    assert cells == sorted(cells)
    assert len(set(cells)) == 3
    for layer, (_, grey) in zip(layers, expected(viewer, dock, *names).items(), strict=True):
        np.testing.assert_array_equal(layer.data, grey)
        assert tuple(layer.contrast_limits) == (0.0, 1.0)
    assert "1  rat power Doppler" in dock.controls.text.text()
    # One contrast for all.
    layers[0].contrast_limits, layers[0].gamma = (0.1, 0.6), 0.7
    layers[1].colormap = "magma"
    assert {tuple(layer.contrast_limits) for layer in layers} == {(0.1, 0.6)}
    assert {layer.gamma for layer in layers} == {0.7}
    assert {layer.colormap.name for layer in layers} == {"magma"}

    press(dock.views.buttons["off"])
    assert state_of(viewer) == before


def test_a_view_lies_on_the_input(open_compare, press):
    viewer, dock = open_compare()
    fus = viewer.layers["rat power Doppler"]
    press(dock.views.buttons["grid"])
    for layer in shown(viewer):
        low, high = np.asarray(layer.extent.world)
        half, pixel = np.abs(layer.scale) / 2, np.abs(fus.scale) / 2
        np.testing.assert_allclose(low - half, fus.extent.world[0] - pixel, atol=1e-6)
        np.testing.assert_allclose(high + half, fus.extent.world[1] + pixel, atol=1e-6)
        assert tuple(map(str, layer.units)) == ("millimeter", "millimeter")


def test_views_follow_one_another_and_the_first_state_comes_back(open_compare, press):
    viewer, dock = open_compare()
    before = state_of(viewer)
    for view in ("grid", "curtain", "blink", "difference", "grid", "off"):
        press(dock.views.buttons[view])
        assert dock.state.shown.view == view
        assert dock.notices.error == ""
    assert state_of(viewer) == before


def layer_of(viewer, title):
    """The result with this title in the dock, which leaves its input's name out."""
    return next(one for one in comparable_layers(viewer) if titles([one]) == [title])


def test_the_curtain_has_the_left_image_left_and_the_right_one_right(open_compare, press):
    viewer, dock = open_compare()
    title = dock.images.item(0).text()
    press(dock.views.buttons["curtain"])
    assert (dock.controls.first.currentText(), dock.controls.second.currentText()) == (
        title,
        "rat ULM",
    )
    result = layer_of(viewer, title).name
    planes = expected(viewer, dock, result, "rat ULM")
    left, right = planes[result], planes["rat ULM"]
    layer = viewer.layers[f"{title} | rat ULM"]
    half = round(left.shape[1] / 2)
    for share, column in ((1000, left.shape[1]), (0, 0), (500, half), (123, None), (500, half)):
        dock.controls.slider.setValue(share)
        if column is None:
            continue
        np.testing.assert_array_equal(layer.data[:, :column], left[:, :column])
        np.testing.assert_array_equal(layer.data[:, column:], right[:, column:])
        # The line covers the first column of the right image, and nothing at the edges.
        line = viewer.layers["line"].data
        assert list(np.flatnonzero(line.any(axis=0))) == ([half] if column == half else [])
        assert line[:, half].all() == (column == half)
    choose(dock.controls.first, "rat power Doppler")
    assert "rat power Doppler | rat ULM" in viewer.layers
    choose(dock.controls.second, "rat power Doppler")
    assert "choose another one" in dock.notices.error
    assert dock.state.shown.view == "off"
    assert "line" not in viewer.layers


def test_the_curtain_is_dragged_and_the_camera_stays(open_compare, press):
    viewer, dock = open_compare(window=True)
    press(dock.views.buttons["curtain"])
    view, layer = dock.state._view, dock.state._view.layer

    class Event:
        type, position = "mouse_press", (0.0, 0.0)

    def at(share):
        Event.position = layer.data_to_world((10, share * view.columns - 0.5))
        return Event

    view._on_move(viewer, at(0.1))
    assert camera_of(viewer).mouse_pan
    view._on_move(viewer, at(0.5))
    assert not camera_of(viewer).mouse_pan
    drag = view._on_press(viewer, at(0.5))
    next(drag)
    Event.type = "mouse_move"
    at(0.75)
    next(drag)
    assert dock.state.shown.share == pytest.approx(0.75, abs=0.01)
    at(7.0)
    next(drag)
    assert dock.state.shown.share == 1.0
    Event.type = "mouse_release"
    assert next(drag, None) is None
    Event.type = "mouse_press"
    assert next(view._on_press(viewer, at(0.2)), "far") == "far"
    press(dock.views.buttons["off"])
    assert camera_of(viewer).mouse_pan


def test_blinking_shows_one_image_after_another(open_compare, press, qtbot):
    viewer, dock = open_compare()
    press(dock.views.buttons["blink"])
    dock.controls.play.setChecked(True)
    names = []
    for _ in range(5):
        (layer,) = shown(viewer)
        names.append(layer.name)
        words = layer.name[3:].removeprefix("generated · ")
        assert words in text_overlay(viewer).text
        assert ("generated" in text_overlay(viewer).text) == ("generated" in layer.name)
        assert dock.controls.text.text() == f"Now: {text_overlay(viewer).text}"
        press(dock.controls.flip)
    assert len(set(names)) == 4
    assert names[4] == names[0]
    now = shown(viewer)[0].name
    dock.controls.rate.setValue(4)
    assert shown(viewer)[0].name == now  # still paused
    dock.controls.play.setChecked(False)
    qtbot.waitUntil(lambda: shown(viewer)[0].name != now, timeout=2000)
    press(dock.views.buttons["off"])
    assert not dock.controls._timer.isActive()
    assert not text_overlay(viewer).visible


def test_the_difference_is_the_image_minus_the_truth(open_compare, press):
    viewer, dock = open_compare()
    title = dock.images.item(0).text()
    press(dock.views.buttons["difference"])
    (layer,) = shown(viewer)
    result = layer_of(viewer, title).name
    planes = expected(viewer, dock, result, "rat ULM")
    np.testing.assert_allclose(layer.data, planes[result] - planes["rat ULM"], atol=1e-6)
    low, high = layer.contrast_limits
    assert low == -high
    assert f"Green: brighter in “{title}”" in dock.controls.text.text()
    choose(dock.controls.second, "rat power Doppler")
    (layer,) = shown(viewer)
    planes = expected(viewer, dock, result, "rat power Doppler")
    np.testing.assert_allclose(layer.data, planes[result] - planes["rat power Doppler"], atol=1e-6)


def test_colours_are_those_of_all(open_compare, press):
    viewer, dock = open_compare()
    press(dock.views.buttons["grid"])
    dock.colours.setCurrentIndex(1)
    assert {layer.colormap.name for layer in shown(viewer)} == {"hot"}
    assert len(shown(viewer)) == 4


def test_the_views_follow_the_slices(press, qtbot):
    rng = np.random.default_rng(1)
    stacks = [rng.random((3, 40, 50), np.float32) for _ in range(2)]
    viewer = ViewerModel()
    for name, stack in zip(("one ULM", "two ULM"), stacks, strict=True):
        scan = make_scan(stack, spacing=(0.5, 0.02, 0.02), modality="ulm", values_kind="grey")
        add(viewer, scan, name=name)
    dock = alone(viewer, qtbot)
    viewer.dims.set_current_step(0, 0)
    press(dock.views.buttons["difference"])
    layer = shown(viewer)[0]
    first, second = (int(dock.controls.first.currentText() == name) for name in ("two ULM",) * 2)
    second = 1 - first
    np.testing.assert_allclose(layer.data, stacks[first][0] - stacks[second][0], atol=1e-6)
    viewer.dims.set_current_step(0, 2)
    wanted = stacks[first][2] - stacks[second][2]
    qtbot.waitUntil(lambda: np.allclose(layer.data, wanted, atol=1e-6), timeout=3000)
    assert layer.visible


# ---------------------------------------------------------------- what can go wrong


@pytest.mark.parametrize("view", ["grid", "curtain", "blink", "difference"])
def test_an_image_that_is_deleted_leaves_the_view(open_compare, press, view, results):
    viewer, dock = open_compare()
    press(dock.views.buttons[view])
    viewer.layers.remove(viewer.layers[results[1].title])
    assert dock.state.shown.view == view
    assert not any("Detailed" in layer.name for layer in shown(viewer))
    viewer.layers.remove(viewer.layers[results[0].title])
    viewer.layers.remove(viewer.layers["rat ULM"])
    assert dock.state.shown.view == "off"
    assert [layer.name for layer in viewer.layers] == ["rat power Doppler"]
    assert viewer.layers[0].visible


@pytest.mark.parametrize("view", ["grid", "curtain", "blink", "difference"])
def test_deleting_a_layer_of_the_view_ends_it(open_compare, press, view):
    viewer, dock = open_compare()
    before = state_of(viewer)
    press(dock.views.buttons[view])
    viewer.layers.remove(shown(viewer)[0])
    assert dock.state.shown.view == "off"
    assert dock.views.buttons["off"].isChecked()
    assert state_of(viewer) == before


def test_a_new_layer_ends_the_view_and_is_seen(open_compare, press):
    viewer, dock = open_compare()
    press(dock.views.buttons["grid"])
    viewer.add_image(np.zeros((30, 40)), name="new")
    assert dock.state.shown.view == "off"
    assert all(layer.visible for layer in viewer.layers)
    assert len(viewer.layers) == 5


def test_another_field_of_view_is_refused_by_name_and_mm(open_compare, press, small_pair, qtbot):
    viewer, dock = open_compare()
    part = small_pair[1].isel(i=slice(0, 200))
    add(viewer, part, name="narrow ULM")
    before = state_of(viewer)
    for button in (dock.views.buttons["grid"], dock.jobs.save_figure, dock.jobs.save_metrics):
        press(button)
        assert dock.state.shown.view == "off"
        assert "“narrow ULM” 2 × " in dock.notices.error
        assert "“rat power Doppler” covers 3.9" in dock.notices.error
        assert state_of(viewer) == before
    dock.images.item(0).setCheckState(Qt.CheckState.Unchecked)
    choose(dock.truth, "rat ULM")
    press(dock.views.buttons["grid"])
    assert dock.notices.error == ""
    assert dock.state.shown.view == "grid"
    qtbot.wait(10)  # Qt deletes the lines of the errors in its loop


def test_closing_the_dock_ends_the_view(open_compare, press):
    viewer, dock = open_compare(window=True)
    before = state_of(viewer)
    press(dock.views.buttons["blink"])
    viewer.window.remove_dock_widget(dock)
    assert state_of(viewer) == before
    add(viewer, make_scan(np.ones((20, 20)), spacing=0.1), name="later")


# ---------------------------------------------------------------- long work


@pytest.fixture
def small_runs(monkeypatch, small_weights):
    """All generators are two runs of the small one."""

    def runs(like):
        base = {"weights": str(small_weights), "precision": "float32", "steps": 1}
        base["values"] = like.values
        return [EnhanceSettings(**base, mode=mode) for mode in ("accurate", "detailed")]

    monkeypatch.setattr(compare_run, "all_settings", runs)


def test_all_generators_run_at_a_click_and_stand_in_the_grid(small_pair, small_runs, press, qtbot):
    viewer = ViewerModel()
    for scan, name in zip(small_pair, ("rat power Doppler", "rat ULM"), strict=True):
        add(viewer, scan, name=name)
    dock = alone(viewer, qtbot)
    dones = []
    dock.jobs.runner.event.connect(lambda event: dones.append(getattr(event, "done", 0)))
    with qtbot.waitSignal(dock.jobs.runner.ended, timeout=60_000):
        press(dock.jobs.run.button)
        assert dock.jobs.run.button.text() == "Cancel"
        assert not dock.jobs.save_figure.isEnabled()
    assert dock.notices.error == ""
    results = [layer for layer in viewer.layers if OURS in layer.metadata and not layer.visible]
    modes = [layer.metadata[OURS]["settings"]["mode"] for layer in results]
    assert modes == ["accurate", "detailed"]
    assert all(layer.name.endswith("(generated)") for layer in results)
    assert max(dones) > 1000
    assert dock.state.shown.view == "grid"
    assert len(shown(viewer)) == 4
    assert shown(viewer)[0].name == "1  rat power Doppler"
    assert shown(viewer)[-1].name == "4  rat ULM"
    assert dock.jobs.run.button.text() == "Run all generators"
    assert "2 results finished." in dock.jobs.run.status.text()


def test_one_click_in_the_enhance_dock_runs_all_as_it_is_corrected_there(
    open_dock, small_pair, small_runs, press, qtbot
):
    viewer, enhance_dock = open_dock()
    add(viewer, small_pair[0], name="rat power Doppler")
    enhance_dock.fus.edit.setChecked(True)
    enhance_dock.fus.form.depth_um.setValue(130.0)
    corrected = enhance_dock.fus.layer_scan.scan
    enhance_dock.settings.values.choose("sqrt")
    press(enhance_dock.compare)
    _, dock = viewer.window.add_plugin_dock_widget("napari-fus-ulm", "Compare")
    qtbot.waitUntil(lambda: "2 results finished." in dock.jobs.run.status.text(), timeout=60_000)
    assert dock.state.shown.view == "grid"
    results = [one for one in viewer.layers if "provenance" in one.metadata.get(OURS, {})]
    assert extent_of(results[0].metadata["xarray"]) == pytest.approx(extent_of(corrected), rel=0.01)
    assert results[0].metadata[OURS]["settings"]["values"] == "sqrt"
    assert extent_of(corrected)[0] > 1.05 * extent_of(small_pair[0])[0]


def test_cancelling_keeps_what_has_been_made(
    open_compare, small_weights, monkeypatch, press, qtbot
):
    base = {"weights": str(small_weights), "precision": "float32"}
    runs = [EnhanceSettings(**base, steps=1), EnhanceSettings(**base, steps=100)]
    monkeypatch.setattr(compare_run, "all_settings", lambda _: runs)
    viewer, dock = open_compare()
    before = len(viewer.layers)

    def cancel_after_the_first(event):
        if type(event).__name__ == "Finished":
            press(dock.jobs.run.button)
            assert dock.jobs.run.button.text() == "Cancelling…"

    dock.jobs.runner.event.connect(cancel_after_the_first)
    with qtbot.waitSignal(dock.jobs.runner.ended, timeout=60_000):
        press(dock.jobs.run.button)
    assert len(viewer.layers) == before + 1
    assert dock.state.shown.view == "off"
    assert "Cancelled" in dock.jobs.run.status.text()


def test_every_bundled_generator_is_run_the_iterative_one_twice():
    like = EnhanceSettings(pixel_um=40.0, steps=3, seed=7, mode="balanced", generator="pix2pix")
    runs = compare_run.all_settings(like)
    assert [(run.generator, run.mode) for run in runs] == [
        ("diffusion", "accurate"),
        ("diffusion", "detailed"),
        ("pix2pix", "detailed"),
        ("mhvae", "detailed"),
    ]
    assert {(run.pixel_um, run.steps, run.seed, run.weights) for run in runs} == {
        (40.0, 3, 7, None)
    }


def test_figure_and_metrics_are_written(open_compare, press, qtbot, tmp_path, monkeypatch, results):
    viewer, dock = open_compare()
    answers = {
        "figure": "figure.svg",
        "metrics": "table",
    }  # the suffix is added where it is missing

    def ask(parent, title, *args):
        name = answers[title.split()[-1]]
        return str(tmp_path / name), args[-1].split(";;")[0]

    monkeypatch.setattr(QFileDialog, "getSaveFileName", ask)
    for button in (dock.jobs.save_figure, dock.jobs.save_metrics):
        with qtbot.waitSignal(dock.jobs.runner.ended, timeout=60_000):
            press(button)
        assert dock.notices.error == ""
    assert dock.jobs.run.status.text() == "Saved as table.csv."
    svg = (tmp_path / "figure.svg").read_text()
    for word in ("rat power Doppler", "rat ULM", "ground truth", "not measurements", "MSE"):
        assert word in svg
    assert compare_run.MAPPED not in svg  # the small weights bring no map
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = ["rat power Doppler", *(one.title for one in results)]
    rows = [row for row in rows if float(row["moved_right_um"]) == 0]  # not the ULM laid on it
    assert [row["image"] for row in rows] == names
    assert [row["mode"] for row in rows] == ["", "accurate", "detailed"]
    ulm = viewer.layers["rat ULM"].metadata["xarray"]
    for row, one in zip(rows[1:], results, strict=True):
        scores = measure(one.image, ulm)
        assert float(row["mse"]) == scores.fidelity.mse
        assert float(row["lpips"]) == scores.fidelity.lpips
        assert float(row["recall"]) == scores.vessels.recall
        truth = reference_on_grid(ulm, Grid.of(one.image))
        assert float(row["mse"]) == pytest.approx(float(((one.image.values - truth) ** 2).mean()))
    # What was shown has stayed.
    assert dock.state.shown.view == "off"
    assert len(viewer.layers) == 4


def test_a_dialog_that_is_closed_writes_nothing(open_compare, press, monkeypatch):
    _, dock = open_compare()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    press(dock.jobs.save_figure)
    assert not dock.jobs.runner.running


def test_what_cannot_be_written_is_said(open_compare, press, qtbot, tmp_path, monkeypatch):
    _, dock = open_compare()
    path = tmp_path / "file" / "table.csv"
    path.parent.write_text("no folder")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    with qtbot.waitSignal(dock.jobs.runner.ended, timeout=60_000):
        press(dock.jobs.save_metrics)
    assert dock.notices.error
    assert dock.jobs.save_metrics.isEnabled()


def test_power_doppler_is_measured_through_the_intensity_map(small_pair):
    from napari_fus_ulm.inference.enhance import input_on_grid

    fus, ulm = small_pair[0].rename("fus"), small_pair[1].rename("ulm")
    compared = compare_run.Compared((fus, ulm), ulm, EnhanceSettings())
    events = compare_run._scores(compared)
    try:
        while True:
            next(events)
    except StopIteration as end:
        measures = end.value
    mapped = input_on_grid(fus, EnhanceSettings())
    assert list(measures) == ["fus"]
    assert measures["fus"] == measure(mapped, ulm)
    assert measures["fus"].fidelity.mse != measure(fus, ulm).fidelity.mse
    assert compare_run._note(compared) == compare_run.MAPPED
    assert compare_run._note(replace(compared, truth=None)) == ""
    # Weights that are gone are no reason to measure nothing.
    moved = replace(compared, settings=EnhanceSettings(weights="gone.safetensors"))
    assert compare_run._note(moved) == compare_run.MAPPED


def test_large_pictures_are_made_beside_the_viewer_and_come_one_by_one(open_compare, press, qtbot):
    viewer, dock = open_compare()
    dock.state.background, later = InBackground(dock), []
    dock.state.stage.later = later.append
    press(dock.views.buttons["grid"])
    assert dock.controls.text.text() == WAITING
    assert dock.views.buttons["grid"].isChecked()
    assert not dock.state.stage.layers  # nothing was made while the button was pressed
    qtbot.waitUntil(lambda: len(dock.state.stage.layers) == 1)
    while len(dock.state.stage.layers) < 4:
        assert not grid_of(viewer).enabled
        later.pop()()
    later.pop()()
    assert grid_of(viewer).enabled
    camera_of(viewer).zoom *= 7  # as napari has it when the cells are new
    zoom = camera_of(viewer).zoom
    later.pop()()
    assert camera_of(viewer).zoom < zoom
    assert len(shown(viewer)) == 4
    press(dock.views.buttons["blink"])
    press(dock.views.buttons["off"])  # before it is there
    qtbot.wait(300)
    assert dock.state.shown.view == "off"
    assert len(viewer.layers) == 4


def test_a_grid_that_blinks_keeps_its_layers(open_compare, press):
    _, dock = open_compare()
    press(dock.views.buttons["grid"])
    before = list(dock.state.stage.layers)
    press(dock.views.buttons["blink"])
    assert dock.state.stage.layers == before
    assert [layer.visible for layer in before] == [True, False, False, False]
    press(dock.views.buttons["grid"])
    assert dock.state.stage.layers == before
    assert all(layer.visible for layer in before)


def test_the_table_has_the_input_sorts_and_copies(open_compare, press, qtbot):
    viewer, dock = open_compare()
    metrics = dock.jobs.metrics
    dock.state.check({viewer.layers["rat power Doppler"].unique_id: False})
    for layer in viewer.layers:
        if OURS in layer.metadata:  # as a run leaves them
            layer.metadata[OURS]["input"] = viewer.layers["rat power Doppler"].unique_id
    assert metrics.table.isHidden()
    with qtbot.waitSignal(dock.jobs.runner.ended, timeout=60_000):
        press(metrics.measure)
    assert dock.notices.error == ""
    assert not metrics.table.isHidden()
    lines = metrics.shown()
    assert lines[0][0] == "input, interpolated"
    assert len(lines) == 3
    head = [metrics.table.horizontalHeaderItem(n).text() for n in range(5)]
    assert head == ["Image", "MSE ↓", "SSIM ↑", "PSNR ↑", "LPIPS ↓"]
    metrics.table.sortItems(2)
    assert (values := [float(line[2]) for line in metrics.shown()]) == sorted(values)
    press(metrics.pages.buttons()[1])
    assert metrics.table.horizontalHeaderItem(2).text() == "clDice ↑"
    rows = list(csv.DictReader(metrics.text("csv").splitlines()))
    assert {row["ground_truth"] for row in rows} == {"rat ULM"}
    assert metrics.text("markdown").startswith("| image |")
    # Measures go with what they are about, and when a rerun gives other pixels.
    assert dock.jobs.state.shown.measured
    layer = next(one for one in viewer.layers if OURS in one.metadata)
    layer.data = np.array(layer.data)
    assert dock.jobs.state.shown.measured == ()
    assert metrics.table.isHidden()


def test_a_rerun_is_seen_in_the_view_at_once(open_compare, press):
    viewer, dock = open_compare()
    press(dock.views.buttons["grid"])
    layer = next(one for one in viewer.layers if OURS in one.metadata and not one.visible)
    layer.data = np.zeros_like(layer.data)
    black = [one for one in dock.state.stage.layers if not one.data.any()]
    assert len(black) == 1


def test_a_scale_bar_stands_in_every_picture_and_goes_with_them(open_compare, press):
    viewer, dock = open_compare()
    bar = scale_bar_of(viewer)
    for view in ("grid", "curtain", "blink", "difference"):
        press(dock.views.buttons[view])
        assert bar.visible
    press(dock.views.buttons["off"])
    assert not bar.visible
    assert not getattr(bar, "gridded", False)
    # Beside the dock that marks results on the canvas: it leaves views alone and goes on after.
    for layer in viewer.layers:
        layer.visible = OURS in layer.metadata
    marks = CanvasMarks(viewer)
    assert bar.visible
    for view in ("grid", "off"):
        press(dock.views.buttons[view])
        marks.update()  # its dock does so when the events are over
        assert bar.visible
    for layer in viewer.layers:
        layer.visible = False
    marks.update()
    assert not bar.visible
    marks.close()


def test_a_closed_dock_gives_the_viewer_back_and_a_new_one_goes_on(open_compare, press, qtbot):
    viewer, dock = open_compare()
    before = state_of(viewer)
    press(dock.views.buttons["grid"])
    dock.leave()
    assert state_of(viewer) == before
    again = alone(viewer, qtbot)
    assert len(again.state.checked()) == 4
    press(again.views.buttons["curtain"])
    assert again.state.shown.view == "curtain"
    press(again.views.buttons["off"])
    assert state_of(viewer) == before


def test_a_job_that_crashes_leaves_the_dock_in_working_order(
    open_compare, press, qtbot, monkeypatch
):
    viewer, dock = open_compare()
    before = state_of(viewer)

    def crash(*_):
        raise RuntimeError("out of the blue")

    monkeypatch.setattr(compare_run, "metrics_events", crash)
    press(dock.views.buttons["grid"])
    with qtbot.waitSignal(dock.jobs.runner.ended, timeout=60_000):
        press(dock.jobs.metrics.measure)
    assert "out of the blue" in dock.notices.error
    assert dock.jobs.metrics.measure.isEnabled()
    press(dock.views.buttons["off"])
    assert state_of(viewer) == before
