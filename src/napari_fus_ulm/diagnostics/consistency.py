"""A result at the resolution of fUS, compared with the input.

A ground truth does not reach 1: power Doppler shows volume, ULM tracks of single bubbles. A result
that comes closer to 1 than the ground truth of phantoms sharpens the input, speckle included.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import ndimage

from napari_fus_ulm.grey.intensity import log_power, values_kind
from napari_fus_ulm.grey.native import native_shape
from napari_fus_ulm.grey.resampling import area_mean
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.metrics.profiles import COUNTS

Floats = npt.NDArray[np.float32]

FULL_WIDTH = 2.0 * np.sqrt(2.0 * np.log(2.0))
PSF_UM = (110.0, 140.0)
"""Axial and lateral FWHM of fUS at usual frequencies, µm."""
GROUND_TRUTH = (0.68, 0.10)
"""Consistency of the ground truth: mean and standard deviation over ten phantoms
(``docs/make_gallery.py``)."""
WINDOW_UM = 400.0
"""Standard deviation of the window of a local correlation."""


def blurred(grey: npt.NDArray[np.floating], pixel_um: tuple[float, float]) -> Floats:
    """Counts that log grey levels represent, blurred by the PSF of fUS.

    Parameters
    ----------
    grey : (height, width) array
        In [0, 1].
    pixel_um : tuple of float
        Axial and lateral size of a pixel.
    """
    counts = np.expm1(np.clip(grey, 0.0, 1.0) * np.log1p(COUNTS))
    sigma = [width / FULL_WIDTH / step for width, step in zip(PSF_UM, pixel_um, strict=True)]
    return np.asarray(ndimage.gaussian_filter(counts, sigma), np.float32)


def consistency(grey: npt.NDArray[np.floating], fus: xr.DataArray) -> float:
    """Rank correlation of the input with a ULM-like picture at the resolution of fUS.

    Parameters
    ----------
    grey : (height, width) array
        Grey levels in [0, 1] over the extent of ``fus``.
    fus : xarray.DataArray
        One plane of power Doppler.
    """
    from scipy.stats import spearmanr

    logged = log_power(fus.values, values_kind(fus))
    power = area_mean(logged, native_shape(fus))
    (height, width), (rows, columns) = Grid.of(fus).extent_mm, grey.shape
    steps = 1000.0 * height / rows, 1000.0 * width / columns
    seen = area_mean(blurred(grey, steps), power.shape)
    return float(spearmanr(power.ravel(), seen.ravel()).statistic)


def beside_ground_truth(agreement: float) -> str:
    """Say how a result's consistency compares with that of a ground truth."""
    mean, sd = GROUND_TRUTH
    text = f"At the resolution of fUS it correlates with its input by r = {agreement:.2f}"
    if agreement < mean - 2.0 * sd:
        return f"{text}, less than the ground truth of simulated sections ({mean:.2f} ± {sd:.2f})."
    if agreement > mean + 2.0 * sd:
        return (
            f"{text}, more than the ground truth of simulated sections ({mean:.2f} ± {sd:.2f}): "
            "it also follows the input's speckle."
        )
    return f"{text}, like the ground truth of simulated sections ({mean:.2f} ± {sd:.2f})."


def local_agreement(
    grey: npt.NDArray[np.floating], condition: npt.NDArray[np.floating], pixel_mm: float
) -> Floats:
    """Correlation of the blurred result with the input around every pixel, -1 to 1.

    Parameters
    ----------
    grey, condition : (height, width) arrays
        Grey levels of the result and of the input on one grid.
    pixel_mm : float
    """
    pixel_um = 1000.0 * pixel_mm
    one = np.log1p(blurred(grey, (pixel_um, pixel_um))).astype(np.float64)
    other = np.asarray(condition, np.float64)
    sigma = WINDOW_UM / pixel_um

    def mean(image: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(ndimage.gaussian_filter(image, sigma), np.float64)

    a, b = one - mean(one), other - mean(other)
    power = np.sqrt(np.maximum(mean(a * a) * mean(b * b), 1e-12))
    return np.asarray(np.clip(mean(a * b) / power, -1.0, 1.0), np.float32)
