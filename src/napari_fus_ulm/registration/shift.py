"""Two images of one field of view that lie a little apart: shift one, keep what both show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import MeasureError
from napari_fus_ulm.grey.image import grey_image
from napari_fus_ulm.grid import Grid

Box = tuple[slice, slice]

REGISTERED_UM = 20.0
"""Pixel on which the shift is looked for."""
FINER = 20
"""The shift is resolved to this fraction of the pixel."""
LEAST_SHARE = 0.25
"""Share of the smaller image that must remain."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Aligned:
    """The common part of two images.

    Attributes
    ----------
    image, reference : xarray.DataArray
        Cropped, not interpolated: counts stay counts. What remains is half a pixel of each.
    box : tuple of slice
        Where ``image`` lay in what was cropped.
    shift_mm : tuple of float
        How far the image was moved down and to the right.
    """

    image: xr.DataArray
    reference: xr.DataArray
    box: Box
    shift_mm: tuple[float, float]


def align(image: xr.DataArray, reference: xr.DataArray) -> Aligned:
    """Register an image to its reference by a translation and crop both to what they share.

    Cross-correlation of the grey levels by the upsampled Fourier transform (Guizar-Sicairos,
    Opt. Lett. 33, 2008; scikit-image). Grey levels, so that single pixels with thousands of
    counts do not decide; not whitened, which follows the noise of single bubbles.

    Parameters
    ----------
    image, reference : xarray.DataArray
        2-D scans.

    Raises
    ------
    ValueError
        If the common part is less than a quarter of the smaller one.
    """
    from skimage.registration import phase_cross_correlation

    greys = [grey_image(scan, REGISTERED_UM).grey for scan in (reference, image)]
    # As large as both together: a circular correlation would take a far shift for a near one.
    shape = [sum(sides) for sides in zip(*(grey.shape for grey in greys), strict=True)]
    padded = []
    for grey in greys:
        missing = [(0, n - side) for n, side in zip(shape, grey.shape, strict=True)]
        padded.append(np.pad(grey - grey.mean(), missing))
    offset = phase_cross_correlation(*padded, upsample_factor=FINER, normalization=None)[0]
    extents = np.array([Grid.of(scan).extent_mm for scan in (image, reference)])
    # Pixels of the grid are those of the reference, to the last digit.
    steps = extents[1] / greys[0].shape
    shift = np.asarray(offset, np.float64) * steps
    begin = np.maximum(shift, 0.0)
    side = np.minimum(extents[1], shift + extents[0]) - begin
    if (side <= 0).any() or side.prod() < LEAST_SHARE * extents.prod(axis=1).min():
        raise MeasureError(
            f"The two images would have to be shifted by {shift[0]:+.2f} mm down and "
            f"{shift[1]:+.2f} mm right, where they hardly overlap; do they show the same section?"
        )
    box = _part(image, begin - shift, side)
    return Aligned(
        image=image[box],
        reference=reference[_part(reference, begin, side)],
        box=box,
        shift_mm=(float(shift[0]), float(shift[1])),
    )


def _part(scan: xr.DataArray, begin: npt.NDArray[np.float64], side: npt.NDArray[np.float64]) -> Box:
    """The part that begins ``begin`` mm from the outer corner, in whole pixels."""
    parts = []
    grid = Grid.of(scan)
    for n, step, first, length in zip(grid.shape, grid.spacing_mm, begin, side, strict=True):
        count = max(1, int(np.floor(length / step + 1e-6)))
        start = max(0, min(round(first / step), n - count))
        parts.append(slice(start, start + count))
    return parts[0], parts[1]
