"""TIFF from other programs, pictures, NumPy files, and the real recordings."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io import read, read_one, write
from napari_fus_ulm.io.colours import luminance
from napari_fus_ulm.scan import make_scan, spacing_of, step_of

RAMP = np.arange(12 * 15, dtype=np.uint16).reshape(12, 15)


def test_imagej_pixel_size_slices_and_time(tmp_path: Path):
    path = tmp_path / "rat01_pwd.tif"
    metadata = {"spacing": 400.0, "unit": "um", "finterval": 0.4, "axes": "TZYX"}
    stack = np.zeros((4, 3, 12, 15), np.uint16) + RAMP
    tifffile.imwrite(path, stack, imagej=True, resolution=(1 / 110, 1 / 100), metadata=metadata)
    scan = read_one(path)
    assert scan.dims == ("time", "k", "j", "i")
    assert spacing_of(scan) == pytest.approx((0.1, 0.11))
    assert step_of(scan, "k") == pytest.approx(0.4)
    assert scan["time"].values.tolist() == pytest.approx([0, 0.4, 0.8, 1.2])
    assert scan.attrs["modality"] == "fus"
    assert scan.attrs["spacing_known"] is True


def test_resolution_tags_in_centimetres_are_believed_and_printers_are_not(tmp_path: Path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, RAMP, resolution=(10 / 0.11, 10 / 0.1), resolutionunit="CENTIMETER")
    assert spacing_of(read_one(path)) == pytest.approx((0.1, 0.11))
    for resolution, unit in [((300, 300), "INCH"), ((72 / 2.54, 72 / 2.54), "CENTIMETER")]:
        tifffile.imwrite(path, RAMP, resolution=resolution, resolutionunit=unit)
        assert read_one(path).attrs["spacing_known"] is False


def test_ome_of_another_program_in_micrometres(tmp_path: Path):
    path = tmp_path / "a.ome.tif"
    metadata = {
        "axes": "CYX",
        "PhysicalSizeX": 110.0,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 100.0,
        "PhysicalSizeYUnit": "µm",
        "Plane": {
            "PositionX": [1000.0] * 2,
            "PositionXUnit": ["µm"] * 2,
            "PositionY": [2.0] * 2,
            "PositionYUnit": ["mm"] * 2,
        },
    }
    tifffile.imwrite(path, np.stack([RAMP, RAMP + 1]), ome=True, metadata=metadata)
    first, second = read(path)
    assert spacing_of(first) == pytest.approx((0.1, 0.11))
    assert [float(first[a][0]) for a in "yx"] == pytest.approx([2.0, 1.0])
    np.testing.assert_array_equal(second.values, first.values + 1)
    assert first.name != second.name


def test_a_pixel_size_corrected_elsewhere_wins(tmp_path: Path):
    path = write(tmp_path / "a.ome.tif", make_scan(RAMP, spacing=0.1, modality="fus"))
    with tifffile.TiffFile(path) as tif:
        xml = tif.ome_metadata.replace('PhysicalSizeX="0.1', 'PhysicalSizeX="0.2')
    tifffile.tiffcomment(path, xml.encode())
    scan = read_one(path)
    assert spacing_of(scan)[1] == pytest.approx(0.2, rel=0.01)
    assert scan.attrs["modality"] == "fus"


def test_a_plain_stack_leaves_its_first_axis_open(tmp_path: Path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.stack([RAMP] * 5), photometric="minisblack")
    scan = read_one(path)
    assert scan.dims == ("k", "j", "i")
    assert scan.attrs["leading_axis_known"] is False
    assert scan.attrs["spacing_known"] is False
    assert spacing_of(scan) == (0.1, 0.1)
    assert step_of(scan, "k") == 0.5


def test_a_colour_tiff_is_taken_by_its_luminance(tmp_path: Path):
    path = tmp_path / "a.tif"
    grey = np.linspace(0, 255, 12 * 15).astype(np.uint8).reshape(12, 15)
    tifffile.imwrite(path, np.stack([grey] * 3, axis=-1), photometric="rgb")
    scan = read_one(path)
    np.testing.assert_array_equal(scan.values, grey)
    assert scan.attrs["values"] == "display"


@pytest.mark.parametrize("channels", ["L", "LA", "RGB", "RGBA", "P"])
def test_pictures_in_any_colour_mode_keep_their_grey_levels(tmp_path: Path, channels: str):
    grey = np.linspace(0, 255, 12 * 15).astype(np.uint8).reshape(12, 15)
    path = tmp_path / "rat_power_doppler.png"
    Image.fromarray(grey).convert(channels).save(path, dpi=(96, 96))
    scan = read_one(path)
    np.testing.assert_array_equal(scan.values, grey)
    assert scan.attrs["values"] == "display"
    assert scan.attrs["modality"] == "fus"
    assert scan.attrs["spacing_known"] is False


def test_luminance_weighs_green_most_and_lays_alpha_over_black():
    red, green = np.zeros((2, 2, 2, 3), np.uint8)
    red[..., 0], green[..., 1] = 255, 255
    assert luminance(green)[0, 0] > luminance(red)[0, 0] > 0
    half = np.concatenate([green, np.full((2, 2, 1), 128, np.uint8)], axis=-1)
    assert luminance(half)[0, 0] == pytest.approx(luminance(green)[0, 0] * 128 / 255)


def test_an_array_without_a_sidecar(tmp_path: Path):
    np.save(tmp_path / "rat_ulm_counts.npy", RAMP // 2)
    scan = read_one(tmp_path / "rat_ulm_counts.npy")
    assert scan.attrs["modality"] == "ulm"
    assert scan.attrs["values"] == "linear"
    assert scan.attrs["spacing_known"] is False
    assert spacing_of(scan) == (0.01, 0.01)  # a ULM map's pixel, not that of power Doppler
    scan = read_one(tmp_path / "rat_ulm_counts.npy", modality="fus", spacing=(0.1, 0.2))
    assert scan.attrs["modality"] == "fus"
    assert spacing_of(scan) == pytest.approx((0.1, 0.2))
    assert scan.attrs["spacing_known"] is True


class Bomb:
    def __reduce__(self):
        return (Path("exploded").touch, ())


def test_pickles_are_never_loaded(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    Path("b.npy").write_bytes(pickle.dumps(Bomb()))
    np.savez("c.npz", a=np.array([Bomb()], dtype=object))
    for name in ("a.npy", "b.npy", "c.npz"):
        with pytest.raises(ScanError, match=name):
            read(name)
    assert not Path("exploded").exists()


def test_complex_data_are_refused_in_words(tmp_path: Path):
    np.save(tmp_path / "iq.npy", RAMP * 1j)
    with pytest.raises(ScanError, match="magnitude"):
        read(tmp_path / "iq.npy")


@pytest.mark.parametrize(
    ("name", "shape", "modality", "values"),
    [
        ("rat_power_doppler.png", (216, 216), "fus", "display"),
        ("mouse_power_doppler.png", (404, 473), "fus", "display"),
        ("mouse_ulm_week2_counts.tif", (1596, 1601), "ulm", "linear"),
    ],
)
def test_real_recordings(real_data, name: str, shape, modality: str, values: str):
    scan = read_one(real_data(name))
    assert scan.shape == shape
    assert scan.attrs["modality"] == modality
    assert scan.attrs["values"] == values
    assert scan.attrs["spacing_known"] is False


@pytest.mark.parametrize("compression", ["lzw", "zstd", "jpeg"])
def test_compressed_tiffs_are_read(tmp_path: Path, compression: str):
    path = tmp_path / "a.tif"
    grey = np.linspace(0, 255, 16 * 16).astype(np.uint8).reshape(16, 16)
    tifffile.imwrite(path, grey, compression=compression)
    np.testing.assert_allclose(read_one(path).values, grey, atol=4)


def test_a_position_corrected_elsewhere_wins(tmp_path: Path):
    scan = make_scan(RAMP, spacing=0.1, origin=(2.0, -3.0), modality="fus")
    path = write(tmp_path / "a.ome.tif", scan)
    with tifffile.TiffFile(path) as tif:
        xml = tif.ome_metadata.replace('PositionX="-3', 'PositionX="-4')
    tifffile.tiffcomment(path, xml.encode())
    again = read_one(path)
    assert [float(again[a][0]) for a in "yx"] == pytest.approx([2.0, -4.0])
    assert again.attrs["modality"] == "fus"


def test_imagej_inches_are_those_of_a_printer(tmp_path: Path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, RAMP, imagej=True, resolution=(72, 72), metadata={"unit": "inch"})
    assert read_one(path).attrs["spacing_known"] is False


def test_an_assumed_distance_of_slices_is_not_written_as_a_fact(tmp_path: Path):
    scan = make_scan(np.stack([RAMP, RAMP]), spacing=(0.1, 0.1))
    path = write(tmp_path / "a.ome.tif", scan)
    with tifffile.TiffFile(path) as tif:
        assert "PhysicalSizeX" in tif.ome_metadata
        assert "PhysicalSizeZ" not in tif.ome_metadata
    assert read_one(path).attrs["slice_spacing_known"] is False
