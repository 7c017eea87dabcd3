"""Real full-window screenshots of the Enhance dock, into docs/images.

Run with a display, or with a virtual one::

    xvfb-run -a -s "-screen 0 1600x1200x24" python docs/make_screenshots.py

Everything shown is real: the sample pair is simulated, the bundled weights (or those given with
``--weights``) do the work, and the button is clicked.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QSettings, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QScrollArea

SIZE = (1440, 900)
PATIENCE = 600.0


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


def main() -> None:
    """Take all screenshots."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    parser.add_argument("--weights", default=None, help="A .safetensors file.")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    # The settings of whoever runs this stay as they are, and do not show.
    kept = tempfile.mkdtemp()
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, kept)

    from napari_fus_ulm._napari import memory
    from napari_fus_ulm.inference.settings import EnhanceSettings

    memory.save(EnhanceSettings(weights=arguments.weights))
    viewer = napari.Viewer(show=True)
    viewer.window.resize(*SIZE)
    _, dock = viewer.window.add_plugin_dock_widget("napari-fus-ulm", "Enhance")

    def shot(name: str, *, at_once: bool = False) -> None:
        if not at_once:
            settle()
        path = arguments.out / f"{name}.png"
        viewer.screenshot(str(path), canvas_only=False, flash=False)
        print(path)

    def click(button: Any) -> None:
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def run(button: Any) -> None:
        click(button)
        wait(lambda: not dock.runner.running)
        assert not dock.notices.error, dock.notices.error

    shot("enhance-empty")
    click(dock.sample)
    shot("enhance-ready")

    click(dock.run.button)
    wait(lambda: dock.table._lines["mse"].points >= 4 or not dock.runner.running)
    shot("enhance-running")
    wait(lambda: not dock.runner.running)
    assert not dock.notices.error, dock.notices.error
    shot("enhance-result")

    dock.settings.section.expand(animate=False)
    click(dock.fus.edit)
    shot("enhance-advanced")
    click(dock.fus.edit)
    dock.settings.section.collapse(animate=False)

    viewer.theme = "light"
    shot("enhance-result-light")
    viewer.theme = "dark"

    diagnostics, before = dock.diagnostics, len(viewer.layers)
    for panel, name in ((diagnostics.coherence, "coherence"), (diagnostics.truth, "missed")):
        section = diagnostics.sections[panel.title]
        section.expand(animate=False)
        settle()
        run(panel.button)
        dock.findChild(QScrollArea).ensureWidgetVisible(section)
        shot(f"enhance-{name}")
        while len(viewer.layers) > before:
            viewer.layers.pop()
        section.collapse(animate=False)

    made: list[Any] = []
    generator = dock.settings.generator
    for number in range(1, generator.count()):
        generator.setCurrentIndex(number)
        run(dock.run.button)
        made.append(viewer.layers[-1])
    viewer.canvas.grid.enabled = True
    viewer.reset_view()
    shot("enhance-generators")
    viewer.canvas.grid.enabled = False
    for layer in made:
        viewer.layers.remove(layer)
    generator.setCurrentIndex(0)
    viewer.reset_view()

    click(dock.run.button)
    wait(lambda: dock.run.bar.value() > 0)
    click(dock.run.button)
    shot("enhance-cancelling", at_once=True)
    wait(lambda: not dock.runner.running)

    broken = np.array(viewer.layers["phantom power Doppler"].data)
    broken[20:30, 20:30] = np.nan
    like = viewer.layers["phantom power Doppler"]
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


if __name__ == "__main__":
    main()
