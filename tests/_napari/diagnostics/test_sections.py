"""The diagnostics below a result, driven through the real dock."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication

from napari_fus_ulm._napari.diagnostics.coherence_panel import sampled
from napari_fus_ulm._napari.diagnostics.truth_panel import Bar
from napari_fus_ulm._napari.layers.from_scan import scan_to_layer
from napari_fus_ulm.diagnostics.truth import against_truth
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.io import write
from napari_fus_ulm.metrics import vessel_scores
from napari_fus_ulm.output.outlines import FINER, INSIDE
from napari_fus_ulm.scan import PART

AT_END = {"patch": 128, "overlap": 64, "window": "hann", "fusion": "at-end"}


@pytest.fixture
def ask(qtbot):
    """Click a panel's button and wait for the end of its work."""

    def ask_(dock, panel):
        dock.diagnostics.sections[panel.title].expand(animate=False)
        with qtbot.waitSignal(dock.runner.ended, timeout=60_000):
            qtbot.mouseClick(panel.button, Qt.MouseButton.LeftButton)

    return ask_


def add(viewer, scan):
    data, meta, _ = scan_to_layer(scan)
    return viewer.add_image(data, **meta)


def assert_same_extent(side, layer):
    def edges(one):
        half = np.abs(np.asarray(one.scale)) / 2
        low, high = np.asarray(one.extent.world)
        return np.stack([low - half, high + half])

    np.testing.assert_allclose(edges(side), edges(layer), atol=0.002)


def result_of(viewer):
    return next(layer for layer in viewer.layers if layer.name.endswith("(generated)"))


# ---------------------------------------------------------------- patch coherence


def test_left_and_right_patches_are_layers_on_the_input(open_dock, small_pair, ask):
    viewer, dock = open_dock(steps=1)
    layer = add(viewer, small_pair[0])
    panel = dock.diagnostics.coherence
    ask(dock, panel)
    assert dock.notices.error == ""
    left = viewer.layers[f"left patches · {layer.name}"]
    right = viewer.layers[f"right patches · {layer.name}"]
    grid = viewer.layers[f"patch grid · {layer.name}"]
    assert (left.colormap.name, right.colormap.name) == ("red", "green")
    assert right.blending == "additive"
    for side in (left, right):
        assert_same_extent(side, layer)
    low, high = grid.extent.world
    half = np.asarray(layer.scale) / 2
    np.testing.assert_allclose(low, layer.extent.world[0] - half, atol=0.03)
    np.testing.assert_allclose(high, layer.extent.world[1] + half, atol=0.03)
    assert "not truth" in panel._legend.text()
    assert dock.fus.layer is layer


def test_upper_and_lower_patches_in_other_colours(open_dock, small_pair, ask):
    viewer, dock = open_dock(steps=1)
    layer = add(viewer, small_pair[0])
    panel = dock.diagnostics.coherence
    panel.direction.setCurrentIndex(1)
    panel.colours.setCurrentIndex(1)
    ask(dock, panel)
    upper = viewer.layers[f"upper patches · {layer.name}"]
    lower = viewer.layers[f"lower patches · {layer.name}"]
    assert (upper.colormap.name, lower.colormap.name) == ("magenta", "green")
    assert "Magenta: upper patches" in panel._legend.text()


def test_only_the_patches_in_view_are_sampled(open_dock, small_pair, ask):
    viewer, dock = open_dock(steps=1)
    layer = add(viewer, small_pair[0])
    panel = dock.diagnostics.coherence
    ask(dock, panel)
    everywhere = panel.seams.rowCount()
    rows, columns = layer.data.shape[-2:]
    # What napari keeps when the camera zooms in; in a test nothing is drawn.
    layer.corner_pixels = np.array([[0, 0], [rows // 8, columns - 1]])
    panel.area.choose("view")
    ask(dock, panel)
    assert dock.notices.error == ""
    assert 0 < panel.seams.rowCount() < everywhere
    assert len(viewer.layers) == 6  # the earlier ones are replaced
    newest = viewer.layers[f"left patches · {layer.name}"]
    assert np.isfinite(newest.data[..., :5, :]).any()
    # Nothing is known there, and what lies below stays visible.
    assert np.isnan(newest.data[..., -5:, :]).all()


def test_a_click_on_a_seam_shows_it_in_its_own_direction(open_dock, small_pair, ask, qtbot):
    viewer, dock = open_dock(steps=1)
    add(viewer, small_pair[0])
    panel = dock.diagnostics.coherence
    assert panel.seams.isHidden()
    ask(dock, panel)
    seams = panel._view.ready.coherence.seams
    for direction, side in (("upper / lower", "upper"), ("left | right", "left")):
        row = next(n for n, one in enumerate(seams) if one.direction == direction)
        panel.seams.scrollToItem(panel.seams.item(row, 0))
        cell = panel.seams.visualItemRect(panel.seams.item(row, 0)).center()
        qtbot.mouseClick(panel.seams.viewport(), Qt.MouseButton.LeftButton, pos=cell)
        assert panel.direction.currentData() == direction
        assert f"Red: {side} patches" in panel._legend.text()
        shown = [layer for layer in viewer.layers if layer.name.startswith(f"{side} patches")]
        expected = panel._view.ready.coherence.sides(direction).one
        np.testing.assert_array_equal(np.squeeze(shown[0].data), expected)
        seam = next(layer for layer in viewer.layers if layer.name.startswith("seam"))
        middle = np.mean([seam.data_to_world(corner) for corner in seam.data[0]], axis=0)
        np.testing.assert_allclose(viewer.scene.camera.center[-2:], middle[-2:], atol=1e-6)


def test_the_study_s_figure_stands_on_the_canvas_and_in_a_file(
    open_dock, small_pair, ask, tmp_path
):
    viewer, dock = open_dock(steps=1)
    fus, ulm = (add(viewer, scan) for scan in small_pair)
    dock.fus.choose(fus)
    dock.ulm.choose(ulm)
    panel = dock.diagnostics.coherence
    ask(dock, panel)
    panel.figure.click()
    names = [layer.name.partition(" · ")[0] for layer in viewer.layers][-3:]
    direction = panel._view.ready.coherence.seams[0].direction
    sides = direction.replace("|", "/").split(" / ")
    assert names == ["ULM beside them", f"{sides[0]} patch", f"{sides[1]} patch"]
    beside, one, other = viewer.layers[-3:]
    assert (other.colormap.name, one.colormap.name, one.blending) == (
        "green",
        "red",
        "translucent_no_depth",
    )
    assert beside.extent.world[0, -1] > one.extent.world[1, -1]
    assert beside.data.any()
    panel.save_figure(tmp_path / "two.svg")
    text = (tmp_path / "two.svg").read_text()
    assert "ULM of the same section" in text
    assert "Saved as two.svg" in dock.run.status.text()
    panel.save_figure(tmp_path / "two.bmp")
    assert "not a valid name for a figure" in dock.notices.error


def test_the_patches_of_a_run_are_offered_where_it_kept_some(open_dock, small_pair, click, ask):
    viewer, dock = open_dock(steps=1)
    add(viewer, small_pair[0])
    panel = dock.diagnostics.coherence
    assert not panel.noise.choose("run")
    click(dock)
    assert not panel.noise.choose("run")  # sampled as a whole
    dock.settings.set_settings(EnhanceSettings(**vars_of(dock), **AT_END))
    click(dock)
    assert panel.noise.choose("run")
    panel._on_noise()
    assert not panel.area.isEnabled()
    ask(dock, panel)
    assert dock.notices.error == ""
    assert any(np.isfinite(one.data).any() for one in viewer.layers if "left" in one.name)


def vars_of(dock):
    settings = dock.state.settings
    names = set(settings.__dataclass_fields__) - set(AT_END)
    return {name: getattr(settings, name) for name in names}


def ask_nothing(dock, panel):
    """Click where the work does not even begin."""
    panel.button.click()
    assert not dock.runner.running


# ---------------------------------------------------------------- against the ground truth


def test_hit_missed_and_invented_vessels_are_shown_with_their_mm(open_dock, small_pair, click, ask):
    viewer, dock = open_dock(steps=1)
    panel = dock.diagnostics.truth
    fus, ulm = (add(viewer, scan) for scan in small_pair)
    dock.ulm.choose(ulm)
    dock.fus.choose(fus)
    click(dock)
    result = result_of(viewer)
    # What the small generator makes shows no vessel; so that there are all three classes:
    picture = result.metadata["xarray"]
    ask(dock, panel)
    assert dock.notices.error == ""
    comparison = against_truth(picture, small_pair[1].squeeze(drop=True))
    name = result.name.removesuffix(" (generated)")
    labels = viewer.layers[f"hit, missed, invented · {name}"]
    np.testing.assert_array_equal(labels.metadata["classes"], comparison.vessels)
    shown = set(np.unique(labels.data)) - {0}
    assert {value % INSIDE for value in shown} == set(np.unique(comparison.vessels)) - {0}
    assert_same_extent(labels, fus)
    for kind in ("hit", "missed", "invented"):
        assert f"{kind} {getattr(comparison.overlay, f'{kind}_mm'):.1f} mm" in panel._legend.text()
    for what in ("error", "local SSIM"):
        assert not viewer.layers[f"{what} · {name}"].visible
    scores = vessel_scores(picture.values, comparison.reference.values, 0.02)
    bars = panel.table.findChildren(Bar)
    assert [bar.share for bar in bars][-2] == pytest.approx(scores.recall, abs=0.02, nan_ok=True)
    assert "not prove" in panel._notes.text()
    panel.copy.click()
    assert "| all |" in QGuiApplication.clipboard().text()


def test_without_a_ground_truth_or_a_result_nothing_is_compared(open_dock, small_pair):
    viewer, dock = open_dock(steps=1)
    panel = dock.diagnostics.truth
    assert not panel.button.isEnabled()
    fus, ulm = (add(viewer, scan) for scan in small_pair)
    dock.fus.choose(fus)
    dock.ulm.choose(None)
    assert not panel.button.isEnabled()
    dock.ulm.choose(ulm)
    assert panel.button.isEnabled()
    ask_nothing(dock, panel)
    assert "click Enhance" in dock.notices.error


def test_a_shifted_ground_truth_is_aligned_on_request(open_dock, small_pair, click, ask):
    viewer, dock = open_dock(steps=1)
    fus, ulm = small_pair
    add(viewer, ulm)
    layer = add(viewer, fus)
    dock.fus.choose(layer)
    dock.ulm.choose(viewer.layers[0])
    click(dock)
    panel = dock.diagnostics.truth
    panel.aligned.choose("shift")
    ask(dock, panel)
    assert dock.notices.error == ""
    assert "moved by a translation" in panel._notes.text()


def test_what_a_panel_copies_makes_its_layers_again(
    open_dock, small_pair, click, ask, tmp_path, monkeypatch
):
    names = ("plane_pwd.ome.tif", "plane_ulm.ome.tif")
    paths = [write(tmp_path / name, scan) for name, scan in zip(names, small_pair, strict=True)]
    viewer, dock = open_dock(steps=1)
    fus, ulm = (viewer.open(path, plugin="napari-fus-ulm")[0] for path in paths)
    dock.ulm.choose(ulm)
    dock.fus.choose(fus)
    click(dock)
    monkeypatch.chdir(tmp_path)
    result = result_of(viewer).name.removesuffix(" (generated)")
    for panel, layer, pixels in (
        (
            dock.diagnostics.truth,
            f"error · {result}",
            lambda outcome: outcome.comparison.error,
        ),
        (
            dock.diagnostics.coherence,
            f"left patches · {result}",
            lambda outcome: outcome.coherence.left,
        ),
    ):
        ask(dock, panel)
        assert dock.notices.error == ""
        panel.copy_as.copy_python()
        assert "as a Python script" in dock.run.status.text()
        scope = {}
        exec(compile(QGuiApplication.clipboard().text(), "copied", "exec"), scope)
        again = pixels(scope["outcome"]).values
        # To the last digits: the worker's thread may have another number of OpenMP threads than
        # this one, and sums are then rounded otherwise.
        np.testing.assert_allclose(again, np.squeeze(viewer.layers[layer].data), atol=1e-6)


# ---------------------------------------------------------------- without a ground truth


def test_drawn_vessels_are_coloured_by_how_much_speaks_for_them(open_dock, small_pair, click, ask):
    viewer, dock = open_dock(steps=1)
    panel = dock.diagnostics.support
    fus = add(viewer, small_pair[0])
    assert not panel.button.isEnabled()
    click(dock)
    assert panel.button.isEnabled()
    result = result_of(viewer)
    # What the small generator makes shows no vessel; one is drawn on it, along the middle row.
    picture = result.metadata["xarray"]
    middle = picture.sizes["j"] // 2
    picture.values[...] = 0.0
    picture.values[..., middle - 1 : middle + 2, 5:-5] = 0.8
    panel.samples.choose(4)
    ask(dock, panel)
    assert dock.notices.error == ""
    name = result.name.removesuffix(" (generated)")
    classes = viewer.layers[f"support · {name}"]
    assert classes.data.shape == tuple(FINER * n for n in result.data.shape)
    labels = np.unique(classes.metadata["classes"][middle, 10:-10])
    assert set(labels) <= {1, 2, 3, 4}
    line = np.unique(classes.data[FINER * middle, FINER * 10 : -FINER * 10])
    assert {one % INSIDE for one in line} == set(labels)
    assert not classes.data[..., : FINER * (middle - 10), :].any()
    vessel = classes.features.set_index("index")["vessel"]
    assert set(vessel[line]) <= {"supported", "uncertain", "unlikely", "not judged"}
    assert_same_extent(classes, fus)
    for what in (
        "probability of drawn vessels",
        "probability that a vessel is missing",
        "spread of the samples",
        "distance from anything learnt",
    ):
        layer = viewer.layers[f"{what} · {name}"]
        assert not layer.visible
        assert np.isfinite(layer.data).any()
        assert np.isfinite(layer.metadata["xarray"]).all()
    assert "mm of drawn vessels" in panel._words.text()
    assert "r = " in panel._words.text()
    assert "not truth" in panel._legend.text()


def test_gathering_evidence_can_be_stopped(open_dock, small_pair, click, qtbot):
    viewer, dock = open_dock(steps=1)
    add(viewer, small_pair[0])
    click(dock)
    panel = dock.diagnostics.support
    panel.samples.choose(16)
    with qtbot.waitSignal(dock.runner.ended, timeout=60_000):
        panel.button.click()
        qtbot.waitUntil(lambda: dock.run.bar.value() > 0, timeout=30_000)
        dock.run.button.click()
    assert not any(layer.name.startswith("support ·") for layer in viewer.layers)
    assert dock.notices.error == ""


@pytest.mark.parametrize(
    ("noise", "mode"), [("independent", "detailed"), ("shared", "accurate"), ("run", "accurate")]
)
def test_chance_is_asked_of_samples_for_the_mean_knows_none(noise, mode):
    assert sampled(EnhanceSettings(mode="accurate"), noise).mode == mode
    assert sampled(EnhanceSettings(mode="balanced"), noise).mode == "balanced"


def test_a_quick_look_at_a_region_is_not_examined(open_dock, small_pair, qtbot):
    viewer, dock = open_dock(steps=1)
    fus, ulm = (add(viewer, scan) for scan in small_pair)
    dock.fus.choose(fus)
    dock.ulm.choose(ulm)
    with qtbot.waitSignal(dock.runner.ended, timeout=60_000):
        dock.runner.start(dock.state.start())
    result = dock.state.result()
    result.metadata["xarray"].attrs[PART] = (0, 0, 400, 400)
    for panel in (dock.diagnostics.support, dock.diagnostics.truth):
        ask_nothing(dock, panel)
        assert "quick look at a region" in dock.notices.error


def test_where_support_and_missed_vessels_are_shown_both_say_why_they_differ(
    open_dock, small_pair, click, ask
):
    viewer, dock = open_dock(steps=1)
    fus, ulm = (add(viewer, scan) for scan in small_pair)
    dock.fus.choose(fus)
    dock.ulm.choose(ulm)
    click(dock)
    diagnostics = dock.diagnostics
    diagnostics.support.samples.choose(4)
    ask(dock, diagnostics.support)
    assert diagnostics.support._beside.isHidden()
    ask(dock, diagnostics.truth)
    for panel in (diagnostics.support, diagnostics.truth):
        assert not panel._beside.isHidden()
        assert "which shows those that bubbles passed through" in panel._beside.text()
    viewer.layers.remove(result_of(viewer))
    diagnostics.set_context(dock.state.diagnosed())
    assert diagnostics.truth._beside.isHidden()
