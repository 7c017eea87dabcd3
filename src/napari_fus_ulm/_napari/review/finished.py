"""The end of a session: where the answers are, and the report, which unblinds them."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices, QGuiApplication
from qtpy.QtWidgets import QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_fus_ulm._napari.review.state import Shown
from napari_fus_ulm._napari.widgets.controls import Signal, menu_on, row, wrapped
from napari_fus_ulm.tasks.review import ANSWERS, Standing, report_command

UNBLINDS = (
    "The report says which picture was which. The folder records that, and answers given later, of "
    "any reader, are marked as unblinded."
)
UNFINISHED = "Not every reader has finished."


class FinishedPanel(QWidget):
    """Who has answered, the report after a confirmation, and the report itself.

    Signals
    -------
    again_requested()
    asked(bool)
        The report is wanted, or after all not.
    report_requested()
        Unblinding was confirmed.
    """

    again_requested = Signal()
    asked = Signal(bool)
    report_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.thanks = QLabel("Thank you.")
        font = self.thanks.font()
        font.setBold(True)
        self.thanks.setFont(font)
        self.summary, self.warning, self.result = wrapped(), wrapped(), wrapped()
        for label in (self.summary, self.warning):
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.warning.setStyleSheet("border-left: 3px solid #d99a2b; padding: 2px 2px 2px 6px;")
        self.result.setTextFormat(Qt.TextFormat.MarkdownText)
        self.make = QPushButton("Make the report…")
        self.make.setToolTip("Compares the pictures by the answers; asks before it unblinds.")
        self.yes = QPushButton("Unblind and report")
        self.yes.setToolTip("Reads the key and writes the report into the folder of the session.")
        self.no = QPushButton("Not yet")
        self.no.setToolTip("Leaves the session blinded.")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.bar.setRange(0, 0)
        self.open = QPushButton("Open the report")
        self.open.setToolTip("Opens the page with all tables and marked places in the browser.")
        self.copy = QPushButton("Copy")
        self.copy.setToolTip("Copies the report (Markdown), or the command that makes it.")
        menu_on(
            self.copy,
            {"Copy report as Markdown": self._copy_report, "Copy command": self._copy_command},
        )
        self.again = QPushButton("Another session")
        self.again.setToolTip("Returns to the start page.")
        self._shown = Shown()
        self._lay_out()
        self.make.clicked.connect(self._on_make)
        self.no.clicked.connect(self._on_no)
        self.yes.clicked.connect(self.report_requested)
        self.open.clicked.connect(self._on_open)
        self.again.clicked.connect(self.again_requested)

    def show_state(self, shown: Shown) -> None:
        """Show how far the readers are, and the report once it is there."""
        self._shown = shown
        about, report = shown.standing, shown.reported
        if about is None:
            return
        self.thanks.setText("The report" if report else "Thank you." if about.complete else "")
        self.thanks.setVisible(bool(self.thanks.text()))
        self.summary.setText(
            f"{about.sentence} The answers are in\n{_breakable(str(about.folder / ANSWERS))}"
        )
        self.warning.setText(_warning(about))
        self._confirm.setVisible(shown.confirming and not shown.running)
        self.make.setVisible(not shown.confirming and not shown.running)
        self.make.setEnabled(bool(about.answered))
        self.make.setText("Make the report again…" if about.unblinded else "Make the report…")
        self.bar.setVisible(shown.running)
        self.result.setText("" if report is None else report.brief)
        self.result.setVisible(report is not None)
        self.open.setVisible(report is not None)
        self.open.setEnabled(not shown.running)

    def _on_make(self) -> None:
        self.asked.emit(True)

    def _on_no(self) -> None:
        self.asked.emit(False)

    def _on_open(self) -> None:
        if self._shown.reported is not None:
            open_page(self._shown.reported.page)

    def _copy_report(self) -> None:
        _to_clipboard("" if self._shown.reported is None else self._shown.reported.markdown)

    def _copy_command(self) -> None:
        if self._shown.standing is not None:
            _to_clipboard(report_command(self._shown.standing.folder))

    def _lay_out(self) -> None:
        self._confirm = QWidget()
        confirm = QVBoxLayout(self._confirm)
        confirm.setContentsMargins(0, 0, 0, 0)
        confirm.addWidget(self.warning)
        confirm.addWidget(row(self.yes, self.no))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        parts: tuple[QWidget, ...] = (
            *(self.thanks, self.result, self.open, self.summary, self.make),
            *(self._confirm, self.bar, row(self.copy, self.again)),
        )
        for part in parts:
            layout.addWidget(part)


def open_page(page: Path) -> None:
    """Open a page in the browser."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(page)))


def _warning(about: Standing) -> str:
    if about.unblinded:
        return "The session has been unblinded already; earlier reports stay in its folder."
    return UNBLINDS if about.complete else f"{UNFINISHED} {UNBLINDS}"


def _to_clipboard(text: str) -> None:
    clipboard = QGuiApplication.clipboard()
    if clipboard is not None and text:
        clipboard.setText(text)


def _breakable(text: str) -> str:
    """Let a long path break after its slashes."""
    return text.replace("/", "/\u200b").replace("\\", "\\\u200b")
