"""Grids: counts are conserved, constants stay constant, nothing moves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fus_ulm.grey.resampling import area_mean, bin_counts, overlap_matrix, resample

SIDE = st.integers(1, 60)


@given(n_in=st.integers(1, 700), n_out=st.integers(1, 700))
def test_every_input_cell_is_shared_out_completely(n_in: int, n_out: int) -> None:
    matrix = overlap_matrix(n_in, n_out)
    assert matrix.shape == (n_out, n_in)
    assert matrix.min() >= 0.0
    assert np.allclose(np.asarray(matrix.sum(axis=0)).ravel(), 1.0, atol=1e-9)
    assert np.allclose(np.asarray(matrix.sum(axis=1)).ravel(), n_in / n_out, atol=1e-9)


@given(a=SIDE, b=SIDE, c=SIDE, d=SIDE, seed=st.integers(0, 100))
def test_counts_are_conserved_whatever_the_shapes(
    a: int, b: int, c: int, d: int, seed: int
) -> None:
    counts = np.random.default_rng(seed).poisson(3.0, (a, b)).astype(np.float32)
    binned = bin_counts(counts, (c, d))
    assert binned.shape == (c, d)
    assert binned.min() >= 0.0
    assert binned.sum(dtype=np.float64) == pytest.approx(counts.sum(), rel=1e-5, abs=1e-5)


@given(a=SIDE, b=SIDE, c=SIDE, d=SIDE)
def test_the_mean_of_a_constant_is_the_constant(a: int, b: int, c: int, d: int) -> None:
    assert np.allclose(area_mean(np.full((a, b), 7.0), (c, d)), 7.0, rtol=1e-5)


def test_binning_by_whole_factors_sums_blocks() -> None:
    counts = np.arange(24.0).reshape(4, 6)
    blocks = counts.reshape(2, 2, 3, 2).sum(axis=(1, 3))
    assert np.array_equal(bin_counts(counts, (2, 3)), blocks)


def test_binning_three_cells_into_two_splits_the_middle_one() -> None:
    assert np.allclose(bin_counts(np.array([[1.0, 2.0, 4.0]]), (1, 2)), [[2.0, 5.0]])


@pytest.mark.parametrize(
    "shape", [(400, 550), (433, 517), (40, 50), (37, 61), (80, 240), (160, 55)]
)
def test_resampling_leaves_a_blob_where_it_is(shape: tuple[int, int]) -> None:
    extent = (8.0, 12.0)

    def axes(n: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        return tuple((np.arange(k) + 0.5) * e / k for k, e in zip(n, extent, strict=True))  # type: ignore[return-value]

    y, x = axes((80, 110))
    blob = np.exp(-((y[:, None] - 3.3) ** 2 + (x[None] - 7.1) ** 2) / (2 * 0.5**2))
    moved = resample(blob.astype(np.float32), shape)
    assert moved.shape == shape
    y, x = axes(shape)
    total = moved.sum()
    assert (moved.sum(axis=1) * y).sum() / total == pytest.approx(3.3, abs=0.003)
    assert (moved.sum(axis=0) * x).sum() / total == pytest.approx(7.1, abs=0.003)


def test_resampling_keeps_a_ramp() -> None:
    ramp = np.tile(np.linspace(0.05, 9.95, 100, dtype=np.float32), (20, 1))  # mm, pixels of 0.1
    fine = resample(ramp, (20, 530))
    place = (np.arange(530) + 0.5) * 10.0 / 530
    inner = (place > 1.0) & (place < 9.0)
    assert np.abs(fine[10, inner] - place[inner]).max() < 1e-3
    coarse = resample(ramp, (20, 33))
    assert np.allclose(coarse[10], (np.arange(33) + 0.5) * 10.0 / 33, atol=3e-3)  # pixels of 0.3 mm


@given(a=st.integers(8, 40), b=st.integers(8, 40), c=st.integers(1, 200), d=st.integers(1, 200))
def test_resampling_gives_the_shape_asked_for(a: int, b: int, c: int, d: int) -> None:
    image = np.full((a, b), 0.25, np.float32)
    resampled = resample(image, (c, d))
    assert resampled.shape == (c, d)
    assert np.allclose(resampled, 0.25, atol=1e-5)
