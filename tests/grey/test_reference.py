"""The ground truth on a result's grid."""

import numpy as np
import pytest

from napari_fus_ulm.grey.reference import reference_grey, reference_on_grid
from napari_fus_ulm.grey.resampling import area_mean
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.scan import make_scan

COUNTS = np.random.default_rng(0).poisson(0.7, (300, 400)).astype(np.float32) ** 2
LIKE = Grid(shape=(150, 200), spacing_mm=(0.02, 0.02))


@pytest.mark.parametrize("kind", ["linear", "unknown"])
def test_counts_are_binned_and_logged(kind: str) -> None:
    ulm = make_scan(COUNTS, spacing=0.01, modality="ulm", values_kind=kind)
    assert np.array_equal(reference_on_grid(ulm, LIKE), reference_grey(COUNTS, (150, 200)))


@pytest.mark.parametrize("kind", ["sqrt", "cbrt", "db", "display", "grey"])
def test_what_has_been_transformed_is_only_averaged_and_scaled(kind: str) -> None:
    shown = np.log1p(COUNTS) * 30.0 - 5.0
    grey = reference_on_grid(make_scan(shown, spacing=0.01, values_kind=kind), LIKE)
    assert grey.shape == (150, 200)
    low, high = shown.min(), np.percentile(shown, 99.9)
    expected = np.clip((area_mean(shown, (150, 200)) - low) / (high - low), 0.0, 1.0)
    assert np.allclose(grey, expected, atol=1e-5)
    assert grey.min() >= 0.0
    assert grey.std() > 0.05


def test_a_coarser_reference_is_interpolated() -> None:
    coarse = make_scan(COUNTS[::5, ::5], spacing=0.05, values_kind="linear")
    grey = reference_on_grid(coarse, LIKE)
    assert grey.shape == (150, 200)
    assert 0.0 <= grey.min() < grey.max() <= 1.0


def test_black_stays_black() -> None:
    empty = make_scan(np.zeros((300, 400)), spacing=0.01, values_kind="linear")
    assert not reference_on_grid(empty, LIKE).any()


def test_planes_and_fields_of_view_must_fit() -> None:
    stack = make_scan(np.zeros((3, 300, 400)), spacing=(0.5, 0.01, 0.01))
    with pytest.raises(ValueError, match="plane by plane; this one has 3 axes"):
        reference_on_grid(stack, LIKE)
    with pytest.raises(ValueError, match="Crop or register"):
        reference_on_grid(make_scan(COUNTS[:, :350], spacing=0.01), LIKE)


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
