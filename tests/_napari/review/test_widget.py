"""The Blinded review dock as a reader meets it: real keys, real files; a window where it counts."""

import csv
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtGui import QDesktopServices, QGuiApplication
from qtpy.QtWidgets import QDockWidget, QWidget
from typer.testing import CliRunner

from napari_fus_ulm._napari.layers.from_scan import scan_to_layer
from napari_fus_ulm._napari.review.widget import ReviewWidget
from napari_fus_ulm.cli import app
from napari_fus_ulm.review.session import Session
from napari_fus_ulm.scan import make_scan

ROWS, COLUMNS = np.indices((24, 30))
PICTURES = {
    "sharp pix2pix": np.asarray(ROWS % 4 < 2, float),
    "soft diffusion": np.asarray(COLUMNS % 6 < 3, float),
    "real ULM": np.asarray((ROWS + COLUMNS) % 8 < 4, float),
}
"""Black and white, and both so often that the stretch between percentiles changes nothing."""
DOCK = "Blinded review"


def add(viewer, name, *, depth=None, **attrs):
    """A generated picture, or a map of counts, of 24 × 30 pixels of 20 µm."""
    values = PICTURES[name] if depth is None else np.stack([PICTURES[name]] * depth)
    real = name == "real ULM"
    scan = make_scan(
        9.0 * values if real else values,
        dims=("j", "i") if depth is None else ("k", "j", "i"),
        spacing=0.02 if depth is None else (0.4, 0.02, 0.02),
        modality="ulm",
        values_kind="linear" if real else "grey",
        **({} if real else {"generated": True}),
    )
    data, meta, _ = scan_to_layer(scan)
    return viewer.add_image(data, **(meta | {"name": name} | attrs))


@pytest.fixture
def open_review(request: Any, qtbot: Any) -> Callable[..., tuple[Any, Any]]:
    """The named pictures in a viewer's model, or in a window that may be shown, and the dock."""

    def open_(*names: str, show: bool = False, window: bool = False) -> tuple[Any, Any]:
        if show or window:
            viewer = request.getfixturevalue("make_napari_viewer")(show=show)
            _, dock = viewer.window.add_plugin_dock_widget("napari-fus-ulm", DOCK)
        else:
            viewer = ViewerModel()
            dock = alone(viewer, qtbot)
        for name in names:
            add(viewer, name)
        return viewer, dock

    return open_


def alone(viewer, qtbot):
    """The dock without a window."""
    dock = ReviewWidget(viewer)
    qtbot.addWidget(dock, before_close_func=ReviewWidget.leave)
    return dock


def check(dock, name, checked):
    """Check or uncheck a picture as the user would."""
    state = Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked
    [item] = dock.start.table.findItems(name, Qt.MatchFlag.MatchExactly)
    item.setCheckState(state)


@pytest.fixture
def make(qtbot: Any, tmp_path: Path) -> Callable[..., Path]:
    """Fill in the form, click the real *Start*, and wait for its end."""

    def make_(dock: Any, folder: Path = tmp_path / "look", reader: str = "") -> Path:
        dock.start.section.setText("sub-01_plane")
        dock.start.folder.setText(str(folder))
        dock.start.reader.setText(reader)
        with qtbot.waitSignal(dock.runner.ended, timeout=20_000):
            qtbot.mouseClick(dock.start.start, Qt.MouseButton.LeftButton)
        return folder

    return make_


@pytest.fixture
def open_folder(qtbot: Any) -> Callable[..., None]:
    def open_(dock: Any, folder: Path) -> None:
        with qtbot.waitSignal(dock.runner.ended, timeout=20_000):
            dock.open_folder(folder)

    return open_


def answer(dock, left=4, right=2, preference=0):
    """Answer a trial by hand; preferences are left, right, none."""
    dock.trial.ratings["left"].button(left).click()
    dock.trial.ratings["right"].button(right).click()
    dock.trial.preferences.button(preference).click()
    dock.trial.next.click()


def rows_of(folder):
    with (folder / "answers.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def key_of(folder):
    return json.loads((folder / "key.json").read_text())["trials"]


def shown(viewer):
    """The images that are visible, by name."""
    seen = (layer for layer in viewer.layers if layer.visible and isinstance(layer, Image))
    return {layer.name: layer for layer in seen}


def open_docks(dock):
    docks = dock.window().findChildren(QDockWidget)
    return {one.objectName() for one in docks if not one.isHidden()}


# ---------------------------------------------------------------- trials


def test_pictures_are_the_planned_ones_and_nothing_tells_their_names(open_review, make):
    viewer, dock = open_review(*PICTURES, show=True)
    folder = make(dock)
    assert dock.start.making.error == ""
    key = key_of(folder)
    assert len(key) == 4
    assert {frozenset((one["left"], one["right"])) for one in key} == {
        frozenset(pair)
        for pair in (
            ("sharp pix2pix", "soft diffusion"),
            ("sharp pix2pix", "real ULM"),
            ("soft diffusion", "real ULM"),
        )
    }
    for number, planned in enumerate(key, start=1):
        pictures = shown(viewer)
        assert set(pictures) == {"left", "right"}
        for side, layer in pictures.items():
            np.testing.assert_array_equal(layer.data, PICTURES[planned[side]])
        left, right = pictures["left"], pictures["right"]
        for what in ("contrast_limits", "gamma", "scale", "units", "opacity", "metadata"):
            assert np.all(getattr(left, what) == getattr(right, what)), what
        assert left.colormap.name == right.colormap.name
        assert left.extent.world[1, 1] < right.extent.world[0, 1]
        assert dock.trial.progress.text() == f"Trial {number} of 4"
        texts = _visible_texts(viewer, dock)
        assert f"Trial {number} of 4" in texts
        for name in PICTURES:
            for word in name.split():
                assert not any(word in one for one in texts), (word, number)
        answer(dock)
    assert [row["trial"] for row in rows_of(folder)] == [one["trial"] for one in key]


def _visible_texts(viewer, dock):
    """Every text of every visible widget of the window, tooltips too, and the titles."""
    window = dock.window()
    texts = [window.windowTitle(), viewer.title, str(viewer.status)]
    for widget in window.findChildren(QWidget):
        if widget.isVisible():
            texts += [
                getattr(widget, name)()
                for name in ("text", "toolTip", "accessibleName", "windowTitle")
                if callable(getattr(widget, name, None))
            ]
    return [text for text in texts if isinstance(text, str) and text]


@pytest.mark.parametrize(("unit", "world"), [("mm", 1.0), ("um", 1000.0)])
def test_pictures_fill_the_canvas_beside_a_film_in_any_unit(open_review, make, qtbot, unit, world):
    viewer, dock = open_review("sharp pix2pix", "soft diffusion", show=True)
    viewer.add_image(np.ones((5, 4, 60, 70)), name="film", units=unit)
    check(dock, "film", False)
    make(dock)
    qtbot.wait(200)
    camera = viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera
    left, right = (viewer.layers[side].extent.world for side in ("left", "right"))
    half = 0.01
    low, high = world * (left[0] - half), world * (right[1] + half)
    np.testing.assert_allclose(camera.center[-2:], (low + high) / 2, atol=0.001 * world)
    canvas = dock.window().centralWidget()
    filled = camera.zoom * (high - low) / (canvas.height(), canvas.width())
    assert 0.85 < filled.max() <= 1.0


def test_contrast_of_one_side_is_that_of_the_other(open_review, make):
    viewer, dock = open_review(*PICTURES)
    make(dock)
    viewer.layers["left"].contrast_limits = (0.2, 0.7)
    viewer.layers["right"].gamma = 0.5
    assert viewer.layers["right"].contrast_limits == [0.2, 0.7]
    assert viewer.layers["left"].gamma == 0.5
    answer(dock)
    assert viewer.layers["right"].contrast_limits == [0.0, 1.0]


def test_keys_alone_answer_a_trial(open_review, make, qtbot):
    viewer, dock = open_review("sharp pix2pix", "soft diffusion", "real ULM", show=True)
    folder = make(dock, reader="A B")
    window = dock.window()
    canvas = next(
        widget
        for widget in window.centralWidget().findChildren(QWidget)
        if type(widget).__name__.startswith("Canvas")
    )
    with qtbot.waitActive(window):
        window.activateWindow()
    canvas.setFocus()

    def press(*keys):
        for key in keys:
            qtbot.keyClick(canvas, key)

    press("4", "3")
    assert dock.trial.heads["right"].text() == "Right"
    press(Qt.Key.Key_Backspace, Qt.Key.Key_Return)
    assert rows_of(folder) == []
    assert dock.trial.heads["right"].text() == "▸ Right"
    assert not dock.trial.next.isEnabled()
    press("2", "N", "R")
    assert dock.trial.missing.text() == "Complete."
    press(Qt.Key.Key_Return)
    [row] = rows_of(folder)
    assert (row["left_continuity"], row["right_continuity"]) == ("4", "2")
    assert (row["preference"], row["reader"]) == ("right", "A B")
    assert float(row["seconds"]) > 0
    assert dock.trial.progress.text() == "Trial 2 of 4"
    assert dock.trial.value().left is None
    # What is typed into the comment rates nothing.
    dock.trial.comment.setFocus()
    qtbot.keyClicks(dock.trial.comment, "5 LR")
    assert dock.trial.comment.text() == "5 LR"
    assert (dock.trial.value().left, dock.trial.value().preference) == (None, None)
    assert set(shown(viewer)) == {"left", "right"}


def test_an_answer_is_on_the_disk_before_the_next_trial_is_shown(open_review, make, monkeypatch):
    _, dock = open_review(*PICTURES)
    folder = make(dock)
    written = []
    show = dock.state.pictures.show

    def watched(trial):
        written.append((trial.number, len(rows_of(folder))))
        show(trial)

    monkeypatch.setattr(dock.state.pictures, "show", watched)
    answer(dock)
    answer(dock)
    assert written == [(2, 1), (3, 2)]


def test_an_answer_that_cannot_be_written_is_not_lost(open_review, make, qtbot):
    _, dock = open_review(*PICTURES)
    folder = make(dock)
    aside = (folder / "answers.csv").rename(folder / "aside.csv")
    answer(dock, left=5)
    assert "answers.csv" in dock.notices.error
    assert dock.trial.value().left == 5
    aside.rename(folder / "answers.csv")
    dock.trial.next.click()
    assert dock.notices.error == ""
    qtbot.wait(1)  # the line of the error is deleted
    assert rows_of(folder)[0]["left_continuity"] == "5"
    assert dock.trial.progress.text() == "Trial 2 of 4"


# ---------------------------------------------------------------- the viewer around


def test_everything_else_is_hidden_and_comes_back(open_review, make):
    viewer, dock = open_review(*PICTURES, window=True)
    viewer.window.add_plugin_dock_widget("napari-fus-ulm", "Enhance")
    viewer.layers["soft diffusion"].visible = False
    viewer.layers.selection.active = viewer.layers["real ULM"]
    camera = viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera
    camera.center, camera.zoom = (0.0, 0.2, 0.3), 700.0
    grid = getattr(viewer, "canvas", viewer).grid
    grid.enabled = True
    before, docks = camera.model_dump(), open_docks(dock)
    assert len(docks) > 3
    make(dock)
    assert len(open_docks(dock)) == 1
    assert not grid.enabled
    meanwhile = add(viewer, "sharp pix2pix", depth=3).name
    assert set(shown(viewer)) == {"left", "right"}
    answer(dock)
    assert set(shown(viewer)) == {"left", "right"}
    dock.trial.stop.click()
    assert set(shown(viewer)) == {"sharp pix2pix", "real ULM", meanwhile}
    assert len(viewer.layers) == 4
    assert viewer.layers.selection.active is viewer.layers["real ULM"]
    assert open_docks(dock) == docks
    assert grid.enabled
    assert camera.model_dump() == before


def test_closing_the_dock_in_the_middle_restores(open_review, make):
    viewer, dock = open_review(*PICTURES, window=True)
    window, docks = dock.window(), open_docks(dock)
    folder = make(dock)
    answer(dock)
    viewer.window.remove_dock_widget(dock)
    assert set(shown(viewer)) == set(PICTURES)
    left = {one.objectName() for one in window.findChildren(QDockWidget) if not one.isHidden()}
    assert {"layer list", "layer controls"} <= left <= docks
    assert len(rows_of(folder)) == 1


def test_closing_the_window_in_the_middle_restores_first(open_review, make):
    # napari may keep which docks are open, and would begin without its layer list.
    viewer, dock = open_review(*PICTURES, window=True)
    docks = open_docks(dock)
    make(dock)
    window = dock.window()
    seen = []
    stay = window.closeEvent

    def refuse(event):
        seen.append((open_docks(dock), set(shown(viewer))))
        event.ignore()

    window.closeEvent = refuse
    window.close()
    window.closeEvent = stay
    assert seen == [(docks, set(PICTURES))]


def test_a_picture_that_was_deleted_is_shown_again(open_review, make, qtbot):
    viewer, dock = open_review(*PICTURES)
    make(dock)
    dock.trial.ratings["left"].button(3).click()
    before = viewer.layers["right"].data.copy()
    viewer.layers.remove(viewer.layers["right"])
    qtbot.waitUntil(lambda: dock.state.pictures.complete)
    assert set(shown(viewer)) == {"left", "right"}
    np.testing.assert_array_equal(viewer.layers["right"].data, before)
    assert dock.trial.value().left == 3


# ---------------------------------------------------------------- stop, go on, finish


def test_stopping_and_reopening_goes_on_at_the_next_trial(open_review, make, open_folder):
    viewer, dock = open_review(*PICTURES)
    folder = make(dock, reader="AB")
    answer(dock)
    dock.trial.stop.click()
    assert "1 of 4" in dock.start.status.text()
    dock.start.reader.clear()
    open_folder(dock, folder)
    assert "answers by AB" in dock.start.opening.error  # or it would begin anew, without a name
    assert not dock.state.pictures.on
    dock.start.reader.setText("AB")
    open_folder(dock, folder)
    assert dock.start.opening.error == ""
    assert dock.trial.progress.text() == "Trial 2 of 4"
    planned = key_of(folder)[1]
    np.testing.assert_array_equal(viewer.layers["left"].data, PICTURES[planned["left"]])


def test_go_on_needs_no_folder(open_review, make, qtbot):
    _, dock = open_review(*PICTURES)
    make(dock, reader="AB")
    dock.trial.stop.click()
    dock.start.reader.clear()
    with qtbot.waitSignal(dock.runner.ended, timeout=20_000):
        dock.start.go_on.click()
    assert dock.trial.progress.text() == "Trial 1 of 4"


def test_an_opened_session_needs_no_layers(open_review, make, open_folder, qtbot):
    _, dock = open_review(*PICTURES)
    folder = make(dock)
    dock.trial.stop.click()
    empty = ViewerModel()
    other = alone(empty, qtbot)
    assert not other.start.no_layers.isHidden()
    open_folder(other, folder)
    assert set(shown(empty)) == {"left", "right"}
    other.trial.stop.click()
    assert len(empty.layers) == 0


def test_the_report_is_made_by_a_button_after_a_confirmation(
    open_review, make, open_folder, qtbot, monkeypatch
):
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    viewer, dock = open_review(*PICTURES)
    folder = make(dock, reader="AB")
    key = key_of(folder)
    for planned in key:  # this reader always prefers the ULM, then pix2pix
        order = ["real ULM", "sharp pix2pix", "soft diffusion"]
        better = min(("left", "right"), key=lambda side: order.index(planned[side]))
        answer(dock, preference=("left", "right").index(better))
    assert set(shown(viewer)) == set(PICTURES)
    assert not dock.finished.isHidden()
    assert dock.trial.parent().isHidden()
    assert "of 4 trials: AB 4" in dock.finished.summary.text()
    dock.finished.make.click()
    assert not dock.finished._confirm.isHidden()
    dock.finished.no.click()
    assert dock.finished._confirm.isHidden()
    assert not (folder / "unblinded.json").exists()
    dock.finished.make.click()
    with qtbot.waitSignal(dock.runner.ended, timeout=20_000):
        dock.finished.yes.click()
    assert "real ULM" in dock.finished.result.text()
    page = dock.state.shown.reported.page
    assert [url.toLocalFile() for url in opened] == [str(page)]
    assert "soft diffusion" in page.read_text(encoding="utf-8")

    dock.finished._copy_command()
    command = QGuiApplication.clipboard().text()
    assert command == f"napari-fus-ulm review report {folder} --save"
    words = shlex.split(command)[1:]
    assert CliRunner().invoke(app, words).exit_code == 0
    table = CliRunner().invoke(app, [*words[:-1], "--csv"])
    answers = list(csv.DictReader(table.output.splitlines()))
    assert [row["left"] for row in answers] == [one["left"] for one in key]
    assert [row["preferred"] for row in answers].count("real ULM") >= 2
    assert "soft diffusion" not in [row["preferred"] for row in answers]

    # Whoever answers later is told that it does not count as blinded.
    dock.finished.again.click()
    dock.start.reader.setText("CD")
    open_folder(dock, folder)
    assert any("unblinded" in text for text in dock.notices.texts())
    answer(dock)
    assert rows_of(folder)[-1]["after_unblinding"] == "yes"
    dock.trial.stop.click()
    dock.state.show_standing(folder)
    dock.finished.make.click()
    assert "unblinded already" in dock.finished.warning.text()


def test_keys_and_buttons_choose_what_a_click_marks(open_review, make, qtbot):
    _, dock = open_review("sharp pix2pix", "soft diffusion", show=True)
    make(dock)
    with qtbot.waitActive(dock.window()):
        dock.window().activateWindow()
    tools = dock.trial.tools
    qtbot.keyClick(dock.trial, "B")
    assert (tools["break"].isChecked(), dock.state.shown.tool) == (True, "break")
    tools["invention"].click()
    assert (tools["break"].isChecked(), dock.state.shown.tool) == (False, "invention")
    qtbot.keyClick(dock.trial, Qt.Key.Key_Escape)
    assert (tools["invention"].isChecked(), dock.state.shown.tool) == (False, None)
    tools["invention"].click()
    tools["invention"].click()
    assert dock.state.shown.tool is None


# ---------------------------------------------------------------- the start


def test_layers_are_listed_for_what_they_are(open_review):
    viewer, dock = open_review(*PICTURES)
    viewer.add_image(np.ones((8, 9)), name="power Doppler of a rat")
    viewer.add_labels(np.ones((8, 9), int), name="no picture")
    table = dock.start.table
    listed = {
        table.item(n, 0).text(): (
            table.item(n, 0).checkState().value,
            dock.start.kind(n).currentData(),
        )
        for n in range(table.rowCount())
    }
    assert listed == {
        "power Doppler of a rat": (0, "fus"),
        "real ULM": (2, "ulm"),
        "soft diffusion": (2, "generated"),
        "sharp pix2pix": (2, "generated"),
    }
    check(dock, "real ULM", False)
    viewer.layers.remove(viewer.layers["power Doppler of a rat"])
    viewer.layers["real ULM"].name = "other name"
    assert table.item(0, 0).text() == "other name"
    assert table.item(0, 0).checkState() == Qt.CheckState.Unchecked


def test_without_the_control(open_review, make):
    _, dock = open_review(*PICTURES)
    check(dock, "real ULM", False)
    folder = make(dock)
    [planned] = key_of(folder)
    assert {planned["left"], planned["right"]} == {"sharp pix2pix", "soft diffusion"}
    assert json.loads((folder / "session.json").read_text())["settings"]["control"] is False


def test_start_says_what_is_missing(open_review, tmp_path):
    _, dock = open_review("sharp pix2pix")
    assert not dock.start.start.isEnabled()
    assert dock.start.missing.text() == "Still missing: two checked pictures and a folder."
    dock.start.folder.setText(str(tmp_path / "look"))
    assert dock.start.missing.text() == "Still missing: two checked pictures."


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("planes", "“soft diffusion” has 2, “sharp pix2pix” has 1"),
        ("spacing", "pixel size of “unknown” is unknown"),
        ("kind", "“soft diffusion” is marked as generated"),
        ("folder", "is not empty"),
        ("view", "field of view"),
    ],
)
def test_what_is_wrong_is_said_in_place(open_review, make, tmp_path, wrong, words):
    viewer, dock = open_review("sharp pix2pix")
    if wrong == "planes":
        add(viewer, "soft diffusion", depth=2)
    elif wrong == "spacing":
        viewer.add_image(PICTURES["soft diffusion"], name="unknown")
    else:
        add(viewer, "soft diffusion", **({"scale": (0.04, 0.04)} if wrong == "view" else {}))
    if wrong == "kind":
        kind = dock.start.kind(0)
        kind.setCurrentIndex(kind.findData("ulm"))
    folder = tmp_path / "look"
    if wrong == "folder":
        folder.mkdir()
        (folder / "notes.txt").write_text("mine")
    before = shown(viewer).keys()
    make(dock, folder)
    assert words in dock.start.making.error
    assert not dock.state.pictures.on
    assert shown(viewer).keys() == before
    assert dock.start.start.isEnabled()
    assert dock.start.folder.text() == str(folder)
    assert not (folder / "session.json").exists()


def test_a_folder_without_a_session_is_refused(open_review, open_folder, tmp_path):
    _, dock = open_review()
    open_folder(dock, tmp_path)
    assert "not a complete session" in dock.start.opening.error
    assert not dock.start.isHidden()


def test_sessions_of_the_command_line_are_opened(open_review, open_folder, tmp_path):
    from napari_fus_ulm.review.cases import Candidate, Case
    from napari_fus_ulm.review.plan import ReviewSettings
    from napari_fus_ulm.review.session import create

    case = Case(
        "sub-01_plane",
        tuple(Candidate(name, PICTURES[name], "generated", 0.02) for name in list(PICTURES)[:2]),
    )
    create(tmp_path / "look", (case,), ReviewSettings(control=False))
    viewer, dock = open_review()
    open_folder(dock, tmp_path / "look")
    assert dock.trial.progress.text() == "Trial 1 of 1"
    assert dock.trial.next.text() == "Finish"
    trial = Session.open(tmp_path / "look").next_trial()
    np.testing.assert_array_equal(viewer.layers["left"].data, trial.left)
