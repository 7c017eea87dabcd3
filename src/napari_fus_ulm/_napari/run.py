"""A run that a dock has started, with its messages; nothing here needs Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from napari_fus_ulm._napari.layers.identity import LayerId
from napari_fus_ulm._napari.layers.parts import Offer
from napari_fus_ulm.inference.events import Notice, Preview, Progress
from napari_fus_ulm.tasks.enhance import Measured

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Work = Callable[[], Iterator[object]]
"""Makes the events of a run; called in the thread that iterates over them."""
EMPTY, READY, RUNNING, CANCELLING = "empty", "ready", "running", "cancelling"
"""The state of the button that runs."""
DONE, CANCELLED, FAILED = "done", "cancelled", "failed"
"""How a run has ended."""


@dataclass(frozen=True, slots=True)
class Warned:
    """A sentence about the input, and the buttons beside it.

    Parameters
    ----------
    text : str
    fix : str
        The layer ("fus" or "ulm") whose form can correct it; or nothing.
    offers : tuple of Offer
        Likely answers.
    layer : str
        The layer that they are about.
    """

    text: str
    fix: str = ""
    offers: tuple[Offer, ...] = ()
    layer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run and the image that it is about.

    Notices, error and measures are kept only here: where the run is not shown, none of them is.

    Parameters
    ----------
    image : hashable or None
        Id of the layer that was worked on; None where it is about no layer.
    truth : object
        What it was measured against.
    phase : {"running", "cancelling", "ready"}
    progress : Progress or None
        The newest.
    step : str
        The step that the progress is about.
    notices : tuple of str
        In the order in which they came, each once.
    measured : tuple of Measured
        In the order in which they came.
    error : str
        A sentence, or nothing.
    status : str
        Its outcome in a sentence; empty while it is in progress.
    """

    image: LayerId | None = None
    truth: object = None
    phase: str = READY
    progress: Progress | None = None
    step: str = ""
    notices: tuple[str, ...] = ()
    measured: tuple[Measured, ...] = ()
    error: str = ""
    status: str = ""

    @property
    def running(self) -> bool:
        """Whether it is in progress, even while being cancelled."""
        return self.phase != READY

    def after(self, event: object) -> Run:
        """Return the run after an event of its work; other events change nothing."""
        if isinstance(event, Progress):
            return replace(self, progress=event)
        if isinstance(event, Notice) and event.message not in self.notices:
            return replace(self, notices=(*self.notices, event.message))
        if isinstance(event, Preview):
            step = f"step {event.step}/{event.steps}" if event.steps > 1 else ""
            return replace(self, step=step)
        if isinstance(event, Measured):
            return replace(self, measured=(*self.measured, event))
        return self

    def ended(self, status: str, error: str = "") -> Run:
        """Return the run when it is over."""
        return replace(self, phase=READY, progress=None, step="", status=status, error=error)


def changes(before: DataclassInstance, after: DataclassInstance) -> frozenset[str]:
    """Names of the fields in which two resolved states differ."""

    names = (one.name for one in fields(after))
    return frozenset(name for name in names if getattr(before, name) != getattr(after, name))
