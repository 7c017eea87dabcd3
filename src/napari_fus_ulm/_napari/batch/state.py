"""What the Batch dock knows: the files, what became of each, and the run; nothing here needs Qt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from psygnal import Signal

from napari_fus_ulm._napari.run import CANCELLING, DONE, EMPTY, READY, RUNNING, Run, Work, changes
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.inference.events import Notice, Progress
from napari_fus_ulm.tasks.batch import BatchSettings, Begun, Ended, Job, batch_run, plan

WAITING, WORKING, STOPPED = "waiting", "running", "stopped"
"""Of a row, beside the outcomes of the work: "done", "skipped", "failed"."""
SHARE = 1000
"""Units of progress of one file."""


@dataclass(frozen=True, slots=True)
class Row:
    """A file and what became of it.

    Parameters
    ----------
    job : Job
    outcome : str
    sentence : str
        What was reached, or why not.
    seconds : float
    notices : tuple of str
    """

    job: Job
    outcome: str = WAITING
    sentence: str = ""
    seconds: float = 0.0
    notices: tuple[str, ...] = ()

    @property
    def details(self) -> str:
        """All there is to say of it."""
        return "\n".join(one for one in (self.sentence, *self.notices) if one)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the dock shows.

    Parameters
    ----------
    rows : tuple of Row
    out : str
        Folder of the results.
    notes : tuple of str
        What was left out.
    phase : {"empty", "ready", "running", "cancelling"}
    progress : Progress or None
        Over all files.
    status : str
    error : str
    """

    rows: tuple[Row, ...] = ()
    out: str = ""
    notes: tuple[str, ...] = ()
    phase: str = EMPTY
    progress: Progress | None = None
    status: str = ""
    error: str = ""

    @property
    def offer(self) -> str:
        """Text of the button that runs."""
        n = len(self.rows)
        return "Enhance the files" if not n else f"Enhance {n} file{'s' if n > 1 else ''}"


class BatchState:
    """The files of a batch and the newest run.

    Signals
    -------
    changed(frozenset of str)
        Fields of `shown` that have changed.
    """

    changed = Signal(frozenset)

    def __init__(self) -> None:
        self._inputs: tuple[Path, ...] = ()
        self._out = ""
        self._settings = BatchSettings(skip_done=True)
        self._rows: tuple[Row, ...] = ()
        self._notes: tuple[str, ...] = ()
        self._refusal = ""
        self._run = Run()
        self.shown = Shown()

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Files and folders, as they were added."""
        return self._inputs

    @property
    def settings(self) -> BatchSettings:
        """How the files are read, enhanced and written."""
        return self._settings

    def add(self, paths: Iterable[Path]) -> None:
        """Add files and folders; the results of the first go beside it unless another is chosen."""
        self._inputs = tuple(dict.fromkeys((*self._inputs, *paths)))
        if self._inputs and not self._out:
            first = self._inputs[0]
            self._out = str((first if first.is_dir() else first.parent) / "enhanced")
        self._plan()

    def clear(self) -> None:
        """Forget all files, and what became of them."""
        self._inputs, self._out = (), ""
        self._plan()

    def set_out(self, folder: str) -> None:
        """Write the results elsewhere."""
        if folder != self._out:
            self._out = folder
            self._plan()

    def set_settings(self, settings: BatchSettings) -> None:
        """Take other settings; where the results get other names, it is planned again."""
        renamed = settings.suffix != self._settings.suffix
        self._settings, self._refusal = settings, ""
        if renamed:
            self._plan()
        self._show()

    def refuse_settings(self, sentence: str) -> None:
        """Say why there are no settings to run with."""
        self._refusal = sentence
        self._show()

    def fail(self, sentence: str) -> None:
        """Show what could not be done."""
        self._run = replace(self._run, error=sentence)
        self._show()

    # ------------------------------------------------------------ a run

    def start(self) -> Work | None:
        """Begin; return the work, or None where nothing can begin."""
        if self._run.running:
            return None
        self._plan()  # files may have come and gone
        if not self._rows or self._refusal or self._run.error:
            return None
        self._run = Run(phase=RUNNING)
        self._show()
        return partial(_work, tuple(row.job for row in self._rows), self._settings)

    def cancel(self) -> None:
        """Note that the run has been asked to stop."""
        if self._run.running:
            self._run = replace(self._run, phase=CANCELLING)
            self._show()

    def on_event(self, event: object) -> None:
        """Follow the work."""
        if isinstance(event, Begun):
            self._change(event.number, outcome=WORKING)
            self._run = replace(self._run, progress=self._overall(Progress(0, 0, "")))
        elif isinstance(event, Ended):
            self._change(
                event.number,
                outcome=event.outcome,
                sentence=event.sentence,
                seconds=event.seconds,
            )
        elif isinstance(event, Notice):
            number = self._working()
            if number is not None:
                had = self._rows[number].notices
                self._change(number, notices=(*had, event.message))
        elif isinstance(event, Progress):
            self._run = replace(self._run, progress=self._overall(event))
        self._show()

    def on_ended(self, outcome: str, error: str = "") -> None:
        """Note that the run is over."""
        number = self._working()
        if number is not None:
            self._change(number, outcome=STOPPED, sentence="Stopped; enhance again to go on.")
        if not error:
            error = "" if outcome == DONE or number is not None else self._run.error
        self._run = self._run.ended(self._summary(outcome), error)
        self._show()

    # ------------------------------------------------------------ inside

    def _plan(self) -> None:
        if self._run.running:
            return
        self._run, self._rows, self._notes = Run(), (), ()
        if self._inputs:
            try:
                planned = plan(self._inputs, Path(self._out), self._settings.suffix)
            except (UserError, OSError) as error:
                self._run = Run(error=str(error))
            else:
                self._rows = tuple(Row(job) for job in planned.jobs)
                self._notes = planned.notes
        self._show()

    def _change(self, number: int, **changed: object) -> None:
        rows = list(self._rows)
        rows[number] = replace(rows[number], **changed)  # type: ignore[arg-type]
        self._rows = tuple(rows)

    def _working(self) -> int | None:
        """Number of the file that is being worked on."""
        found = (n for n, row in enumerate(self._rows) if row.outcome == WORKING)
        return next(found, None)

    def _overall(self, one: Progress) -> Progress:
        """Progress over all files but those that are skipped, which take no time."""
        counted = [row for row in self._rows if row.outcome != "skipped"]
        over = sum(row.outcome in ("done", "failed") for row in counted)
        share = one.done / one.total if one.total else 0.0
        what = f"file {over + 1} of {len(counted)}"
        return Progress(round(SHARE * (over + share)), SHARE * len(counted), what)

    def _summary(self, outcome: str) -> str:
        counts = Counter(row.outcome for row in self._rows)
        words = {"done": "done", "skipped": "done before", "failed": "failed"}
        parts = [f"{counts[name]} {word}" for name, word in words.items() if counts[name]]
        left = counts[WAITING] + counts[STOPPED]
        if left:
            parts.append(f"{left} left")
        end = "" if outcome == DONE else " Enhance again to go on." if left else ""
        return f"{', '.join(parts) or 'Nothing was done'}.{end}"

    def _show(self) -> None:
        before, run = self.shown, self._run
        self.shown = Shown(
            rows=self._rows,
            out=self._out,
            notes=self._notes,
            phase=run.phase if run.running else READY if self._rows else EMPTY,
            progress=run.progress,
            status=run.status,
            error=self._refusal or run.error,
        )
        if names := changes(before, self.shown):
            self.changed.emit(names)


def _work(jobs: tuple[Job, ...], settings: BatchSettings) -> Iterator[object]:
    from napari_fus_ulm.tasks.events import loading

    yield from loading()
    yield from batch_run(jobs, settings)
