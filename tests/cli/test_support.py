"""``napari-fus-ulm support``: what speaks for each vessel that a file draws."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from napari_fus_ulm import EnhanceSettings, enhance
from napari_fus_ulm.cli import app
from napari_fus_ulm.io import read_one, write
from napari_fus_ulm.phantom import PhantomPair


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, section: PhantomPair) -> tuple[Path, Path]:
    """A result of the middle of a phantom, and what it was made from."""
    folder = tmp_path_factory.mktemp("support")
    fus = section.fus.isel(j=slice(20, 60), i=slice(30, 80))
    result, power = folder / "result.ome.tif", folder / "power.nii.gz"
    write(power, fus)
    write(result, enhance(fus, EnhanceSettings(mode="detailed", steps=2)).image)
    return result, power


def run(*words: object) -> object:
    return CliRunner().invoke(app, ["support", *map(str, words)])


def test_vessels_are_coloured_and_their_probability_is_kept(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    result, power = files
    ran = run(result, "--fus", power, "-o", tmp_path, "--samples", 2, "--json")
    assert ran.exit_code == 0, ran.output  # type: ignore[attr-defined]
    summary = json.loads(ran.stdout)  # type: ignore[attr-defined]
    assert set(summary["mm"]) == {"supported", "uncertain", "unlikely", "not judged"}
    assert sum(summary["mm"].values()) > 5.0
    probability = read_one(tmp_path / "probability.ome.tif").squeeze(drop=True)
    drawn = read_one(result).squeeze(drop=True)
    assert probability.shape == drawn.shape
    assert 0.0 < probability.values.max() <= 1.0
    assert (probability.values == 0.0).any()  # nothing is drawn there
    classes = read_one(tmp_path / "classes.ome.tif").squeeze(drop=True).values
    assert set(np.unique(classes)) <= {0, 1, 2, 3, 4}
    assert ((classes > 0) >= (probability.values > 0)).all()
    picture = np.asarray(Image.open(summary["picture"]).convert("RGB")).astype(int)[60:]
    colourful = (picture.max(axis=-1) - picture.min(axis=-1) > 80).sum()
    assert colourful > 100
    assert "not truth" in ran.stderr  # type: ignore[attr-defined]


def test_a_result_of_another_field_of_view_is_refused(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    result, power = files
    other = tmp_path / "other.nii.gz"
    write(other, read_one(power).isel(i=slice(0, 30)))
    ran = run(result, "--fus", other, "-o", tmp_path)
    assert ran.exit_code == 1  # type: ignore[attr-defined]
    assert "other.nii.gz" in ran.stderr  # type: ignore[attr-defined]
    assert "lies exactly on its input" in ran.stderr  # type: ignore[attr-defined]


def test_one_sample_is_a_usage_error(files: tuple[Path, Path], tmp_path: Path) -> None:
    ran = run(files[0], "--fus", files[1], "-o", tmp_path, "--samples", 1)
    assert ran.exit_code == 2  # type: ignore[attr-defined]
