"""Fidelity while a run goes on: events of the work, and measures between them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.inference.events import Event, Finished, Notice, Preview, Progress
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.scan import extent_of, planes

if TYPE_CHECKING:
    from napari_fus_ulm.metrics.fidelity import Fidelity

LOADING = "Loading the generator…"


@dataclass(frozen=True, slots=True)
class Measured:
    """How near one row of the table is to the ground truth.

    Parameters
    ----------
    row : {"input", "preview", "result"}
    fidelity : Fidelity
    plane : int
        Its number, for "input" and "preview".
    planes : int
        Planes of the run; "result" is the mean over them.
    """

    row: Literal["input", "preview", "result"]
    fidelity: Fidelity
    plane: int
    planes: int


def enhance_run(
    fus: xr.DataArray, ulm: xr.DataArray | None, settings: EnhanceSettings
) -> Iterator[Event | Measured]:
    """Everything that happens after a click on *Enhance*; to be iterated in a thread.

    Parameters
    ----------
    fus : xarray.DataArray
    ulm : xarray.DataArray or None
        The ground truth; `mismatch` has found nothing against it.
    settings : EnhanceSettings
    """
    if "torch" not in sys.modules:
        yield Progress(0, 0, LOADING)
    from napari_fus_ulm.inference.enhance import enhance_events

    events = enhance_events(fus, settings)
    yield from events if ulm is None else measured(events, fus, ulm, settings)


def measured(
    events: Iterator[Event], fus: xr.DataArray, ulm: xr.DataArray, settings: EnhanceSettings
) -> Iterator[Event | Measured]:
    """Put `Measured` behind every preview and before the result."""
    from napari_fus_ulm.metrics.fidelity import fidelity, mean_and_sd

    judge = _Judge(fus, ulm, settings)
    before: list[Fidelity] = []
    for event in events:
        if not isinstance(event, Preview | Finished) or judge.refused:
            yield event
            continue
        try:
            if isinstance(event, Preview):
                yield event
                if event.plane == len(before):
                    grey = judge.input_grey(event.plane)
                    before.append(fidelity(grey, judge.truth(event.plane, event.image)))
                    yield Measured("input", before[-1], event.plane, judge.count)
                score = fidelity(_clipped(event.image), judge.truth(event.plane, event.image))
                yield Measured("preview", score, event.plane, judge.count)
            else:
                scores = [
                    fidelity(_clipped(plane), judge.truth(number, plane))
                    for number, (_, plane) in enumerate(planes(event.enhancement.image))
                ]
                if before:
                    yield Measured("input", mean_and_sd(before)[0], 0, judge.count)
                yield Measured("result", mean_and_sd(scores)[0], 0, judge.count)
                yield event
        except ValueError as error:
            judge.refused = True
            yield Notice(f"No measures: {error}")
            if isinstance(event, Finished):
                yield event


class _Judge:
    """The ground truth and the input of each plane, on the result's grid."""

    def __init__(self, fus: xr.DataArray, ulm: xr.DataArray, settings: EnhanceSettings) -> None:
        self._planes = list(planes(fus))
        self._ulm, self._settings = ulm, settings
        self._known: tuple[int, npt.NDArray[np.float32]] | None = None
        self.refused = False

    @property
    def count(self) -> int:
        return len(self._planes)

    def truth(self, number: int, like: xr.DataArray) -> npt.NDArray[np.float32]:
        from napari_fus_ulm.pairs.reference import reference_on_grid

        if self._known is None or self._known[0] != number:
            index, _ = self._planes[number]
            plane = ulm_plane(self._ulm, index)
            self._known = number, reference_on_grid(plane, like)
        return self._known[1]

    def input_grey(self, number: int) -> npt.NDArray[Any]:
        from napari_fus_ulm.inference.enhance import input_on_grid

        return _clipped(input_on_grid(self._planes[number][1], self._settings))


def _clipped(image: xr.DataArray) -> npt.NDArray[Any]:
    return np.asarray(np.clip(image.values, 0.0, 1.0))


def ulm_plane(ulm: xr.DataArray, index: dict[str, int]) -> xr.DataArray:
    """The plane of a ground truth that belongs to a plane of the input."""
    return ulm.isel({dim: index.get(dim, 0) if n > 1 else 0 for dim, n in _leading(ulm).items()})


def mismatch(fus: xr.DataArray, ulm: xr.DataArray) -> str:
    """Say why a ground truth cannot be laid beside an input; empty when it can.

    The sentence names both layers and says what to do.
    """
    from napari_fus_ulm.pairs.prepare import same_extent

    if not same_extent(fus, ulm):
        a, b = extent_of(fus), extent_of(ulm)
        return (
            f"“{fus.name}” covers {a[1]:.4g} × {a[0]:.4g} mm and “{ulm.name}” {b[1]:.4g} × "
            f"{b[0]:.4g} mm (width × height), so they cannot be compared: there will be no "
            "measures. Correct the pixel size that is wrong (✎), or crop one of them."
        )
    for dim, n in _leading(ulm).items():
        have = fus.sizes.get(dim, 1)
        if n > 1 and n != have:
            kind = {"k": "slices", "time": "times", "pose": "poses"}[dim]
            return (
                f"“{ulm.name}” has {n} {kind} and {have} of “{fus.name}” will be used, so they "
                "cannot be compared: there will be no measures. Choose one slice or time of each "
                "(✎)."
            )
    if fus.sizes.get("k", 1) > 1 and ulm.sizes.get("k", 1) == 1:
        return (
            f"“{ulm.name}” is one slice and “{fus.name}” has {fus.sizes['k']}, so they cannot be "
            "compared: there will be no measures. Choose the slice it belongs to (✎)."
        )
    return ""


def _leading(scan: xr.DataArray) -> dict[str, int]:
    return {str(dim): scan.sizes[dim] for dim in scan.dims[:-2]}


def coherence_run(fus: xr.DataArray, settings: EnhanceSettings) -> Iterator[Any]:
    """Everything that happens after a click on *Show patch coherence*; for a thread too.

    Parameters
    ----------
    fus : xarray.DataArray
        One plane; axes of length 1 are left out.
    settings : EnhanceSettings
    """
    if "torch" not in sys.modules:
        yield Progress(0, 0, LOADING)
    from napari_fus_ulm.inference.coherence import coherence_events

    single = {str(dim): 0 for dim in fus.dims[:-2] if fus.sizes[dim] == 1}
    yield from coherence_events(fus.isel(single), settings)
