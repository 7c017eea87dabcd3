"""Which part of an image is wanted, and where the result of a part lies."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Shapes

from napari_fus_ulm._napari.layers.axes import axes_of
from napari_fus_ulm._napari.layers.parts import parts_of
from napari_fus_ulm._napari.layers.placing import placement_of
from napari_fus_ulm._napari.layers.region import DRAWN, VIEW, WHOLE, box_in, draw
from napari_fus_ulm._napari.layers.to_scan import layer_to_scan
from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.selection import Selection

STEP = (0.1, 0.11)


def opened(shape=(80, 120), **where):
    """A viewer with power Doppler of 8 × 13.2 mm, its layer, and its scan."""
    viewer = ViewerModel()
    pixels = np.random.default_rng(0).gamma(2.0, size=shape).astype(np.float32)
    at = {"scale": STEP, "translate": (2.0, -5.0), "units": ("mm", "mm"), **where}
    layer = viewer.add_layer(Image(pixels, name="fus", **at))
    return viewer, layer, layer_to_scan(layer).scan


def rectangle(layer, low, high):
    """Corners of a rectangle between two corners in the layer's pixel numbers."""
    (a, b), (c, d) = low, high
    return [np.array(corner, float) for corner in ((a, b), (a, d), (c, d), (c, b))]


def test_the_whole_image_is_no_region():
    viewer, layer, scan = opened()
    assert box_in(WHOLE, viewer, layer, scan) is None


def test_what_is_drawn_is_measured_from_the_corner_of_the_image():
    viewer, layer, scan = opened()
    draw(viewer, layer).add_rectangles([rectangle(layer, (9.5, 19.5), (29.5, 39.5))])
    assert box_in(DRAWN, viewer, layer, scan) == pytest.approx((1.0, 2.2, 2.0, 2.2))


def test_a_rectangle_over_a_mirrored_image_is_read_as_the_image_is():
    viewer, layer, scan = opened(scale=(-0.1, 0.11))
    draw(viewer, layer).add_rectangles([rectangle(layer, (59.5, 19.5), (69.5, 39.5))])
    assert box_in(DRAWN, viewer, layer, scan) == pytest.approx((1.0, 2.2, 1.0, 2.2))


def test_the_users_own_rectangle_counts_where_it_is_selected():
    viewer, layer, scan = opened()
    draw(viewer, layer).add_rectangles([rectangle(layer, (0, 0), (5, 5))])
    own = Shapes(
        [np.array([[3.0, -4.0], [3.0, -2.0], [5.0, -2.0], [5.0, -4.0]])],
        shape_type="rectangle",
        units=("mm", "mm"),
    )
    viewer.add_layer(own)
    viewer.layers.selection.active = own
    top, left, height, width = box_in(DRAWN, viewer, layer, scan)
    assert (top, left) == pytest.approx((1.05, 1.055))
    assert (height, width) == pytest.approx((2.0, 2.0))


def test_a_second_click_draws_in_the_same_layer():
    viewer, layer, _ = opened()
    assert draw(viewer, layer) is draw(viewer, layer)
    assert len(viewer.layers) == 2


def test_nothing_drawn_is_said():
    viewer, layer, scan = opened()
    with pytest.raises(SettingsError, match="drag a rectangle"):
        box_in(DRAWN, viewer, layer, scan)


def test_a_rectangle_beside_the_image_is_said():
    viewer, layer, scan = opened()
    draw(viewer, layer).add_rectangles([rectangle(layer, (100, 0), (110, 10))])
    with pytest.raises(SettingsError, match="does not touch “fus”"):
        box_in(DRAWN, viewer, layer, scan)


def test_the_part_in_view_has_whole_pixels():
    viewer, layer, scan = opened()
    layer.corner_pixels = np.array([[10, 20], [29, 39]])
    assert box_in(VIEW, viewer, layer, scan) == pytest.approx((1.0, 2.2, 2.0, 2.2))
    layer.corner_pixels = np.array([[0, 0], [79, 119]])
    assert box_in(VIEW, viewer, layer, scan) is None


@pytest.mark.parametrize("scale", [STEP, (-0.1, 0.11)])
def test_a_part_of_a_result_lies_where_it_lies_in_the_whole(scale):
    _, layer, _ = opened(scale=scale)
    placement = placement_of(layer, axes_of(parts_of(layer)), Selection())
    whole = Image(np.zeros((400, 660)), **placement.layer_kwargs((400, 660)))
    part = (50, 110, 400, 660)
    inside = Image(np.zeros((40, 30)), **placement.layer_kwargs((40, 30), part=part))
    for point in ((0, 0), (39, 29)):
        there = whole.data_to_world((point[0] + 50, point[1] + 110))
        assert inside.data_to_world(point) == pytest.approx(there)
