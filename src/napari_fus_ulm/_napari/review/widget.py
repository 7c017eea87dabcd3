"""The Blinded review dock: the start, the trials, the end; what it does is done elsewhere."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QDockWidget, QFileDialog, QVBoxLayout, QWidget

from napari_fus_ulm._napari.review.finished import FinishedPanel, open_page
from napari_fus_ulm._napari.review.start import StartPanel
from napari_fus_ulm._napari.review.state import Listed, ReviewState, Shown
from napari_fus_ulm._napari.review.trial import TrialForm
from napari_fus_ulm._napari.run import Warned, Work
from napari_fus_ulm._napari.widgets.controls import TallScroll
from napari_fus_ulm._napari.widgets.docked import DockedWidget
from napari_fus_ulm._napari.widgets.notices import NoticeArea
from napari_fus_ulm._napari.worker import EventRunner
from napari_fus_ulm.tasks.review import Opened, Reported

if TYPE_CHECKING:
    from napari.viewer import Viewer

UNBLINDED = "This session has already been unblinded; new answers are marked as unblinded."


class ReviewWidget(DockedWidget):
    """Rate pictures blinded: choose a session, answer its trials, stop whenever you like.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._window: QWidget | None = None
        self._hidden: list[QDockWidget] = []
        self.state = ReviewState(napari_viewer)
        self.runner = EventRunner(self, name="Blinded review")
        self.start = StartPanel(self.runner.details)
        self.trial = TrialForm()
        self.notices = NoticeArea(self.runner.details)
        self.finished = FinishedPanel()
        self.failed = NoticeArea(self.runner.details)
        self._again = QTimer(self)
        self._lay_out()
        self._show(frozenset(field.name for field in fields(Shown)))
        self._wire()

    # ------------------------------------------------------------ what is shown

    def _show(self, names: frozenset[str]) -> None:
        """Show what has changed in the state."""
        shown = self.state.shown
        self.start.show_state(shown, names)
        self.notices.set_standing([Warned(UNBLINDED)] if shown.unblinded else [])
        for area in (self.notices, self.failed):
            area.set_run((), shown.error)
        self.finished.show_state(shown)
        self.trial.show_marks(shown.tool, shown.marks)
        if "trial" in names and shown.trial is not None:
            self.trial.show_trial(*shown.trial)
        if "page" in names:
            pages = {"start": self.start, "trial": self._judging, "finished": self._ended}
            for name, page in pages.items():
                page.setVisible(name == shown.page)

    # ------------------------------------------------------------ the user

    def ask_open(self) -> None:
        """Let the user choose the folder of a session."""
        path = QFileDialog.getExistingDirectory(self, "Open a session folder")
        if path:
            self.open_folder(Path(path))

    def open_folder(self, folder: Path) -> None:
        """Open a session where its reader has stopped."""
        self._run(self.state.open_folder(folder, self.start.value().reader.strip()))

    def ask_standing(self) -> None:
        """Let the user choose the session whose report is wanted."""
        path = QFileDialog.getExistingDirectory(self, "Choose the session to report")
        if path:
            self.state.show_standing(Path(path))

    def report(self) -> None:
        """Make the report, which unblinds the session; the page opens when it is there."""
        self._run(self.state.report())

    def go_on(self) -> None:
        """Go on with the session that was stopped."""
        self._run(self.state.go_on())

    def make(self) -> None:
        """Make a session of the checked layers (a click on *Start*)."""
        self._run(self.state.make(self.start.value()))

    def _run(self, work: Work | None) -> None:
        if work is not None:
            self.runner.start(work)

    def _on_event(self, event: object) -> None:
        if isinstance(event, Opened):
            # Another session needs another folder.
            self.start.set_value(replace(self.start.value(), folder=""))
        self.state.on_event(event)
        if isinstance(event, Reported):
            open_page(event.page)

    def _on_picture(self, one: Listed) -> None:
        self.state.check(one.layer_id, checked=one.checked, kind=one.kind, section=one.section)

    def _on_lost(self) -> None:
        self._again.start()  # when the layer list has finished with it

    def _answer(self) -> None:
        self.state.answer(self.trial.value())

    def _on_alone(self, alone: bool) -> None:
        """Hide the other docks while a session has the viewer, and show them again."""
        if alone:
            self._watch_window()
            self._hidden = self._other_docks()
        for other in self._hidden:
            other.setVisible(not alone)
        if not alone:
            self._hidden = []
            dock = self._dock()
            if dock is not None:
                dock.raise_()  # those that came back beside it lie above it

    # ------------------------------------------------------------ the window

    def _dock(self) -> QDockWidget | None:
        """The dock that napari has put this into."""
        parent = self.parentWidget()
        while parent is not None and not isinstance(parent, QDockWidget):
            parent = parent.parentWidget()
        return parent

    def _main_window(self) -> QWidget | None:
        """The window of the viewer, also while the dock floats in one of its own."""
        dock = self._dock()
        return None if dock is None else dock.parentWidget()

    def _other_docks(self) -> list[QDockWidget]:
        window, this = self._main_window(), self._dock()
        docks = [] if window is None else window.findChildren(QDockWidget)
        return [dock for dock in docks if dock is not this and not dock.isHidden()]

    def _watch_window(self) -> None:
        window = self._main_window()
        if window is not None and self._window is None:
            self._window = window
            window.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Bring everything back before the window closes: napari may keep which docks were open."""
        if event is not None and event.type() == QEvent.Type.Close and watched is self._window:
            self.state.pictures.restore()
            self._again.start()  # in case the user decides to stay
        return super().eventFilter(watched, event)

    def leave(self) -> None:
        """Stop working and following the viewer; the dock has been closed."""
        self.runner.cancel()
        self._again.stop()
        if self._window is not None:
            self._window.removeEventFilter(self)
            self._window = None
        self.state.close()

    # ------------------------------------------------------------ layout

    def _wire(self) -> None:
        self._again.setSingleShot(True)
        self._again.setInterval(0)
        self._again.timeout.connect(self.state.show_lost)
        self.state.changed.connect(self._show)
        self.state.picture_lost.connect(self._on_lost)
        self.state.pictures.alone.connect(self._on_alone)
        self.start.picture_changed.connect(self._on_picture)
        self.start.open_requested.connect(self.ask_open)
        self.start.report_requested.connect(self.ask_standing)
        self.start.go_on_requested.connect(self.go_on)
        self.start.start_requested.connect(self.make)
        self.start.cancel_requested.connect(self.runner.cancel)
        self.trial.answered.connect(self._answer)
        self.trial.fit_requested.connect(self.state.pictures.fit)
        self.trial.stop_requested.connect(self.state.stop)
        self.trial.tool_chosen.connect(self.state.set_tool)
        self.finished.again_requested.connect(self.state.show_start)
        self.finished.asked.connect(self.state.ask_report)
        self.finished.report_requested.connect(self.report)
        self.runner.event.connect(self._on_event)
        self.runner.ended.connect(self.state.on_ended)

    def _lay_out(self) -> None:
        self._judging = QWidget()
        judging = QVBoxLayout(self._judging)
        judging.setContentsMargins(0, 0, 0, 0)
        judging.addWidget(self.notices)
        judging.addWidget(self.trial)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(6, 6, 6, 6)
        self._ended = QWidget()
        ended = QVBoxLayout(self._ended)
        ended.setContentsMargins(0, 0, 0, 0)
        ended.addWidget(self.failed)
        ended.addWidget(self.finished)
        for widget in (self.start, self._judging, self._ended):
            column.addWidget(widget)
        column.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(TallScroll(body))
