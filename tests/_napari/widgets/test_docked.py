"""What docks do with the keyboard and with each other."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDockWidget, QMainWindow, QPushButton, QVBoxLayout, QWidget

from napari_fus_ulm._napari.run import CANCELLING, READY, RUNNING
from napari_fus_ulm._napari.widgets.controls import Section
from napari_fus_ulm._napari.widgets.docked import DockedWidget
from napari_fus_ulm._napari.widgets.run_panel import RunPanel


@pytest.fixture
def window(qtbot):
    """A window with a dock of somebody else."""
    window = QMainWindow()
    qtbot.addWidget(window)
    window.setCentralWidget(QWidget())
    dock(window, QWidget())
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return window


def dock(window, content):
    frame = QDockWidget()
    frame.setWidget(content)
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, frame)
    QApplication.processEvents()
    return frame


def test_our_docks_share_one_place_and_leave_others_alone(window):
    contents = [DockedWidget() for _ in range(3)]
    frames = [dock(window, content) for content in contents]
    assert set(window.tabifiedDockWidgets(frames[0])) == set(frames[1:])
    foreign = [one for one in window.findChildren(QDockWidget) if one not in frames]
    assert window.tabifiedDockWidgets(foreign[0]) == []
    contents[0].come_forward()
    QApplication.processEvents()
    assert not contents[0].visibleRegion().isEmpty()
    assert contents[2].visibleRegion().isEmpty()


def test_tab_leaves_out_what_is_folded_away(window):
    body = QWidget()
    column = QVBoxLayout(body)
    before, inside, after = (QPushButton(name) for name in ("before", "inside", "after"))
    section = Section("More", inside)
    for widget in (before, section, after):
        column.addWidget(widget)
    dock(window, body)

    def stops():
        before.setFocus()
        seen = []
        for _ in range(3):
            QTest.keyClick(window.focusWidget(), Qt.Key.Key_Tab)
            seen.append(window.focusWidget())
        return seen

    assert inside not in stops()
    section.expand(animate=False)
    assert inside in stops()
    assert inside.height() > 10
    section.collapse(animate=False)
    assert inside not in stops()


def test_escape_cancels_a_run_and_nothing_else(window):
    panel, asked = RunPanel(), []
    panel.cancel_requested.connect(lambda: asked.append(panel.state))
    dock(window, panel)
    canvas = window.centralWidget()
    canvas.setFocus()
    for state in (READY, RUNNING, CANCELLING):
        panel.set_state(state)
        QTest.keyClick(canvas, Qt.Key.Key_Escape)
    assert asked == [RUNNING]
