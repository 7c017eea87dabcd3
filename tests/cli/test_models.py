"""Models on the command line: kept by name, and used by it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_fus_ulm.cli import app
from napari_fus_ulm.generators.checkpoint import Card, write_weights
from napari_fus_ulm.generators.diffusion import ConditionalDiffusion
from napari_fus_ulm.generators.library import FOLDER_VARIABLE


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a training run; the library is empty."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "library"))
    model = ConditionalDiffusion(widths=(8, 8, 8), blocks=(1, 1, 1))
    card = Card("diffusion", model.config(), 20.0, {"data": "ours"}, {}, "")
    folder = tmp_path / "rats"
    folder.mkdir()
    write_weights(folder / "weights.safetensors", model.state_dict(), card)
    return folder


def call(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    return result.exit_code, result.output


def test_a_run_becomes_a_model_that_enhance_finds_by_name(run: Path, tmp_path: Path) -> None:
    code, said = call("models", "add", run / "weights.safetensors")
    assert (code, said.split()[:2]) == (0, ["rats", "diffusion"])
    assert json.loads(call("models", "list", "--json")[1])["models"][0]["name"] == "rats"
    np.save(tmp_path / "a.npy", np.random.default_rng(0).gamma(4.0, 1.0, (40, 40)))
    common = ("enhance", tmp_path / "a.npy", "--spacing", 0.1, "--mode", "accurate")
    code, said = call(*common, "--weights", "Rats", "-o", tmp_path / "named.npy")
    assert code == 0, said
    file = run / "weights.safetensors"
    code, said = call(*common, "--weights", file, "-o", tmp_path / "file.npy")
    assert code == 0, said
    assert np.array_equal(np.load(tmp_path / "named.npy"), np.load(tmp_path / "file.npy"))
    record = json.loads((tmp_path / "named_record.json").read_text())
    assert record["settings"]["weights"] == "Rats"
    code, said = call(*common, "--weights", "mice", "-o", tmp_path / "no.npy")
    assert code == 1
    assert "no model called “mice”" in said


def test_models_are_renamed_exported_and_removed(run: Path, tmp_path: Path) -> None:
    assert call("models", "list")[1].startswith("No models in ")
    call("models", "add", run / "weights.safetensors", "--name", "one")
    assert call("models", "rename", "one", "two")[1].startswith("two  diffusion  ")
    assert call("models", "export", "two", "-o", tmp_path / "x")[1].strip().endswith(".safetensors")
    assert (tmp_path / "x.safetensors").exists()
    assert CliRunner().invoke(app, ["models", "remove", "two"], input="n\n").exit_code == 1
    assert call("models", "list")[1].startswith("two  diffusion")
    assert call("models", "remove", "two", "--yes")[0] == 0
    assert call("models", "list")[1].startswith("No models in ")
    code, said = call("models", "remove", "two", "--yes")
    assert (code, "no model called “two”" in said) == (1, True)
