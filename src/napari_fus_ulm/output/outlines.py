"""Classes of vessels as outlines, so that the picture below stays visible.

Each class has a pattern besides its colour: the line around a vessel is solid, dashed or dotted, or
the vessel is hatched too. So the classes differ for colour-blind eyes and in print.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.uint8]
Pattern = Literal["solid", "dashed", "dotted", "hatched"]

FINER = 2
"""Pixels of the outlines per pixel of the classes, along each axis."""
INSIDE = 10
"""Added to a class's label on the pixels within its outline, which are not painted."""
SIGNS: Mapping[Pattern, str] = {"solid": "━", "dashed": "╍", "dotted": "··", "hatched": "▨"}
"""Of the patterns in a line of text."""
_DASHES: Mapping[Pattern, tuple[float, float]] = {
    "solid": (1.0, 0.0),
    "dashed": (8.0, 5.0),
    "dotted": (1.5, 3.5),
    "hatched": (1.0, 0.0),
}
"""Lengths of line and gap, pixels of the outlines."""
_HATCH = 5
"""Distance of the lines of a hatch, the same."""


def outlined(classes: npt.NDArray[Any], patterns: Mapping[int, Pattern]) -> Labels:
    """Draw a line around all that has a class.

    Parameters
    ----------
    classes : (height, width) array of int
        0 where there is nothing.
    patterns : mapping of int to str
        By class: "solid", "dashed", "dotted" or "hatched".

    Returns
    -------
    (FINER · height, FINER · width) array of uint8
        The class on its outline, just outside of it, and on its hatch; `INSIDE` more on the rest of
        it; 0 elsewhere.
    """
    fine = np.asarray(classes, np.uint8).repeat(FINER, axis=0).repeat(FINER, axis=1)
    drawn = np.where(fine > 0, fine + np.uint8(INSIDE), np.uint8(0)).astype(np.uint8)
    rows, columns = np.ogrid[: fine.shape[0], : fine.shape[1]]
    hatch = (rows + columns) % _HATCH == 0
    for label, pattern in patterns.items():
        if pattern == "hatched":
            drawn[hatch & (fine == label)] = label
    outside, label_of, along = _outline(fine)
    for label, pattern in patterns.items():
        line, gap = _DASHES[pattern]
        on = (label_of == label) & (along % (line + gap) < line)
        drawn[tuple(outside[:, on])] = label
    return drawn


def _outline(
    fine: Labels,
) -> tuple[npt.NDArray[np.intp], Labels, npt.NDArray[np.float64]]:
    """Pixels just outside of anything, (2, n); the class beside each, and its place along the line.

    A contour runs between a pixel inside and one outside of what has a class.
    """
    from skimage.measure import find_contours

    inside = np.pad(fine > 0, 1)
    pixels, labels, places = [np.empty((2, 0), np.intp)], [np.empty(0, np.uint8)], [np.empty(0)]
    for line in find_contours(inside.astype(np.float32), 0.5):
        low, high = (np.asarray(end(line).T, np.intp) for end in (np.floor, np.ceil))
        within = np.where(inside[tuple(low)], low, high) - 1
        without = low + high - 2 - within
        steps = np.hypot(*np.diff(line, axis=0).T)
        on_image = ((without >= 0) & (without < np.array(fine.shape)[:, None])).all(axis=0)
        pixels.append(without[:, on_image])
        labels.append(fine[tuple(within[:, on_image])])
        places.append(np.concatenate([[0.0], np.cumsum(steps)])[on_image])
    return np.hstack(pixels), np.concatenate(labels), np.concatenate(places)
