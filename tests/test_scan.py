"""Scans: made, checked, measured, taken from ConfUSIus."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from napari_fus_ulm.scan import (
    ScanError,
    check_image,
    check_scan,
    extent_of,
    from_confusius,
    guess_values,
    make_scan,
    planes,
    spacing_of,
    step_of,
)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape)


def test_make_scan_places_pixel_centres_in_mm():
    scan = make_scan(noise(20, 30), spacing=(0.1, 0.11), origin=(2.0, -3.0), modality="fus")
    assert scan.dims == ("j", "i")
    assert scan.dtype == np.float32
    assert float(scan["y"][-1]) == pytest.approx(2.0 + 19 * 0.1)
    assert float(scan["x"][-1]) == pytest.approx(-3.0 + 29 * 0.11)
    assert spacing_of(scan) == pytest.approx((0.1, 0.11))
    assert extent_of(scan) == pytest.approx((2.0, 3.3))
    assert scan.attrs["spacing_known"] is True
    assert scan.attrs["values"] == "unknown"


@given(
    dy=st.floats(1e-3, 1.0),
    dx=st.floats(1e-3, 1.0),
    start=st.floats(-50, 50),
    n=st.integers(2, 700),
)
def test_spacing_is_read_back_whatever_the_size(dy: float, dx: float, start: float, n: int):
    scan = make_scan(np.zeros((n, 9)), spacing=(dy, dx), origin=(start, start))
    assert spacing_of(scan) == pytest.approx((dy, dx), rel=1e-6)


def test_axes_are_named_by_their_number():
    assert make_scan(noise(3, 8, 9), spacing=0.1).dims == ("k", "j", "i")
    assert make_scan(noise(3, 8, 9), spacing=0.1, time=[0, 1, 2]).dims == ("time", "j", "i")
    assert make_scan(noise(2, 3, 8, 9), spacing=0.1).dims == ("time", "k", "j", "i")


def test_an_assumed_slice_distance_is_marked():
    scan = make_scan(noise(3, 8, 9), spacing=(0.1, 0.1))
    assert scan.attrs["slice_spacing_known"] is False
    assert step_of(scan, "k") == 0.5
    assert "slice_spacing_known" not in make_scan(noise(3, 8, 9), spacing=(0.4, 0.1, 0.1)).attrs


def test_one_slice_remembers_its_thickness():
    scan = make_scan(noise(1, 8, 9), spacing=(0.4, 0.1, 0.1))
    assert step_of(scan, "k") == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"values": noise(9), "spacing": 0.1}, "1 axes"),
        ({"values": noise(9, 9) * 1j, "spacing": 0.1}, "magnitude"),
        ({"values": noise(9, 9), "spacing": 0.0}, "not a positive number"),
        ({"values": noise(9, 9), "spacing": float("nan")}, "not a positive number"),
        ({"values": noise(9, 9), "spacing": (0.1,)}, "1 numbers"),
        ({"values": noise(9, 9), "spacing": 0.1, "dims": ("i", "j")}, "ordered subset"),
        ({"values": noise(9, 9), "spacing": 0.1, "modality": "mri"}, "mri"),
        ({"values": noise(9, 9), "spacing": 0.1, "values_kind": "log10"}, "log10"),
        ({"values": noise(2, 9, 9), "spacing": 0.1, "time": [0.0]}, "2 frames need 2 times"),
        ({"values": np.empty((0, 9)), "spacing": 0.1}, "empty"),
    ],
)
def test_what_makes_no_scan_is_said(arguments: dict, words: str):
    with pytest.raises(ScanError, match=words):
        make_scan(**arguments)


def test_check_scan_fills_attributes_and_names_what_is_missing():
    bare = xr.DataArray(noise(9, 9), dims=("j", "i"))
    with pytest.raises(ScanError, match="lacks the coordinate 'y'"):
        check_scan(bare)
    full = bare.assign_coords(y=("j", np.arange(9) * 0.1), x=("i", np.arange(9) * 0.1))
    scan = check_scan(full)
    assert scan.dtype == np.float32
    assert scan.attrs["modality"] == "unknown"
    with pytest.raises(ScanError, match="not evenly spaced"):
        check_scan(full.assign_coords(x=("i", np.arange(9) ** 2 * 0.1)))
    with pytest.raises(ScanError, match="does not increase"):
        check_scan(full.assign_coords(x=("i", -np.arange(9) * 0.1)))
    with pytest.raises(ScanError, match="make_scan"):
        check_scan(noise(9, 9))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.full((9, 9), 3.0), "3 everywhere"),
        (np.where(np.eye(9) > 0, np.nan, 1.0), "9 of 81 pixels that are NaN"),
        (np.where(np.eye(9) > 0, np.inf, 1.0), "infinite"),
        (noise(7, 30), "7 × 30"),
    ],
)
def test_check_image_says_why(image: np.ndarray, words: str):
    with pytest.raises(ScanError, match=words):
        check_image(make_scan(image, spacing=0.1, name="rat01"))


def test_check_image_accepts_an_image_and_refuses_a_stack():
    check_image(make_scan(noise(8, 8), spacing=0.1))
    with pytest.raises(ScanError, match="choose a slice"):
        check_image(make_scan(noise(2, 8, 8), spacing=0.1))


def test_planes_yield_every_plane_with_its_place():
    scan = make_scan(noise(2, 3, 8, 9), spacing=(0.4, 0.1, 0.1), origin=(1.0, 0.0, 0.0))
    found = list(planes(scan))
    assert len(found) == 6
    index, plane = found[4]
    assert index == {"time": 1, "k": 1}
    np.testing.assert_array_equal(plane.values, scan.values[1, 1])
    assert float(plane["z"]) == pytest.approx(1.4)
    assert [i for i, _ in planes(scan[0, 0])] == [{}]


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (np.arange(256, dtype=np.uint8).reshape(16, 16), "display"),
        (np.arange(256, dtype=float).reshape(16, 16), "display"),
        (np.arange(256).reshape(16, 16) / 255, "display"),
        (-np.arange(64.0).reshape(8, 8), "db"),
        (noise(8, 8) * 1e6, "linear"),
        (noise(8, 8), "linear"),
        (np.arange(64).reshape(8, 8), "linear"),
        (np.eye(8), "linear"),
    ],
)
def test_guess_values(image: np.ndarray, kind: str):
    assert guess_values(image) == kind


def confusius_like(affine: np.ndarray, shape: tuple[int, ...]) -> xr.DataArray:
    """What ConfUSIus 0.8 makes: integer voxel coordinates, world coordinates through an affine."""
    dims = ("time", "k", "j", "i")[-len(shape) :]
    data = np.random.default_rng(1).random(shape)
    grid = np.meshgrid(*(np.arange(n) for n in shape[-3:]), indexing="ij")
    world = np.einsum("ab,b...->a...", affine, np.stack([*grid, np.ones_like(grid[0])]))
    coords = {d: np.arange(n) for d, n in zip(dims, shape, strict=True) if d != "time"}
    coords |= {
        w: (("k", "j", "i"), world[n], {"units": "mm"}) for n, w in enumerate(("z", "y", "x"))
    }
    if "time" in dims:
        coords["time"] = ("time", 0.4 * np.arange(shape[0]), {"units": "s"})
    return xr.DataArray(data, dims=dims, coords=coords, attrs={"voxel_to_world": affine.tolist()})


def matrix(dz: float, dy: float, dx: float, *origin: float) -> np.ndarray:
    made = np.diag([dz, dy, dx, 1.0])
    made[:3, 3] = origin
    return made


def test_from_confusius_keeps_positions():
    scan = from_confusius(confusius_like(matrix(0.4, 0.1, 0.11, 1, 2, -3), (3, 1, 8, 9)))
    assert scan.dims == ("time", "k", "j", "i")
    assert spacing_of(scan) == pytest.approx((0.1, 0.11))
    assert step_of(scan, "k") == pytest.approx(0.4)  # from the affine: one slice cannot tell
    assert [float(scan[a][0]) for a in "zyx"] == pytest.approx([1, 2, -3])
    assert scan["time"].values.tolist() == pytest.approx([0, 0.4, 0.8])


def test_from_confusius_turns_backward_axes_round():
    da = confusius_like(matrix(0.4, -0.1, 0.11, 1, 2, -3), (2, 8, 9))
    scan = from_confusius(da)
    assert float(scan["y"][0]) == pytest.approx(2 - 0.7)
    np.testing.assert_array_equal(scan.values, da.values[:, ::-1].astype(np.float32))


def test_from_confusius_keeps_an_oblique_affine():
    turn = np.eye(4)
    turn[1:3, 1:3] = [[0.8, -0.6], [0.6, 0.8]]
    affine = turn @ matrix(0.4, 0.1, 0.2, 1, 2, 3)
    scan = from_confusius(confusius_like(affine, (2, 8, 9)))
    assert spacing_of(scan) == pytest.approx((0.1, 0.2))
    assert float(scan["y"][0]) == 0.0
    np.testing.assert_allclose(scan.attrs["voxel_to_world"], affine)


def test_from_confusius_reads_the_older_layout_and_other_units():
    da = xr.DataArray(
        noise(2, 8, 9),
        dims=("z", "y", "x"),
        coords={"z": [0.0, 400.0], "y": np.arange(8) * 100.0, "x": np.arange(9) * 110.0},
    )
    for axis in "zyx":
        da[axis].attrs["units"] = "um"
    scan = from_confusius(da)
    assert scan.dims == ("k", "j", "i")
    assert spacing_of(scan) == pytest.approx((0.1, 0.11))
    with pytest.raises(ScanError, match="region"):
        from_confusius(xr.DataArray(noise(8, 9), dims=("region", "i")))


def test_from_confusius_takes_what_confusius_makes():
    create = pytest.importorskip("confusius.xarray").create_voxeldata
    da = create(
        noise(3, 1, 8, 9),
        dims=("time", "k", "j", "i"),
        dt=0.4,
        spacing=(0.4, 0.1, 0.11),
        origin=(1, 2, -3),
    )
    scan = from_confusius(da)
    assert spacing_of(scan) == pytest.approx((0.1, 0.11))
    assert float(scan["x"][0]) == pytest.approx(-3)


def test_from_confusius_takes_attributes_of_any_name():
    awkward = {"name": "n", "spacing": 3, "origin": "o", "affine": [1], "dims": 2, "time": "noon"}
    da = make_scan(noise(20, 30), spacing=0.1).assign_attrs(awkward)
    assert awkward.items() <= from_confusius(da).attrs.items()


@pytest.mark.parametrize("times", [[0, 2, 1], [0, 1, 1], [0, np.nan, 1]])
def test_times_must_increase(times: list[float]):
    with pytest.raises(ScanError, match="do not increase"):
        make_scan(noise(3, 9, 9), spacing=0.1, time=times)
