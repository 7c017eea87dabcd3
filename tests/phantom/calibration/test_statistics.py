"""Measures of recordings: constructed images with known answers."""

import numpy as np
import pytest

from napari_fus_ulm.grey.resampling import area_mean
from napari_fus_ulm.phantom.calibration import statistics as st
from napari_fus_ulm.phantom.vessels import Vessels

PIXEL = (0.1, 0.1)


def straight(points: np.ndarray, radius: float, speed: float, *more: Vessels) -> Vessels:
    """One vessel, and others before it."""
    n = len(points)
    one = Vessels(points, np.full(n, radius), np.full(n, speed), np.array([0, n]))
    for other in more:
        one = Vessels(
            np.concatenate([other.points, one.points]),
            np.concatenate([other.radii, one.radii]),
            np.concatenate([other.speed, one.speed]),
            np.concatenate([other.first[:-1], one.first + len(other.points)]),
        )
    return one


def along(axis: int, start: tuple[float, float, float], n: int = 100) -> np.ndarray:
    points = np.tile(np.array(start, dtype=float), (n, 1))
    points[:, axis] += 10.0 * np.arange(n)
    return points


# ---------------------------------------------------------------- power Doppler


def test_the_display_is_a_square_root_with_its_brightest_pixels_white() -> None:
    power = np.tile(np.linspace(0.01, 1.0, 1000), (4, 1))
    shown = st.display(power)
    assert shown.max() == 1.0
    ratio = shown[:, 400] / shown[:, 100]
    assert ratio == pytest.approx(np.sqrt(power[:, 400] / power[:, 100]))


def test_a_constant_image_is_all_background() -> None:
    assert st.background_share(np.full((60, 80), 0.3), PIXEL) == pytest.approx(1.0)


def test_narrow_vessels_on_black_have_no_background() -> None:
    shown = np.zeros((60, 80))
    shown[:, ::8] = 1.0
    assert st.background_share(shown, PIXEL) == 0.0


def test_the_background_under_vessels_is_its_share_of_the_mean() -> None:
    shown = np.full((60, 80), 0.5)
    shown[:, ::10] = 1.0  # a tenth of the pixels: the mean is 0.55
    assert st.background_share(shown, PIXEL) == pytest.approx(0.5 / 0.55)


def test_the_backgrounds_window_is_in_millimetres() -> None:
    shown = np.zeros((80, 80))
    shown[30:50, 30:50] = 1.0  # 2 mm wide: background; at half the pixel size 1 mm: none
    assert st.background_share(shown, PIXEL) == pytest.approx(1.0)
    assert st.background_share(shown, (0.05, 0.05)) == 0.0


# ---------------------------------------------------------------- both


def test_a_single_count_is_blurred_to_the_width_that_was_asked_for() -> None:
    counts = np.zeros((101, 101))
    counts[50, 50] = 1.0
    blurred = st.blurred_to_fus(counts, (101, 101), 10.0, (100.0, 160.0))
    assert blurred.sum() == pytest.approx(1.0, rel=1e-3)
    peak = blurred[50, 50]
    assert blurred[45, 50] == pytest.approx(peak / 2, rel=0.02)
    assert blurred[50, 58] == pytest.approx(peak / 2, rel=0.02)


def test_blurred_counts_are_means_over_the_pixels_of_fus() -> None:
    counts = np.zeros((100, 100))
    counts[:, :50] = 4.0
    blurred = st.blurred_to_fus(counts, (10, 10), 10.0, (1.0, 1.0))
    assert blurred == pytest.approx(area_mean(counts, (10, 10)))


def test_any_rising_function_of_blurred_counts_correlates_perfectly() -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.05, (400, 400)).astype(float)
    blurred = st.blurred_to_fus(counts, (40, 40), 10.0, (110.0, 140.0))
    brain = np.ones((40, 40), dtype=bool)
    assert st.rank_correlation(blurred**1.7 + 3.0, blurred, brain) == pytest.approx(1.0)
    assert st.rank_correlation(-blurred, blurred, brain) == pytest.approx(-1.0)
    assert abs(st.rank_correlation(rng.normal(size=(40, 40)), blurred, brain)) < 0.1


def test_only_the_brain_is_correlated() -> None:
    rng = np.random.default_rng(1)
    blurred = rng.random((40, 40))
    power = blurred.copy()
    power[:20] = rng.random((20, 40))
    brain = np.zeros((40, 40), dtype=bool)
    brain[20:] = True
    assert st.rank_correlation(power, blurred, brain) == pytest.approx(1.0)
    assert st.rank_correlation(power, blurred, ~brain) < 0.2


# ---------------------------------------------------------------- ULM


def test_counts_are_shared_out_and_ranked() -> None:
    counts = np.zeros((20, 50))
    counts.ravel()[:100] = np.arange(1, 101)
    assert st.count_share(counts) == pytest.approx(0.1)
    assert st.count_percentiles(counts) == pytest.approx([50.5, 90.1, 99.01])


@pytest.mark.parametrize("pixels", [2, 3, 6])
def test_parallel_lines_have_a_known_density_and_width(pixels: int) -> None:
    counts = np.zeros((400, 400))
    for column in range(10, 400, 40):  # every 0.4 mm
        counts[:, column : column + pixels] = 7.0
    mask = st.map_mask(counts, 10.0)
    assert st.length_density(mask, 10.0) == pytest.approx(2.5, rel=0.03)
    assert st.width_percentiles(mask, 10.0) == pytest.approx([10.0 * pixels] * 3)


def test_a_vessel_that_bubbles_have_filled_in_part_is_one_vessel() -> None:
    counts = np.zeros((400, 400))
    counts[:, 200:208] = np.random.default_rng(0).random((400, 8)) < 0.7
    mask = st.map_mask(counts, 10.0)
    assert st.length_density(mask, 10.0) * 16.0 == pytest.approx(4.0, rel=0.1)
    assert st.width_percentiles(mask, 10.0)[1] == pytest.approx(75.0, abs=10.0)


def test_scattered_counts_are_no_vessels() -> None:
    counts = np.zeros((400, 400))
    counts[::10, ::10] = 1.0
    assert not st.map_mask(counts, 10.0).any()


# ---------------------------------------------------------------- speed


def test_a_vessel_in_the_plane_has_the_median_of_its_poiseuille_profile() -> None:
    vessels = straight(along(0, (100.0, 500.0, 0.0)), 10.0, 5.0)
    middle, ninety, top = st.bubble_speed_percentiles(vessels, (2000.0, 2000.0), 500.0)
    assert middle == pytest.approx(2 * 5.0 * np.sqrt(0.5), rel=1e-6)
    assert middle < ninety <= top < 10.0


def test_a_vessel_through_the_plane_seems_to_stand_still() -> None:
    vessels = straight(along(2, (500.0, 500.0, -500.0)), 10.0, 5.0)
    assert st.bubble_speed_percentiles(vessels, (2000.0, 2000.0), 500.0).max() < 1e-9


def test_bubbles_are_where_the_flow_is_the_slice_is_and_the_picture_is() -> None:
    main = straight(along(0, (100.0, 500.0, 0.0)), 20.0, 5.0)
    alone = st.bubble_speed_percentiles(main, (2000.0, 2000.0), 500.0)
    thin = straight(along(0, (100.0, 800.0, 0.0)), 0.2, 30.0, main)
    far = straight(along(0, (100.0, 800.0, 2000.0)), 20.0, 30.0, main)
    outside = straight(along(0, (100.0, 2500.0, 0.0)), 20.0, 30.0, main)
    for vessels in (thin, far, outside):
        assert st.bubble_speed_percentiles(vessels, (2000.0, 2000.0), 500.0) == pytest.approx(alone)
    as_strong = straight(along(0, (100.0, 800.0, 0.0)), 20.0, 30.0, main)
    assert st.bubble_speed_percentiles(as_strong, (2000.0, 2000.0), 500.0)[0] > 2 * alone[0]


# ---------------------------------------------------------------- texture


def test_white_noise_has_a_flat_spectrum_whatever_its_contrast() -> None:
    noise = np.random.default_rng(0).normal(size=(200, st.PATCH, st.PATCH))
    powers = st.band_powers(0.01 * noise + 0.5)
    assert powers.shape == (200, len(st.BANDS) - 1)
    assert np.log10((10.0**powers).mean(axis=0)) == pytest.approx(0.0, abs=0.05)
    assert powers == pytest.approx(st.band_powers(noise))


@pytest.mark.parametrize(("cycles_per_mm", "octave"), [(0.55, 0), (2.2, 2), (17.0, 5)])
def test_a_wave_has_its_power_in_its_octave(cycles_per_mm: float, octave: int) -> None:
    x = (np.arange(st.PATCH) + 0.5) * st.TEXTURE_UM / 1000.0
    wave = np.broadcast_to(np.sin(2 * np.pi * cycles_per_mm * x), (1, st.PATCH, st.PATCH))
    powers = st.band_powers(np.asarray(wave))[0]
    assert powers.argmax() == octave


def test_quantiles_of_even_grey_levels_are_themselves() -> None:
    stack = np.linspace(0, 1, st.PATCH**2).reshape(1, st.PATCH, st.PATCH)
    assert st.grey_quantiles(stack)[0] == pytest.approx([0.05, 0.25, 0.5, 0.75, 0.95], abs=1e-6)


def test_patches_lie_every_half_where_half_of_them_is_tissue() -> None:
    grey = np.ones((st.PATCH + 64, st.PATCH + 128))
    assert st.patches(grey, np.ones(grey.shape, dtype=bool)).shape == (6, st.PATCH, st.PATCH)
    right = np.zeros(grey.shape, dtype=bool)
    right[:, 128:] = True
    # The first column of patches ends where tissue begins; the second is half covered.
    assert len(st.patches(grey, right)) == 4
    assert st.patches(grey[:100], right[:100]).shape == (0, st.PATCH, st.PATCH)


def test_texture_of_black_images_is_of_no_patch() -> None:
    black = np.zeros((256, 256), dtype=np.float32)
    assert st.fus_texture(black).shape == (0, st.FUS_BANDS + 5)
    assert st.ulm_texture(black).shape == (0, len(st.BANDS) - 1 + 5)
