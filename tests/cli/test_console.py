from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_fus_ulm.cli import app, frc
from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.tasks.failures import FOLDER_VARIABLE

FAULT = KeyError("no such key")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Reading any file fails with a fault of the program, which is logged in ``tmp_path``."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "logs"))
    monkeypatch.setattr("napari_fus_ulm.io.read_one", _fail_with(FAULT))
    return monkeypatch


def _fail_with(error: Exception):  # type: ignore[no-untyped-def]
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.stderr


def test_a_fault_is_one_sentence_that_names_the_log(
    failing: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, message = run(frc.NAME, "first.npy", "second.npy")
    log = tmp_path / "logs" / "napari-fus-ulm.log"
    assert code == 1
    assert message.startswith("Failed: ")
    assert "KeyError" in message
    assert str(log) in message
    assert "Traceback" not in message
    assert "Traceback" in log.read_text(encoding="utf-8")


def test_debug_shows_the_traceback(failing: pytest.MonkeyPatch) -> None:
    code, message = run("--debug", frc.NAME, "first.npy", "second.npy")
    assert code == 1
    assert "Traceback" in message
    assert "in fail" in message


def test_an_error_for_the_user_is_not_logged(failing: pytest.MonkeyPatch, tmp_path: Path) -> None:
    failing.setattr("napari_fus_ulm.io.read_one", _fail_with(ScanError("It is empty.")))
    assert run(frc.NAME, "first.npy", "second.npy") == (1, "Failed: It is empty.\n")
    assert not (tmp_path / "logs").exists()
