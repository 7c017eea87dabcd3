"""Prepared pairs: native sampling, common grids, and refusals in words."""

import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import gaussian_filter

from napari_fus_ulm.grey.native import native_pixel_um, native_shape
from napari_fus_ulm.grey.pair import prepare_pair
from napari_fus_ulm.grey.resampling import resample
from napari_fus_ulm.scan import make_scan

TEXTURE = np.exp(gaussian_filter(np.random.default_rng(0).normal(size=(40, 50)), 1.2) * 3).astype(
    np.float32
)


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


def test_different_fields_of_view_are_refused_in_words() -> None:
    with pytest.raises(
        ValueError, match=r"fUS image covers 5\.000 × 4\.000 mm .* 5\.000 × 3\.900 mm .*Crop"
    ):
        prepare_pair(fus(), ulm((390, 500)), 20.0)


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
