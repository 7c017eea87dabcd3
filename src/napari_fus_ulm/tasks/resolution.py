"""Down to which detail a result agrees with a ULM (FRC), and the widths of one vessel in all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeGuard, get_args

import numpy as np
import xarray as xr

from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.inference.events import Progress
from napari_fus_ulm.tasks.events import Take, plane_of
from napari_fus_ulm.tasks.truth import Alignment

if TYPE_CHECKING:
    from napari_fus_ulm.metrics.frc import RingCorrelation
    from napari_fus_ulm.metrics.profiles import LinePlanes
    from napari_fus_ulm.metrics.widths import NoWidth, Width
    from napari_fus_ulm.registration.affine import Registered

Threshold = Literal["1/7", "half-bit", "2-sigma", "3-sigma"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionSettings:
    """How two images are compared ring by ring.

    Parameters
    ----------
    aligned : {"no", "shift", "affine"}
        Whether the ground truth is moved onto the result first.
    threshold : {"1/7", "half-bit", "2-sigma", "3-sigma"}
        Above it two images agree.

    Raises
    ------
    SettingsError
        If one is none of these.
    """

    aligned: Alignment = "no"
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
        How it was moved, a sentence; empty where it was not.
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
    yield Progress(0, 0, "Measuring…" if aligned == "no" else "Aligning and measuring…")
    from napari_fus_ulm.diagnostics.truth import largest_rectangle
    from napari_fus_ulm.grey.condition import condition_on_grid
    from napari_fus_ulm.grey.reference import reference_on_grid
    from napari_fus_ulm.grid import Grid
    from napari_fus_ulm.metrics.frc import frc_map, ring_correlation
    from napari_fus_ulm.registration.affine import register_affine, register_shift
    from napari_fus_ulm.registration.shift import align
    from napari_fus_ulm.scan import spacing_of

    result, truth = plane_of(take_result()), plane_of(take_truth())
    box, moved, note = (slice(None), slice(None)), None, ""
    if aligned == "no":
        reference = reference_on_grid(truth, Grid.of(result))
    else:
        found = (
            register_shift(result, truth, align(result, truth))
            if aligned == "shift"
            else register_affine(result, truth)
        )
        applied = found.applied(truth)
        moved, box = result.copy(data=applied.grey), largest_rectangle(applied.known)
        reference, note = applied.grey, f"The ULM was moved by {_how(found, aligned)}."
    pixel, threshold = spacing_of(result), settings.threshold
    one, truth_part = result.values[box], reference[box]
    local = result.copy(data=np.full(result.shape, np.nan, np.float32))
    local.values[box] = frc_map(one, truth_part, pixel, threshold=threshold)
    other = None
    if take_fus is not None:
        fus = plane_of(take_fus())
        grey = condition_on_grid(fus, Grid.of(result))
        other = ring_correlation(grey[box], truth_part, pixel, threshold)
    yield FrcReady(ring_correlation(one, truth_part, pixel, threshold), other, local, moved, note)


def _how(found: Registered, aligned: str) -> str:
    if aligned == "affine":
        return f"an affine map: {found}"
    down, right = (1000.0 * mm for mm in found.shift_mm)
    before, after = found.correlation_before, found.correlation
    return (
        f"{down:+.0f} µm down and {right:+.0f} µm right (correlation {before:.2f} before, "
        f"{after:.2f} after)"
    )


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
