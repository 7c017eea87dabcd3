"""What the Train dock knows and what follows for its display; nothing here needs Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_fus_ulm._napari.run import CANCELLED, DONE, changes
from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.tasks.acceptance import Judged, acceptance_run
from napari_fus_ulm.tasks.beside import beside
from napari_fus_ulm.tasks.catalogue import entry, names
from napari_fus_ulm.tasks.pairs import leave_out, repair_run
from napari_fus_ulm.tasks.train import Pace, TrainSettings, pace_run, train_run

if TYPE_CHECKING:
    from napari_fus_ulm.cohort.suggest import How, Repaired

Work = Callable[[], Iterator[object]]

LOOKING, STORING, MEASURING, TRAINING, JUDGING = (
    "looking", "storing", "measuring", "training", "judging",
)  # fmt: skip
"""What the dock is busy with; empty when it is idle."""
RATE = 2e-4
"""Learning rate of fine-tuning: the recipe's own drifts away from the first weights too fast."""
SHORT, LONG = 300, 6500
"""Steps that are offered: on top of bundled weights, and from scratch."""
FEW = 3
"""Pairs below which nothing is worth learning from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a generator is to be trained.

    Parameters
    ----------
    generator : str
    begin : {"bundled", "scratch"}
        The weights to begin with.
    steps : int
    keep : float
        Share of the first weights in the ones that are used.
    phantoms : float
        Share of patches that are of phantoms.
    """

    generator: str = "diffusion"
    begin: str = "bundled"
    steps: int = SHORT
    keep: float = 0.5
    phantoms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a run has shown so far.

    Parameters
    ----------
    step, steps : int
    seconds_left : float or None
    losses : tuple of (int, float)
        Training loss by step.
    validations : tuple of (int, float)
        Validation loss by step.
    """

    step: int = 0
    steps: int = 0
    seconds_left: float | None = None
    losses: tuple[tuple[int, float], ...] = ()
    validations: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the dock shows.

    Parameters
    ----------
    folder, run_folder : Path or None
        Of the pairs, and of the run.
    pairs : tuple of Repaired
    busy : str
    done, total : int
        Progress of looking at pairs, or of judging.
    plan : Plan
    pace : Pace or None
        Measured with today's plan.
    learned : Learned
    weights : Path or None
        That the last run has made.
    judged : Judged or None
        What was found about them.
    can_train : bool
    can_resume : bool
        Whether the run's folder holds a run that was stopped.
    hint : str
        What is needed before training, or what came of the last thing that was done.
    error : str
    """

    folder: Path | None = None
    run_folder: Path | None = None
    pairs: tuple[Repaired, ...] = ()
    busy: str = ""
    done: int = 0
    total: int = 0
    plan: Plan = Plan()
    pace: Pace | None = None
    learned: Learned = Learned()
    weights: Path | None = None
    judged: Judged | None = None
    can_train: bool = False
    can_resume: bool = False
    hint: str = ""
    error: str = ""


class TrainState:
    """Pairs, plan, run and verdict; what is started here is iterated by the dock's worker."""

    changed = Signal(object)
    """Names of the fields of `shown` that are new."""

    def __init__(self) -> None:
        self.shown = Shown()
        self._settle()

    # ------------------------------------------------------------ pairs

    def open_folder(self, folder: Path, how: How = "shift") -> Work:
        """Look at the pairs of a folder; corrections are found and not stored."""
        run = folder.with_name(f"{folder.name}_model")
        self._set(
            folder=folder, run_folder=run, pairs=(), busy=LOOKING, done=0, total=0, error="",
            pace=None, judged=None, weights=None, learned=Learned(),
        )  # fmt: skip
        return lambda: repair_run(folder, how)

    def store_corrections(self, how: How = "shift") -> Work | None:
        """Store the corrections that convince."""
        folder = self.shown.folder
        if folder is None or self.shown.busy:
            return None
        self._set(pairs=(), busy=STORING, done=0, total=0, error="")
        return lambda: repair_run(folder, how, apply=True)

    def leave_out(self, one: Repaired) -> None:
        """Use a pair no longer; its files stay where they are."""
        folder = self.shown.folder
        if folder is None or self.shown.busy:
            return
        leave_out(folder, one.pair, one.sentence)
        self._set(pairs=tuple(other for other in self.shown.pairs if other.pair != one.pair))

    # ------------------------------------------------------------ plan and run

    def choose(self, plan: Plan) -> None:
        """Take another plan; what was measured of the one before does not hold for it."""
        if plan == self.shown.plan:
            return
        before = self.shown.plan
        if plan.begin != before.begin and plan.steps == before.steps:
            plan = replace(plan, steps=SHORT if plan.begin == "bundled" else LONG)
        same = (plan.generator, plan.begin) == (before.generator, before.begin)
        self._set(plan=plan, pace=self.shown.pace if same else None)

    def choose_run_folder(self, folder: Path) -> None:
        """Keep the run in another folder."""
        self._set(run_folder=folder)

    def settings(self) -> TrainSettings:
        """The settings of the planned run.

        Raises
        ------
        SettingsError
            If no folder of pairs is open.
        """
        folder, plan = self.shown.folder, self.shown.plan
        if folder is None:
            raise SettingsError("Open a folder of pairs first.")
        bundled = plan.begin == "bundled"
        return TrainSettings(
            generator=plan.generator,
            pairs=str(folder),
            steps=plan.steps,
            flip=False,
            init=_bundled(plan.generator) if bundled else None,
            keep_init=plan.keep if bundled else 0.0,
            learning_rate=RATE if bundled else None,
            phantom_share=plan.phantoms,
            phantoms=100,
            checkpoint_minutes=1.0,
        )

    def measure(self) -> Work | None:
        """Measure how long a step takes on this machine."""
        if not self.shown.can_train:
            return None
        settings = self.settings()
        self._set(busy=MEASURING, error="")
        return lambda: beside(pace_run, settings)

    def train(self, *, resume: bool = False) -> Work | None:
        """Begin the planned run, or go on with the one that was stopped."""
        folder = self.shown.run_folder
        if folder is None or not (self.shown.can_resume if resume else self.shown.can_train):
            return None
        settings = self.settings()
        learned = replace(self.shown.learned, steps=settings.steps) if resume else Learned()
        self._set(busy=TRAINING, error="", learned=learned, weights=None, judged=None)
        return lambda: beside(train_run, settings, folder, resume=resume)

    def judge(self) -> Work | None:
        """Set the new weights beside the bundled ones, on animals that neither has seen."""
        weights, folder = self.shown.weights, self.shown.folder
        if weights is None or folder is None or self.shown.busy:
            return None
        self._set(busy=JUDGING, error="", judged=None, done=0, total=0)
        return lambda: acceptance_run(weights, folder)

    # ------------------------------------------------------------ what comes of it

    def on_event(self, event: object) -> None:
        """Take what the running work says."""
        kind = type(event).__name__
        if kind == "Repaired":
            one: Repaired = event  # type: ignore[assignment]
            self._set(pairs=(*self.shown.pairs, one), done=one.done, total=one.total)
        elif isinstance(event, Pace):
            self._set(pace=event)
        elif isinstance(event, Judged):
            self._set(judged=event)
        elif kind == "StepDone":
            self._step(event)
        elif kind == "Validated":
            now = self.shown.learned
            point = (event.step, event.losses["loss"])  # type: ignore[attr-defined]
            self._set(learned=replace(now, validations=(*now.validations, point)))
        elif kind in ("Progress", "PairReady"):
            self._set(done=event.done, total=event.total)  # type: ignore[attr-defined]

    def on_ended(self, how: str, sentence: str) -> None:
        """Take note that the work has ended."""
        busy, folder = self.shown.busy, self.shown.run_folder
        found = folder / "weights.safetensors" if folder and busy == TRAINING else None
        weights = found if found is not None and found.exists() else self.shown.weights
        hints = {
            (TRAINING, DONE): "The run is finished. Judge it before you use it.",
            (TRAINING, CANCELLED): "Stopped; what was learnt is kept, and can go on.",
            (
                STORING,
                DONE,
            ): "Corrections are stored; the recordings are as they were.",
        }
        self._set(busy="", error=sentence, weights=weights)
        if (busy, how) in hints:
            self._set(hint=hints[busy, how])

    def minutes(self) -> float | None:
        """How long the planned run takes on this machine; None where that was not measured."""
        pace = self.shown.pace
        return None if pace is None else pace.seconds * self.shown.plan.steps / 60.0

    # ------------------------------------------------------------ inside

    def _step(self, event: object) -> None:
        step: int = event.step  # type: ignore[attr-defined]
        steps: int = event.steps  # type: ignore[attr-defined]
        speed: float = event.patches_per_second  # type: ignore[attr-defined]
        loss: float = event.losses["loss"]  # type: ignore[attr-defined]
        batch = self.settings().batch
        left = (steps - step) * batch / speed if speed > 0 else None
        now = self.shown.learned
        losses = (*now.losses, (step, loss))
        self._set(learned=replace(now, step=step, steps=steps, seconds_left=left, losses=losses))

    def _set(self, **new: object) -> None:
        before = self.shown
        self.shown = replace(before, **new)  # type: ignore[arg-type]
        self._settle()
        if names_ := changes(before, self.shown):
            self.changed.emit(names_)

    def _settle(self) -> None:
        """What follows from the rest."""
        shown = self.shown
        usable = [one for one in shown.pairs if one.outcome == "fine" or one.stored]
        run = shown.run_folder
        stopped = run is not None and (run / "checkpoint.safetensors").exists()
        enough = len(usable) >= FEW and len(usable) == len(shown.pairs)
        self.shown = replace(
            shown,
            can_train=enough and not shown.busy and not stopped,
            can_resume=stopped and not shown.busy,
            hint=_hint(shown, len(usable)),
        )


def _hint(shown: Shown, usable: int) -> str:
    if shown.busy:
        return ""
    if shown.folder is None:
        return "Open a folder of pairs: with pairs.csv, or with fus/ and ulm/ of equal names."
    waiting = sum(one.outcome == "corrected" and not one.stored for one in shown.pairs)
    open_ = sum(one.outcome == "open" and not one.stored for one in shown.pairs)
    parts = []
    if waiting:
        parts.append(f"{_many(waiting, 'pair')} can be corrected: store the corrections.")
    if open_:
        parts.append(
            f"{_many(open_, 'pair')} cannot be used yet: select it to see why, then mend it or "
            "leave it out."
        )
    if not parts and usable < FEW:
        parts.append(f"{_many(usable, 'usable pair')}; {FEW} or more are needed.")
    return " ".join(parts) or shown.hint


def _many(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _bundled(generator: str) -> str:
    from napari_fus_ulm.inference.settings import EnhanceSettings
    from napari_fus_ulm.tasks.catalogue import card_of

    return str(card_of(EnhanceSettings(generator=generator))[1])


def generators() -> tuple[tuple[str, str], ...]:
    """Titles and names of the generators."""
    return tuple((entry(name).title, name) for name in names())
