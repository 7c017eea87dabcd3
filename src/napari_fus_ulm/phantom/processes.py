"""Independent tasks on several processes, one thread each, which an interruption ends soon."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from multiprocessing.synchronize import Event
from typing import Any, TypeVar

from napari_fus_ulm.errors import UserError

Result = TypeVar("Result")

THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""Read by the numerical libraries when a process starts."""

_stop: list[Event] = []
"""In a working process: set when the run has been interrupted."""


class ProcessEndedError(UserError):
    """A working process was ended from outside."""


def in_processes(
    function: Callable[..., Result], tasks: Sequence[tuple[Any, ...]], *, workers: int
) -> Generator[Result, None, None]:
    """Call a function with every task's arguments; yield the results as they are ready.

    The processes are spawned and use one thread each, also when there is only one of them, so that
    results do not depend on their number. Stopping the iteration waits for the tasks in
    progress; a function may check `interrupted` to end sooner.

    Raises
    ------
    ProcessEndedError
        If a process was ended from outside.
    """
    if not tasks:
        return
    spawn = get_context("spawn")  # a fork after a library has started threads may hang
    stop = spawn.Event()
    waiting: set[Future[Result]] = set()
    left = iter(tasks)
    workers = min(workers, len(tasks))
    with (
        _one_thread(),
        ProcessPoolExecutor(
            workers, mp_context=spawn, initializer=_begin, initargs=(stop,)
        ) as pool,
    ):
        try:
            while True:
                # No more than one each, so that an interruption finds nothing queued.
                while len(waiting) < workers and (task := next(left, None)) is not None:
                    with _interruptions_later():
                        waiting.add(pool.submit(function, *task))
                if not waiting:
                    return
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BrokenProcessPool as error:
            raise ProcessEndedError(
                "A working process was ended from outside, perhaps for lack of memory; run the "
                "same command again with fewer --workers."
            ) from error
        finally:
            stop.set()


def interrupted() -> bool:
    """Whether the run of this working process has been interrupted."""
    return any(stop.is_set() for stop in _stop)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Give one thread to each process that is started meanwhile."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _interruptions_later() -> Iterator[None]:
    """Hold Ctrl-C back while processes are started: they inherit that, and then `_begin` decides
    about Ctrl-C."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(stop: Event) -> None:
    """Prepare a working process: it ignores Ctrl-C, and ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _stop[:] = [stop]
    threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """Wait for the end of the process that started this one, and end at once."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
