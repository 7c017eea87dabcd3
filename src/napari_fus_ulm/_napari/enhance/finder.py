"""Something that is found out in a thread about what is chosen; only the newest choice counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QTimer
from superqt.utils import create_worker

from napari_fus_ulm._napari.widgets.controls import Signal
from napari_fus_ulm._napari.worker import PlainWorker

WAIT_MS = 250
"""A slider that moves asks for nothing until it rests."""


class Finder(QObject):
    """Looks at the newest choice in a thread; older ones are dropped.

    Parameters
    ----------
    look : callable
        ``look(key, choice)``, in the thread; it raises nothing.
    parent : QObject

    Signals
    -------
    found(object)
        What `look` has returned.
    """

    found = Signal(object)

    def __init__(self, look: Callable[[Any, Any], Any], parent: QObject) -> None:
        super().__init__(parent)
        self._look = look
        self._newest: Any = None
        self._choice: Any = None
        self._busy = False
        # A window that closes takes this object with it while the thread still looks.
        self._alive = alive = [True]
        self.destroyed.connect(alive.clear)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(WAIT_MS)
        self._timer.timeout.connect(self._start)

    def look_at(self, key: Any, choice: Any) -> None:
        """Look at a choice unless it is the newest already; None is nothing to look at."""
        if key == self._newest:
            return
        self._newest, self._choice = key, choice
        self._timer.stop()
        if choice is not None:
            self._timer.start()

    def stop(self) -> None:
        """Nothing that is still under way is shown."""
        self._timer.stop()
        self._newest, self._choice = None, None

    def _start(self) -> None:
        if self._choice is None or self._busy:
            return
        self._busy, key = True, self._newest
        worker: Any = create_worker(self._look, key, self._choice, _worker_class=PlainWorker)
        worker.returned.connect(self._ended_with(key))
        worker.start()

    def _ended_with(self, key: Any) -> Callable[[Any], None]:
        alive = self._alive

        def ended(what: Any) -> None:
            if not alive:
                return
            self._busy = False
            if key == self._newest:
                self.found.emit(what)
            elif self._choice is not None:
                self._timer.start()

        return ended
