"""The finest scale at which a result agrees with a ground truth: Fourier ring correlation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from napari_fus_ulm.grey.condition import condition_on_grid
from napari_fus_ulm.metrics.frc import RingCorrelation, Threshold, frc_map, ring_correlation
from napari_fus_ulm.registration.lay import lay_on


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resolution:
    """The finest scale at which a result agrees with the ground truth.

    Attributes
    ----------
    result : RingCorrelation
        Of the result with the ground truth.
    fus : RingCorrelation or None
        Of the power Doppler with the ground truth, where given.
    local : xarray.DataArray or None
        Local resolution on the result's grid, µm; NaN where there is none. None if not requested.
    moved : xarray.DataArray or None
        The ground truth on the result's grid, where it was moved.
    notes : tuple of str
        Sentences about what was moved and what was compared.
    """

    result: RingCorrelation
    fus: RingCorrelation | None
    local: xr.DataArray | None
    moved: xr.DataArray | None
    notes: tuple[str, ...]


def resolution(
    result: xr.DataArray,
    truth: xr.DataArray,
    fus: xr.DataArray | None = None,
    *,
    aligned: str = "none",
    threshold: Threshold = "1/7",
    local: bool = True,
) -> Resolution:
    """Measure the Fourier ring correlation of a result, and its input, with a ground truth.

    Parameters
    ----------
    result, truth : xarray.DataArray
        2-D: a generated picture, and a ULM map. See `napari_fus_ulm.registration.lay.lay_on`.
    fus : xarray.DataArray, optional
        2-D power Doppler over the field of the result.
    aligned : {"none", "shift", "affine"}
        How the ground truth is laid on the result.
    threshold : {"1/7", "half-bit", "2-sigma", "3-sigma"}
    local : bool
        Measure it around every pixel too, which takes longer.

    Raises
    ------
    ValueError
        If one is not a plane, or they hardly overlap.
    """
    laid = lay_on(result, truth, aligned)
    box, pixel = laid.box, laid.grid.spacing_mm
    reference = laid.reference[box]
    around = None
    if local:
        around = result.copy(data=np.full(result.shape, np.nan, np.float32))
        around.values[box] = frc_map(result.values[box], reference, pixel, threshold=threshold)
    doppler = None
    if fus is not None:
        grey = condition_on_grid(fus, laid.grid)
        doppler = ring_correlation(grey[box], reference, pixel, threshold)
    return Resolution(
        result=ring_correlation(result.values[box], reference, pixel, threshold),
        fus=doppler,
        local=around,
        moved=result.copy(data=laid.reference) if laid.registration else None,
        notes=laid.notes,
    )
