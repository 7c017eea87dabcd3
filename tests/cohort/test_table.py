"""The list of pairs: read from a table or from names, and every fault in words."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from napari_fus_ulm.cohort.description import write_cohort_description, write_pair
from napari_fus_ulm.cohort.table import (
    PairFiles,
    animal_of,
    cohort_name,
    fingerprint,
    read_cohort,
    survey,
    write_pairs_table,
)
from napari_fus_ulm.errors import CohortError
from napari_fus_ulm.io import read_one
from napari_fus_ulm.phantom import PhantomParams, read_vessels, simulate_pair
from napari_fus_ulm.phantom.files import write_phantom
from napari_fus_ulm.scan import extent_of

HEAD = "name,animal,split,fus,ulm,vessels"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files that a table can name; nothing reads their content."""
    for kind in ("fus", "ulm"):
        (tmp_path / kind).mkdir()
        for n in (1, 2):
            (tmp_path / kind / f"rat {n}.nii.gz").write_bytes(f"{kind}{n}".encode())
    return tmp_path


def table(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    (folder / "pairs.csv").write_bytes("\r\n".join(lines).encode(encoding))
    return folder


def row(n: int = 1, name: str = "", animal: str = "A", split: str = "") -> str:
    return f"{name},{animal},{split},fus/rat {n}.nii.gz,ulm/rat {n}.nii.gz,"


def test_a_table_comes_back_as_it_was_written(cohort: tuple[Path, list[PairFiles]]) -> None:
    folder, pairs = cohort
    assert read_cohort(folder) == tuple(pairs)
    text = (folder / "pairs.csv").read_text()
    assert text.splitlines()[:2] == [
        HEAD,
        "sub-01,sub-01,train,sub-01/angio/sub-01_pwd.nii.gz,sub-01/ulm/sub-01_ulm.nii.gz,",
    ]
    assert not list(folder.glob(".part-*"))


def test_a_cohort_can_be_moved(cohort: tuple[Path, list[PairFiles]], tmp_path: Path) -> None:
    folder, _ = cohort
    there = folder.rename(tmp_path / "elsewhere")
    assert all(pair.fus.is_file() and pair.ulm.is_file() for pair in read_cohort(there))


def test_files_outside_the_folder_are_told_in_full(
    cohort: tuple[Path, list[PairFiles]], tmp_path: Path
) -> None:
    _, pairs = cohort
    write_pairs_table(tmp_path / "lists", pairs)
    assert [pair.fus for pair in read_cohort(tmp_path / "lists")] == [pair.fus for pair in pairs]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_tables_of_spreadsheets_are_read(folder: Path, encoding: str, delimiter: str) -> None:
    lines = [HEAD.upper(), row(1, "µ1", "Ratte"), row(2, "µ2", "Ratte", "Val"), ""]
    table(folder, *(line.replace(",", delimiter) for line in lines), encoding=encoding)
    one, two = read_cohort(folder)
    assert (one.name, one.animal, one.split) == ("µ1", "Ratte", "")
    assert (two.name, two.split, two.vessels) == ("µ2", "validation", None)


def test_paths_of_windows_are_found(folder: Path) -> None:
    table(folder, "animal,fus,ulm", r"A,fus\rat 1.nii.gz,ulm\rat 1.nii.gz")
    (pair,) = read_cohort(folder)
    assert pair.fus == folder / "fus" / "rat 1.nii.gz"


def test_only_animal_fus_and_ulm_are_needed_and_own_columns_are_welcome(folder: Path) -> None:
    table(folder, "weight_g,ulm,fus,animal", "310,ulm/rat 2.nii.gz,fus/rat 1.nii.gz,A")
    (pair,) = read_cohort(folder)
    assert pair == PairFiles(
        "rat 1", "A", folder / "fus" / "rat 1.nii.gz", folder / "ulm" / "rat 2.nii.gz"
    )


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["name,animal,ulm"], r"pairs\.csv lacks the column fus; its first line must be name,an"),
        ([""], r"lacks the column animal, fus, ulm"),
        ([HEAD], r"lists no pair"),
        ([HEAD, row(), ",,,,,"], r"Line 3 of .*pairs\.csv is empty; delete it\."),
        ([HEAD, row(animal="")], r"Line 2 of .* has nothing in the column “animal”"),
        ([HEAD, row(3)], r"Line 2 of .* names fus/rat 3\.nii\.gz, but there is no such file"),
        ([HEAD, row(split="tset")], r"Line 2 of .* has the split “tset”; train, validation, test"),
        ([HEAD, row(1, "R"), row(2, "r")], r"Lines 2 and 3 of .* are both called r; give every"),
        ([HEAD, 'x,a,"fus\nb', row()], r"Line 4 of .* has a line break inside a cell; probably a"),
        ([HEAD, row() + ",more"], r"Line 2 of .* has more cells than the first line"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(folder: Path, lines: list[str], words: str) -> None:
    with pytest.raises(CohortError, match=words):
        read_cohort(table(folder, *lines))


def test_a_table_in_another_encoding_is_said(folder: Path) -> None:
    table(folder, HEAD, row(1, "Mäuse"), encoding="latin-1")
    with pytest.raises(CohortError, match="not in UTF-8; save it as “CSV UTF-8”"):
        read_cohort(folder)


def test_all_faults_are_found_and_the_other_pairs_stay(folder: Path) -> None:
    table(folder, HEAD, row(9), row(1, "one"), row(2, "two", split="x"))
    pairs, faults = survey(folder)
    assert [pair.name for pair in pairs] == ["one"]
    assert [fault.pair for fault in faults] == ["", "two"]
    with pytest.raises(CohortError, match=r"no such file; .* \(1 more fault: see napari-fus-ulm"):
        read_cohort(folder)


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=r"There is no folder .*/away\."):
        read_cohort(tmp_path / "away")


def test_without_a_table_equal_names_are_pairs(folder: Path) -> None:
    (folder / "fus" / "notes.txt").write_text("not an image")
    pairs = read_cohort(folder)
    assert [(pair.name, pair.animal, pair.split) for pair in pairs] == [
        ("rat 1", "rat 1", ""),
        ("rat 2", "rat 2", ""),
    ]


@pytest.mark.parametrize(
    ("name", "animal"),
    [
        ("sub-01_acq-plane2", "sub-01"),
        ("sub-01", "sub-01"),
        ("sub-a.7", "sub-a.7"),
        ("rat_sub-01_x", "rat_sub-01_x"),
        ("phantom-000003", "phantom-000003"),
    ],
)
def test_names_as_in_bids_tell_the_animal(name: str, animal: str) -> None:
    assert animal_of(name) == animal


def test_two_pairs_of_one_name_are_not_written(cohort: tuple[Path, list[PairFiles]]) -> None:
    folder, pairs = cohort
    before = (folder / "pairs.csv").read_bytes()
    with pytest.raises(CohortError, match="Two pairs are called sub-01"):
        write_pairs_table(folder, [pairs[0], pairs[0]])
    assert (folder / "pairs.csv").read_bytes() == before


def test_a_fingerprint_survives_renaming(folder: Path) -> None:
    path = folder / "fus" / "rat 1.nii.gz"
    before = fingerprint(path)
    assert len(before) == 16
    assert fingerprint(path.rename(folder / "x")) == before
    assert fingerprint(folder / "ulm" / "rat 1.nii.gz") != before


@pytest.mark.parametrize("suffix", [".nii.gz", ".ome.tif", ".npy"])
def test_a_phantom_is_written_into_the_layout(tmp_path: Path, suffix: str) -> None:
    params = PhantomParams(width_mm=3.0, depth_mm=2.5)
    pair = simulate_pair(3, params, vary=False)
    written = write_phantom(tmp_path, pair, animal="sub-07", plane=2, split="test", suffix=suffix)
    name = "sub-07_acq-plane2"
    assert written == PairFiles(
        name,
        "sub-07",
        tmp_path / "sub-07" / "angio" / f"{name}_pwd{suffix}",
        tmp_path / "sub-07" / "ulm" / f"{name}_ulm{suffix}",
        "test",
        tmp_path / "sub-07" / "truth" / f"{name}_vessels.npz",
    )
    write_pairs_table(tmp_path, [written])
    assert read_cohort(tmp_path) == (written,)
    for path, scan, kind in ((written.fus, pair.fus, "fus"), (written.ulm, pair.ulm, "ulm")):
        read = read_one(path).squeeze(drop=True)
        assert np.array_equal(read.values, scan.values)
        assert extent_of(read) == pytest.approx(extent_of(scan), rel=1e-6)
        assert read.attrs["modality"] == kind
        assert read.attrs["values"] == "linear"
    assert written.vessels is not None
    assert np.allclose(read_vessels(written.vessels).points, pair.vessels.points, atol=1e-2)


def test_the_same_pair_gives_the_same_files(
    tmp_path: Path, make_pair: Callable[..., tuple[xr.DataArray, xr.DataArray]]
) -> None:
    """Otherwise what weights have seen could not be recognised."""
    one, two = (
        write_pair(tmp_path / place, *make_pair(1), animal="sub-01") for place in ("a", "b")
    )
    assert fingerprint(one.fus) == fingerprint(two.fus)


@pytest.mark.parametrize("animal", ["rat1", "sub-", "sub-a/b", "sub-1 2", "../sub-1"])
def test_names_that_are_no_folder_are_refused(
    tmp_path: Path, make_pair: Callable[..., tuple[xr.DataArray, xr.DataArray]], animal: str
) -> None:
    with pytest.raises(CohortError, match="An animal cannot be called"):
        write_pair(tmp_path, *make_pair(1), animal=animal)
    assert list(tmp_path.iterdir()) == []


def test_a_description_says_what_the_cohort_is(cohort: tuple[Path, list[PairFiles]]) -> None:
    folder, pairs = cohort
    assert cohort_name(folder) == "cohort"
    shown = [dataclasses.replace(pair, vessels=folder / "v.npz") for pair in pairs]
    write_cohort_description(
        folder, shown, name="phantoms, seed 4", about="Simulated animals.", settings={"seed": 4}
    )
    assert cohort_name(folder) == "phantoms, seed 4"
    description = json.loads((folder / "dataset_description.json").read_text())
    assert {"Name", "BIDSVersion", "DatasetType", "GeneratedBy"} == set(description)
    assert description["GeneratedBy"][0]["Name"] == "napari-fus-ulm"
    assert description["GeneratedBy"][0]["Settings"] == {"seed": 4}
    readme = (folder / "README").read_text()
    assert "Simulated animals." in readme
    assert "sub-XX/truth/" in readme
    participants = (folder / "participants.tsv").read_text().splitlines()
    assert participants[0] == "participant_id\tplanes\tsplit"
    assert participants[1:] == ["sub-01\t1\ttrain", "sub-02\t1\tvalidation", "sub-03\t1\ttest"]
    # A recorded cohort has no vessel trees.
    write_cohort_description(folder, pairs, name="rats", about="Recorded.")
    assert "truth" not in (folder / "README").read_text()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"Name": ""}'])
def test_a_broken_description_leaves_the_folders_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "dataset_description.json").write_text(content)
    assert cohort_name(tmp_path) == tmp_path.name
