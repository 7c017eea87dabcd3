"""Whatever is written is read back: pixels, pixel size, position, times, attributes."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_fus_ulm import io
from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io import SUFFIXES_READ, SUFFIXES_WRITE, read, read_one, suffix_of, write
from napari_fus_ulm.scan import make_scan, spacing_of

SHAPES = [
    (("j", "i"), (12, 15)),
    (("k", "j", "i"), (3, 12, 15)),
    (("time", "j", "i"), (4, 12, 15)),
    (("pose", "j", "i"), (2, 12, 15)),
    (("time", "k", "j", "i"), (4, 1, 12, 15)),
    (("time", "pose", "k", "j", "i"), (4, 2, 3, 12, 15)),
]


def a_scan(dims=("j", "i"), shape=(12, 15), **attrs) -> xr.DataArray:
    values = np.random.default_rng(0).random(shape) * 1e5
    time = np.array([0.0, 0.4, 0.9, 1.1]) if "time" in dims else None
    defaults = {
        "modality": "ulm",
        "values_kind": "linear",
        "source": "rat01",
        "name": "rat01 · ULM",
    }
    return make_scan(
        values,
        dims=dims,
        spacing=(0.4, 0.1, 0.11),
        origin=(1.0, 2.0, -3.3),
        time=time,
        **{**defaults, **attrs},
    )


@pytest.mark.parametrize("suffix", SUFFIXES_WRITE)
@pytest.mark.parametrize(("dims", "shape"), SHAPES)
def test_everything_survives(tmp_path: Path, suffix: str, dims, shape):
    scan = a_scan(dims, shape, provenance={"seed": 3, "settings": {"mode": "detailed"}})
    path = write(tmp_path / f"image{suffix}", scan)
    again = read_one(path)
    np.testing.assert_array_equal(again.values, scan.values)
    xr.testing.assert_allclose(again, scan, rtol=1e-12)
    assert again.dims == scan.dims
    assert again.attrs == scan.attrs
    assert again.name == scan.name
    assert not list(tmp_path.glob(".*"))  # no temporary file is left


@pytest.mark.parametrize("suffix", [".ome.tif", ".nii.gz", ".npy"])
def test_a_slice_keeps_its_place(tmp_path: Path, suffix: str):
    plane = a_scan(*SHAPES[1]).isel(k=2)
    again = read_one(write(tmp_path / f"a{suffix}", plane))
    assert again.dims == ("j", "i")
    assert float(again["z"]) == pytest.approx(1.8)
    assert again["z"].attrs["spacing"] == pytest.approx(0.4)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(dy=st.floats(1e-3, 0.5), dx=st.floats(1e-3, 0.5), y=st.floats(-20, 20), x=st.floats(-20, 20))
@pytest.mark.parametrize("suffix", [".ome.tif", ".nii", ".npy"])
def test_any_geometry_survives(tmp_path: Path, suffix: str, dy, dx, y, x):
    scan = make_scan(np.eye(9), spacing=(dy, dx), origin=(y, x))
    again = read_one(write(tmp_path / f"a{suffix}", scan))
    assert spacing_of(again) == pytest.approx(spacing_of(scan), rel=1e-9)
    np.testing.assert_allclose(again["y"], scan["y"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(again["x"], scan["x"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("suffix", [".ome.tif", ".nii", ".npy"])
def test_an_assumed_pixel_stays_an_assumption(tmp_path: Path, suffix: str):
    scan = make_scan(np.eye(9), spacing=0.1, spacing_known=False)
    again = read_one(write(tmp_path / f"a{suffix}", scan))
    assert again.attrs["spacing_known"] is False
    corrected = read_one(tmp_path / f"a{suffix}", spacing=0.05)
    assert corrected.attrs["spacing_known"] is True
    assert spacing_of(corrected) == pytest.approx((0.05, 0.05))


def test_two_files_of_one_name_do_not_share_a_sidecar(tmp_path: Path):
    write(tmp_path / "a.nii.gz", a_scan())
    write(tmp_path / "a.npy", a_scan(*SHAPES[1]))
    assert read_one(tmp_path / "a.nii.gz").shape == (12, 15)
    assert read_one(tmp_path / "a.npy").shape == (3, 12, 15)


@pytest.mark.parametrize("suffix", [".ome.tif", ".nii", ".npy"])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, suffix: str, monkeypatch):
    path = write(tmp_path / f"a{suffix}", a_scan())
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    for target in ("tifffile.imwrite", "nibabel.save", "numpy.save"):
        monkeypatch.setattr(target, full)
    with pytest.raises(ScanError, match="disk is full; the file that was there is unchanged"):
        write(path, a_scan() * 2)
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_disk_that_fills_half_way_leaves_the_old_file(tmp_path: Path, monkeypatch):
    path = write(tmp_path / "a.npy", a_scan())
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}

    def half(file, values, **_kwargs):
        file.write(b"half of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "save", half)
    with pytest.raises(ScanError, match="disk is full"):
        write(path, a_scan() * 2)
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_what_cannot_be_written_is_said(tmp_path: Path):
    with pytest.raises(ScanError, match=r"“a.png” cannot be written.*\.ome\.tif"):
        write(tmp_path / "a.png", a_scan())
    with pytest.raises(ScanError, match="does not exist"):
        write(tmp_path / "none" / "a.npy", a_scan())


def test_a_generated_image_says_so_in_every_file(tmp_path: Path):
    scan = a_scan(generated=True, provenance={"weights": {"phantom_trained": True}})
    import nibabel
    import tifffile

    with tifffile.TiffFile(write(tmp_path / "a.ome.tif", scan)) as tif:
        assert "generated" in tif.ome_metadata
        assert "phantom-trained" in tif.ome_metadata
    image = nibabel.load(write(tmp_path / "a.nii", scan))
    assert b"generated" in image.header["descrip"].tobytes()
    for sidecar in (tmp_path / "a.json", write(tmp_path / "a.npy", scan).with_name("a.npy.json")):
        assert "phantom-trained" in json.loads(sidecar.read_text())["Description"]
    assert (
        "generated"
        not in json.loads(write(tmp_path / "b.npy", a_scan()).with_name("b.npy.json").read_text())[
            "Description"
        ]
    )


# ---------------------------------------------------------------- broken files


@pytest.mark.parametrize("suffix", SUFFIXES_READ)
def test_rubbish_gives_one_sentence_that_names_the_file(tmp_path: Path, suffix: str):
    path = tmp_path / f"rat01{suffix}"
    for content in (b"", b"\x00\x01 this is not an image \xff\xfe" * 20):
        path.write_bytes(content)
        with pytest.raises(ScanError, match="rat01") as error:
            read(path)
        assert "expected" in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("suffix", [".ome.tif", ".nii", ".nii.gz", ".npy"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str, share: float):
    path = write(tmp_path / f"rat01{suffix}", a_scan(("k", "j", "i"), (3, 60, 70)))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ScanError, match="rat01"):
        read(path)


def test_missing_and_unknown_files(tmp_path: Path):
    with pytest.raises(ScanError, match="does not exist"):
        read(tmp_path / "none.tif")
    (tmp_path / "a.docx").write_bytes(b"x")
    with pytest.raises(ScanError, match=r"“a.docx” is of an unsupported kind.*\.scan"):
        read(tmp_path / "a.docx")
    with pytest.raises(ScanError, match="modality “mri”"):
        read(tmp_path / "a.tif", modality="mri")


def test_a_sidecar_that_is_no_json_is_named(tmp_path: Path):
    path = write(tmp_path / "a.npy", a_scan())
    (tmp_path / "a.npy.json").write_text("{")
    with pytest.raises(ScanError, match=r"“a.npy.json” beside “a.npy”"):
        read(path)


def test_a_sidecar_of_another_image_is_noticed(tmp_path: Path):
    path = write(tmp_path / "a.npy", a_scan())
    np.save(path, np.ones((9, 9)))
    with pytest.raises(ScanError, match=r"shape \(9, 9\)"):
        read(path)


# ---------------------------------------------------------------- folders


def test_a_folder_is_a_stack_in_natural_order(tmp_path: Path):
    folder = tmp_path / "fusi"
    folder.mkdir()
    for number in (10, 2, 1):
        write(folder / f"slice{number}.tif", make_scan(np.eye(9) * number, spacing=(0.1, 0.11)))
    scan = read_one(folder)
    assert scan.dims == ("k", "j", "i")
    assert scan.values[:, 0, 0].tolist() == [1, 2, 10]
    assert scan.attrs["leading_axis_known"] is False
    assert scan.attrs["slice_spacing_known"] is False
    assert spacing_of(scan) == pytest.approx((0.1, 0.11))


@pytest.mark.parametrize("suffix", [".ome.tif", ".nii", ".npy"])
def test_slices_that_know_their_places_are_stacked_there(tmp_path: Path, suffix: str):
    volume = a_scan(*SHAPES[1])
    for name, k in zip("abc", (2, 0, 1), strict=True):
        write(tmp_path / f"{name}{suffix}", volume.isel(k=k))
    scan = read_one(tmp_path)
    xr.testing.assert_allclose(scan["z"], volume["z"])
    np.testing.assert_array_equal(scan.values, volume.values)
    assert "leading_axis_known" not in scan.attrs


def test_slices_that_carry_open_questions_stack(tmp_path: Path):
    for number in (1, 2):
        scan = make_scan(np.eye(9) * number, spacing=0.1, leading_axis_known=False)
        write(tmp_path / f"slice{number}.npy", scan)
    assert read_one(tmp_path).attrs["leading_axis_known"] is False


def test_hidden_files_are_no_part_of_a_folder(tmp_path: Path):
    for number in (1, 2):
        write(tmp_path / f"slice{number}.tif", make_scan(np.eye(9) * number, spacing=0.1))
    (tmp_path / "._slice1.tif").write_bytes(b"\x00\x05\x16\x07 of macOS")
    assert read_one(tmp_path).shape == (2, 9, 9)


AWKWARD = {"name": "n", "spacing": 3, "origin": "o", "affine": [1], "dims": 2, "time": "noon"}


@pytest.mark.parametrize("suffix", [".ome.tif", ".nii", ".npy"])
def test_attributes_may_have_any_name(tmp_path: Path, suffix: str):
    scan = a_scan().assign_attrs(AWKWARD)
    again = read_one(write(tmp_path / f"a{suffix}", scan))
    assert again.attrs == scan.attrs
    write(tmp_path / f"b{suffix}", scan)
    assert AWKWARD.items() <= read_one(tmp_path).attrs.items()


def test_a_folder_of_unlike_images_names_the_odd_one(tmp_path: Path):
    write(tmp_path / "a.tif", make_scan(np.eye(9), spacing=0.1))
    write(tmp_path / "b.tif", make_scan(np.eye(11), spacing=0.1, name="b"))
    with pytest.raises(ScanError, match=r"“b” .11 × 11. does not stack"):
        read(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ScanError, match="holds no image"):
        read(empty)


def test_suffixes():
    assert suffix_of("x/rat.OME.TIF") == ".ome.tif"
    assert suffix_of("rat.nii.gz") == ".nii.gz"
    assert suffix_of("rat.docx") is None


def test_importing_io_is_light():
    import subprocess
    import sys

    code = (
        "import sys, napari_fus_ulm.io, napari_fus_ulm._napari.reader as r\n"
        "assert r.get_reader('a.scan') is not None\n"
        "heavy = {'torch', 'napari', 'tifffile', 'nibabel', 'h5py', 'xarray'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert io.__all__


def test_weights_that_saw_no_phantom_are_not_called_phantom_trained(tmp_path: Path):
    scan = a_scan(generated=True, provenance={"phantom_trained": False})
    sidecar = json.loads(write(tmp_path / "a.npy", scan).with_name("a.npy.json").read_text())
    assert "generated" in sidecar["Description"]
    assert "phantom" not in sidecar["Description"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dims", "ji"),
        ("dims", ["i", "j"]),
        ("shape", [9, "9"]),
        ("shape", [9]),
        ("spacing", {"j": 0.1}),
        ("spacing", {"j": 0.1, "i": -1}),
        ("origin", {"j": "n/a", "i": 0}),
        ("origin", [0, 0]),
        ("at", {"q": 1.0}),
        ("time", {"0": 1}),
        ("attrs", [1]),
        ("attrs", {"voxel_to_world": [[1, 2], 3]}),
        ("name", {"a": 1}),
    ],
)
def test_a_damaged_description_is_named(tmp_path: Path, key: str, value: object):
    path = write(tmp_path / "a.npy", make_scan(np.eye(9), spacing=0.1))
    beside = tmp_path / "a.npy.json"
    content = json.loads(beside.read_text())
    content["napari_fus_ulm"][key] = value
    beside.write_text(json.dumps(content))
    with pytest.raises(ScanError, match=r"What was written about the image “a.npy” is damaged"):
        read(path)


@pytest.mark.parametrize("name", ["rat\x0b7", "a\x00b", "Maus µ №7 <A&B>", "x/y\\z:*?", "a" * 300])
def test_names_that_xml_and_files_dislike(tmp_path: Path, name: str):
    from xml.etree import ElementTree

    import tifffile

    path = write(tmp_path / "a.ome.tif", a_scan().rename(name))
    with tifffile.TiffFile(path) as file:
        ElementTree.fromstring(file.ome_metadata or "")
    assert read_one(path).shape == (12, 15)
