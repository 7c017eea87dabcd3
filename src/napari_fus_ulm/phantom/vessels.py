"""Vessels as arrays, grown one generation at a time, branching by Murray's law.

A *generation* is a set of vessels that advance together: smooth random walks with a preferred
direction. Radii follow Murray's law (r₀³ = Σ r³) at every branching, and fall along a vessel where
it gives off twigs too small to be simulated.

Coordinates are (x, y, z) = (lateral, depth, elevation) in µm; y grows downwards, z is 0 in the
image plane.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
STEP = 10.0
"""Distance of consecutive centreline points, µm."""
SMALLEST, LARGEST = 4.0, 100.0
"""Range of radii, µm."""
REACH = 700.0
"""Vessels farther than this from a plane are seen by neither recording, µm."""


@dataclass(frozen=True, slots=True)
class Generation:
    """``n`` vessels of at most ``t`` points each.

    Attributes
    ----------
    points : (n, t, 3) array, µm
    radii : (n, t) array, µm
    counts : (n,) array of int
        Points of each vessel that are real; the rest is padding.
    """

    points: Array
    radii: Array
    counts: npt.NDArray[np.int64]

    @property
    def valid(self) -> npt.NDArray[np.bool_]:
        """(n, t) mask of the points that are not padding."""
        return np.arange(self.points.shape[1])[None, :] < self.counts[:, None]


@dataclass(frozen=True, slots=True)
class Vessels:
    """All vessels of a slab, their points in one array.

    Attributes
    ----------
    points : (m, 3) array, µm
    radii : (m,) array, µm
    speed : (m,) array
        Mean speed of the blood, mm/s.
    first : (n + 1,) array of int
        Vessel ``v`` owns the points ``first[v]:first[v + 1]``.
    """

    points: Array
    radii: Array
    speed: Array
    first: npt.NDArray[np.int64]

    @property
    def owner(self) -> npt.NDArray[np.int64]:
        """(m,) index of the vessel of every point."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    def seen_from(self, height: float) -> Vessels:
        """The vessels near the plane at ``height`` µm, with z measured from it."""
        points = self.points - [0.0, 0.0, height]
        near = np.logical_or.reduceat(np.abs(points[:, 2]) < REACH, self.first[:-1])
        keep = np.repeat(near, np.diff(self.first))
        first = np.concatenate([[0], np.cumsum(np.diff(self.first)[near])])
        return Vessels(points[keep], self.radii[keep], self.speed[keep], first)

    def tangents(self) -> Array:
        """(m, 3) unit vectors along the vessels."""
        step = np.diff(self.points, axis=0, append=self.points[-1:])
        last = self.first[1:] - 1
        step[last] = step[np.maximum(last - 1, 0)]
        return unit(step)


def unit(vectors: Array) -> Array:
    """Vectors of length one along the last axis."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-9))


def grow(
    rng: np.random.Generator,
    starts: Array,
    directions: Array,
    lengths: Array,
    radii: Array,
    *,
    wander: float = 0.02,
    pull: float = 0.02,
    kinks: float = 0.2,
    end_share: float = 1.0,
    from_aside: float = 0.0,
) -> Generation:
    """Grow vessels as smooth random walks, all at once.

    Parameters
    ----------
    starts, directions : (n, 3) arrays
    lengths, radii : (n,) arrays, µm
    wander : float
        Change of direction per 10 µm step (radians, root mean square of a process that keeps its
        sense over about 100 µm): bends.
    pull : float
        How strongly the direction returns to the starting one per step.
    kinks : float
        Deviation from the direction (radians, root mean square) that changes over about 40 µm and
        does not add up.
    end_share : float
        Share of r³ that is left at the end, the rest given off in twigs on the way.
    from_aside : float
        Elevation (µm, root mean square) from which vessels come into their plane over their first
        hundreds of µm, so that they fade in where nothing feeds them.
    """
    n = len(starts)
    steps = max(2, int(np.ceil(lengths.max(initial=2 * STEP) / STEP)))
    flat = np.array([1.0, 1.0, 0.5])
    bend = _remembering(rng, (n, steps, 3), 0.9) * flat
    kink = _remembering(rng, (n, steps, 3), 0.75) * flat
    points = np.empty((n, steps, 3))
    position, heading = starts.copy(), directions.copy()
    for t in range(steps):
        points[:, t] = position
        heading = unit(heading + wander * bend[:, t] + pull * (directions - heading))
        position = position + STEP * unit(heading + kinks * kink[:, t])
    points[:, :, 2] += fading_in(rng, n, steps, from_aside)
    counts = np.clip(np.ceil(lengths / STEP), 2, steps).astype(np.int64)
    along = np.minimum(np.arange(steps)[None, :] / (counts[:, None] - 1), 1.0)
    return Generation(
        points, tapered(np.repeat(radii[:, None], steps, axis=1), along, end_share), counts
    )


def fading_in(rng: np.random.Generator, n: int, steps: int, size: float) -> Array:
    """(n, steps) elevations in µm that fall from about ``size`` to 0, nowhere steeper than 60°."""
    start = size * rng.normal(size=n)
    reach = np.maximum(rng.uniform(10.0, 30.0, n), np.abs(start) / (1.7 * STEP))
    return np.asarray(start[:, None] * np.exp(-np.arange(steps) / reach[:, None]))


def tapered(radii: Array, along: Array, end_share: float) -> Array:
    """Radii whose cube has fallen to ``end_share`` where ``along`` is 1."""
    share = 1.0 - (1.0 - end_share) * along**1.5
    return np.clip(radii * np.cbrt(share), SMALLEST, LARGEST)


def _remembering(rng: np.random.Generator, shape: tuple[int, int, int], memory: float) -> Array:
    """Noise of variance 1 that forgets by ``1 - memory`` a step along axis 1."""
    noise = rng.normal(size=shape)
    for t in range(1, shape[1]):
        noise[:, t] = memory * noise[:, t - 1] + np.sqrt(1 - memory**2) * noise[:, t]
    return noise


def branch(
    rng: np.random.Generator,
    parents: Generation,
    per_mm: float,
    *,
    share: tuple[float, float] = (0.1, 0.5),
    angle: tuple[float, float] = (0.4, 1.0),
    length: tuple[float, float] | None = None,
    from_fraction: float = 0.1,
    wander: float = 0.025,
    kinks: float = 0.2,
    end_share: float = 0.3,
) -> tuple[Generation, Generation]:
    """Let parents give off children; return the thinned parents and the children.

    At each branching the child takes a ``share`` of r³ and the parent goes on with the rest
    (Murray's law); children below the smallest radius are not simulated, but what they take is
    gone. The smaller child leaves at the wider angle.

    Parameters
    ----------
    per_mm : float
        Branchings per mm of parent, from ``from_fraction`` of its length on.
    share : tuple of float
        Range of the child's share of r³.
    angle : tuple of float
        Range of the angle in the image plane, radians.
    length : tuple of float, optional
        Range of the children's lengths, µm; by default 35 to 90 % of what remains of the parent,
        so that a tree keeps its outline.
    wander, kinks, end_share
        See :func:`grow`.
    """
    span = parents.counts * STEP / 1000.0
    number = rng.poisson(per_mm * span * (1.0 - from_fraction))
    owner = np.repeat(np.arange(len(number)), number)
    fraction = rng.uniform(from_fraction, 1.0, len(owner))
    at = np.clip((fraction * parents.counts[owner]).astype(int), 1, parents.counts[owner] - 1)
    # One branching a point.
    _, first = np.unique(owner * parents.points.shape[1] + at, return_index=True)
    owner, at = owner[first], at[first]
    n = len(owner)
    if n == 0:
        return parents, nothing()
    taken = rng.uniform(*share, n)
    loss = np.zeros_like(parents.radii)
    loss[owner, at] = np.log1p(-taken)
    factor = np.exp(np.cumsum(loss, axis=1) / 3.0)
    before = parents.radii[owner, at - 1] * factor[owner, at - 1]
    child_radius = np.minimum(before * np.cbrt(taken), LARGEST)
    thinned = np.clip(parents.radii * factor, SMALLEST, LARGEST)
    seen = child_radius >= SMALLEST
    owner, at, taken, child_radius = owner[seen], at[seen], taken[seen], child_radius[seen]
    n = len(owner)
    if n == 0:
        return Generation(parents.points, thinned, parents.counts), nothing()

    ahead = np.minimum(at + 1, parents.points.shape[1] - 1)
    tangent = unit(parents.points[owner, ahead] - parents.points[owner, np.maximum(at - 3, 0)])
    widest = 1.0 - (taken - share[0]) / max(share[1] - share[0], 1e-9)
    turn = angle[0] + (angle[1] - angle[0]) * np.clip(widest + rng.normal(0.0, 0.25, n), 0.0, 1.0)
    turn *= rng.choice([-1.0, 1.0], n)
    cos, sin = np.cos(turn), np.sin(turn)
    direction = unit(
        np.stack(
            [
                cos * tangent[:, 0] - sin * tangent[:, 1],
                sin * tangent[:, 0] + cos * tangent[:, 1],
                tangent[:, 2] + rng.normal(0.0, 0.35, n),
            ],
            axis=1,
        )
    )
    if length is None:
        remains = (parents.counts[owner] - at) * STEP
        lengths = np.maximum(remains * rng.uniform(0.35, 0.9, n), rng.uniform(90.0, 220.0, n))
    else:
        lengths = np.exp(rng.uniform(np.log(length[0]), np.log(length[1]), n))
    children = grow(
        rng,
        parents.points[owner, at],
        direction,
        lengths,
        child_radius,
        wander=wander,
        pull=0.01,
        kinks=kinks,
        end_share=end_share,
    )
    return Generation(parents.points, thinned, parents.counts), children


def nothing() -> Generation:
    """No vessel at all."""
    return Generation(np.zeros((0, 2, 3)), np.zeros((0, 2)), np.zeros(0, dtype=np.int64))


def all_vessels(rng: np.random.Generator, generations: list[Generation]) -> Vessels:
    """Generations as one set of vessels, each with the speed of its blood."""
    simulated = [
        Generation(one.points[long], one.radii[long], one.counts[long])
        for one in generations
        for long in [one.counts >= 4]
        if long.any()
    ]
    speed = [_speed(rng, one)[one.valid] for one in simulated]
    counts = np.concatenate([one.counts for one in simulated])
    return Vessels(
        np.concatenate([one.points[one.valid] for one in simulated]),
        np.concatenate([one.radii[one.valid] for one in simulated]),
        np.concatenate(speed),
        np.concatenate([[0], np.cumsum(counts)]),
    )


def _speed(rng: np.random.Generator, generation: Generation) -> Array:
    """2 to 16 mm/s, slower in small vessels, as measured in mouse ULM."""
    variation = np.exp(rng.normal(0, 0.3, len(generation.counts)))[:, None]
    return np.clip((1.4 + 0.63 * np.sqrt(generation.radii)) * variation, 1.0, 30.0)


def smooth_displacement(
    rng: np.random.Generator, xy: Array, size: float, rms: float, wavelength: float = 4000.0
) -> Array:
    """(m, 2) smooth random displacement in µm: a few plane waves longer than ``wavelength``."""
    total = np.zeros_like(xy)
    waves = 6
    for _ in range(waves):
        angle = rng.uniform(0, 2 * np.pi)
        k = 2 * np.pi / rng.uniform(wavelength, 3 * size)
        phase = xy @ np.array([np.cos(angle), np.sin(angle)]) * k + rng.uniform(0, 2 * np.pi)
        total += np.sin(phase)[:, None] * rng.normal(size=2)
    return np.asarray(total * rms / np.sqrt(waves / 2))
