"""Axes of layers: by label, by unit, and by where the layer's transform puts them."""

from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Image

from napari_fus_ulm._napari.layers.parts import parts_of, world_matrix
from napari_fus_ulm._napari.layers.placing import placement_of
from napari_fus_ulm._napari.layers.to_scan import layer_to_scan, scan_of_parts
from napari_fus_ulm._napari.writer import write_image
from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io import read_one
from napari_fus_ulm.scan import make_scan, spacing_of, step_of
from napari_fus_ulm.selection import Selection

FILM = np.random.default_rng(0).random((4, 3, 20, 30)).astype(np.float32)
"""time, z, y, x"""
PLANE = FILM[0, 0]
SIZE = {"t": (0.5, "s"), "z": (0.4, "mm"), "y": (0.1, "mm"), "x": (110.0, "um")}


def kinds(taken):
    return [question.kind for question in taken.questions if question.kind != "values"]


def labelled(order: str, image: np.ndarray = FILM, names=lambda axis: axis) -> Image:
    """A layer whose axes have this order, each with its own scale and unit."""
    all_axes = "".join(axis for axis in "tzyx" if axis in order)
    scale, units = zip(*(SIZE[axis] for axis in order), strict=True)
    return Image(
        image.transpose([all_axes.index(axis) for axis in order]),
        rgb=False,
        name="rat pwd",
        scale=scale,
        units=units,
        axis_labels=[names(axis) for axis in order],
    )


@pytest.mark.parametrize("order", ["tzyx", "ztyx", "yxtz", "xyzt", "tyxz"])
@pytest.mark.parametrize(
    "words", [{}, {"t": "Time", "z": "elevation", "y": "depth", "x": "lateral"}]
)
def test_labels_in_any_order(order: str, words: dict[str, str]):
    taken = layer_to_scan(labelled(order, names=lambda axis: words.get(axis, axis)))
    assert taken.scan.dims == ("time", "k", "j", "i")
    np.testing.assert_array_equal(taken.scan.values, FILM)
    assert spacing_of(taken.scan) == pytest.approx((0.1, 0.11))
    assert step_of(taken.scan, "k") == pytest.approx(0.4)
    assert taken.scan["time"].values.tolist() == pytest.approx([0, 0.5, 1, 1.5])
    assert kinds(taken) == []


def test_a_plane_called_z_and_x_has_z_for_depth():
    layer = Image(PLANE, scale=(0.1, 0.11), units=("mm", "mm"), axis_labels=("z", "x"))
    assert layer_to_scan(layer).scan.dims == ("j", "i")
    with pytest.raises(ScanError, match="axes of the layer “M-mode” are time, x"):
        layer_to_scan(Image(PLANE, name="M-mode", axis_labels=("t", "x")))


def test_time_by_its_unit_on_any_axis():
    layer = labelled("yxt", FILM[:, 0], names=lambda axis: "")
    taken = layer_to_scan(layer)
    np.testing.assert_array_equal(taken.scan.values, FILM[:, 0])
    assert kinds(taken) == []


def test_channels_must_be_split_and_a_single_one_is_dropped():
    layer = Image(FILM[:, 0], name="rat pwd", axis_labels=("c", "y", "x"))
    with pytest.raises(ScanError, match="“rat pwd” has 4 channels"):
        layer_to_scan(layer)
    assert layer_to_scan(Image(PLANE[None], axis_labels=("c", "y", "x"))).scan.dims == ("j", "i")


def test_more_axes_than_there_are_meanings():
    taken = layer_to_scan(Image(PLANE[(None,) * 4], scale=(1, 1, 1, 1, 0.1, 0.1)))
    np.testing.assert_array_equal(taken.scan.values.squeeze(), PLANE)


def test_complex_values_are_named():
    with pytest.raises(ScanError, match="“IQ” holds complex values"):
        scan_of_parts(replace(parts_of(Image(PLANE, name="IQ")), data=PLANE.astype(complex)))


TURNS = {
    "scale": np.diag([0.5, 0.5, 1.0]),
    "mirrored": np.array([[-1.0, 0, 2], [0, 1, 0], [0, 0, 1]]),
    "left to right": np.array([[1.0, 0, 0], [0, -1, 5], [0, 0, 1]]),
    "90°": np.array([[0.0, -1, 3], [1, 0, -2], [0, 0, 1]]),
    "270°": np.array([[0.0, 1, 3], [-1, 0, -2], [0, 0, 1]]),
    "transposed": np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]]),
}


def as_shown(layer: Image) -> np.ndarray:
    """The layer's pixels as the canvas shows them: rows down, columns to the right."""
    matrix = world_matrix(layer)[:2, :2]
    image = layer.data if abs(matrix[0, 0]) > 0 else layer.data.T
    down, across = (row[np.abs(row).argmax()] for row in matrix)
    return image[:: 1 if down > 0 else -1, :: 1 if across > 0 else -1]


def corners(layer: Image) -> np.ndarray:
    """World positions of the outer corners, the smallest and the largest of each axis."""
    rows, columns = layer.data.shape[-2:]
    ends = [(y, x) for y in (-0.5, rows - 0.5) for x in (-0.5, columns - 0.5)]
    world = np.array([layer.data_to_world(end) for end in ends])
    return np.stack([world.min(0), world.max(0)])


@pytest.mark.parametrize("turn", TURNS)
def test_a_transform_is_followed_as_it_is_shown(turn: str, tmp_path):
    layer = Image(PLANE, scale=(0.1, 0.2), translate=(1, 2), units=("mm", "mm"), affine=TURNS[turn])
    taken = layer_to_scan(layer, values="linear")
    assert taken.questions == ()
    np.testing.assert_array_equal(taken.scan.values, as_shown(layer))
    low, high = corners(layer)
    for axis, start, end in zip("yx", low, high, strict=True):
        centres, half = taken.scan[axis].values, step_of(taken.scan, {"y": "j", "x": "i"}[axis]) / 2
        assert centres[0] - half == pytest.approx(start)
        assert centres[-1] + half == pytest.approx(end)
    shape = (taken.scan.shape[0] * 2, taken.scan.shape[1] * 3)
    placement = placement_of(layer, taken.axes, Selection())
    result = Image(np.zeros(placement.shape(shape)), **placement.layer_kwargs(shape))
    np.testing.assert_allclose(corners(result), corners(layer))
    assert (np.asarray(result.scale) > 0).all()
    (path,) = write_image(str(tmp_path / "a.npy"), *layer.as_layer_data_tuple()[:2])
    np.testing.assert_array_equal(read_one(path).values, as_shown(layer))


@pytest.mark.parametrize("transform", [{"rotate": 20}, {"shear": [0.3]}])
def test_what_lies_obliquely_is_said_and_the_result_lies_on_it(transform):
    layer = Image(PLANE, name="rat", scale=(0.1, 0.1), units=("mm", "mm"), **transform)
    taken = layer_to_scan(layer)
    assert kinds(taken) == ["transform"]
    placement = placement_of(layer, taken.axes, Selection())
    result = Image(np.zeros((40, 60)), **placement.layer_kwargs((40, 60)))
    for at, twice in (((-0.5, -0.5), (-0.5, -0.5)), ((19.5, 29.5), (39.5, 59.5))):
        assert result.data_to_world(twice) == pytest.approx(layer.data_to_world(at))


def test_a_rotation_keeps_the_pixel_size():
    layer = Image(PLANE, scale=(0.1, 0.2), units=("mm", "mm"), rotate=20)
    assert spacing_of(layer_to_scan(layer).scan) == pytest.approx((0.1, 0.2))


@pytest.mark.parametrize("order", ["ztyx", "yxtz", "xyzt"])
def test_planes_are_laid_on_the_axes_that_they_came_from(order: str):
    layer = labelled(order)
    taken = layer_to_scan(layer)
    placement = placement_of(layer, taken.axes, Selection(times="mean"))
    result = make_scan(FILM.mean(0), spacing=(0.4, 0.1, 0.11))
    volume = placement.volume(result)
    assert volume.shape == tuple({"t": 1, "z": 3, "y": 20, "x": 30}[axis] for axis in order)
    filled = np.zeros_like(volume)
    for number in range(3):
        placement.put(filled, number, result.values[number])
    np.testing.assert_array_equal(filled, volume)
    shown = Image(volume, **placement.layer_kwargs((20, 30)))
    again = layer_to_scan(shown)
    np.testing.assert_array_equal(again.scan.values.squeeze(), result.values)


def test_the_users_word_on_depth_and_flips():
    layer = Image(PLANE.T[:, ::-1], scale=(0.2, 0.1), units=("mm", "mm"))
    taken = layer_to_scan(layer, depth="x", flip="y")
    np.testing.assert_array_equal(taken.scan.values, PLANE)
    assert spacing_of(taken.scan) == pytest.approx((0.1, 0.2))
    placement = placement_of(layer, taken.axes, Selection())
    result = Image(placement.volume(taken.scan), **placement.layer_kwargs(PLANE.shape))
    np.testing.assert_allclose(corners(result), corners(layer))
    np.testing.assert_array_equal(as_shown(result), as_shown(layer))


@pytest.mark.parametrize(("scale", "mm"), [(100, 0.1), (50, 0.05), (0.05, 0.05), (1e-4, 0.1)])
def test_a_scale_without_a_unit_is_read_in_the_likely_one(scale: float, mm: float):
    taken = layer_to_scan(Image(np.tile(PLANE, (3, 2)), name="rat pwd", scale=(scale, scale)))
    assert spacing_of(taken.scan) == pytest.approx((mm, mm))
    (question,) = (one for one in taken.questions if one.kind == "spacing")
    assert "has no unit" in question.text
    assert question.offers[0].changes["spacing"] == pytest.approx((mm, mm))


@pytest.mark.parametrize(
    ("scale", "unit", "offers"),
    [(1.0, "um", []), (100.0, "mm", ["100 µm pixels"]), (0.1, "um", ["100 µm pixels"])],
)
def test_a_size_that_cannot_be_blocks_until_it_is_answered(scale, unit, offers):
    image = np.random.default_rng(0).random((60, 60))
    layer = Image(image, name="rat pwd", scale=(scale, scale), units=(unit, unit))
    (question,) = (one for one in layer_to_scan(layer).questions if one.kind == "size")
    assert question.blocks
    assert [offer.label for offer in question.offers] == offers
    answered = layer_to_scan(layer, spacing=(0.1, 0.1))
    assert kinds(answered) == []


def test_pixels_without_a_value_are_asked_about_and_scrubbed_frames_are_named():
    film = FILM[:, 0].copy()
    film[2] = np.nan
    layer = Image(film, scale=(1, 0.1, 0.1), units=("s", "mm", "mm"), axis_labels=("t", "y", "x"))
    taken = layer_to_scan(layer)
    assert kinds(taken) == ["scrubbed"]
    assert "3." in taken.questions[-1].text
    film[0, :2] = np.nan
    (gaps,) = (one for one in layer_to_scan(layer).questions if one.kind == "gaps")
    assert gaps.blocks
    assert gaps.offers[0].changes == {"gaps": True}
    assert "gaps" not in kinds(layer_to_scan(layer, gaps=True))
