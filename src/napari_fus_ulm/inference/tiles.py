"""Overlapping patches: where they lie, and how they are blended into one frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.errors import SettingsError

Array = npt.NDArray[np.float32]

MULTIPLE = 8
"""Tiles start and end on multiples of this, where the networks' own coarse pixels do."""
SMALLEST = 128
"""Frames are padded to at least this side, the patch size of training."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A window of the frame and its share of the blend.

    Attributes
    ----------
    rows, columns : slice
        Of the padded frame.
    weight : (h, w) array
        Not normalised.
    row, column : int
        Number of the tile in the grid.
    """

    rows: slice
    columns: slice
    weight: Array
    row: int
    column: int


@dataclass(frozen=True, slots=True)
class Tiling:
    """A grid of overlapping tiles over a padded frame.

    Attributes
    ----------
    shape : tuple of int
        The frame as given.
    padded : tuple of int
        The frame the tiles cover: sides are multiples of 8 and at least :data:`SMALLEST`.
    side : tuple of int
        Of every tile.
    tiles : tuple of Tile
    """

    shape: tuple[int, int]
    padded: tuple[int, int]
    side: tuple[int, int]
    tiles: tuple[Tile, ...]

    def total_weight(self) -> Array:
        """Sum of the weights at every pixel of the padded frame; positive everywhere."""
        total = np.zeros(self.padded, np.float32)
        for tile in self.tiles:
            total[tile.rows, tile.columns] += tile.weight
        return total


def starts(size: int, patch: int, overlap: int) -> list[int]:
    """First pixels of the patches along one axis; the last one snaps to the border.

    Parameters
    ----------
    size, patch, overlap : int
        ``overlap`` < ``patch`` ≤ ``size``. The overlap is rounded up so that patches start on
        multiples of :data:`MULTIPLE`.
    """
    if not 0 <= overlap < patch <= size:
        raise SettingsError(
            f"A patch of {patch} with overlap {overlap} does not fit {size} pixels."
        )
    # Networks halve their input three times: a start between their pixels is another image.
    step = max(MULTIPLE, (patch - overlap) // MULTIPLE * MULTIPLE)
    regular = range(0, size - patch, step)
    return [*regular, size - patch]


def axis_weights(begins: list[int], patch: int, window: str) -> list[Array]:
    """Weight of each patch along one axis.

    "box": each pixel belongs to the one patch it lies deepest in. "hann": smooth ramps over the
    overlaps. At the frame's edge both keep their full weight, where a Hann window would be zero.
    """
    weights = []
    for i, begin in enumerate(begins):
        before = begins[i - 1] + patch - begin if i else 0
        after = begin + patch - begins[i + 1] if i + 1 < len(begins) else 0
        if window == "box":
            weight = np.zeros(patch, np.float32)
            weight[before - before // 2 : patch - after // 2] = 1.0
        else:
            weight = np.ones(patch, np.float32)
            for n, side in ((before, slice(0, before)), (after, slice(patch - after, patch))):
                ramp = np.sin(0.5 * np.pi * (np.arange(n) + 0.5) / max(n, 1)) ** 2
                weight[side] *= ramp if side.start == 0 else ramp[::-1]
        weights.append(weight)
    return weights


def make_tiling(shape: tuple[int, int], patch: int, overlap: int, window: str) -> Tiling:
    """Cover a frame of any shape with tiles of at most ``patch`` a side.

    Parameters
    ----------
    shape : tuple of int
        Height and width, each at least 1.
    patch : int
        A multiple of 8. A frame smaller than that gets one tile of its own (padded) size.
    overlap : int
        Pixels shared by neighbours, < ``patch``.
    window : {"box", "hann"}
    """
    padded = tuple(max(SMALLEST, -(-n // 8) * 8) if n < patch else -(-n // 8) * 8 for n in shape)
    side = tuple(min(patch, n) for n in padded)
    begins = [starts(n, s, min(overlap, s - 8)) for n, s in zip(padded, side, strict=True)]
    weights = [axis_weights(b, s, window) for b, s in zip(begins, side, strict=True)]
    tiles = tuple(
        Tile(
            slice(top, top + side[0]),
            slice(left, left + side[1]),
            np.outer(down, across).astype(np.float32),
            row,
            column,
        )
        for row, (top, down) in enumerate(zip(begins[0], weights[0], strict=True))
        for column, (left, across) in enumerate(zip(begins[1], weights[1], strict=True))
    )
    return Tiling((shape[0], shape[1]), (padded[0], padded[1]), (side[0], side[1]), tiles)


def pad_frame(frame: Array, padded: tuple[int, int]) -> Array:
    """Mirror the last two axes at their ends up to ``padded``."""
    missing = [n - have for n, have in zip(padded, frame.shape[-2:], strict=True)]
    if not any(missing):
        return frame
    widths = [(0, 0)] * (frame.ndim - 2) + [(0, missing[0]), (0, missing[1])]
    return np.pad(frame, widths, mode="symmetric")


def batches(tiling: Tiling, n: int) -> Iterator[tuple[Tile, ...]]:
    """Groups of at most ``n`` tiles."""
    for first in range(0, len(tiling.tiles), n):
        yield tiling.tiles[first : first + n]
