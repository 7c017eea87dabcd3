"""Fourier ring correlation of a result with a ground truth, laid on it in three ways."""

import numpy as np
import pytest
import xarray as xr

from napari_fus_ulm.diagnostics.resolution import resolution
from napari_fus_ulm.grey.reference import reference_on_grid
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.phantom import PhantomPair, PhantomParams, simulate_pair


@pytest.fixture(scope="module")
def pair() -> PhantomPair:
    params = PhantomParams(width_mm=4.0, depth_mm=3.2, bubbles=20.0)
    return simulate_pair(900_000_031, params, vary=False)


@pytest.fixture(scope="module")
def picture(pair: PhantomPair) -> xr.DataArray:
    """The ground truth itself, as a result."""
    grid = Grid.of(pair.ulm).with_pixel_um(20.0)
    return xr.DataArray(
        reference_on_grid(pair.ulm, grid),
        dims=("j", "i"),
        coords=grid.coords(),
        attrs={"modality": "ulm", "values": "grey"},
    )


def test_a_result_that_is_the_truth_agrees_to_the_finest_detail(
    picture: xr.DataArray, pair: PhantomPair
) -> None:
    measured = resolution(picture, pair.ulm, pair.fus)
    assert measured.fus is not None
    assert measured.result.smoothed.min() > 0.99
    assert measured.fus.smoothed.min() < 0.5
    assert measured.local.shape == picture.shape
    assert (measured.moved, measured.notes) == (None, ())


def test_a_shifted_truth_agrees_once_it_is_moved(picture: xr.DataArray, pair: PhantomPair) -> None:
    away = pair.ulm.copy(data=np.roll(pair.ulm.values, (12, -8), (0, 1)))
    apart = resolution(picture, away)
    measured = resolution(picture, away, aligned="shift")
    assert apart.result.smoothed.min() < 0.2
    assert measured.result.smoothed.min() > 0.9
    assert measured.moved is not None
    assert measured.moved.shape == picture.shape
    assert "a translation: -120 µm down and +80 µm right" in measured.notes[0]
    assert np.isnan(measured.local.values).any()


def test_of_a_truth_of_a_part_that_part_is_compared(
    picture: xr.DataArray, pair: PhantomPair
) -> None:
    measured = resolution(picture, pair.ulm.isel(i=slice(0, 300)))
    assert measured.result.smoothed.min() > 0.9
    assert np.isnan(measured.local.values[:, 150:]).all()
    assert "% of the result" in measured.notes[0]
