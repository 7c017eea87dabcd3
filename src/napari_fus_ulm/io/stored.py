"""What a file states about an image besides its pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Metadata of one image of a file, as far as it states them.

    Attributes
    ----------
    step : mapping
        Pixel size (mm) by dim.
    likely : tuple of float, optional
        Pixel size (dy, dx) in mm as it was probably meant, where the file states no unit.
    origin : tuple of float, optional
        Centre of the first pixel, (y, x) in mm.
    interval : float, optional
        Time from frame to frame (s).
    times : array, optional
        Of every frame (s); they come before the interval.
    name : str
        Of the image.
    channels : tuple of str
        Their names.
    block : mapping, optional
        Our own side information.
    calibration : tuple of float, optional
        Offset and slope that turn stored numbers into values.
    doubts : mapping
        See `napari_fus_ulm.scan.doubts_of`.
    """

    step: Mapping[str, float] = field(default_factory=dict)
    likely: tuple[float, float] | None = None
    origin: tuple[float, float] | None = None
    interval: float | None = None
    times: npt.NDArray[np.float64] | None = None
    name: str = ""
    channels: tuple[str, ...] = ()
    block: Mapping[str, Any] | None = None
    calibration: tuple[float, float] | None = None
    doubts: Mapping[str, str] = field(default_factory=dict)

    def times_of(self, frames: int) -> npt.NDArray[np.float64] | None:
        """Return the times (s) of so many frames, where the file states them."""
        if self.times is not None and self.times.size == frames:
            return self.times
        return None if self.interval is None else self.interval * np.arange(frames, dtype=float)
