"""The loss on pairs that are not trained on: it shows when a run stops improving.

The patches and the noise are the same at every checkpoint, so that what changes is the generator.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from napari_fus_ulm.errors import TrainingError
from napari_fus_ulm.generators.base import Generator, PatchBatch
from napari_fus_ulm.generators.device import arithmetic
from napari_fus_ulm.training.streams import Stream

PATCHES = 48
BATCH = 16
FILE = "validation.csv"


@dataclass(frozen=True, slots=True)
class Validated:
    """The generator was judged on the validation pairs.

    Attributes
    ----------
    step : int
    losses : dict of str to float
        The training loss and its parts, without an adversarial term.
    best : bool
        The lowest loss so far.
    """

    step: int
    losses: dict[str, float]
    best: bool


def validation_losses(
    model: Generator, stream: Stream, patch: int, precision: str
) -> dict[str, float]:
    """Mean training loss over the same :data:`PATCHES` patches, with the same noise.

    Parameters
    ----------
    model : Generator
        In evaluation mode.
    stream : Stream
        Of what is not trained on. It withholds the position from a model that never learnt it and
        would take it for noise.
    patch : int
        Side, pixels.
    precision : {"bfloat16", "float32"}
    """
    device = next(model.parameters()).device
    drawn = stream.patches(np.random.default_rng(0), PATCHES, patch)
    noise = torch.Generator().manual_seed(0)
    total: dict[str, float] = {}
    for first in range(0, PATCHES, BATCH):
        tensors = (torch.from_numpy(a[first : first + BATCH]).to(device) for a in drawn)
        with torch.inference_mode(), arithmetic(precision, device):
            losses = model.training_loss(PatchBatch(*tensors), noise)
        for name, value in losses.items():
            total[name] = total.get(name, 0.0) + float(value) * BATCH / PATCHES
    return total


def past_losses(folder: Path) -> list[tuple[int, float]]:
    """Step and loss of the validations that a run's folder keeps."""
    path = folder / FILE
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            rows = list(csv.DictReader(file))
        return [(int(row["step"]), float(row["loss"])) for row in rows]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise TrainingError(
            f"{path} is not the table of a run; restore it, or delete it to validate anew."
        ) from error


def patience_is_over(past: Sequence[tuple[int, float]], patience: int) -> bool:
    """Whether the last ``patience`` validations all failed to beat the best before them."""
    if not patience or len(past) <= patience:
        return False
    before, last = past[:-patience], past[-patience:]
    return min(loss for _, loss in last) >= min(loss for _, loss in before)
