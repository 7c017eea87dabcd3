"""Which axis of an array is which, from letters where a file gives them, else from its shape.

Letters are those of TIFF: T time, Z slice, C channel, Y depth, X lateral, S colour, Q not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.scan import DIMS, SMALLEST_SIDE

_COLOURS = (3, 4)


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of an array, with its axes in the order of a scan.

    Attributes
    ----------
    values : array
    dims : tuple of str
    leading_known : bool
        False where nothing says what the first of three axes is.
    """

    values: npt.NDArray[Any]
    dims: tuple[str, ...]
    leading_known: bool


def arranged(values: npt.NDArray[Any], axes: str, name: str) -> list[Channel]:
    """Put axes into the order of a scan by their letters; every channel becomes an image.

    Parameters
    ----------
    values : array
    axes : str
        A letter for each axis, in capitals.
    name : str
        What the sentence calls the file.

    Raises
    ------
    ScanError
        If the letters are not those of planes, with at most time, channel and slice before them.
    """
    # Ultrasound calls depth z: an image of Z and X has no slices.
    depth = "Y" if "Y" in axes else "Z"
    keep = [n for n, size in enumerate(values.shape) if size > 1 or axes[n] in (depth, "X")]
    letters = "".join(axes[n] for n in keep)
    values = values.reshape([values.shape[n] for n in keep])
    dim_of = {"T": "time", "Z": "k", depth: "j", "X": "i"}
    dims = [dim_of.get(letter, "?") for letter in letters if letter != "C"]
    if dims.count("?") == 1 and "k" not in dims:
        dims[dims.index("?")] = "k"
    if not {"j", "i"} <= set(dims) or "?" in dims or len(set(dims)) < len(dims):
        raise ScanError(
            f"“{name}” has the axes {axes}; depth and lateral (Y, X) were expected, with at most "
            "time (T), channel (C) and slice (Z) beside them."
        )
    stated = len(dims) != 3 or any(letter in letters for letter in "TZ" if letter != depth)
    channels = [values]
    if "C" in letters:
        channels = list(np.moveaxis(values, letters.index("C"), 0))
    order = sorted(range(len(dims)), key=lambda n: DIMS.index(dims[n]))
    sorted_dims = tuple(dims[n] for n in order)
    return [Channel(np.transpose(channel, order), sorted_dims, stated) for channel in channels]


def letters_for(values: npt.NDArray[Any]) -> tuple[str, str]:
    """Guess the axes of an array whose file does not name them.

    The order is (time or slice, depth, lateral), or (depth, lateral, time or slice), as MATLAB
    and much of ultrasound code has it.

    Returns
    -------
    letters : str
        See `arranged`.
    words : str
        What was guessed, where that could be wrong and is not asked elsewhere; else empty.
    """
    shape, count = values.shape, values.ndim
    size = " × ".join(map(str, shape))
    colour = values.dtype == np.uint8 and shape[-1] in _COLOURS and count in (3, 4)
    if colour and min(shape[-3:-1]) >= SMALLEST_SIDE:
        return ("YXS" if count == 3 else "QYXS"), ""
    if count == 3 and _last_is_stack(values):
        kind, letter = ("times", "T") if _alike(values) else ("slices", "Z")
        return f"YX{letter}", (
            f"The array is {size}; the last axis was taken for {shape[-1]} {kind} of "
            f"{shape[0]} × {shape[1]} pixels (depth × lateral)."
        )
    if count == 4:
        last = _planes_first(shape)
        words = "depth, lateral, slice, time" if last else "time, slice, depth, lateral"
        return ("YXZT" if last else "TZYX"), f"The array is {size}; taken for {words}."
    return {2: "YX", 3: "QYX"}.get(count, "Q" * count), ""


def _last_is_stack(values: npt.NDArray[Any]) -> bool:
    """Whether the images of a stack lie along its last axis."""
    first, middle, last = (int(size) for size in values.shape)
    if (first == middle) != (middle == last):
        return first == middle
    if min(first, last) < SMALLEST_SIDE <= max(first, last):
        return last < first
    if first == last:
        return False
    # Both axes of a plane change alike from pixel to pixel; the odd one out is the stack.
    changes = np.log([_change(values, axis) for axis in range(3)])
    as_first, as_last = abs(changes[1] - changes[2]), abs(changes[0] - changes[1])
    return bool(as_last < 0.5 * as_first)


def _alike(values: npt.NDArray[Any]) -> bool:
    """Whether the images along the last axis differ less than neighbouring pixels: frames do."""
    in_plane = max(_change(values, 0), _change(values, 1))
    return _change(values, 2) < in_plane


def _change(values: npt.NDArray[Any], axis: int) -> float:
    """Median size of the steps along an axis."""
    if values.shape[axis] < 2 or values.dtype.kind not in "buif":
        return 1.0
    # Some planes tell as much as a film of a gigabyte.
    others = [n for n in range(values.ndim) if n != axis]
    cut = [slice(None)] * values.ndim
    for n in others:
        cut[n] = slice(None, None, max(1, values.shape[n] // 64))
    steps = np.abs(np.diff(values[tuple(cut)].astype(np.float64), axis=axis))
    steps = steps[np.isfinite(steps)]
    return max(float(np.mean(steps)) if steps.size else 0.0, 1e-300)


def _planes_first(shape: tuple[int, ...]) -> bool:
    """Whether a plane is made of the first two of four axes, not the last two."""
    first, last = shape[:2], shape[2:]
    if (first[0] == first[1]) != (last[0] == last[1]):
        return first[0] == first[1]
    return min(first) > max(last) or (min(last) < SMALLEST_SIDE <= min(first))
