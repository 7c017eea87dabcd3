"""Warnings and errors inside the dock, never in a chain of pop-ups."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_fus_ulm._napari.run import Warned
from napari_fus_ulm._napari.widgets.controls import Signal, wrapped


class NoticeArea(QWidget):
    """Standing warnings about the input, notices of a run, and at most one error.

    Parameters
    ----------
    details : callable, optional
        Gives the traceback behind an error's sentence, for *Copy details*; empty if there is none.

    Signals
    -------
    fix_requested(str)
        The user wants the correction that a warning offers.
    offer_taken(str, object)
        The user takes a likely answer (`Offer`) about a layer ("fus" or "ulm").
    """

    fix_requested = Signal(str)
    offer_taken = Signal(str, object)

    def __init__(self, details: Callable[[str], str] = lambda sentence: "") -> None:
        super().__init__()
        self._details = details
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(3)
        self._standing: tuple[Warned, ...] = ()
        self._notices: tuple[str, ...] = ()
        self._error = ""
        self._shown: tuple[object, ...] | None = None
        self._show()

    def set_standing(self, warnings: Iterable[Warned]) -> None:
        """Replace the warnings that hold as long as the input is what it is."""
        self._standing = tuple(warnings)
        self._show()

    def set_run(self, notices: Iterable[str], error: str) -> None:
        """Replace the notices of a run and its error."""
        self._notices, self._error = tuple(notices), error
        self._show()

    def texts(self) -> list[str]:
        """All sentences shown, for tests and for copying."""
        standing = {warning.text for warning in self._standing}
        return [
            *([self._error] if self._error else []),
            *(warning.text for warning in self._standing),
            *(text for text in self._notices if text not in standing),
        ]

    @property
    def error(self) -> str:
        """The error shown, or nothing."""
        return self._error

    def copy_details(self) -> None:
        """Put the traceback of the error on the clipboard."""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self._details(self._error))

    def _show(self) -> None:
        shown = (self._standing, self._notices, self._error)
        if shown == self._shown:
            return
        self._shown = shown
        while self._layout.count():
            item = self._layout.takeAt(0)
            old = None if item is None else item.widget()
            if old is not None:
                old.hide()
                old.setParent(None)
                old.deleteLater()
        warnings = {warning.text: warning for warning in self._standing}
        for text in self.texts():
            warning = warnings.get(text, Warned(text))
            self._layout.addWidget(self._line(warning, text == self._error))
        self.setVisible(bool(self.texts()))

    def _line(self, warning: Warned, is_error: bool) -> QWidget:
        line = QWidget()
        # Several buttons beside a sentence would leave it no room.
        beside = not warning.offers
        layout = QHBoxLayout(line) if beside else QVBoxLayout(line)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        label = wrapped(("✖ " if is_error else "⚠ ") + warning.text)
        label.setTextFormat(Qt.TextFormat.PlainText)
        # The bar's colours hold on dark and on light; the sign says the same without colour.
        bar = "#d9483b" if is_error else "#d99a2b"
        label.setStyleSheet(f"border-left: 3px solid {bar}; padding: 2px 2px 2px 6px;")
        layout.addWidget(label, 1)
        buttons = layout if beside else QHBoxLayout()
        if not beside:
            buttons.addSpacing(9)
            layout.addLayout(buttons)
        for offer in warning.offers:
            answer = QPushButton(offer.label)
            answer.setToolTip("Answers the question; ✎ beside the layer shows and changes it.")
            answer.setProperty("layer", warning.layer)
            answer.setProperty("offer", offer)
            answer.clicked.connect(self._take)
            buttons.addWidget(answer, 0, Qt.AlignmentFlag.AlignTop)
        if is_error and self._details(warning.text):
            copy = QPushButton("Copy details")
            copy.setToolTip("Copies the traceback for a bug report.")
            copy.clicked.connect(self.copy_details)
            buttons.addWidget(copy, 0, Qt.AlignmentFlag.AlignTop)
        if warning.fix:
            button = QPushButton("Set" if beside else "Set…")
            button.setToolTip("Opens the form where this can be corrected.")
            button.setProperty("fix", warning.fix)
            button.clicked.connect(self._ask)
            buttons.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        if not beside:
            buttons.addStretch(1)
        return line

    def _ask(self) -> None:
        sender = self.sender()
        if sender is not None:
            self.fix_requested.emit(str(sender.property("fix")))

    def _take(self) -> None:
        sender = self.sender()
        if sender is not None:
            self.offer_taken.emit(str(sender.property("layer")), sender.property("offer"))
