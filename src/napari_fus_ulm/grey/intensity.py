"""Grey levels the generators work in: logarithms, robustly scaled to [0, 1].

Scaling a logarithm by its own percentiles makes the result independent of gain *and* of a power
law: power Doppler that arrives linear, after a square root or a cube root gives the same grey
levels, and decibels only skip the logarithm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.guesses import guess_values

Array = npt.NDArray[np.float32]

FUS_LOW, FUS_HIGH = 2.0, 99.7
"""Percentiles of log power Doppler that become 0 and 1."""
ULM_HIGH = 99.9
"""Percentile of the non-zero counts that becomes 1."""
SIGNED_SHARE, SIGNED_LEVEL = 0.02, 0.2
"""Of signed power Doppler: the share of pixels that is negative at least, and how bright their 99th
percentile is beside that of the positive ones."""


@dataclass(frozen=True, slots=True)
class FusRange:
    """Natural logarithms of power that become grey 0 and grey 1 (of one image or a stack)."""

    low: float
    high: float


def values_kind(scan: xr.DataArray) -> str:
    """What a scan's numbers are, guessed where it does not say."""
    kind = str(scan.attrs.get("values", "unknown"))
    return guess_values(scan.values) if kind == "unknown" else kind


def log_power(image: npt.NDArray[np.floating], values: str) -> Array:
    """Natural logarithm of power, up to a factor, for any of the usual transforms.

    Parameters
    ----------
    image : array
        Any shape. Pixels without signal (zeros and negative numbers of a masked background, NaN,
        −∞ dB) take the smallest positive value's place. Signed power counts by its magnitude.
    values : {"linear", "sqrt", "cbrt", "db", "display", "unknown"}
        What the numbers are. Powers of the power differ in the factor only.

    Raises
    ------
    ScanError
        If no pixel is positive where a logarithm must be taken.
    """
    image = np.asarray(image, dtype=np.float32)
    if values == "db":
        known = np.isfinite(image)
        if not known.all():
            image = np.where(known, image, _floor(image[known]))
        return image * np.float32(np.log(10.0) / 10.0)
    if is_signed(image, values):
        image = np.abs(image)
    positive = image[image > 0]
    if positive.size == 0:
        raise ScanError(
            "The image has no positive value, so it cannot be linear power Doppler. "
            "Choose “log/dB” as its values if it is in decibels."
        )
    # Not np.maximum, which would keep NaN.
    floor = np.float32(_floor(positive))
    return np.asarray(np.log(np.where(image > floor, image, floor)), dtype=np.float32)


def is_signed(image: npt.NDArray[np.floating], values: str) -> bool:
    """Whether power Doppler carries the direction of flow in its sign.

    Then as much of it is bright below zero as above. Where noise was subtracted, only faint pixels
    are negative.
    """
    if values == "db":
        return False
    below, above = -image[image < 0], image[image > 0]
    if below.size < SIGNED_SHARE * image.size or above.size == 0:
        return False
    return bool(np.percentile(below, 99.0) > SIGNED_LEVEL * np.percentile(above, 99.0))


def _floor(positive: npt.NDArray[np.floating]) -> float:
    """The level below which there is no signal; 0 of nothing."""
    return float(np.percentile(positive, 0.5)) if positive.size else 0.0


def fus_range(log_image: Array) -> FusRange:
    """Robust range of a log power image: its 2nd and 99.7th percentiles."""
    low, high = np.percentile(log_image, [FUS_LOW, FUS_HIGH])
    return FusRange(float(low), float(high))


def to_grey(log_image: Array, limits: FusRange) -> Array:
    """Scale a log power image to [0, 1], clipped."""
    width = max(limits.high - limits.low, 1e-6)
    return np.asarray(np.clip((log_image - limits.low) / width, 0.0, 1.0), dtype=np.float32)


def fus_to_grey(image: npt.NDArray[np.floating], values: str = "linear") -> Array:
    """Grey levels in [0, 1] of one power Doppler image. See :func:`log_power`."""
    logged = log_power(image, values)
    return to_grey(logged, fus_range(logged))


FAINTEST = 1e-4
"""Share of a map's largest value below which there is nothing: no pixel holds 10,000 bubbles."""


def count_unit(ulm: npt.NDArray[np.floating]) -> float:
    """The value of one bubble in a ULM map as it was recorded (not resampled).

    1 for counts; for densities and normalised maps, whose smallest positive values are below one,
    the 1st percentile of the positive values. The tails of a smoothed map are not bubbles.
    """
    positive = ulm[ulm > FAINTEST * max(float(np.max(ulm, initial=0.0)), 0.0)]
    return min(1.0, float(np.percentile(positive, 1.0))) if positive.size else 1.0


def ulm_to_grey(counts: npt.NDArray[np.floating], unit: float = 1.0) -> Array:
    """Grey levels in [0, 1] of a ULM map: log(1 + n), 1 at the 99.9th percentile of n > 0.

    A map without any count is black.

    Parameters
    ----------
    counts : array
        Bubble counts already binned to the wanted pixel, ≥ 0.
    unit : float
        See :func:`count_unit`; n is ``counts / unit``.
    """
    counts = np.maximum(np.asarray(counts, dtype=np.float32) / np.float32(unit), 0.0)
    positive = counts[counts > 0]
    if positive.size == 0:
        return counts
    top = np.log1p(np.percentile(positive, ULM_HIGH))
    return np.asarray(np.clip(np.log1p(counts) / top, 0.0, 1.0), dtype=np.float32)
