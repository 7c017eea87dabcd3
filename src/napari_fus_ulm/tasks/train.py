"""Training a generator, in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fus_ulm.tasks.task import FolderTask
from napari_fus_ulm.training.settings import TrainSettings

if TYPE_CHECKING:
    from napari_fus_ulm.training.loop import TrainEvent


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


TRAIN = FolderTask(
    "train", TrainSettings, train_run, ("weights.safetensors", "weights.json", "settings.json")
)
