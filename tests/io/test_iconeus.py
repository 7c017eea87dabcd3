"""Iconeus .scan files, written here in the documented layout of version 1."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io import read_one
from napari_fus_ulm.scan import spacing_of, step_of

DEPTH, LATERAL = 12, 15
DX, DY, DZ, NEAR = 110e-6, 400e-6, 100e-6, 2e-3  # metres


def write_scan(path: Path, mode: str, data: np.ndarray, poses: np.ndarray, times: np.ndarray):
    """Write version 1: (…, depth, elevation, lateral), MATLAB's (1, 1) scalars, metres."""
    elevation, lateral = data.shape[-2:]
    to_probe = np.diag([DX, DY, -DZ, 1.0])
    to_probe[:3, 3] = [-DX * (lateral + 1) / 2, -DY * (elevation + 1) / 2, DZ - NEAR]
    with h5py.File(path, "w") as file:
        file["Data"] = data
        meta = file.create_group("scanMetaData")
        tags = ("Project_tag", "Scan_tag", "Subject_tag", "Session_tag", "User_name", "Comment")
        texts = dict.fromkeys(tags, "x") | {
            "Date": "2024-05-06 07:08:09",
            "Type": "source",
            "Neuroscan_version": "IcoScan version 1.5.0",
            "Subject_tag": "rat01",
        }
        for name, text in texts.items():
            meta[name] = np.array([[text.encode()]], dtype=object).astype("S32")
        acq = file.create_group("acqMetaData")
        acq["acquisitionMode"] = np.array([[mode.encode()]]).astype("S16")
        for name, number in {"dx": DX, "dy": DY, "dz": DZ, "dt": 0.4}.items():
            acq[f"voxDim/{name}"] = [[number]]
        for name, number in {
            "npose": len(poses),
            "nscanRepeat": 1,
            "sizeY": elevation,
            "sizeX": lateral,
        }.items():
            acq[f"imgDim/{name}"] = [[float(number)]]
        acq["time"] = times
        acq["timeOriginal"] = times
        matrices = np.tile(np.eye(4), (len(poses), 1, 1))
        matrices[:, 1, 3] = poses
        acq["probeToLab"] = matrices if len(poses) > 1 else matrices[0]
        acq["voxelsToProbe"] = to_probe


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape)


def test_2dscan_is_a_film_in_mm_and_seconds(tmp_path: Path):
    path = tmp_path / "film.scan"
    data = noise(5, DEPTH, 1, LATERAL)
    write_scan(path, "2Dscan", data, np.zeros(1), 0.4 * np.arange(1, 6)[:, None])
    scan = read_one(path)
    assert scan.dims == ("time", "j", "i")
    np.testing.assert_array_equal(scan.values, data[:, :, 0].astype(np.float32))
    assert spacing_of(scan) == pytest.approx((0.1, 0.11))
    assert scan["time"].values.tolist() == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0])
    assert float(scan["y"][0]) == pytest.approx(2.0)  # the first pixel's depth
    assert float(scan["x"].mean()) == pytest.approx(0.0, abs=1e-9)
    assert scan.attrs["modality"] == "fus"
    assert scan.attrs["values"] == "linear"
    assert scan.attrs["subject"] == "rat01"


def test_3dscan_poses_become_slices_in_order(tmp_path: Path):
    path = tmp_path / "angio.scan"
    data = noise(4, 1, DEPTH, 1, LATERAL)
    poses = np.array([1.0, 0.5, 0.0, -0.5]) * 1e-3
    write_scan(path, "3Dscan", data, poses, 0.4 * np.arange(1, 5)[None])
    scan = read_one(path)
    assert scan.dims == ("k", "j", "i")
    assert step_of(scan, "k") == pytest.approx(0.5)
    np.testing.assert_array_equal(scan.values, data[::-1, 0, :, 0].astype(np.float32))


@pytest.mark.parametrize("poses", [4, 5])  # four is what pyiconeus 1.0 stumbles over
def test_4dscan_is_a_film_of_volumes(tmp_path: Path, poses: int):
    path = tmp_path / "fus3d.scan"
    data = noise(3, poses, 1, DEPTH, 1, LATERAL)
    times = 0.4 * np.arange(1, 3 * poses + 1).reshape(3, poses)
    write_scan(path, "4Dscan", data, 0.5e-3 * np.arange(poses)[::-1], times)
    scan = read_one(path)
    assert scan.dims == ("time", "k", "j", "i")
    np.testing.assert_array_equal(scan.values, data[:, ::-1, 0, :, 0].astype(np.float32))
    assert np.diff(scan["time"].values).tolist() == pytest.approx([0.4 * poses] * 2)
    assert step_of(scan, "k") == pytest.approx(0.5)
    assert float(scan["z"].mean()) == pytest.approx(0.0, abs=1e-9)


def test_poses_that_form_no_volume_stay_poses(tmp_path: Path):
    path = tmp_path / "sparse.scan"
    data = noise(3, 1, DEPTH, 1, LATERAL)
    write_scan(path, "3Dscan", data, np.array([0.0, 1.5, 4.0]) * 1e-3, 0.4 * np.ones((1, 3)))
    scan = read_one(path)
    assert scan.dims == ("pose", "j", "i")
    np.testing.assert_array_equal(scan.values, data[:, 0, :, 0].astype(np.float32))
    assert spacing_of(scan) == pytest.approx((0.1, 0.11))
    assert float(scan["y"][0]) == pytest.approx(2.0)


def test_the_wrong_hdf5_and_a_cut_file_are_named(tmp_path: Path):
    path = tmp_path / "rat01.scan"
    with h5py.File(path, "w") as file:
        file["something"] = 1
    with pytest.raises(ScanError, match=r"rat01.scan.*complete .scan file"):
        read_one(path)
    write_scan(path, "2Dscan", noise(5, DEPTH, 1, LATERAL), np.zeros(1), np.ones((5, 1)))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ScanError, match=r"rat01.scan"):
        read_one(path)


def test_a_single_slice_keeps_its_place(tmp_path: Path):
    path = tmp_path / "film.scan"
    write_scan(path, "2Dscan", noise(5, DEPTH, 1, LATERAL), np.zeros(1), 0.4 * np.ones((5, 1)))
    scan = read_one(path)
    assert scan["z"].ndim == 0
    assert float(scan["z"]) == pytest.approx(0.0, abs=1e-9)
    assert step_of(scan, "k") == pytest.approx(0.4)


def test_what_version_1_does_not_hold_is_not_made_up(tmp_path: Path):
    path = tmp_path / "film.scan"
    write_scan(path, "2Dscan", noise(5, DEPTH, 1, LATERAL), np.zeros(1), 0.4 * np.ones((5, 1)))
    scan = read_one(path)
    assert scan.attrs["acquired"] == "2024-05-06T07:08:09+00:00"
    assert not {"probe", "transmit_frequency_hz"} & set(scan.attrs)


def test_an_error_of_version_2_is_its_own(tmp_path: Path, monkeypatch):
    def broken(_path: Path) -> None:
        raise ValueError("unknown block 77")

    monkeypatch.setattr("pyiconeus.Scan", broken)
    path = tmp_path / "rat01.scan"
    path.write_bytes(b"ICONEUS" * 100)
    with pytest.raises(ScanError, match=r"rat01\.scan.*unknown block 77"):
        read_one(path)
