"""Training a generator, in a folder of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from napari_fus_ulm.tasks.task import FolderTask
from napari_fus_ulm.training.settings import TrainSettings

if TYPE_CHECKING:
    from napari_fus_ulm.training.loop import TrainEvent

__all__ = ["TRAIN", "Pace", "TrainSettings", "pace_run", "train_run"]

PACE_STEPS = 6


def train_run(
    settings: TrainSettings, folder: Path, *, resume: bool = False
) -> Iterator[TrainEvent]:
    """Train a generator; stopping the iteration keeps the last checkpoint.

    Parameters
    ----------
    settings : TrainSettings
    folder : Path
        Of the run.
    resume : bool
        Go on from the folder's checkpoint.

    Yields
    ------
    See `napari_fus_ulm.training.loop.train_events`.
    """
    from napari_fus_ulm.training.loop import train_events

    return train_events(settings, folder, resume=resume)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast this machine learns, measured: seconds of one step."""

    seconds: float


def pace_run(settings: TrainSettings) -> Iterator[Pace]:
    """Measure how long a step takes, on a few steps whose result is thrown away.

    Phantoms are left out: preparing them takes long, and drawing them goes beside the learning.

    Parameters
    ----------
    settings : TrainSettings
        On pairs.

    Yields
    ------
    Pace
    """
    from napari_fus_ulm.training.loop import StepDone

    few = replace(settings, steps=PACE_STEPS, phantom_share=0.0, checkpoint_minutes=1e6)
    with TemporaryDirectory() as scratch:
        times = [
            time.monotonic()
            for event in train_run(few, Path(scratch) / "run")
            if isinstance(event, StepDone)
        ]
    # The first step includes what is made once.
    yield Pace((times[-1] - times[0]) / (len(times) - 1))


TRAIN = FolderTask(
    "train", TrainSettings, train_run, ("weights.safetensors", "weights.json", "settings.json")
)
