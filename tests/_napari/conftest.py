"""What the tests of the docks share: small weights, settings of their own, a small phantom."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import QSettings

from napari_fus_ulm._napari.enhance import memory
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.libraries import load_triton_apart

# Before the first viewer draws, for every test of this process that uses LPIPS afterwards.
load_triton_apart()


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path) -> None:
    """Settings of the docks go to a folder of the test's own."""
    ini, user = QSettings.Format.IniFormat, QSettings.Scope.UserScope
    QSettings.setPath(ini, user, str(tmp_path / "qsettings"))


@pytest.fixture
def open_dock(
    make_napari_viewer: Callable[..., Any], small_weights: Path
) -> Callable[..., tuple[Any, Any]]:
    """Open a viewer with the dock, with the small generator and two steps."""

    def open_(**changes: Any) -> tuple[Any, Any]:
        base = {"mode": "detailed", "steps": 2, "precision": "float32"}
        settings = {"weights": str(small_weights), **base, **changes}
        memory.save(EnhanceSettings(**settings))
        viewer = make_napari_viewer()
        _, dock = viewer.window.add_plugin_dock_widget("napari-fus-ulm", "Enhance")
        return viewer, dock

    return open_


@pytest.fixture
def dock_alone(qtbot: Any, small_weights: Path) -> Callable[..., tuple[Any, Any]]:
    """Open the dock on a viewer's model: no window, and the same settings."""

    def open_(**changes: Any) -> tuple[Any, Any]:
        from napari.components import ViewerModel

        from napari_fus_ulm._napari.enhance.widget import EnhanceWidget

        base = {"mode": "detailed", "steps": 2, "precision": "float32"}
        settings = {"weights": str(small_weights), **base, **changes}
        memory.save(EnhanceSettings(**settings))
        viewer = ViewerModel()
        dock = EnhanceWidget(viewer)
        qtbot.addWidget(dock, before_close_func=EnhanceWidget.leave)
        return viewer, dock

    return open_


@pytest.fixture
def click(qtbot: Any) -> Callable[[Any], None]:
    """Click the real *Enhance* button and wait for the end of the run."""
    from qtpy.QtCore import Qt

    def click_(dock: Any) -> None:
        with qtbot.waitSignal(dock.runner.ended, timeout=60_000):
            qtbot.mouseClick(dock.run.button, Qt.MouseButton.LeftButton)

    return click_
