"""The long work of the Compare dock, and its messages; nothing here needs Qt."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_fus_ulm._napari.layers.identity import id_of
from napari_fus_ulm._napari.layers.results import RunLayers
from napari_fus_ulm._napari.picker.picked import Picked
from napari_fus_ulm._napari.picker.state import Background, PickerState
from napari_fus_ulm._napari.run import (
    CANCELLED,
    CANCELLING,
    DONE,
    EMPTY,
    FAILED,
    READY,
    RUNNING,
    Run,
    Warned,
    Work,
    changes,
)
from napari_fus_ulm.inference.events import Finished, Progress
from napari_fus_ulm.inference.settings import EnhanceSettings, Values
from napari_fus_ulm.tasks import compare as compare_run
from napari_fus_ulm.tasks.compare import MeasuredImage, MetricsReady
from napari_fus_ulm.tasks.events import Saved

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

ENDINGS = {
    CANCELLED: "Cancelled. Finished results stay.",
    FAILED: "The work failed; the message above says why.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkShown:
    """The part of the work that is shown.

    Parameters
    ----------
    phase : {"empty", "ready", "running", "cancelling"}
    warnings : tuple of Warned
        What the fUS image leaves open.
    progress : Progress or None
    notices : tuple of str
        Of the newest work, if it was on this fUS image or on the images now checked; so are the
        following.
    status : str
    error : str
    measured : tuple of MeasuredImage
        Of the images now checked.
    """

    phase: str = EMPTY
    warnings: tuple[Warned, ...] = ()
    progress: Progress | None = None
    notices: tuple[str, ...] = ()
    status: str = ""
    error: str = ""
    measured: tuple[MeasuredImage, ...] = ()


class WorkState:
    """One piece of work at a time: all generators, the figure, the table.

    Parameters
    ----------
    viewer : napari viewer
    background : Background, optional
        Where slow layers are read.

    Signals
    -------
    changed(frozenset of str)
        Fields of `shown` that have changed.
    completed(list)
        All generators have run: the new layers.
    """

    changed = Signal(frozenset)
    completed = Signal(list)

    def __init__(self, viewer: ViewerModel, background: Background | None = None) -> None:
        self._viewer = viewer
        self._run = Run()
        self._subject: Hashable = None
        self._measured: tuple[MeasuredImage, ...] = ()
        self._measured_of: Hashable = None
        self._picked: Picked | None = None
        self._results: list[Image] = []
        self.fus = PickerState(viewer, "fus", background)
        self.shown = WorkShown()
        self.fus.changed.connect(self._show)
        self._show()

    def close(self) -> None:
        """Stop following the viewer."""
        self.fus.close()
        self.changed.disconnect()
        self.completed.disconnect()

    def set_subject(self, subject: Hashable) -> None:
        """Say which images the figure and the table would show."""
        self._subject = subject
        self._show()

    def start_all(self, like: EnhanceSettings, values: Values = "auto") -> Work | None:
        """Begin to enhance the chosen fUS with every generator; None where nothing can begin.

        Parameters
        ----------
        like : EnhanceSettings
            Pixel, steps, seed and device are taken from here.
        values : {"auto", "linear", "sqrt", "cbrt", "db", "display"}
            What the numbers of the fUS are.
        """
        if self._run.running:
            return None
        self.fus.read_if_new()
        self._picked = self.fus.picked()
        if self._picked is None:
            return None
        runs = compare_run.all_settings(dataclasses.replace(like, values=values))
        self._begin(self._picked.layer_id)
        return partial(compare_run.run_all, self._picked.take, runs)

    def start(self, work: Work, *, measures: bool = False) -> Work | None:
        """Begin the figure or the table; the latter shows its rows as they come."""
        if self._run.running:
            return None
        if measures:
            self._measured, self._measured_of = (), self._subject
        self._begin(self._subject)
        return work

    def cancel(self) -> None:
        """Note that the work has been asked to stop."""
        if self._run.running:
            self._set(replace(self._run, phase=CANCELLING))

    def on_event(self, event: object) -> None:
        """Take in what the work gives."""
        run = self._run.after(event)
        if isinstance(event, MeasuredImage):
            self._measured = (*self._measured, event)
        elif isinstance(event, MetricsReady):
            run = replace(run, status="Measured.")
        elif isinstance(event, Saved):
            run = replace(run, status=f"Saved as {event.path.name}.")
        elif isinstance(event, Finished) and self._picked is not None:
            picked = self._picked
            layers = RunLayers(self._viewer, picked.placement, picked.source, picked.layer_id)
            self._results.append(layers.finish(event.enhancement))
            count = len(self._results)
            run = replace(run, status=f"{count} result{'s' if count > 1 else ''} finished.")
        self._set(run)

    def on_ended(self, outcome: str, error: str = "") -> None:
        """Note that the work is over."""
        results, self._results, self._picked = self._results, [], None
        self._set(self._run.ended(ENDINGS.get(outcome, self._run.status), error))
        if results and outcome == DONE:
            self.completed.emit(results)

    def fail(self, sentence: str) -> None:
        """Say why there is no work; an empty sentence clears the message."""
        if not self._run.running:
            self._set(Run(image=self._subject, status=self._run.status, error=sentence))

    def _begin(self, subject: Hashable) -> None:
        self._set(Run(image=subject, phase=RUNNING))

    def _set(self, run: Run) -> None:
        self._run = run
        self._show()

    def _show(self) -> None:
        read, run = self.fus.layer_scan, self._run
        if not run.running and run.image not in (id_of(self.fus.layer), self._subject):
            run = Run()
        before, idle = self.shown, EMPTY if read is None else READY
        self.shown = WorkShown(
            phase=run.phase if run.running else idle,
            warnings=tuple(Warned(one.text) for one in (read.questions if read else ())),
            progress=run.progress,
            notices=run.notices,
            status=run.status,
            error=run.error,
            measured=self._measured if self._measured_of == self._subject else (),
        )
        if names := changes(before, self.shown):
            self.changed.emit(names)
