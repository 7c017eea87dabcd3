"""Native sampling of the scanner; finer pixels come from interpolation.

A generator knows fUS at 15 MHz, sampled once a wavelength of 100 µm. A finer scanner's image looks
the same at its own sampling, only smaller; so the generator's pixels count in native ones, five
to each.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr

from napari_fus_ulm.errors import UserError
from napari_fus_ulm.grey.intensity import log_power, values_kind
from napari_fus_ulm.grey.native_sampling import (
    DOUBTFUL,
    FINEST_UM,
    SURELY_NATIVE_UM,
    native_sampling,
)
from napari_fus_ulm.grid import Grid, Shape
from napari_fus_ulm.scan import planes

NATIVE_UM: Final = 100.0
"""Sampling that fUS at 15 MHz can fill (one wavelength)."""
ATTRIBUTE: Final = "native_um"
"""Attribute of a scan whose native sampling is known, µm."""


def with_native_um(fus: xr.DataArray, known_um: float | None = None) -> xr.DataArray:
    """Return the scan with its native sampling (µm) on it: the known one, else the estimate."""
    return fus.assign_attrs({ATTRIBUTE: native_um(fus) if known_um is None else known_um})


def native_um(fus: xr.DataArray) -> float:
    """Native sampling of a scan, µm: as set, else estimated from its images.

    Samplings of 70 µm and more are taken for :data:`NATIVE_UM`: probes of about 15 MHz. So are
    those that are finer than any probe's: the image was enlarged without a trace. The
    coarser of both axes counts, and of a stack the first image that is not blank.
    """
    stored = fus.attrs.get(ATTRIBUTE)
    estimate = float(stored) if stored is not None else _estimate(fus)
    return estimate if FINEST_UM <= estimate < SURELY_NATIVE_UM else NATIVE_UM


def native_shape(fus: xr.DataArray) -> Shape:
    """Pixels the image has when its sampling is the native one."""
    grid, native = Grid.of(fus), native_um(fus)
    # Pixels may be a little finer than a wavelength without being an interpolation.
    finest = native * SURELY_NATIVE_UM / NATIVE_UM
    rows, columns = (
        n if step * 1000.0 >= finest else max(8, round(size * 1000.0 / native))
        for n, step, size in zip(grid.shape, grid.spacing_mm, grid.extent_mm, strict=True)
    )
    return rows, columns


def native_pixel_um(fus: xr.DataArray) -> float:
    """Side of a square pixel at native sampling, µm (the geometric mean of both axes)."""
    extent = Grid.of(fus).extent_mm
    sides = [1000.0 * size / n for size, n in zip(extent, native_shape(fus), strict=True)]
    return float(np.sqrt(np.prod(sides)))


def generator_pixel_um(pixel_um: float, fus: xr.DataArray) -> float:
    """Pixel at which a generator of ``pixel_um`` (at 15 MHz) works on a scan, µm."""
    return pixel_um * native_um(fus) / NATIVE_UM


def _estimate(fus: xr.DataArray) -> float:
    spacing = Grid.of(fus).spacing_mm
    if 1000.0 * max(spacing) >= SURELY_NATIVE_UM:
        return 1000.0 * max(spacing)
    for _, plane in planes(fus):
        if np.isfinite(plane.values).all() and plane.values.min() < plane.values.max():
            try:
                shown = log_power(plane.values, values_kind(fus))
            except UserError:  # refused with its sentence when it is enhanced
                break
            down, across, confidence = native_sampling(shown, spacing)
            # Enlarged, but the original sampling of one axis is unknown: most probes have 15 MHz.
            return NATIVE_UM if confidence == DOUBTFUL else max(down, across)
    return NATIVE_UM
