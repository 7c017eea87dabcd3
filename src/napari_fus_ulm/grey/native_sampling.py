"""How finely the scanner sampled, whatever the file's pixels: estimated from the image itself.

A picture that was enlarged (a figure, a screenshot, a scanner's own interpolation) holds no more
than the recording did. Three traces show along each axis what that was:

- lines that repeat (nearest neighbour);
- differences whose size has a period (after Gallagher 2005, "Detection of linear and cubic
  interpolation in JPEG compressed images"): between samples an interpolation is smoother;
- the end of the spectrum: steeper than a scanner's point spread function makes it below the Nyquist
  frequency of its own sampling, or a valley before the copies that interpolation leaves.

An axis without a trace is taken as it is sampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d, median_filter

Floats = npt.NDArray[np.float64]

COARSEST_UM, FINEST_UM = 200.0, 30.0
"""Native sampling of probes of 8 to 40 MHz; what lies outside is not looked for."""
SURELY_NATIVE_UM = 70.0
"""Pixels as coarse as this are taken for the scanner's own."""
SEGMENT_MM = 3.2
"""Length of the pieces whose spectra are averaged: long enough for 0.3 cycles/mm."""
SHORTEST, SHORTEST_MM = 32, 1.5
"""Pixels and length of an axis below which its spectrum says nothing."""
STEEP = -7.0
"""Slope of log power over log frequency. A Gaussian whose FWHM is 1.3 pixels has -6 at Nyquist."""
DROP_DB, VALLEY_DB, RISE_DB = 6.0, 22.0, 4.0
"""Least fall beyond an end; least depth of a valley, and rise after it."""
PEAK = 5.0
"""Least height of a period's peak over the median of its spectrum."""
STRONG = 0.5
"""Share of the highest peak that a lower one needs to be taken for the fundamental."""
DOUBTFUL = 0.45
"""Confidence of a sampling that is the other axis's."""
NEAR = 1.75
"""A period and the spectrum's end agree within this factor."""


class NativeSampling(NamedTuple):
    """Native pixel along depth and along width, µm, and how sure that is (0 to 1).

    The confidence is that of the less certain axis: 1 for repeated lines and for pixels that are
    surely the scanner's, 0.9 where a period and the spectrum agree, 0.6 where only the spectrum
    ends, :data:`DOUBTFUL` where one axis shows that the picture was enlarged and the other only
    lends its sampling, 0.3 where nothing was found and the pixels are taken as they are.
    """

    pixel_y_um: float
    pixel_x_um: float
    confidence: float


@dataclass(frozen=True, slots=True)
class _Spectrum:
    """Mean log power along an axis: frequencies in cycles/mm, decibels, slope in log-log."""

    frequency: Floats
    db: Floats
    slope: Floats


def native_sampling(
    image: npt.NDArray[np.floating], spacing: tuple[float, float]
) -> NativeSampling:
    """Estimate the sampling of the recording behind a picture.

    Parameters
    ----------
    image : (height, width) array
        As displayed: decibels, grey levels or a root of power. In linear power a few vessels are
        all there is to see.
    spacing : tuple of float
        Height and width of a pixel, mm.

    Returns
    -------
    NativeSampling
        Never finer than the picture's own pixels. An axis that shows no trace takes the other's
        where the picture's pixels are square and the other is sure.
    """
    grey = np.asarray(image, np.float64)
    down, across = (
        _along_axis(one, step) for one, step in zip((grey, grey.T), spacing, strict=True)
    )
    if max(spacing) < 1.1 * min(spacing):
        down, across = _shared(down, across), _shared(across, down)
    return NativeSampling(down[0], across[0], min(down[1], across[1]))


def _shared(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return (other[0], DOUBTFUL) if one[1] < 0.6 <= other[1] and other[0] > one[0] else one


def _along_axis(grey: Floats, step_mm: float) -> tuple[float, float]:
    """Native pixel along the first axis, µm, and its confidence."""
    first = _first_of_repeats(grey)
    repeated = len(first) < 0.9 * len(grey)
    if repeated:
        step_mm *= len(grey) / len(first)
        grey = grey[first]
    pixel = 1000.0 * step_mm
    if pixel >= SURELY_NATIVE_UM:
        return pixel, 1.0
    spectrum = _spectrum(grey, step_mm)
    if spectrum is None:
        return pixel, 0.3
    end = _end(spectrum)
    about = end or _flat_from(spectrum)
    natives = _near(about, pixel, _periods(grey)) if about and not repeated else []
    if natives:
        return _fundamental(natives), 0.9
    if end:
        return end, 0.6
    return pixel, 1.0 if repeated and pixel >= FINEST_UM else 0.3


def _near(
    about_um: float, pixel_um: float, periods: list[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Heights of periods and the native pixels they mean, where those agree with the spectrum."""

    def off(um: float) -> float:
        return max(um / about_um, about_um / um)

    # Sampled once a pixel, a period of less than two pixels looks like a longer one.
    meant = [
        (height, min((pixel_um / share, pixel_um / (1.0 - share)), key=off))
        for height, share in periods
    ]
    return [(height, um) for height, um in meant if off(um) < NEAR and um <= COARSEST_UM]


def _fundamental(natives: list[tuple[float, float]]) -> float:
    """The sampling of the highest peak, or that of a lower one whose harmonic it is."""
    highest, um = max(natives)
    for height, coarser in sorted(natives, key=lambda native: -native[1]):
        times = round(coarser / um)
        if times > 1 and height > STRONG * highest and abs(coarser / um / times - 1.0) < 0.05:
            return coarser
    return um


def _first_of_repeats(grey: Floats) -> npt.NDArray[np.intp]:
    """Numbers of the lines that differ from the one before; all where lines are blank."""
    differs = np.any(grey[1:] != grey[:-1], axis=1)
    if (grey.max(axis=1) == grey.min(axis=1)).any():
        return np.arange(len(grey))
    return np.concatenate([[0], 1 + np.flatnonzero(differs)])


def _spectrum(grey: Floats, step_mm: float) -> _Spectrum | None:
    """Mean of the logarithms over pieces without a mask's edge; None where there is none."""
    size = min(len(grey), max(64, round(SEGMENT_MM / step_mm)))
    if size < SHORTEST or size * step_mm < SHORTEST_MM:
        return None
    window = np.hanning(size + 2)[1:-1, None]
    powers = []
    for start in np.unique(np.linspace(0, len(grey) - size, 2 * len(grey) // size).astype(int)):
        piece = grey[start : start + size]
        inside = ((piece > grey.min()).mean(axis=0) > 0.9) & (piece.std(axis=0) > 0.0)
        piece = piece[:, inside] - piece[:, inside].mean(axis=0)
        powers.append(np.abs(np.fft.rfft(piece * window, axis=0)) ** 2)
    power = np.concatenate(powers, axis=1)
    if not power.shape[1]:
        return None
    logs = np.log(power + 1e-12 * power.max()).mean(axis=1)[1:]
    frequency = np.arange(1, len(logs) + 1) / (size * step_mm)
    return _Spectrum(frequency, 10.0 / np.log(10.0) * logs, _slopes(np.log(frequency), logs))


def _slopes(x: Floats, y: Floats, reach: float = 0.13) -> Floats:
    """Slope of y over x by least squares within ``reach``, of three points at least."""
    slopes = np.zeros(len(x))
    for i, at in enumerate(x):
        near = np.flatnonzero(np.abs(x - at) <= reach)
        near = near if len(near) > 2 else np.arange(max(0, i - 1), min(len(x), i + 2))
        slopes[i] = np.polyfit(x[near], y[near], 1)[0]
    return slopes


def _looked_at(spectrum: _Spectrum) -> npt.NDArray[np.intp]:
    """Where an end may lie: finer than the coarsest sampling, short of the picture's own end."""
    f = spectrum.frequency
    return np.flatnonzero((f >= 500.0 / COARSEST_UM) & (f <= 0.93 * f[-1]))


def _end(spectrum: _Spectrum) -> float | None:
    """Native pixel that the spectrum's end stands for, µm."""
    f, db = spectrum.frequency, spectrum.db
    smooth = gaussian_filter1d(db, max(1.0, 0.03 * len(db)), mode="nearest")
    coarse = float(smooth[(f > 0.8) & (f < 1.8)].mean())
    for i in _looked_at(spectrum):
        beyond = f > 1.1 * f[i]
        steep = (
            spectrum.slope[i] < STEEP and beyond.any() and db[i] - np.median(db[beyond]) > DROP_DB
        )
        valley = (
            smooth[i] == smooth[: i + 1].min()
            and smooth[i] < smooth[i + 1]
            and smooth[i] < coarse - VALLEY_DB
            and smooth[i:].max() > smooth[i] + RISE_DB
        )
        if steep or valley:
            return float(500.0 / f[i])
    return None


def _flat_from(spectrum: _Spectrum) -> float | None:
    """Native pixel that stands for the frequency from which power no longer falls, µm."""
    flat = [i for i in _looked_at(spectrum) if spectrum.slope[i] > -1.0]
    return float(500.0 / spectrum.frequency[flat[0]]) if flat else None


def _periods(grey: Floats) -> list[tuple[float, float]]:
    """Periods of differences: heights of the peaks, and samples per pixel (to a half)."""
    return [peak for order in (1, 2) for peak in _peaks(np.abs(np.diff(grey, order, axis=0)))]


def _peaks(rough: Floats) -> list[tuple[float, float]]:
    """Peaks in the spectrum of how rough each line is, over the median of that spectrum."""
    line = rough.mean(axis=1)
    logs = np.log(line + 1e-9 * line.max() + 1e-30)
    logs -= median_filter(logs, 15, mode="nearest")
    window = np.hanning(len(logs) + 2)[1:-1]
    height = np.abs(np.fft.rfft((logs - logs.mean()) * window, n=4 * len(logs)))
    share = np.arange(len(height)) / (4 * len(logs))
    height /= max(float(np.median(height[share > 0.1])), 1e-30)
    padded = np.pad(height, 1, mode="reflect")
    peak = (height >= padded[:-2]) & (height >= padded[2:]) & (height > PEAK) & (share > 0.15)
    return [(float(height[i]), float(share[i])) for i in np.flatnonzero(peak)]
