"""``napari-fus-ulm simulate``: cohorts on disk, and the calibration table."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_fus_ulm.cli import app
from napari_fus_ulm.cohort.table import read_cohort
from napari_fus_ulm.io import read_one
from napari_fus_ulm.phantom import population, simulate_pair
from napari_fus_ulm.phantom.calibration import real
from napari_fus_ulm.phantom.calibration import run as calibration
from napari_fus_ulm.phantom.calibration.measure import Measured
from napari_fus_ulm.phantom.calibration.real import stored_numbers
from napari_fus_ulm.phantom.calibration.run import AnimalMeasured, Calibrated
from napari_fus_ulm.phantom.calibration.table import TABLE, table_rows
from napari_fus_ulm.phantom.population import PlanesReady, PopulationSettings
from napari_fus_ulm.tasks import simulate


def run(*arguments: object, code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["simulate", *map(str, arguments)], env={"COLUMNS": "100"})
    assert result.exit_code == code, result.output + result.stderr
    return result


# ---------------------------------------------------------------- cohorts


@pytest.mark.slow
def test_a_simulated_cohort_is_what_the_seed_says(tmp_path: Path) -> None:
    out = tmp_path / "rats"
    options = ["-o", out, "--seed", 7, "--suffix", ".npy", "--workers", 1]
    assert run(*options).stdout.strip() == str(out / "pairs.csv")
    (pair,) = read_cohort(out)
    assert pair.name == "sub-01"
    expected = simulate_pair(7)
    assert np.array_equal(read_one(pair.fus).values, expected.fus.values)
    assert np.array_equal(read_one(pair.ulm).values, expected.ulm.values)
    # Again: nothing is left to do.
    assert json.loads(run(*options, "--json").stdout) == {
        "folder": str(out),
        "pairs": 1,
        "table": str(out / "pairs.csv"),
    }
    assert "other settings (seed: 7)" in run("-o", out, "--suffix", ".npy", code=1).stderr


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[PopulationSettings, int]]:
    """What would have been simulated."""
    seen: list[tuple[PopulationSettings, int]] = []

    def simulated(
        folder: Path, settings: PopulationSettings, *, workers: int
    ) -> Iterator[PlanesReady]:
        seen.append((settings, workers))
        yield PlanesReady(settings.animals, settings.animals)

    monkeypatch.setattr(simulate, "simulate_population", simulated)
    return seen


def test_options_become_settings(
    asked: list[tuple[PopulationSettings, int]], tmp_path: Path
) -> None:
    options = ["-n", 2000, "--planes", 5, "--seed", 3, "--suffix", ".ome.tif", "--workers", 4]
    run("-o", tmp_path, *options)
    run("-o", tmp_path, "--study")
    assert asked == [
        (PopulationSettings(animals=2000, planes=5, seed=3, suffix=".ome.tif"), 4),
        (population.study_settings(), 2),
    ]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ((), "-o"),
        (("-o", "x", "--seed", "-1"), "seed"),
        (("-o", "x", "--suffix", ".png"), "suffix"),
        (("-o", "x", "--study", "-n", "3"), "--study"),
        (("-o", "x", "--study", "--seed", "3"), "--study"),
        (("-o", "x", "--real", "y"), "--real"),
        (("-o", "x", "--calibration"), "--calibration"),
        (("--calibration", "--planes", "2"), "--planes"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: tuple[str, ...], word: str) -> None:
    assert word in run(*options, code=2).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT to a group of processes")
@pytest.mark.slow
def test_ctrl_c_leaves_a_readable_cohort_and_says_how_to_go_on(tmp_path: Path) -> None:
    out = tmp_path / "rats"
    code = "from napari_fus_ulm.cli import main; main()"
    options = ["simulate", "-o", str(out), "-n", "50", "--suffix", ".npy"]
    running = subprocess.Popen(
        [sys.executable, "-c", code, *options],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
    )
    for _ in range(600):
        if list(out.glob("sub-*/truth/*.npz")):
            break
        time.sleep(0.1)
    # As a terminal does: to the command and to everything that it has started.
    os.killpg(running.pid, signal.SIGINT)
    _, message = running.communicate(timeout=120)
    assert running.returncode == 130
    assert f"Complete pairs in {out} are kept; run the same command again to continue." in message
    assert "Traceback" not in message
    listed = read_cohort(out)
    assert 1 <= len(listed) < 10
    assert len(listed) == len(list(out.glob("sub-*/truth/*_vessels.npz")))


# ---------------------------------------------------------------- calibration


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A calibration that simulates nothing; its animals lie in every range but one."""
    asked: list[dict[str, Any]] = []

    def calibrate(n: int, **options: Any) -> Iterator[AnimalMeasured | Calibrated]:
        asked.append({"n": n, **options})
        numbers = {line.key: 0.5 * (line.low + line.high) for line in TABLE} | {"spearman": 0.4}
        held = options["real"]
        fus, ulm = (
            np.array([[middle for _, middle, _ in bands]])
            for bands in (held.fus_bands, held.ulm_bands)
        )
        animal = Measured(1, numbers, fus, ulm, 1.5)
        yield AnimalMeasured(1, n, animal)
        yield Calibrated(table_rows([animal], held), n, 1.5)

    monkeypatch.setattr(calibration, "calibrate", calibrate)
    return asked


def test_the_calibration_table_is_printed(measured: list[dict[str, Any]]) -> None:
    text = run("--calibration", "--workers", 3).stdout
    assert "| statistic | unit | real |" in text
    assert "- Spearman, power Doppler against blurred ULM: 0.4, below 0.55." in text
    (asked,) = measured
    assert (asked["n"], asked["workers"], asked["seed"]) == (50, 3, 906_000_000)
    assert asked["real"] == stored_numbers()


def test_the_calibration_can_be_parsed_and_real_images_measured_again(
    measured: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(real, "measure_real", lambda folder: stored_numbers())
    options = ["--calibration", "-n", 4, "--seed", 9, "--real", tmp_path, "--json"]
    report = json.loads(run(*options).stdout)
    assert report["simulated"]["animals"] == 4
    assert report["simulated"]["rows"][0]["inside"] is False
    assert "recordings" in report["real"]
    assert (measured[0]["n"], measured[0]["seed"]) == (4, 9)


def test_missing_real_images_are_named(tmp_path: Path) -> None:
    message = run("--calibration", "--real", tmp_path, code=1).stderr
    assert "rat_power_doppler.png" in message
