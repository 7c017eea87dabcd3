"""Grids: one field, whatever its pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fus_ulm.grid import Grid, check_same_extent
from napari_fus_ulm.scan import extent_of, make_scan

FUS = Grid(shape=(40, 50), spacing_mm=(0.1, 0.1))
SIDE = st.integers(1, 300)


def ulm(shape: tuple[int, int]) -> Grid:
    return Grid(shape=shape, spacing_mm=(0.01, 0.01))


def test_a_scan_tells_its_grid() -> None:
    scan = make_scan(np.zeros((3, 40, 50)), spacing=(0.5, 0.2, 0.1), origin=(0.0, 1.0, -2.0))
    grid = Grid.of(scan)
    assert grid.shape == (40, 50)
    assert grid.spacing_mm == pytest.approx((0.2, 0.1))
    assert grid.corner_mm == pytest.approx((0.9, -2.05))
    assert grid.extent_mm == extent_of(scan) == pytest.approx((8.0, 5.0))
    assert grid.pixel_mm == pytest.approx(np.sqrt(0.02))


def test_coordinates_are_those_of_pixel_centres() -> None:
    scan = make_scan(np.zeros((40, 50)), spacing=(0.2, 0.1), origin=(1.0, -2.0))
    coords = Grid.of(scan).coords()
    for axis, dim in (("y", "j"), ("x", "i")):
        assert coords[axis][0] == dim
        assert np.allclose(coords[axis][1], scan[axis].values, atol=1e-12)


@given(rows=SIDE, columns=SIDE, other_rows=SIDE, other_columns=SIDE)
def test_other_pixels_cover_the_same_field(
    rows: int, columns: int, other_rows: int, other_columns: int
) -> None:
    grid = Grid(shape=(rows, columns), spacing_mm=(0.07, 0.13), corner_mm=(-1.0, 2.5))
    other = grid.with_shape((other_rows, other_columns))
    assert other.shape == (other_rows, other_columns)
    assert other.extent_mm == pytest.approx(grid.extent_mm, rel=1e-12)
    assert other.corner_mm == grid.corner_mm
    assert grid.same_extent(other)


def test_a_grid_fills_the_field_with_at_least_one_pixel() -> None:
    def shape(*extent: float) -> tuple[int, int]:
        return Grid(shape=(1, 1), spacing_mm=extent).with_pixel_um(20.0).shape

    assert shape(8.0, 12.0) == (400, 600)
    assert shape(8.01, 11.99) == (400, 600)
    assert shape(0.001, 0.03) == (1, 2)


def test_exchanged_axes() -> None:
    tall = Grid(shape=(80, 50), spacing_mm=(0.2, 0.1), corner_mm=(1.0, 2.0))
    wide = Grid(shape=(50, 80), spacing_mm=(0.1, 0.2), corner_mm=(2.0, 1.0))
    assert tall.transposed() == wide
    assert not tall.same_extent(wide)


def test_half_a_fus_pixel_is_forgiven_and_no_more() -> None:
    check_same_extent(FUS, ulm((404, 496)))
    with pytest.raises(ValueError, match="Crop or register"):
        check_same_extent(FUS, ulm((400, 506)))


def test_the_same_pair_is_accepted_beside_a_result_of_finer_pixels() -> None:
    result = FUS.with_pixel_um(20.0)
    check_same_extent(result, ulm((404, 496)))
    with pytest.raises(ValueError, match="Crop or register"):
        check_same_extent(result, ulm((406, 500)))
