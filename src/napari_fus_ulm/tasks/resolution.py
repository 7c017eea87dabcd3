"""Down to which detail a result agrees with a ULM (FRC), and the widths of one vessel in all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeGuard, get_args

import xarray as xr

from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.inference.events import Progress
from napari_fus_ulm.registration import Alignment
from napari_fus_ulm.tasks.events import Take, plane_of

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

    Raises
    ------
    SettingsError
        If one is none of these.
    """

    aligned: Alignment = "none"
    threshold: Threshold = "1/7"

    def __post_init__(self) -> None:
        for name, kind in (("aligned", Alignment), ("threshold", Threshold)):
            value, allowed = getattr(self, name), get_args(kind)
            if value not in allowed:
                raise SettingsError(f"{name} is {value!r}; it must be one of {', '.join(allowed)}.")


@dataclass(frozen=True, slots=True, eq=False)
class FrcReady:
    """The Fourier ring correlation with the ground truth is there.

    Parameters
    ----------
    result : RingCorrelation
        Of the result with the ULM.
    fus : RingCorrelation or None
        Of the power Doppler with it, where that was given.
    local : xarray.DataArray
        Local resolution on the result's grid, µm; NaN where there is none.
    moved : xarray.DataArray or None
        The ULM on the result's grid, where it was moved.
    note : str
        How it was moved and what was compared, in sentences; may be empty.
    """

    result: RingCorrelation
    fus: RingCorrelation | None
    local: xr.DataArray
    moved: xr.DataArray | None
    note: str


def frc_run(
    take_result: Take, take_truth: Take, take_fus: Take | None, settings: ResolutionSettings
) -> Iterator[Progress | FrcReady]:
    """Find down to which detail a result, and the power Doppler, agree with the ground truth.

    Parameters
    ----------
    take_result, take_truth : callable
        Read one plane each; axes of length 1 are left out.
    take_fus : callable or None
        Reads the power Doppler, which is then held against the ground truth as well.
    settings : ResolutionSettings

    Yields
    ------
    Progress, FrcReady
    """
    aligned = settings.aligned
    yield Progress(0, 0, "Measuring…" if aligned == "none" else "Aligning and measuring…")
    from napari_fus_ulm.diagnostics.resolution import resolution

    found = resolution(
        plane_of(take_result()),
        plane_of(take_truth()),
        None if take_fus is None else plane_of(take_fus()),
        aligned=aligned,
        threshold=settings.threshold,
    )
    yield FrcReady(found.result, found.fus, found.local, found.moved, " ".join(found.notes))


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

    return LinePlanes.of(fus, result, ulm)


def has_width(width: Width | NoWidth | None) -> TypeGuard[Width]:
    """Whether a profile shows one vessel whose width can be told."""
    return hasattr(width, "fwhm_um")


def grid_words(result: xr.DataArray, fus: xr.DataArray) -> str:
    """Say how fine the result's grid is, and that this is no resolution."""
    from napari_fus_ulm.metrics.profiles import grid_words

    return grid_words(result, fus)
