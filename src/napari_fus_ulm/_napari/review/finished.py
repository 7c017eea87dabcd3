"""The end of a session: where the answers are, and the command that unblinds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QFontDatabase, QGuiApplication
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_fus_ulm._napari.widgets.controls import Signal, row, wrapped
from napari_fus_ulm.tasks.review import report_command

if TYPE_CHECKING:
    from napari_fus_ulm.review.session import Session

AFTERWARDS = (
    "Run it only after all readers have finished: the folder records that it was run, and later "
    "answers are marked as unblinded."
)


class FinishedPanel(QWidget):
    """Thanks, the number of answers, their file, and the command to copy.

    Signals
    -------
    again_requested()
    """

    again_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.thanks = QLabel("Thank you.")
        font = self.thanks.font()
        font.setBold(True)
        self.thanks.setFont(font)
        self.summary, self.command = wrapped(), wrapped()
        for label in (self.summary, self.command):
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.command.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.command.setStyleSheet("border-left: 3px solid gray; padding: 4px 2px 4px 6px;")
        self.copy = QPushButton("Copy command")
        self.copy.setToolTip("Copies the command to the clipboard.")
        self.again = QPushButton("Another session")
        self.again.setToolTip("Returns to the start page.")
        self.copied = wrapped()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        which = wrapped("This dock does not reveal which picture was which. This command does:")
        for label in (self.thanks, self.summary, which, self.command, wrapped(AFTERWARDS)):
            layout.addWidget(label)
        layout.addWidget(row(self.copy, self.again))
        layout.addWidget(self.copied)
        self.copy.clicked.connect(self._on_copy)
        self.again.clicked.connect(self.again_requested)

    def show_session(self, session: Session) -> None:
        """Show the end of a session."""
        from napari_fus_ulm.tasks.review import ANSWERS

        done = session.progress.done
        self.summary.setText(
            f"{'All ' if done > 1 else ''}{done} {'trials are' if done > 1 else 'trial is'} "
            f"answered. The answers are in\n{_breakable(str(session.folder / ANSWERS))}"
        )
        self._command = report_command(session.folder)
        self.command.setText(_breakable(self._command))
        self.copied.clear()

    def _on_copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self._command)
            self.copied.setText("Copied.")


def _breakable(text: str) -> str:
    """Let a long path break after its slashes."""
    return text.replace("/", "/\u200b").replace("\\", "\\\u200b")
