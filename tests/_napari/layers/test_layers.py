"""Scans to layers and back, with napari's layers but no Qt."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image, Points

from napari_fus_ulm._napari.layers.from_scan import scan_to_layer
from napari_fus_ulm._napari.layers.parts import LayerParts, LayerScan
from napari_fus_ulm._napari.layers.placing import placement_of
from napari_fus_ulm._napari.layers.to_scan import layer_to_scan, scan_of_parts
from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.scan import extent_of, make_scan, spacing_of, step_of
from napari_fus_ulm.selection import Selection


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape)


def layer_of(scan: xr.DataArray) -> Image:
    data, kwargs, kind = scan_to_layer(scan)
    assert kind == "image"
    return Image(data, **kwargs)


def world_box(layer: Image) -> np.ndarray:
    """Outer pixel edges of the last two axes, in the layer's world unit."""
    pixel = np.asarray(layer.scale)[-2:]
    return np.asarray(layer.extent.world[:, -2:]) + np.array([[-0.5], [0.5]]) * pixel


def kinds(taken: LayerScan) -> list[str]:
    return [question.kind for question in taken.questions]


# ---------------------------------------------------------------- scan → layer


def test_a_scan_lies_where_its_coordinates_say():
    scan = make_scan(noise(20, 30), spacing=(0.1, 0.11), origin=(2.0, -3.0), name="rat01")
    layer = layer_of(scan)
    assert layer.scale.tolist() == pytest.approx([0.1, 0.11])
    assert layer.translate.tolist() == pytest.approx([2.0, -3.0])
    assert [str(u) for u in layer.units] == ["millimeter", "millimeter"]
    assert layer.axis_labels == ("y", "x")
    assert layer.name == "rat01"
    assert layer.metadata["xarray"] is not None
    np.testing.assert_allclose(np.ptp(world_box(layer), axis=0), extent_of(scan))


def test_time_and_slices_never_share_a_slider():
    film = make_scan(noise(4, 20, 30), dims=("time", "j", "i"), spacing=0.1, time=[0, 0.4, 0.8, 1])
    layer = layer_of(film)
    assert layer.data.shape == (4, 1, 20, 30)
    assert layer.axis_labels == ("time", "z", "y", "x")
    assert [str(u) for u in layer.units] == ["second", *["millimeter"] * 3]
    volume = layer_of(make_scan(noise(3, 20, 30), spacing=(0.4, 0.1, 0.1)))
    viewer = ViewerModel()
    viewer.add_layer(layer)
    viewer.add_layer(volume)
    assert viewer.layers.extent.units is not None  # napari gives None when units clash


def test_a_slice_is_shown_at_its_place():
    volume = make_scan(noise(3, 20, 30), spacing=(0.4, 0.1, 0.1), origin=(1.0, 0, 0))
    layer = layer_of(volume.isel(k=2))
    assert layer.data.shape == (1, 20, 30)
    assert layer.translate[0] == pytest.approx(1.8)
    assert layer.scale[0] == pytest.approx(0.4)


def test_contrast_shows_vessels_and_leaves_the_numbers_alone():
    counts = np.zeros((100, 100))
    counts[::4] = np.random.default_rng(0).geometric(0.05, (25, 100))
    counts[0, 0] = 1e6
    layer = layer_of(make_scan(counts, spacing=0.01, modality="ulm", values_kind="linear"))
    assert layer.contrast_limits[0] == 0
    assert 50 < layer.contrast_limits[1] < 1000  # the one bright pixel does not blacken the rest
    assert layer.colormap.name == "hot"
    assert layer.gamma < 1
    np.testing.assert_array_equal(layer.data, counts.astype(np.float32))
    power = np.random.default_rng(0).gamma(2, 1e9, (100, 100))
    fus = layer_of(make_scan(power, spacing=0.1, modality="fus", values_kind="linear"))
    assert fus.colormap.name == "gray"
    assert fus.contrast_limits[1] < power.max()


@pytest.mark.parametrize("values", [np.zeros((9, 9)), np.full((9, 9), np.nan), np.ones((9, 9))])
def test_contrast_of_an_empty_image_is_still_valid(values: np.ndarray):
    low, high = layer_of(make_scan(values, spacing=0.1, modality="ulm")).contrast_limits
    assert high > low


# ---------------------------------------------------------------- there and back


@pytest.mark.parametrize(
    ("dims", "shape"),
    [
        (("j", "i"), (20, 30)),
        (("k", "j", "i"), (3, 20, 30)),
        (("time", "j", "i"), (4, 20, 30)),
        (("time", "k", "j", "i"), (4, 3, 20, 30)),
        (("pose", "j", "i"), (2, 20, 30)),
    ],
)
def test_there_and_back(dims: tuple[str, ...], shape: tuple[int, ...]):
    scan = make_scan(
        noise(*shape),
        dims=dims,
        spacing=(0.4, 0.1, 0.11),
        origin=(1.0, 2.0, -3.0),
        time=[0.0, 0.4, 0.9, 1.1] if "time" in dims else None,
        modality="fus",
        values_kind="linear",
        name="rat01",
        source="rat01.scan",
        provenance={"seed": 1},
    )
    taken = layer_to_scan(layer_of(scan))
    xr.testing.assert_allclose(taken.scan, scan)
    assert taken.scan.attrs == scan.attrs
    assert taken.questions == ()


def test_a_slice_of_a_volume_there_and_back():
    plane = make_scan(noise(3, 20, 30), spacing=(0.4, 0.1, 0.1)).isel(k=2)
    taken = layer_to_scan(layer_of(plane))
    assert taken.scan.dims == ("j", "i")
    assert float(taken.scan["z"]) == pytest.approx(0.8)


def test_what_the_user_changed_on_the_layer_holds():
    layer = layer_of(make_scan(noise(20, 30), spacing=0.1, spacing_known=False))
    assert kinds(layer_to_scan(layer)) == ["spacing", "values"]
    layer.scale = (0.046, 0.046)
    layer.translate = (1.0, 2.0)
    taken = layer_to_scan(layer)
    assert spacing_of(taken.scan) == pytest.approx((0.046, 0.046))
    assert [float(taken.scan[a][0]) for a in "yx"] == pytest.approx([1.0, 2.0])
    assert taken.scan.attrs["spacing_known"] is True
    assert kinds(taken) == ["values"]


# ---------------------------------------------------------------- layers from elsewhere


def test_a_plain_layer_leaves_pixel_size_and_values_open():
    taken = layer_to_scan(Image(noise(20, 30), name="rat_power_doppler"))
    assert kinds(taken) == ["spacing", "values"]
    assert spacing_of(taken.scan) == (0.1, 0.1)
    assert taken.scan.attrs["modality"] == "fus"
    assert taken.scan.attrs["spacing_known"] is False
    assert "0.1 × 0.1 mm assumed" in taken.questions[0].text
    answered = layer_to_scan(Image(noise(20, 30)), spacing=(0.05, 0.06), values="sqrt")
    assert answered.questions == ()
    assert spacing_of(answered.scan) == pytest.approx((0.05, 0.06))
    assert answered.scan.attrs["values"] == "sqrt"


@pytest.mark.parametrize(
    ("unit", "factor"), [("um", 1e-3), ("mm", 1.0), ("cm", 10.0), ("m", 1e3), ("micrometer", 1e-3)]
)
def test_any_unit_of_length(unit: str, factor: float):
    layer = Image(
        noise(20, 30),
        scale=(0.1 / factor, 0.11 / factor),
        translate=(2 / factor, -3 / factor),
        units=(unit, unit),
    )
    taken = layer_to_scan(layer, values="linear")
    assert taken.questions == ()
    assert spacing_of(taken.scan) == pytest.approx((0.1, 0.11))
    assert [float(taken.scan[a][0]) for a in "yx"] == pytest.approx([2, -3])


def test_a_scale_without_a_unit_is_most_likely_mm():
    taken = layer_to_scan(Image(noise(20, 30), scale=(0.05, 0.06)))
    assert spacing_of(taken.scan) == pytest.approx((0.05, 0.06))
    assert "spacing" in kinds(taken)


def test_the_first_of_three_axes_is_a_question_unless_the_layer_says():
    stack = noise(5, 20, 30)
    taken = layer_to_scan(Image(stack), spacing=0.1, values="linear")
    assert kinds(taken) == ["leading", "slices"]
    assert taken.scan.dims == ("k", "j", "i")
    assert step_of(taken.scan, "k") == 0.5
    as_time = layer_to_scan(Image(stack), spacing=0.1, values="linear", leading="time")
    assert as_time.scan.dims == ("time", "j", "i")
    assert as_time.questions == ()
    by_label = Image(stack, axis_labels=("t", "y", "x"))
    assert layer_to_scan(by_label).scan.dims == ("time", "j", "i")
    by_unit = Image(stack, units=("ms", "mm", "mm"), scale=(400, 0.1, 0.1))
    assert layer_to_scan(by_unit).scan["time"].values.tolist() == pytest.approx(
        [0, 0.4, 0.8, 1.2, 1.6]
    )
    volume = Image(stack, units=("mm",) * 3, scale=(0.4, 0.1, 0.1), axis_labels=("z", "y", "x"))
    assert kinds(layer_to_scan(volume)) == ["values"]


def test_our_own_stack_of_unknown_axis_can_be_told_to_be_a_film():
    scan = make_scan(noise(5, 20, 30), spacing=(0.1, 0.1), leading_axis_known=False)
    layer = layer_of(scan)
    assert kinds(layer_to_scan(layer, values="linear")) == ["leading", "slices"]
    film = layer_to_scan(layer, values="linear", leading="time")
    assert film.scan.dims == ("time", "j", "i")
    assert film.questions == ()


@pytest.mark.parametrize("channels", [3, 4])
def test_a_colour_screenshot_is_taken_by_its_luminance(channels: int):
    grey = np.arange(20 * 12, dtype=np.uint8).reshape(20, 12)
    picture = np.stack([grey] * 3 + [np.full_like(grey, 255)], axis=-1)[..., :channels]
    taken = layer_to_scan(Image(picture, rgb=True), spacing=0.1)
    np.testing.assert_array_equal(taken.scan.values, grey)
    assert taken.scan.attrs["values"] == "display"
    assert kinds(taken) == ["values"]


def test_backward_axes_are_turned_round():
    image = noise(20, 30)
    layer = Image(image, scale=(-0.1, 0.1), units=("mm", "mm"))
    taken = layer_to_scan(layer)
    np.testing.assert_array_equal(taken.scan.values, image[::-1].astype(np.float32))
    assert float(taken.scan["y"][0]) == pytest.approx(-1.9)


def test_attributes_may_have_any_name():
    scan = make_scan(noise(20, 30), spacing=0.1).assign_attrs(name="n", origin="o", dims=2)
    taken = layer_to_scan(layer_of(scan)).scan
    assert {"name": "n", "origin": "o", "dims": 2}.items() <= taken.attrs.items()


def test_a_rotated_layer_is_mentioned():
    assert "transform" in kinds(layer_to_scan(Image(noise(20, 30), rotate=20)))


def test_what_is_no_image_is_refused():
    with pytest.raises(ScanError, match="is a points layer"):
        layer_to_scan(Points(np.zeros((3, 2)), name="dots"))
    line = LayerParts(data=noise(9), scale=[1], translate=[0], units=["mm"], axis_labels=["x"])
    with pytest.raises(ScanError, match="has 1 axes"):
        scan_of_parts(line)
    with pytest.raises(ScanError, match="6 axes"):
        layer_to_scan(Image(np.zeros((2, 2, 2, 2, 9, 9))))


def confusius_layer(affine: np.ndarray) -> tuple[Image, np.ndarray]:
    """A layer as ConfUSIus 0.8 makes it: 4-D, world coordinates through an affine."""
    data = noise(5, 1, 20, 30)
    grid = np.meshgrid(np.arange(1), np.arange(20), np.arange(30), indexing="ij")
    world = np.einsum("ab,b...->a...", affine, np.stack([*grid, np.ones_like(grid[0])]))
    dims = ("k", "j", "i")
    da = xr.DataArray(
        data,
        dims=("time", *dims),
        coords={
            "time": ("time", np.arange(5) * 0.4, {"units": "s"}),
            **{d: np.arange(n) for d, n in zip(dims, (1, 20, 30), strict=True)},
            **{w: (dims, world[n], {"units": "mm"}) for n, w in enumerate("zyx")},
        },
        attrs={"voxel_to_world": affine, "description": "pwd"},
    )
    layer = Image(
        data,
        scale=(0.4, *np.diag(affine)[:3]),
        translate=(0.0, *affine[:3, 3]),
        units=("s", "mm", "mm", "mm"),
        axis_labels=("time", "z", "y", "x"),
        metadata={"xarray": da, "source_xarray": da},
    )
    return layer, data


def test_a_layer_of_confusius():
    affine = np.diag([0.4, 0.1, 0.11, 1.0])
    affine[:3, 3] = [1.0, 2.0, -3.0]
    layer, data = confusius_layer(affine)
    taken = layer_to_scan(layer)
    assert taken.scan.dims == ("time", "k", "j", "i")
    np.testing.assert_array_equal(taken.scan.values, data.astype(np.float32))
    assert spacing_of(taken.scan) == pytest.approx((0.1, 0.11))
    assert step_of(taken.scan, "k") == pytest.approx(0.4)
    assert [float(taken.scan[a][0]) for a in "zyx"] == pytest.approx([1, 2, -3])
    assert taken.scan["time"].values.tolist() == pytest.approx([0, 0.4, 0.8, 1.2, 1.6])
    assert kinds(taken) == ["values"]


def test_a_layer_that_confusius_made():
    create = pytest.importorskip("confusius.xarray").create_voxeldata
    convert = pytest.importorskip("confusius._utils.napari").convert_dataarray_to_layer_data
    da = create(
        noise(5, 1, 20, 30),
        dims=("time", "k", "j", "i"),
        dt=0.4,
        spacing=(0.4, 0.1, 0.11),
        origin=(1, 2, -3),
    )
    data, kwargs, _ = convert(da, "rat01")
    taken = layer_to_scan(Image(np.asarray(data), **kwargs))
    assert spacing_of(taken.scan) == pytest.approx((0.1, 0.11))
    assert [float(taken.scan[a][0]) for a in "zyx"] == pytest.approx([1, 2, -3])
    assert kinds(taken) == ["values"]


# ---------------------------------------------------------------- laying a result on its input


@settings(max_examples=30, deadline=None)
@given(
    unit=st.sampled_from(["mm", "um", "m", "pixel"]),
    sy=st.floats(0.02, 0.5),
    sx=st.floats(0.02, 0.5),
    ty=st.floats(-20, 20),
    tx=st.floats(-20, 20),
)
def test_a_result_lies_exactly_on_its_input(unit, sy, sx, ty, tx):
    per = {"mm": 1.0, "um": 1e3, "m": 1e-3, "pixel": 1.0}[unit]
    layer = Image(
        noise(20, 30),
        scale=(sy * per, sx * per),
        translate=(ty * per, tx * per),
        units=(unit, unit),
    )
    placement = placement_of(layer, layer_to_scan(layer).axes, Selection())
    result = Image(noise(100, 150), **placement.layer_kwargs((100, 150)))
    assert result.units == layer.units
    box, expected = world_box(result), world_box(layer)
    np.testing.assert_allclose(box, expected, atol=1e-6 * float(np.abs(expected).max()))


def test_a_result_lies_on_an_input_without_scale_and_units():
    layer = Image(noise(20, 30), translate=(3, 4))
    for spacing in (None, 0.05, (0.05, 0.05)):
        axes = layer_to_scan(layer, spacing=spacing).axes
        kwargs = placement_of(layer, axes, Selection()).layer_kwargs((100, 150))
        result = Image(noise(100, 150), **kwargs)
        np.testing.assert_allclose(world_box(result), world_box(layer), atol=1e-4)
        assert result.units == layer.units
