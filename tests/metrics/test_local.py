"""The maps whose means are the reported measures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from napari_fus_ulm.metrics import fidelity
from napari_fus_ulm.metrics.fidelity import SSIM_SMALLEST
from napari_fus_ulm.metrics.local import error_map, ssim_map

BORDER = SSIM_SMALLEST // 2
INNER = (slice(BORDER, -BORDER),) * 2


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**16), rows=st.integers(11, 60), columns=st.integers(11, 60))
def test_means_of_the_maps_are_the_reported_measures(seed: int, rows: int, columns: int) -> None:
    rng = np.random.default_rng(seed)
    image, reference = rng.random((2, rows, columns))
    reported = fidelity(image, reference, lpips=False)
    assert ssim_map(image, reference)[INNER].mean() == pytest.approx(reported.ssim, rel=1e-12)
    assert (error_map(image, reference) ** 2).mean() == pytest.approx(reported.mse, rel=1e-12)


def test_a_photograph_with_one_spoilt_corner() -> None:
    reference = data.camera()[:200, :300] / 255.0
    image = reference.copy()
    image[150:, 250:] = np.random.default_rng(0).random((50, 50))
    similar = ssim_map(image, reference)
    assert similar.shape == reference.shape
    assert similar[:140, :240] == pytest.approx(1.0)
    assert similar[160:, 260:].mean() < 0.3
    reported = fidelity(image, reference, lpips=False)
    assert similar[INNER].mean() == pytest.approx(reported.ssim, rel=1e-12)


def test_the_error_has_the_sign_of_the_picture() -> None:
    reference = np.full((20, 30), 0.5)
    image = reference.copy()
    image[3, 4], image[5, 6] = 0.9, 0.2
    errors = error_map(image, reference)
    assert (errors[3, 4], errors[5, 6]) == pytest.approx((0.4, -0.3))
    assert np.count_nonzero(errors) == 2
    assert error_map(reference, image) == pytest.approx(-errors)


@pytest.mark.parametrize("measure", [error_map, ssim_map])
@pytest.mark.parametrize(
    ("image", "reference", "says"),
    [
        (np.zeros((20, 30)), np.zeros((30, 20)), "same pixel grid"),
        (np.zeros((2, 20, 30)), np.zeros((2, 20, 30)), "one grey plane"),
        (np.zeros((0, 30)), np.zeros((0, 30)), "need at least"),
        (np.full((20, 30), np.nan), np.zeros((20, 30)), "The image holds NaN"),
        (np.zeros((20, 30)), np.full((20, 30), 7.0), "The reference spans 7 to 7"),
    ],
    ids=["shapes", "stack", "empty", "nan", "range"],
)
def test_unfit_images_are_named(
    measure: object, image: np.ndarray, reference: np.ndarray, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        measure(image, reference)  # type: ignore[operator]


def test_ssim_needs_its_window() -> None:
    with pytest.raises(ValueError, match="10×40 pixels"):
        ssim_map(np.zeros((10, 40)), np.zeros((10, 40)))
    assert error_map(np.zeros((10, 40)), np.zeros((10, 40))).shape == (10, 40)
