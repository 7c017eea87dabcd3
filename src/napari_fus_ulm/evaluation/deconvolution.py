"""Richardson–Lucy deconvolution of power Doppler: the baseline from physics alone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.evaluation.methods import Fitted, fit_mapped
from napari_fus_ulm.evaluation.pairs import EvaluationPair, Grey
from napari_fus_ulm.grey.intensity import fus_to_grey, log_power
from napari_fus_ulm.grey.intensity_map import apply_monotone_map
from napari_fus_ulm.grey.native import native_shape
from napari_fus_ulm.grey.resampling import resample
from napari_fus_ulm.grid import Shape

PSF_UM = (110.0, 140.0)
"""Axial and lateral FWHM of fUS at 15 MHz from which the tuning starts."""
SCALES = (0.7, 1.0, 1.4, 2.0, 2.8)
ITERATIONS = (3, 6, 10, 20)
TUNING_PAIRS = 4
"""Training pairs on which a candidate's intensity map is fitted while tuning."""
EXPONENTS = {"sqrt": 2.0, "cbrt": 3.0}
"""Exponents that undo the root transforms."""
WITHOUT_POWER = ("display", "unknown", "grey")
"""Kinds of values from which the power cannot be recovered."""


def fit_deconvolution(
    train: Sequence[EvaluationPair], validation: Sequence[EvaluationPair]
) -> Fitted:
    """Choose point spread function and iterations by the validation pairs' mean squared error.

    Without validation pairs, by the training pairs on which the map is fitted.
    """
    few = train[:TUNING_PAIRS]
    judged = validation or few
    best, chosen = math.inf, (1.0, ITERATIONS[0])
    for scale, iterations in itertools.product(SCALES, ITERATIONS):
        images = {id(pair): deconvolved(pair, scale, iterations) for pair in (*few, *judged)}
        table = fit_mapped(lambda pair, images=images: images[id(pair)], few)  # type: ignore[misc]
        errors = [
            np.mean((apply_monotone_map(images[id(pair)], table) - pair.truth) ** 2)
            for pair in judged
        ]
        if (error := float(np.mean(errors))) < best:
            best, chosen = error, (scale, iterations)
    scale, iterations = chosen
    table = fit_mapped(lambda pair: deconvolved(pair, scale, iterations), train)
    axial, lateral = (scale * side for side in PSF_UM)
    side = "validation" if validation else "training"
    note = (
        f"FWHM {axial:.0f} × {lateral:.0f} µm (axial × lateral), {iterations} iterations, chosen "
        f"on {len(judged)} {side} pair{'s' * (len(judged) > 1)}"
    )
    if any(pair.values in WITHOUT_POWER for pair in (*train, *validation)):
        note += ", display values used as power where a file stores nothing else"
    return Fitted(
        lambda pair: apply_monotone_map(deconvolved(pair, scale, iterations), table), note
    )


def deconvolved(pair: EvaluationPair, scale: float, iterations: int) -> Grey:
    """Grey levels in [0, 1] of the deconvolved power Doppler (see :func:`sharpened`)."""
    return fus_to_grey(np.maximum(sharpened(pair, scale, iterations), 0.0), "linear")


def sharpened(pair: EvaluationPair, scale: float, iterations: int) -> Grey:
    """Linear power Doppler after deconvolution, on the pair's grid, up to a factor.

    Richardson (1972) and Lucy (1974) by scikit-image, on linear power interpolated to the grid;
    the border is mirrored so that it does not ring.

    Parameters
    ----------
    pair : EvaluationPair
    scale : float
        Size of the point spread function relative to :data:`PSF_UM`.
    iterations : int
    """
    from skimage.restoration import richardson_lucy

    # So far a power law was only a factor; a convolution needs the power itself.
    logged = EXPONENTS.get(pair.values, 1.0) * log_power(pair.fus.values, pair.values)
    power = np.exp(logged - logged.max())
    fine = np.maximum(_on_grid(power, native_shape(pair.fus), pair.truth.shape), power.min())
    sides = zip(PSF_UM, pair.grid.spacing_mm, strict=True)
    psf = gaussian_psf([scale * fwhm / (1000.0 * step) for fwhm, step in sides])
    margin = [2 * side for side in psf.shape]
    padded = np.pad(fine / fine.mean(), [(m, m) for m in margin], mode="symmetric")
    sharp = richardson_lucy(padded, psf, num_iter=iterations, clip=False)
    inner = sharp[margin[0] : -margin[0], margin[1] : -margin[1]]
    return np.asarray(inner, np.float32)


def gaussian_psf(fwhm: Sequence[float]) -> npt.NDArray[np.float32]:
    """Gaussian of given full widths at half maximum in pixels; its sum is 1."""
    axes = []
    for width in fwhm:
        sigma = width / (2.0 * math.sqrt(2.0 * math.log(2.0)))
        reach = max(1, math.ceil(3.0 * sigma))
        axes.append(np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2))
    psf = np.outer(*axes)
    return np.asarray(psf / psf.sum(), np.float32)


def _on_grid(power: Grey, native: Shape, target: Shape) -> Grey:
    """Linear power at native sampling, interpolated to the grid."""
    return resample(power if power.shape == native else resample(power, native), target)
