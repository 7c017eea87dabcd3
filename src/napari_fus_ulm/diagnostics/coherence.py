"""Patch coherence: how far neighbouring patches agree when each is sampled on its own.

The study's figure: the left patch in red, its right neighbour in green, agreement in yellow; and
the same with upper and lower patches. With half-overlapping patches the even columns cover the
frame and the odd ones all but its outer edges: where both lie, every pixel has been generated
twice. The strip at the edge that only one patch covers is kept apart. Every overlap of two patches
is a seam with its own numbers. Agreement is self-consistency, not correctness.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from napari_fus_ulm.errors import MeasureError, SettingsError
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.inference.enhance import evaluations, noise_source, to_grey
from napari_fus_ulm.inference.enhancement import Enhancement
from napari_fus_ulm.inference.events import Notice, Progress
from napari_fus_ulm.inference.patches import Patches
from napari_fus_ulm.inference.prepare import Prepared, prepare
from napari_fus_ulm.inference.results import on_result_pixels, plane_on_result
from napari_fus_ulm.inference.settings import Box, EnhanceSettings
from napari_fus_ulm.inference.tiles import Tile
from napari_fus_ulm.inference.translate import Tick, sample_patches
from napari_fus_ulm.metrics.seams import LEFT_RIGHT, UPPER_LOWER, Seam, seam, worst_first

Floats = npt.NDArray[np.float32]

PATCH = 128
"""Patch side of training; coherence is about patches of that size."""
Region = tuple[float, float, float, float]
PatchNoise = Literal["independent", "shared"]
_KEYS = {"shared": 0, "independent": 1}
STEPS = {LEFT_RIGHT: (0, 1), UPPER_LOWER: (1, 0)}
"""Rows and columns from a patch to its neighbour."""


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """Pictures of patches and of their neighbours, grey levels in [0, 1] on the result's grid.

    Attributes
    ----------
    one, other : xarray.DataArray
        Of the left and of the right patches (the upper and the lower ones); NaN where either lies
        nowhere, or, of two patches alone, where that one does not lie.
    single : xarray.DataArray
        Where only one of them lies, so that there is nothing to compare; NaN elsewhere.
    """

    one: xr.DataArray
    other: xr.DataArray
    single: xr.DataArray

    @property
    def high(self) -> float:
        """Grey level that is shown brightest."""
        sides = (*self.compared, self.single)
        return max(float(np.percentile(np.nan_to_num(one.values), 99.9)) for one in sides) or 1.0

    @property
    def compared(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Both pictures."""
        return self.one, self.other


@dataclass(frozen=True, slots=True, eq=False)
class Coherence:
    """Patches of one plane compared with their neighbours.

    Attributes
    ----------
    columns, rows : Sides
        From patches of even and of odd columns (rows).
    seams : tuple of Seam
        Every overlap of two neighbours, the worst first.
    corners : (n, 4, 2) array
        Corners (y, x) of every patch, mm.
    seam_corners : (m, 4, 2) array
        Those of the seams, in their order.
    neighbours : (m, 2) array of int
        Numbers of the two patches of every seam.
    patches : Patches
        Grey levels.
    noise : {"independent", "shared", "run"}
        What the patches were sampled with; "run" means the patches of the result itself.
    settings : EnhanceSettings
    """

    columns: Sides
    rows: Sides
    seams: tuple[Seam, ...]
    corners: npt.NDArray[np.float64]
    seam_corners: npt.NDArray[np.float64]
    neighbours: npt.NDArray[np.intp]
    patches: Patches
    noise: str
    settings: EnhanceSettings

    @property
    def left(self) -> xr.DataArray:
        """The picture of the even columns, which lies on the result's grid."""
        return self.columns.one

    def sides(self, direction: str) -> Sides:
        """The pictures of a direction."""
        return self.columns if direction == LEFT_RIGHT else self.rows

    def two(self, seam: int) -> Sides:
        """The two patches of a seam, whole: they share only their overlap."""
        pictures = []
        for number in self.neighbours[seam]:
            tile = self.patches.tiling.tiles[number]
            blended, covered = self.patches.blend(lambda one, tile=tile: one is tile)  # type: ignore[misc]
            pictures.append(_shown(blended, covered, self.left))
        nothing = self.left.copy(data=np.full(self.left.shape, np.nan, np.float32))
        return Sides(pictures[0], pictures[1], nothing)

    def field_mm(self, seam: int) -> Box:
        """What the two patches of a seam cover: top, left, height and width from the corner."""
        return self._box(self.corners[self.neighbours[seam]].reshape(-1, 2))

    def seam_mm(self, seam: int) -> Box:
        """Where a seam lies: the same."""
        return self._box(self.seam_corners[seam])

    def _box(self, corners: npt.NDArray[np.float64]) -> Box:
        grid = Grid.of(self.left)
        low = np.maximum(corners.min(axis=0) - grid.corner_mm, 0.0)
        high = np.minimum(corners.max(axis=0) - grid.corner_mm, grid.extent_mm)
        (top, left), (height, width) = low.tolist(), (high - low).tolist()
        return top, left, height, width


@dataclass(frozen=True, slots=True)
class CoherenceFinished:
    """The last event."""

    coherence: Coherence


def coherence_events(
    fus: xr.DataArray,
    settings: EnhanceSettings,
    *,
    noise: PatchNoise = "independent",
    region: Region | None = None,
) -> Iterator[Progress | Notice | CoherenceFinished]:
    """Sample half-overlapping 128-pixel patches each on its own, and compare neighbours.

    Parameters
    ----------
    fus : xarray.DataArray
        One 2-D plane.
    settings : EnhanceSettings
        Steps, seed, device and so on; patches are always 128 pixels with half overlap.
    noise : {"independent", "shared"}
        Independent noise shows the generator's variability as well as the effect of a patch's
        border; with shared noise, equal where patches overlap, only the latter is left. (The latent
        images of MHVAE lie on a patch's own grid, so that its noise is shared only in part. A
        deterministic generator gives the same for both.)
    region : tuple of float, optional
        Top, left, bottom and right (mm, in the coordinates of ``fus``): only patches that reach
        into it are sampled, on the whole image's grid and with its noise and range.

    Yields
    ------
    Progress, Notice, CoherenceFinished

    Raises
    ------
    ValueError
        If ``fus`` is not 2-D, image or region are not larger than one patch, or there is no such
        noise.
    """
    if noise not in get_args(PatchNoise):
        raise SettingsError(f"noise is “{noise}”; it must be independent or shared.")
    if fus.ndim != 2:
        raise MeasureError("Patch coherence works on one plane; choose a slice or a time first.")
    whole = replace(settings, region=None)  # this function's own says which patches
    ready = prepare(fus, replace(whole, patch=PATCH, overlap=PATCH // 2, window="hann"))
    applied, frame = ready.applied, ready.frame(0)
    keep = _reaching_into(region, ready.target)
    count = sum(map(keep, applied.tiling(frame.shape).tiles))
    if count < 2:
        raise MeasureError(_one_patch(frame.shape))
    steps, _ = evaluations(settings, applied.model)
    share = 0.0
    source = sample_patches(applied, frame, _noise(ready, settings, noise), steps, keep)
    while True:
        try:
            event = next(source)
        except StopIteration as stop:
            patches: Patches = stop.value
            break
        if isinstance(event, Tick):
            share += event.share
            yield Progress(round(100 * share), 100 * steps, f"{count} patches")
        else:
            yield event
    empty = plane_on_result(ready, np.zeros(frame.shape, np.float32))
    yield CoherenceFinished(_compared(to_grey(patches, applied.model), empty, settings, noise))


def coherence_of(result: Enhancement) -> Coherence:
    """Compare the neighbouring patches that a run kept; nothing is sampled again.

    Raises
    ------
    ValueError
        If the run did not sample patch by patch, or had only one patch.
    """
    if result.patches is None:
        raise MeasureError(
            "This run kept no patches: they are kept only for one sample of one plane, sampled "
            "patch by patch; sample them anew."
        )
    if len(result.patches.images) == 1:
        raise MeasureError(_one_patch(result.patches.tiling.shape))
    plane = result.image.squeeze(drop=True)
    return _compared(result.patches, plane, result.settings, "run")


def _reaching_into(region: Region | None, grid: Grid) -> Callable[[Tile], bool]:
    """Whether a tile has pixels in a region."""
    if region is None:
        return lambda tile: True
    top, left = np.subtract(region[:2], grid.corner_mm) / grid.spacing_mm
    bottom, right = np.subtract(region[2:], grid.corner_mm) / grid.spacing_mm
    return lambda tile: bool(
        tile.rows.start < bottom
        and tile.rows.stop > top
        and tile.columns.start < right
        and tile.columns.stop > left
    )


def _one_patch(shape: tuple[int, int]) -> str:
    return (
        "The selected area holds only one patch; there is no neighbour to compare. The image has "
        f"{shape[1]} × {shape[0]} pixels."
    )


def _noise(
    ready: Prepared, settings: EnhanceSettings, kind: PatchNoise
) -> Callable[[Tile, int], torch.Tensor]:
    model = ready.applied.model
    tiling = ready.applied.tiling(ready.frame(0).shape)
    shared = noise_source(model, settings, (settings.seed, _KEYS["shared"]))
    whole = lru_cache(maxsize=None)(partial(shared, tiling.padded))

    def cut(tile: Tile, step: int) -> torch.Tensor:
        return whole(step)[0, :, tile.rows, tile.columns]

    def independent(tile: Tile, step: int) -> torch.Tensor:
        key = (settings.seed, _KEYS["independent"], tile.row, tile.column)
        return noise_source(model, settings, key)(tiling.side, step)[0]

    return cut if kind == "shared" else independent


def _compared(
    patches: Patches, like: xr.DataArray, settings: EnhanceSettings, noise: str
) -> Coherence:
    """Compare patches in grey levels; ``like`` is a plane on the result's grid."""
    columns = _sides(patches, lambda tile: tile.column, like)
    rows = _sides(patches, lambda tile: tile.row, like)
    grid = Grid.of(like).with_shape(patches.tiling.shape)
    seams = worst_first(_seams(patches, grid.pixel_mm))
    numbers = {(tile.row, tile.column): n for n, tile in enumerate(patches.tiling.tiles)}
    neighbours = [
        (
            numbers[one.row, one.column],
            numbers[one.row + STEPS[one.direction][0], one.column + STEPS[one.direction][1]],
        )
        for one in seams
    ]

    def mm(boxes: list[tuple[int, int, int, int]]) -> npt.NDArray[np.float64]:
        outlines = [
            [(top, left), (top, right), (bottom, right), (bottom, left)]
            for top, left, bottom, right in boxes
        ]
        return np.array(outlines, np.float64).reshape(-1, 4, 2) * grid.spacing_mm + grid.corner_mm

    whole = [patches.overlap(n, n) for n in range(len(patches.images))]
    corners, seam_corners = mm(whole), mm([one.box for one in seams])
    return Coherence(
        columns=columns,
        rows=rows,
        seams=seams,
        corners=corners,
        seam_corners=seam_corners,
        neighbours=np.array(neighbours, np.intp).reshape(-1, 2),
        patches=patches,
        noise=noise,
        settings=settings,
    )


def _sides(patches: Patches, number: Callable[[Tile], int], like: xr.DataArray) -> Sides:
    """Pictures of the even and of the odd patches, and of what only one of them covers."""
    (even, has_even), (odd, has_odd) = (
        patches.blend(lambda tile, parity=parity: number(tile) % 2 == parity)  # type: ignore[misc]
        for parity in (0, 1)
    )
    both = has_even & has_odd
    return Sides(
        one=_shown(even, both, like),
        other=_shown(odd, both, like),
        single=_shown(np.where(has_even, even, odd), has_even ^ has_odd, like),
    )


def _shown(image: Floats, where: npt.NDArray[np.bool_], like: xr.DataArray) -> xr.DataArray:
    """A part of the generator's frame on the result's pixels; NaN elsewhere."""
    shape = (like.shape[0], like.shape[1])
    share = on_result_pixels(where.astype(np.float32), shape)
    total = on_result_pixels(np.where(where, image, np.float32(0)), shape)
    nothing = np.full(shape, np.nan, np.float32)
    return like.copy(data=np.divide(total, share, out=nothing, where=share > 0.5))


def _seams(patches: Patches, pixel_mm: float) -> Iterator[Seam]:
    for direction, (down, right) in STEPS.items():
        for one, other in patches.neighbours(down, right):
            box = patches.overlap(one, other)
            if box[2] <= box[0] or box[3] <= box[1]:
                continue  # patches that touch but do not overlap
            tiles = patches.tiling.tiles[one], patches.tiling.tiles[other]
            inside = tuple(
                (
                    slice(box[0] - tile.rows.start, box[2] - tile.rows.start),
                    slice(box[1] - tile.columns.start, box[3] - tile.columns.start),
                )
                for tile in tiles
            )
            numbers = seam(
                patches.images[one],
                patches.images[other],
                (inside[0], inside[1]),
                pixel_mm,
            )
            yield Seam(direction, tiles[0].row, tiles[0].column, box, *numbers)


def summary(coherence: Coherence) -> str:
    """Two sentences on all seams, for a dock or a terminal."""
    shown = [one for one in coherence.seams if not math.isnan(one.cl_dice)]
    if not shown:
        return "No patch shows a vessel where it overlaps another."
    middle = float(np.nanmedian([one.correlation for one in shown]))
    worst = shown[0]
    return (
        f"{len(shown)} seams with vessels: median correlation {middle:.2f}. Worst: {worst.name} "
        f"({worst.correlation:.2f})."
    )
