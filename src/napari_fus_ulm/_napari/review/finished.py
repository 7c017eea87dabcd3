"""The end of a session: where the answers lie, and the command that tells what was what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QFontDatabase, QGuiApplication
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_fus_ulm._napari.widgets.controls import Signal, row, wrapped
from napari_fus_ulm.tasks.review import report_command

if TYPE_CHECKING:
    from napari_fus_ulm.review.session import Session

HONEST = (
    "Run it when nobody will answer any more: that it was run is noted in the folder, and later "
    "answers are marked."
)


class FinishedPanel(QWidget):
    """Thanks, the number of answers, their place, and the command to copy.

    Signals
    -------
    again_asked()
    """

    again_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.thanks = QLabel("Thank you.")
        font = self.thanks.font()
        font.setBold(True)
        self.thanks.setFont(font)
        self.told, self.command = wrapped(), wrapped()
        for label in (self.told, self.command):
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.command.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.command.setStyleSheet("border-left: 3px solid gray; padding: 4px 2px 4px 6px;")
        self.copy = QPushButton("Copy command")
        self.copy.setToolTip("Puts the command on the clipboard.")
        self.again = QPushButton("Another session")
        self.again.setToolTip("Goes back to where a session is opened or made.")
        self.copied = wrapped()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        which = wrapped("This dock does not tell which picture was which. This command does:")
        for label in (self.thanks, self.told, which, self.command, wrapped(HONEST)):
            layout.addWidget(label)
        layout.addWidget(row(self.copy, self.again))
        layout.addWidget(self.copied)
        self.copy.clicked.connect(self._on_copy)
        self.again.clicked.connect(self.again_asked)

    def show_session(self, session: Session) -> None:
        """Tell about a session that is finished."""
        from napari_fus_ulm.tasks.review import ANSWERS

        done = session.progress.done
        self.told.setText(
            f"{'All ' if done > 1 else ''}{done} {'trials are' if done > 1 else 'trial is'} "
            f"answered. The answers lie in\n{_breakable(str(session.folder / ANSWERS))}"
        )
        self._command = report_command(session)
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
