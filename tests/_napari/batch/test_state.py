"""What the Batch dock knows, without a dock."""

from pathlib import Path

import pytest

from napari_fus_ulm._napari.batch.state import SHARE, BatchState
from napari_fus_ulm._napari.run import CANCELLED, DONE, FAILED
from napari_fus_ulm.inference.events import Notice, Progress
from napari_fus_ulm.tasks.batch import Begun, Ended


@pytest.fixture
def state(tmp_path: Path) -> BatchState:
    """Three files, of which nothing is read."""
    chosen = BatchState()
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}_pwd.tif").touch()
    chosen.add([tmp_path])
    return chosen


def told(state: BatchState) -> list[str]:
    return [row.outcome for row in state.shown.rows]


def test_nothing_is_offered_without_files() -> None:
    state = BatchState()
    assert state.shown.phase == "empty"
    assert state.start() is None


def test_results_go_beside_the_files_unless_another_folder_is_chosen(
    state: BatchState, tmp_path: Path
) -> None:
    assert state.shown.out == str(tmp_path / "enhanced")
    assert state.shown.offer == "Enhance 3 files"
    state.set_out(str(tmp_path / "elsewhere"))
    assert {row.job.target.parent.name for row in state.shown.rows} == {"elsewhere"}


def test_what_cannot_be_planned_is_said(tmp_path: Path) -> None:
    state = BatchState()
    state.add([tmp_path])
    assert "contains no image" in state.shown.error
    assert state.start() is None
    state.clear()
    assert not state.shown.error


def test_every_file_has_its_outcome_and_what_was_said_of_it(state: BatchState) -> None:
    assert state.start() is not None
    for event in (
        Begun(0),
        Notice("Pixel size not in the file."),
        Ended(0, "done", "×5.", seconds=2.0),
        Begun(1),
        Ended(1, "failed", "It is damaged."),
        Begun(2),
        Ended(2, "skipped", "Done already."),
    ):
        state.on_event(event)
    state.on_ended(DONE)
    assert told(state) == ["done", "failed", "skipped"]
    assert state.shown.rows[0].details == "×5.\nPixel size not in the file."
    assert state.shown.status == "1 done, 1 done before, 1 failed."


def test_progress_is_over_all_files_that_take_time(state: BatchState) -> None:
    state.start()
    for event in (Begun(0), Ended(0, "skipped", "Done already."), Begun(1), Progress(1, 2, "")):
        state.on_event(event)
    assert state.shown.progress == Progress(SHARE // 2, 2 * SHARE, "file 1 of 2")


def test_a_cancelled_batch_says_what_is_left_and_goes_on(state: BatchState) -> None:
    state.start()
    for event in (Begun(0), Ended(0, "done", "×5."), Begun(1)):
        state.on_event(event)
    state.cancel()
    assert state.shown.phase == "cancelling"
    state.on_ended(CANCELLED)
    assert told(state) == ["done", "stopped", "waiting"]
    assert "2 left. Enhance again to go on." in state.shown.status
    assert state.settings.skip_done
    assert state.start() is not None


def test_a_batch_that_cannot_begin_says_why(state: BatchState) -> None:
    state.start()
    state.on_ended(FAILED, "There are no weights.")
    assert state.shown.error == "There are no weights."
    assert told(state) == ["waiting"] * 3


def test_wrong_settings_begin_nothing(state: BatchState) -> None:
    state.refuse_settings("overlap is 800.")
    assert state.start() is None
    assert state.shown.error == "overlap is 800."
