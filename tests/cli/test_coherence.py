"""``napari-fus-ulm coherence``: a picture and a table, of an image or of a part."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from napari_fus_ulm.cli import app
from napari_fus_ulm.io import write
from napari_fus_ulm.phantom import PhantomPair


@pytest.fixture(scope="module")
def power(tmp_path_factory: pytest.TempPathFactory, section: PhantomPair) -> Path:
    path = tmp_path_factory.mktemp("power") / "rat_pwd.nii.gz"
    write(path, section.fus.isel(j=slice(5, 45), i=slice(20, 70)))
    return path


def run(*words: object) -> object:
    return CliRunner().invoke(app, ["coherence", *map(str, words)])


def test_picture_and_table_are_written(power: Path, tmp_path: Path) -> None:
    result = run(power, "-o", tmp_path, "--steps", 2, "--json")
    assert result.exit_code == 0, result.output  # type: ignore[attr-defined]
    summary = json.loads(result.stdout)  # type: ignore[attr-defined]
    rows = list(csv.DictReader((tmp_path / "seams.csv").read_text().splitlines()))
    assert [row["seam"] for row in rows] == [one["seam"] for one in summary["seams"]]
    assert len(rows) == 12
    correlations = [one["correlation"] for one in summary["seams"] if one["cl_dice"] is not None]
    assert correlations == sorted(correlations)
    picture = np.asarray(Image.open(summary["picture"]).convert("RGB")).astype(int)
    red, green, blue = np.moveaxis(picture[60:], -1, 0)
    assert ((red > 120) & (green > 120) & (blue < 40)).any()  # agreement
    assert ((red > 120) & (green < 40) & (blue < 40)).any()
    assert ((green > 120) & (red < 40) & (blue < 40)).any()
    assert "not truth" in result.stderr  # type: ignore[attr-defined]


def test_the_study_s_figure_has_the_ulm_beside_the_patches(
    power: Path, section: PhantomPair, tmp_path: Path
) -> None:
    steps = [float(c[1] - c[0]) for c in (section.fus["y"], section.fus["x"])]
    rows, columns = (
        slice(round(first * step / 0.01), round(end * step / 0.01))
        for first, end, step in zip((5, 20), (45, 70), steps, strict=True)
    )
    part = section.ulm.isel(j=rows, i=columns)
    ulm = tmp_path / "rat_ulm.tif"
    write(ulm, part)
    words = ("--generator", "pix2pix", "--seam", 2)
    for name, more in (("plain", ()), ("beside", ("--ulm", ulm))):
        result = run(power, "-o", tmp_path / name, *words, *more)
        assert result.exit_code == 0, result.output  # type: ignore[attr-defined]
    widths = []
    for name in ("plain", "beside"):
        with Image.open(tmp_path / name / "seam.png") as figure:
            widths.append(figure.size[0])
    assert widths[1] > 1.8 * widths[0]
    many = run(power, "-o", tmp_path / "many", "--generator", "pix2pix", "--seam", 99)
    assert "there is no seam 99" in many.output  # type: ignore[attr-defined]


def test_only_the_patches_of_a_region_are_sampled(power: Path, tmp_path: Path) -> None:
    words = ("--steps", 1, "--json", "--generator", "pix2pix")
    whole = json.loads(run(power, "-o", tmp_path, *words).stdout)  # type: ignore[attr-defined]
    part = json.loads(
        run(power, "-o", tmp_path, *words, "--region", "0,0,1,2").stdout  # type: ignore[attr-defined]
    )
    assert 0 < len(part["seams"]) < len(whole["seams"])
    # The same patches on the same grid, with the whole image's range.
    for one in part["seams"]:
        assert one in whole["seams"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--region", "1,2,3"), "TOP,LEFT,HEIGHT,WIDTH"),
        (("--region", "0,0,-1,3"), "above 0"),
        (("--noise", "white"), "independent, shared or run"),
        (("--colours", "blue"), "red-green or magenta-green"),
    ],
)
def test_wrong_words_are_usage_errors(
    power: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    result = run(power, "-o", tmp_path, *words)
    assert result.exit_code == 2  # type: ignore[attr-defined]
    assert message in result.output  # type: ignore[attr-defined]
