"""The finest detail at which a result agrees with a ULM (FRC), and the widths of one vessel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeGuard

import numpy as np
import xarray as xr

from napari_fus_ulm.declared import Setting, check_declared
from napari_fus_ulm.errors import MeasureError
from napari_fus_ulm.inference.events import Progress
from napari_fus_ulm.io.atomic import write_text
from napari_fus_ulm.output.tables import csv_text
from napari_fus_ulm.scan import LAID
from napari_fus_ulm.tasks.events import Take, plane_of
from napari_fus_ulm.tasks.task import Task
from napari_fus_ulm.tasks.truth import Aligned

if TYPE_CHECKING:
    from napari_fus_ulm.metrics.frc import RingCorrelation
    from napari_fus_ulm.metrics.profiles import LinePlanes
    from napari_fus_ulm.metrics.widths import NoWidth, Width

Threshold = Literal["1/7", "half-bit", "2-sigma", "3-sigma"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionSettings:
    """How two images are compared ring by ring.

    Parameters
    ----------
    aligned : {"none", "shift", "affine"}
        Whether the ground truth is moved onto the result first.
    threshold : {"1/7", "half-bit", "2-sigma", "3-sigma"}
        Above it two images agree.
    local : bool
        Measure the resolution around every pixel too, which takes longer.

    Raises
    ------
    SettingsError
        If one is none of these.
    """

    aligned: Aligned = "none"
    threshold: Annotated[
        Threshold, Setting(label="Threshold", help="Correlation above which two images agree.")
    ] = "1/7"
    local: bool = True

    def __post_init__(self) -> None:
        check_declared(self)


@dataclass(frozen=True, slots=True, eq=False)
class FrcReady:
    """The Fourier ring correlation with the ground truth is there.

    Parameters
    ----------
    result : RingCorrelation
        Of the result with the ULM.
    fus : RingCorrelation or None
        Of the power Doppler with it, where that was given.
    local : xarray.DataArray or None
        Local resolution on the result's grid, µm; NaN where there is none. None if not requested.
    moved : xarray.DataArray or None
        The ULM on the result's grid, where it was moved.
    note : str
        How it was moved and what was compared, in sentences; may be empty.
    """

    result: RingCorrelation
    fus: RingCorrelation | None
    local: xr.DataArray | None
    moved: xr.DataArray | None
    note: str


def frc_run(
    take_result: Take, take_truth: Take, take_fus: Take | None, settings: ResolutionSettings
) -> Iterator[Progress | FrcReady]:
    """Find the finest detail at which a result, and the power Doppler, agree with the ground truth.

    Parameters
    ----------
    take_result, take_truth : callable
        Read one plane each; axes of length 1 are left out. Counts of two maps of half the data
        are compared as they are; beside grey levels, counts are binned to their grid.
    take_fus : callable or None
        Reads the power Doppler, which is then compared with the ground truth as well.
    settings : ResolutionSettings

    Yields
    ------
    Progress, FrcReady
    """
    aligned = settings.aligned
    yield Progress(0, 0, "Measuring…" if aligned == "none" else "Aligning and measuring…")
    result, truth = plane_of(take_result()), plane_of(take_truth())
    if result.attrs.get("values") != "grey":
        if take_fus is not None:
            raise MeasureError(
                f"“{result.name}” is not a generated image, so it was not made from power Doppler; "
                "compare two ULM maps without it."
            )
        yield _of_halves(result, truth, settings)
        return
    from napari_fus_ulm.diagnostics.resolution import resolution

    comparison = resolution(
        result,
        truth,
        None if take_fus is None else plane_of(take_fus()),
        aligned=aligned,
        threshold=settings.threshold,
        local=settings.local,
    )
    yield FrcReady(
        comparison.result,
        comparison.fus,
        comparison.local,
        comparison.moved,
        " ".join(comparison.notes),
    )


def _of_halves(one: xr.DataArray, other: xr.DataArray, settings: ResolutionSettings) -> FrcReady:
    """Compare the counts of two maps of half the data each, which share one grid."""
    from napari_fus_ulm.grid import Grid, check_same_extent
    from napari_fus_ulm.metrics.frc import frc_map, ring_correlation

    if settings.aligned != "none":
        raise MeasureError(
            "Two maps of half the data are aligned already; leave the alignment out."
        )
    grid = Grid.of(one)
    check_same_extent(grid, Grid.of(other), f"image “{one.name}”", f"image “{other.name}”")
    if one.shape != other.shape:
        raise MeasureError(
            f"“{one.name}” has {one.shape[0]} × {one.shape[1]} pixels and “{other.name}” "
            f"{other.shape[0]} × {other.shape[1]}; maps of half the data share one grid."
        )
    pixel, threshold = grid.spacing_mm, settings.threshold
    local = None
    if settings.local:
        sharpness = frc_map(one.values, other.values, pixel, threshold=threshold)
        local = one.copy(data=np.asarray(sharpness, np.float32))
    correlation = ring_correlation(one.values, other.values, pixel, threshold)
    return FrcReady(correlation, None, local, None, "")


def line_planes(
    fus: xr.DataArray, result: xr.DataArray, ulm: xr.DataArray | None = None
) -> LinePlanes:
    """Make images ready to compare the profile of a vessel along many lines.

    Parameters
    ----------
    fus, result, ulm : xarray.DataArray
        One plane each, of the same field of view.

    Raises
    ------
    SettingsError
        If one is not a plane, or does not cover the field of ``fus``.
    """
    from napari_fus_ulm.metrics.profiles import LinePlanes
    from napari_fus_ulm.registration.beside import on_own_field

    if ulm is not None and ulm.attrs.get(LAID):
        ulm = on_own_field(ulm)
    return LinePlanes.of(fus, result, ulm)


def has_width(width: Width | NoWidth | None) -> TypeGuard[Width]:
    """Whether a profile shows one vessel whose width can be measured."""
    return hasattr(width, "fwhm_um")


def grid_words(result: xr.DataArray, fus: xr.DataArray) -> str:
    """Say how fine the result's grid is, and that this is not a resolution."""
    from napari_fus_ulm.metrics.profiles import grid_words

    return grid_words(result, fus)


def save_frc(ready: FrcReady, folder: Path) -> list[Path]:
    """Write ``frc.csv``, the curves over frequency, and ``resolution.ome.tif``, local, in µm."""
    from napari_fus_ulm.io import write

    correlation, fus = ready.result, ready.fus
    columns = {
        "cycles_per_mm": correlation.frequency,
        "threshold": correlation.threshold,
        "result": correlation.smoothed,
        **({} if fus is None else {"power_doppler": fus.smoothed}),
    }
    rows = np.transpose(list(columns.values())).tolist()
    table = write_text(folder / "frc.csv", csv_text([list(columns), *rows]))
    if ready.local is None:
        return [table]
    local = ready.local.copy(data=np.nan_to_num(ready.local.values))
    return [table, write(folder / "resolution.ome.tif", local)]


def _run(images: Mapping[str, Take], settings: ResolutionSettings) -> Iterator[Progress | FrcReady]:
    return frc_run(images["result"], images["ulm"], images.get("fus"), settings)


FRC = Task(
    "frc",
    ResolutionSettings,
    ("result", "ulm", "fus"),
    _run,
    save_frc,
    optional=("fus",),
    files=("frc.csv", "resolution.ome.tif"),
)
