"""Generators kept in memory, shared by all callers and therefore never changed."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch

from napari_fus_ulm.generators import REGISTRY
from napari_fus_ulm.generators.base import Generator
from napari_fus_ulm.generators.checkpoint import Card, load_generator
from napari_fus_ulm.interruption import giving_way


def loaded_generator(weights: Path, device: torch.device) -> tuple[Generator, Card]:
    """The generator of a weights file on a device, and its card.

    As many are kept as there are generators in the registry. A file that was rewritten is read
    again, and every device has its own model.

    Parameters
    ----------
    weights : Path
    device : torch.device

    Returns
    -------
    (Generator, Card)
        In float32 and channels last, without gradients. Do not move or change it.

    Raises
    ------
    CheckpointError
        If the file is not safetensors, is truncated, or does not fit its card.
    """
    try:
        file = weights.stat()
    except OSError:
        return _loaded(weights, 0, 0, device)  # raises with the reason
    return _loaded(weights, file.st_mtime_ns, file.st_size, device)


@lru_cache(maxsize=len(REGISTRY))
def _loaded(
    weights: Path, modified: int, size: int, device: torch.device
) -> tuple[Generator, Card]:
    model, card = load_generator(weights)
    return giving_way(model.to(device).to(memory_format=torch.channels_last)), card
