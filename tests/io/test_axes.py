"""Which axis is which: by letters where a file gives them, else by the array's shape."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io import read, read_one
from napari_fus_ulm.io.axes import arranged, letters_for

STACK = np.random.default_rng(0).random((4, 12, 15)).astype(np.float32)


def vessels(shape: tuple[int, int], seed: int) -> np.ndarray:
    """A fixed vessel under speckle of a seed."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    vessel = 20 * np.exp(-((y - 0.3 * shape[0] - 0.2 * x) ** 2) / 4)
    return vessel + np.random.default_rng(seed).gamma(4.0, 0.25, shape)


@pytest.mark.parametrize("letters", ["TYX", "YXT", "YTX", "XTY", "ZYX", "XYZ", "ZXY"])
def test_letters_put_every_axis_in_its_place(letters: str):
    leading = "Z" if "Z" in letters else "T"
    values = np.transpose(STACK, ["TYX".replace("T", leading).index(axis) for axis in letters])
    (channel,) = arranged(values, letters, "a.tif")
    assert channel.dims == ({"T": "time", "Z": "k"}[leading], "j", "i")
    assert channel.leading_known
    np.testing.assert_array_equal(channel.values, STACK)


def test_an_image_of_z_and_x_is_depth_and_lateral():
    (channel,) = arranged(STACK, "TZX", "a.tif")
    assert channel.dims == ("time", "j", "i")


def test_channels_become_images_and_single_axes_vanish():
    first, second = arranged(STACK.reshape(2, 1, 2, 12, 15), "CTZYX", "a.tif")
    assert first.dims == second.dims == ("k", "j", "i")
    np.testing.assert_array_equal(second.values, STACK[2:])


@pytest.mark.parametrize("letters", ["QQX", "TTX", "QIYX", "TX"])
def test_axes_that_are_no_planes_are_refused(letters: str):
    with pytest.raises(ScanError, match=r"a\.tif.*axes " + letters):
        arranged(np.ones((9,) * len(letters)), letters, "a.tif")


@pytest.mark.parametrize("shape", [(60, 60), (60, 80)])
@pytest.mark.parametrize("frames", [12, 150])
def test_a_film_with_time_last_is_recognised(shape, frames: int):
    film = np.stack([vessels(shape, seed) for seed in range(frames)])
    assert letters_for(film)[0] == "QYX"
    letters, words = letters_for(np.moveaxis(film, 0, -1))
    assert letters == "YXT"
    assert f"{frames} times" in words


def test_unlike_slices_last_are_slices():
    volume = np.stack([np.roll(vessels((60, 80), k), 5 * k, 0) for k in range(9)], axis=-1)
    letters, words = letters_for(volume)
    assert letters == "YXZ"
    assert "9 slices of 60 × 80" in words


@pytest.mark.parametrize(
    ("shape", "dtype", "letters"),
    [
        ((60, 60), "f4", "YX"),
        ((60, 60, 3), "u1", "YXS"),
        ((60, 70, 4), "u1", "YXS"),
        ((5, 60, 60, 3), "u1", "QYXS"),
        ((3, 60, 60), "u1", "QYX"),
        ((60, 70, 3), "f4", "YXZ"),
        ((5, 4, 60, 70), "f4", "TZYX"),
        ((60, 70, 4, 5), "f4", "YXZT"),
    ],
)
def test_letters_from_a_shape(shape, dtype: str, letters: str):
    values = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    found = letters_for(values)[0]
    assert found.replace("T", "Z") == letters.replace("T", "Z")


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_is_read_alike_in_either_memory_order(tmp_path: Path, order):
    film = np.stack([vessels((60, 60), seed) for seed in range(5)], axis=-1)
    np.save(tmp_path / "rat_pwd.npy", np.array(film, order=order))
    scan = read_one(tmp_path / "rat_pwd.npy")
    assert scan.dims == ("time", "j", "i")
    np.testing.assert_allclose(scan.values, np.moveaxis(film, -1, 0), rtol=1e-6)
    assert "60 × 60 × 5" in scan.attrs["doubts"]["axes"]


def test_a_trailing_axis_of_one_is_no_axis(tmp_path: Path):
    np.save(tmp_path / "a.npy", STACK[0][..., None])
    np.testing.assert_array_equal(read_one(tmp_path / "a.npy").values, STACK[0])


@pytest.mark.parametrize("shape", [(1, 4, 12, 15), (4, 1, 12, 15), (1, 4, 1, 12, 15)])
def test_axes_of_one_are_no_axes(tmp_path: Path, shape):
    np.save(tmp_path / "a.npy", STACK.reshape(shape))
    np.testing.assert_array_equal(read_one(tmp_path / "a.npy").values, STACK)


@pytest.mark.parametrize("shape", [(9,), (), (2,) * 6])
def test_arrays_of_too_few_or_many_axes_are_refused(tmp_path: Path, shape):
    np.save(tmp_path / "a.npy", np.ones(shape))
    with pytest.raises(ScanError, match=rf"a\.npy.*{len(shape)} axes"):
        read_one(tmp_path / "a.npy")


def test_five_axes_are_those_of_a_scan(tmp_path: Path):
    np.save(tmp_path / "a.npy", np.ones((2, 3, 4, 12, 15)))
    assert read_one(tmp_path / "a.npy").dims == ("time", "pose", "k", "j", "i")


def test_a_tiff_with_named_axes_is_obeyed(tmp_path: Path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, np.moveaxis(STACK, 0, -1), metadata={"axes": "YXT"}, photometric="minisblack"
    )
    scan = read_one(path)
    assert scan.dims == ("time", "j", "i")
    np.testing.assert_array_equal(scan.values, STACK)


def test_an_open_axis_is_named_with_its_number_of_images(tmp_path: Path):
    np.save(tmp_path / "a.npy", np.stack([vessels((12, 15), k) for k in range(3)]))
    assert "its 3 images" in read_one(tmp_path / "a.npy").attrs["doubts"]["leading"]


def test_one_image_of_several_is_said(tmp_path: Path):
    path = tmp_path / "a.ome.tif"
    metadata = {"axes": "CYX", "Channel": {"Name": ["Bmode", "PowerDoppler"]}}
    tifffile.imwrite(path, STACK[:2], ome=True, metadata=metadata)
    first, second = read(path)
    assert (first.name, second.name) == ("a · Bmode", "a · PowerDoppler")
    said = second.attrs["doubts"]["image"]
    assert "holds 2 images (Bmode, PowerDoppler)" in said
    assert "image 2, “PowerDoppler”" in said


def test_images_are_called_as_their_pages_are(tmp_path: Path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for values, name in ((STACK[0], "left"), (STACK[0, :9], "right")):
            writer.write(values, extratags=[(285, 2, 0, name, True)])
    assert [scan.name for scan in read(tmp_path / "a.tif")] == ["a · left", "a · right"]


def test_images_of_several_pages_have_names(tmp_path: Path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(STACK[0])
        writer.write(STACK[0, :9])
    assert [scan.name for scan in read(tmp_path / "a.tif")] == ["a · image 1", "a · image 2"]
