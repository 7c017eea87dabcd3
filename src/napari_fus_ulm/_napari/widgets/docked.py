"""What all docks share: they stand in one place as tabs, and notice when they are closed."""

from __future__ import annotations

from typing import TypeVar

from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

Found = TypeVar("Found", bound=QWidget)


class DockedWidget(QWidget):
    """A widget in a dock, which napari takes out and drops when the dock is closed."""

    def __init__(self) -> None:
        super().__init__()
        self._docked = False
        self._opened = QTimer(self)
        self._opened.setSingleShot(True)
        self._opened.setInterval(0)
        self._opened.timeout.connect(self._stand_with_others)

    def leave(self) -> None:
        """Stop working and following the viewer; the widget is about to go."""

    def come_forward(self) -> None:
        """Be the dock that is seen among those in the same place."""
        dock = _above(self, QDockWidget)
        if dock is not None:
            dock.show()
            dock.raise_()

    def changeEvent(self, event: QEvent | None) -> None:
        """Notice that the dock has been opened or closed."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                if not self._docked:
                    self._opened.start()  # napari has not placed the dock yet
                self._docked = True
            elif self._docked:
                self._docked = False
                self._opened.stop()
                self.leave()

    def _stand_with_others(self) -> None:
        """Share the place of another of our docks, if there is one; half a dock is too little."""
        dock, window = _above(self, QDockWidget), _above(self, QMainWindow)
        if dock is None or window is None or dock.isFloating():
            return
        area = window.dockWidgetArea(dock)
        for other in window.findChildren(QDockWidget):
            ours = other is not dock and other.findChild(DockedWidget) is not None
            if ours and not other.isFloating() and window.dockWidgetArea(other) == area:
                window.tabifyDockWidget(other, dock)
                self.come_forward()
                return


def _above(widget: QWidget, kind: type[Found]) -> Found | None:
    """The nearest widget of a kind that holds this one."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, kind):
        parent = parent.parentWidget()
    return parent
