"""``napari-fus-ulm frc``: halves of a ULM, and a result beside its ULM."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_fus_ulm import EnhanceSettings, enhance
from napari_fus_ulm.cli import app
from napari_fus_ulm.io import write
from napari_fus_ulm.phantom import PhantomPair
from napari_fus_ulm.scan import make_scan

PIXEL_MM = 0.01


def run(*words: object) -> object:
    return CliRunner().invoke(app, ["frc", *map(str, words)])


def ulm(path: Path, counts: np.ndarray) -> Path:
    scan = make_scan(counts, spacing=PIXEL_MM, modality="ulm", values_kind="linear")
    write(path, scan)
    return path


def test_halves_of_a_map_agree_down_to_its_blur(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(256, PIXEL_MM)] * 2))
    shared = np.fft.fft2(random.normal(size=(256, 256)))

    def half() -> np.ndarray:
        noise = np.fft.fft2(random.normal(size=(256, 256)))
        return 9.0 + np.fft.ifft2(np.where(frequency < 20.0, shared, noise)).real

    files = [ulm(tmp_path / f"{name}.npy", half()) for name in "ab"]
    result = run(*files)
    assert result.exit_code == 0, result.output  # type: ignore[attr-defined]
    assert "(FRC, 1/7)" in result.stdout  # type: ignore[attr-defined]
    summary = json.loads(run(*files, "--json").stdout)  # type: ignore[attr-defined]
    assert summary["resolution_um"] == pytest.approx(50.0, rel=0.1)
    assert len(summary["frc"]) == len(summary["cycles_per_mm"]) > 100


def test_a_result_is_held_against_the_ulm_on_its_own_grid(
    tmp_path: Path, section: PhantomPair
) -> None:
    pair = section
    result, truth = tmp_path / "result.ome.tif", tmp_path / "ulm.nii.gz"
    write(result, enhance(pair.fus, EnhanceSettings(mode="accurate")).image)
    write(truth, pair.ulm)
    summary = json.loads(run(result, truth, "--json").stdout)  # type: ignore[attr-defined]
    assert summary["reached"] == "crossing"
    assert 100.0 < summary["resolution_um"] < 1000.0


def test_what_cannot_be_compared_is_said(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    one = ulm(tmp_path / "one.npy", random.random((64, 64)))
    other = ulm(tmp_path / "other.npy", random.random((64, 96)))
    ran = run(one, other)
    assert ran.exit_code == 1  # type: ignore[attr-defined]
    assert "same field" in ran.stderr  # type: ignore[attr-defined]
    assert run(one, one, "--threshold", "1/2").exit_code == 2  # type: ignore[attr-defined]
    assert "without it" in run(one, one, "--fus", one).stderr  # type: ignore[attr-defined]
    assert "alignment out" in run(one, one, "--align", "shift").stderr  # type: ignore[attr-defined]
    bare = tmp_path / "bare.npy"
    np.save(bare, random.random((64, 64)))
    assert "--spacing" in run(bare, one).stderr  # type: ignore[attr-defined]
    assert run(bare, bare, "--spacing", PIXEL_MM).exit_code == 0  # type: ignore[attr-defined]
