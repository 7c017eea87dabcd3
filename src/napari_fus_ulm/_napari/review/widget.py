"""The Blinded review dock: the start, the trials, the end; what it does is done elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QDockWidget, QFileDialog, QVBoxLayout, QWidget

from napari_fus_ulm._napari.compare.layers import comparable_layers
from napari_fus_ulm._napari.review.finished import FinishedPanel
from napari_fus_ulm._napari.review.layers import lay_out
from napari_fus_ulm._napari.review.pictures import TrialPictures
from napari_fus_ulm._napari.review.session import Opened, open_session, was_unblinded
from napari_fus_ulm._napari.review.start import StartPanel
from napari_fus_ulm._napari.review.trial import SIDES, TrialForm
from napari_fus_ulm._napari.run import Warned
from napari_fus_ulm._napari.widgets.controls import TallScroll
from napari_fus_ulm._napari.widgets.docked import DockedWidget
from napari_fus_ulm._napari.widgets.notices import NoticeArea
from napari_fus_ulm._napari.worker import EventRunner
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.inference.events import Progress

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_fus_ulm.review.session import Session, Trial

UNBLINDED = "This session has been unblinded already: answers from now on are marked as such."


class ReviewWidget(DockedWidget):
    """Judge pictures without names: choose a session, answer its trials, stop whenever you like.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._session: Session | None = None
        self._trial: Trial | None = None
        self._since = 0.0
        self._window: QWidget | None = None
        self.runner = EventRunner(self)
        self.pictures = TrialPictures(napari_viewer)
        self.start = StartPanel()
        self.trial = TrialForm()
        self.notices = NoticeArea()
        self.finished = FinishedPanel()
        self._errors = self.start.making
        self._again = QTimer(self)
        self._lay_out()
        self._wire()
        self._on_layers()
        self._show_page(self.start)

    # ------------------------------------------------------------ the start

    def _on_layers(self, event: Any = None) -> None:
        """Follow the viewer's layers; a picture of a trial that was removed is shown again."""
        if self.pictures.on:
            if not self.pictures.complete:
                self._again.start()
        else:
            self.start.set_layers(comparable_layers(self._viewer))

    def ask_open(self) -> None:
        """Let the user choose the folder of a session."""
        path = QFileDialog.getExistingDirectory(self, "The folder of a session")
        if path:
            self.open_folder(Path(path))

    def open_folder(self, folder: Path) -> None:
        """Open a session where its reader has stopped."""
        _, reader = self.start.names()
        self._run(partial(open_session, folder, reader), self.start.opening)

    def go_on(self) -> None:
        """Go on with the session that was stopped."""
        if self._session is not None:
            stopped = self._session
            self._run(partial(open_session, stopped.folder, stopped.reader), self.start.opening)

    def make(self) -> None:
        """Make a session of the checked layers (a click on *Start*)."""
        section, reader = self.start.names()
        folder = Path(self.start.folder.text().strip()).expanduser().absolute()
        try:
            chosen = self.start.chosen()
        except UserError as error:
            self.start.making.set_error(str(error))
            return
        self._run(partial(lay_out, folder, section, reader, chosen), self.start.making)

    def _run(self, work: Callable[[], Iterator[Any]], errors: NoticeArea) -> None:
        if not self.runner.running:
            self.start.clear_errors()
            self._errors = errors
            self.start.set_running(True)
            self.runner.start(work)

    def _on_event(self, event: Any) -> None:
        if isinstance(event, Progress):
            self.start.bar.setRange(0, event.total)
            self.start.bar.setValue(event.done)
        elif isinstance(event, Opened):
            self._session = event.session
            self.start.folder.clear()  # another session needs another one
            self.notices.clear_run()
            warned = was_unblinded(event.session)
            self.notices.set_standing([Warned(UNBLINDED)] if warned else [])
            self._show_trial(event.trial)

    def _on_ended(self, _: str, error: str) -> None:
        self.start.set_running(False)
        self._errors.set_error(error)

    # ------------------------------------------------------------ trials

    def _show_trial(self, trial: Trial | None) -> None:
        self._trial = trial
        if trial is None:
            self._finish()
            return
        self._show_page(self._judging)
        self.trial.show_trial(trial.number, trial.total)
        self._watch_window()
        self.pictures.show(trial, self._other_docks())
        self._since = time.monotonic()

    def _show_lost(self) -> None:
        """Show the present trial again when a picture of it was removed."""
        if self._trial is not None and not self.pictures.complete:
            self.pictures.show(self._trial, self._other_docks())

    def _answer(self) -> None:
        """Write what was said, then show the next trial."""
        session, trial, said = self._session, self._trial, self.trial
        left, right = (said.rating(side) for side in SIDES)
        preference = said.preference
        if session is None or trial is None or not (left and right and preference):
            return
        try:
            session.answer(
                trial,
                left_continuity=left,
                right_continuity=right,
                preference=preference,
                seconds=time.monotonic() - self._since,
                comment=said.comment.text(),
            )
            following = session.next_trial()
        except (UserError, OSError) as error:
            self.notices.set_error(str(error))
            return
        self.notices.set_error("")
        self._show_trial(following)

    def stop(self) -> None:
        """Leave the session; what was answered is written already."""
        session = self._session
        self._end_session()
        if session is not None:
            done, total = session.progress.done, session.progress.total
            said = f"Stopped. {done} of {total} trials are answered and written."
            self.start.say(said, go_on=session.folder.name)
        self._show_page(self.start)

    def _finish(self) -> None:
        session = self._session
        self._end_session()
        if session is not None:
            self.finished.show_session(session)
            self._show_page(self.finished)
        self.start.say("")

    def _end_session(self) -> None:
        self._trial = None
        self._again.stop()
        self.pictures.restore()
        dock = self._dock()
        if dock is not None:
            dock.raise_()  # those that came back beside it lie above it
        self._on_layers()

    def _show_start(self) -> None:
        self._show_page(self.start)

    def _show_page(self, page: QWidget) -> None:
        for one in (self.start, self._judging, self.finished):
            one.setVisible(one is page)

    # ------------------------------------------------------------ the window

    def _dock(self) -> QDockWidget | None:
        """The dock that napari has put this into."""
        found = self.parentWidget()
        while found is not None and not isinstance(found, QDockWidget):
            found = found.parentWidget()
        return found

    def _main_window(self) -> QWidget | None:
        """The window of the viewer, also while the dock floats in one of its own."""
        dock = self._dock()
        return None if dock is None else dock.parentWidget()

    def _other_docks(self) -> list[QDockWidget]:
        window, own = self._main_window(), self._dock()
        docks = [] if window is None else window.findChildren(QDockWidget)
        return [dock for dock in docks if dock is not own and not dock.isHidden()]

    def _watch_window(self) -> None:
        window = self._main_window()
        if window is not None and self._window is None:
            self._window = window
            window.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Bring everything back before the window closes: napari may keep which docks were open."""
        if event is not None and event.type() == QEvent.Type.Close and watched is self._window:
            self.pictures.restore()
            self._again.start()  # should the user decide to stay
        return super().eventFilter(watched, event)

    def leave(self) -> None:
        """Stop working and following the viewer; the dock has been closed."""
        self.runner.cancel()
        self._again.stop()
        for signal in self._followed:
            signal.disconnect(self._on_layers)
        self._followed.clear()
        self._trial = None
        if self._window is not None:
            self._window.removeEventFilter(self)
            self._window = None
        self.pictures.restore()

    # ------------------------------------------------------------ layout

    def _wire(self) -> None:
        events = self._viewer.layers.events
        self._followed = [events.inserted, events.removed]
        if hasattr(events, "renamed"):  # napari 0.6.2
            self._followed.append(events.renamed)
        for signal in self._followed:
            signal.connect(self._on_layers)
        self._again.setSingleShot(True)
        self._again.setInterval(0)
        self._again.timeout.connect(self._show_lost)
        self.start.open_asked.connect(self.ask_open)
        self.start.go_on_asked.connect(self.go_on)
        self.start.start_asked.connect(self.make)
        self.start.cancel_asked.connect(self.runner.cancel)
        self.trial.answered.connect(self._answer)
        self.trial.fit_asked.connect(self.pictures.fit)
        self.trial.stop_asked.connect(self.stop)
        self.finished.again_asked.connect(self._show_start)
        self.runner.event.connect(self._on_event)
        self.runner.ended.connect(self._on_ended)

    def _lay_out(self) -> None:
        self._judging = QWidget()
        judging = QVBoxLayout(self._judging)
        judging.setContentsMargins(0, 0, 0, 0)
        judging.addWidget(self.notices)
        judging.addWidget(self.trial)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(6, 6, 6, 6)
        for widget in (self.start, self._judging, self.finished):
            column.addWidget(widget)
        column.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(TallScroll(body))
