from __future__ import annotations

import errno
from pathlib import Path

import pytest

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.tasks.failures import (
    FOLDER_VARIABLE,
    LOG_BYTES,
    MEMORY_RAN_OUT,
    failure_of,
    log_file,
)


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def test_an_error_for_the_user_is_its_sentence_and_nothing_is_logged(tmp_path: Path) -> None:
    log = tmp_path / "log"
    failure = failure_of(raised(ScanError("The image is empty.")), log)
    assert (failure.sentence, failure.details) == ("The image is empty.", "")
    assert failure_of(MemoryError(), log).sentence == MEMORY_RAN_OUT
    assert not log.exists()


def test_a_full_disk_and_a_closed_folder_name_the_file(tmp_path: Path) -> None:
    log = tmp_path / "log"
    full = failure_of(OSError(errno.ENOSPC, "No space left on device", "/data/rat.nii.gz"), log)
    assert full.sentence == (
        "“/data/rat.nii.gz” cannot be used: No space left on device. Free some space, or choose "
        "another disk."
    )
    closed = failure_of(PermissionError(errno.EACCES, "Permission denied", "/data"), log)
    assert closed.sentence.startswith("“/data” cannot be used: Permission denied. Choose another")
    assert not log.exists()


@pytest.mark.parametrize(
    "error", [ValueError("Looks like a sentence."), KeyError("x"), KeyboardInterrupt(), OSError()]
)
def test_a_fault_is_logged_with_its_traceback(tmp_path: Path, error: BaseException) -> None:
    log = tmp_path / "logs" / "log"
    failure = failure_of(raised(error), log)
    assert type(error).__name__ in failure.sentence
    assert f"“{log}”" in failure.sentence
    assert "in raised" in failure.details
    assert failure.details in log.read_text(encoding="utf-8")


def test_the_log_does_not_grow_without_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for _ in range(8):
        failure_of(RuntimeError("x" * (LOG_BYTES // 2)), log)
    assert log.stat().st_size <= 2 * LOG_BYTES
    assert len(list(tmp_path.iterdir())) == 3


def test_a_log_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    failure = failure_of(raised(KeyError("x")), tmp_path / "file" / "log")
    assert "could not be logged" in failure.sentence
    assert failure.details


def test_the_environment_names_another_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, "/elsewhere")
    assert log_file().parent == Path("/elsewhere")
    monkeypatch.delenv(FOLDER_VARIABLE)
    assert "napari-fus-ulm" in str(log_file().parent)
