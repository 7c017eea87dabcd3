"""ImageJ's description and resolution tags, and the values that other viewers show."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io import read_one
from napari_fus_ulm.scan import spacing_of, step_of

RAMP = np.arange(12 * 15, dtype=np.uint16).reshape(12, 15)


def imagej(path: Path, values=RAMP, resolution=(10.0, 10.0), **metadata) -> Path:
    tifffile.imwrite(path, values, imagej=True, resolution=resolution, metadata=metadata)
    return path


@pytest.mark.parametrize(
    ("unit", "per"),
    [("mm", 20), ("Millimeters", 20), ("cm", 200), ("dm", 2000), ("micron", 0.02),
     ("\\u00B5m", 0.02), ("nm", 2e-5), ("A", 2e-6), ("inch", 508)],
)  # fmt: skip
def test_imagej_units(tmp_path: Path, unit: str, per: float):
    scan = read_one(imagej(tmp_path / "a.tif", resolution=(per, per), unit=unit))
    assert spacing_of(scan) == pytest.approx((0.05, 0.05), rel=1e-4)
    assert scan.attrs["spacing_known"] is True


@pytest.mark.parametrize("unit", ["pixel", "", "furlong", "sec"])
def test_imagej_without_a_length(tmp_path: Path, unit: str):
    scan = read_one(imagej(tmp_path / "a.tif", resolution=(1.0, 1.0), unit=unit))
    assert scan.attrs["spacing_known"] is False
    assert ("doubts" in scan.attrs) == (unit in ("furlong", "sec"))


@pytest.mark.parametrize("size", [100.0, 0.1, 1e-4])
def test_a_scale_without_a_unit_is_recognised_and_asked(tmp_path: Path, size: float):
    imagej(tmp_path / "a.tif", resolution=(1 / size, 1 / size))
    tifffile.imwrite(tmp_path / "b.tif", RAMP, resolution=(1 / size,) * 2, resolutionunit="NONE")
    for name in ("a.tif", "b.tif"):
        scan = read_one(tmp_path / name)
        assert spacing_of(scan) == pytest.approx((0.1, 0.1), rel=1e-3)
        assert scan.attrs["spacing_known"] is False
        assert "without a unit" in scan.attrs["doubts"]["spacing"]


def test_imagej_axes_may_have_units_of_their_own(tmp_path: Path):
    stack = np.stack([RAMP] * 3)
    said = {"unit": "mm", "yunit": "um", "zunit": "cm", "spacing": -0.04, "axes": "ZYX"}
    scan = read_one(imagej(tmp_path / "a.tif", stack, resolution=(20, 0.02), **said))
    assert spacing_of(scan) == pytest.approx((0.05, 0.05), rel=1e-4)
    assert step_of(scan, "k") == pytest.approx(0.4)


@pytest.mark.parametrize(("unit", "seconds"), [("sec", 0.4), ("ms", 0.0004), ("min", 24.0)])
def test_imagej_times(tmp_path: Path, unit: str, seconds: float):
    stack = np.stack([RAMP] * 3)
    scan = read_one(imagej(tmp_path / "a.tif", stack, axes="TYX", finterval=0.4, tunit=unit))
    assert float(scan["time"][1]) == pytest.approx(seconds)


def test_metadata_of_tifffile_are_obeyed(tmp_path: Path):
    said = {"axes": "YX", "PhysicalSizeX": 0.11, "PhysicalSizeXUnit": "mm", "PhysicalSizeY": 100}
    tifffile.imwrite(tmp_path / "a.tif", RAMP, metadata=said)
    assert spacing_of(read_one(tmp_path / "a.tif")) == pytest.approx((0.1, 0.11))


def test_tags_help_where_ome_states_no_size(tmp_path: Path):
    how = {"ome": True, "resolution": (200, 100), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(tmp_path / "a.ome.tif", RAMP, metadata={"axes": "YX"}, **how)
    assert spacing_of(read_one(tmp_path / "a.ome.tif")) == pytest.approx((0.1, 0.05))


def test_signed_numbers_of_imagej_are_signed(tmp_path: Path):
    shown = RAMP.astype(int) - 90
    stored = (shown + 32768).astype(np.uint16)
    path = imagej(tmp_path / "a.tif", stored, cf=0, c0=-32768.0, c1=1.0)
    np.testing.assert_array_equal(read_one(path).values, shown)


@pytest.mark.parametrize(
    ("resolution", "unit"),
    [((1, 1), "CENTIMETER"), ((300, 300), "INCH"), ((118.11, 118.11), "CENTIMETER"),
     ((10, 10), "NONE")],
)  # fmt: skip
def test_resolutions_that_say_nothing(tmp_path: Path, resolution, unit: str):
    tifffile.imwrite(tmp_path / "a.tif", RAMP, resolution=resolution, resolutionunit=unit)
    assert read_one(tmp_path / "a.tif").attrs["spacing_known"] is False


def test_white_is_zero_is_turned_round(tmp_path: Path):
    grey = np.linspace(0, 255, 180).astype(np.uint8).reshape(12, 15)
    tifffile.imwrite(tmp_path / "a.tif", 255 - grey, photometric="miniswhite")
    np.testing.assert_array_equal(read_one(tmp_path / "a.tif").values, grey)


@pytest.mark.parametrize("dtype", ["i1", "i2", ">i2", "f2", "f4", ">f4", "f8", "u4", ">u8", "i4"])
def test_numbers_of_any_kind_keep_their_values(tmp_path: Path, dtype: str):
    values = (RAMP // 2).astype(dtype)
    if np.dtype(dtype).kind in "if":
        values = values * -1
    tifffile.imwrite(tmp_path / "a.tif", values, byteorder=">" if ">" in dtype else "<")
    np.save(tmp_path / "a.npy", values)
    for name in ("a.tif", "a.npy"):
        np.testing.assert_array_equal(read_one(tmp_path / name).values, values.astype("f4"))


@pytest.mark.parametrize("name", ["a.tif", "a.npy"])
def test_numbers_beyond_single_precision_are_scaled_in_words(tmp_path: Path, name: str):
    for factor in (1e-46, 1e-300, 1e42, 1e300):
        values = (RAMP + 1.0) * factor
        if name.endswith("tif"):
            tifffile.imwrite(tmp_path / name, values)
        else:
            np.save(tmp_path / name, values)
        scan = read_one(tmp_path / name)
        np.testing.assert_allclose(scan.values / scan.values.max(), (RAMP + 1) / 180, rtol=1e-5)
        assert "multiplied by 1e" in scan.attrs["doubts"]["range"]


def test_masks_and_decibels_of_nothing(tmp_path: Path):
    tifffile.imwrite(tmp_path / "mask_pwd.tif", RAMP > 90, photometric="minisblack")
    scan = read_one(tmp_path / "mask_pwd.tif")
    np.testing.assert_array_equal(scan.values, RAMP > 90)
    assert "two values only" in scan.attrs["doubts"]["mask"]
    with np.errstate(divide="ignore"):
        decibels = 10 * np.log10(RAMP / RAMP.max())
    np.save(tmp_path / "db.npy", decibels)
    scan = read_one(tmp_path / "db.npy")
    assert scan.attrs["values"] == "db"
    assert np.isneginf(scan.values[0, 0])


def test_other_colour_spaces_are_refused(tmp_path: Path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((12, 15, 4), np.uint8), photometric="separated")
    with pytest.raises(ScanError, match=r"a\.tif.*SEPARATED"):
        read_one(tmp_path / "a.tif")
