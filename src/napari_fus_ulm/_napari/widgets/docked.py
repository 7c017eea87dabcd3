"""What all docks share: they notice when they are closed."""

from __future__ import annotations

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QWidget


class DockedWidget(QWidget):
    """A widget in a dock, which napari takes out and drops when the dock is closed."""

    def __init__(self) -> None:
        super().__init__()
        self._docked = False

    def leave(self) -> None:
        """Stop working and following the viewer; the widget is about to go."""

    def changeEvent(self, event: QEvent | None) -> None:
        """Notice that the dock has been closed."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._docked = True
            elif self._docked:
                self._docked = False
                self.leave()
