"""From scans to what a generator sees: grey images on its own grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.grey.grid import Shape, area_mean, bin_counts, grid_shape, resample
from napari_fus_ulm.grey.intensity import (
    FusRange,
    count_unit,
    fus_range,
    log_power,
    to_grey,
    ulm_to_grey,
)
from napari_fus_ulm.scan import extent_of, spacing_of

Array = npt.NDArray[np.float32]

NATIVE_UM = 100.0
"""Sampling that fUS at 15 MHz can fill (one wavelength)."""
FINEST_NATIVE_UM = 70.0
"""Finer pixels than this cannot come from the scanner: somebody has upsampled the image."""


@dataclass(frozen=True, slots=True)
class PreparedPair:
    """fUS and ULM grey levels in [0, 1] on one grid, both (height, width)."""

    fus: Array
    ulm: Array


def native_shape(fus: xr.DataArray) -> Shape:
    """Pixels the image has when its sampling is what fUS can resolve."""
    extent, spacing = extent_of(fus), spacing_of(fus)
    rows, columns = (
        n if step * 1000.0 >= FINEST_NATIVE_UM else max(8, round(size * 1000.0 / NATIVE_UM))
        for n, step, size in zip(fus.shape[-2:], spacing, extent, strict=True)
    )
    return rows, columns


def native_pixel_um(fus: xr.DataArray) -> float:
    """Side of a square pixel at native sampling, µm (the geometric mean of both axes)."""
    sides = [1000.0 * size / n for size, n in zip(extent_of(fus), native_shape(fus), strict=True)]
    return float(np.sqrt(np.prod(sides)))


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


def reference_grey(ulm: npt.NDArray[np.floating], shape: Shape) -> Array:
    """Grey ULM on a grid over the same extent: bin the counts first, then take the logarithm."""
    counts = bin_counts(ulm, shape) if shape[0] <= ulm.shape[0] else resample(ulm, shape)
    return ulm_to_grey(counts, count_unit(ulm))


def prepare_pair(fus: xr.DataArray, ulm: xr.DataArray, pixel_um: float) -> PreparedPair:
    """Put one 2-D pair of the same extent onto a grid of ``pixel_um``.

    Raises
    ------
    ValueError
        If the extents differ by more than half a fUS pixel.
    """
    check_same_extent(fus, ulm)
    target = grid_shape(extent_of(fus), pixel_um)
    logged = log_power(fus.values, str(fus.attrs.get("values", "linear")))
    return PreparedPair(
        condition_grey(logged, native_shape(fus), target), reference_grey(ulm.values, target)
    )


def same_extent(fus: xr.DataArray, other: xr.DataArray) -> bool:
    """Whether two images cover the same field of view.

    Half a fUS pixel is forgiven, also where ``fus`` has been brought to finer pixels.
    """
    slack = (0.5 * max(step, NATIVE_UM / 1000.0) for step in spacing_of(fus))
    sides = zip(extent_of(fus), extent_of(other), slack, strict=True)
    return all(abs(one - two) <= forgiven for one, two, forgiven in sides)


def check_same_extent(fus: xr.DataArray, ulm: xr.DataArray) -> None:
    """Raise ValueError where two images do not cover the same field of view."""
    if not same_extent(fus, ulm):
        a, b = extent_of(fus), extent_of(ulm)
        what = "result" if fus.attrs.get("generated") else "fUS image"
        raise ValueError(
            f"The {what} covers {a[1]:.3f} × {a[0]:.3f} mm and the ULM image "
            f"{b[1]:.3f} × {b[0]:.3f} mm (width × height). Crop or register them to the same field "
            "of view, or correct the pixel size of the one that is wrong."
        )
