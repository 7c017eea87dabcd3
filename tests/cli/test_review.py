"""``napari-fus-ulm review``: a session from files, its report, exit codes."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_fus_ulm.cli import app
from napari_fus_ulm.io import write
from napari_fus_ulm.review.session import Session
from napari_fus_ulm.scan import make_scan


def run(*arguments: object, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "100"})
    assert result.exit_code == code, result.output + result.stderr
    return result


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Two generators and the ULM of three sections, 24 × 30 pixels of 20 µm."""
    random = np.random.default_rng(0)
    for method in ("sharp", "soft", "ulm"):
        (tmp_path / method).mkdir()
        for n in range(3):
            attributes = {"generated": True} if method != "ulm" else {}
            kind = "linear" if method == "ulm" else "grey"
            values = random.poisson(2, (24, 30)) if method == "ulm" else random.random((24, 30))
            scan = make_scan(values, spacing=0.02, modality="ulm", values_kind=kind, **attributes)
            write(tmp_path / method / f"sub-{n}_plane.npy", scan)
    return tmp_path


def new(made: Path, *more: object, code: int = 0) -> Any:
    return run(
        "review", "new", made / "look", "--generated", f"sharp={made / 'sharp'}",
        "--generated", f"soft={made / 'soft'}", *more, code=code,
    )  # fmt: skip


def answer_all(folder: Path, preference: Any = "left") -> None:
    session = Session.open(folder)
    while (trial := session.next_trial()) is not None:
        session.answer(trial, left_continuity=4, right_continuity=2, preference=preference)


def test_from_files_to_a_report(made: Path) -> None:
    message = new(made, "--ulm", made / "ulm", "--seed", 4).stderr
    assert "11 trials" in message
    assert "with the real ULM as a control" in message
    look = made / "look"
    refused = run("review", "report", look, code=1).stderr
    assert "holds no answer" in refused
    answer_all(look)
    text = run("review", "report", look).stdout
    assert "3 sections of 3 animals, 11 trials; answered: 11 by the unnamed reader" in text
    assert "left was preferred in 9 of 9 decided trials" in text
    assert "Control: the real ULM (ULM) was preferred over generated pictures in" in text
    report = json.loads(run("review", "report", look, "--json").stdout)
    assert report["readers"][0]["left"]["count"] == 9
    # Who says left says nothing of the pictures: half of six, but for the balance of so few.
    assert report["control"]["chosen"]["total"] == 6
    assert 2 <= report["control"]["chosen"]["count"] <= 4
    assert [one["name"] for one in report["candidates"]] == ["sharp", "soft", "ULM"]
    rows = list(csv.DictReader(io.StringIO(run("review", "report", look, "--csv").stdout)))
    assert len(rows) == 11
    assert all(row["preferred"] == row["left"] for row in rows)
    notes = json.loads((look / "unblinded.json").read_text())["unblinded"]
    assert len(notes) == 3
    page = Path(run("review", "report", look, "--save").stdout.strip())
    assert "<table>" in page.read_text(encoding="utf-8")
    assert run("review", "report", look, "--marks").stdout.startswith("case,animal,candidate,kind")


def test_without_a_control_and_before_the_end(made: Path) -> None:
    assert "without a control" in new(made, "--repeats", 0).stderr
    look = made / "look"
    session = Session.open(look)
    assert session.progress.total == 3
    session.answer(session.next_trial(), left_continuity=1, right_continuity=5, preference="right")
    assert "--partial" in run("review", "report", look, code=1).stderr
    error = json.loads(run("review", "report", look, "--json", code=1).stdout)["error"]
    assert error.startswith("2 of 3 trials are unanswered")
    assert not (look / "unblinded.json").exists()
    text = run("review", "report", look, "--partial").stdout
    assert text.startswith("**Unblinded before the end.**")
    assert "No real ULM was among the judged pictures" in text


def test_nothing_that_is_printed_before_the_report_tells_the_key(made: Path) -> None:
    result = new(made, "--ulm", made / "ulm")
    assert "sharp" not in result.output
    assert "soft" not in result.output


@pytest.mark.parametrize("argument", ["sharp", "=x", "soft=again", "ULM=x"])
def test_names_that_cannot_be_told_apart_are_a_usage_error(made: Path, argument: str) -> None:
    assert "NAME=PATH" in new(made, "--generated", argument, code=2).stderr
    assert not (made / "look").exists()


def test_a_control_that_was_generated_is_refused(made: Path) -> None:
    assert "is marked as generated" in new(made, "--ulm", made / "soft", code=1).stderr
    assert not (made / "look").exists()


def test_help_fits_a_screen() -> None:
    for name in ("new", "report"):
        text = run("review", name, "--help").stdout
        assert len(text.splitlines()) <= 45
        assert max(map(len, text.splitlines())) <= 100
