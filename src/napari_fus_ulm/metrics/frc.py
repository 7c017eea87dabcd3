"""Fourier ring correlation: down to which scale two pictures of one section agree.

What it shows depends on the two pictures. Two ULM maps of halves of the data give the usual FRC
resolution of ULM (Hingot et al., IEEE TMI 40(12), 2021). A generated picture with a ULM gives the
finest detail that is in the right place; sharpness plays no part, because every ring is
normalised by its own power.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.errors import MeasureError, SettingsError

Floats = npt.NDArray[np.float64]
Spacing = float | tuple[float, float]
Threshold = Literal["1/7", "half-bit", "2-sigma", "3-sigma"]
Reached = Literal["crossing", "everywhere", "nowhere"]

TAPER = 0.5
"""Share of a side over which the window (Tukey's) falls to 0, both ends together."""
SIGMAS = 3.0
"""Standard deviations above noise from which a correlation counts as agreement.

Of independent noise, the few Fourier pixels of the innermost rings often correlate above any
threshold by chance.
"""
BEGIN = 4
"""Agreement begins in the first quarter of the rings, or there is none."""
SMALLEST = 16
"""Pixels a side below which there are too few rings."""
WINDOW_MM, STEP_MM = 1.0, 0.2
"""Side of the window of a local FRC, and how far it moves."""
_BATCH = 256
"""Windows transformed at once: about 10 MB each array."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RingCorrelation:
    """A Fourier ring correlation curve and its resolution.

    Attributes
    ----------
    frequency : array of shape (rings,)
        Mean of each ring, cycles/mm; up to the smaller Nyquist frequency of the two axes.
    correlation : array of shape (rings,)
        −1 to 1; 0 where a picture holds nothing.
    smoothed : array of shape (rings,)
        Mean over three rings, weighted by their Fourier pixels; compared with the threshold.
    count : array of shape (rings,)
        Fourier pixels.
    threshold : array of shape (rings,)
        That the curve is compared with.
    threshold_name : str
        "1/7", "half-bit", "2-sigma" or "3-sigma".
    finest_um : float
        The finest detail (a period) that the pixels can hold, µm.
    reached : {"crossing", "everywhere", "nowhere"}
        The curve falls below the threshold; it stays above up to the finest detail; it is not
        above, or not significantly.
    resolution_um : float or None
        1 / the frequency where the curve first falls below the threshold, µm; None without one.
    """

    frequency: Floats
    correlation: Floats
    smoothed: Floats
    count: Floats
    threshold: Floats
    threshold_name: str
    finest_um: float
    reached: Reached
    resolution_um: float | None

    @property
    def words(self) -> str:
        """The scales at which they agree, as part of a sentence."""
        if self.resolution_um is not None:
            return f"down to {self.resolution_um:.0f} µm"
        if self.reached == "everywhere":
            return f"at every scale that the pixels hold ({self.finest_um:.0f} µm)"
        return "at no scale above noise"

    @property
    def sentence(self) -> str:
        """The result, with the threshold."""
        return f"The two agree {self.words} (FRC, {self.threshold_name})."


def ring_correlation(
    one: npt.ArrayLike,
    other: npt.ArrayLike,
    pixel_mm: Spacing,
    threshold: Threshold = "1/7",
) -> RingCorrelation:
    """Correlate two pictures ring by ring of their Fourier transforms.

    Saxton and Baumeister, J Microsc 127, 1982; thresholds by van Heel and Schatz, J Struct Biol
    151, 2005, with the Fourier pixels that a window leaves independent; 1/7 as it is used for
    super-resolution (Nieuwenhuizen et al., Nat Methods 10, 2013). Means are removed and edges
    tapered first. Give half-data ULM maps as counts, a generated picture and its ULM as grey
    levels.

    Parameters
    ----------
    one, other : array of shape (rows, columns)
        The same shape, at least 16×16.
    pixel_mm : float or tuple of float
        Pixel size; (down, right) where pixels are not square.
    threshold : {"1/7", "half-bit", "2-sigma", "3-sigma"}

    Raises
    ------
    ValueError
        If the pictures differ in shape, are not two-dimensional, too small, or not finite; or if
        the pixel size is not positive, or the threshold unknown.
    """
    a, b = _checked(one, other)
    rings = _Rings(a.shape, _both(pixel_mm))
    level = rings.threshold(threshold)
    raw = rings.correlate(a[None], b[None])
    smooth = rings.smoothed(raw)
    crossing = rings.crossings(smooth, level)[0]
    return RingCorrelation(
        frequency=rings.frequency,
        correlation=raw[0],
        smoothed=smooth[0],
        count=rings.count,
        threshold=level,
        threshold_name=threshold,
        finest_um=rings.finest_um,
        reached=(
            "nowhere"
            if math.isnan(crossing)
            else "everywhere"
            if math.isinf(crossing)
            else "crossing"
        ),
        resolution_um=1000.0 / crossing if math.isfinite(crossing) else None,
    )


def frc_map(
    one: npt.ArrayLike,
    other: npt.ArrayLike,
    pixel_mm: Spacing,
    *,
    window_mm: float = WINDOW_MM,
    step_mm: float = STEP_MM,
    threshold: Threshold = "1/7",
) -> Floats:
    """Measure `ring_correlation` in windows all over two pictures.

    After Culley et al., Nat Methods 15, 2018 (NanoJ-SQUIRREL), with windows that overlap. A window
    holds few Fourier pixels: single values are rough, regions can be trusted.

    Parameters
    ----------
    one, other, pixel_mm, threshold
        See `ring_correlation`.
    window_mm : float
        Side of a window; a larger one is more certain and less local. It is never larger
        than the picture.
    step_mm : float
        How far the window moves at most.

    Returns
    -------
    float array of shape (rows, columns)
        Local resolution in µm, linear between the windows' centres; the finest detail that the
        pixels hold where all of it agrees; NaN where none does, or a window is empty.

    Raises
    ------
    ValueError
        As `ring_correlation` does; or if a window has fewer than 16 pixels a side.
    """
    a, b = _checked(one, other)
    spacing = _both(pixel_mm)
    sides = [min(n, round(window_mm / s)) for n, s in zip(a.shape, spacing, strict=True)]
    if min(sides) < SMALLEST:
        raise MeasureError(
            f"A window of {window_mm:g} mm has {min(sides)} pixels a side; {SMALLEST} are needed."
        )
    rings = _Rings((sides[0], sides[1]), spacing)
    level = rings.threshold(threshold)
    starts = [
        np.unique(np.linspace(0, n - side, 1 + math.ceil((n - side) * s / step_mm)).round())
        for n, side, s in zip(a.shape, sides, spacing, strict=True)
    ]
    corners = np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1).reshape(-1, 2).astype(int)
    cut = [np.lib.stride_tricks.sliding_window_view(image, rings.shape) for image in (a, b)]
    local_um = np.empty(len(corners))
    for begin in range(0, len(corners), _BATCH):
        rows, columns = corners[begin : begin + _BATCH].T
        curves = rings.smoothed(rings.correlate(cut[0][rows, columns], cut[1][rows, columns]))
        crossings = rings.crossings(curves, level)
        local_um[begin : begin + _BATCH] = np.maximum(1000.0 / crossings, rings.finest_um)
    centres = [first + (side - 1) / 2 for first, side in zip(starts, sides, strict=True)]
    return _between(local_um.reshape([len(first) for first in starts]), centres, a.shape)


class _Rings:
    """Rings of equal physical width over the Fourier transform of a picture of one shape."""

    def __init__(self, shape: tuple[int, ...], spacing: tuple[float, float]) -> None:
        from scipy.signal.windows import tukey

        self.shape = (shape[0], shape[1])
        down, across = (
            np.abs(np.fft.fftfreq(n, step)) for n, step in zip(shape, spacing, strict=True)
        )
        across = across[: shape[1] // 2 + 1]  # the other half mirrors it
        frequency = np.hypot(down[:, None], across).ravel()
        width = 1.0 / min(n * step for n, step in zip(shape, spacing, strict=True))
        nyquist = 0.5 / max(spacing)
        number = np.rint(frequency / width).astype(int) - 1
        number[(number < 0) | (frequency > nyquist)] = -1
        self.finest_um = 1000.0 / nyquist
        # Columns that stand for their mirror image too count twice.
        twice = np.full(across.size, 2.0)
        twice[0] = 1.0
        if shape[1] % 2 == 0:
            twice[-1] = 1.0
        weight = np.tile(twice, shape[0])
        inside = np.flatnonzero(number >= 0)
        rings = int(number.max()) + 1
        from scipy.sparse import csr_array

        self._sum = csr_array(
            (weight[inside], (number[inside], inside)), shape=(rings, frequency.size)
        )
        self.count = self._sum @ np.ones(frequency.size)
        self.frequency = self._sum @ frequency / self.count
        sides = [tukey(n, TAPER) for n in shape]
        self._window = np.outer(*sides)
        # Tapering mixes neighbouring Fourier pixels: this share of them stays independent.
        share = math.prod(float((w**2).sum() ** 2 / (w**4).sum() / w.size) for w in sides)
        self.independent = self.count * share

    def correlate(self, one: Floats, other: Floats) -> Floats:
        """(n, rings) correlations of n pairs of pictures."""
        from scipy import fft

        a, b = (fft.rfft2(self._tapered(part)).reshape(len(part), -1) for part in (one, other))
        cross = self._rings((a * b.conj()).real)
        power = np.sqrt(self._rings(np.abs(a) ** 2) * self._rings(np.abs(b) ** 2))
        return np.asarray(np.divide(cross, power, out=np.zeros_like(cross), where=power > 0))

    def smoothed(self, curves: Floats) -> Floats:
        """Mean of each ring and its two neighbours, weighted by their Fourier pixels."""
        from scipy.ndimage import convolve1d

        add: Callable[[Floats], Floats] = partial(
            convolve1d, weights=[1.0, 1.0, 1.0], axis=-1, mode="constant"
        )
        return add(curves * self.count) / add(self.count)

    def threshold(self, name: str) -> Floats:
        """A threshold for every ring (van Heel and Schatz, 2005)."""
        root = np.sqrt(self.independent)
        if name == "1/7":
            return np.full(root.shape, 1.0 / 7.0)
        if name == "half-bit":
            return (0.2071 + 1.9102 / root) / (1.2071 + 0.9102 / root)
        if name in ("2-sigma", "3-sigma"):
            return float(name[0]) * math.sqrt(2.0) / root
        known = ", ".join(get_args(Threshold))
        raise SettingsError(f"The FRC threshold is “{name}”; it must be one of {known}.")

    def crossings(self, curves: Floats, threshold: Floats) -> Floats:
        """(n,) frequencies where curves first fall below: inf if not, NaN if never above."""
        above = (curves > threshold) & (threshold < 1.0)
        possible = int(np.argmax(threshold < 1.0))
        rows, last = np.arange(len(curves)), curves.shape[1] - 1
        first = possible + 1 + (last - possible) // BEGIN
        start = possible + np.argmax(above[:, possible:first], axis=1)
        starts_above = above[rows, start]
        after = np.arange(last + 1) > start[:, None]
        below = ~above & after
        stop = np.where(below.any(axis=1), np.argmax(below, axis=1), last + 1)
        run = (np.arange(last + 1) >= start[:, None]) & (np.arange(last + 1) < stop[:, None])
        weight = run * self.independent
        total = np.maximum(weight.sum(axis=1), 1e-12)
        # The mean over a run of rings; of noise its variance is 2 / Fourier pixels (mirrored).
        significant = (weight * curves).sum(axis=1) / total > SIGMAS * np.sqrt(2.0 / total)
        end = np.minimum(stop, last)
        high, low = ((curves - threshold)[rows, at] for at in (end - 1, end))
        part = np.clip(high / np.where(high == low, 1.0, high - low), 0.0, 1.0)
        between = self.frequency[end - 1] + part * (self.frequency[end] - self.frequency[end - 1])
        crossing = np.where(stop > last, np.inf, between)
        return np.where(starts_above & significant, crossing, np.nan)

    def _tapered(self, pictures: Floats) -> Floats:
        mean = np.tensordot(pictures, self._window, axes=2) / self._window.sum()
        return np.asarray((pictures - mean[:, None, None]) * self._window)

    def _rings(self, values: Floats) -> Floats:
        return np.asarray((self._sum @ values.T).T)


def _between(local_um: Floats, centres: list[Floats], shape: tuple[int, ...]) -> Floats:
    """Values at windows' centres, linear between those that have one; NaN where most have none."""
    from scipy.sparse import csr_array

    def weights(at: Floats, n: int) -> csr_array:
        place = np.interp(np.arange(n), at, np.arange(at.size))
        low = np.minimum(place.astype(int), max(at.size - 2, 0))
        high = np.minimum(low + 1, at.size - 1)
        part, row = place - low, np.arange(n)
        return csr_array(
            (np.r_[1 - part, part], (np.r_[row, row], np.r_[low, high])), shape=(n, at.size)
        )

    down, across = (weights(at, n) for at, n in zip(centres, shape, strict=True))
    known = np.isfinite(local_um).astype(np.float64)
    share = (across @ (down @ known).T).T
    total = (across @ (down @ np.where(known > 0, local_um, 0.0)).T).T
    return np.where(share >= 0.5, total / np.maximum(share, 1e-12), np.nan)


def _both(pixel_mm: Spacing) -> tuple[float, float]:
    down, across = (float(side) for side in np.broadcast_to(pixel_mm, (2,)))
    if not (0 < down < math.inf and 0 < across < math.inf):
        raise MeasureError(f"The pixel size {pixel_mm} mm is not a positive number.")
    return down, across


def _checked(one: npt.ArrayLike, other: npt.ArrayLike) -> tuple[Floats, Floats]:
    a, b = (np.asarray(image, dtype=np.float64) for image in (one, other))
    if a.ndim != 2 or a.shape != b.shape:
        raise MeasureError(f"FRC compares two images of one shape, not {a.shape} and {b.shape}.")
    if min(a.shape) < SMALLEST:
        raise MeasureError(
            f"FRC needs images of {SMALLEST} × {SMALLEST} pixels or more, not {a.shape}."
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise MeasureError("An image holds NaN or infinite values; crop or fill them first.")
    return a, b
