"""MATLAB structures of the field, in v5 and v7.3."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io import read, read_one
from napari_fus_ulm.scan import spacing_of, step_of

MAP = np.random.default_rng(0).poisson(2.0, (40, 50)).astype(float)  # (depth, lateral)
FILM = np.random.default_rng(1).random((12, 15, 4))


def save73(path: Path, variables: dict[str, Any]) -> None:
    """Write what MATLAB writes with -v7.3: HDF5, axes reversed, structures as groups."""

    def put(group: h5py.Group, name: str, value: Any) -> None:
        if isinstance(value, dict):
            subgroup = group.create_group(name)
            subgroup.attrs["MATLAB_class"] = np.bytes_("struct")
            for key, item in value.items():
                put(subgroup, key, item)
            return
        array = np.atleast_2d(np.asarray(value, dtype=float))
        data = group.create_dataset(name, data=array.T)
        data.attrs["MATLAB_class"] = np.bytes_("double")

    with h5py.File(path, "w", userblock_size=512) as file:
        for key, item in variables.items():
            put(file, key, item)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")


@pytest.fixture(params=["v5", "v7.3"])
def save(request: pytest.FixtureRequest) -> Callable[[Path, dict[str, Any]], None]:
    return save73 if request.param == "v7.3" else savemat


def test_pala_maps(tmp_path: Path, save):
    path = tmp_path / "PALA_rat_matouts.mat"
    axes = {"llz": np.arange(40) * 0.1, "llx": np.arange(50) * 0.1}
    save(path, {"MatOut": MAP, "MatOut_vel": MAP * 3, "lambda": 0.0986, **axes})
    counts, speed = read(path)
    np.testing.assert_array_equal(counts.values, MAP.astype(np.float32))
    assert spacing_of(counts) == pytest.approx((0.00986, 0.00986))
    assert counts.attrs["modality"] == speed.attrs["modality"] == "ulm"
    assert counts.attrs["values"] == "linear"
    assert counts.attrs["quantity"] == "counts"
    assert speed.attrs["quantity"] == "speed (mm/s)"
    assert "MatOut_vel" in speed.name


def test_pala_wavelength_in_metres_and_resolution_without_axes(tmp_path: Path):
    path = tmp_path / "a.mat"
    savemat(path, {"MatOut": MAP, "lambda": 98.6e-6, "ULM": {"res": 10.0, "scale": [1.0, 1, 1]}})
    scan = read_one(path)
    assert spacing_of(scan) == pytest.approx((0.00986, 0.00986))
    savemat(path, {"MatOut": MAP})
    assert read_one(path).attrs["spacing_known"] is False


def test_pala_maps_of_several_algorithms(tmp_path: Path):
    cells = np.empty(2, dtype=object)
    cells[0], cells[1] = MAP, MAP + 1
    savemat(tmp_path / "a.mat", {"MatOut": cells})
    first, second = read(tmp_path / "a.mat")
    np.testing.assert_array_equal(second.values, first.values + 1)
    assert "MatOut{2}" in second.name


def test_song_lab(tmp_path: Path, save):
    path = tmp_path / "week2.mat"
    save(path, {"ULM_final": {"mapCounter": MAP, "mapVelocity": MAP * 2}})
    counts, speed = read(path)
    np.testing.assert_array_equal(counts.values, MAP.astype(np.float32))
    assert counts.attrs["modality"] == "ulm"
    assert speed.attrs["quantity"] == "speed"


def test_nerf_volume_and_film(tmp_path: Path, save):
    path = tmp_path / "a.mat"
    save(path, {"scanfus": {"Data": FILM, "VoxelSize": [100.0, 110.0, 300.0]}})
    scan = read_one(path)
    assert scan.dims == ("k", "j", "i")
    np.testing.assert_array_equal(scan.values, np.moveaxis(FILM, 2, 0).astype(np.float32))
    assert spacing_of(scan) == pytest.approx((0.1, 0.11))
    assert step_of(scan, "k") == pytest.approx(0.3)
    assert scan.attrs["modality"] == "fus"


def test_nerf_film_of_one_plane(tmp_path: Path):
    struct = {"Data": FILM, "VoxelSize": [100.0, 110.0, 300.0], "Type": "fus"}
    savemat(tmp_path / "a.mat", {"scanfus": struct})
    assert read_one(tmp_path / "a.mat").dims == ("time", "j", "i")


def test_pyfus(tmp_path: Path, save):
    path = tmp_path / "a.mat"
    save(path, {"I": FILM, "md": {"dx": 110e-6, "dz": 100e-6}})
    scan = read_one(path)
    np.testing.assert_array_equal(scan.values, np.moveaxis(FILM, 2, 0).astype(np.float32))
    assert spacing_of(scan) == pytest.approx((0.1, 0.11))
    assert scan.attrs["leading_axis_known"] is False


def test_pala_track_cells_become_a_density_map(tmp_path: Path):
    tracks = np.empty(2, dtype=object)
    depth, lateral = np.linspace(10, 12, 21), np.full(21, 30.0)
    rest = np.zeros((21, 3))
    tracks[0] = np.column_stack([depth, lateral, rest])
    tracks[1] = np.column_stack([depth, lateral + 1, rest])[:5]
    savemat(tmp_path / "a_tracks.mat", {"Track_tot": tracks, "lambda": 0.1})
    scan = read_one(tmp_path / "a_tracks.mat")
    assert spacing_of(scan) == pytest.approx((0.01, 0.01))
    assert float(scan["y"][0]) == pytest.approx(1.0, abs=0.01)  # z = 10 λ
    assert float(scan["x"][0]) == pytest.approx(3.0, abs=0.01)
    assert scan.values.max() == 1
    assert scan.values[:, 0].sum() == pytest.approx(20, abs=1)  # 0.2 mm of 10 µm pixels
    assert scan.attrs["tracks"] == 2


def test_the_only_array_is_taken(tmp_path: Path, save):
    path = tmp_path / "rat_pwd.mat"
    save(path, {"img": MAP, "fps": 500.0})
    scan = read_one(path)
    np.testing.assert_array_equal(scan.values, MAP.astype(np.float32))
    assert scan.attrs["spacing_known"] is False


def test_several_arrays_are_named(tmp_path: Path, save):
    path = tmp_path / "a.mat"
    save(path, {"left": MAP, "right": MAP, "fps": 500.0})
    with pytest.raises(ScanError) as error:
        read(path)
    sentence = str(error.value)
    assert "“a.mat”" in sentence
    assert "left (40 × 50)" in sentence
    assert "right (40 × 50)" in sentence
    assert "MatOut" in sentence


def test_a_cut_file_is_named(tmp_path: Path, save):
    path = tmp_path / "rat01.mat"
    save(path, {"MatOut": np.random.default_rng(0).random((100, 100))})
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(ScanError, match=r"rat01.mat"):
        read(path)


def test_pala_maps_lie_where_their_axes_say(tmp_path: Path, save):
    axes = {"llz": 50 + np.arange(40) * 0.1, "llx": -20 + np.arange(50) * 0.1}
    save(tmp_path / "a.mat", {"MatOut": MAP, "lambda": 0.1, **axes})
    scan = read_one(tmp_path / "a.mat")
    assert [float(scan[a][0]) for a in "yx"] == pytest.approx([5.0, -2.0])


def test_nerf_voxel_size_of_a_plane(tmp_path: Path, save):
    save(tmp_path / "a.mat", {"Data": MAP, "VoxelSize": [100.0, 110.0]})
    scan = read_one(tmp_path / "a.mat")
    assert spacing_of(scan) == pytest.approx((0.1, 0.11))
    assert scan.attrs["spacing_known"] is True


def test_pala_tracks_are_drawn_at_the_pixel_asked_for(tmp_path: Path):
    tracks = np.empty(2, dtype=object)
    tracks[:] = [np.column_stack([np.linspace(10, 12, 21), np.full((21, 4), 30.0)])] * 2
    savemat(tmp_path / "a_tracks.mat", {"Track_tot": tracks, "lambda": 0.1})
    for spacing in (0.02, (0.02, 0.02)):
        assert spacing_of(read_one(tmp_path / "a_tracks.mat", spacing=spacing)) == (
            pytest.approx((0.02, 0.02))
        )
