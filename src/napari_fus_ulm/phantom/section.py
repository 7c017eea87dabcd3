"""The vessels of a coronal slab, structure by structure.

Pial arc and penetrating vessels of the cortex, sagittal sinus, midline vessel, hippocampal tufts,
thalamic arches, a lateral arc, striatal and basal fans, small trees and fine vessels everywhere
else, and a callosal band left empty of small vessels. The two sides are mirror images that differ
in detail.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.phantom.anatomy import Anatomy, anatomy_of
from napari_fus_ulm.phantom.params import PhantomParams
from napari_fus_ulm.phantom.tissue import Tissue
from napari_fus_ulm.phantom.vessels import (
    STEP,
    Generation,
    Vessels,
    all_vessels,
    branch,
    fading_in,
    grow,
    smooth_displacement,
    tapered,
    unit,
)

Array = npt.NDArray[np.float64]
ONE_PLANE = np.zeros(1)
BEND_UM = 130.0
"""Smooth displacement of the whole section, so that no landmark has a fixed place."""


@dataclass(frozen=True, slots=True)
class Forks:
    """How one generation of a tree gives off the next; see :func:`branch`."""

    per_mm: float
    angle: tuple[float, float] = (0.35, 0.9)
    length: tuple[float, float] | None = None
    share: tuple[float, float] = (0.12, 0.5)


@dataclass(frozen=True, slots=True)
class Trunk:
    """A named vessel: knots (u, d) in mm of an adult rat, radius in µm, and its branches."""

    knots: tuple[tuple[float, float], ...]
    radius: float
    forks: tuple[Forks, ...]
    end_share: float = 0.3


def grow_vessels(
    rng: np.random.Generator,
    params: PhantomParams,
    tissue: Tissue,
    heights: npt.NDArray[np.floating] = ONE_PLANE,
) -> Vessels:
    """Grow all vessels of one slab.

    Parameters
    ----------
    rng : numpy.random.Generator
    params : PhantomParams
    tissue : Tissue
        Density of the small vessels.
    heights : (planes,) array
        Elevations of the planes that will be looked at, µm; the slab is made that much thicker,
        and each plane gets its own named vessels.

    Returns
    -------
    Vessels
        Points inside the slab; those beyond the field of view are kept, since the point spread
        function reaches across the border.
    """
    a = anatomy_of(params)
    thick = dataclasses.replace(params, slab_um=params.slab_um + float(np.ptp(heights)))
    generations = [*_cortex(rng, a, thick), *_arbors(rng, a, thick, tissue)]
    generations += _fine(rng, a, thick, tissue)
    layout = _layout(rng, params)
    for height in heights:
        generations += _named(rng, a, params, layout, float(height))
    generations = [_cut(a, one) for one in generations]
    generations.append(_crossing(rng, a, thick))
    vessels = all_vessels(rng, generations)
    xy = vessels.points[:, :2]
    bend = smooth_displacement(rng, xy, max(a.width, a.depth), BEND_UM * a.scale, 2500.0)
    vessels.points[:, :2] += bend
    return vessels


def tree(rng: np.random.Generator, trunk: Generation, *forks: Forks) -> list[Generation]:
    """A trunk and its generations of branches."""
    generations, current = [], trunk
    for fork in forks:
        thinned, children = branch(
            rng, current, fork.per_mm, angle=fork.angle, length=fork.length, share=fork.share
        )
        generations.append(thinned)
        current = children
    return [*generations, current]


def _directions(xy: Array, rng: np.random.Generator, elevation: float = 0.15) -> Array:
    """Unit vectors from in-plane ones, tilted a little out of the plane."""
    return unit(np.column_stack([xy, rng.normal(0.0, elevation, len(xy))]))


def _turned(xy: Array, angle: Array) -> Array:
    """(n, 2) vectors turned by (n,) angles."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * xy[:, 0] - sin * xy[:, 1], sin * xy[:, 0] + cos * xy[:, 1]], axis=1)


def _elevations(rng: np.random.Generator, n: int, params: PhantomParams) -> Array:
    return rng.uniform(-0.5, 0.5, n) * params.slab_um


def _cortex(rng: np.random.Generator, a: Anatomy, p: PhantomParams) -> list[Generation]:
    """Pial arc, penetrators and their side branches."""
    slices = p.slab_um / 500.0
    # Pial vessels lie on the surface, running both ways.
    n = round(slices * a.width / 1000.0 * 1.0)
    x = rng.uniform(-500, a.width + 500, n)
    tangent = np.column_stack([a.normal(x)[:, 1], -a.normal(x)[:, 0]])
    sign = np.where(x > a.midline, 1.0, -1.0) * rng.choice([1.0, 1.0, -1.0], n)
    lengths = rng.uniform(800, 3000, n)
    radii = np.clip(np.exp(rng.normal(np.log(36), 0.4, n)), 12, 80)
    pial = grow(
        rng,
        np.column_stack([x, a.surface(x), _elevations(rng, n, p)]),
        _directions(tangent * sign[:, None], rng, 0.4),
        lengths,
        radii,
        end_share=0.4,
    )
    depth = rng.uniform(-30, 90, n)[:, None] + 15 * np.sin(
        np.arange(pial.points.shape[1]) / rng.uniform(8, 30, n)[:, None]
    )
    pial.points[:, :, 1] = a.surface(pial.points[:, :, 0]) + depth

    # Penetrators: gamma-distributed gaps are more regular than chance, as cortex is.
    in_slab = p.penetrator_spacing_um / slices
    gaps = rng.gamma(2.2, in_slab / 2.2, int(2.0 * a.width / in_slab))
    x = np.cumsum(gaps) - 500.0
    x = x[x < a.width + 500.0]
    n = len(x)
    deep = rng.random(n) < 0.4
    lengths = np.where(deep, rng.uniform(950, 1650, n), rng.gamma(4.0, 150.0, n) + 200) * a.scale
    radii = np.where(deep, rng.uniform(11, 28, n), rng.uniform(6, 15, n))
    inward = a.normal(x)
    # Neighbours lean alike, over about a millimetre.
    lean = smooth_displacement(rng, np.column_stack([x, 0 * x]), a.width, 0.10, 1200.0)[:, 0]
    direction = _turned(inward, lean + rng.normal(0.0, 0.07, n))
    starts = np.column_stack([x, a.surface(x) + rng.uniform(0, 60, n), _elevations(rng, n, p)])
    trunk = grow(
        rng,
        starts,
        _directions(direction, rng),
        lengths,
        radii,
        wander=0.015,
        pull=0.04,
        kinks=0.12,
        end_share=0.15,
    )
    side = Forks(2.6, (0.25, 1.0), (100.0, 420.0), (0.1, 0.4))
    return [pial, *tree(rng, trunk, side)]


def _layout(rng: np.random.Generator, p: PhantomParams) -> list[Trunk]:
    """The named vessels of one side of this animal."""
    hippocampus = float(np.clip((p.front_to_back - 0.15) / 0.5, 0.0, 1.0))
    trunks: list[Trunk] = []
    curve: tuple[tuple[float, float], ...]

    def near(value: float, sd: float = 0.12) -> float:
        return value + float(rng.normal(0.0, sd))

    if rng.random() < 0.2 + 0.8 * hippocampus:
        # The vessel of the hippocampal fissure, with tufts on both sides, and a row above it.
        reach, d = 1.5 + 1.9 * hippocampus, near(2.7)
        curve = (
            (0.3, d + 0.2),
            (0.4 * reach, d - 0.15),
            (0.75 * reach, d + 0.1),
            (reach, d + 0.9 * hippocampus + 0.3),
        )
        tufts = Forks(10.0 * (0.4 + hippocampus), (0.6, 1.4), (150.0, 650.0))
        trunks.append(Trunk(curve, rng.uniform(24, 50), (tufts, Forks(3.0)), 0.4))
        row = tuple((1.05 * u + 0.2, y - near(0.55, 0.08)) for u, y in curve[1:])
        bristles = Forks(9.0 * (0.3 + hippocampus), (0.9, 1.5), (120.0, 450.0))
        trunks.append(Trunk(row, rng.uniform(9, 15), (bristles, Forks(3.0)), 0.4))
    # Thalamic arches: from the fissure down and outwards, forking.
    for _ in range(rng.integers(2, 6)):
        u, d = rng.uniform(0.35, 2.2), rng.uniform(2.7, 3.4)
        fall = rng.uniform(1.0, 2.6)
        curve = (
            (0.8 * u, d - 0.1),
            (u, d + 0.15 * fall),
            (1.1 * u + 0.1, d + 0.55 * fall),
            (near(u + 0.1 * fall, 0.4), d + fall),
        )
        forks = (Forks(2.2, (0.3, 0.75)), Forks(2.5, (0.3, 0.8)), Forks(4.0, (0.4, 1.1)))
        trunks.append(Trunk(curve, rng.uniform(18, 55), forks))
    # The lateral arc around thalamus and striatum, fed at the base.
    if rng.random() < 0.85:
        end = rng.uniform(1.5, 2.4)
        curve = (
            (end, near(6.9)),
            (near(3.0), near(5.7)),
            (near(3.6), near(4.5)),
            (near(3.3), near(3.4)),
        )
        forks = (Forks(2.5, (0.3, 0.9), (200.0, 1100.0)), Forks(3.0), Forks(4.0, (0.4, 1.1)))
        trunks.append(Trunk(curve, rng.uniform(28, 65), forks, 0.15))
    # Striatal vessels rise far from the base in the front, fans stay low everywhere.
    for _ in range(rng.poisson(0.5 + 3.0 * (1.0 - hippocampus))):
        foot, rise = (rng.uniform(1.2, 3.4), rng.uniform(5.8, 7.2)), rng.uniform(1.8, 3.8)
        curve = (
            foot,
            (foot[0] + 0.18 * rise, foot[1] - 0.35 * rise),
            (foot[0] + near(0.3, 0.12) * rise, foot[1] - rise),
        )
        forks = (Forks(2.0, (0.25, 0.7)), Forks(2.5), Forks(4.0, (0.4, 1.1)))
        trunks.append(Trunk(curve, rng.uniform(12, 30), forks, 0.15))
    for _ in range(rng.integers(3, 8)):
        foot, rise = (rng.uniform(0.2, 3.8), rng.uniform(5.4, 7.6)), rng.uniform(0.6, 1.8)
        lean = near(0.15, 0.35)
        curve = (
            foot,
            (foot[0] + 0.4 * lean * rise, foot[1] - 0.5 * rise),
            (foot[0] + lean * rise, foot[1] - rise),
        )
        forks = (Forks(3.0, (0.3, 0.8)), Forks(3.0), Forks(4.0, (0.4, 1.1)))
        trunks.append(Trunk(curve, rng.uniform(11, 34), forks, 0.15))
    return trunks


def _named(
    rng: np.random.Generator, a: Anatomy, p: PhantomParams, layout: list[Trunk], height: float
) -> list[Generation]:
    """Both sides of the layout in one plane, and the midline vessel."""
    generations: list[Generation] = []
    top = np.array([a.midline + rng.normal(0, 40), a.top + 150])
    low = a.place(1.0, rng.normal(0.0, 0.03), rng.uniform(1.6, 3.2))
    midline = _along_curve(
        rng,
        np.stack([top, (top + a.place(1.0, rng.normal(0.0, 0.03), 1.4)) / 2, low]),
        rng.uniform(24, 75),
        height + float(rng.normal(0.0, 120.0)),
        0.4,
    )
    generations += tree(rng, midline, Forks(3.5, (0.5, 1.2), (200.0, 1000.0)), Forks(2.0))
    for side in (-1.0, 1.0):
        strength = float(np.exp(rng.normal(0, 0.15)))
        for trunk in layout:
            if rng.random() < p.asymmetry:
                continue
            moved = rng.normal(0.0, p.asymmetry, 2)
            knots = np.stack(
                [
                    a.place(side, u + moved[0], d + moved[1])
                    + rng.normal(0.0, 0.4 * p.asymmetry, 2) * 1000.0 * a.scale
                    for u, d in trunk.knots
                ]
            )
            radius = min(trunk.radius * strength * float(np.exp(rng.normal(0, 0.15))), 90.0)
            elevation = height + float(rng.normal(0.0, 180.0))
            line = _along_curve(rng, knots, radius, elevation, trunk.end_share)
            generations += tree(rng, line, *trunk.forks)
    return generations


def _along_curve(
    rng: np.random.Generator, knots: Array, radius: float, elevation: float, end_share: float
) -> Generation:
    """One vessel along a smooth curve through in-plane ``knots`` (k, 2), slightly irregular."""
    from scipy.interpolate import make_interp_spline
    from scipy.ndimage import gaussian_filter1d

    curve = make_interp_spline(np.linspace(0.0, 1.0, len(knots)), knots, k=min(3, len(knots) - 1))
    fine = curve(np.linspace(0, 1, 400))
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))])
    n = max(4, int(length[-1] / STEP))
    along = np.linspace(0.0, 1.0, n)
    xy = np.column_stack([np.interp(along * length[-1], length, fine[:, i]) for i in (0, 1)])
    xyz = np.column_stack([xy, np.full(n, elevation)])
    for wavelength, size in ((6.0, 4.0), (30.0, 25.0)):
        ripple = gaussian_filter1d(rng.normal(size=(n, 3)), wavelength, axis=0, mode="nearest")
        xyz += size * ripple * np.sqrt(2.0 * wavelength * np.sqrt(np.pi)) * [1.0, 1.0, 2.0]
    # They come into the plane from the side, and leave it slowly.
    xyz[:, 2] += fading_in(rng, 1, n, 500.0)[0]
    xyz[:, 2] += rng.normal(0.0, 0.08) * STEP * np.arange(n)
    return Generation(
        xyz[None], tapered(np.full((1, n), radius), along[None], end_share), np.array([n])
    )


def _arbors(
    rng: np.random.Generator, a: Anatomy, p: PhantomParams, tissue: Tissue
) -> list[Generation]:
    """Small trees where the tissue is dense, fanning out from the base, neighbours alike."""
    xy = _places(rng, a, tissue, p.arbors_per_mm2 * p.slab_um / 500.0, cortex=0.25)
    n = len(xy)
    turn = smooth_displacement(rng, xy, max(a.width, a.depth), 0.6, 2000.0)[:, 0]
    turn += rng.normal(0.0, 0.35, n) + np.pi * (rng.random(n) < 0.35)
    direction = _directions(_turned(a.outwards(*xy.T), turn), rng, 0.4)
    starts = np.column_stack([xy, _elevations(rng, n, p)])
    lengths = np.clip(np.exp(rng.normal(np.log(650), 0.5, n)), 200, 2000) * a.scale
    radii = np.clip(np.exp(rng.normal(np.log(9.0), 0.45, n)), 5.0, 28.0)
    trunk = grow(rng, starts, direction, lengths, radii, end_share=0.2, from_aside=400.0)
    return tree(rng, trunk, Forks(3.5, (0.3, 0.8)), Forks(4.0, (0.3, 1.0)))


def _fine(
    rng: np.random.Generator, a: Anatomy, p: PhantomParams, tissue: Tissue
) -> list[Generation]:
    """Fine vessels in no particular direction, dividing into the last that ULM sees."""
    xy = _places(rng, a, tissue, p.fine_per_mm2 * p.slab_um / 500.0, cortex=1.0)
    n = len(xy)
    angle = rng.uniform(0, 2 * np.pi, n)
    direction = _directions(np.column_stack([np.cos(angle), np.sin(angle)]), rng, 0.5)
    starts = np.column_stack([xy, _elevations(rng, n, p)])
    lengths = np.exp(rng.uniform(np.log(180), np.log(800), n))
    radii = rng.uniform(4.5, 7.0, n)
    trunk = grow(
        rng,
        starts,
        direction,
        lengths,
        radii,
        wander=0.03,
        pull=0.0,
        kinks=0.35,
        end_share=0.1,
        from_aside=300.0,
    )
    return tree(rng, trunk, Forks(6.0, (0.4, 1.2)))


def _places(
    rng: np.random.Generator, a: Anatomy, tissue: Tissue, per_mm2: float, *, cortex: float
) -> Array:
    """(n, 2) places where the tissue is dense; ``cortex`` is the chance there beside elsewhere."""
    n = rng.poisson(2.5 * per_mm2 * a.width * a.depth / 1e6)
    xy = np.column_stack([rng.uniform(0, a.width, n), rng.uniform(0, a.depth, n)])
    in_cortex = a.below(xy[:, 0], xy[:, 1]) < 1300.0 * a.scale
    chance = 0.4 * tissue.density(xy[:, 0], xy[:, 1]) ** 1.5 * np.where(in_cortex, cortex, 1.0)
    inside = (a.below(*xy.T) > 0) & (xy[:, 1] < a.base(xy[:, 0]))
    return xy[inside & (rng.random(n) < chance)]


def _crossing(rng: np.random.Generator, a: Anatomy, p: PhantomParams) -> Generation:
    """Sagittal sinus and a few more vessels that run through the plane: round in the image."""
    # The sinus is wider than one lumen may be here: a bundle of them.
    bundle = int(rng.integers(1, 5))
    xy = [[a.midline + rng.normal(0, 60), a.top + rng.uniform(0, 200)] for _ in range(bundle)]
    radii = [float(rng.uniform(60, 100)) for _ in range(bundle)]
    for u, d, chance in ((0.0, 1.7, 0.7), (0.0, 2.7, 0.5), (1.6, 6.9, 0.5), (-1.6, 6.9, 0.5)):
        if rng.random() < chance:
            xy.append(list(a.place(1.0, u + rng.normal(0, 0.08), d)))
            radii.append(float(rng.uniform(20, 60)))
    n = len(xy)
    towards = unit(np.column_stack([rng.normal(0, 0.05, (n, 2)), np.ones(n)]))
    starts = np.column_stack([np.array(xy), np.full(n, -p.slab_um / 2)])
    lengths = np.full(n, p.slab_um)
    return grow(rng, starts, towards, lengths, np.array(radii), pull=0.05, kinks=0.05)


def _cut(a: Anatomy, generation: Generation) -> Generation:
    """End vessels where they leave the brain, and small ones where the callosum begins."""
    if not len(generation.counts):
        return generation
    x, y = generation.points[..., 0], generation.points[..., 1]
    out = (a.below(x, y) < -60.0) | (
        a.in_callosum(x, y) & (generation.radii < 11.0) & (generation.radii[:, :1] < 14.0)
    )
    ended = np.where(out.any(axis=1), out.argmax(axis=1), generation.points.shape[1])
    return Generation(generation.points, generation.radii, np.minimum(generation.counts, ended))
