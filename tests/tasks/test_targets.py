"""Where results go: nothing is replaced but results of the same kind, and that with a word."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from napari_fus_ulm.errors import OverwriteError, ScanError
from napari_fus_ulm.io import write
from napari_fus_ulm.io.atomic import write_text
from napari_fus_ulm.io.side_information import sidecar_of
from napari_fus_ulm.scan import make_scan
from napari_fus_ulm.tasks.record import Record, Source, read_record, write_record
from napari_fus_ulm.tasks.replay import checked, save, save_image, task_of
from napari_fus_ulm.tasks.targets import prepare_target, record_path, replaceable, results_in
from napari_fus_ulm.tasks.task import Task


def task(name: str = "enhance") -> Task:
    found = task_of(name)
    assert isinstance(found, Task)
    return found


def written(target: Path, *others: str, name: str = "enhance") -> None:
    """Leave the files of an earlier run, and their record."""
    paths = [target, *(target.with_name(other) for other in others)]
    for path in paths:
        write_text(path, "result")
    folder = target if task(name).file else target.parent
    write_record(record_path(task(name), folder), Record(task=name).with_outputs(paths))


def test_a_new_place_is_made_and_nothing_is_replaced(tmp_path: Path) -> None:
    assert prepare_target(task(), tmp_path / "new" / "rat_enhanced.ome.tif", []) == []
    assert (tmp_path / "new").is_dir()


def test_results_of_an_earlier_run_are_replaced_with_a_word(tmp_path: Path) -> None:
    target = tmp_path / "rat_enhanced.ome.tif"
    written(target, "rat_enhanced_spread.ome.tif")
    assert len(prepare_target(task(), target, [])) == 2
    (notice,) = checked(Record(task="enhance"), target, iter(()))
    assert "are replaced: rat_enhanced.ome.tif, rat_enhanced_spread.ome.tif" in notice.message


@pytest.mark.parametrize("name", ["rat.ome.tif", "rat_spread.ome.tif", "rat_record.json"])
def test_files_of_others_are_kept(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / name, '{"mine": 1}')
    with pytest.raises(
        OverwriteError, match=rf"“{name}” exists in .* and is not known as a result"
    ):
        prepare_target(task(), tmp_path / "rat.ome.tif", [])
    assert (tmp_path / name).read_text() == '{"mine": 1}'


@pytest.mark.parametrize("suffix", [".npy", ".nii", ".nii.gz"])
def test_the_side_information_of_others_is_kept(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"rat{suffix}"
    beside = sidecar_of(target)
    write_text(beside, '{"RepetitionTime": 0.4}')
    with pytest.raises(OverwriteError, match=rf"“{re.escape(beside.name)}” exists in"):
        prepare_target(task(), target, [])
    if suffix == ".npy":  # NIfTI keeps what stood there
        with pytest.raises(OverwriteError, match=r"“rat\.npy\.json” exists in"):
            write(target, enhanced())
    written(target)
    assert prepare_target(task(), target, []) == [target, beside]


def enhanced() -> xr.DataArray:
    """A result."""
    image = make_scan(np.eye(8, dtype=np.float32), spacing=0.02, modality="ulm")
    return image.assign_attrs(values="grey", generated=True)


def test_a_saved_image_replaces_what_somebody_said_it_may(tmp_path: Path) -> None:
    recording, target = tmp_path / "rat.npy", tmp_path / "rat_enhanced.npy"
    write_text(recording, "recording")
    write_text(target, "notes")
    record = Record(task="enhance", inputs={"fus": Source(layer="rat", path=str(recording))})
    with pytest.raises(OverwriteError, match=r"“rat_enhanced\.npy” exists"):
        save_image(enhanced(), target, record)
    with pytest.raises(OverwriteError, match=r"“rat_enhanced\.npy” exists"):
        save_image(enhanced(), target, None)
    assert target.read_text() == "notes"
    assert save_image(enhanced(), target, record, confirmed=True) == target.name
    assert read_record(tmp_path / "rat_enhanced_record.json").outputs == (target.name,)
    # The recording that a result was made of is not for anybody to give away by a click.
    with pytest.raises(OverwriteError, match="a file that this run reads"):
        save_image(enhanced(), recording, record, confirmed=True)
    assert recording.read_text() == "recording"


def test_a_record_of_another_task_or_of_other_files_does_not_count(tmp_path: Path) -> None:
    written(tmp_path / "frc.csv", name="frc")
    assert prepare_target(task("frc"), tmp_path, []) == [tmp_path / "frc.csv"]
    with pytest.raises(OverwriteError, match=r"“record\.json”"):
        prepare_target(task("coherence"), tmp_path, [])
    write_text(tmp_path / "resolution.ome.tif", "mine")
    with pytest.raises(OverwriteError, match=r"“resolution\.ome\.tif”"):
        prepare_target(task("frc"), tmp_path, [])


def linked(path: Path, how: str) -> Path:
    """Another name of a file."""
    (path.parent / "deep").mkdir()
    other = path.parent / "deep" / path.name
    if how == "symbolic":
        other.symlink_to(path)
    elif how == "hard":
        os.link(path, other)
    elif how == "folder":
        (path.parent / "beside").symlink_to(path.parent)
        other = path.parent / "beside" / path.name
    elif how == "dots":
        other = path.parent / "deep" / ".." / path.name
    return other


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize("how", ["symbolic", "hard", "folder", "dots", "itself"])
@pytest.mark.parametrize("known", [True, False])
def test_an_input_is_never_replaced_by_whatever_name(tmp_path: Path, how: str, known: bool) -> None:
    recording = tmp_path / "rat.ome.tif"
    write_text(recording, "recording")
    if known:  # even where a record lists it: a result that is taken as an input
        written(recording)
    target = recording if how == "itself" else linked(recording, how)
    with pytest.raises(OverwriteError, match=r"a file that this run reads"):
        prepare_target(task(), target, [recording])


def test_a_link_to_nothing_counts_as_a_file(tmp_path: Path) -> None:
    target = tmp_path / "rat.ome.tif"
    try:
        target.symlink_to(tmp_path / "a disk that is not mounted")
    except OSError:
        pytest.skip("links need rights here")
    with pytest.raises(OverwriteError):
        replaceable(task(), target)


def test_folders_in_the_place_of_files_and_files_in_that_of_folders(tmp_path: Path) -> None:
    (tmp_path / "rat.ome.tif").mkdir()
    with pytest.raises(OverwriteError, match="is a folder"):
        prepare_target(task(), tmp_path / "rat.ome.tif", [])
    write_text(tmp_path / "file", "")
    with pytest.raises(ScanError, match="Nothing can be written to"):
        prepare_target(task(), tmp_path / "file" / "rat.ome.tif", [])
    with pytest.raises(ScanError, match="Nothing can be written to"):
        prepare_target(task("frc"), tmp_path / "file", [])


def test_the_results_in_a_folder_are_known_by_their_records(tmp_path: Path) -> None:
    written(tmp_path / "rat_enhanced.ome.tif", "rat_enhanced_spread.ome.tif")
    write_text(tmp_path / "broken_record.json", "{")
    write_text(tmp_path / "rat.ome.tif", "recording")
    expected = {"rat_enhanced.ome.tif", "rat_enhanced_spread.ome.tif"}
    assert results_in(tmp_path) == expected


def test_a_failed_save_leaves_result_and_record_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "table.csv"
    written(target, name="metrics")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def half(_: object, path: Path) -> list[Path]:
        write_text(path, "new")
        raise ScanError("the second file is refused")

    monkeypatch.setattr("napari_fus_ulm.tasks.replay.task_of", lambda name: _with(task(name), half))
    with pytest.raises(ScanError, match="the second file"):
        list(save(Record(task="metrics", inputs={"a": Source(layer="a")}), None, target))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert read_record(tmp_path / "table_record.json").task == "metrics"


def _with(one: Task, save_: object) -> Task:
    import dataclasses

    return dataclasses.replace(one, save=save_)
