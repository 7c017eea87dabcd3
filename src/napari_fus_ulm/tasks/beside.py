"""Work in a process of its own, so that who started it stays usable.

Training in the viewer's own process would hold its interpreter's lock between any two layers, and
would go down with it. Here the events of the work come through a pipe; the process runs at low
priority, leaves a core free, and ends soon after nobody listens any more.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from napari_fus_ulm.errors import UserError
from napari_fus_ulm.interruption import give_way
from napari_fus_ulm.phantom.processes import ProcessEndedError, end_with_parent
from napari_fus_ulm.tasks.failures import Failure, failure_of

POLL_S = 0.1
PATIENCE_S = 10.0
"""How long a process may take to end by itself once nobody listens."""
NICE = 10


class ElsewhereError(Exception):
    """Work failed in its process; the failure has been worded, and logged, there."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.sentence)
        self.failure = failure


def beside(work: Callable[..., Iterator[Any]], *arguments: Any, **keywords: Any) -> Iterator[Any]:
    """Iterate over the events of ``work(*arguments, **keywords)``, done in its own process.

    Stopping the iteration stops the work: after its current event, or by force after
    :data:`PATIENCE_S`.

    Parameters
    ----------
    work : callable
        A function of a module; it, its arguments and its events can be pickled.

    Raises
    ------
    UserError
        What the work raised; its sentence.
    ElsewhereError
        If it failed otherwise.
    ProcessEndedError
        If its process was ended from outside.
    """
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs, partial(work, *arguments, **keywords)))
    process.start()
    theirs.close()
    try:
        while True:
            while not ours.poll(POLL_S):
                give_way()
            what, value = ours.recv()
            if what == "event":
                yield value
            elif what == "failed":
                raise UserError(value.sentence) if not value.details else ElsewhereError(value)
            else:
                return
    except (EOFError, ConnectionResetError) as error:
        raise ProcessEndedError(
            "The process that worked was ended from outside, perhaps for lack of memory. What it "
            "had saved is kept; continue from there."
        ) from error
    finally:
        ours.close()
        process.join(PATIENCE_S)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()


def _serve(pipe: Connection, work: Callable[[], Iterator[Any]]) -> None:
    """Do the work in this process and send its events until nobody listens."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    _make_room()
    try:
        with closing(work()) as events:  # type: ignore[type-var]
            for event in events:
                pipe.send(("event", event))
        pipe.send(("done", None))
    except (BrokenPipeError, ConnectionResetError):
        return
    except BaseException as error:
        failure = failure_of(error)
        try:
            pipe.send(("failed", failure))
        except OSError:
            return


def _make_room() -> None:
    """Leave time and a core to others."""
    import torch

    if hasattr(os, "nice"):
        os.nice(NICE)
    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
