"""Patch coherence: what neighbouring patches say when each is sampled on its own.

The study's figure: the left patch in red, its right neighbour in green, agreement in yellow. With
half-overlapping patches the even columns cover the frame and the odd ones all but its outer edges:
where both lie, every pixel has been generated twice, and only there anything is shown. Agreement
is self-consistency, not truth.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from napari_fus_ulm.inference.enhance import evaluations, noise_source
from napari_fus_ulm.inference.events import Notice, Progress
from napari_fus_ulm.inference.prepare import prepare
from napari_fus_ulm.inference.results import plane_on_result
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.inference.tiles import Tile
from napari_fus_ulm.inference.translate import Tick, sample_patches
from napari_fus_ulm.scan import spacing_of

PATCH = 128
"""Patch side of training; coherence is about patches of that size."""
SHARED, INDEPENDENT = 0, 1
Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Coherence:
    """Two images of one plane, made from alternating columns of patches.

    Attributes
    ----------
    left, right : xarray.DataArray
        Grey levels in [0, 1] on the result's grid, from patches of even and of odd columns; 0
        where not both lie.
    corners : (n, 4, 2) array
        Corners (y, x) of every patch, mm.
    settings : EnhanceSettings
    """

    left: xr.DataArray
    right: xr.DataArray
    corners: npt.NDArray[np.float64]
    settings: EnhanceSettings


@dataclass(frozen=True, slots=True)
class CoherenceFinished:
    """The last event."""

    coherence: Coherence


def coherence_events(
    fus: xr.DataArray, settings: EnhanceSettings, *, shared_noise: bool = False
) -> Iterator[Progress | Notice | CoherenceFinished]:
    """Sample neighbouring 128-pixel patches separately.

    Parameters
    ----------
    fus : xarray.DataArray
        One 2-D plane.
    settings : EnhanceSettings
        Steps, seed, device and so on; patches are 128 pixels with half overlap whatever it says.
    shared_noise : bool
        Give overlapping patches the same noise where they overlap (shows boundary effects);
        independent noise (default) shows the generator's indecision too.

    Yields
    ------
    Progress, Notice, CoherenceFinished

    Raises
    ------
    ValueError
        If ``fus`` is not 2-D, or not wider than one patch.
    """
    if fus.ndim != 2:
        raise ValueError("Patch coherence works on one plane; choose a slice or a time first.")
    ready = prepare(fus, replace(settings, patch=PATCH, overlap=PATCH // 2, window="hann"))
    applied, frame = ready.applied, ready.frame(0)
    tiling = applied.tiling(frame.shape)
    if all(tile.column == 0 for tile in tiling.tiles):
        raise ValueError(
            f"The image is {frame.shape[1]} result pixels wide, no more than one patch of {PATCH}: "
            "there are no neighbouring patches to compare."
        )
    steps, _ = evaluations(settings, applied.model)
    shared = noise_source(applied.model, settings, (settings.seed, SHARED))
    whole = lru_cache(maxsize=None)(partial(shared, tiling.padded))

    def noise(tile: Tile, step: int) -> torch.Tensor:
        if shared_noise:
            return whole(step)[0, :, tile.rows, tile.columns]
        key = (settings.seed, INDEPENDENT, tile.row, tile.column)
        return noise_source(applied.model, settings, key)(tiling.side, step)[0]

    def one_side(
        parity: int,
    ) -> Generator[Progress | Notice, None, tuple[Array, npt.NDArray[np.bool_]]]:
        share = 0.0
        source = sample_patches(
            applied, frame, noise, steps, keep=lambda tile: tile.column % 2 == parity
        )
        while True:
            try:
                event = next(source)
            except StopIteration as stop:
                image, covered = stop.value
                break
            if isinstance(event, Tick):
                share += event.share
                done = round(100 * (parity * steps + share))
                yield Progress(done, 200 * steps, ("left", "right")[parity] + " patches")
            else:
                yield event
        grey = applied.model.to_grey(torch.from_numpy(np.ascontiguousarray(image))).numpy()
        return np.clip(grey, 0.0, 1.0), covered

    (even, has_even), (odd, has_odd) = (yield from one_side(0)), (yield from one_side(1))
    both = has_even & has_odd
    left, right = (plane_on_result(ready, np.where(both, side, 0.0)) for side in (even, odd))
    corners = np.array(
        [
            [
                (y, x)
                for y, x in (
                    (tile.rows.start, tile.columns.start),
                    (tile.rows.start, tile.columns.stop),
                    (tile.rows.stop, tile.columns.stop),
                    (tile.rows.stop, tile.columns.start),
                )
            ]
            for tile in tiling.tiles
        ],
        dtype=np.float64,
    )
    corners = np.minimum(corners, frame.shape)
    dy, dx = spacing_of(left)
    scale = np.array([left.shape[0] * dy / frame.shape[0], left.shape[1] * dx / frame.shape[1]])
    origin = np.array([float(left.y[0]) - dy / 2, float(left.x[0]) - dx / 2])
    yield CoherenceFinished(Coherence(left, right, corners * scale + origin, settings))
