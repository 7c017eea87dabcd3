"""Track tables as density maps: x first, one count per track and pixel."""

from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io import images_in, read_one
from napari_fus_ulm.io.tracks import density_map, tracks_of_rows
from napari_fus_ulm.scan import doubts_of, spacing_of


def test_x_is_lateral_and_a_track_counts_once():
    there_and_back = np.array([[1.005, 2.005], [1.095, 2.005], [1.005, 2.005]])
    scan = density_map([there_and_back, there_and_back], pixel_mm=0.01)
    assert scan.shape == (1, 10)
    assert (scan.values == 2).all()
    assert float(scan["x"][0]) == pytest.approx(1.005)
    assert float(scan["y"][0]) == pytest.approx(2.005)


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=2, max_size=6, unique=True))
def test_a_track_is_drawn_without_gaps(points: list[tuple[float, float]]):
    values = density_map([np.array(points)], pixel_mm=0.05).values
    from scipy.ndimage import label

    assert values.max() == 1
    assert label(values, np.ones((3, 3)))[1] == 1


def test_rows_and_exclusive_end_indices():
    rows = np.arange(15.0).reshape(5, 3)
    first, second = tracks_of_rows(rows, np.array([2, 5]))
    np.testing.assert_array_equal(first, rows[:2, :2])
    np.testing.assert_array_equal(second, rows[2:, :2])
    for ends in ([5, 2], [0, 5], [2, 6], []):
        with pytest.raises(ScanError, match="end ind"):
            tracks_of_rows(rows, np.array(ends, dtype=int))


def test_npz_of_rows_and_ends(tmp_path: Path):
    rows = np.array([[1.0, 2.0, 9], [1.2, 2.0, 9], [3.0, 2.5, 9], [3.0, 2.6, 9]])
    np.savez(tmp_path / "bubbles.npz", bubbles=rows, track_ends=np.array([2, 4]))
    scan = read_one(tmp_path / "bubbles.npz")
    assert scan.attrs["tracks"] == 2
    assert scan.attrs["modality"] == "ulm"
    assert scan.attrs["spacing_known"] is False  # the unit of the rows is not in the file
    np.savez(tmp_path / "other.npz", a=rows, b=rows)
    with pytest.raises(ScanError, match=r"“other.npz” holds a, b"):
        read_one(tmp_path / "other.npz")


@pytest.mark.parametrize(
    ("header", "factor", "known"),
    [
        ("track_id,x_mm,z_mm,t", 1.0, True),
        ("track,x (um),y (um),t", 1000.0, True),
        ("id;x;y;t", 1.0, False),
        ("id;x;y;t", 1e-3, False),
    ],
)
def test_csv_with_units_in_the_header_or_guessed(tmp_path: Path, header, factor, known):
    cut = ";" if ";" in header else ","
    rows = [(1, 1.0, 2.0, 0), (1, 1.5, 2.0, 1), (2, 4.0, 3.0, 0), (2, 4.0, 6.0, 1)]
    lines = [header, *(cut.join(map(str, (n, x * factor, y * factor, t))) for n, x, y, t in rows)]
    (tmp_path / "rat_tracks.csv").write_text("\n".join(lines) + "\n")
    scan = read_one(tmp_path / "rat_tracks.csv")
    assert spacing_of(scan) == pytest.approx((0.01, 0.01))
    assert float(scan["x"][0]) == pytest.approx(1.0, abs=0.011)
    assert float(scan["y"][-1]) == pytest.approx(6.0, abs=0.011)
    assert scan.values.sum() == pytest.approx(50 + 300, abs=3)
    assert scan.attrs["spacing_known"] is known
    assert spacing_of(read_one(tmp_path / "rat_tracks.csv", spacing=0.05)) == (
        pytest.approx((0.05, 0.05))
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b,c\n1,2,3\n", "the columns a, b, c"),
        ("track,x,y\n1,2,three\n", "row without numbers in y .row 1 below the header: “three”"),
        ("track,x,y\n1,2\n", "row without numbers"),
        ("track,x,y\n", "no track"),
        ("track,x_mm,y_mm\n1,0,0\n1,1e6,0\n", "pixels of 10 µm"),
    ],
)
def test_a_wrong_table_is_explained(tmp_path: Path, text: str, words: str):
    (tmp_path / "rat.csv").write_text(text)
    with pytest.raises(ScanError, match=words) as error:
        read_one(tmp_path / "rat.csv")
    assert "rat" in str(error.value)


def test_one_position_that_is_no_number_does_not_change_the_unit(tmp_path: Path):
    lines = ["track,x,y", "1,1,2", "1,1.5,2", "2,nan,3", "2,4,6"]
    (tmp_path / "rat.csv").write_text("\n".join(lines) + "\n")
    scan = read_one(tmp_path / "rat.csv")  # mm
    assert float(scan["x"][0]) == pytest.approx(1.0, abs=0.011)
    assert float(scan["y"][-1]) == pytest.approx(6.0, abs=0.011)


TABLE = [  # track, frame, x and depth in mm
    (1, 0, 3.0, 2.0), (1, 1, 3.4, 2.1), (1, 2, 3.3, 2.6), (1, 3, 3.9, 2.4),
    (2, 5, 4.0, 3.0), (2, 6, 4.0, 2.2), (2, 7, 3.2, 2.2),
]  # fmt: skip


def written(path: Path, header: str, cell: str, rows=TABLE, *, between=",", encoding="utf-8"):
    """Write rows by a template of a row's cells; read the map."""
    cells = [cell.format(n=n, f=f, x=x, z=z, um=1e3 * x) for n, f, x, z in rows]
    text = "\n".join([header, *cells])
    path.write_text(text.replace("|", between), encoding=encoding)
    return read_one(path)


@pytest.mark.parametrize(
    ("header", "cell", "more"),
    [
        ("TRACK|FRAME|X (mm)|Z (mm)", "{n}|{f}|{x}|{z}", {}),
        ("x_mm|z_mm|frame|track", "{x}|{z}|{f}|{n}", {"between": "\t", "name": "b.tsv"}),
        ("track|t|x_mm|z_mm|amplitude", "{n}|{f}|{x}|{z}|n/a", {"between": ";"}),
        ("track|frame|x [mm]|z [mm]", "{n}|{f}|{x}|{z}", {"encoding": "utf-8-sig"}),
        ("track|frame|x [µm]|z [mm]", "{n}|{f}|{um}|{z}", {"encoding": "latin-1"}),
        ("track|frame|x_mm|z_mm", "{n}|{f}|{x}|{z}", {"encoding": "utf-16"}),
        ('"track"|"frame"|"x_mm"|"z_mm"', '"{n}.0"|"{f}"|"{x}"|"{z}"', {}),
        ("# made by hand\ntrack|frame|x_mm|z_mm", "{n}|{f}|{x}|{z}", {}),
        ("sep=;\ntrack|frame|x_mm|z_mm", "{n}|{f}|{x}|{z}", {"between": ";"}),
        ("track frame x_mm z_mm", "{n}   {f} {x} {z}", {}),
        ("track|frame|x_mm|y_mm|z_mm", "{n}|{f}|{x}|{z}|0", {}),
        (
            "LABEL|ID|TRACK_ID|POSITION_X|POSITION_Y|POSITION_Z|FRAME\nLabel|Spot|Track|X|Y|Z|F\n"
            "|||(mm)|(mm)|(mm)|",
            "s|{f}|{n}|{x}|{z}|0|{f}",
            {},
        ),
    ],
)
def test_the_map_does_not_depend_on_the_dialect(tmp_path: Path, header: str, cell: str, more):
    plain = written(tmp_path / "a.csv", "track|frame|x_mm|z_mm", "{n}|{f}|{x}|{z}")
    more = dict(more)
    other = written(tmp_path / more.pop("name", "b.csv"), header, cell, **more)
    xr.testing.assert_equal(plain, other.drop_attrs().rename(plain.name))
    assert other.attrs["spacing_known"]
    assert other.attrs["tracks"] == 2


def test_a_decimal_comma(tmp_path: Path):
    plain = written(tmp_path / "a.csv", "track|frame|x_mm|z_mm", "{n}|{f}|{x}|{z}")
    (tmp_path / "b.csv").write_text((tmp_path / "a.csv").read_text().translate({44: 59, 46: 44}))
    np.testing.assert_array_equal(read_one(tmp_path / "b.csv").values, plain.values)


@given(st.permutations(TABLE))
@settings(deadline=None, max_examples=20)
def test_the_map_does_not_depend_on_the_order_of_rows(rows):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        plain = written(path, "track|frame|x_mm|z_mm", "{n}|{f}|{x}|{z}")
        mixed = written(path, "track|frame|x_mm|z_mm", "{n}|{f}|{x}|{z}", rows)
    xr.testing.assert_identical(plain, mixed)


def test_what_a_table_leaves_open_is_said(tmp_path: Path):
    path = tmp_path / "a.csv"
    scan = written(path, "track|x|z", "{n}|{x}|{z}", [*TABLE, (3, 0, float("nan"), 1.0)])
    said = doubts_of(scan)
    assert "1 of 8 positions" in said["missing"]
    assert "order of the rows" in said["order"]
    assert "taken for mm, which makes a field of 1 mm" in said["spacing"]
    with pytest.raises(ScanError, match="positions in px, whose size is not in the file"):
        written(path, "track|x (px)|z (px)", "{n}|{x}|{z}")


@pytest.mark.parametrize(
    "text", ["\0\1,\2\n", '"', "track,x,y\n1,2," + "9" * 500, "sep=\n", "\n\n"]
)
def test_rubbish_in_a_table_is_one_short_sentence(tmp_path: Path, text: str):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ScanError, match=r"“a(\.csv)?”") as error:
        read_one(tmp_path / "a.csv")
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 300


def test_an_archive_that_declares_more_than_memory(tmp_path: Path):
    np.savez(tmp_path / "a.npz", rows=np.zeros((4, 3)), ends=np.array([2, 4]))
    with ZipFile(tmp_path / "a.npz", "a") as archive:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**7, 10**7)}
        with archive.open("more.npy", "w") as file:
            np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(ScanError, match="damaged"):
        read_one(tmp_path / "a.npz")


def test_tables_of_a_bids_folder_are_no_images(tmp_path: Path):
    for name in ("participants.tsv", "a.tif", "b.csv"):
        (tmp_path / name).write_text("x")
    assert [path.name for path in images_in(tmp_path)] == ["a.tif", "b.csv"]
