"""Screenshots of the docks, as they stand on the screen, into docs/images.

Run with a display, or with a virtual one::

    xvfb-run -a -s "-screen 0 1600x1200x24" python docs/make_screenshots.py

Everything shown is real: the bundled weights do the work, the buttons are clicked, and the screen
is grabbed, so that nothing is drawn that a person would not see. ``--only`` takes one of the docks:
enhance, batch, trust, compare, review, train. For other screens, give another folder too::

    python docs/make_screenshots.py --out look --size 1280x720 --scale 1.5 --theme light
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import napari
import numpy as np
from qtpy.QtCore import QSettings, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QScrollArea

from napari_fus_ulm._napari.viewer.parts import grid_of

THEMES = ("dark", "light")
PATIENCE = 600.0
MODES = ("accurate", "detailed")
LINE = ((14.0, 307.0), (44.0, 307.0))
"""Across a vessel at the surface of the sample, in the result's pixels."""


def wait(until: Callable[[], bool]) -> None:
    """Let the viewer live until a condition holds."""
    end = time.monotonic() + PATIENCE
    while not until():
        if time.monotonic() > end:
            raise TimeoutError("The viewer did not get there in time.")
        QApplication.processEvents()
        time.sleep(0.01)


def settle(seconds: float = 0.5) -> None:
    """Let pending drawing happen."""
    end = time.monotonic() + seconds
    wait(lambda: time.monotonic() > end)


@dataclass(frozen=True)
class Look:
    """What a screen is like, and where its pictures go."""

    out: Path
    size: tuple[int, int]
    theme: str


class Shots:
    """A viewer with one dock, and a folder for its pictures."""

    def __init__(self, dock: str, look: Look) -> None:
        self.out = look.out
        self.viewer = napari.Viewer(show=True)
        self.viewer.theme = look.theme
        self.viewer.window.resize(*look.size)
        _, self.dock = self.viewer.window.add_plugin_dock_widget("napari-fus-ulm", dock)

    def shot(self, name: str, *, at_once: bool = False) -> None:
        """Grab the screen where the window is."""
        if not at_once:
            settle()
        path = self.out / f"{name}.png"
        window = self.dock.window()
        where = window.frameGeometry()
        screen = window.screen()
        screen.grabWindow(0, where.x(), where.y(), where.width(), where.height()).save(str(path))
        print(path)

    def run(self, button: Any, runner: Any = None) -> None:
        """Click, and wait until the work is done."""
        runner = runner or self.dock.runner
        click(button)
        wait(lambda: not runner.running)
        assert not self.dock.notices.error, self.dock.notices.error


def click(button: Any) -> None:
    """Click as a user does."""
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def enhance_dock(look: Look) -> None:
    """The Enhance dock in all its states."""
    shots = Shots("Enhance", look)
    viewer, dock, shot, run = shots.viewer, shots.dock, shots.shot, shots.run
    shot("enhance-empty")
    click(dock.sample)
    shot("enhance-ready")

    dock.settings.modes["detailed"].click()
    dock.settings.advanced._fields["steps"].setValue(12)  # long enough to be seen
    click(dock.run.button)
    wait(lambda: dock.table._lines["mse"].points >= 6 or not dock.runner.running)
    shot("enhance-running")
    wait(lambda: not dock.runner.running)
    dock.settings.advanced._fields["steps"].setValue(4)
    dock.settings.modes["accurate"].click()
    viewer.layers.pop()
    run(dock.run.button)
    shot("enhance-result")

    whole = viewer.layers[-1]
    viewer.camera.zoom *= 3
    settle()
    dock.settings.region.setCurrentIndex(dock.settings.region.findData("view"))
    run(dock.run.button)
    viewer.reset_view()
    whole.visible = False
    shot("enhance-region")
    whole.visible = True
    viewer.layers.pop()
    dock.settings.region.setCurrentIndex(0)

    dock.settings.section.expand(animate=False)
    click(dock.fus.edit)
    shot("enhance-advanced")
    click(dock.fus.edit)
    dock.settings.section.collapse(animate=False)

    other = THEMES[look.theme == THEMES[0]]
    viewer.theme = other
    shot(f"enhance-result-{other}")
    viewer.theme = look.theme

    dock.settings.modes["balanced"].click()  # long enough to be cancelled
    click(dock.run.button)
    wait(lambda: dock.run.bar.value() > 0)
    click(dock.run.button)
    shot("enhance-cancelling", at_once=True)
    wait(lambda: not dock.runner.running)

    like = viewer.layers["phantom power Doppler"]
    broken = np.array(like.data)
    broken[20:30, 20:30] = np.nan
    viewer.add_image(
        broken,
        name="masked power Doppler",
        scale=like.scale,
        translate=like.translate,
        units=like.units,
        contrast_limits=like.contrast_limits,
        gamma=like.gamma,
    )
    dock.fus.choose(viewer.layers["masked power Doppler"])
    click(dock.run.button)
    wait(lambda: not dock.runner.running)
    shot("enhance-error")
    viewer.close()


def trust_sections(look: Look) -> None:
    """The diagnostics below a result."""
    shots = Shots("Enhance", look)
    viewer, dock = shots.viewer, shots.dock
    click(dock.sample)
    shots.run(dock.run.button)
    diagnostics = dock.diagnostics
    panels = {
        "coherence": diagnostics.coherence,
        "support": diagnostics.support,
        "missed": diagnostics.truth,
        "resolution": diagnostics.resolution,
    }
    diagnostics.truth.aligned.choose("shift")
    before = list(viewer.layers)
    for name, panel in panels.items():
        section = diagnostics.sections[panel.title]
        section.expand(animate=False)
        settle()
        if name == "resolution":
            draw_line(panel)
        shots.run(panel.button)
        show_below(dock.findChild(QScrollArea), section)
        shots.shot(f"enhance-{name}")
        for layer in [one for one in viewer.layers if one not in before]:
            viewer.layers.remove(layer)
        section.collapse(animate=False)
    viewer.close()


def show_below(scroll: QScrollArea, section: Any) -> None:
    """Scroll until a section's head is at the top, or its end at the bottom."""
    settle()
    top = section.mapTo(scroll.widget(), section.rect().topLeft()).y()
    scroll.verticalScrollBar().setValue(top)


def draw_line(panel: Any) -> None:
    """Across the largest vessel that both show, as if dragged."""
    click(panel.draw)
    panel.line.layer.add_lines([np.array(LINE)])


def compare_dock(look: Look) -> None:
    """The Compare dock."""
    shots = Shots("Compare", look)
    viewer, dock, shot = shots.viewer, shots.dock, shots.shot
    shot("compare-empty")
    click(dock.sample)
    settle()
    shots.run(dock.jobs.run.button, dock.jobs.runner)
    for view in ("grid", "curtain", "difference"):
        click(dock.views.buttons[view])
        if view == "grid":  # its pictures come one by one
            wait(lambda: grid_of(viewer).enabled)
        settle(3.0)
        shot(f"compare-{view}")
    click(dock.views.buttons["off"])
    shots.run(dock.jobs.metrics.measure, dock.jobs.runner)
    shot("compare-metrics")
    viewer.close()


def review_dock(look: Look) -> None:
    """The Blinded review dock."""
    from napari_fus_ulm import EnhanceSettings, enhance
    from napari_fus_ulm._napari.layers.from_scan import scan_to_layer
    from napari_fus_ulm.phantom import simulate_pair

    shots = Shots("Blinded review", look)
    viewer, dock, shot = shots.viewer, shots.dock, shots.shot
    shot("review-empty")
    pair = simulate_pair(0)
    results = [enhance(pair.fus, EnhanceSettings(mode=mode)).image for mode in MODES]
    for name, scan in zip(("phantom ULM", *MODES), (pair.ulm, *results), strict=True):
        data, meta, _ = scan_to_layer(scan)
        viewer.add_image(data, **{**meta, "name": name})
    dock.start.section.setText("phantom")
    dock.start.reader.setText("reader 1")
    dock.start.folder.setText(str(Path(tempfile.mkdtemp()) / "look"))
    shot("review-start")
    shots.run(dock.start.start)
    shot("review-trial")
    while dock.state.pictures.on:
        dock.trial.ratings["left"].button(4).click()
        dock.trial.ratings["right"].button(3).click()
        dock.trial.preferences.button(0).click()
        dock.trial.next.click()
        settle(0.1)
    shot("review-finished")
    click(dock.finished.make)
    shot("review-confirm")
    with patch("napari_fus_ulm._napari.review.widget.open_page"):  # no browser
        click(dock.finished.yes)
        wait(lambda: not dock.runner.running)
    shot("review-report")
    viewer.close()


def batch_dock(look: Look) -> None:
    """The Batch dock: files added, under way, and done, of which one is damaged."""
    from napari_fus_ulm.cohort.seeds import DEMO_SEED
    from napari_fus_ulm.io import write
    from napari_fus_ulm.phantom import simulate_pair

    folder = Path(tempfile.mkdtemp()) / "night"
    folder.mkdir()
    fus = simulate_pair(DEMO_SEED).fus
    for number in range(1, 5):
        write(folder / f"rat{number:02d}_pwd.nii.gz", number * fus)
    (folder / "rat05_pwd.tif").write_bytes(b"no picture")
    shots = Shots("Batch", look)
    dock = shots.dock
    shots.shot("batch-empty")
    dock.add_paths([folder])
    shots.shot("batch-ready")
    click(dock.run.button)
    wait(lambda: dock.state.shown.rows[1].outcome == "done" or not dock.runner.running)
    shots.shot("batch-running", at_once=True)
    wait(lambda: not dock.runner.running)
    dock.files.table.setCurrentCell(4, 0)
    shots.shot("batch-done")
    shots.viewer.close()


def train_dock(look: Look) -> None:
    """The Train dock: pairs with faults, a short run, and its verdict."""
    from napari_fus_ulm.cohort.table import PairFiles, write_pairs_table
    from napari_fus_ulm.io import write
    from napari_fus_ulm.phantom import simulate_pair

    folder = Path(tempfile.mkdtemp()) / "rats"
    pairs = []
    for number, side in enumerate(("train", "train", "train", "validation", "test", "test")):
        name = f"rat{number + 1:02d}"
        files = [folder / kind / f"{name}.nii.gz" for kind in ("fus", "ulm")]
        pair = simulate_pair(940_000_000 + number)
        ulm = pair.ulm.copy(data=pair.ulm.values[:, ::-1]) if number == 1 else pair.ulm
        for path, scan in zip(files, (pair.fus, ulm), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, scan)
        if number == 2:
            files[1].write_bytes(files[1].read_bytes()[:2000])
        pairs.append(PairFiles(name, name, *files, side))
    write_pairs_table(folder, pairs)
    shots = Shots("Train", look)
    dock, run = shots.dock, shots.run
    shots.shot("train-empty")
    dock.open_folder(folder)
    wait(lambda: not dock.runner.running)
    dock.table.selectRow(1)
    shots.shot("train-pairs")
    run(dock.store)
    dock.table.selectRow(2)
    click(dock.omit)
    dock.steps.setValue(20)
    click(dock.train)
    wait(lambda: dock.state.shown.learned.step >= 8 or not dock.runner.running)
    shots.shot("train-running", at_once=True)
    wait(lambda: not dock.runner.running)
    run(dock.judge)
    show_below(dock.findChild(QScrollArea), dock.verdict)
    shots.shot("train-judged")
    shots.viewer.close()


DOCKS = {
    "enhance": enhance_dock,
    "batch": batch_dock,
    "trust": trust_sections,
    "compare": compare_dock,
    "review": review_dock,
    "train": train_dock,
}


def main() -> None:
    """Take all screenshots, or those of one dock."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    parser.add_argument("--only", choices=DOCKS)
    parser.add_argument("--size", default="1440x900", help="of the window, before it is scaled")
    parser.add_argument("--scale", default="1", help="of the screen, as on one of many pixels")
    parser.add_argument("--theme", choices=THEMES, default="dark")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    os.environ["QT_SCALE_FACTOR"] = arguments.scale
    width, height = map(int, arguments.size.split("x"))
    look = Look(arguments.out, (width, height), arguments.theme)
    # The settings of whoever runs this stay as they are, and do not show.
    kept = tempfile.mkdtemp()
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, kept)
    for name, take in DOCKS.items():
        if arguments.only in (None, name):
            take(look)


if __name__ == "__main__":
    main()
