"""The ground truth on a result's grid."""

import numpy as np
import pytest

from napari_fus_ulm.grey.grid import area_mean
from napari_fus_ulm.grey.prepare import reference_grey
from napari_fus_ulm.grey.reference import reference_on_grid
from napari_fus_ulm.scan import make_scan

COUNTS = np.random.default_rng(0).poisson(0.7, (300, 400)).astype(np.float32) ** 2
LIKE = make_scan(np.zeros((150, 200)), spacing=0.02)


@pytest.mark.parametrize("kind", ["linear", "unknown"])
def test_counts_are_binned_and_logged(kind: str) -> None:
    ulm = make_scan(COUNTS, spacing=0.01, modality="ulm", values_kind=kind)
    assert np.array_equal(reference_on_grid(ulm, LIKE), reference_grey(COUNTS, (150, 200)))


@pytest.mark.parametrize("kind", ["sqrt", "cbrt", "db", "display", "grey"])
def test_what_has_been_transformed_is_only_averaged_and_scaled(kind: str) -> None:
    shown = np.log1p(COUNTS) * 30.0 - 5.0
    found = reference_on_grid(make_scan(shown, spacing=0.01, values_kind=kind), LIKE)
    assert found.shape == (150, 200)
    low, high = shown.min(), np.percentile(shown, 99.9)
    expected = np.clip((area_mean(shown, (150, 200)) - low) / (high - low), 0.0, 1.0)
    assert np.allclose(found, expected, atol=1e-5)
    assert found.min() >= 0.0
    assert found.std() > 0.05


def test_a_coarser_reference_is_interpolated() -> None:
    coarse = make_scan(COUNTS[::5, ::5], spacing=0.05, values_kind="linear")
    found = reference_on_grid(coarse, LIKE)
    assert found.shape == (150, 200)
    assert 0.0 <= found.min() < found.max() <= 1.0


def test_black_stays_black() -> None:
    empty = make_scan(np.zeros((300, 400)), spacing=0.01, values_kind="linear")
    assert not reference_on_grid(empty, LIKE).any()


def test_planes_and_fields_of_view_must_fit() -> None:
    stack = make_scan(np.zeros((3, 300, 400)), spacing=(0.5, 0.01, 0.01))
    with pytest.raises(ValueError, match="plane by plane; got 3-D beside 2-D"):
        reference_on_grid(stack, LIKE)
    with pytest.raises(ValueError, match="Crop or register"):
        reference_on_grid(make_scan(COUNTS[:, :350], spacing=0.01), LIKE)
