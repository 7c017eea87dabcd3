"""Fourier ring correlation on pictures whose agreement is known."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_fus_ulm.metrics.frc import frc_map, ring_correlation

THRESHOLDS = ("1/7", "half-bit", "2-sigma", "3-sigma")


def agreeing_below(cut_off, shape, spacing, seed=0):
    """Two pictures of noise: the same below a frequency (cycles/mm), independent above."""
    common, one, other = np.fft.fft2(np.random.default_rng(seed).standard_normal((3, *shape)))
    down, across = (np.fft.fftfreq(n, step) for n, step in zip(shape, spacing, strict=True))
    low = np.hypot(down[:, None], across) < cut_off
    return [np.fft.ifft2(np.where(low, common, noise)).real for noise in (one, other)]


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_an_image_agrees_with_itself_in_all_detail(threshold):
    image = np.random.default_rng(0).random((90, 120))
    curve = ring_correlation(image, 3.0 * image + 2.0, 0.02, threshold)
    np.testing.assert_allclose(curve.correlation, 1.0)
    assert curve.resolution_um is None
    assert curve.reached == "everywhere"
    assert curve.finest_um == pytest.approx(40.0)
    assert "every scale that the pixels hold (40 µm)" in curve.sentence
    assert threshold in curve.sentence


@pytest.mark.parametrize("threshold", THRESHOLDS[:3])
@pytest.mark.parametrize(
    ("shape", "spacing"),
    [((256, 256), (0.02, 0.02)), ((300, 180), (0.02, 0.025)), ((150, 400), (0.03, 0.01))],
)
@pytest.mark.parametrize("cut_off", [5.0, 8.0, 14.0])
def test_a_known_cut_off_is_found_in_mm(shape, spacing, cut_off, threshold):
    curve = ring_correlation(*agreeing_below(cut_off, shape, spacing), spacing, threshold)
    ring = 1.0 / min(n * step for n, step in zip(shape, spacing, strict=True))
    assert 1000.0 / curve.resolution_um == pytest.approx(cut_off, abs=2.0 * ring)
    assert f"down to {curve.resolution_um:.0f} µm" in curve.sentence


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_independent_noise_has_no_resolution(threshold):
    rng = np.random.default_rng(3)
    for smooth in (0.0, 3.0):
        for _ in range(25):
            pair = rng.standard_normal((2, 128, 96))
            one, other = (ndimage.gaussian_filter(image, smooth) for image in pair)
            curve = ring_correlation(one, other, 0.02, threshold)
            assert curve.resolution_um is None
            assert curve.reached == "nowhere"
            assert "at no scale" in curve.sentence


def test_a_blur_or_a_gain_of_one_image_changes_nothing():
    one, other = agreeing_below(8.0, (256, 256), (0.02, 0.02))
    sharp = ring_correlation(one, other, 0.02).resolution_um
    dull = ring_correlation(ndimage.gaussian_filter(one, 2.0), 5.0 * other + 1.0, 0.02)
    assert dull.resolution_um == pytest.approx(sharp, rel=0.05)


def test_half_data_maps_with_more_counts_agree_in_finer_detail():
    rng = np.random.default_rng(0)
    vessels = np.zeros((200, 200))
    for row in range(20, 200, 20):
        vessels[row, 10:190] = 1.0
    vessels = ndimage.gaussian_filter(vessels + vessels.T, 1.5)
    resolutions = []
    for counts in (3.0, 300.0):
        halves = rng.poisson(counts * vessels / vessels.max(), (2, 200, 200))
        resolutions.append(ring_correlation(*halves, 0.01).resolution_um)
    assert resolutions[1] < 0.8 * resolutions[0]


def test_thresholds_are_those_of_van_heel_and_schatz():
    image = np.random.default_rng(0).random((512, 512))
    curves = {name: ring_correlation(image, image, 0.02, name).threshold for name in THRESHOLDS}
    count = ring_correlation(image, image, 0.02).count
    assert (curves["1/7"] == 1 / 7).all()
    root = 2.0 * np.sqrt(2.0) / curves["2-sigma"]  # of the independent Fourier pixels
    half_bit = (0.2071 + 1.9102 / root) / (1.2071 + 0.9102 / root)
    np.testing.assert_allclose(curves["half-bit"], half_bit)
    np.testing.assert_allclose(curves["3-sigma"], 1.5 * curves["2-sigma"])
    ratio = curves["2-sigma"] * np.sqrt(count / 2.0)
    np.testing.assert_allclose(ratio, ratio[0])
    assert 2.0 < ratio[0] < 3.0  # 2, and more for what the window takes


def test_rings_count_every_fourier_pixel_once():
    for shape in ((32, 32), (33, 40), (40, 33)):
        image = np.random.default_rng(0).random(shape)
        curve = ring_correlation(image, image, 0.02)
        down, across = (np.fft.fftfreq(n, 0.02) for n in shape)
        distance = np.hypot(down[:, None], across)
        inside = (distance > 0.5 / (0.02 * min(shape))) & (distance <= 25.0)
        assert curve.count.sum() == inside.sum()


def test_the_map_tells_where_two_pictures_agree_and_how_finely():
    spacing = (0.02, 0.02)
    fine = agreeing_below(12.0, (200, 100), spacing, 1)
    coarse = agreeing_below(6.0, (200, 100), spacing, 2)
    none = agreeing_below(0.0, (200, 100), spacing, 3)
    empty = [np.zeros((200, 100))] * 2
    one, other = (np.hstack(parts) for parts in zip(fine, coarse, none, empty, strict=True))
    local = frc_map(one, other, 0.02)
    assert local.shape == one.shape
    assert np.nanmedian(local[:, 25:75]) == pytest.approx(83.0, rel=0.2)
    assert np.nanmedian(local[:, 125:175]) == pytest.approx(167.0, rel=0.2)
    assert np.isnan(local[:, 230:270]).mean() > 0.95
    assert np.isnan(local[:, 330:370]).all()


def test_where_all_detail_agrees_the_map_says_what_the_pixels_hold():
    image = np.random.default_rng(0).random((120, 90))
    np.testing.assert_allclose(frc_map(image, image, (0.02, 0.03), window_mm=0.9), 60.0)


def test_a_map_of_a_whole_section_takes_seconds():
    one, other = agreeing_below(8.0, (640, 560), (0.02, 0.02))
    begin = time.perf_counter()
    frc_map(one, other, 0.02)
    assert time.perf_counter() - begin < 10.0


@settings(max_examples=10, deadline=None)
@given(rows=st.integers(16, 90), columns=st.integers(16, 90), seed=st.integers(0, 2**16))
def test_any_shape_has_a_curve_and_a_map_of_its_grid(rows, columns, seed):
    one, other = np.random.default_rng(seed).random((2, rows, columns))
    curve = ring_correlation(one, other, (0.02, 0.03), "half-bit")
    assert (np.abs(curve.correlation) <= 1 + 1e-9).all()
    assert (np.diff(curve.frequency) > 0).all()
    assert frc_map(one, other, (0.02, 0.03), window_mm=0.6).shape == (rows, columns)


def test_what_cannot_be_correlated_is_refused():
    image = np.random.default_rng(0).random((40, 40))
    with pytest.raises(ValueError, match="one shape"):
        ring_correlation(image, image[:-1], 0.02)
    with pytest.raises(ValueError, match="16 × 16"):
        ring_correlation(image[:9], image[:9], 0.02)
    with pytest.raises(ValueError, match="NaN"):
        ring_correlation(image, np.where(image > 0.5, np.nan, image), 0.02)
    with pytest.raises(ValueError, match="half-bit"):
        ring_correlation(image, image, 0.02, "0.5")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="positive"):
        ring_correlation(image, image, 0.0)
    with pytest.raises(ValueError, match="pixels a side"):
        frc_map(image, image, 0.02, window_mm=0.1)
