"""A pair ready to learn from: grey power Doppler and grey ULM on one grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.grey.condition import condition_on_grid
from napari_fus_ulm.grey.reference import binned_reference
from napari_fus_ulm.grid import Grid, check_same_extent

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PreparedPair:
    """fUS and ULM grey levels in [0, 1] on one grid, both (height, width).

    Only what patches are drawn from. Simulated scans, before they are resampled to a grid, are a
    `napari_fus_ulm.phantom.PhantomPair`; a `napari_fus_ulm.evaluation.pairs.EvaluationPair` holds
    scans and grey levels, because a method may start from either.
    """

    fus: Array
    ulm: Array


def prepare_pair(fus: xr.DataArray, ulm: xr.DataArray, pixel_um: float) -> PreparedPair:
    """Put one 2-D pair of the same extent onto a grid of ``pixel_um``.

    Raises
    ------
    ValueError
        If the extents differ by more than half a fUS pixel.
    """
    field = Grid.of(fus)
    check_same_extent(field, Grid.of(ulm))
    grid = field.with_pixel_um(pixel_um)
    return PreparedPair(condition_on_grid(fus, grid), binned_reference(ulm, grid.shape))
