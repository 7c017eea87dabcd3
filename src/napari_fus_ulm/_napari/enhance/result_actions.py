"""What can be done with a result: save it, and copy the run that made it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, get_args

from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_fus_ulm._napari.layers.results import OURS
from napari_fus_ulm._napari.widgets.controls import Signal, menu_on
from napari_fus_ulm._napari.widgets.files import ask_and_save
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.inference.settings import EnhanceSettings, Values
from napari_fus_ulm.tasks.record import Source, copy_as_command, copy_as_python

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
    said(str)
        What was done.
    failed(str)
        Why it was not.
    """

    said = Signal(str)
    failed = Signal(str)

    def __init__(self, chosen: Callable[[], Image | None]) -> None:
        super().__init__()
        self._chosen = chosen
        self.save = QPushButton("Save…")
        self.save.setToolTip("Saves the result with its pixel size and how it was made.")
        self.copy = QPushButton("Copy as…")
        self.copy.setToolTip("Copies the run that made the result, to make it again elsewhere.")
        entries = {"Copy as Python": self.copy_python, "Copy as command": self.copy_command}
        menu_on(self.copy, entries)
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

    def replay(self) -> tuple[EnhanceSettings, Source] | None:
        """What made the chosen result; values and precision as they were taken then."""
        layer = self._chosen()
        if layer is None:
            self.failed.emit("The result is no longer among the layers; run again.")
            return None
        record = layer.metadata[OURS]
        settings = EnhanceSettings.from_mapping(record["settings"])
        made = record["provenance"]
        if made["values"] in get_args(Values):  # "grey" only a file can say
            settings = dataclasses.replace(settings, values=made["values"])
        if settings.precision == "auto":
            settings = dataclasses.replace(settings, precision=made["precision"])
        return settings, Source.from_mapping(record["source"])

    def copy_python(self) -> None:
        """Put the run on the clipboard as a script."""
        self._copy(copy_as_python, "a Python script")

    def copy_command(self) -> None:
        """Put the run on the clipboard as a command line."""
        self._copy(copy_as_command, "a command")

    def _copy(self, form: Callable[[EnhanceSettings, Source], str], what: str) -> None:
        made, clipboard = self.replay(), QGuiApplication.clipboard()
        if made is not None and clipboard is not None:
            clipboard.setText(form(*made))
            self.said.emit(f"Copied the run as {what}.")

    def _on_save(self) -> None:
        layer = self._chosen()
        if layer is None:
            self.failed.emit("The result is no longer among the layers; run again.")
            return
        try:
            said = ask_and_save(self, layer)
        except (UserError, OSError) as error:
            self.failed.emit(str(error))
        else:
            if said:
                self.said.emit(said)
