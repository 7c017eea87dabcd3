"""Files that are damaged, absurd, or not what their name says: one sentence, and nothing else."""

import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io import affordable, read, read_one

RAMP = np.arange(12 * 15, dtype=np.uint16).reshape(12, 15)


def npy(path: Path, header: str, content: bytes = b"\0" * 64) -> Path:
    text = header.encode() + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content)
    return path


def png(path: Path, width: int, height: int) -> Path:
    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }",
        "{'descr': '<f8', 'fortran_order': True, 'shape': (9223372036854775807, 3), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-5, 3), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (50, 50), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (2, 2), }",
        "{'descr': [('x', '<f4'), ('y', '<f4')], 'fortran_order': False, 'shape': (8,), }",
        "{'descr': '<U4', 'fortran_order': False, 'shape': (2, 2), }",
        "{'descr': '<f8', 'shape': (2, 2), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), 'x': " + "(" * 3000,
        "__import__('os').system('touch exploded')",
    ],
)
def test_arrays_that_are_none(tmp_path: Path, header: str, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScanError, match=r"“a\.npy”") as error:
        read(npy(tmp_path / "a.npy", header))
    assert "\n" not in str(error.value)
    assert not Path("exploded").exists()


def test_a_table_names_its_columns(tmp_path: Path):
    np.save(tmp_path / "a.npy", np.zeros(9, [("depth", "f4"), ("power", "f4")]))
    with pytest.raises(ScanError, match="columns depth, power"):
        read(tmp_path / "a.npy")


@pytest.mark.parametrize("size", [(60_000, 60_000), (12_000, 12_000), (2**31 - 1, 2**31 - 1)])
def test_pictures_are_not_larger_than_memory(tmp_path: Path, size, monkeypatch, recwarn):
    monkeypatch.setattr(affordable, "memory_free", lambda: 1_000_000_000)
    with pytest.raises(ScanError, match=r"“a\.png” declares"):
        read(png(tmp_path / "a.png", *size))
    assert not recwarn.list


def test_tiffs_are_not_larger_than_memory(tmp_path: Path, monkeypatch):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((3000, 3000), "u1"), compression="zlib")
    monkeypatch.setattr(affordable, "memory_free", lambda: 10_000_000)
    with pytest.raises(ScanError, match=r"“a\.tif” declares 3000 × 3000"):
        read(path)


@pytest.mark.parametrize("suffix", [".tif", ".png", ".npy", ".TIFF", ".OME.TIF", ".JPG"])
def test_empty_files_say_so(tmp_path: Path, suffix: str):
    (tmp_path / f"a{suffix}").write_bytes(b"")
    with pytest.raises(ScanError, match=r"is empty \(0 bytes\)"):
        read(tmp_path / f"a{suffix}")


def test_files_that_may_not_be_read(tmp_path: Path, monkeypatch):
    np.save(tmp_path / "a.npy", RAMP)

    def denied(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(ScanError, match=r"not allowed to read “a\.npy”"):
        read(tmp_path / "a.npy")
    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(ScanError, match=f"“{tmp_path.name}” could not be read: Permission denied"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["a" * 300 + ".tif", "a\0b.tif", "", ".tif"])
def test_names_that_no_file_can_have(tmp_path: Path, name: str, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScanError):
        read(name)


def test_what_libraries_log_stays_out_of_the_terminal(tmp_path: Path, capfd):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, RAMP)
    whole = path.read_bytes()
    for cut in range(8, len(whole) - 4, 37):
        path.write_bytes(whole[:cut] + b"\xff\xff" + whole[cut + 2 :])
        with suppress(ScanError):
            read(path)
    assert capfd.readouterr() == ("", "")


def test_capitals_do_not_change_a_file(tmp_path: Path):
    for name in ("RAT_PWD.OME.TIF", "RAT_PWD.TIFF", "RAT_PWD.PNG", "RAT_PWD.NPY"):
        path = tmp_path / name
        if name.endswith("PNG"):
            Image.fromarray(RAMP.astype(np.uint8)).save(path)
        elif name.endswith("NPY"):
            with path.open("wb") as file:
                np.save(file, RAMP)
        else:
            tifffile.imwrite(path, RAMP)
        scan = read_one(path)
        assert scan.name == "RAT_PWD"
        assert scan.attrs["modality"] == "fus"


def test_complex_arrays_are_named_with_what_to_do(tmp_path: Path):
    for name in ("iq.npy", "iq.tif"):
        path = tmp_path / name
        values = (RAMP * 1j).astype(np.complex64)
        np.save(path, values) if name.endswith("npy") else tifffile.imwrite(path, values)
        with pytest.raises(ScanError, match=rf"“{name}”.*complex.*magnitude"):
            read(path)


@pytest.mark.parametrize(
    ("tag", "number"), [("StripByteCounts", 3_000_000_000), ("RowsPerStrip", 2_000_000_000)]
)
def test_strips_are_not_larger_than_their_file(tmp_path: Path, tag: str, number: int, monkeypatch):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, RAMP, compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages.first.tags[tag].overwrite(number, dtype="I")
    monkeypatch.setattr(affordable, "memory_free", lambda: 1_000_000_000)
    if tag == "RowsPerStrip":
        np.testing.assert_array_equal(read_one(path).values, RAMP)  # one strip, says the standard
    else:
        with pytest.raises(ScanError, match=r"“a\.tif” is truncated"):
            read(path)


def test_tiles_are_not_larger_than_memory(tmp_path: Path, monkeypatch):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, RAMP, compression="zlib", tile=(16, 16))
    with tifffile.TiffFile(path, mode="r+") as tif:
        for tag in ("TileWidth", "TileLength"):
            tif.pages.first.tags[tag].overwrite(60_000, dtype="I")
    monkeypatch.setattr(affordable, "memory_free", lambda: 1_000_000_000)
    with pytest.raises(ScanError, match=r"“a\.tif” declares 60000 × 60000"):
        read(path)


@pytest.mark.parametrize("big", [False, True])
def test_pages_that_run_in_circles_are_refused(tmp_path: Path, big: bool):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, bigtiff=big) as writer:
        for _ in range(3):
            writer.write(RAMP, contiguous=False, metadata=None)
    assert read_one(path).shape == (3, 12, 15)
    with tifffile.TiffFile(path) as tif:
        form, first, last = tif.tiff, tif.pages[0].offset, tif.pages[2].offset
        tif.filehandle.seek(last)
        (tags,) = struct.unpack(form.tagnoformat, tif.filehandle.read(form.tagnosize))
    content = bytearray(path.read_bytes())
    at = last + form.tagnosize + tags * form.tagsize
    content[at : at + form.offsetsize] = struct.pack(form.offsetformat, first)
    path.write_bytes(content)
    with pytest.raises(ScanError, match=r"“a\.tif” is damaged: its list of images has no end"):
        read(path)
