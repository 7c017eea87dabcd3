"""Native sampling of images whose sampling is known: simulated at it, then enlarged or not."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, zoom

from napari_fus_ulm.grey.native_sampling import DOUBTFUL, native_sampling
from napari_fus_ulm.grey.resampling import area_mean

EXTENT_MM = (4.0, 6.0)
PROBES = {40: 38.0, 30: 50.0, 25: 60.0, 18: 80.0, 15: 100.0, 12: 125.0}
"""Native sampling in µm (one wavelength) by frequency in MHz."""
ENLARGED = [(2.0, 0), (2.0, 1), (2.0, 3), (3.3, 3), (4.0, 1), (5.0, 1), (5.0, 3)]
"""Factor and order of the interpolation."""


Picture = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def counts(make_pair: Callable[..., tuple]) -> np.ndarray:  # type: ignore[type-arg]
    """Vessels on a grid of 10 µm."""
    return np.asarray(make_pair(3)[1].values, float)


@pytest.fixture(scope="module")
def picture(counts: np.ndarray) -> Picture:
    """What a scanner of some sampling shows: a PSF of 1.3 pixels, speckle, a root, floats."""
    bed = 2.0 * gaussian_filter(counts, 30.0) + 0.3

    def simulated(down_um: float, across_um: float, grain: float = 0.2) -> np.ndarray:
        native_um = (down_um, across_um)
        power = gaussian_filter(counts, [1.3 * um / 2.355 / 10.0 for um in native_um]) + bed
        rows, columns = (
            round(1000.0 * side / um) for side, um in zip(EXTENT_MM, native_um, strict=True)
        )
        power = area_mean(power, (rows, columns)).astype(float)
        power *= np.random.default_rng(3).gamma(grain**-2, grain**2, power.shape)
        return np.asarray(np.cbrt(power))

    return simulated


def enlarged(image: np.ndarray, times: float | tuple[float, float], order: int) -> np.ndarray:
    """As a figure stores it: interpolated, eight bits."""
    big = zoom(image, times, order=order, mode="nearest", grid_mode=True)
    top = np.percentile(big, 99.9)
    return np.round(255.0 * np.clip((big - big.min()) / (top - big.min()), 0.0, 1.0))


def native_of(image: np.ndarray) -> tuple[float, float, float]:
    rows, columns = image.shape
    return native_sampling(image, (EXTENT_MM[0] / rows, EXTENT_MM[1] / columns))


@pytest.mark.parametrize("grain", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("um", PROBES.values(), ids=[f"{mhz} MHz" for mhz in PROBES])
def test_what_was_not_enlarged_is_as_it_is_sampled(
    picture: Picture, um: float, grain: float
) -> None:
    image = picture(um, um, grain)
    rows, columns = image.shape
    down, across, _ = native_of(image)
    assert down == pytest.approx(1000.0 * EXTENT_MM[0] / rows)
    assert across == pytest.approx(1000.0 * EXTENT_MM[1] / columns)


@pytest.mark.parametrize(("times", "order"), ENLARGED, ids=lambda value: f"{value:g}")
@pytest.mark.parametrize("um", PROBES.values(), ids=[f"{mhz} MHz" for mhz in PROBES])
def test_what_was_enlarged_is_as_the_scanner_sampled_it(
    picture: Picture, um: float, times: float, order: int
) -> None:
    """Only a smooth image enlarged exactly twice leaves no more than its spectrum's end."""
    for grain in (0.05, 0.2):
        down, across, confidence = native_of(enlarged(picture(um, um, grain), times, order))
        certain = confidence >= 0.9
        assert certain or (confidence >= 0.6 and times == 2.0 and order == 3 and grain < 0.1)
        assert (down, across) == pytest.approx((um, um), rel=0.1 if certain else 0.35)


def test_axes_are_told_apart(picture: Picture) -> None:
    """Sampled 50 µm along depth and 100 µm along width, then shown with square pixels of 25 µm."""
    down, across, confidence = native_of(enlarged(picture(50.0, 100.0), (2.0, 4.0), 3))
    assert (down, across) == pytest.approx((50.0, 100.0), rel=0.1)
    assert confidence >= 0.6


def test_noise_of_the_picture_does_not_hide_what_was_enlarged(picture: Picture) -> None:
    image = enlarged(picture(100.0, 100.0), 3.0, 3)
    noisy = image + np.random.default_rng(0).normal(0.0, 2.0, image.shape)
    down, across, _ = native_of(noisy)
    assert (down, across) == pytest.approx((100.0, 100.0), rel=0.15)


def test_a_smooth_image_sampled_too_finely_is_what_its_spread_resolves(counts: np.ndarray) -> None:
    """No interpolation: a PSF of 130 µm at pixels of 33 µm, hardly any grain."""
    fine = gaussian_filter(counts, 130.0 / 2.355 / 10.0) + 0.3
    shape = (round(4000 / 33), round(6000 / 33))
    grain = np.random.default_rng(0).gamma(1e4, 1e-4, shape)
    down, across, confidence = native_of(np.cbrt(area_mean(fine, shape) * grain))
    assert min(down, across) > 65.0
    assert max(down, across) < 200.0
    assert confidence == pytest.approx(0.6)


def test_an_axis_without_a_trace_takes_the_other_where_pixels_are_square(
    picture: Picture,
) -> None:
    """A strip too low for a spectrum along depth, enlarged four times in both directions."""
    strip = enlarged(picture(100.0, 100.0)[:7], 4.0, 1)
    step = EXTENT_MM[1] / strip.shape[1]
    down, across, confidence = native_sampling(strip, (step, step))
    assert across == pytest.approx(100.0, rel=0.1)
    assert (down, confidence) == (across, DOUBTFUL)
    assert native_sampling(strip, (step / 2.0, step))[0] == pytest.approx(500.0 * step)


def test_nothing_is_asked_of_pixels_as_coarse_as_a_scanners() -> None:
    assert native_sampling(np.zeros((30, 40)), (0.1, 0.11)) == (100.0, 110.0, 1.0)


def test_a_blank_picture_is_taken_as_it_is() -> None:
    assert native_sampling(np.zeros((90, 120)), (0.05, 0.04))[:2] == (50.0, 40.0)
