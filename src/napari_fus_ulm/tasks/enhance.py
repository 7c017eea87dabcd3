"""Fidelity while a run goes on: events of the work, and measures between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.grid import Grid
from napari_fus_ulm.inference.events import Event, Finished, Notice, Preview
from napari_fus_ulm.inference.settings import EnhanceSettings, Values
from napari_fus_ulm.libraries import collecting_later
from napari_fus_ulm.scan import LAID, laid_mm, planes, spacing_of
from napari_fus_ulm.tasks.events import Take, loading
from napari_fus_ulm.tasks.failures import failure_of
from napari_fus_ulm.tasks.laying import TruthOn, laid, lies_beside, truth_on
from napari_fus_ulm.tasks.record import Record, Source
from napari_fus_ulm.tasks.task import Task

if TYPE_CHECKING:
    from napari_fus_ulm.inference.enhancement import Enhancement
    from napari_fus_ulm.metrics.fidelity import Fidelity


Row = Literal[
    "input", "preview", "result", "input, laid", "result, laid", "input, stored", "result, stored"
]
ROWS: tuple[Row, ...] = get_args(Row)
"""Rows of the table. The last ones are there where ULM and fUS lie apart: with the ULM laid on its
fUS, and where it has been laid, with the ULM where its file puts it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """How near one row of the table is to the ground truth.

    Parameters
    ----------
    row : str
        One of `ROWS`.
    fidelity : Fidelity
    plane : int
        Its number, for "input" and "preview".
    planes : int
        Planes of the run; the other rows are the mean over them.
    """

    row: Row
    fidelity: Fidelity
    plane: int
    planes: int


def enhance_run(
    take_fus: Take,
    take_ulm: Take | None,
    settings: EnhanceSettings,
) -> Iterator[Event | Measured]:
    """Everything that happens after a click on *Enhance*; to be iterated in a thread.

    Parameters
    ----------
    take_fus : callable
        Reads the input; a film takes a while.
    take_ulm : callable or None
        Reads the ground truth; `mismatch` has no objection to it.
    settings : EnhanceSettings
    """
    yield from loading()
    with collecting_later():
        from napari_fus_ulm.inference.enhance import enhance_events

    fus = take_fus()
    events = enhance_events(fus, settings)
    yield from events if take_ulm is None else measured(events, fus, take_ulm, settings)


def measure_run(
    take_fus: Take, take_ulm: Take, image: xr.DataArray, settings: EnhanceSettings
) -> Iterator[Event | Measured]:
    """Measure a result that is there; to be iterated in a thread.

    Parameters
    ----------
    take_fus, take_ulm : callable
        As in `enhance_run`.
    image : xarray.DataArray
        The result.
    settings : EnhanceSettings
        Of the run that made it.
    """
    yield from loading()
    judge = _Judge(take_fus(), take_ulm, settings)
    yield from judge.rows_of_result(image)
    if about := judge.about_truth():
        yield Notice(about)


def measured(
    events: Iterator[Event],
    fus: xr.DataArray,
    take_ulm: Take,
    settings: EnhanceSettings,
) -> Iterator[Event | Measured]:
    """Put `Measured` behind every preview and behind the result.

    A failed measurement never costs the result; it becomes a notice.
    """
    judge = _Judge(fus, take_ulm, settings)
    refused = False
    for event in events:
        yield event
        if refused or not isinstance(event, Preview | Finished):
            continue
        try:
            rows = judge.rows(event)
            if about := judge.about_truth():
                yield Notice(about)
        except Exception as error:
            refused = True
            failure_of(error)  # which logs a fault
            yield Notice(f"No measures: {str(error).strip() or type(error).__name__}")
        else:
            yield from rows


class _Judge:
    """The ground truth and the input of each plane, on the result's grid."""

    def __init__(
        self,
        fus: xr.DataArray,
        take_ulm: Take,
        settings: EnhanceSettings,
    ) -> None:
        self._fus, self._planes = fus, list(planes(fus))
        self._take_ulm, self._settings = take_ulm, settings
        self._ulm: xr.DataArray | None = None
        self._known: tuple[int, TruthOn] | None = None
        self._before: list[Fidelity] = []
        self._about_said = False

    def rows(self, event: Preview | Finished) -> list[Measured]:
        """What is to be shown after an estimate of one plane, or after the result."""
        count, before = len(self._planes), self._before
        measures: list[Measured] = []
        if isinstance(event, Preview):
            truth = self._truth(event.plane, event.image)
            if event.plane == len(before):
                before.append(_score(self._input_grey(event.plane), truth))
                measures.append(Measured("input", before[-1], event.plane, count))
            score = _score(_clipped(event.image), truth)
            return [*measures, Measured("preview", score, event.plane, count)]
        return self.rows_of_result(event.enhancement.image)

    def rows_of_result(self, image: xr.DataArray) -> list[Measured]:
        """What is to be shown of a whole result."""
        from napari_fus_ulm.metrics.fidelity import mean_and_sd

        before, scores = [], []
        for number, (_, plane) in enumerate(planes(image)):
            truth = self._truth(number, plane)
            scores.append(_score(_clipped(plane), truth))
            if not self._before:
                before.append(_score(self._input_grey(number), truth))
        rows: tuple[tuple[Row, list[Fidelity]], ...] = (
            ("input", self._before or before),
            ("result", scores),
        )
        count = len(self._planes)
        means = [Measured(row, mean_and_sd(many)[0], 0, count) for row, many in rows]
        return [*means, *self._rows_elsewhere(image)]

    def _rows_elsewhere(self, image: xr.DataArray) -> list[Measured]:
        """The same with the ULM laid on its fUS, or where it has been laid, put back."""
        from napari_fus_ulm.metrics.fidelity import mean_and_sd

        where, ulm = self._elsewhere()
        if ulm is None:
            return []
        inputs, results = [], []
        for number, (index, plane) in enumerate(planes(image)):
            truth = truth_on(plane, ulm_plane(ulm, index))
            inputs.append(_score(self._input_grey(number), truth))
            results.append(_score(_clipped(plane), truth))
        count = len(self._planes)
        return [
            Measured(row, mean_and_sd(scores)[0], 0, count)
            for row, scores in zip(where, (inputs, results), strict=True)
        ]

    def _elsewhere(self) -> tuple[tuple[Row, Row], xr.DataArray | None]:
        """The rows for a ULM that lies elsewhere, and that ULM; None where it lies on its fUS."""
        assert self._ulm is not None  # the result has been measured
        if self._ulm.attrs.get(LAID):
            return ("input, stored", "result, stored"), laid(self._ulm, None)
        found = lies_beside(self._fus, self._ulm)
        there = laid(self._ulm, found.shift_mm) if found is not None and found.apart else None
        return ("input, laid", "result, laid"), there

    def about_truth(self) -> str:
        """What is wrong with the ground truth that was read, once."""
        if self._ulm is None or self._about_said:
            return ""
        self._about_said = True
        from napari_fus_ulm.grey.reference import doubtful_truth

        return doubtful_truth(self._ulm)

    def _truth(self, number: int, like: xr.DataArray) -> TruthOn:

        if self._ulm is None:
            self._ulm = self._take_ulm()
        if self._known is None or self._known[0] != number:
            index, _ = self._planes[number]
            plane = ulm_plane(self._ulm, index)
            self._known = number, truth_on(like, plane)
        return self._known[1]

    def _input_grey(self, number: int) -> npt.NDArray[Any]:
        from napari_fus_ulm.inference.enhance import input_on_grid

        return _clipped(input_on_grid(self._planes[number][1], self._as_run))

    @cached_property
    def _as_run(self) -> EnhanceSettings:
        """The settings with the native sampling of the whole scan, not of a single plane."""
        from napari_fus_ulm.grey.native import native_um, with_native_um

        settled = with_native_um(self._fus, self._settings.native_um)
        return replace(self._settings, native_um=native_um(settled))


def measures_table(rows: Mapping[str, Fidelity], fmt: Literal["markdown", "csv"]) -> str:
    """Return the rows of the live table as Markdown or CSV."""
    from napari_fus_ulm.metrics.fidelity import table

    return table(rows, fmt)


def _score(grey: npt.NDArray[Any], truth: TruthOn) -> Fidelity:
    """Measure where both are known."""
    from napari_fus_ulm.metrics.fidelity import fidelity

    return fidelity(grey[truth.box], truth.reference[truth.box])


def _clipped(image: xr.DataArray) -> npt.NDArray[Any]:
    return np.asarray(np.clip(image.values, 0.0, 1.0))


def ulm_plane(ulm: xr.DataArray, index: dict[str, int]) -> xr.DataArray:
    """The plane of a ground truth that belongs to a plane of the input."""
    return ulm.isel({dim: index.get(dim, 0) if n > 1 else 0 for dim, n in _leading(ulm).items()})


def mismatch(fus: xr.DataArray, ulm: xr.DataArray) -> str:
    """Say why a ground truth cannot be compared with an input; empty when it can.

    The sentence names both layers and says what to do.
    """

    field, other = Grid.of(fus), Grid.of(ulm)
    if not field.same_extent(other):
        a, b = field.extent_mm, other.extent_mm
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


def displacement(fus: xr.DataArray, ulm: xr.DataArray) -> str:
    """Say that two images that are compared do not lie on each other; empty when they do.

    Half a fUS pixel is tolerated: images whose first pixel centres coincide may lie nearly that far
    apart. Nothing is said where a pixel size is assumed.
    """
    if not all(scan.attrs.get("spacing_known", True) for scan in (fus, ulm)):
        return ""
    beside = np.abs(_corners(fus) - _corners(ulm) + laid_mm(ulm))
    if (beside <= 0.5 * np.asarray(spacing_of(fus)) + 1e-6).all():
        return ""
    return (
        f"“{ulm.name}” lies {np.hypot(*beside.T).max():.2g} mm beside “{fus.name}”; they are "
        "compared pixel by pixel as if they lay on each other."
    )


def _corners(scan: xr.DataArray) -> npt.NDArray[np.float64]:
    """Outer corners (first, last) of a scan's plane: y and x in mm."""
    grid = Grid.of(scan)
    return np.stack([grid.corner_mm, np.add(grid.corner_mm, grid.extent_mm)])


def _leading(scan: xr.DataArray) -> dict[str, int]:
    return {str(dim): scan.sizes[dim] for dim in scan.dims[:-2]}


def _run(images: Mapping[str, Take], settings: EnhanceSettings) -> Iterator[Event | Measured]:
    return enhance_run(images["fus"], images.get("ulm"), settings)


def save_enhanced(finished: Finished, target: Path) -> list[Path]:
    """Write a result, and its spread beside it where there is one.

    Parameters
    ----------
    finished : Finished
    target : Path
        Ends in one of `napari_fus_ulm.io.SUFFIXES_WRITE`.
    """
    from napari_fus_ulm.io import write
    from napari_fus_ulm.io.formats import stem_of

    result = finished.enhancement
    paths = [write(target, result.image)]
    if result.spread is not None:
        stem = stem_of(target)
        beside = target.with_name(f"{stem}_spread{target.name.removeprefix(stem)}")
        paths.append(write(beside, result.spread))
    return paths


def settings_as_taken(enhancement: Enhancement) -> EnhanceSettings:
    """Return the settings with values and precision as the run used them, to repeat it."""
    settings, provenance = enhancement.settings, enhancement.provenance
    if provenance["values"] in get_args(Values):  # only a file can say "grey"
        settings = replace(settings, values=provenance["values"])
    if settings.precision == "auto":
        settings = replace(settings, precision=provenance["precision"])
    return settings


def record_of(enhancement: Enhancement, fus: Source) -> Record:
    """Return the record that repeats a run: its input, and its settings as they were used.

    Parameters
    ----------
    enhancement : Enhancement
    fus : Source
        Where the input came from.
    """
    record = Record.of("enhance", {"fus": fus}, settings_as_taken(enhancement))
    about = enhancement.provenance["familiarity"]["sentence"]
    return replace(record, notes=(about,)) if about else record


ENHANCE = Task(
    "enhance",
    EnhanceSettings,
    ("fus", "ulm"),
    _run,
    save_enhanced,
    optional=("ulm",),
    file="enhanced.ome.tif",
    files=("{stem}{suffix}", "{stem}_spread{suffix}"),
)
