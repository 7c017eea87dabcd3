"""Loading in the background, once a dock is open and nothing has been asked of it for a while."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import QObject, QTimer

from napari_fus_ulm._napari.widgets.controls import Signal
from napari_fus_ulm._napari.worker import EventRunner
from napari_fus_ulm.inference.events import Progress
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.tasks.ready import ready_run

IDLE_MS = 400
"""How long a dock must have been left alone."""


class Preparer(QObject):
    """Loads what the next run would wait for; a run, and closing the dock, stop it.

    Signals
    -------
    said(str)
        What is being loaded; empty when nothing is.
    """

    said = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._wanted: tuple[EnhanceSettings, bool] | None = None
        self._done: tuple[object, ...] = ()
        self.runner = EventRunner(self, asks=False)
        self.runner.event.connect(self._on_event)
        self.runner.ended.connect(self._on_ended)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(IDLE_MS)
        self._timer.timeout.connect(self._start)

    def want(self, settings: EnhanceSettings | None, *, measures: bool) -> None:
        """Load what a run with these settings needs, unless it is loaded.

        Parameters
        ----------
        settings : EnhanceSettings or None
            None where there are none to run with.
        measures : bool
            There is a ground truth.
        """
        self._wanted = None if settings is None else (settings, measures)
        if self._key() not in ((), self._done):
            self._timer.start()

    def stop(self) -> None:
        """Stop after what is being loaded; what was wanted is wanted no more."""
        self._wanted = None
        self._timer.stop()
        self.runner.cancel()
        self.said.emit("")

    def _key(self) -> tuple[object, ...]:
        if self._wanted is None:
            return ()
        settings, measures = self._wanted
        return settings.generator, settings.weights, settings.device, measures

    def _start(self) -> None:
        if self.runner.running:  # with what was wanted before
            self._timer.start()
        elif self._wanted is not None:
            self._done = self._key()
            settings, measures = self._wanted
            self.runner.start(partial(ready_run, settings, measures=measures))

    def _on_event(self, event: Progress) -> None:
        self.said.emit(f"Getting ready meanwhile. {event.what}")

    def _on_ended(self, outcome: str, error: str) -> None:
        self.said.emit("")  # an error is the run's to say, where the user has asked for it
