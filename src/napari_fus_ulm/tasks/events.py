"""What all tasks have in common: how they take images, what they yield, how they end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from napari_fus_ulm.inference.events import Progress

Take = Callable[[], xr.DataArray]
"""Reads an image when the task begins, in the task's thread: a film takes a while."""
LOADING = "Loading the generator…"


@dataclass(frozen=True, slots=True)
class Saved:
    """A file was written."""

    path: Path


def loading() -> Iterator[Progress]:
    """Say that torch is being imported, where that is still to come; it takes seconds."""
    if "torch" not in sys.modules:
        yield Progress(0, 0, LOADING)


def plane_of(image: xr.DataArray) -> xr.DataArray:
    """Leave out the axes of length 1 in front of (y, x); their coordinates go too."""
    single = [dim for dim in image.dims[:-2] if image.sizes[dim] == 1]
    return image.squeeze(single, drop=True)


def last_of(events: Iterable[Any]) -> Any:
    """Follow a task to its end and return its last event, which is the result.

    Raises
    ------
    RuntimeError
        If there is no event at all.
    """
    last: Any = None
    for event in events:
        last = event
    if last is None:
        raise RuntimeError("The run ended without a result.")
    return last
