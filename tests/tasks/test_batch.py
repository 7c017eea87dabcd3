"""Many files, one after the other: failures end their file only, and what is done stays done."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from napari_fus_ulm.cli import app
from napari_fus_ulm.errors import CheckpointError, ScanError, SettingsError
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.io import write
from napari_fus_ulm.io.atomic import write_text
from napari_fus_ulm.phantom import PhantomPair
from napari_fus_ulm.tasks.batch import BatchSettings, Begun, Ended, Job, batch_run, plan
from napari_fus_ulm.tasks.copying import batch_command


@pytest.fixture
def night(section: PhantomPair, tmp_path: Path) -> Path:
    """A folder with two recordings and a damaged file between them."""
    folder = tmp_path / "night"
    folder.mkdir()
    fus = section.fus.isel(j=slice(10, 30), i=slice(20, 40))
    write(folder / "a_pwd.nii.gz", fus)
    write_text(folder / "b_pwd.tif", "no picture")
    write(folder / "c_pwd.nii.gz", 2.0 * fus)
    return folder


@pytest.fixture
def how(small_weights: Path) -> BatchSettings:
    enhance = EnhanceSettings(weights=str(small_weights), precision="float32")
    return BatchSettings(enhance=enhance, skip_done=True)


def ended(jobs: tuple[Job, ...], how: BatchSettings) -> list[Ended]:
    return [event for event in batch_run(jobs, how) if isinstance(event, Ended)]


def outcomes(jobs: tuple[Job, ...], how: BatchSettings) -> list[str]:
    return [one.outcome for one in ended(jobs, how)]


def test_a_bad_file_costs_no_other(night: Path, how: BatchSettings) -> None:
    jobs = plan([night], night / "out").jobs
    every = ended(jobs, how)
    assert [one.outcome for one in every] == ["done", "failed", "done"]
    assert "b_pwd.tif" in every[1].sentence
    assert all(job.target.is_file() for job in (jobs[0], jobs[2]))
    assert not jobs[1].target.exists()


def test_a_stopped_batch_goes_on_where_it_was(night: Path, how: BatchSettings) -> None:
    jobs = plan([night], night / "out").jobs
    events = batch_run(jobs, how)
    assert next(one for one in events if isinstance(one, Ended)).outcome == "done"
    events.close()  # type: ignore[attr-defined]
    assert outcomes(jobs, how) == ["skipped", "failed", "done"]
    assert outcomes(jobs, how) == ["skipped", "failed", "skipped"]


@pytest.mark.parametrize(
    "change",
    [{"pixel_um": 30.0}, {"mode": "detailed", "steps": 2}, {"values": "sqrt"}, {"seed": 3}],
)
def test_other_settings_are_another_result(
    night: Path, how: BatchSettings, change: dict[str, Any]
) -> None:
    jobs = plan([night / "a_pwd.nii.gz"], night / "out").jobs
    assert outcomes(jobs, how) == ["done"]
    other = replace(how, enhance=replace(how.enhance, **change))
    assert outcomes(jobs, other) == ["done"]


def test_a_file_that_has_changed_since_is_done_again(night: Path, how: BatchSettings) -> None:
    path = night / "a_pwd.nii.gz"
    jobs = plan([path], night / "out").jobs
    assert outcomes(jobs, how) == ["done"]
    later = path.stat().st_mtime + 3600.0
    os.utime(path, (later, later))
    assert outcomes(jobs, how) == ["done"]


def test_a_result_that_is_gone_is_made_again(night: Path, how: BatchSettings) -> None:
    jobs = plan([night / "a_pwd.nii.gz"], night / "out").jobs
    assert outcomes(jobs, how) == ["done"]
    jobs[0].target.unlink()
    assert outcomes(jobs, how) == ["done"]


def test_what_is_no_result_is_never_replaced(night: Path, how: BatchSettings) -> None:
    jobs = plan([night / "a_pwd.nii.gz"], night / "out").jobs
    jobs[0].target.parent.mkdir()
    write_text(jobs[0].target, "mine")
    (one,) = ended(jobs, how)
    assert one.outcome == "failed"
    assert "not overwritten" in one.sentence
    assert jobs[0].target.read_text() == "mine"


def test_results_in_the_folder_are_no_recordings(night: Path, how: BatchSettings) -> None:
    jobs = plan([night], night).jobs
    ended(jobs, how)
    again = plan([night], night)
    assert again.jobs == jobs
    assert "are not enhanced again" in again.notes[0]


def test_two_results_never_have_one_name(night: Path) -> None:
    inputs = [night / "a_pwd.nii.gz", night / "A_PWD.tif"]
    with pytest.raises(SettingsError, match="would both be"):
        plan(inputs, night / "out")


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match="contains no image"):
        plan([tmp_path], tmp_path / "out")


def test_what_is_missing_is_said_before_the_first_file(night: Path) -> None:
    how = BatchSettings(enhance=EnhanceSettings(weights=str(night / "gone.safetensors")))
    with pytest.raises(CheckpointError):
        next(batch_run(plan([night], night / "out").jobs, how))


def test_every_file_begins_and_ends(night: Path, how: BatchSettings) -> None:
    events = list(batch_run(plan([night], night / "out").jobs, how))
    marks = [(type(one), one.number) for one in events if isinstance(one, Begun | Ended)]
    assert marks == [(kind, number) for number in range(3) for kind in (Begun, Ended)]


def test_the_copied_command_does_the_same(
    night: Path, how: BatchSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shlex

    out = night / "out"
    assert outcomes(plan([night], out).jobs, how) == ["done", "failed", "done"]
    command = batch_command([night], str(out), how)
    result = CliRunner().invoke(app, shlex.split(command)[1:])
    assert result.exit_code == 1
    assert result.stderr.count("Done already") == 2
    assert "Failed: b_pwd.tif" in result.stderr
