"""Vessel trees of a coronal slab, grown a whole generation at a time.

A *generation* is a set of vessels that advance together as arrays: smooth random walks with a
preferred direction. Radii follow Murray's law (r₀³ = Σ r³) at every branching. The anatomy is
that of a coronal rat section: pial arc, sagittal sinus, midline vessel, penetrating vessels,
hippocampal tufts, thalamic arches, a lateral arc, fans at the base, and a callosal band left empty
of small vessels.

Coordinates are (x, y, z) = (lateral, depth, elevation) in µm; y grows downwards, z is 0 in the
image plane.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.phantom.params import PhantomParams
from napari_fus_ulm.phantom.tissue import Tissue

Array = npt.NDArray[np.float64]
STEP = 10.0
"""Distance of consecutive centreline points, µm."""
SMALLEST, LARGEST = 4.0, 100.0
"""Range of radii, µm."""


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

    def tangents(self) -> Array:
        """(m, 3) unit vectors along the vessels."""
        step = np.diff(self.points, axis=0, append=self.points[-1:])
        last = self.first[1:] - 1
        step[last] = step[np.maximum(last - 1, 0)]
        return _unit(step)


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Where things are in one animal's section (µm)."""

    midline: float
    top: float
    fall: float
    scale: float
    width: float
    depth: float

    def surface(self, x: Array) -> Array:
        """Depth of the brain's surface at lateral position ``x``."""
        u = np.abs(x - self.midline) / (5000.0 * self.scale)
        dimple = 150.0 * np.exp(-((u / 0.04) ** 2))
        return self.top + dimple + self.fall * self.scale * u**2.2

    def normal(self, x: Array) -> Array:
        """(n, 2) unit vectors pointing into the brain."""
        slope = (self.surface(x + 50.0) - self.surface(x - 50.0)) / 100.0
        slope = np.where(np.abs(x - self.midline) < 250, 0.0, slope)
        vector = np.stack([-slope, np.ones_like(slope)], axis=-1)
        return _unit(vector)

    def below(self, x: Array, y: Array) -> Array:
        """Depth under the surface."""
        return y - self.surface(x)

    def in_callosum(self, x: Array, y: Array) -> npt.NDArray[np.bool_]:
        """Where the white-matter band lies, 1.5 to 2 mm under the surface near the midline."""
        u = np.abs(x - self.midline) / (1000.0 * self.scale)
        d = self.below(x, y) / (1000.0 * self.scale)
        centre = 1.75 + 0.12 * np.sin(1.3 * u)
        half = np.clip(0.22 - 0.035 * u, 0.05, None)
        return (np.abs(d - centre) < half) & (u < 4.2)


def anatomy_of(params: PhantomParams) -> Anatomy:
    """Place the landmarks of one animal."""
    return Anatomy(
        midline=params.width_mm * 500.0 + params.midline_offset_um,
        top=params.surface_um,
        fall=params.curvature * 1000.0,
        scale=params.scale,
        width=params.width_mm * 1000.0,
        depth=params.depth_mm * 1000.0,
    )


def _unit(vectors: Array) -> Array:
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
    wander: float = 0.06,
    pull: float = 0.02,
) -> Generation:
    """Grow vessels as smooth random walks, all at once.

    Parameters
    ----------
    starts, directions : (n, 3) arrays
    lengths, radii : (n,) arrays, µm
    wander : float
        Change of direction per 10 µm step (radians, root mean square of a smooth process).
    pull : float
        How strongly the direction returns to the starting one per step.
    """
    n = len(starts)
    steps = max(2, int(np.ceil(lengths.max(initial=2 * STEP) / STEP)))
    bend = rng.normal(size=(n, steps, 3)) * [1.0, 1.0, 0.5]
    # An autoregressive bend gives curvature that changes over ~100 µm, not a jagged path.
    memory = 0.9
    for t in range(1, steps):
        bend[:, t] = memory * bend[:, t - 1] + np.sqrt(1 - memory**2) * bend[:, t]
    points = np.empty((n, steps, 3))
    position, heading = starts.copy(), directions.copy()
    for t in range(steps):
        points[:, t] = position
        heading = heading + wander * bend[:, t] + pull * (directions - heading)
        heading = _unit(heading)
        position = position + STEP * heading
    counts = np.clip(np.ceil(lengths / STEP), 2, steps).astype(np.int64)
    return Generation(points, np.repeat(radii[:, None], steps, axis=1), counts)


def branch(
    rng: np.random.Generator,
    parents: Generation,
    per_mm: float,
    *,
    share: tuple[float, float] = (0.08, 0.5),
    angle: tuple[float, float] = (0.5, 1.2),
    length: tuple[float, float] = (150.0, 500.0),
    from_fraction: float = 0.1,
    wander: float = 0.08,
    pull: float = 0.01,
) -> tuple[Generation, Generation]:
    """Let parents give off children; return the thinned parents and the children.

    At each branching the child takes a ``share`` of r³ and the parent goes on with the rest
    (Murray's law). ``angle`` is in radians, ``length`` in µm, ``per_mm`` children per mm of parent.
    """
    span = parents.counts * STEP / 1000.0
    number = rng.poisson(per_mm * span * (1.0 - from_fraction))
    owner = np.repeat(np.arange(len(number)), number)
    n = len(owner)
    if n == 0:
        return parents, _nothing()
    fraction = rng.uniform(from_fraction, 1.0, n)
    at = np.minimum((fraction * parents.counts[owner]).astype(int), parents.counts[owner] - 1)
    taken = rng.uniform(*share, n)
    loss = np.zeros_like(parents.radii)
    np.add.at(loss, (owner, at), np.log1p(-taken))
    factor = np.exp(np.cumsum(loss, axis=1) / 3.0)
    before = parents.radii[owner, at] * factor[owner, np.maximum(at - 1, 0)]
    child_radius = np.clip(before * taken ** (1 / 3), SMALLEST, LARGEST)
    thinned = np.clip(parents.radii * factor, SMALLEST, LARGEST)

    ahead = np.minimum(at + 1, parents.points.shape[1] - 1)
    tangent = parents.points[owner, ahead] - parents.points[owner, np.maximum(at - 1, 0)]
    tangent = _unit(tangent)
    turn = rng.uniform(*angle, n) * rng.choice([-1.0, 1.0], n)
    cos, sin = np.cos(turn), np.sin(turn)
    direction = np.stack(
        [
            cos * tangent[:, 0] - sin * tangent[:, 1],
            sin * tangent[:, 0] + cos * tangent[:, 1],
            tangent[:, 2] + rng.normal(0.0, 0.35, n),
        ],
        axis=1,
    )
    direction = _unit(direction)
    spread = np.exp(rng.uniform(np.log(length[0]), np.log(length[1]), n))
    children = grow(
        rng, parents.points[owner, at], direction, spread, child_radius, wander=wander, pull=pull
    )
    return Generation(parents.points, thinned, parents.counts), children


def _nothing() -> Generation:
    return Generation(np.zeros((0, 2, 3)), np.zeros((0, 2)), np.zeros(0, dtype=np.int64))


def _directions(xy: Array, rng: np.random.Generator, elevation: float = 0.15) -> Array:
    """Unit vectors from in-plane ones, tilted a little out of the plane."""
    z = rng.normal(0.0, elevation, len(xy))
    vector = np.column_stack([xy, z])
    return _unit(vector)


def _elevations(rng: np.random.Generator, n: int, params: PhantomParams) -> Array:
    return rng.uniform(-0.5, 0.5, n) * params.slab_um


def _along_curve(
    rng: np.random.Generator, knots: Array, radius: float, elevation: float, ripple: float = 30.0
) -> Generation:
    """One vessel along a smooth curve through in-plane ``knots`` (k, 2), slightly irregular."""
    from scipy.interpolate import make_interp_spline

    parameter = np.linspace(0.0, 1.0, len(knots))
    curve = make_interp_spline(parameter, knots, k=min(3, len(knots) - 1))
    fine = curve(np.linspace(0, 1, 400))
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))])
    n = max(2, int(length[-1] / STEP))
    at = np.linspace(0.0, length[-1], n)
    xy = np.column_stack([np.interp(at, length, fine[:, i]) for i in (0, 1)])
    walk = np.cumsum(rng.normal(size=(n, 3)), axis=0)
    walk -= np.linspace(0, 1, n)[:, None] * walk[-1]
    xyz = np.column_stack([xy, np.full(n, elevation)])
    xyz += ripple * walk / max(np.abs(walk).max(), 1e-9) * [1.0, 1.0, 3.0]
    return Generation(xyz[None], np.full((1, n), radius), np.array([n]))


def _through_plane(rng: np.random.Generator, xy: Array, radii: Array, slab: float) -> Generation:
    """Vessels that cross the section (the sagittal sinus and others): round in the image."""
    n = len(xy)
    towards = np.column_stack([rng.normal(0, 0.05, n), rng.normal(0, 0.05, n), np.ones(n)])
    towards = _unit(towards)
    starts = np.column_stack([xy, np.full(n, -slab / 2)])
    return grow(rng, starts, towards, np.full(n, slab), radii, wander=0.02, pull=0.05)


def _cortex(rng: np.random.Generator, a: Anatomy, p: PhantomParams) -> list[Generation]:
    """Pial arc, penetrators and their side branches."""
    made: list[Generation] = []
    slices = p.slab_um / 500.0
    # Pial vessels lie on the surface, running both ways.
    n = round(slices * a.width / 1000.0 * 1.6)
    x = rng.uniform(-500, a.width + 500, n)
    tangent = np.column_stack([a.normal(x)[:, 1], -a.normal(x)[:, 0]])
    sign = np.where(x > a.midline, 1.0, -1.0) * rng.choice([1.0, 1.0, -1.0], n)
    lengths = rng.uniform(800, 3000, n)
    radii = np.clip(np.exp(rng.normal(np.log(24), 0.4, n)), 10, 60)
    pial = grow(
        rng,
        np.column_stack([x, a.surface(x), _elevations(rng, n, p)]),
        _directions(tangent * sign[:, None], rng, 0.4),
        lengths,
        radii,
    )
    depth = rng.uniform(-30, 90, n)[:, None] + 15 * np.sin(
        np.arange(pial.points.shape[1]) / rng.uniform(8, 30, n)[:, None]
    )
    pial.points[:, :, 1] = a.surface(pial.points[:, :, 0]) + depth
    made.append(pial)

    # Penetrators: gamma-distributed gaps are more regular than chance, as cortex is.
    in_slab = p.penetrator_spacing_um / slices
    gaps = rng.gamma(3.0, in_slab / 3.0, int(2.0 * a.width / in_slab))
    x = np.cumsum(gaps) - 500.0
    x = x[x < a.width + 500.0]
    n = len(x)
    deep = rng.random(n) < 0.4
    lengths = np.where(deep, rng.uniform(950, 1650, n), rng.gamma(4.0, 150.0, n) + 200) * a.scale
    radii = np.where(deep, rng.uniform(9, 20, n), rng.uniform(5.5, 12, n))
    inward = a.normal(x)
    leaning = rng.normal(0.0, 0.07, n) + 0.1 * rng.normal()
    direction = np.column_stack([inward[:, 0] + leaning, inward[:, 1]])
    starts = np.column_stack([x, a.surface(x) + rng.uniform(0, 60, n), _elevations(rng, n, p)])
    trunk = grow(rng, starts, _directions(direction, rng), lengths, radii, wander=0.03, pull=0.06)
    trunk, twigs = branch(
        rng, trunk, 2.4, share=(0.1, 0.4), angle=(0.3, 1.1), length=(120, 450), wander=0.055
    )
    return [*made, trunk, twigs]


def _deep(rng: np.random.Generator, a: Anatomy, p: PhantomParams) -> list[Generation]:
    """Midline vessel, hippocampus, thalamus, lateral arc and fans at the base."""
    s = 1000.0 * a.scale
    hippocampus = np.clip((p.front_to_back - 0.15) / 0.5, 0.0, 1.0)
    trunks: list[tuple[Generation, float, tuple[float, float]]] = []

    def at(u: float, d: float) -> Array:
        """A landmark ``u`` mm beside the midline, ``d`` mm below the top, slightly displaced."""
        jitter = rng.normal(0.0, 0.12, 2)
        x = a.midline + (u + jitter[0]) * s
        drop = 0.35 * (float(a.surface(np.array(x))) - a.top)
        return np.array([x, a.top + drop + (d + jitter[1]) * s])

    def height() -> float:
        return float(rng.normal(0.0, 180.0))

    # Midline: the azygos artery, with oblique branches into the cingulate cortex.
    top = np.array([a.midline + rng.normal(0, 40), a.top + 150])
    trunks.append(
        (
            _along_curve(
                rng,
                np.stack([top, (top + at(0, 1.6)) / 2, at(0.02, rng.uniform(1.6, 3.2))]),
                rng.uniform(22, 65),
                height(),
            ),
            4.0,
            (200, 900),
        )
    )
    for side in (-1.0, 1.0):
        strength = float(np.exp(rng.normal(0, 0.25)))
        # Hippocampal vessel, horizontal, with short transverse tufts on both sides.
        if rng.random() < 0.25 + 0.75 * hippocampus:
            d = 2.55 + rng.normal(0, 0.12)
            reach = 1.5 + 1.8 * hippocampus
            knots = np.stack(
                [
                    at(side * 0.3, d + 0.25),
                    at(side * 0.4 * reach, d - 0.15),
                    at(side * 0.75 * reach, d + 0.1),
                    at(side * reach, d + 0.8 * hippocampus + 0.3),
                ]
            )
            main = _along_curve(rng, knots, 26 * strength, height())
            trunks.append((main, 14.0 * (0.4 + hippocampus), (150, 650)))
        # Thalamic arches: from near the midline down and outwards.
        for _ in range(rng.integers(2, 5)):
            u = rng.uniform(0.5, 2.2)
            d = rng.uniform(2.6, 3.3)
            knots = np.stack(
                [
                    at(side * u * 0.75, d),
                    at(side * u, d + 0.35),
                    at(side * (u + 0.15), d + 1.2),
                    at(side * (u + rng.normal(0, 0.5)), d + rng.uniform(1.6, 2.6)),
                ]
            )
            trunk = _along_curve(rng, knots, float(rng.uniform(14, 34)), height(), 60.0)
            trunks.append((trunk, 5.0, (250, 1100)))
        # Lateral arc around the thalamus and striatum.
        if rng.random() < 0.8:
            knots = np.stack(
                [
                    at(side * 3.2, 3.2),
                    at(side * 3.5, 4.2),
                    at(side * 3.0, 5.3),
                    at(side * rng.uniform(1.5, 2.4), 6.3),
                ]
            )
            arc = _along_curve(rng, knots, float(rng.uniform(18, 42)), height(), 60.0)
            trunks.append((arc, 4.0, (250, 900)))
        # Fans: trunks that rise from the base and open.
        for _ in range(rng.integers(3, 7)):
            foot = at(side * rng.uniform(0.3, 3.6), rng.uniform(5.8, 7.4))
            rise = rng.uniform(0.8, 2.2)
            lean = rng.normal(0.15 * side, 0.25)
            knots = np.stack(
                [
                    foot,
                    foot + np.array([0.4 * lean, -0.5]) * rise * s,
                    foot + np.array([lean, -1.0]) * rise * s,
                ]
            )
            trunk = _along_curve(rng, knots, float(rng.uniform(12, 30)), height(), 60.0)
            trunks.append((trunk, 5.0, (250, 1000)))
    made: list[Generation] = []
    for trunk, density, length in trunks:
        thinned, first = branch(rng, trunk, density, share=(0.1, 0.5), length=length, wander=0.06)
        first, second = branch(rng, first, 2.5, share=(0.15, 0.5), length=(100, 450))
        made += [thinned, first, second]
    return made


def _arbors(
    rng: np.random.Generator, a: Anatomy, p: PhantomParams, tissue: Tissue
) -> list[Generation]:
    """Small trees where the tissue is dense, with the local direction changing smoothly."""
    area = a.width * a.depth / 1e6
    n = round(2.5 * p.arbors_per_mm2 * area * p.slab_um / 500.0)
    xy = np.column_stack([rng.uniform(0, a.width, n), rng.uniform(0, a.depth, n)])
    in_cortex = a.below(xy[:, 0], xy[:, 1]) < 1300.0 * a.scale
    chance = 0.4 * tissue.density(xy[:, 0], xy[:, 1]) ** 1.5 * np.where(in_cortex, 0.25, 1.0)
    xy = xy[rng.random(n) < chance]
    n = len(xy)
    flow = smooth_displacement(rng, xy, max(a.width, a.depth), 1.0, 2500.0)
    turn = np.arctan2(flow[:, 1], flow[:, 0]) + rng.normal(0.0, 0.35, n)
    direction = _directions(np.column_stack([np.cos(turn), np.sin(turn)]), rng, 0.4)
    starts = np.column_stack([xy, _elevations(rng, n, p)])
    lengths = np.clip(np.exp(rng.normal(np.log(800), 0.5, n)), 200, 2200)
    radii = np.clip(np.exp(rng.normal(np.log(9.5), 0.45, n)), 5.0, 28.0)
    trunk = grow(rng, starts, direction, lengths, radii, wander=0.035, pull=0.01)
    trunk, first = branch(
        rng, trunk, 3.0, share=(0.15, 0.5), angle=(0.4, 1.1), length=(150, 800), wander=0.045
    )
    first, second = branch(rng, first, 2.0, share=(0.2, 0.5), length=(120, 400), wander=0.06)
    return [trunk, first, second]


def _crossing(rng: np.random.Generator, a: Anatomy, p: PhantomParams) -> Generation:
    """Sagittal sinus and a few more vessels that run through the plane."""
    s = 1000.0 * a.scale
    # The sinus is wider than one lumen may be here: a bundle of them.
    bundle = int(rng.integers(1, 5))
    xy = [[a.midline + rng.normal(0, 60), a.top + rng.uniform(0, 200)] for _ in range(bundle)]
    radii = [float(rng.uniform(60, 100)) for _ in range(bundle)]
    for u, d, chance in ((0.0, 1.7, 0.7), (0.0, 2.7, 0.5), (1.6, 6.6, 0.4), (-1.6, 6.6, 0.4)):
        if rng.random() < chance:
            xy.append([a.midline + (u + rng.normal(0, 0.08)) * s, a.top + d * s])
            radii.append(float(rng.uniform(20, 60)))
    return _through_plane(rng, np.array(xy), np.array(radii), p.slab_um)


def _cut(a: Anatomy, made: Generation) -> Generation:
    """End vessels where they leave the brain, and small ones where the callosum begins."""
    x, y = made.points[..., 0], made.points[..., 1]
    out = (a.below(x, y) < -60.0) | (
        a.in_callosum(x, y) & (made.radii < 11.0) & (made.radii[:, :1] < 14.0)
    )
    ended = np.where(out.any(axis=1), out.argmax(axis=1), made.points.shape[1])
    return Generation(made.points, made.radii, np.minimum(made.counts, ended))


def _flatten(
    rng: np.random.Generator, generations: list[Generation]
) -> tuple[Array, Array, Array, npt.NDArray[np.int64]]:
    points, radii, speed, counts = [], [], [], []
    for made in generations:
        keep = made.counts >= 4
        made = Generation(made.points[keep], made.radii[keep], made.counts[keep])
        if not len(made.counts):
            continue
        valid = made.valid
        points.append(made.points[valid])
        radii.append(made.radii[valid])
        # 3 to 15 mm/s, slower in small vessels; medians as measured in mouse ULM.
        mean = (2.0 + 0.9 * np.sqrt(made.radii)) * np.exp(rng.normal(0, 0.3, len(made.counts)))[
            :, None
        ]
        speed.append(np.clip(mean, 1.0, 30.0)[valid])
        counts.append(made.counts)
    first = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    return np.concatenate(points), np.concatenate(radii), np.concatenate(speed), first


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


def grow_vessels(rng: np.random.Generator, params: PhantomParams, tissue: Tissue) -> Vessels:
    """Grow all vessels of one slab.

    Parameters
    ----------
    rng : numpy.random.Generator
    params : PhantomParams
    tissue : Tissue
        Density of the small vessels.

    Returns
    -------
    Vessels
        Points inside the slab; those beyond the field of view are kept, since the point spread
        function reaches across the border.
    """
    a = anatomy_of(params)
    made = [
        *(_cut(a, one) for one in _cortex(rng, a, params)),
        *(_cut(a, one) for one in _deep(rng, a, params)),
        *(_cut(a, one) for one in _arbors(rng, a, params, tissue)),
        _crossing(rng, a, params),
    ]
    points, radii, speed, first = _flatten(rng, made)
    size = max(a.width, a.depth)
    points[:, :2] += smooth_displacement(rng, points[:, :2], size, 130.0 * a.scale, 2500.0)
    return Vessels(points, radii, speed, first)
