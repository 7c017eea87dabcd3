"""Vessel trees: Murray's law, radii, and the anatomy."""

import numpy as np
import pytest

from napari_fus_ulm.phantom import PhantomParams
from napari_fus_ulm.phantom.anatomy import Anatomy, anatomy_of
from napari_fus_ulm.phantom.section import _cut, grow_vessels
from napari_fus_ulm.phantom.tissue import draw_tissue
from napari_fus_ulm.phantom.vessels import (
    LARGEST,
    SMALLEST,
    STEP,
    Generation,
    Vessels,
    branch,
    grow,
    smooth_displacement,
)


def straight(n: int, points: int, radius: float, apart: float = 1000.0) -> Generation:
    """``n`` parallel vessels along x, the k-th at y = k * apart."""
    xyz = np.zeros((n, points, 3))
    xyz[..., 0] = STEP * np.arange(points)
    xyz[..., 1] = apart * np.arange(n)[:, None]
    return Generation(xyz, np.full((n, points), radius), np.full(n, points))


def test_radii_follow_murrays_law_at_every_branching() -> None:
    parents = straight(200, 150, 60.0)
    thinned, children = branch(np.random.default_rng(0), parents, 2.0, from_fraction=0.05)
    starts = children.points[:, 0]
    owner = np.rint(starts[:, 1] / 1000.0).astype(int)
    at = np.rint(starts[:, 0] / STEP).astype(int)
    child_radii = children.radii[:, 0]
    checked = 0
    assert len(set(zip(owner, at, strict=True))) == len(child_radii)  # one child a point
    assert at.min() >= 1
    for place in zip(owner, at, strict=True):
        here = (owner == place[0]) & (at == place[1])
        before, after = thinned.radii[place[0], place[1] - 1], thinned.radii[place]
        assert after < before
        assert before**3 == pytest.approx(after**3 + child_radii[here][0] ** 3, rel=1e-9)
        checked += 1
    assert checked > 300


def test_a_vessel_without_children_keeps_its_radius() -> None:
    parents = straight(20, 100, 30.0)
    thinned, children = branch(np.random.default_rng(1), parents, 0.0)
    assert len(children.counts) == 0
    assert np.array_equal(thinned.radii, parents.radii)


def test_children_start_on_their_parent() -> None:
    parents = straight(5, 80, 30.0)
    _, children = branch(np.random.default_rng(2), parents, 5.0)
    assert len(children.counts) > 5
    assert np.allclose(children.points[:, 0, 1] % 1000.0, 0.0)
    assert (children.points[:, 0, 0] <= STEP * 79).all()


def test_vessels_grow_in_equal_steps_and_about_where_they_are_sent() -> None:
    rng = np.random.default_rng(3)
    n = 50
    heading = np.tile([0.0, 1.0, 0.0], (n, 1))
    grown = grow(rng, np.zeros((n, 3)), heading, np.full(n, 600.0), np.full(n, 7.0), wander=0.03)
    steps = np.linalg.norm(np.diff(grown.points, axis=1), axis=-1)
    assert np.allclose(steps, STEP)
    assert np.allclose(grown.radii, 7.0)
    assert (grown.counts == 60).all()
    ends = grown.points[:, -1]
    assert ends[:, 1].mean() > 500.0
    assert ends[:, 0].std() > 20.0  # smooth random walks, not ruled lines


def test_radii_lie_between_four_and_a_hundred_micrometres(animals: list) -> None:
    for animal in animals:
        radii = animal.pair.vessels.radii
        assert radii.min() >= SMALLEST == 4.0
        assert radii.max() <= LARGEST == 100.0
        assert np.median(radii) < 12.0  # many small vessels, few large ones
        assert radii.max() > 40.0


def test_blood_flows_as_fast_as_in_ulm(animals: list) -> None:
    for animal in animals:
        speed = animal.pair.vessels.speed
        assert speed.min() >= 1.0
        assert speed.max() <= 30.0
        assert 2.0 < np.median(speed) < 12.0


def test_centrelines_have_no_jumps(animals: list) -> None:
    vessels = animals[0].pair.vessels
    steps = np.linalg.norm(np.diff(vessels.points, axis=0), axis=1)
    within = np.diff(vessels.owner) == 0
    assert np.median(steps[within]) == pytest.approx(STEP, rel=0.1)
    assert np.percentile(steps[within], 99.9) < 3 * STEP
    assert np.allclose(np.linalg.norm(vessels.tangents(), axis=1), 1.0)


def test_ownership_covers_every_point() -> None:
    vessels = Vessels(np.zeros((7, 3)), np.ones(7), np.ones(7), np.array([0, 4, 7]))
    assert vessels.owner.tolist() == [0, 0, 0, 0, 1, 1, 1]


ANATOMY = Anatomy(6000.0, 500.0, 1000.0, 1.0, 12000.0, 8000.0)


def test_a_vessel_ends_where_it_leaves_the_brain() -> None:
    rising = straight(1, 100, 20.0)
    rising.points[..., 0] = 4000.0
    surface = float(ANATOMY.surface(np.array(4000.0)))
    rising.points[..., 1] = surface + 500.0 - STEP * np.arange(100)
    (count,) = _cut(ANATOMY, rising).counts
    assert 50 < count < 60
    assert rising.points[0, count - 1, 1] >= surface - 60.0


def test_small_vessels_end_at_the_callosum_and_large_ones_cross_it() -> None:
    falling = straight(2, 300, 6.0)
    falling.radii[1] = 30.0
    falling.points[..., 0] = 5000.0
    falling.points[..., 1] = ANATOMY.surface(np.array(5000.0)) + STEP * np.arange(300)
    small, large = _cut(ANATOMY, falling).counts
    assert large == 300
    assert 140 < small < 180


def test_no_vessel_lies_above_the_surface(animals: list) -> None:
    for animal in animals:
        pair = animal.pair
        below = anatomy_of(pair.params).below(*pair.vessels.points[:, :2].T)
        # The whole section is bent by some 130 µm at the end, and the surface with it.
        bent = 130.0 * pair.params.scale
        assert below.min() > -60.0 - 4.0 * bent
        assert (below < -60.0 - bent).mean() < 0.03


def test_the_callosum_is_emptier_of_small_vessels_than_its_surroundings(animals: list) -> None:
    ratios = []
    for animal in animals:
        a = anatomy_of(animal.pair.params)
        x, y = np.meshgrid(np.arange(0, a.width, 50.0), np.arange(0, a.depth, 50.0))
        points = animal.pair.vessels.points[animal.pair.vessels.radii < 11.0]
        gap = 650.0 * a.scale

        def density(shift: float, a: Anatomy = a, points: np.ndarray = points) -> float:
            area = a.in_callosum(x, y + shift).sum()  # noqa: B023
            return float(a.in_callosum(points[:, 0], points[:, 1] + shift).sum() / area)

        ratios.append(2 * density(0.0) / (density(gap) + density(-gap)))
    assert max(ratios) < 0.8
    assert np.mean(ratios) < 0.6


def test_the_slab_is_filled_through_its_thickness() -> None:
    params = PhantomParams(width_mm=4.0, depth_mm=3.0)
    vessels = grow_vessels(np.random.default_rng(0), params, draw_tissue(np.random.default_rng(1)))
    elevation = vessels.points[:, 2]
    shares = [(elevation > z).mean() for z in (-500, 0, 500)]
    assert 0.7 < shares[0] < 0.95
    assert 0.35 < shares[1] < 0.65
    assert 0.05 < shares[2] < 0.3


def test_displacements_are_smooth_and_as_large_as_asked() -> None:
    rng = np.random.default_rng(0)
    x = np.linspace(0, 12000.0, 200)
    xy = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
    sizes = []
    for _ in range(20):
        moved = smooth_displacement(rng, xy, 12000.0, 50.0).reshape(200, 200, 2)
        sizes.append(np.sqrt((moved**2).mean()))
        # 60 µm apart, neighbours move alike.
        assert np.abs(np.diff(moved, axis=1)).max() < 30.0
    assert np.mean(sizes) == pytest.approx(50.0, rel=0.25)
    assert not smooth_displacement(rng, xy, 12000.0, 0.0).any()
