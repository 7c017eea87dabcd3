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
    if dims.count("?") == 1:
        dims[dims.index("?")] = "pose" if "k" in dims else "k"
    if not {"j", "i"} <= set(dims) or "?" in dims or len(set(dims)) < len(dims):
        raise ScanError(
            f"“{name}” has the axes {axes}; depth and lateral (Y, X) were expected, with at most "
            "time (T), channel (C) and slice (Z) beside them. Save it with these."
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
            f"{shape[0]} × {shape[1]} pixels (depth × lateral). Save it with the stack as its "
            "first axis if that is wrong."
        )
    if count == 4:
        last = _planes_first(shape)
        words = "depth, lateral, slice, time" if last else "time, slice, depth, lateral"
        return ("YXZT" if last else "TZYX"), f"The array is {size}; taken for {words}."
    if count == 5:
        return "TQZYX", f"The array is {size}; taken for time, pose, slice, depth, lateral."
    if count in (2, 3):
        return "QYX"[-count:], ""
    raise ScanError(f"The array has {count} axes; 2 (depth, lateral) to 5 were expected.")


def _last_is_stack(values: npt.NDArray[Any]) -> bool:
    """Whether the images of a stack lie along its last axis."""
    first, middle, last = (int(size) for size in values.shape)
    if (first == middle) != (middle == last):
        return first == middle
    if 2 * min(first, last) < min(middle, max(first, last)):
        return last < first
    # The images of a stack look alike; the rows of an image do not.
    return _likeness(values, 2) > _likeness(values, 0)


def _alike(values: npt.NDArray[Any]) -> bool:
    """Whether the images along the last axis differ less than neighbouring pixels: frames do."""
    in_plane = max(_change(values, 0), _change(values, 1))
    return _change(values, 2) < in_plane


def _likeness(values: npt.NDArray[Any], axis: int) -> float:
    """Share of an array's variance that its mean along an axis keeps."""
    if values.dtype.kind not in "buif":
        return 0.0
    thinned = _thinned(values, 200)
    total = float(np.var(thinned))
    return float(np.var(np.mean(thinned, axis=axis))) / total if total > 0 else 0.0


def _change(values: npt.NDArray[Any], axis: int) -> float:
    """Mean size of the steps along an axis."""
    if values.shape[axis] < 2 or values.dtype.kind not in "buif":
        return 0.0
    sizes = [values.shape[n] if n == axis else 64 for n in range(values.ndim)]
    return float(np.abs(np.diff(_thinned(values, *sizes), axis=axis)).mean())


def _thinned(values: npt.NDArray[Any], *sizes: int) -> npt.NDArray[np.float64]:
    """Leave out planes: some tell as much as all of a long film. What is not finite becomes 0."""
    most = sizes if len(sizes) > 1 else sizes * values.ndim
    steps = [max(1, n // size) for n, size in zip(values.shape, most, strict=True)]
    thinned = values[tuple(slice(None, None, step) for step in steps)].astype(np.float64)
    return np.where(np.isfinite(thinned), thinned, 0.0)


def _planes_first(shape: tuple[int, ...]) -> bool:
    """Whether a plane is made of the first two of four axes, not the last two."""
    first, last = shape[:2], shape[2:]
    if (first[0] == first[1]) != (last[0] == last[1]):
        return first[0] == first[1]
    return min(first) > max(last) or (min(last) < SMALLEST_SIDE <= min(first))
