"""The resolution panel, driven through the real dock: a line over a vessel, and the FRC."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)
from qtpy.QtCore import Qt
from wrapt import ObjectProxy

from napari_fus_ulm._napari.layers.from_scan import scan_to_layer
from napari_fus_ulm.grey.reference import reference_on_grid
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.metrics.frc import ring_correlation
from napari_fus_ulm.metrics.profiles import WITHOUT_ULM
from napari_fus_ulm.scan import make_scan, spacing_of

FULL = 2.3548
VESSEL_MM = 2.0


def vessel(width_um, pixel_mm, height, base=0.0):
    """Of a 3 × 4 mm field, with a vessel from top to bottom and a little texture."""
    rows, columns = round(3.0 / pixel_mm), round(4.0 / pixel_mm)
    x = (np.arange(columns) + 0.5) * pixel_mm
    line = base + height * np.exp(-0.5 * ((x - VESSEL_MM) * 1000 * FULL / width_um) ** 2)
    image = line * (1.0 + 0.1 * np.random.default_rng(0).random((rows, columns)))
    return np.round(image) if pixel_mm < 0.015 else image  # ULM counts


@pytest.fixture
def pair():
    """Power Doppler and ULM of one vessel, not at the origin."""

    def made(width, pixel, height, base, modality):
        return make_scan(
            vessel(width, pixel, height, base),
            spacing=pixel,
            origin=(5.0 + pixel / 2, -2.0 + pixel / 2),
            modality=modality,
            values_kind="linear",
            name=f"one {modality}",
        )

    return made(240.0, 0.1, 3.0, 1.0, "fus"), made(50.0, 0.01, 80.0, 0.0, "ulm")


@pytest.fixture
def measured(open_dock, pair, click):
    """A dock with a result on which the vessel is drawn 60 µm wide."""

    def made(*, truth=True, leading=False, turned=False):
        viewer, dock = open_dock(steps=1)
        fus, ulm = pair
        if leading:
            fus, ulm = (one.expand_dims(k=1).assign_coords(z=("k", [1.5])) for one in pair)
        layers = []
        for scan in (ulm, fus):
            data, meta, _ = scan_to_layer(scan)
            layers.append(viewer.add_image(data, **meta))
        if turned:
            for layer in layers:
                layer.rotate = 30.0
                layer.translate = (1.0, 2.0)
        dock.fus.choose(layers[1])
        if truth:
            dock.ulm.choose(layers[0])
        click(dock)
        assert dock.notices.error == ""
        result = next(one for one in viewer.layers if one.name.endswith("(generated)"))
        draw_vessel(result)
        dock.diagnostics.sections["Resolution"].expand(animate=False)
        dock._show_context()
        return viewer, dock, dock.diagnostics.resolution, result

    return made


def draw_vessel(result):
    """What the small generator makes shows no vessel."""
    picture = result.metadata["xarray"]
    counts = vessel(60.0, spacing_of(picture)[1], 1.0)
    counts = counts[: picture.sizes["j"], : picture.sizes["i"]]
    picture.values[...] = np.clip(np.log1p(300.0 * counts) / np.log1p(300.0), 0, 1)


def across(result, row=60, half=20):
    """Ends of a line over the middle of the vessel, in the result's pixels."""
    middle = VESSEL_MM / spacing_of(result.metadata["xarray"])[1] - 0.5
    lead = [0.0] * (result.ndim - 2)
    return np.array([[*lead, row, middle - half], [*lead, row, middle + half]])


def add_line(panel, result, **where):
    """Add a line as the user's drag does, wherever the result lies in the world."""
    panel.draw.click()
    layer = panel.line.layer
    ends = [layer.world_to_data(result.data_to_world(end)) for end in across(result, **where)]
    layer.add_lines([np.array(ends)])
    return layer


# ---------------------------------------------------------------- a line


@pytest.mark.parametrize("how", [{}, {"leading": True}, {"turned": True}])
def test_a_line_across_a_vessel_gives_widths_and_the_gain(measured, how):
    viewer, _, panel, result = measured(**how)
    add_line(panel, result)
    profiles = panel.comparison
    widths = [profiles.fus_width, profiles.result_width, profiles.ulm_width]
    assert [w.fwhm_um for w in widths] == pytest.approx([240.0, 60.0, 50.0], rel=0.1)
    assert profiles.gain == pytest.approx(4.0, rel=0.1)
    assert profiles.result_width.centre_um == pytest.approx(400.0, abs=6.0)
    assert panel._words.text() == profiles.sentence
    assert f"×{profiles.gain:.1f} finer" in panel._words.text()
    assert len(panel.profile_plot.curves) == 3
    assert not panel.profile_plot.isHidden()
    assert "5× finer than the input's 100 µm" in panel._grid.text()
    assert "not a resolution" in panel._grid.text()
    if "leading" in how:
        assert viewer.dims.ndim == 3


def test_without_a_ulm_no_gain_is_printed(measured):
    _, _, panel, result = measured(truth=False)
    add_line(panel, result)
    assert panel.comparison.gain is None
    assert WITHOUT_ULM in panel._words.text()
    assert "×" not in panel._words.text()
    assert not panel.button.isEnabled()
    assert len(panel.profile_plot.curves) == 2


@pytest.mark.parametrize("leading", [False, True])
def test_a_drag_draws_a_line_and_moving_it_moves_the_profile(measured, leading):
    _, _, panel, result = measured(leading=leading)
    panel.draw.click()
    layer = panel.line.layer
    assert layer.mode == "add_line"
    seen = []
    panel.line.moved.connect(lambda: seen.append(panel._words.text()))
    # Slanted, as by hand.
    ends = across(result)
    ends[:, -2] += [-3.0, 3.0]
    begin, end = (result.data_to_world(one) for one in ends)
    drag(layer, begin, end)
    assert layer.nshapes == 1
    assert panel.comparison.gain is not None
    assert len(seen) >= 2  # while it was drawn too
    before = panel.comparison.result_width.centre_um
    layer.data = [layer.data[0] + np.eye(result.ndim)[-1] * 5.0]
    assert panel.comparison.result_width.centre_um == pytest.approx(before - 100.0, abs=6.0)


def drag(layer, begin, end):
    """Press, move and release the mouse over a layer, at places of the world."""
    places = np.linspace(begin, end, 4)

    def event(kind, at, held):
        return SimpleNamespace(
            type=kind,
            position=tuple(at),
            pos=np.array([10.0, 10.0]),
            is_dragging=held,
            modifiers=[],
            button=1,
            view_direction=None,
            up_direction=None,
            dims_displayed=[layer.ndim - 2, layer.ndim - 1],
            handled=False,
            inverted=False,
        )

    # napari exchanges the event behind the proxy while the drag goes on.
    mouse_press_callbacks(layer, ObjectProxy(event("mouse_press", places[0], False)))
    for at in places[1:]:
        mouse_move_callbacks(layer, event("mouse_move", at, True))
    mouse_release_callbacks(layer, event("mouse_release", places[-1], False))


def test_the_selected_line_counts_and_else_the_last(measured):
    _, _, panel, result = measured()
    add_line(panel, result, half=20)
    layer = add_line(panel, result, half=30)
    layer.selected_data = set()
    assert panel.comparison.distance_um[-1] == pytest.approx(1200.0, abs=6.0)
    layer.selected_data = {0}
    assert panel.comparison.distance_um[-1] == pytest.approx(800.0, abs=6.0)
    layer.add_rectangles([[[10, 10], [40, 40]]])
    layer.selected_data = set()
    assert panel.comparison.distance_um[-1] == pytest.approx(1200.0, abs=6.0)


def test_a_line_outside_or_too_short_is_said(measured):
    _, _, panel, result = measured()
    layer = add_line(panel, result)
    layer.data = [across(result) + np.array([0.0, 400.0])]
    assert panel._words.text() == "The line leaves the image."
    layer.data = [across(result, half=1)]
    assert panel._words.text() == "The line is too short."
    layer.data = []
    assert "Draw a line" in panel._words.text()
    assert panel.profile_plot.isHidden()


def test_the_line_layer_can_be_removed_and_drawn_again(measured):
    viewer, _, panel, result = measured()
    viewer.layers.remove(add_line(panel, result))
    assert panel.comparison is None
    assert panel.profile_plot.isHidden()
    add_line(panel, result)
    assert panel.comparison.gain is not None


def test_without_a_result_nothing_is_measured(open_dock, pair, measured):
    viewer, dock = open_dock(steps=1)
    panel = dock.diagnostics.resolution
    assert not panel.draw.isEnabled()
    for scan in pair:
        data, meta, _ = scan_to_layer(scan)
        viewer.add_image(data, **meta)
    dock.fus.choose(viewer.layers["one fus"])
    dock.ulm.choose(viewer.layers["one ulm"])
    assert not panel.draw.isEnabled()
    assert "Enhance an image first" in panel._words.text()
    panel.button.click()
    assert "click Enhance" in dock.notices.error


def test_a_result_that_is_deleted_leaves_nothing_behind(measured):
    viewer, _, panel, result = measured()
    add_line(panel, result)
    viewer.layers.remove(result)
    assert panel.comparison is None
    assert not panel.draw.isEnabled()
    assert "Enhance an image first" in panel._words.text()


def test_the_result_that_is_selected_is_measured_until_another_is(measured, click):
    viewer, dock, panel, first = measured()
    dock.settings.advanced.set_values({"seed": 1})
    click(dock)
    second = next(one for one in viewer.layers if "(generated)" in one.name and one != first)
    viewer.layers.selection.active = first
    add_line(panel, first)
    assert panel.comparison.gain is not None  # though the line is selected now
    viewer.layers.selection.active = second
    assert panel.comparison.gain is None  # the small generator draws no vessel
    viewer.layers.selection.active = first
    assert panel.comparison.gain is not None


# ---------------------------------------------------------------- FRC


@pytest.fixture
def ask(qtbot):
    def ask_(dock):
        with qtbot.waitSignal(dock.runner.ended, timeout=60_000):
            qtbot.mouseClick(dock.diagnostics.resolution.button, Qt.MouseButton.LeftButton)
        assert dock.notices.error == ""

    return ask_


def test_frc_with_the_ulm_is_a_curve_words_and_a_map(open_dock, small_pair, click, ask):
    viewer, dock = open_dock(steps=1)
    for scan in small_pair:
        data, meta, _ = scan_to_layer(scan)
        viewer.add_image(data, **meta)
    dock.fus.choose(viewer.layers[0])
    dock.ulm.choose(viewer.layers[1])
    click(dock)
    panel = dock.diagnostics.resolution
    dock.diagnostics.sections["Resolution"].expand(animate=False)
    result = next(one for one in viewer.layers if one.name.endswith("(generated)"))
    picture = result.metadata["xarray"]
    ulm = small_pair[1].squeeze(drop=True)
    truth = reference_on_grid(ulm, Grid.of(picture.squeeze(drop=True)))
    # As if it had drawn the truth, and noise of its own.
    picture.values[...] = np.clip(truth + 0.2 * np.random.default_rng(0).random(truth.shape), 0, 1)
    panel.threshold.choose("half-bit")
    assert panel.frc_plot.isHidden()
    ask(dock)
    grey = picture.squeeze(drop=True)
    wanted = ring_correlation(grey.values, truth, spacing_of(grey), "half-bit")
    text = panel._frc_words.text()
    assert f"agrees with this ULM {wanted.words} (FRC, half-bit)" in text
    assert "Power Doppler: " in text
    assert not panel.frc_plot.isHidden()
    assert len(panel.frc_plot.curves) == 3
    name = result.name.removesuffix(" (generated)")
    local = viewer.layers[f"local FRC resolution (µm, half-bit) · {name}"]
    assert not local.visible
    assert local.data.shape == result.data.shape
    np.testing.assert_allclose(local.scale, result.scale)
    np.testing.assert_allclose(local.translate, result.translate)
    assert np.nanmin(local.data) >= wanted.finest_um - 1e-3
    assert viewer.layers.selection.active == result


def test_a_shifted_ulm_is_aligned_for_the_profiles_too(measured, ask):
    viewer, dock, panel, result = measured()
    ulm = viewer.layers["one ulm"]
    ulm.data = np.roll(ulm.data, 20, axis=-1)  # 200 µm
    dock.ulm.state.read()
    add_line(panel, result)
    assert panel.comparison.gain is None
    panel.aligned.choose("shift")
    ask(dock)
    assert "right" in panel._frc_words.text()
    assert "aligned as for the FRC" in panel._words.text()
    assert panel.comparison.gain == pytest.approx(4.0, rel=0.15)


def test_what_was_measured_on_another_ground_truth_is_not_shown(measured, ask):
    _, dock, panel, _ = measured()
    ask(dock)
    assert not panel.frc_plot.isHidden()
    dock.ulm.combo.setCurrentIndex(0)
    assert panel.frc_plot.isHidden()
    assert panel._frc_words.isHidden()
