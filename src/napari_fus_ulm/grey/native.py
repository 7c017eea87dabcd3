"""Native sampling of the scanner; finer pixels come from interpolation."""

from __future__ import annotations

import numpy as np
import xarray as xr

from napari_fus_ulm.grid import Grid, Shape

NATIVE_UM = 100.0
"""Sampling that fUS at 15 MHz can fill (one wavelength)."""
FINEST_NATIVE_UM = 70.0
"""Finer pixels than this cannot come from the scanner: the image has been upsampled."""


def native_shape(fus: xr.DataArray) -> Shape:
    """Pixels the image has when its sampling is what fUS can resolve."""
    grid = Grid.of(fus)
    rows, columns = (
        n if step * 1000.0 >= FINEST_NATIVE_UM else max(8, round(size * 1000.0 / NATIVE_UM))
        for n, step, size in zip(grid.shape, grid.spacing_mm, grid.extent_mm, strict=True)
    )
    return rows, columns


def native_pixel_um(fus: xr.DataArray) -> float:
    """Side of a square pixel at native sampling, µm (the geometric mean of both axes)."""
    extent = Grid.of(fus).extent_mm
    sides = [1000.0 * size / n for size, n in zip(extent, native_shape(fus), strict=True)]
    return float(np.sqrt(np.prod(sides)))
