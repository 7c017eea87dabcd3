"""OME-XML: units by axis, times, and sets of files that were renamed, lost or lead elsewhere."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io import read_one
from napari_fus_ulm.io import write as write_scan
from napari_fus_ulm.scan import spacing_of, step_of

A, B, C = (letter * 8 + "-1111-1111-1111-111111111111" for letter in "abc")
HEAD = 'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'


def plane(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((12, 15)).astype(np.float32)


def xml(pixels: str = "", inside: str = "", *, uuid: str = A, z: int = 1, t: int = 1) -> bytes:
    return (
        f'<?xml version="1.0"?><OME {HEAD} UUID="urn:uuid:{uuid}"><Image ID="Image:0"><Pixels '
        f'ID="Pixels:0" DimensionOrder="XYZCT" Type="float" SizeX="15" SizeY="12" SizeZ="{z}" '
        f'SizeC="1" SizeT="{t}" {pixels}><Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
        f"{inside or '<TiffData/>'}</Pixels></Image></OME>"
    ).encode()


def parts(*files: tuple[str, str]) -> str:
    return "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{uuid}'
        "</UUID></TiffData>"
        for z, (name, uuid) in enumerate(files)
    )


def write(path: Path, description: bytes, *seeds: int) -> Path:
    with tifffile.TiffWriter(path) as writer:
        for number, seed in enumerate(seeds or (0,)):
            writer.write(
                plane(seed), description=None if number else description, metadata=None,
                contiguous=False,
            )  # fmt: skip
    return path


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (("50", "µm"), ("0.04", "mm"), (0.04, 0.05)),
        (("5e-4", "dm"), ("4e5", "Å"), (0.04, 0.05)),
        (("50,5", None), ("40", None), (0.04, 0.0505)),
        (("0.002", "in"), ("2", "thou"), (0.0508, 0.0508)),
    ],
)
def test_each_axis_has_its_own_unit(tmp_path: Path, x, y, expected):
    said = "".join(
        f' PhysicalSize{axis}="{size}"' + (f' PhysicalSize{axis}Unit="{unit}"' if unit else "")
        for axis, (size, unit) in (("X", x), ("Y", y))
    )
    scan = read_one(write(tmp_path / "a.ome.tif", xml(said)))
    assert spacing_of(scan) == pytest.approx(expected)
    assert scan.attrs["spacing_known"] is True


@pytest.mark.parametrize(
    ("size", "unit"),
    [("1", "pixel"), ("1", "reference frame"), ("NaN", "µm"), ("INF", "µm"), ("0", "µm"),
     ("wide", "µm"), ("-5", "µm"), ("5", "furlong")],
)  # fmt: skip
def test_what_is_no_length_is_asked(tmp_path: Path, size: str, unit: str):
    said = "".join(f' PhysicalSize{a}="{size}" PhysicalSize{a}Unit="{unit}"' for a in "XY")
    scan = read_one(write(tmp_path / "a.ome.tif", xml(said)))
    assert scan.attrs["spacing_known"] is False
    assert unit in scan.attrs["doubts"]["spacing"]


@pytest.mark.parametrize(
    ("size", "unit", "likely"),
    [("0.1", "µm", 0.1), ("0.0001", "µm", 0.1), ("100", "mm", 0.1), ("5", "m", 0.1)],
)
def test_a_pixel_that_no_image_has_is_doubted(tmp_path: Path, size: str, unit: str, likely):
    said = "".join(f' PhysicalSize{a}="{size}" PhysicalSize{a}Unit="{unit}"' for a in "XY")
    path = write(tmp_path / "a_pwd.ome.tif", xml(said))
    scan = read_one(path)
    assert spacing_of(scan) == pytest.approx((likely, likely))
    assert scan.attrs["spacing_known"] is False
    assert "no ultrasound image has" in scan.attrs["doubts"]["spacing"]
    given = read_one(path, spacing=0.05)
    assert given.attrs["spacing_known"] is True
    assert "doubts" not in given.attrs


def test_a_pixel_known_in_one_direction_is_taken_for_square_and_asked(tmp_path: Path):
    scan = read_one(write(tmp_path / "a.ome.tif", xml('PhysicalSizeX="50"')))
    assert spacing_of(scan) == pytest.approx((0.05, 0.05))
    assert scan.attrs["spacing_known"] is False
    assert "width only (0.05 mm)" in scan.attrs["doubts"]["spacing"]


@pytest.mark.parametrize(
    ("said", "planes", "times"),
    [
        ('TimeIncrement="400" TimeIncrementUnit="ms"', "", [0, 0.4, 0.8]),
        ('TimeIncrement="0.01" TimeIncrementUnit="min"', "", [0, 0.6, 1.2]),
        ("", [0.0, 0.4, 1.0], [0, 0.4, 1.0]),
        ("", [0.4, 0.2, 0.1], None),
    ],
)
def test_times(tmp_path: Path, said: str, planes, times):
    inside = "<TiffData/>" + "".join(
        f'<Plane TheZ="0" TheC="0" TheT="{n}" DeltaT="{delay}"/>' for n, delay in enumerate(planes)
    )
    scan = read_one(write(tmp_path / "a.ome.tif", xml(said, inside, t=3), 0, 1, 2))
    assert scan.dims == ("time", "j", "i")
    if times is None:
        assert scan.attrs["time_known"] is False
    else:
        np.testing.assert_allclose(scan["time"], times)


SET = parts(("s0.ome.tif", A), ("s1.ome.tif", B), ("s2.ome.tif", C))


def a_set(folder: Path, *names: str) -> None:
    for seed, (name, uuid) in enumerate(zip(names, (A, B, C), strict=False)):
        said = 'PhysicalSizeX="50" PhysicalSizeY="50" PhysicalSizeZ="400"'
        write(folder / name, xml(said, SET, uuid=uuid, z=3), seed)


def test_a_single_renamed_file_is_itself(tmp_path: Path):
    for uuid in (A, B):
        path = write(tmp_path / "new.ome.tif", xml(inside=parts(("old.ome.tif", uuid))))
        np.testing.assert_array_equal(read_one(path).values, plane(0))


@pytest.mark.parametrize(
    "names",
    [("s0.ome.tif", "s1.ome.tif", "s2.ome.tif"), ("r0.ome.tif", "r1.ome.tif", "r2.ome.tif"),
     ("s2.ome.tif", "s0.ome.tif", "s1.ome.tif")],
)  # fmt: skip
def test_a_set_is_found_again_whatever_its_files_are_called(tmp_path: Path, names):
    a_set(tmp_path, *names)
    scan = read_one(tmp_path / names[1])
    np.testing.assert_array_equal(scan.values, [plane(0), plane(1), plane(2)])
    assert step_of(scan, "k") == pytest.approx(0.4)
    assert "doubts" not in scan.attrs


def test_a_folder_that_is_one_set_is_read_once(tmp_path: Path):
    a_set(tmp_path, "r0.ome.tif", "r1.ome.tif", "r2.ome.tif")
    assert read_one(tmp_path).shape == (3, 12, 15)


def test_what_is_written_alone_forgets_its_neighbours(tmp_path: Path):
    stack = np.stack([plane(0), plane(1)])
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, ome=True, metadata={"axes": "CYX"})
    scan = read_one(tmp_path / "a.ome.tif")
    assert "image" in scan.attrs["doubts"]
    again = read_one(write_scan(tmp_path / "b.ome.tif", scan))
    assert "doubts" not in again.attrs
    assert "image" in scan.attrs["doubts"]


def test_missing_files_are_named_and_their_planes_cut(tmp_path: Path):
    a_set(tmp_path, "s0.ome.tif", "s1.ome.tif")
    scan = read_one(tmp_path / "s0.ome.tif")
    np.testing.assert_array_equal(scan.values, [plane(0), plane(1)])
    said = scan.attrs["doubts"]["missing"]
    assert "missing (s2.ome.tif)" in said
    assert "2 of 3 planes" in said


def test_a_damaged_file_of_a_set_is_missing(tmp_path: Path):
    a_set(tmp_path, "s0.ome.tif", "s1.ome.tif", "s2.ome.tif")
    (tmp_path / "s2.ome.tif").write_bytes(b"II*\0 no longer one")
    scan = read_one(tmp_path / "s0.ome.tif")
    assert scan.shape == (2, 12, 15)
    assert "missing (s2.ome.tif)" in scan.attrs["doubts"]["missing"]


def test_a_set_with_a_hole_is_refused(tmp_path: Path):
    a_set(tmp_path, "s0.ome.tif", "s1.ome.tif", "s2.ome.tif")
    (tmp_path / "s1.ome.tif").unlink()
    with pytest.raises(ScanError, match=r"some between others are missing \(s1\.ome\.tif\)"):
        read_one(tmp_path / "s0.ome.tif")


@pytest.mark.parametrize("way", ["../{}", "{}", "sub/{}", "..\\{}"])
def test_names_do_not_lead_out_of_the_folder(tmp_path: Path, way: str):
    folder, other = tmp_path / "mine", tmp_path / "theirs"
    folder.mkdir()
    other.mkdir()
    a_set(tmp_path, "x0.ome.tif", "secret.ome.tif")
    target = "secret.ome.tif" if way != "{}" else str(tmp_path / "secret.ome.tif")
    files = parts(("s0.ome.tif", A), (way.format(target), B))
    path = write(folder / "s0.ome.tif", xml(inside=files, z=2), 0)
    scan = read_one(path)
    np.testing.assert_array_equal(scan.values, plane(0))
    assert "missing" in scan.attrs["doubts"]["missing"]


def test_planes_that_a_truncated_set_lost_are_cut(tmp_path: Path):
    path = write(tmp_path / "a.ome.tif", xml(t=5, inside='<TiffData PlaneCount="5"/>'), 0, 1, 2)
    scan = read_one(path)
    assert scan.shape == (3, 12, 15)
    assert "3 of 5 planes" in scan.attrs["doubts"]["missing"]


@pytest.mark.parametrize(
    "description",
    [
        xml(t=10**12),
        xml(inside='<TiffData PlaneCount="99999999999"/>'),
        xml(z=10**9, t=10**9),
    ],
)
def test_absurd_counts_are_refused_before_memory_is_taken(tmp_path: Path, description: bytes):
    with pytest.raises(ScanError, match=r"a\.ome\.tif"):
        read_one(write(tmp_path / "a.ome.tif", description))


def test_what_is_no_xml_leaves_the_pixels(tmp_path: Path, capsys):
    path = write(tmp_path / "a.ome.tif", xml()[:-30] + b"</OME>")
    np.testing.assert_array_equal(read_one(path).values, plane(0))
    assert capsys.readouterr().err == ""
