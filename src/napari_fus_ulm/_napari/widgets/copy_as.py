"""*Copy as…*: a run as a script or as a command line that repeats it."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QPushButton

from napari_fus_ulm._napari.widgets.controls import Signal, menu_on
from napari_fus_ulm.tasks.copying import as_command, as_python
from napari_fus_ulm.tasks.record import Record


class CopyAs(QPushButton):
    """Puts the record of a run on the clipboard.

    Parameters
    ----------
    record : callable
        Returns the record; None if it no longer exists.

    Signals
    -------
    reported(str)
        What was done.
    """

    reported = Signal(str)

    def __init__(self, record: Callable[[], Record | None]) -> None:
        super().__init__("Copy as…")
        self._record = record
        self.setToolTip("Copies the run as a script or a command that repeats it.")
        entries = {"Copy as Python": self.copy_python, "Copy as command": self.copy_command}
        menu_on(self, entries)

    def copy_python(self) -> None:
        """Put the run on the clipboard as a script."""
        self._copy(as_python, "a Python script")

    def copy_command(self) -> None:
        """Put the run on the clipboard as a command line."""
        self._copy(as_command, "a command")

    def _copy(self, form: Callable[[Record], str], what: str) -> None:
        record, clipboard = self._record(), QGuiApplication.clipboard()
        if record is not None and clipboard is not None:
            clipboard.setText(form(record))
            self.reported.emit(f"Copied the run as {what}.")
