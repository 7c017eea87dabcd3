"""Long work in a thread: an iterator of events becomes Qt signals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from qtpy.QtCore import QObject
from superqt.utils import FunctionWorker, GeneratorWorker, create_worker

from napari_fus_ulm._napari.activity import Activity
from napari_fus_ulm._napari.run import CANCELLED, DONE, FAILED
from napari_fus_ulm._napari.widgets.controls import Signal
from napari_fus_ulm.interruption import Interrupted, interrupted_when
from napari_fus_ulm.tasks.failures import Failure, failure_of


class RunError(Exception):
    """A run failed; the message is a sentence for the user, the details are a traceback.

    Not a RuntimeError: Qt's generator workers swallow those (torch's out-of-memory error is one),
    and the run would seem never to end.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.sentence)
        self.failure = failure


class _EndsWithQt:
    """A worker that has nobody left to tell when the process ends in the middle of its work.

    Qt's objects are gone by then, and an error that leaves a thread of Qt aborts the process.
    """

    def run(self) -> None:
        """Work, and tell who is still there."""
        try:
            super().run()  # type: ignore[misc]
        except RuntimeError as error:
            if "deleted" not in str(error):  # PyQt's and PySide's word for it
                raise


class PlainWorker(_EndsWithQt, FunctionWorker[Any]):
    """A function in a thread."""


class EventWorker(_EndsWithQt, GeneratorWorker[Any, Any, Any]):
    """A generator worker that closes its iterator when it ends, however it ends.

    napari keeps every worker (as the way to cancel a task) for as long as its window lives, and
    an iterator that was left in the middle with it: its ``finally`` would never run and the
    model's memory stay held.
    """

    def __init__(self, func: Any, make_events: Any, held: list[Iterator[Any]]) -> None:
        super().__init__(func, make_events, held)
        self._held = held

    def work(self) -> Any:
        """Iterate until the end or until asked to stop, also in the middle of a piece of work."""
        try:
            with interrupted_when(lambda: bool(self.abort_requested)):
                return super().work()
        except Interrupted:
            self.aborted.emit()
            return None
        except GeneratorExit as error:  # raised by the work: nobody has closed it yet
            raise RunError(failure_of(error)) from error
        finally:
            for events in self._held:
                _close(events)
            self._held.clear()


def _close(events: Iterator[Any]) -> None:
    """Close an iterator; what goes wrong is logged, for the run is over."""
    close = getattr(events, "close", None)
    if close is None:
        return
    try:
        close()
    except Interrupted:
        pass
    except BaseException as error:
        failure_of(error)


class EventRunner(QObject):
    """Runs one iterator of events at a time in napari's thread pool.

    Cancelling stops the iteration after the current event. napari's question whether to close
    with a task running cancels through the worker's ``quit``, to the same effect.

    Parameters
    ----------
    parent : QObject, optional
    asks : bool
        Whether napari asks before it closes with a run in progress.
    name : str
        Of the work, for napari's activity list; without it, nothing stands there.

    Signals
    -------
    event(object)
        An event of the iterator, in the thread of this object.
    ended(str, str)
        "done", "cancelled" or "failed", and a sentence when it failed.
    """

    event = Signal(object)
    ended = Signal(str, str)

    def __init__(self, parent: QObject | None = None, *, asks: bool = True, name: str = "") -> None:
        super().__init__(parent)
        self._asks, self._name = asks, name
        self._activity: Activity | None = None
        self._worker: Any = None
        self._failure = Failure("")
        self._complete = False

    @property
    def running(self) -> bool:
        """Whether a run is in progress, even while being cancelled."""
        return self._worker is not None

    @property
    def cancelling(self) -> bool:
        """Whether a run has been asked to stop and has not ended yet."""
        return self._worker is not None and bool(self._worker.abort_requested)

    def details(self, sentence: str) -> str:
        """The traceback behind the sentence of the last run's failure; empty if there is none."""
        return self._failure.details if sentence == self._failure.sentence else ""

    def start(self, make_events: Callable[[], Iterator[Any]]) -> None:
        """Run an iterator; ``make_events`` is called in the thread.

        Raises
        ------
        RuntimeError
            If a run is in progress.
        """
        from napari.qt import threading

        if self.running:
            raise RuntimeError("A run is already in progress.")
        self._failure, self._complete = Failure(""), False
        # Not napari's worker class: it would show every error in a pop-up too.
        make = threading.create_worker if self._asks else create_worker
        worker: Any = make(
            run_events,
            make_events,
            [],
            _start_thread=False,
            _worker_class=EventWorker,
            _ignore_errors=True,
        )
        worker.yielded.connect(self._on_event)
        worker.errored.connect(self._on_error)
        worker.returned.connect(self._on_return)
        worker.finished.connect(self._on_finished)
        self._worker = worker
        self._activity = Activity(self._name) if self._name else None
        worker.start()

    def cancel(self) -> None:
        """Ask the run to stop; `ended` says when it has."""
        if self._worker is not None:
            self._worker.quit()

    def _on_event(self, event: Any) -> None:
        if not self.cancelling:  # the viewer may be closing: nothing is shown any more
            if self._activity is not None:
                self._activity.follow(event)
            self.event.emit(event)

    def _on_error(self, error: BaseException) -> None:
        self._failure = error.failure if isinstance(error, RunError) else failure_of(error)

    def _on_return(self, _: Any) -> None:
        self._complete = True

    def _on_finished(self) -> None:
        self._worker = None
        sentence = self._failure.sentence
        state = FAILED if sentence else DONE if self._complete else CANCELLED
        if self._activity is not None:
            self._activity.end(state, sentence)
            self._activity = None
        self.ended.emit(state, sentence)


class InBackground(QObject):
    """Does one piece of work at a time in a thread; of those that wait, only the newest is done.

    Its result is handed over in the thread of this object, unless the object is gone by then.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._busy = False
        self._then: Callable[[Any], None] | None = None
        self._next: tuple[Callable[[], Any], Callable[[Any], None]] | None = None

    def __call__(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Do work, and call ``then`` with its result."""
        if self._busy:
            self._next = work, then
            return
        self._busy, self._then = True, then
        worker: Any = create_worker(work, _worker_class=PlainWorker)
        worker.returned.connect(self._on_returned)
        worker.start()

    def _on_returned(self, result: Any) -> None:
        then, self._then, self._busy = self._then, None, False
        if self._next is not None:
            following, self._next = self._next, None
            self(*following)
        if then is not None:
            then(result)


def run_events(
    make_events: Callable[[], Iterator[Any]], held: list[Iterator[Any]]
) -> Iterator[Any]:
    """Iterate, turning whatever goes wrong into a `RunError`.

    Parameters
    ----------
    make_events : callable
        Makes the iterator.
    held : list
        The iterator is put in here, so that its owner can close it.

    Raises
    ------
    RunError
        For everything that is raised, so that a run always ends.
    """
    try:
        events = make_events()
        # napari keeps this frame when a run is cancelled; it must not keep the images with it.
        del make_events
        held.append(events)
        yield from events
    except (GeneratorExit, Interrupted):  # the run has been cancelled
        raise
    except BaseException as error:
        raise RunError(failure_of(error)) from error
