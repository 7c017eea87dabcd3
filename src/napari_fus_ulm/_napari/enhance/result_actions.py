"""What can be done with a result: save it, and copy the run that made it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_fus_ulm._napari.layers.results import record_of_result
from napari_fus_ulm._napari.widgets.controls import Signal
from napari_fus_ulm._napari.widgets.copy_as import CopyAs
from napari_fus_ulm._napari.widgets.files import ask_and_save
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.tasks.record import Record

if TYPE_CHECKING:
    from napari.layers import Image


class ResultActions(QWidget):
    """*Save…* and *Copy as…*, for the selected result or else the newest.

    Parameters
    ----------
    chosen : callable
        Returns that result; None where it is no longer there.

    Signals
    -------
    reported(str)
        What was done.
    failed(str)
        Why it was not done.
    """

    reported = Signal(str)
    failed = Signal(str)

    def __init__(self, chosen: Callable[[], Image | None]) -> None:
        super().__init__()
        self._chosen = chosen
        self.save = QPushButton("Save…")
        self.save.setToolTip("Saves the result with its pixel size and the record of its run.")
        self.copy = CopyAs(self.record)
        self.copy.setToolTip("Copies the run as a script or a command that makes the result again.")
        self.copy.reported.connect(self.reported)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for button in (self.save, self.copy):
            layout.addWidget(button)
            button.setEnabled(False)
        self.save.clicked.connect(self._on_save)

    def allow(self, allowed: bool) -> None:
        """Say whether there has been a result."""
        for button in (self.save, self.copy):
            button.setEnabled(allowed)

    def record(self) -> Record | None:
        """What made the chosen result."""
        layer = self._chosen()
        if layer is None:
            self.failed.emit("The result layer has been removed; run again.")
            return None
        try:
            record = record_of_result(layer)
        except UserError as error:
            self.failed.emit(str(error))
            return None
        if record is None:
            self.failed.emit(
                f"“{layer.name}” does not say how it was made: the record that belongs beside its "
                "file is missing."
            )
        return record

    def _on_save(self) -> None:
        layer = self._chosen()
        if layer is None:
            self.failed.emit("The result layer has been removed; run again.")
            return
        try:
            message = ask_and_save(self, layer)
        except (UserError, OSError) as error:
            self.failed.emit(str(error))
        else:
            if message:
                self.reported.emit(message)
