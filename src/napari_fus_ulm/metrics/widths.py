"""The width of the peak of a profile: full width at half maximum (FWHM), without a fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SHORTEST_UM = 100.0
EDGE = 0.15
"""Share of the line at each end that is taken as background."""
CLEAR = 0.5
"""Height and prominence of a peak, as a share of the highest, from which it counts as one."""
UNEVEN = 0.5
"""Difference of the background at both ends, as a share of the highest, that is too much."""
NOISE = 4.0
"""Standard deviations of the background by which a peak must stand out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Width:
    """The peak of a profile.

    Parameters
    ----------
    fwhm_um : float
        Full width at half maximum above the background.
    left_um, right_um : float
        Where the profile crosses the half, from the line's start.
    height, base : float
        At the peak, and of the background.
    peaks_um : tuple of float
        All clear peaks of the profile.
    """

    fwhm_um: float
    left_um: float
    right_um: float
    height: float
    base: float
    peaks_um: tuple[float, ...]

    @property
    def centre_um(self) -> float:
        """Midpoint between the crossings, from the line's start."""
        return 0.5 * (self.left_um + self.right_um)


@dataclass(frozen=True, slots=True)
class NoWidth:
    """Why a profile has no width, as the end of a sentence."""

    reason: str


def fwhm(
    distance_um: npt.ArrayLike, values: npt.ArrayLike, *, near_um: float | None = None
) -> Width | NoWidth:
    """Full width at half maximum of a profile's peak, without a fit.

    The background is the mean of the medians of both ends; crossings of half the height above it
    are interpolated.

    Parameters
    ----------
    distance_um, values : array of shape (samples,)
    near_um : float, optional
        Which of several clear peaks to measure: the nearest to this position, by default the
        line's middle.

    Returns
    -------
    Width or NoWidth
        NoWidth if the profile leaves the image, no peak stands out from the noise, the background
        at both ends differs, the peak does not fall to its half on both sides, or the line is
        shorter than twice the width (its ends are then not background).
    """
    from scipy.signal import find_peaks

    at, level = np.asarray(distance_um, np.float64), np.asarray(values, np.float64)
    if at.size < 8 or at[-1] - at[0] < SHORTEST_UM:
        return NoWidth("the line is too short")
    if not np.isfinite(level).all():
        return NoWidth("the line leaves the image")
    ends = max(2, round(EDGE * at.size))
    edges = np.stack([level[:ends], level[-ends:]])
    medians = np.median(edges, axis=1, keepdims=True)
    base = float(medians.mean())
    noise = 1.4826 * float(np.median(np.abs(edges - medians)))
    tallest = float(level.max()) - base
    if not tallest > max(NOISE * noise, 1e-9 * abs(base)):
        return NoWidth("no vessel stands out from the background")
    if abs(float(medians[1, 0] - medians[0, 0])) > UNEVEN * tallest:
        return NoWidth("one end of the line is much brighter than the other")
    peaks, _ = find_peaks(level, height=base + CLEAR * tallest, prominence=CLEAR * tallest)
    if peaks.size == 0:
        return NoWidth("no peak falls off on both sides")
    position = 0.5 * (at[0] + at[-1]) if near_um is None else near_um
    peak = int(peaks[np.argmin(np.abs(at[peaks] - position))])
    half = base + 0.5 * (float(level[peak]) - base)
    before, after = np.flatnonzero(level[:peak] < half), np.flatnonzero(level[peak:] < half)
    if before.size == 0 or after.size == 0:
        return NoWidth("the vessel does not fall to half its height on both sides")
    left = _crossed(at, level, int(before[-1]), half)
    right = _crossed(at, level, peak + int(after[0]) - 1, half)
    if 2.0 * (right - left) > at[-1] - at[0]:
        return NoWidth("the line is shorter than twice the vessel's width")
    return Width(
        fwhm_um=right - left,
        left_um=left,
        right_um=right,
        height=float(level[peak]),
        base=base,
        peaks_um=tuple(at[peaks].tolist()),
    )


def _crossed(at: Floats, level: Floats, index: int, half: float) -> float:
    """Where the level between two samples is the half."""
    low, high = level[index], level[index + 1]
    return float(at[index] + (half - low) / (high - low) * (at[index + 1] - at[index]))
