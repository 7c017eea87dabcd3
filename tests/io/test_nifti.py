"""NIfTI of other programs, with and without a fUSI-BIDS sidecar."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io import read_one, write
from napari_fus_ulm.scan import make_scan, spacing_of, step_of

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


def test_times_that_do_not_increase_are_refused(tmp_path: Path):
    path = save(tmp_path / "a_pwd.nii", sidecar={"VolumeTiming": [0.0, 0.8, 0.4, 1.2]})
    with pytest.raises(ScanError, match=r"times of the image .*do not increase"):
        read_one(path)
