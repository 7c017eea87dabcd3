"""Scans: made, checked, measured."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.scan import (
    check_image,
    check_scan,
    doubts_of,
    extent_of,
    gaps_in,
    make_scan,
    mean_over_time,
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
    with pytest.raises(ScanError, match="lacks the coordinate “y”"):
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
    listed = list(planes(scan))
    assert len(listed) == 6
    index, plane = listed[4]
    assert index == {"time": 1, "k": 1}
    np.testing.assert_array_equal(plane.values, scan.values[1, 1])
    assert float(plane["z"]) == pytest.approx(1.4)
    assert [i for i, _ in planes(scan[0, 0])] == [{}]


@pytest.mark.parametrize("times", [[0, 2, 1], [0, 1, 1], [0, np.nan, 1]])
def test_times_must_increase(times: list[float]):
    with pytest.raises(ScanError, match="do not increase"):
        make_scan(noise(3, 9, 9), spacing=0.1, time=times)


def test_a_doubt_lasts_until_it_is_settled():
    doubts = {"spacing": "Is it mm?", "time": "Three times for six frames."}
    scan = make_scan(np.eye(9), spacing=0.1, spacing_known=False, doubts=doubts)
    assert doubts_of(scan) == doubts
    answered = scan.assign_attrs(spacing_known=True)
    assert list(doubts_of(answered)) == ["time"]
    assert doubts_of(make_scan(np.eye(9), spacing=0.1, doubts="a word")) == {}


def test_scrubbed_frames_are_left_out_of_a_mean_and_named():
    film = make_scan(np.ones((4, 10, 12)), dims=("time", "j", "i"), spacing=0.1, name="rat")
    film[0] *= 3
    film[1], film[3] = np.nan, np.inf
    mean = mean_over_time(film)
    np.testing.assert_array_equal(mean, 2.0)
    assert mean.attrs["scrubbed"] == [1, 3]
    with pytest.raises(ScanError, match="No frame of the image “rat”"):
        mean_over_time(film * np.nan)


def test_no_power_at_all_has_no_decibels():
    film = make_scan(np.zeros((2, 10, 12)), dims=("time", "j", "i"), spacing=0.1, values_kind="db")
    film[:, :5] = -np.inf
    mean = mean_over_time(film)
    assert np.isneginf(mean[:5]).all()
    np.testing.assert_allclose(mean[5:], 0.0, atol=1e-6)
    assert gaps_in(mean.values) == 5 * 12
