"""What the command line says of an image that does not look like fUS, and where it leaves it."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_fus_ulm.cli import app
from napari_fus_ulm.io import read_one, write
from napari_fus_ulm.scan import make_scan

SENTENCE = "This does not look like a fUS image: "


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    image = np.random.default_rng(1).gamma(2.0, 1.0, (40, 48))
    return write(tmp_path / "noise_pwd.ome.tif", make_scan(image, spacing=0.1, modality="fus"))


def test_it_is_enhanced_with_a_word_that_stays(
    noise: Path, tmp_path: Path, small_weights: Path
) -> None:
    out = tmp_path / "out.ome.tif"
    how = ["--weights", str(small_weights), "--mode", "accurate", "--precision", "float32"]
    result = CliRunner().invoke(app, ["enhance", str(noise), "-o", str(out), *how])
    assert result.exit_code == 0, result.output
    assert SENTENCE in result.stderr
    image = read_one(out)
    assert image.attrs["provenance"]["familiarity"]["light"] == "red"
    record = json.loads(next(tmp_path.glob("out*record*.json")).read_text(encoding="utf-8"))
    assert record["notes"][0].startswith(SENTENCE)


def test_it_is_refused_on_request(noise: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.ome.tif"
    result = CliRunner().invoke(app, ["enhance", str(noise), "-o", str(out), "--only-fus"])
    assert result.exit_code == 1
    assert SENTENCE in result.stderr
    assert not out.exists()
