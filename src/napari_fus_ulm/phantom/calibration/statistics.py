"""Measures of one fUS image or ULM map that simulated and real recordings are compared by.

Every function states its transform, its mask and its threshold, because a statistic of an image
means nothing without them. The same functions measure real recordings and phantoms.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, grey_opening

from napari_fus_ulm.grey.resampling import area_mean
from napari_fus_ulm.metrics.centrelines import apparent_width_um, skeleton, skeleton_mm
from napari_fus_ulm.metrics.vessels import VesselRule, vessel_mask
from napari_fus_ulm.phantom.vessels import Vessels

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Image = npt.NDArray[np.floating]
Pair = tuple[float, float]

FWHM = 2.3548
"""Full width at half maximum of a Gaussian in standard deviations."""
DISPLAY_WHITE = 99.7
"""Percentile of power Doppler that is shown white."""
BACKGROUND_MM = 1.5
"""Side of the square window of the background's grey opening."""
OCCUPANCY = VesselRule(smooth_um=10.0, low=0.35, high=0.35, local_share=0.0)
"""A vessel of a count map: where at least 35 % of the pixels around hold a count (Gaussian of
10 µm), specks under 5,000 µm² removed. Of the rules that were tried on the two mouse maps (log and
cube-root counts and occupancy; pixels of 5, 10 and 20 µm; several thresholds) this one, on maps
binned 2 × 2 to 9.8 µm, comes nearest to the documented widths of 21, 58 and 145 µm: it gives 20,
55 to 59 and 128 to 132 µm, and 4.2 to 4.6 mm/mm². From 30 % down every edge grows by a pixel. Maps
are binned by whole pixels only: resampled counts spread over more pixels than hold a bubble. A
slanting chain of single pixels is lost, a straight one is not."""
PROFILE = np.sqrt((np.arange(5) + 0.5) / 5) * 2.0
"""Speeds of bubbles in a Poiseuille profile, in mean speeds: the middles of five equal shares.

Bubbles cross a section in proportion to the local flux, so u = v / (2 × mean) has the density 2u.
"""

PATCH = 128
"""Side of a texture patch, pixels of :data:`TEXTURE_UM`."""
PATCH_STEP = 64
TEXTURE_UM = 20.0
BANDS = (0.39, 0.78, 1.5625, 3.125, 6.25, 12.5, 25.0)
"""Edges of the octaves of spatial frequency, cycles/mm; the last is the grid's limit."""
FUS_BANDS = 4
"""Octaves that power Doppler is compared in: up to 6.25 cycles/mm; its own limit is about 5, and
what lies above is interpolation."""
GREY_QUANTILES = (5, 25, 50, 75, 95)


def display(power: Image) -> Array:
    """Linear power Doppler as it is shown: square root, white at the 99.7th percentile, [0, 1]."""
    root = np.sqrt(np.maximum(np.asarray(power, dtype=np.float64), 0.0))
    white = float(np.percentile(root, DISPLAY_WHITE))
    return np.asarray(np.clip(root / max(white, 1e-12), 0.0, 1.0))


def background_share(shown: Image, pixel_mm: Pair) -> float:
    """Share of the mean displayed power Doppler that lies in a smooth background, 0 to 1.

    Transform: none; ``shown`` is a displayed image (:func:`display` for linear data, the grey
    levels as published for a picture). Background: grey opening with a flat square window of
    1.5 mm: what is left when everything narrower is removed. Mask: none, the whole
    image. No threshold.

    On phantoms whose drawn share of the capillary bed is 0.3, 0.45, 0.6, 0.75 and 0.9 it gives
    0.47, 0.52, 0.58, 0.66 and 0.74: speckle and noise pull it down, haze and vessels too close to
    be resolved push it up, so it can only be compared with itself.
    """
    shown = np.asarray(shown, dtype=np.float64)
    window = tuple(max(1, round(BACKGROUND_MM / side)) | 1 for side in pixel_mm)
    return float(grey_opening(shown, window, mode="reflect").mean() / shown.mean())


def blurred_to_fus(counts: Image, shape: tuple[int, int], pixel_um: float, fwhm_um: Pair) -> Array:
    """ULM counts at the resolution of fUS: Gaussian of the PSF's FWHM, then mean over its pixels.

    Parameters
    ----------
    counts : (height, width) array
        Counts on square pixels of ``pixel_um`` over the field of view of the fUS image.
    shape : tuple of int
        Of the fUS image.
    fwhm_um : tuple of float
        Axial and lateral full width at half maximum, µm.
    """
    sigma = [width / FWHM / pixel_um for width in fwhm_um]
    blurred = gaussian_filter(np.asarray(counts, dtype=np.float64), sigma)
    return np.asarray(area_mean(blurred, shape), dtype=np.float64)


def rank_correlation(power: Image, blurred: Image, mask: Mask) -> float:
    """Spearman correlation of power Doppler and blurred ULM counts over the pixels of a mask.

    Transform: none is needed, ranks are the same for any. Mask: the brain, from its surface down
    to the end of the image. n is the number of its fUS pixels (they are correlated, so no
    confidence interval follows from n).
    """
    from scipy.stats import spearmanr

    return float(spearmanr(np.asarray(power)[mask], np.asarray(blurred)[mask]).statistic)


def count_share(counts: Image) -> float:
    """Share of a map's pixels that hold a count, 0 to 1. Mask: none. Threshold: above 0."""
    return float((np.asarray(counts) > 0).mean())


def count_percentiles(counts: Image) -> Array:
    """50th, 90th and 99th percentile of the counts that are not 0. Mask: none."""
    return np.asarray(np.percentile(counts[counts > 0], [50, 90, 99]))


def map_mask(counts: Image, pixel_um: float) -> Mask:
    """Vessels of a count map on pixels of ``pixel_um``: :data:`OCCUPANCY` of counts above 0."""
    return vessel_mask((counts > 0).astype(np.float32), pixel_um / 1000.0, rule=OCCUPANCY)


def length_density(mask: Mask, pixel_um: float) -> float:
    """Length of the centrelines of a vessel mask over the area of the whole image, mm/mm²."""
    pixel_mm = pixel_um / 1000.0
    return skeleton_mm(skeleton(mask), pixel_mm) / (mask.size * pixel_mm**2)


def width_percentiles(mask: Mask, pixel_um: float) -> Array:
    """10th, 50th and 90th percentile of the apparent width over centreline pixels, µm."""
    pixel_mm = pixel_um / 1000.0
    widths = apparent_width_um(mask, pixel_mm)[skeleton(mask)]
    return np.asarray(np.percentile(widths, [10, 50, 90]))


def bubble_speed_percentiles(vessels: Vessels, extent_um: Pair, slice_um: float) -> Array:
    """50th, 90th and 99th percentile of the speed that a tracker would measure, mm/s.

    Every 10 µm of vessel inside the field of view weighs as many bubbles as pass it (its flow r²v)
    times the elevation profile (Gaussian, FWHM ``slice_um``); their speeds are those of a
    Poiseuille profile, times the in-plane part of the vessel's direction. Mask and threshold: none.

    Parameters
    ----------
    vessels : Vessels
        z is 0 in the plane.
    extent_um : tuple of float
        Depth and width of the field of view, µm.
    slice_um : float
        Full width at half maximum of the elevation profile, µm.
    """
    x, y, z = vessels.points.T
    inside = (x >= 0) & (x < extent_um[1]) & (y >= 0) & (y < extent_um[0])
    seen = np.exp(-0.5 * (z / (slice_um / FWHM)) ** 2)
    weight = (vessels.radii**2 * vessels.speed * seen)[inside]
    in_plane = np.linalg.norm(vessels.tangents()[inside, :2], axis=1)
    speed = (vessels.speed[inside] * in_plane)[:, None] * PROFILE
    order = np.argsort(speed, axis=None)
    passed = np.cumsum(np.repeat(weight, len(PROFILE))[order])
    at = np.searchsorted(passed, np.array([0.5, 0.9, 0.99]) * passed[-1])
    return np.asarray(speed.ravel()[order][at], dtype=np.float64)


def patches(grey: Image, covered: Mask) -> Array:
    """(n, 128, 128) patches every 64 pixels of which at least half is covered by tissue.

    Parameters
    ----------
    grey : (height, width) array
        Grey levels in [0, 1] on pixels of 20 µm.
    covered : (height, width) array of bool
        See :func:`tissue_of_fus` and :func:`tissue_of_ulm`.
    """
    rows, columns = (range(0, side - PATCH + 1, PATCH_STEP) for side in grey.shape)
    cut = [(slice(r, r + PATCH), slice(c, c + PATCH)) for r in rows for c in columns]
    parts = [np.asarray(grey[where], np.float64) for where in cut if covered[where].mean() >= 0.5]
    return np.stack(parts) if parts else np.zeros((0, PATCH, PATCH))


def tissue_of_fus(grey: Image) -> Mask:
    """Where a grey fUS image shows tissue: above 0.05 after a Gaussian of 0.3 mm."""
    return np.asarray(gaussian_filter(grey, 300.0 / TEXTURE_UM) > 0.05)


def tissue_of_ulm(grey: Image) -> Mask:
    """Where a ULM map shows tissue: at least 2 % of the pixels hold a count (Gaussian, 0.3 mm)."""
    return np.asarray(gaussian_filter((grey > 0).astype(np.float64), 300.0 / TEXTURE_UM) > 0.02)


def band_powers(stack: Array) -> Array:
    """Spectrum of patches: (n, 6) log10 of the power per coefficient, relative to white noise.

    Mean removed, Hann window, the patch's own variance taken out: white noise gives 0 in every
    octave of :data:`BANDS` (between 0.39 and 25 cycles/mm, radial).
    """
    window = np.hanning(PATCH + 1)[:-1]
    flat = stack - stack.mean(axis=(1, 2), keepdims=True)
    power = np.abs(np.fft.fft2(flat * window[:, None] * window)) ** 2
    cycles = np.fft.fftfreq(PATCH, TEXTURE_UM / 1000.0)
    radius = np.hypot(cycles[:, None], cycles)
    rings = [(radius >= low) & (radius < high) for low, high in itertools.pairwise(BANDS)]
    whole = power[:, (radius >= BANDS[0]) & (radius < BANDS[-1])].mean(axis=1)
    shares = [power[:, ring].mean(axis=1) / np.maximum(whole, 1e-30) for ring in rings]
    return np.asarray(np.log10(np.maximum(np.stack(shares, axis=1), 1e-12)))


def grey_quantiles(stack: Array) -> Array:
    """(n, 5) quantiles of the grey levels of patches: 5, 25, 50, 75 and 95 %."""
    flat = stack.reshape(len(stack), PATCH * PATCH)
    return np.asarray(np.percentile(flat, GREY_QUANTILES, axis=1).T)


def fus_texture(grey: Image) -> Array:
    """(n, 9) octaves and grey quantiles of the patches of a prepared fUS image, grid of 20 µm."""
    stack = patches(grey, tissue_of_fus(grey))
    return np.hstack([band_powers(stack)[:, :FUS_BANDS], grey_quantiles(stack)])


def ulm_texture(grey: Image) -> Array:
    """(n, 11) octaves and grey quantiles of the patches of a prepared ULM map, grid of 20 µm."""
    stack = patches(grey, tissue_of_ulm(grey))
    return np.hstack([band_powers(stack), grey_quantiles(stack)])
