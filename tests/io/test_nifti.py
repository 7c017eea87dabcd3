"""NIfTI of other programs, with and without a fUSI-BIDS sidecar."""

import gzip
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io import read_one, write
from napari_fus_ulm.scan import doubts_of, make_scan, spacing_of, step_of

# (lateral, depth, elevation, time)
FILM = np.random.default_rng(0).random((15, 12, 3, 4)).astype(np.float32)
AFFINE = np.diag([0.11, 0.1, 0.4, 1.0])
AFFINE[:3, 3] = [-3.0, 2.0, 1.0]


def save(path: Path, values=FILM, affine=AFFINE, units="mm", sidecar=None, tr=None) -> Path:
    image = nib.Nifti1Image(values, affine)
    image.header.set_xyzt_units(units, "sec")
    if tr is not None:
        image.header.set_zooms([*image.header.get_zooms()[:3], tr])
    nib.save(image, path)
    if sidecar is not None:
        path.with_name(path.name.split(".")[0] + ".json").write_text(json.dumps(sidecar))
    return path


def test_axes_and_places(tmp_path: Path):
    scan = read_one(save(tmp_path / "sub-01_pwd.nii.gz", tr=0.4))
    assert scan.dims == ("time", "k", "j", "i")
    np.testing.assert_array_equal(scan.values, FILM.transpose(3, 2, 1, 0))
    assert spacing_of(scan) == pytest.approx((0.1, 0.11))
    assert step_of(scan, "k") == pytest.approx(0.4)
    assert [float(scan[a][0]) for a in "zyx"] == pytest.approx([1, 2, -3])
    assert scan["time"].values.tolist() == pytest.approx([0, 0.4, 0.8, 1.2])
    assert scan.attrs["modality"] == "fus"


@pytest.mark.parametrize(
    ("probe", "transmit"),
    [
        ("ProbeCentralFrequency", "UltrasoundTransmitFrequency"),
        ("ProbeCenterFrequency", "TransmitFrequency"),
    ],
)
def test_both_spellings_of_the_sidecar(tmp_path: Path, probe: str, transmit: str):
    sidecar = {probe: 15.0e6, transmit: 15.6e6, "RepetitionTime": 0.6, "DelayAfterTrigger": 2.0}
    scan = read_one(save(tmp_path / "a_pwd.nii", sidecar=sidecar))
    assert scan.attrs["probe_center_frequency_hz"] == 15.0e6
    assert scan.attrs["transmit_frequency_hz"] == 15.6e6
    assert scan["time"].values.tolist() == pytest.approx([2.0, 2.6, 3.2, 3.8])


def test_irregular_times_and_the_sidecar_survive_a_round_trip(tmp_path: Path):
    times = [0.0, 0.4, 1.0, 1.3]
    sidecar = {"VolumeTiming": times, "Manufacturer": "Iconeus"}
    scan = read_one(save(tmp_path / "a_pwd.nii", sidecar=sidecar))
    assert scan["time"].values.tolist() == times
    write(tmp_path / "b_pwd.nii.gz", scan)
    written = json.loads((tmp_path / "b_pwd.json").read_text())
    assert written["VolumeTiming"] == times
    assert written["Manufacturer"] == "Iconeus"
    again = read_one(tmp_path / "b_pwd.nii.gz")
    assert again["time"].values.tolist() == times


def test_writing_keeps_what_stood_in_the_file_beside(tmp_path: Path):
    (tmp_path / "a.json").write_text(json.dumps({"Manufacturer": "Iconeus", "RepetitionTime": 9}))
    write(tmp_path / "a.nii", make_scan(np.eye(9), spacing=0.1))
    written = json.loads((tmp_path / "a.json").read_text())
    assert written["Manufacturer"] == "Iconeus"
    assert "RepetitionTime" not in written


def test_units_of_the_header(tmp_path: Path):
    micron = AFFINE.copy()
    micron[:3] *= 1000
    assert spacing_of(read_one(save(tmp_path / "a.nii", affine=micron, units="micron"))) == (
        pytest.approx((0.1, 0.11))
    )


def test_no_scale_in_the_header_is_an_assumption(tmp_path: Path):
    path = tmp_path / "a_pwd.nii"
    nib.save(nib.Nifti1Image(FILM[..., 0, 0], None), path)
    scan = read_one(path)
    assert scan.dims == ("j", "i")
    assert scan.attrs["spacing_known"] is False
    assert spacing_of(scan) == (0.1, 0.1)
    assert spacing_of(read_one(path, spacing=(0.05, 0.06))) == pytest.approx((0.05, 0.06))


def test_backward_axes_are_turned_round(tmp_path: Path):
    flipped = AFFINE.copy()
    flipped[1, 1] = -0.1
    scan = read_one(save(tmp_path / "a.nii", affine=flipped))
    assert float(scan["y"][0]) == pytest.approx(2 - 1.1)
    np.testing.assert_array_equal(scan.values, FILM.transpose(3, 2, 1, 0)[:, :, ::-1])


def test_a_plane_stored_the_neuroimaging_way(tmp_path: Path):
    plane = FILM[:, :, 0, 0][:, None, ::-1]  # (lateral, 1, superior)
    affine = np.diag([0.11, 0.4, 0.1, 1.0])
    scan = read_one(save(tmp_path / "a.nii", values=plane, affine=affine))
    assert scan.dims == ("j", "i")
    assert spacing_of(scan) == pytest.approx((0.1, 0.11))
    np.testing.assert_array_equal(scan.values, FILM[:, :, 0, 0].T)


def test_an_oblique_matrix_survives(tmp_path: Path):
    turned = AFFINE.copy()
    turned[:2, :2] = np.array([[0.8, -0.6], [0.6, 0.8]]) @ turned[:2, :2]
    scan = read_one(save(tmp_path / "a.nii", affine=turned))
    assert spacing_of(scan) == pytest.approx((0.1, 0.11))
    again = nib.load(write(tmp_path / "b.nii", scan))
    np.testing.assert_allclose(again.affine, turned, rtol=1e-6)


def test_six_axes_are_refused(tmp_path: Path):
    path = tmp_path / "a.nii"
    nib.save(nib.Nifti1Image(np.zeros((8, 8, 2, 2, 2, 2), np.float32), np.eye(4)), path)
    with pytest.raises(ScanError, match="6 axes"):
        read_one(path)


def test_a_header_corrected_elsewhere_wins_over_our_block(tmp_path: Path):
    path = write(tmp_path / "a.nii", make_scan(np.eye(9), spacing=0.1))
    image = nib.load(path)
    affine = image.affine.copy()
    affine[0, 0] = 0.2
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), affine, image.header), path)
    assert spacing_of(read_one(path)) == pytest.approx((0.1, 0.2))
    unplaced = nib.Nifti1Image(np.eye(9)[:, :, None].astype(np.float32), None)
    unplaced.header.set_zooms([0.3, 0.1, 1.0])
    unplaced.header.set_xyzt_units("mm", "sec")
    nib.save(unplaced, path)
    assert spacing_of(read_one(path)) == pytest.approx((0.1, 0.3))


def test_a_single_slice_keeps_its_place_and_thickness(tmp_path: Path):
    affine = AFFINE.copy()
    affine[2, 3] = 7.0
    scan = read_one(save(tmp_path / "a.nii", values=FILM[:, :, :1, 0], affine=affine))
    assert scan.dims == ("j", "i")
    assert float(scan["z"]) == pytest.approx(7.0)
    again = nib.load(write(tmp_path / "b.nii", scan))
    np.testing.assert_allclose(again.affine, affine, rtol=1e-6)
    scan = read_one(tmp_path / "b.nii")
    assert float(scan["z"]) == pytest.approx(7.0)
    assert step_of(scan, "k") == pytest.approx(0.4)


def test_a_piece_of_an_oblique_image_stays_in_its_place(tmp_path: Path):
    turned = AFFINE.copy()
    turned[:2, :2] = np.array([[0.8, -0.6], [0.6, 0.8]]) @ turned[:2, :2]
    whole = read_one(save(tmp_path / "a.nii", affine=turned))
    piece = whole.isel(k=2, j=slice(3, None), i=slice(5, None))
    affine = nib.load(write(tmp_path / "b.nii", piece)).affine
    for index in ((0, 0, 0), (4, 5, 0)):
        expected = turned @ [index[0] + 5, index[1] + 3, 2, 1]
        np.testing.assert_allclose(affine @ [*index, 1], expected, rtol=1e-5)
    again = read_one(tmp_path / "b.nii")
    np.testing.assert_allclose(again["y"], piece["y"])
    np.testing.assert_allclose(again["x"], piece["x"])


def test_the_sidecar_survives_generations(tmp_path: Path):
    scan = read_one(save(tmp_path / "a_pwd.nii", sidecar={"Manufacturer": "Iconeus"}, tr=0.4))
    for name in ("b_pwd.nii", "c_pwd.nii"):
        scan = read_one(write(tmp_path / name, scan))
    assert scan.attrs["bids"] == {"Manufacturer": "Iconeus"}
    assert json.loads((tmp_path / "c_pwd.json").read_text())["Manufacturer"] == "Iconeus"


@pytest.mark.parametrize("shape", [(9, 9), (3, 9, 9)])
def test_a_position_registered_elsewhere_wins_over_our_block(tmp_path: Path, shape):
    written = make_scan(
        np.arange(np.prod(shape)).reshape(shape), spacing=(0.4, 0.1, 0.1), modality="fus"
    )
    path = write(tmp_path / "a.nii", written)
    image = nib.load(path)
    values = np.asarray(image.dataobj).copy()  # read now: the file is written over below
    for turn in (0.0, 0.3):
        affine = image.affine.copy()
        affine[:3, 3] = [5.0, 6.0, 7.0]
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        affine[:2, :2] = rotation @ affine[:2, :2]
        nib.save(nib.Nifti1Image(values, affine, image.header), path)
        scan = read_one(path)
        assert scan.dims == written.dims
        np.testing.assert_array_equal(scan.values, written.values)
        assert scan.attrs["modality"] == "fus"
        if not turn:
            assert [float(np.atleast_1d(scan[a])[0]) for a in "zyx"] == pytest.approx([7, 6, 5])
        again = nib.load(write(tmp_path / "b.nii", scan))
        np.testing.assert_allclose(again.affine, affine, rtol=1e-5, atol=1e-6)


def test_bubble_counts_are_no_picture(tmp_path: Path):
    counts = np.arange(256, dtype=np.int16).reshape(16, 16)
    scan = read_one(save(tmp_path / "rat_ulm.nii", values=counts))
    assert scan.attrs["values"] == "linear"
    assert scan.attrs["values_guessed"] is True


@pytest.mark.parametrize(
    ("sidecar", "said", "times"),
    [
        ({"VolumeTiming": [0.0, 0.8, 0.4, 1.2]}, "do not increase", [0, 0.5, 1, 1.5]),
        ({"VolumeTiming": [0, 0.5, 1.0]}, "3 times for 4 frames", [0, 0.5, 1, 1.5]),
        ({"VolumeTiming": [0, "n/a", 1, 2]}, "no list of times", [0, 0.5, 1, 1.5]),
        ({"VolumeTiming": 0.4, "RepetitionTime": 0.4}, "no list", [0, 0.4, 0.8, 1.2]),
        ({"RepetitionTime": 2.0}, "is 2 s, the header of “a_pwd.nii” says 0.5 s", [0, 2, 4, 6]),
        ({"RepetitionTime": [0.4]}, "is no time", [0, 0.5, 1, 1.5]),
        ({"RepetitionTime": -1}, "is no time", [0, 0.5, 1, 1.5]),
        ({"RepetitionTime": 10**400}, "is no time", [0, 0.5, 1, 1.5]),
        ({"RepetitionTime": "n/a", "VolumeTiming": "n/a"}, None, [0, 0.5, 1, 1.5]),
        ({"DelayAfterTrigger": "n/a"}, None, [0, 0.5, 1, 1.5]),
    ],
)
def test_a_timing_that_contradicts_the_file_is_said(tmp_path: Path, sidecar, said, times):
    scan = read_one(save(tmp_path / "a_pwd.nii", sidecar=sidecar, tr=0.5))
    assert scan["time"].values.tolist() == pytest.approx(times)
    assert said in doubts_of(scan)["time"] if said else not doubts_of(scan)
    assert scan.attrs.get("time_known", True) is (said is None)


@pytest.mark.parametrize(
    ("step", "unit", "pixel", "said"),
    [
        (100.0, None, 0.1, "as if the unit was mistaken"),
        (50.0, "mm", 0.05, "as if the unit was mistaken"),
        (1e-4, "mm", 0.1, "as if the unit was mistaken"),
        (1e-4, None, 0.1, "as if the unit was mistaken"),
        (0.1, "micron", 0.1, None),  # below: no size in µm, m or mm that is ultrasound's
        (0.1, None, 0.1, None),
        (1e-4, "meter", 0.1, None),
        (100.0, "micron", 0.1, None),
    ],
)
def test_a_unit_that_cannot_be_is_read_as_the_likely_one(tmp_path: Path, step, unit, pixel, said):
    affine = np.diag([step, step, 4 * step, 1.0])
    scan = read_one(save(tmp_path / "a_pwd.nii", affine=affine, units=unit))
    assert spacing_of(scan) == pytest.approx((pixel, pixel))
    wrong = unit == "micron" and step == 0.1
    assert scan.attrs["spacing_known"] is (said is None and not wrong)
    if said:
        assert said in doubts_of(scan)["spacing"]
        told = read_one(tmp_path / "a_pwd.nii", spacing=0.07)
        assert spacing_of(told) == (0.07, 0.07)
        assert not doubts_of(told)


def test_a_size_that_no_unit_explains_is_assumed_and_said(tmp_path: Path):
    scan = read_one(save(tmp_path / "a_pwd.nii", affine=np.diag([9e4, 3.0, 1, 1])))
    assert spacing_of(scan) == (0.1, 0.1)
    assert "no ultrasound image has. Give the pixel size" in doubts_of(scan)["spacing"]


PLANE = np.random.default_rng(5).random((12, 15)).astype(np.float32)  # (depth, lateral)
R, A, S = np.eye(3)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("axes", ["nld", "ndl", "lnd", "dnl"])
@pytest.mark.parametrize("lateral", [R, A], ids=["coronal", "sagittal"])
def test_a_section_in_any_order_of_its_axes(tmp_path: Path, lateral, axes, upright, mirrored):
    """n: across the section, l: along it, d: depth; voxels of other programs, in a RAS world."""
    normal = A if lateral is R else R
    steps = {"n": 0.4 * normal, "l": 0.11 * lateral, "d": 0.1 * S}
    voxels = PLANE[::-1] if upright else PLANE
    steps["d"] = steps["d"] if upright else -steps["d"]
    if mirrored:
        voxels, steps["l"] = voxels[:, ::-1], -steps["l"]
    stored = np.transpose(voxels[None], ["ndl".index(axis) for axis in axes])
    affine = np.eye(4)
    affine[:3, :3] = np.stack([steps[axis] for axis in axes], axis=1)
    affine[:3, 3] = [3.0, 4.0, 5.0]
    scan = read_one(save(tmp_path / "a_pwd.nii", values=stored, affine=affine))
    np.testing.assert_array_equal(scan.values, PLANE)
    assert spacing_of(scan) == pytest.approx((0.1, 0.11))
    # Written again, every pixel is where it was.
    again = nib.load(write(tmp_path / "b.nii", scan))
    first = {"n": 0, "l": 14 if mirrored else 0, "d": 11 if upright else 0}
    corner = affine @ [*(first[axis] for axis in axes), 1]
    np.testing.assert_allclose(again.affine[:3, 3], corner[:3], atol=1e-5)


def test_a_volume_of_another_program_is_cut_into_coronal_planes(tmp_path: Path):
    volume = np.random.default_rng(6).random((10, 12, 15)).astype(np.float32)  # (AP, down, right)
    stored = volume[:, ::-1].transpose(2, 0, 1)
    affine = np.diag([0.11, 0.4, 0.1, 1.0])
    scan = read_one(save(tmp_path / "a_pwd.nii", values=stored, affine=affine))
    np.testing.assert_array_equal(scan.values, volume)
    assert step_of(scan, "k") == pytest.approx(0.4)
    assert "second axis" in doubts_of(scan)["axes"]


def test_voxels_of_one_size_keep_the_order_of_confusius(tmp_path: Path):
    volume = np.random.default_rng(6).random((10, 12, 15)).astype(np.float32)
    scan = read_one(save(tmp_path / "a_pwd.nii", values=volume, affine=np.diag([0.1] * 3 + [1])))
    np.testing.assert_array_equal(scan.values, volume.T)
    assert "do not say which axis is depth" in doubts_of(scan)["axes"]
    slices = read_one(save(tmp_path / "b_pwd.nii", values=volume))
    assert not doubts_of(slices)


def test_the_content_and_not_the_name_says_whether_a_file_is_compressed(tmp_path: Path):
    plain = save(tmp_path / "plain.nii").read_bytes()
    (tmp_path / "a.nii").write_bytes(gzip.compress(plain))
    (tmp_path / "b.nii.gz").write_bytes(plain)
    for name in ("a.nii", "b.nii.gz"):
        np.testing.assert_array_equal(read_one(tmp_path / name).values, FILM.transpose(3, 2, 1, 0))


def test_a_header_with_its_image_beside_it(tmp_path: Path):
    nib.save(nib.Nifti1Pair(FILM[..., 0], AFFINE), tmp_path / "a.img")
    np.testing.assert_array_equal(read_one(tmp_path / "a.hdr").values, FILM[..., 0].T)
    nib.save(nib.Nifti2Pair(FILM[..., 0], AFFINE), tmp_path / "b.img")
    np.testing.assert_array_equal(read_one(tmp_path / "b.hdr").values, FILM[..., 0].T)
    nib.save(nib.AnalyzeImage(FILM[..., 0], np.diag([0.11, 0.1, 0.4, 1])), tmp_path / "c.img")
    (tmp_path / "c.mat").write_bytes(b"not to be opened")
    analyze = read_one(tmp_path / "c.hdr")
    np.testing.assert_array_equal(analyze.values, FILM[..., 0].T)
    assert spacing_of(analyze) == pytest.approx((0.1, 0.11))
    (tmp_path / "a.img").unlink()
    with pytest.raises(ScanError, match=r"“a.img” was expected beside it"):
        read_one(tmp_path / "a.hdr")


@pytest.mark.parametrize(
    ("dtype", "said"),
    [(np.complex64, "IQ data"), ([("R", "u1"), ("G", "u1"), ("B", "u1")], "colours")],
)
def test_voxels_that_are_no_real_numbers(tmp_path: Path, dtype, said: str):
    nib.save(nib.Nifti1Image(np.zeros((9, 9, 1), dtype=dtype), AFFINE), tmp_path / "a.nii")
    with pytest.raises(ScanError, match=said):
        read_one(tmp_path / "a.nii")


@pytest.mark.parametrize("code", [1, 1536, 1792, 7777])
def test_types_that_cannot_be_read(tmp_path: Path, code: int):
    raw = bytearray(save(tmp_path / "a.nii").read_bytes())
    raw[70:72] = code.to_bytes(2, "little")
    (tmp_path / "a.nii").write_bytes(raw)
    with pytest.raises(ScanError, match=r"“a.nii”"):
        read_one(tmp_path / "a.nii")


def test_scaled_integers(tmp_path: Path):
    for dtype in ("i2", "u1", "f8"):
        image = nib.Nifti1Image(FILM[..., 0].astype(float), AFFINE)
        image.header.set_data_dtype(dtype)
        nib.save(image, tmp_path / "a.nii")
        np.testing.assert_allclose(read_one(tmp_path / "a.nii").values, FILM[..., 0].T, atol=0.005)


def test_masks_and_numbers_beyond_single_precision_are_said(tmp_path: Path):
    huge = read_one(save(tmp_path / "a.nii", values=FILM[..., 0].astype(float) * 1e45))
    assert "multiplied by 1e-4" in doubts_of(huge)["range"]
    assert np.isfinite(huge.values).all()
    mask = read_one(save(tmp_path / "b.nii", values=(FILM[..., 0] > 0.5).astype(np.uint8)))
    assert "two values only" in doubts_of(mask)["mask"]


def test_more_than_memory_holds_is_said_before_it_is_allocated(tmp_path: Path):
    path = save(tmp_path / "a.nii.gz")
    raw = bytearray(gzip.decompress(path.read_bytes()))
    raw[42:50] = np.array([30_000] * 4, "<i2").tobytes()
    path.write_bytes(gzip.compress(bytes(raw)))
    with pytest.raises(ScanError, match="30000 × 30000 × 30000 × 30000"):
        read_one(path)


@pytest.mark.parametrize(("name", "sidecar"), [("a", {"RepetitionTime": 0.4}), ("a_task-x", None)])
def test_a_third_axis_that_may_be_time_is_open(tmp_path: Path, name: str, sidecar):
    path = save(tmp_path / f"{name}_pwd.nii", values=FILM[:, :, 0], sidecar=sidecar)
    assert read_one(path).attrs["leading_axis_known"] is False
    path.with_name(f"{name}_pwd.json").write_text('{"VolumeTiming": [0, 1, 2, 4]}')
    assert read_one(path)["time"].values.tolist() == [0, 1, 2, 4]


def test_a_single_slice_without_thickness(tmp_path: Path):
    image = nib.Nifti1Image(FILM[:, :, :1, 0], None)
    image.header.set_xyzt_units("mm")
    image.header["pixdim"][1:4] = (0.11, 0.1, 0)
    image.header["sform_code"] = 1
    for row, name in enumerate(("srow_x", "srow_y", "srow_z")):
        image.header[name] = [*(AFFINE[row, :3] * [1, 1, 0]), 0]
    nib.save(image, tmp_path / "a.nii")
    assert spacing_of(read_one(tmp_path / "a.nii")) == pytest.approx((0.1, 0.11))


@pytest.mark.parametrize(
    "text", ['{"a": ' * 100_000, "[1]", '{"a": NaN', "\x00\x01", '{"a": ' + "9" * 5000 + "}"]
)
def test_a_sidecar_that_cannot_be_read_is_named(tmp_path: Path, text: str):
    path = save(tmp_path / "a.nii")
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ScanError, match=r"“a.json” beside “a.nii”"):
        read_one(path)


def test_a_sidecar_with_a_byte_order_mark_and_nan(tmp_path: Path):
    path = save(tmp_path / "A_PWD.NII")
    (tmp_path / "A_PWD.json").write_bytes(b'\xef\xbb\xbf{"RepetitionTime": 0.4, "Gain": NaN}')
    scan = read_one(path)
    assert scan["time"].values.tolist() == pytest.approx([0, 0.4, 0.8, 1.2])
    assert scan.attrs["bids"]["Gain"] is None


def test_what_no_size_is_written_as_and_what_is_skewed(tmp_path: Path):
    ones = read_one(save(tmp_path / "a_pwd.nii", affine=np.eye(4)))  # "mm", says the header
    assert ones.attrs["spacing_known"] is False
    skewed = AFFINE.copy()
    skewed[0, 1] = 0.03
    assert (
        "not perpendicular" in doubts_of(read_one(save(tmp_path / "b.nii", affine=skewed)))["shear"]
    )
