"""MATLAB structures of the field, in v5 and v7.3."""

import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csc_matrix

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io import read, read_one
from napari_fus_ulm.scan import doubts_of, spacing_of, step_of

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


FRAME = np.random.default_rng(2).gamma(4.0, 0.25, (12, 15))  # (depth, lateral)
AXES = {"z_axis": 2e-3 + np.arange(12) * 1e-4, "x_axis": np.arange(15) * 5e-5}  # m
FRAMES = np.stack([FRAME * (1 + 0.01 * n) for n in range(9)], axis=-1)


@pytest.mark.parametrize(
    ("more", "pixel"),
    [
        (AXES, (0.1, 0.05)),
        ({"z": AXES["z_axis"] * 1e3, "x": AXES["x_axis"] * 1e3}, (0.1, 0.05)),
        ({"acq": {"xCoord": AXES["x_axis"] * 1e6, "zCoord": AXES["z_axis"] * 1e6}}, (0.1, 0.05)),
        ({"depth_mm": np.arange(12) * 0.1, "lateral_mm": np.arange(15) * 0.05}, (0.1, 0.05)),
        (dict(zip("XZ", np.meshgrid(AXES["x_axis"], AXES["z_axis"]), strict=True)), (0.1, 0.05)),
        ({"dx": 5e-5, "dz": 1e-4}, (0.1, 0.05)),
        ({"P": {"pixelSize": [1e-4, 5e-5]}}, (0.1, 0.05)),
        ({"P": {"voxel_size": [100.0, 50.0, 400.0]}}, (0.1, 0.05)),
        ({"z": np.arange(12.0) * 9e4, "x": np.arange(15.0) * 9e4}, None),  # no length of a pixel
        ({"z": np.arange(12.0) ** 2, "x": np.arange(15.0)}, None),  # uneven
        ({"dx": "n/a", "dz": np.nan}, None),
        ({"dx": [1.0, 2.0], "VoxelSize": {"a": 1.0}}, None),
    ],
)
def test_pixels_beside_an_image(tmp_path: Path, more, pixel):
    savemat(tmp_path / "a_pwd.mat", {"PDI": FRAME, **more})
    scan = read_one(tmp_path / "a_pwd.mat")
    np.testing.assert_array_equal(scan.values, FRAME.astype(np.float32))
    assert scan.attrs["spacing_known"] is (pixel is not None)
    assert spacing_of(scan) == pytest.approx(pixel or (0.1, 0.1))


def test_axes_place_and_turn_an_image_and_contradictions_are_said(tmp_path: Path, save):
    path = tmp_path / "a_pwd.mat"
    save(path, {"PDI": FRAME.T, **AXES, "dx": 1e-4, "dz": 1e-4})
    scan = read_one(path)
    np.testing.assert_array_equal(scan.values, FRAME.astype(np.float32))
    assert float(scan["y"][0]) == pytest.approx(2.0)
    assert "turned" in doubts_of(scan)["axes"]
    assert "contradicts itself" in doubts_of(scan)["pixel"]


def test_frames_by_their_times_and_wherever_they_lie(tmp_path: Path, save):
    path = tmp_path / "a_pwd.mat"
    save(path, {"PDI": FRAMES, "t": np.arange(9) * 0.4})
    assert read_one(path)["time"].values.tolist() == pytest.approx(np.arange(9) * 0.4)
    save(path, {"PDI": np.moveaxis(FRAMES, -1, 0)})
    scan = read_one(path)
    np.testing.assert_array_equal(scan.values, np.moveaxis(FRAMES, -1, 0).astype(np.float32))
    assert "first axis" in doubts_of(scan)["axes"]


@pytest.mark.parametrize("kind", ["cell", "structures"])
def test_images_in_cells_and_in_many_structures_are_a_stack(tmp_path: Path, kind: str):
    frames = list(np.moveaxis(FRAMES, -1, 0))
    cells = np.empty((1, 9), dtype=object)
    cells[0, :] = frames
    array = np.array([(frame, "x") for frame in frames], dtype=[("PDI", object), ("n", object)])
    savemat(tmp_path / "a_pwd.mat", {"acq": cells if kind == "cell" else array})
    scan = read_one(tmp_path / "a_pwd.mat")
    np.testing.assert_array_equal(scan.values, np.moveaxis(FRAMES, -1, 0).astype(np.float32))


@pytest.mark.parametrize("version", ["4", "5"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4", "f8", "bool"])
def test_every_type_of_number(tmp_path: Path, version: str, dtype: str):
    numbers = (FRAME * 40).astype(dtype)
    savemat(tmp_path / "a_pwd.mat", {"PDI": numbers, "note": "rat 7"}, format=version)
    scan = read_one(tmp_path / "a_pwd.mat")
    np.testing.assert_array_equal(scan.values, numbers.astype(np.float32))


def test_whole_doubles_stay_doubles(tmp_path: Path):
    """MATLAB stores them as bytes; they are no picture for that."""
    counts = np.zeros((12, 15))
    counts[3:, 2] = 7
    savemat(tmp_path / "a.mat", {"PDI": counts}, do_compression=True)
    assert read_one(tmp_path / "a.mat", modality="fus").attrs["values"] == "linear"


def test_a_sparse_map_is_filled_in(tmp_path: Path):
    counts = np.where(MAP > 3, MAP, 0.0)
    savemat(tmp_path / "a.mat", {"MatOut": csc_matrix(counts)})
    np.testing.assert_array_equal(read_one(tmp_path / "a.mat").values, counts)


def test_iq_data_are_named_and_give_way_to_a_real_image(tmp_path: Path):
    iq = FRAME * np.exp(1j * FRAME)
    for version in ("4", "5"):
        savemat(tmp_path / "iq.mat", {"IQ": iq}, format=version)
        with pytest.raises(ScanError, match=r"“iq.mat”: the values of IQ are complex \(IQ data\)"):
            read(tmp_path / "iq.mat")
    with h5py.File(tmp_path / "iq.mat", "w") as file:
        pairs = np.zeros((15, 12), dtype=[("real", "f4"), ("imag", "f4")])
        file.create_dataset("IQ", data=pairs).attrs["MATLAB_class"] = np.bytes_("single")
    with pytest.raises(ScanError, match="IQ data"):
        read(tmp_path / "iq.mat")
    savemat(tmp_path / "both.mat", {"IQ": iq, "P": FRAME, "mask": FRAME > 1, "f": {"g": "text"}})
    np.testing.assert_array_equal(read_one(tmp_path / "both.mat").values, FRAME.astype(np.float32))


def test_the_array_named_like_an_image_is_taken(tmp_path: Path, save):
    save(tmp_path / "a.mat", {"PDI": FRAME, "baseline": FRAME + 1, "labels": FRAME + 2})
    np.testing.assert_array_equal(read_one(tmp_path / "a.mat").values, FRAME.astype(np.float32))


def test_hdf5_that_matlab_did_not_write_has_depth_and_lateral_last(tmp_path: Path):
    for stored in (FRAME, np.moveaxis(FRAMES, -1, 0)):
        with h5py.File(tmp_path / "a_pwd.mat", "w") as file:
            file["PDI"] = stored
        np.testing.assert_array_equal(
            read_one(tmp_path / "a_pwd.mat").values, stored.astype(np.float32)
        )


def test_octave_text_is_named(tmp_path: Path):
    (tmp_path / "a.mat").write_text("# Created by Octave 8.4.0\n# name: PDI\n# type: matrix\n")
    with pytest.raises(ScanError, match=r"Octave's own format.*save\('-v7'"):
        read(tmp_path / "a.mat")


def test_no_changed_byte_of_version_5_is_more_than_a_sentence(tmp_path: Path):
    cells = np.empty((1, 2), dtype=object)
    cells[0, :] = [np.ones((2, 2)), "text"]
    path = tmp_path / "a.mat"
    variables = {"s": {"a": cells}, "p": csc_matrix(np.eye(3)), "m": np.eye(9), "c": np.array([1j])}
    savemat(path, variables)
    good, rng = path.read_bytes(), np.random.default_rng(0)
    for at in range(124, len(good), 3):
        damaged = bytearray(good)
        damaged[at] = rng.integers(256)
        path.write_bytes(damaged)
        with suppress(ScanError):
            read(path)


def test_a_compressed_variable_goes_no_further_than_it_says(tmp_path: Path):
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    for declared, said in ((64, "damaged or cut off"), (2**32 - 8, r"4.29e\+09|memory|damaged")):
        bomb = zlib.compress(np.array([14, declared], "<u4").tobytes() + bytes(50_000_000), 9)
        size = np.array([15, len(bomb)], "<u4").tobytes()
        (tmp_path / "a.mat").write_bytes(head + size + bomb)
        with pytest.raises(ScanError, match=said):
            read(tmp_path / "a.mat")


def hostile(path: Path, how: str) -> None:
    """Write an HDF5 file that is not what it seems."""
    with h5py.File(path.with_name("other.h5"), "w") as other:
        other["PDI"] = FRAME
    with h5py.File(path, "w") as file:
        match how:
            case "link":
                file["PDI"] = h5py.ExternalLink("other.h5", "/PDI")
            case "storage":
                storage = [("other.h5", 0, h5py.h5f.UNLIMITED)]
                file.create_dataset("PDI", (12, 15), "f8", external=storage)
            case "virtual":
                layout = h5py.VirtualLayout((12, 15), "f8")
                layout[:] = h5py.VirtualSource(path.with_name("other.h5"), "PDI", (12, 15))
                file.create_virtual_dataset("PDI", layout)
            case "unwritten":
                file.create_dataset("PDI", (1200, 1500), "f8", chunks=(100, 100))
            case "huge":
                file.create_dataset("PDI", (10**7, 10**7), "f8", chunks=(10, 10))
            case "loop":
                file["a/b"] = h5py.SoftLink("/a")
                file["a/c"] = file["a"]
            case "doubling":  # each cell refers twice to the next
                inner = file.create_dataset("#refs#/0", data=FRAME[:2, :2])
                for number in range(1, 31):
                    cell = file.create_dataset(f"#refs#/{number}", (2, 1), h5py.ref_dtype)
                    cell[:, 0] = [inner.ref, inner.ref]
                    inner = cell
                file["C"] = inner


@pytest.mark.parametrize("suffix", [".mat", ".scan"])
@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("link", "points to another file, “other.h5”"),
        ("storage", "in another file"),
        ("virtual", "in another file"),
        ("unwritten", "nothing was written"),
        ("huge", "10000000 × 10000000"),
        ("loop", "a\\."),
        ("doubling", "a\\."),
    ],
)
def test_hdf5_that_is_not_what_it_seems(tmp_path: Path, suffix: str, how: str, said: str):
    path = tmp_path / f"a{suffix}"
    hostile(path, how)
    with pytest.raises(ScanError, match=said):
        read(path)


def test_a_colour_picture_and_a_film_of_one_plane(tmp_path: Path):
    grey = (FRAME * 60).astype(np.uint8)
    savemat(tmp_path / "a.mat", {"img": np.repeat(grey[:, :, None], 3, 2)})
    np.testing.assert_array_equal(read_one(tmp_path / "a.mat").values, grey.astype(np.float32))
    savemat(tmp_path / "b.mat", {"PDI": FRAMES[:, :, None]})
    assert read_one(tmp_path / "b.mat").dims == ("time", "j", "i")


def test_pixels_that_are_counted_or_in_wavelengths(tmp_path: Path):
    counted = {"PDI": FRAME, "z": np.arange(12.0), "x": np.arange(15.0)}
    savemat(tmp_path / "a.mat", counted)
    assert read_one(tmp_path / "a.mat").attrs["spacing_known"] is False
    savemat(tmp_path / "a.mat", {**counted, "lambda": 9.86e-5})
    assert spacing_of(read_one(tmp_path / "a.mat")) == pytest.approx((0.0986, 0.0986))
    savemat(tmp_path / "a.mat", {"PDI": FRAME, "dx": 5e-5})
    one_side = read_one(tmp_path / "a.mat")
    assert spacing_of(one_side) == pytest.approx((0.05, 0.05))
    assert "one side of the pixel only" in doubts_of(one_side)["spacing"]
