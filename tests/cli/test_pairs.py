"""``napari-fus-ulm pairs``: findings as lines, exit codes for scripts."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from napari_fus_ulm.cli import app
from napari_fus_ulm.cohort.table import read_cohort, write_pairs_table
from napari_fus_ulm.phantom import PhantomParams, simulate_pair
from napari_fus_ulm.phantom.files import write_phantom

EXACT = PhantomParams(
    width_mm=5.0, depth_mm=4.0, fus_pixel_um=(100.0, 100.0), shift_um=0.0, warp_um=0.0
)


def run(*arguments: object, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "100"})
    assert result.exit_code == code, result.output + result.stderr
    return result


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    folder = tmp_path / "cohort"
    sides = ("train", "validation", "test")
    write_pairs_table(
        folder,
        [
            write_phantom(
                folder,
                simulate_pair(seed, EXACT, vary=False),
                animal=f"sub-{seed:02d}",
                plane=None,
                split=side,
            )
            for seed, side in enumerate(sides, start=1)
        ],
    )
    return folder


def test_a_simulated_cohort_is_in_order(cohort: Path) -> None:
    result = run("pairs", "check", cohort)
    assert result.stdout == "3 pairs of 3 animals: no problems found\n"
    assert json.loads(run("pairs", "check", cohort, "--json").stdout) == {
        "pairs": 3,
        "animals": 3,
        "findings": [],
    }


def test_faults_are_lines_and_the_exit_code_is_one(cohort: Path) -> None:
    pairs = read_cohort(cohort)
    pairs[2].ulm.write_bytes(b"nothing")
    lines = run("pairs", "check", cohort, code=1).stdout.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"error    sub-03  {pairs[2].ulm}: ")
    assert lines[1] == "3 pairs of 3 animals: 1 error"
    report = json.loads(run("pairs", "check", cohort, "--json", code=1).stdout)
    assert [(one["level"], one["pair"]) for one in report["findings"]] == [("error", "sub-03")]


def test_warnings_do_not_fail(cohort: Path) -> None:
    table = cohort / "pairs.csv"
    table.write_text(table.read_text().replace(",test,", ",train,"))
    lines = run("pairs", "check", cohort).stdout.splitlines()
    assert lines[0].startswith("warning  (all)  No pair is on the test side")
    assert lines[-1] == "3 pairs of 3 animals: 1 warning"


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    lines = run("pairs", "check", tmp_path / "away", code=1).stdout.splitlines()
    assert "There is no folder" in lines[0]
    assert lines[-1] == "0 pairs of 0 animals: 1 error"


def test_help_says_what_it_does() -> None:
    assert "check" in run("pairs", "--help").stdout
    text = run("pairs", "check", "--help").stdout
    assert "say what is wrong" in text
    assert max(map(len, text.splitlines())) <= 100
