"""Whether a result would have a size that shows something, and that fits into memory."""

from __future__ import annotations

import math

import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.grid import Grid, Shape
from napari_fus_ulm.io.affordable import in_words, memory_free
from napari_fus_ulm.plausible import length
from napari_fus_ulm.scan import SMALLEST_SIDE

SMALLEST_FRAME = 32
"""Pixels a side, below which a generator has nothing to draw; 8 fUS pixels make 40."""
_FRAME_BYTES = 150
"""Memory that a pixel of the generator's frame takes while it is sampled, measured."""
_RESULT_BYTES = 8
"""The same of a pixel of the result: itself, and a copy while the planes are stacked."""


def check_affordable(scan: xr.DataArray, frame: Shape, result: Shape, kept: int = 1) -> None:
    """Refuse an image whose result would be tiny or would not fit into memory.

    Parameters
    ----------
    scan : xarray.DataArray
        The input.
    frame, result : tuple of int
        Pixels of a plane on the generator's grid, and of the result.
    kept : int
        Images that are kept of every plane.

    Raises
    ------
    ScanError
        The sentence says how much would be needed.
    """
    named = f"“{scan.name}” " if scan.name else "The image "
    width, depth = (length(side) for side in Grid.of(scan).extent_mm[::-1])
    if min(frame) < SMALLEST_FRAME or min(result) < SMALLEST_SIDE:
        short = frame if min(frame) < SMALLEST_FRAME else result
        raise ScanError(
            f"{named}is {width} × {depth} and would become {short[1]} × {short[0]} pixels, too few "
            "to show a vessel. Correct its pixel size, or choose a finer result pixel."
        )
    planes = math.prod(scan.shape[:-2])
    needed = math.prod(frame) * _FRAME_BYTES + planes * kept * math.prod(result) * _RESULT_BYTES
    free = memory_free()
    if needed > free:
        many = f"{planes} images of " if planes > 1 else ""
        raise ScanError(
            f"{named}is {width} × {depth}, which makes {many}{frame[1]} × {frame[0]} pixels: about "
            f"{in_words(needed)} of memory would be needed, and {in_words(free)} are free. Correct "
            "its pixel size if it is wrong; else enhance fewer slices or frames, or a crop."
        )
