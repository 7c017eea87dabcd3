"""What can be done with a result: save it, and copy the run that made it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_fus_ulm._napari.layers.results import record_of_result
from napari_fus_ulm._napari.widgets.controls import Signal, menu_on, wrapped
from napari_fus_ulm._napari.widgets.copy_as import CopyAs
from napari_fus_ulm._napari.widgets.files import ask_and_save
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.tasks.methods import citation, methods_text
from napari_fus_ulm.tasks.record import Record

if TYPE_CHECKING:
    from napari.layers import Image


class ResultActions(QWidget):
    """*Before / after*, *Save…* and *Copy as…*, for the selected result or else the topmost.

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
    flipped()
        The user wants to see the input in place of the result, or the result again.
    """

    reported = Signal(str)
    failed = Signal(str)
    flipped = Signal()

    def __init__(self, chosen: Callable[[], Image | None]) -> None:
        super().__init__()
        self._chosen = chosen
        self.flip = QPushButton("Before / after")
        self.flip.setCheckable(True)
        self.flip.setToolTip(
            "Shows the input in place of its result, and the result again. Key: G."
        )
        self.save = QPushButton("Save…")
        self.save.setToolTip("Saves the result with its pixel size and the record of its run.")
        self.copy = CopyAs(self.record)
        self.copy.setToolTip("Copies the run as a script or a command that makes the result again.")
        self.copy.reported.connect(self.reported)
        self.cite = QPushButton("Cite…")
        self.cite.setToolTip("Copies what a paper says of the result, or the package's citation.")
        texts = {"Copy methods text": self.copy_methods, "Copy citation (BibTeX)": self.copy_bibtex}
        menu_on(self.cite, texts)
        self.name = wrapped()
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        self.name.setToolTip("The selected result, or else the topmost one of the fUS image.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.name)
        layout.addWidget(self.flip)
        buttons = QHBoxLayout()
        layout.addLayout(buttons)
        for button in (self.save, self.copy, self.cite):
            buttons.addWidget(button)
        self._buttons = (self.flip, self.save, self.copy, self.cite)
        for button in self._buttons:
            button.setEnabled(False)
        self.flip.clicked.connect(self.flipped)
        self.save.clicked.connect(self._on_save)

    def show_result(self, name: str, *, before: bool) -> None:
        """Say which result there is, if any, and whether its input is shown in its place."""
        self.name.setText(name)
        self.name.setVisible(bool(name))
        for button in self._buttons:
            button.setEnabled(bool(name))
        self.flip.setChecked(before)

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

    def copy_methods(self) -> None:
        """Put a paragraph for a paper's methods on the clipboard."""
        layer = self._chosen()
        if layer is None:
            self.failed.emit("The result layer has been removed; run again.")
            return
        self._copy(methods_text(layer.metadata["xarray"].attrs["provenance"]), "the methods text")

    def copy_bibtex(self) -> None:
        """Put the citation of the package on the clipboard."""
        self._copy(citation(), "the citation")

    def _copy(self, text: str, what: str) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(text)
            self.reported.emit(f"Copied {what}.")

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
