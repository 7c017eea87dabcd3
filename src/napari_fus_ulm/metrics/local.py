"""Fidelity pixel by pixel: where a picture differs from its reference, and by how much."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.interruption import give_way
from napari_fus_ulm.metrics.fidelity import SSIM_SIGMA, SSIM_SMALLEST, _checked

Floats = npt.NDArray[np.float64]


def error_map(image: npt.ArrayLike, reference: npt.ArrayLike) -> Floats:
    """Return image − reference: above 0 where the picture is brighter than its reference.

    The mean of its square is `fidelity`'s MSE.

    Parameters
    ----------
    image, reference : array of shape (rows, columns)
        Grey levels in [0, 1], the same shape.

    Returns
    -------
    float array of shape (rows, columns)
        −1 to 1.

    Raises
    ------
    ValueError
        If the images differ in shape, are not two-dimensional, are empty, hold NaN or infinite
        values, or leave [0, 1].
    """
    picture, truth = _checked(image, reference, 1)
    return np.asarray(picture - truth, dtype=np.float64)


def ssim_map(image: npt.ArrayLike, reference: npt.ArrayLike) -> Floats:
    """Return the structural similarity around each pixel, as `fidelity` measures it.

    Wang et al., IEEE TIP 13(4), 2004, by scikit-image with the settings of `fidelity`. The mean
    of the map without its border (half a window) is the reported SSIM; in the border the image is
    continued by reflection. Where both pictures are black it is 1.

    Parameters
    ----------
    image, reference : array of shape (rows, columns)
        Grey levels in [0, 1], the same shape, at least 11×11 pixels.

    Returns
    -------
    float array of shape (rows, columns)
        −1 to 1; 1 is best.

    Raises
    ------
    ValueError
        As `fidelity` does.
    """
    from skimage.metrics import structural_similarity

    give_way()

    picture, truth = _checked(image, reference, SSIM_SMALLEST)
    _, local = structural_similarity(
        truth,
        picture,
        data_range=1.0,
        gaussian_weights=True,
        sigma=SSIM_SIGMA,
        use_sample_covariance=False,
        full=True,
    )
    return np.asarray(local, dtype=np.float64)
