"""What kind of picture an image is, in a few numbers that do not depend on how it was displayed.

All but those of the values themselves are taken from *ranks* (each pixel's place among all of
them), so that power, its root, decibels and a display's grey levels give the same numbers; and on
the grid that the image resolves, so that an enlarged picture gives those of the recording behind
it. No
torch: a light beside the input cannot wait for it.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt
from scipy import ndimage, stats

from napari_fus_ulm.grey.native_sampling import native_sampling
from napari_fus_ulm.grey.resampling import area_mean

Floats = npt.NDArray[np.float64]

LARGEST = 512
"""Pixels a side beyond which the middle of an image is looked at."""
SHARE = 0.9
"""Share of the energy of differences below the frequency that an image is said to resolve."""
BRIGHT = 2.0
"""Exponent of the ranks: what is bright counts more, as in the root of power."""
LIKELY_UM = 40.0
"""Pixel (µm) that an image is taken to have when its enlargement is looked for, whatever its file
says: factors up to five are found."""
SURE = 0.6
"""Confidence from which an enlargement is believed."""
SMALLEST = 16
"""Pixels a side below which nothing is measured."""
UPRIGHT_SHAPE = (16, 12)
"""Rows and columns of the coarse picture by which top and bottom are told apart."""

TEXTURE = (
    "fine",
    "coarse",
    "ridge",
    "line",
    "tails",
    "edges",
    "coherence",
    "peak",
    "width",
)
"""Measures of the texture, which are weighed together."""


def measures(image: npt.NDArray[np.floating]) -> dict[str, float]:
    """Describe one plane of finite values.

    Returns
    -------
    dict of str to float
        *levels*: distinct values. *zeros*: share of pixels at the smallest value. *specks*: share
        of the others most of whose neighbours are at the smallest value. *flat*: share of
        neighbours that are equal, the extreme values left out. *rows*, *columns*: pixels that the
        image resolves. *width*: logarithm of their geometric mean. *fine*, *coarse*: energy of
        detail over that of detail twice as large, logarithms. *ridge*: bright lines over dark
        ones, a logarithm. *line*: how elongated structures are, 0.5 to 1. *tails*, *edges*: how
        far the strongest details and gradients exceed the usual ones, logarithms. *coherence*: how
        far neighbouring gradients have one direction, 0 to 1. *peak*: height of the highest single
        frequency, a logarithm.
    """
    image = _middle(np.asarray(image, np.float64))
    found = _of_values(image)
    whole = ranks(_as_sampled(image)) ** BRIGHT
    resolved = [min(n, 2.0 * _reach(whole, axis) * n / SHARE) for axis, n in enumerate(whole.shape)]
    found |= {"rows": resolved[0], "columns": resolved[1]}
    found["width"] = float(0.5 * np.log(max(resolved[0], 1.0) * max(resolved[1], 1.0)))
    rows, columns = (
        min(n, max(SMALLEST, round(1.3 * size)))
        for n, size in zip(whole.shape, resolved, strict=True)
    )
    small = area_mean(whole, (rows, columns)) if (rows, columns) != whole.shape else whole
    return found | _of_texture(ranks(np.asarray(small, np.float64)) ** BRIGHT)


def ranks(image: Floats) -> Floats:
    """Each pixel's place among all of them, 0 to 1; equal values share one."""
    return np.asarray((stats.rankdata(image) - 0.5) / image.size).reshape(image.shape)


def top_over_bottom(image: npt.NDArray[np.floating]) -> Floats:
    """Coarse difference of the upper half and the mirrored lower one; both sides are averaged.

    Of the part that is not dark: gel above the skull says nothing about what is up.
    """
    middle = ranks(np.asarray(image, np.float64)) - 0.5
    bright = ndimage.gaussian_filter(middle, 1.5) > 0.0
    inside = tuple(
        slice(int(lines[0]), int(lines[-1]) + 1)
        for lines in (np.flatnonzero(bright.mean(axis=axis) > 0.25) for axis in (1, 0))
        if lines.size
    )
    part = middle[inside] if len(inside) == 2 else middle
    rows, columns = UPRIGHT_SHAPE
    if min(part.shape) < max(rows, columns):
        return np.zeros(rows * columns // 4)
    small = area_mean(ranks(part) - 0.5, UPRIGHT_SHAPE)
    folded = (small + small[:, ::-1])[:, : columns // 2]
    return np.asarray((folded - folded[::-1])[: rows // 2].ravel(), np.float64)


def _middle(image: Floats) -> Floats:
    starts = [max(0, (n - LARGEST) // 2) for n in image.shape]
    return image[tuple(slice(start, start + LARGEST) for start in starts)]


def _of_values(image: Floats) -> dict[str, float]:
    low, high = image.min(), image.max()
    black = image == low
    around = ndimage.uniform_filter(black.astype(np.float32), 3, mode="nearest") * 9.0
    drawn = ~black
    inside = (image > low) & (image < high)
    equal = [(np.diff(image, axis=axis) == 0)[_both(inside, axis)] for axis in (0, 1)]
    same = np.concatenate([one.ravel() for one in equal])
    return {
        "levels": float(np.unique(image).size),
        "zeros": float(black.mean()),
        "specks": float((around[drawn] > 4.5).mean()) if drawn.any() else 0.0,
        "flat": float(same.mean()) if same.size else 1.0,
    }


def _both(inside: npt.NDArray[np.bool_], axis: int) -> npt.NDArray[np.bool_]:
    one, other = (slice(1, None), slice(None)), (slice(None, -1), slice(None))
    if axis == 1:
        one, other = one[::-1], other[::-1]
    return np.asarray(inside[one] & inside[other])


def _as_sampled(image: Floats) -> Floats:
    """The image at the sampling of the recording behind it, where it shows that it was enlarged."""
    pixel_mm = LIKELY_UM / 1000.0
    down, across, confidence = native_sampling(ranks(image), (pixel_mm, pixel_mm))
    factor = max(down, across) / LIKELY_UM
    if confidence < SURE or factor < 1.0:
        return image
    rows, columns = (min(n, max(SMALLEST, round(n / factor))) for n in image.shape)
    return np.asarray(area_mean(image, (rows, columns)), np.float64)


def _reach(image: Floats, axis: int) -> float:
    """Frequency (cycles/pixel) below which most energy of the differences along an axis lies."""
    lines = np.diff(image, axis=axis)
    lines = lines if axis == 0 else lines.T
    window = np.hanning(len(lines) + 2)[1:-1, None]
    power = (np.abs(np.fft.rfft(lines * window, axis=0)) ** 2).sum(axis=1)
    total = np.cumsum(power)
    if total[-1] <= 0.0:
        return 0.0
    at = np.interp(SHARE * total[-1], total, np.arange(len(total)))
    return float(at / len(lines))


def _of_texture(image: Floats) -> dict[str, float]:
    smooth = partial(ndimage.gaussian_filter, image)
    layers = [smooth(s) - smooth(2.0 * s) for s in (0.5, 1.0, 2.0)]
    energy = [np.log(float(one.std()) + 1e-9) for one in layers]
    down, across = np.gradient(smooth(1.0))
    steep = down**2 + across**2
    bent_down, bent_across = np.gradient(down, axis=0), np.gradient(across, axis=1)
    twisted = np.gradient(down, axis=1)
    half = 0.5 * np.hypot(bent_down - bent_across, 2.0 * twisted)
    mean = 0.5 * (bent_down + bent_across)
    low, high = mean - half, mean + half
    largest = np.maximum(np.abs(low), np.abs(high))
    least = np.minimum(np.abs(low), np.abs(high))
    bright, dark = np.maximum(-low, 0.0) ** 2, np.maximum(high, 0.0) ** 2
    return {
        "fine": energy[0] - energy[1],
        "coarse": energy[1] - energy[2],
        "ridge": float(np.log((bright.mean() + 1e-12) / (dark.mean() + 1e-12))),
        "line": float(((largest - least) * largest).sum() / max(float((largest**2).sum()), 1e-12)),
        "tails": _excess(layers[1]),
        "edges": float(np.log(max(_ratio(steep), 1.0))),
        "coherence": _coherence(down, across),
        "peak": _peak(image),
    }


def _excess(layer: Floats) -> float:
    return float(np.log(max(_ratio((layer - layer.mean()) ** 2), 1.0)))


def _ratio(squares: Floats) -> float:
    return float((squares**2).mean() / max(float(squares.mean()) ** 2, 1e-24))


def _coherence(down: Floats, across: Floats) -> float:
    smooth = partial(ndimage.gaussian_filter, sigma=2.0)
    yy, xx, xy = smooth(down * down), smooth(across * across), smooth(down * across)
    return float(np.hypot(yy - xx, 2.0 * xy).sum() / max(float((yy + xx).sum()), 1e-12))


def _peak(image: Floats) -> float:
    """Highest power of one frequency over the mean of those of its length."""
    windows = [np.hanning(n + 2)[1:-1] for n in image.shape]
    power = np.abs(np.fft.rfft2((image - image.mean()) * np.outer(*windows))) ** 2
    length = np.hypot(np.fft.fftfreq(image.shape[0])[:, None], np.fft.rfftfreq(image.shape[1]))
    ring = np.digitize(length, np.linspace(0.06, 0.5, 12))
    means = ndimage.mean(power, ring, np.arange(13))
    inside = (ring > 0) & (ring < 12)
    return float(np.log((power / np.maximum(means[ring], 1e-30))[inside].max()))
