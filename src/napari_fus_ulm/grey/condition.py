"""What a generator is conditioned on: grey power Doppler on the generator's grid."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.grey.intensity import FusRange, fus_range, log_power, to_grey, values_kind
from napari_fus_ulm.grey.native import native_shape
from napari_fus_ulm.grey.resampling import area_mean, resample
from napari_fus_ulm.grid import Grid, Shape

Array = npt.NDArray[np.float32]


def condition_grey(
    log_plane: Array, native: Shape, target: Shape, limits: FusRange | None = None
) -> Array:
    """Grey image on the generator's grid from the log power of one plane.

    Parameters
    ----------
    log_plane : (height, width) array
        See :func:`napari_fus_ulm.grey.intensity.log_power`.
    native : tuple of int
        Shape at native sampling; a finer plane is first averaged to it.
    target : tuple of int
        Shape of the generator's grid.
    limits : FusRange, optional
        Range shared by all planes of a stack; the plane's own by default.
    """
    if native != log_plane.shape:
        log_plane = area_mean(log_plane, native)
    grey = to_grey(log_plane, limits or fus_range(log_plane))
    return np.clip(resample(grey, target), 0.0, 1.0)


def condition_on_grid(fus: xr.DataArray, grid: Grid) -> Array:
    """Grey image of one plane of power Doppler on a grid over the same field.

    Parameters
    ----------
    fus : xarray.DataArray
        2-D; where it does not say what its values are, they are guessed.
    grid : Grid
        Of the generator, or of a result.

    Raises
    ------
    ValueError
        If no pixel is positive where a logarithm must be taken.
    """
    logged = log_power(fus.values, values_kind(fus))
    return condition_grey(logged, native_shape(fus), grid.shape)
