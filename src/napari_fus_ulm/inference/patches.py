"""Patches that were each sampled on their own, before anything is blended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.inference.tiles import Tile, Tiling

Array = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """A generator's image of every tile of one plane.

    Attributes
    ----------
    tiling : Tiling
        Where the tiles lie in the frame (pixels of the generator's grid).
    images : (n, h, w) array
        One per tile, in the tiling's order; model units or grey levels.
    """

    tiling: Tiling
    images: Array

    def blend(self, keep: Callable[[Tile], bool] = lambda tile: True) -> tuple[Array, Mask]:
        """Blend the tiles that are kept.

        Returns
        -------
        image : (height, width) array
            Of the frame; 0 where no kept tile lies.
        covered : (height, width) array of bool
        """
        total = np.zeros(self.tiling.padded, np.float32)
        weight = np.zeros(self.tiling.padded, np.float32)
        for tile, image in zip(self.tiling.tiles, self.images, strict=True):
            if keep(tile):
                total[tile.rows, tile.columns] += tile.weight * image
                weight[tile.rows, tile.columns] += tile.weight
        covered = weight > 0
        image = np.divide(total, weight, out=np.zeros_like(total), where=covered)
        inside = np.s_[: self.tiling.shape[0], : self.tiling.shape[1]]
        return image[inside], covered[inside]

    def neighbours(self, down: int, right: int) -> Iterator[tuple[int, int]]:
        """Pairs of tile numbers; the second tile lies so many rows down and columns right."""
        at = {(tile.row, tile.column): n for n, tile in enumerate(self.tiling.tiles)}
        for (row, column), number in at.items():
            other = at.get((row + down, column + right))
            if other is not None:
                yield number, other

    def overlap(self, one: int, other: int) -> tuple[int, int, int, int]:
        """Top, left, bottom and right of what two tiles share inside the frame."""
        tiles = (self.tiling.tiles[one], self.tiling.tiles[other])
        height, width = self.tiling.shape
        return (
            max(tile.rows.start for tile in tiles),
            max(tile.columns.start for tile in tiles),
            min(height, *(tile.rows.stop for tile in tiles)),
            min(width, *(tile.columns.stop for tile in tiles)),
        )
