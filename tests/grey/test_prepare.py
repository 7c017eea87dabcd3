"""Prepared pairs: native sampling, common grids, and refusals in words."""

import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import gaussian_filter

from napari_fus_ulm.grey.grid import resample
from napari_fus_ulm.grey.intensity import FusRange, log_power
from napari_fus_ulm.grey.prepare import (
    check_same_extent,
    condition_grey,
    native_pixel_um,
    native_shape,
    prepare_pair,
    reference_grey,
)
from napari_fus_ulm.scan import make_scan

RNG = np.random.default_rng(0)
TEXTURE = np.exp(gaussian_filter(RNG.normal(size=(40, 50)), 1.2) * 3).astype(np.float32)


def fus(values: np.ndarray = TEXTURE, spacing: tuple[float, float] = (0.1, 0.1)) -> xr.DataArray:
    return make_scan(values, spacing=spacing, modality="fus", values_kind="linear")


def ulm(shape: tuple[int, int] = (400, 500), pixel: float = 0.01) -> xr.DataArray:
    counts = np.random.default_rng(1).poisson(0.5, shape)
    return make_scan(counts, spacing=pixel, modality="ulm", values_kind="linear")


def test_a_pair_lands_on_one_grid_of_square_pixels() -> None:
    pair = prepare_pair(fus(), ulm(), 20.0)
    assert pair.fus.shape == pair.ulm.shape == (200, 250)
    for image in (pair.fus, pair.ulm):
        assert image.dtype == np.float32
        assert image.min() >= 0.0
        assert image.max() <= 1.0
        assert image.std() > 0.05


def test_anisotropic_pixels_stay_true_to_scale() -> None:
    tall = fus(TEXTURE, (0.2, 0.1))
    pair = prepare_pair(tall, ulm((800, 500)), 20.0)
    assert pair.fus.shape == (400, 250)
    assert native_shape(tall) == (40, 50)
    assert native_pixel_um(tall) == pytest.approx(np.sqrt(200.0 * 100.0))


def test_an_upsampled_image_is_brought_back_to_its_native_sampling() -> None:
    fine = fus(resample(TEXTURE, (200, 250)).clip(1e-3), (0.02, 0.02))
    assert native_shape(fine) == (40, 50)
    assert native_pixel_um(fine) == pytest.approx(100.0)
    native, upsampled = (prepare_pair(one, ulm(), 20.0).fus for one in (fus(), fine))
    assert np.corrcoef(native.ravel(), upsampled.ravel())[0, 1] > 0.98
    assert np.abs(native - upsampled).mean() < 0.04


@pytest.mark.parametrize(
    ("spacing", "expected"),
    [
        ((0.1, 0.11), (40, 50)),
        ((0.07, 0.07), (40, 50)),
        ((0.05, 0.1), (20, 50)),
        ((0.01, 0.01), (8, 8)),
    ],
)
def test_native_sampling_is_judged_axis_by_axis(
    spacing: tuple[float, float], expected: tuple[int, int]
) -> None:
    assert native_shape(fus(TEXTURE, spacing)) == expected


def test_a_stack_can_share_its_range() -> None:
    logged = log_power(TEXTURE, "linear")
    limits = FusRange(float(logged.min()) - 5, float(logged.max()) + 5)
    grey = condition_grey(logged, (40, 50), (80, 100), limits)
    assert grey.shape == (80, 100)
    assert 0.2 < grey.min() < grey.max() < 0.8


def test_counts_are_binned_before_the_logarithm() -> None:
    """A hundred single bubbles in a cell are a bright cell, not a cell of single bubbles."""
    counts = np.zeros((100, 100))
    counts[:10, :10] = 1.0
    counts[90, 90] = 100.0
    grey = reference_grey(counts, (10, 10))
    assert grey[0, 0] == grey[9, 9] == 1.0
    assert grey[5, 5] == 0.0
    counts = np.arange(400.0).reshape(20, 20)
    sums = counts.reshape(10, 2, 10, 2).sum(axis=(1, 3))
    top = np.percentile(sums, 99.9)
    expected = np.clip(np.log1p(sums) / np.log1p(top), 0.0, 1.0)
    assert np.allclose(reference_grey(counts, (10, 10)), expected, atol=1e-5)


def test_grey_does_not_depend_on_whether_pixels_divide_evenly() -> None:
    """Area-weighted binning makes fractions of a count; their size is no unit of bubbles."""
    rng = np.random.default_rng(2)
    counts = rng.poisson(0.3 * rng.lognormal(0.0, 1.8, (401, 401))).astype(np.float32)
    even, odd = (reference_grey(counts[:n, :n], (200, 200)) for n in (400, 401))
    assert even.mean() == pytest.approx(odd.mean(), rel=0.25)


def test_different_fields_of_view_are_refused_in_words() -> None:
    with pytest.raises(
        ValueError, match=r"fUS image covers 5\.000 × 4\.000 mm .* 5\.000 × 3\.900 mm .*Crop"
    ):
        prepare_pair(fus(), ulm((390, 500)), 20.0)


def test_half_a_fus_pixel_is_forgiven_and_no_more() -> None:
    check_same_extent(fus(), ulm((404, 496)))
    with pytest.raises(ValueError, match="Crop or register"):
        check_same_extent(fus(), ulm((400, 506)))


def test_the_same_pair_is_accepted_beside_a_result_of_finer_pixels() -> None:
    result = make_scan(np.zeros((200, 250)), spacing=0.02)
    check_same_extent(result, ulm((404, 496)))
    with pytest.raises(ValueError, match="Crop or register"):
        check_same_extent(result, ulm((406, 500)))
