"""ULM bubble counts: tracks of single bubbles through the vessels, drawn as continuous lines."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.phantom.params import PhantomParams
from napari_fus_ulm.phantom.skull import Transmission, transparent
from napari_fus_ulm.phantom.vessels import STEP, Vessels

ULM_PIXEL = 10.0
"""Pixel size of the count map, µm."""
MEAN_TRACK = 450.0
"""Mean length over which a bubble is followed before a link is missed, µm."""
SHORTEST_TRACK = 80.0
"""Tracks shorter than this are discarded, as tracking software does, µm."""
MOST_TRACKS = 60
"""Tracks drawn per vessel and :data:`MEAN_TRACK` of its length; beyond that each one drawn counts
for several, since hundreds of lines through one lumen fill it evenly anyway."""


def bubble_counts(
    rng: np.random.Generator,
    vessels: Vessels,
    params: PhantomParams,
    skull: Transmission = transparent,
) -> npt.NDArray[np.float32]:
    """Count bubble tracks per 10 µm pixel.

    Tracks enter a vessel in proportion to its flow (r² v), at a radius drawn from the flux of a
    Poiseuille profile, leave it at branchings in proportion to what r³ has lost there, are followed
    for an exponentially distributed length, and are seen as far as the elevation profile and the
    skull allow. A track counts once in every pixel it passes.

    Parameters
    ----------
    rng : numpy.random.Generator
    vessels : Vessels
    params : PhantomParams
    skull : callable, optional
        Transmission of power, 0 to 1, at lateral positions in µm; bubbles are found in proportion
        to its square root.

    Returns
    -------
    (height, width) array
        Counts, of the field of view given by ``params``.
    """
    shape = (round(params.depth_mm * 100), round(params.width_mm * 100))
    counts = np.diff(vessels.first)
    start = vessels.first[:-1]
    flow = vessels.radii[start] ** 2 * vessels.speed[start] / (10.0**2 * 5.0)
    flow = params.bubbles * flow * np.exp(rng.normal(0.0, 0.5, len(flow)))
    weight = np.maximum(1.0, np.round(flow / MOST_TRACKS))
    length = counts * STEP
    vessel, begin, end = _stretches(rng, vessels, flow / weight, length)
    long_enough = end - begin >= np.minimum(SHORTEST_TRACK, 0.8 * length[vessel])
    vessel, begin, end = vessel[long_enough], begin[long_enough], end[long_enough]
    return _draw(rng, vessels, params, skull, shape, vessel, begin, end, weight)


def _stretches(
    rng: np.random.Generator,
    vessels: Vessels,
    flow: npt.NDArray[np.float64],
    length: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Vessel, first and last position (µm) of every track."""
    # Bubbles are already being followed where a vessel starts, and others are detected on the way.
    entering, detected = rng.poisson(flow), rng.poisson(flow * length / MEAN_TRACK)
    every = np.arange(len(flow))
    vessel = np.concatenate([np.repeat(every, entering), np.repeat(every, detected)])
    begin = rng.random(len(vessel)) * length[vessel]
    begin[: entering.sum()] = 0.0
    end = np.minimum(begin + rng.exponential(MEAN_TRACK, len(vessel)), length[vessel])
    # Share of the flow at the start that has not yet left by a branch; never rises.
    left = (
        vessels.radii / np.repeat(vessels.radii[vessels.first[:-1]], np.diff(vessels.first))
    ) ** 3
    fallen = np.maximum.accumulate(2.0 * vessels.owner + 1.0 - np.minimum(left, 1.0))
    here = vessels.first[vessel] + (begin / STEP).astype(np.int64)
    share_here = 1.0 - (fallen[here] - 2.0 * vessel)
    stays = rng.random(len(vessel)) < share_here
    # A bubble leaves where the share has fallen below a number drawn for it.
    leaves_at = np.searchsorted(fallen, 2.0 * vessel + 1.0 - share_here * rng.random(len(vessel)))
    leaves = (leaves_at - vessels.first[vessel]) * STEP
    end = np.minimum(end, leaves)
    stays &= end > begin
    return vessel[stays], begin[stays], end[stays]


def _draw(
    rng: np.random.Generator,
    vessels: Vessels,
    params: PhantomParams,
    skull: Transmission,
    shape: tuple[int, int],
    vessel: npt.NDArray[np.int64],
    begin: npt.NDArray[np.float64],
    end: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
) -> npt.NDArray[np.float32]:
    # Two points per centreline step: lines on a 10 µm grid then have no holes.
    first = (begin / STEP * 2).astype(np.int64)
    n = np.maximum((end / STEP * 2).astype(np.int64) - first, 1)
    track = np.repeat(np.arange(len(n)), n)
    start = np.repeat(np.cumsum(n) - n, n)
    along = np.arange(len(track)) - start + first[track]
    base = vessels.first[vessel][track]
    last = vessels.first[vessel + 1][track] - 1
    left = np.minimum(base + along // 2, last)
    right = np.minimum(left + (along % 2), last)
    points = (0.5 * (vessels.points[left] + vessels.points[right])).astype(np.float32)
    tangent = vessels.tangents()[left, :2].astype(np.float32)
    radius = vessels.radii[left].astype(np.float32)

    # Flux through a Poiseuille profile: density of the radius ∝ ρ (1 - ρ²).
    rho = np.sqrt(1.0 - np.sqrt(1.0 - rng.random(len(n))))
    angle = rng.uniform(0.0, 2 * np.pi, len(n))
    across = (rho * np.cos(angle)).astype(np.float32)[track] * radius
    raised = (rho * np.sin(angle)).astype(np.float32)[track] * radius
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    flat = np.linalg.norm(normal, axis=1, keepdims=True)
    # Vessels that run through the plane show a disc: there any in-plane direction is across.
    normal = np.where(flat > 0.3, normal / np.maximum(flat, 1e-6), 0.0)
    xy = points[:, :2] + across[:, None] * normal
    through = flat[:, 0] <= 0.3
    xy[through] += np.stack([across, raised], axis=1)[through]
    xy += _localisation_error(rng, track, along, len(n), params.localisation_um)
    xy += _motion(rng, len(n), params.motion_um)[track]

    elevation = points[:, 2] + np.where(through, 0.0, raised)
    sigma = params.ulm_slice_um / 2.355
    chance = np.exp(-0.5 * (elevation / sigma) ** 2) * np.sqrt(skull(xy[:, 0]))
    seen = chance > rng.random(len(n)).astype(np.float32)[track]
    column = np.floor(xy[:, 0] / ULM_PIXEL).astype(np.int64)
    row = np.floor(xy[:, 1] / ULM_PIXEL).astype(np.int64)
    seen &= (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0])
    size = shape[0] * shape[1]
    pixel = row * shape[1] + column
    # Sorted by track already, so that equal pairs are found quickly.
    once = np.unique(track[seen] * size + pixel[seen])
    counted = np.bincount(once % size, weights=weight[vessel[once // size]], minlength=size)
    return counted.reshape(shape).astype(np.float32)


def _motion(rng: np.random.Generator, tracks: int, sigma: float) -> npt.NDArray[np.float32]:
    """(tracks, 2) displacement of whole tracks: the brain has moved between recordings.

    A few recordings are registered badly, which gives vessels their faint seam.
    """
    size = np.where(rng.random(tracks) < 0.2, 2.5 * sigma, sigma)
    return np.asarray(rng.normal(size=(tracks, 2)) * size[:, None], dtype=np.float32)


def _localisation_error(
    rng: np.random.Generator,
    track: npt.NDArray[np.int64],
    along: npt.NDArray[np.int64],
    tracks: int,
    sigma: float,
) -> npt.NDArray[np.float32]:
    """Error that varies smoothly along a track (tracks are smoothed over several frames)."""
    knots = 8
    values = rng.normal(0.0, sigma, (tracks, knots, 2)).astype(np.float32)
    position = (along % (knots * 12)) / 12.0
    left = position.astype(np.int64)
    share = (position - left).astype(np.float32)[:, None]
    mixed = (1 - share) * values[track, left] + share * values[track, (left + 1) % knots]
    return np.asarray(mixed, dtype=np.float32)
