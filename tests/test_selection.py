"""Another axis as depth, and axes that run backwards."""

import numpy as np
import pytest

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.scan import make_scan, spacing_of, step_of
from napari_fus_ulm.selection import turned

STACK = make_scan(
    np.random.default_rng(0).random((3, 10, 12)), spacing=(0.4, 0.1, 0.11), origin=(1, 2, 3)
)


def test_nothing_to_turn():
    assert turned(STACK) is STACK


def test_width_and_depth_change_places():
    scan = turned(STACK, "x")
    assert scan.dims == STACK.dims
    np.testing.assert_array_equal(scan.values, STACK.values.swapaxes(1, 2))
    assert spacing_of(scan) == pytest.approx((0.11, 0.1))
    assert float(scan["y"][0]) == 3.0


def test_slices_and_depth_change_places():
    scan = turned(STACK, "z")
    np.testing.assert_array_equal(scan.values, STACK.values.swapaxes(0, 1))
    assert step_of(scan, "j") == pytest.approx(0.4)
    assert step_of(scan, "k") == pytest.approx(0.1)
    with pytest.raises(ScanError, match="no axis z"):
        turned(STACK.isel(k=0, drop=True), "z")


@pytest.mark.parametrize(("flip", "axes"), [("y", (1,)), ("x", (2,)), ("yx", (1, 2))])
def test_a_flip_leaves_the_field_where_it_is(flip, axes):
    scan = turned(STACK, flip=flip)
    np.testing.assert_array_equal(scan.values, np.flip(STACK.values, axes))
    np.testing.assert_array_equal(scan["y"], STACK["y"])
