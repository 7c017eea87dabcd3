"""Where the pixels of a MATLAB image lie: what stands beside it, under the names in use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.io.guesses import factor_to_mm
from napari_fus_ulm.scan import SMALLEST_SIDE

AXIS = re.compile(
    r"(axis|coords?)?_?(?P<axis>[xzt]|depth|lateral|time)_?(axis|coords?|vec|grid|pos|ticks)?s?"
    r"_?(?P<unit>mm|um|m|ms|s)?",
    re.IGNORECASE,
)
"""Names of vectors that say where the pixels or when the frames are."""
_COARSEST_MM = 0.4
"""Coarser steps count wavelengths, where a file says how long those are."""


def numbers_in(value: Any) -> npt.NDArray[np.float64]:
    """Return the real numbers of a variable as a vector, empty where it is something else."""
    plain = isinstance(value, int | float | np.ndarray) or (
        isinstance(value, list) and all(isinstance(item, int | float) for item in value)
    )
    numbers: npt.NDArray[Any] = np.asarray(value if plain else [])
    return numbers.astype(float).reshape(-1) if numbers.dtype.kind in "buif" else np.empty(0)


def number_in(value: Any) -> float | None:
    """Return a positive, finite number."""
    numbers = numbers_in(value)
    return float(numbers[0]) if numbers.size == 1 and 0 < numbers[0] < np.inf else None


def pixel_in(meta: Mapping[str, Any]) -> tuple[float, float] | None:
    """Find a pixel size among a structure's fields, by the names in use."""
    low = {key.lower().replace("_", ""): value for key, value in meta.items()}
    for depth, lateral in (("dz", "dx"), ("dy", "dx"), ("pixelsizez", "pixelsizex")):
        both = [number_in(low.get(depth)), number_in(low.get(lateral))]
        if (factor := factor_to_mm([step for step in both if step])) and all(both):
            return float(both[0] or 0) * factor, float(both[1] or 0) * factor
    for name in ("voxelsize", "pixelsize"):
        numbers = numbers_in(low.get(name))
        if numbers.size in (1, 2, 3) and (factor := factor_to_mm(numbers[:2])):
            return float(numbers[0]) * factor, float(numbers[min(1, numbers.size - 1)]) * factor
    return None


def side_in(meta: Mapping[str, Any]) -> float:
    """Return the one side of a pixel that is stated, 0 where there is none."""
    low = {key.lower(): value for key, value in meta.items()}
    return next((side for name in ("dx", "dz", "dy") if (side := number_in(low.get(name)))), 0.0)


def axes_in(
    arrays: list[tuple[str, npt.NDArray[Any]]], wavelength: float | None
) -> dict[str, npt.NDArray[np.float64]]:
    """Return the even vectors that are named like axes: z (depth) and x in mm, t in s."""
    found: dict[str, npt.NDArray[np.float64]] = {}
    for label, array in arrays:
        match = AXIS.fullmatch(label.rpartition(".")[2])
        if match is None or array.dtype.kind not in "uif" or array.ndim > 2:
            continue
        ticks = array.astype(float)
        axis = {"d": "z", "l": "x"}.get(match["axis"][0].lower(), match["axis"][0].lower())
        if ticks.ndim == 2:  # of a mesh, one row or column says all
            ticks = ticks[:, 0] if axis == "z" else ticks[0]
        steps = np.diff(ticks)
        mean = float(steps.mean()) if steps.size else 0.0
        if not mean > 0 or np.abs(steps - mean).max() > 0.01 * mean:
            continue
        unit = (match["unit"] or "").lower()
        if axis == "t":
            factor = 1e-3 if unit == "ms" else 1.0
        elif unit:
            factor = {"mm": 1.0, "um": 1e-3, "m": 1e3}.get(unit, 0.0)
        elif wavelength and mean > _COARSEST_MM:
            factor = wavelength
        else:  # pixels that are counted have no length
            factor = 0.0 if np.isclose(mean, 1.0) else factor_to_mm([mean]) or 0.0
        if factor:
            found.setdefault(axis, ticks * factor)
    return found


def depth_first(
    name: str, array: npt.NDArray[Any], axes: Mapping[str, npt.NDArray[np.float64]]
) -> tuple[npt.NDArray[Any], dict[str, str]]:
    """Bring an array to MATLAB's usual order: depth, lateral, and then slices or times."""
    if {"z", "x"} <= axes.keys():
        plane = axes["z"].size, axes["x"].size
        if array.shape[:2] == plane:
            return array, {}
        if array.shape[-2:] == plane:
            return np.moveaxis(array, (-2, -1), (0, 1)), {}
        if array.shape[:2] == plane[::-1]:
            said = f"“{name}” stores lateral before depth, as its axes say; it was turned."
            return array.swapaxes(0, 1), {"axes": said}
    if array.ndim == 3 and _images_first(array):
        said = (
            f"The first axis of “{name}” ({' × '.join(map(str, array.shape))}) was taken for that "
            "of slices or times, because its images are alike."
        )
        return np.moveaxis(array, 0, -1), {"axes": said}
    return array, {}


def _images_first(array: npt.NDArray[Any]) -> bool:
    """Whether images lie along the first of three axes, though MATLAB's order has them last.

    The mean of like images keeps most of their variance; that of an image's rows does not.
    """
    if min(array.shape[1:]) < SMALLEST_SIDE:
        return False
    cut = tuple(slice(None, None, max(1, size // 64)) for size in array.shape)
    values = np.log1p(np.abs(np.nan_to_num(array[cut].astype(float), posinf=0.0, neginf=0.0)))
    spread = float(values.var())
    if not spread > 0:
        return False
    first, last = (float(values.mean(axis=axis).var()) / spread for axis in (0, 2))
    return first > 0.8 and first > last + 0.25


def place_of(
    array: npt.NDArray[Any], axes: Mapping[str, npt.NDArray[np.float64]]
) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    """Return pixel size and first pixel (mm), where the file has both axes of the image."""
    ticks = [axes.get("z", np.empty(0)), axes.get("x", np.empty(0))]
    if [tick.size for tick in ticks] != list(array.shape[:2]):
        return None, None
    steps = [float(tick[-1] - tick[0]) / (tick.size - 1) for tick in ticks]
    return (steps[0], steps[1]), (float(ticks[0][0]), float(ticks[1][0]))
