"""Power Doppler: speckle, point spread function, background, clutter filter, registration."""

import dataclasses

import numpy as np
import pytest

from napari_fus_ulm.phantom import PhantomParams
from napari_fus_ulm.phantom.anatomy import anatomy_of
from napari_fus_ulm.phantom.doppler import (
    GRID,
    _bed_level,
    _blur_with_depth,
    _gamma_field,
    _sample,
    blood_volume,
    capillary_bed,
    fus_grid,
    power_doppler,
)
from napari_fus_ulm.phantom.section import grow_vessels
from napari_fus_ulm.phantom.tissue import draw_tissue
from napari_fus_ulm.phantom.vessels import STEP, Vessels

SHAPE = (160, 200)
PARAMS = PhantomParams(
    width_mm=SHAPE[1] * GRID / 1000.0,
    depth_mm=SHAPE[0] * GRID / 1000.0,
    haematocrit_sd=0.0,
    shift_um=0.0,
    warp_um=0.0,
    out_of_plane_um=0.0,
)
TISSUE = draw_tissue(np.random.default_rng(0))


def line(*, y: float = 2000.0, speed: float = 10.0, axial: bool = False) -> Vessels:
    """One straight vessel of 1 mm about x = 2500 µm and depth y."""
    points = np.zeros((101, 3))
    points[:, 0] = 2500.0
    points[:, 1] = y
    points[:, 1 if axial else 0] += STEP * (np.arange(101) - 50)
    return Vessels(points, np.full(101, 10.0), np.full(101, speed), np.array([0, 101]))


def centroid(image: np.ndarray) -> tuple[float, float]:
    """(y, x) in µm."""
    y, x = (GRID * (np.arange(n) + 0.5) for n in image.shape)
    total = image.sum()
    return float((image.sum(axis=1) * y).sum() / total), float(
        (image.sum(axis=0) * x).sum() / total
    )


@pytest.mark.parametrize("frames", [5.0, 20.0, 60.0, 200.0])
def test_speckle_is_gamma_with_a_variation_of_one_over_root_n(frames: float) -> None:
    field = _gamma_field(np.random.default_rng(0), (400, 400), frames)
    assert field.min() >= 0.0
    assert field.mean() == pytest.approx(1.0, abs=0.02)
    assert field.std() / field.mean() == pytest.approx(frames**-0.5, rel=0.05)
    skew = ((field - field.mean()) ** 3).mean() / field.std() ** 3
    assert skew == pytest.approx(2 * frames**-0.5, rel=0.25)  # a Gamma variable's


def test_speckle_is_correlated_between_neighbours() -> None:
    field = _gamma_field(np.random.default_rng(1), (300, 300), 60.0)
    near = np.corrcoef(field[:, :-1].ravel(), field[:, 1:].ravel())[0, 1]
    far = np.corrcoef(field[:, :-8].ravel(), field[:, 8:].ravel())[0, 1]
    assert near > 0.2
    assert abs(far) < 0.05


def test_the_point_spread_function_widens_with_depth_and_is_wider_sideways() -> None:
    y = GRID * (np.arange(SHAPE[0]) + 0.5)
    widths = []
    for row in (20, 80, 140):
        point = np.zeros(SHAPE)
        point[row, 100] = 1.0
        spread = _blur_with_depth(point, PARAMS, y)
        cy, cx = centroid(spread)
        yy = GRID * (np.arange(SHAPE[0]) + 0.5) - cy
        xx = GRID * (np.arange(SHAPE[1]) + 0.5) - cx
        total = spread.sum()
        widths.append(
            [
                2.355 * np.sqrt((spread.sum(axis=1) * yy**2).sum() / total),
                2.355 * np.sqrt((spread.sum(axis=0) * xx**2).sum() / total),
            ]
        )
        growth = 1.0 + PARAMS.psf_growth_per_mm * y[row] / 1000.0
        assert widths[-1] == pytest.approx([side * growth for side in PARAMS.psf_um], rel=0.08)
    assert widths[0] < widths[1] < widths[2]
    assert all(1.1 < lateral / axial < 1.5 for axial, lateral in widths)


@pytest.mark.parametrize("share", [0.45, 0.6, 0.8])
def test_the_background_has_the_share_that_was_asked_for(share: float) -> None:
    rng = np.random.default_rng(0)
    anatomy = anatomy_of(PARAMS)
    y, x = (GRID * (np.arange(n) + 0.5) for n in SHAPE)
    vessels = _blur_with_depth(
        blood_volume(rng, grow_vessels(rng, PARAMS, TISSUE), PARAMS, SHAPE), PARAMS, y
    )
    bed = capillary_bed(rng, anatomy, TISSUE, x, y)
    level = _bed_level(vessels, bed, share)
    drawn = np.sqrt(level * bed).mean() / np.sqrt(vessels + level * bed).mean()
    assert drawn == pytest.approx(share, abs=0.01)


def test_there_are_fewer_capillaries_outside_the_brain_and_in_white_matter() -> None:
    anatomy = anatomy_of(PARAMS)
    y, x = (GRID * (np.arange(n) + 0.5) for n in SHAPE)
    bed = capillary_bed(np.random.default_rng(0), anatomy, TISSUE, x, y)
    xx, yy = np.meshgrid(x, y)
    below = anatomy.below(xx, yy)
    cortex = bed[(below > 400) & (below < 1200)].mean()
    assert bed[below < -200].mean() < 0.2 * cortex
    assert bed[anatomy.in_callosum(xx, yy)].mean() < 0.75 * cortex


def test_without_misregistration_a_vessel_lies_where_it_is() -> None:
    for seed in range(3):
        image = blood_volume(np.random.default_rng(seed), line(), PARAMS, SHAPE)
        assert centroid(image) == pytest.approx((2000.0, 2500.0), abs=3.0)


def test_misregistration_moves_a_vessel_by_what_was_asked_for_in_any_direction() -> None:
    moved = []
    params = dataclasses.replace(PARAMS, shift_um=60.0)
    for seed in range(60):
        cy, cx = centroid(blood_volume(np.random.default_rng(seed), line(), params, SHAPE))
        moved.append((cy - 2000.0, cx - 2500.0))
    assert np.hypot(*np.transpose(moved)) == pytest.approx(60.0, abs=6.0)
    assert np.abs(np.mean(moved, axis=0)).max() < 20.0


def test_the_clutter_filter_removes_slow_and_sideways_flow() -> None:
    def power(speed: float, axial: bool) -> float:
        vessels = line(speed=speed, axial=axial)
        return float(blood_volume(np.random.default_rng(0), vessels, PARAMS, SHAPE).sum())

    cut = PARAMS.clutter_speed_mm_s
    assert power(cut, True) / power(30.0, True) == pytest.approx(0.5, abs=0.02)
    assert power(cut, False) < 0.3 * power(cut, True)


def test_distance_of_the_image_planes_fades_the_vessels() -> None:
    away = dataclasses.replace(PARAMS, out_of_plane_um=PARAMS.fus_slice_um / 2)
    here = blood_volume(np.random.default_rng(0), line(), PARAMS, SHAPE).sum()
    there = blood_volume(np.random.default_rng(0), line(), away, SHAPE).sum()
    assert there / here == pytest.approx(0.5, abs=0.01)


def test_sampling_keeps_positions() -> None:
    """A ramp in µm is the same ramp after sampling on other pixels."""
    x = GRID * (np.arange(SHAPE[1]) + 0.5)
    ramp = np.tile(x, (SHAPE[0], 1))
    coarse = _sample(ramp, PARAMS)
    dx = PARAMS.width_mm * 1000.0 / coarse.shape[1]
    assert coarse.shape == (40, 45)
    inner = slice(1, -1)
    expected = fus_grid(PARAMS)[1][1] * (np.arange(45) + 0.5)
    assert np.allclose(coarse[:, inner], expected[inner])
    assert dx == pytest.approx(PARAMS.fus_pixel_um[1], rel=0.02)


def test_power_is_positive_with_a_mean_of_one() -> None:
    rng = np.random.default_rng(0)
    power = power_doppler(rng, grow_vessels(rng, PARAMS, TISSUE), PARAMS, TISSUE)
    assert power.dtype == np.float32
    assert power.min() > 0.0
    assert power.mean() == pytest.approx(1.0, abs=1e-4)


def test_the_noise_floor_grows_with_depth_as_asked() -> None:
    rng = np.random.default_rng(0)
    vessels = grow_vessels(rng, PARAMS, TISSUE)

    def image(noise_db: float) -> np.ndarray:
        params = dataclasses.replace(
            PARAMS, noise_db=noise_db, noise_db_mm=3.0, effective_frames=1e6
        )
        return power_doppler(np.random.default_rng(5), vessels, params, TISSUE).astype(np.float64)

    loud, quiet = image(3.0), image(60.0)
    # Both have a mean of one: loud = k · quiet + floor(row), with k from the contrast in the rows.
    within = [one - one.mean(axis=1, keepdims=True) for one in (loud, quiet)]
    k = (within[0] * within[1]).sum() / (within[1] ** 2).sum()
    floor = (loud - k * quiet).mean(axis=1)
    depth_mm = (len(floor) - 1) * PARAMS.fus_pixel_um[0] / 1000.0
    assert floor[0] > 0.0
    assert 10 * np.log10(floor[-1] / floor[0]) == pytest.approx(3.0 * depth_mm, rel=0.05)


def test_a_landmark_lies_where_the_file_says_whatever_the_pixel_size() -> None:
    """Pixels that do not divide the field are resized to fit it; the vessels do not move."""
    params = dataclasses.replace(PARAMS, width_mm=12.0, fus_pixel_um=(100.0, 109.6))
    shape, step = fus_grid(params)
    assert shape[1] * step[1] == pytest.approx(12000.0)
    at = np.arange(round(12000.0 / GRID)) * GRID + 0.5 * GRID
    band = np.exp(-0.5 * ((at - 11000.0) / 150.0) ** 2)
    image = np.tile(band, (round(params.depth_mm * 1000 / GRID), 1))
    seen = _sample(image, params)[0]
    centres = (np.arange(shape[1]) + 0.5) * step[1]
    assert (seen * centres).sum() / seen.sum() == pytest.approx(11000.0, abs=3.0)
