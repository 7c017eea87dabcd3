"""What all tasks have in common: how they take images, what they yield, how they end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import xarray as xr

from napari_fus_ulm.inference.events import Notice, Progress
from napari_fus_ulm.libraries import load_torch
from napari_fus_ulm.scan import doubts_of

Take = Callable[[], xr.DataArray]
"""Reads an image when the task begins, in the task's thread: a film takes a while."""
LOADING = "Loading the generator…"


@dataclass(frozen=True, slots=True)
class Saved:
    """A file was written."""

    path: Path


def loading() -> Iterator[Progress]:
    """Import torch, and say so where that is still to come; it takes seconds."""
    if "torch" not in sys.modules:
        yield Progress(0, 0, LOADING)
    load_torch()


def noting(
    run: Callable[[Mapping[str, Take], Any], Iterator[Any]],
    takes: Mapping[str, Take],
    settings: Any,
) -> Iterator[Any]:
    """Run a task and say what the files of its images left unclear, once they are read.

    Parameters
    ----------
    run : callable
        Of a `Task`.
    takes : mapping
        Its images.
    settings : dataclass
    """
    unclear: dict[str, None] = {}  # in order, each once
    said: set[str] = set()

    def noted(take: Take) -> xr.DataArray:
        image = take()
        unclear.update(dict.fromkeys(doubts_of(image).values()))
        return image

    for event in run({name: partial(noted, take) for name, take in takes.items()}, settings):
        fresh = [sentence for sentence in unclear if sentence not in said]
        said.update(fresh)
        yield from map(Notice, fresh)
        if not (isinstance(event, Notice) and event.message in said):
            yield event


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
