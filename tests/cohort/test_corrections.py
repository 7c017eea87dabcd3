"""Pairs that are brought onto one field without touching a recording."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from napari_fus_ulm.cli import app
from napari_fus_ulm.cohort.check import check_pair
from napari_fus_ulm.cohort.corrected import corrected, read_pair
from napari_fus_ulm.cohort.correction import Correction, read_correction, write_correction
from napari_fus_ulm.cohort.suggest import repair_cohort, suggest
from napari_fus_ulm.cohort.table import PairFiles, correction_path, read_cohort
from napari_fus_ulm.errors import CohortError
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.io import write
from napari_fus_ulm.phantom import PhantomPair, simulate_pair
from napari_fus_ulm.phantom.params import PhantomParams
from napari_fus_ulm.registration.orientation import ORIENTATIONS, agreement
from napari_fus_ulm.scan import make_scan
from napari_fus_ulm.training.data import load_folder


@pytest.fixture(scope="module")
def phantom() -> PhantomPair:
    """A pair that lies on each other exactly."""
    exact = PhantomParams(shift_um=0.0, warp_um=0.0, out_of_plane_um=0.0)
    return simulate_pair(77, exact, vary=False)


def moved(ulm: xr.DataArray, down: int, right: int) -> xr.DataArray:
    """A ULM whose vessels lie some of its pixels farther down and right."""
    rows, columns = ulm.shape
    values = np.zeros_like(ulm.values)
    source = ulm.values[
        max(0, -down) : rows - max(0, down), max(0, -right) : columns - max(0, right)
    ]
    values[max(0, down) :, max(0, right) :][: source.shape[0], : source.shape[1]] = source
    return ulm.copy(data=values)


def step_um(scan: xr.DataArray) -> tuple[float, float]:
    down, right = Grid.of(scan).spacing_mm
    return 1000.0 * down, 1000.0 * right


def test_nothing_is_done_where_nothing_is_to_be_done(phantom: PhantomPair) -> None:
    same = corrected(phantom.fus, phantom.ulm, Correction())
    assert same.fus is phantom.fus
    assert same.ulm is phantom.ulm
    found = suggest(phantom.fus, phantom.ulm)
    assert not found.correction.changes
    assert not found.convincing


def test_a_shift_is_found_and_undone_by_whole_pixels(phantom: PhantomPair) -> None:
    down, right = step_um(phantom.ulm)
    off = moved(phantom.ulm, round(160.0 / down), round(-120.0 / right))
    found = suggest(phantom.fus, off)
    assert found.convincing
    assert found.correction.matrix is not None
    (_, _, back), (_, _, across) = found.correction.matrix
    assert 1000.0 * back == pytest.approx(-160.0, abs=25.0)
    assert 1000.0 * across == pytest.approx(120.0, abs=25.0)
    pair = found.pair
    assert 0.8 < pair.share < 1.0
    assert Grid.of(pair.fus).same_extent(Grid.of(pair.ulm))
    # Counts stay counts: those that are left are bubbles of the recording.
    assert set(np.unique(pair.ulm.values)) <= set(np.unique(phantom.ulm.values))
    assert agreement(pair.fus, pair.ulm) > agreement(phantom.fus, off) + 0.1


@pytest.mark.parametrize("what", [one for one in ORIENTATIONS if one != "as it is"])
def test_a_turned_image_is_found_and_turned_back(phantom: PhantomPair, what: str) -> None:
    exchanged, reversed_axes = ORIENTATIONS[what]
    values, spacing = phantom.ulm.values, Grid.of(phantom.ulm).spacing_mm
    if exchanged:
        values, spacing = values.T, spacing[::-1]
    values = values[:, ::-1] if "x" in reversed_axes else values
    values = values[::-1] if "y" in reversed_axes else values
    turned = make_scan(values.copy(), spacing=spacing, modality="ulm").assign_attrs(
        phantom.ulm.attrs
    )
    found = suggest(phantom.fus, turned)
    assert found.correction.ulm_turned == what
    assert found.convincing
    assert np.array_equal(found.pair.ulm.values, phantom.ulm.values)


@pytest.mark.parametrize("factor", [1000.0, 0.5, 1.2])
def test_a_mistaken_pixel_size_is_found(phantom: PhantomPair, factor: float) -> None:
    spacing = tuple(factor * step for step in Grid.of(phantom.ulm).spacing_mm)
    wrong = make_scan(phantom.ulm.values, spacing=spacing, modality="ulm")
    found = suggest(phantom.fus, wrong.assign_attrs(values="linear"))
    assert found.correction.ulm_spacing_mm == pytest.approx(
        Grid.of(phantom.ulm).spacing_mm, rel=1e-3
    )
    assert np.isnan(found.before)
    assert found.convincing
    assert found.pair.share == 1.0


def test_a_map_keeps_its_bubbles_when_turned_and_scaled(phantom: PhantomPair) -> None:
    angle, scale = np.deg2rad(4.0), 1.05
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    pair = corrected(
        phantom.fus, phantom.ulm, Correction(matrix=((c, s, 0.0), (-s, c, 0.0)), method="by hand")
    )
    per_mm2 = [
        float(one.values.sum()) / np.prod(Grid.of(one).extent_mm) for one in (pair.ulm, phantom.ulm)
    ]
    assert per_mm2[0] == pytest.approx(per_mm2[1] / scale**2, rel=0.1)


def test_images_without_a_common_field_are_refused(phantom: PhantomPair) -> None:
    far = Correction(matrix=((1.0, 0.0, 6.0), (0.0, 1.0, 6.0)))
    with pytest.raises(CohortError, match=r"have \d+ % of the fUS image's field in common"):
        corrected(phantom.fus, phantom.ulm, far)


# ---------------------------------------------------------------- stored beside the pair


@pytest.fixture
def folder(tmp_path: Path, phantom: PhantomPair) -> Path:
    """A cohort of one pair, whose ULM lies 160 µm too far down."""
    down, _ = step_um(phantom.ulm)
    for kind in ("fus", "ulm"):
        (tmp_path / kind).mkdir()
    write(tmp_path / "fus" / "rat 1.npy", phantom.fus)
    write(tmp_path / "ulm" / "rat 1.npy", moved(phantom.ulm, round(160.0 / down), 0))
    return tmp_path


def stored(folder: Path) -> tuple[PairFiles, Correction]:
    """The pair, and the correction that is suggested for it."""
    (pair,) = read_cohort(folder)
    raw = read_pair(pair)
    return pair, suggest(raw.fus, raw.ulm).correction


def test_a_stored_correction_is_used_by_everything_that_reads_the_pair(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*.npy")}
    pair, correction = stored(folder)
    (wrong,) = load_folder(folder, 20.0)
    assert any("register the two" in one.sentence for one in check_pair(pair))
    path = write_correction(folder, pair, correction)
    assert path == correction_path(folder, "rat 1")
    (pair,) = read_cohort(folder)
    assert read_correction(pair) == correction
    findings = list(check_pair(pair))
    assert not any("register the two" in one.sentence for one in findings)
    assert any(
        one.level == "note" and "Read corrected: the ULM is moved by 0.1" in one.sentence
        for one in findings
    )
    (right,) = load_folder(folder, 20.0)
    assert right.fus.shape[0] < wrong.fus.shape[0]
    assert {path: path.read_bytes() for path in folder.rglob("*.npy")} == before
    write_correction(folder, pair, Correction())
    assert read_cohort(folder)[0].correction is None


def test_a_correction_is_of_these_very_files(folder: Path, phantom: PhantomPair) -> None:
    pair, correction = stored(folder)
    write_correction(folder, pair, correction)
    write(folder / "ulm" / "rat 1.npy", phantom.ulm)
    (pair,) = read_cohort(folder)
    with pytest.raises(CohortError, match=r"was made for another file than today's .*rat 1\.npy"):
        read_pair(pair)
    assert [one.level for one in check_pair(pair)] == ["error"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"matrix": [[1, 0, 0]]}, "two rows"),
        ({"matrix": [[1, 0, "x"], [0, 1, 0]]}, "could not convert"),
        ({"matrix": [[0, 0, 0], [0, 0, 0]]}, "not one that could move"),
        ({"matrix": [[1, 0, 1e9], [0, 1, 0]]}, "not one that could move"),
        ({"ulm_spacing_mm": [0, 1]}, "two lengths in mm"),
        ({"ulm_turned": "inside out"}, "choose one of as it is"),
        ({"made_for": None}, "made_for"),
    ],
)
def test_a_correction_that_cannot_be_is_refused(folder: Path, change: dict, words: str) -> None:
    pair, correction = stored(folder)
    path = write_correction(folder, pair, correction)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CohortError, match=rf"rat 1\.json cannot be used .*{words}"):
        read_correction(replace(pair, correction=path))


def test_a_correction_says_what_it_does() -> None:
    assert str(Correction()) == "nothing is changed"
    turn = ((0.999, 0.035, -0.12), (-0.035, 0.999, 0.05))
    words = str(
        Correction(
            ulm_spacing_mm=(0.005, 0.005),
            ulm_turned="upside down",
            matrix=turn,
            method="by intensity, affine",
        )
    )
    assert words == (
        "pixels of the ULM are 5 × 5 µm (down × right); the ULM is upside down, which is undone; "
        "the ULM is moved by 0.120 mm up and 0.050 mm right, turned by 2.0° clockwise "
        "(by intensity, affine)"
    )


# ---------------------------------------------------------------- a whole cohort


@pytest.fixture
def mixed(folder: Path, phantom: PhantomPair) -> Path:
    """Beside the shifted pair: one as it is, one mirrored, one in metres, one damaged."""
    mirrored = phantom.ulm.copy(data=phantom.ulm.values[:, ::-1])
    spacing = tuple(1000.0 * step for step in Grid.of(phantom.ulm).spacing_mm)
    wide = make_scan(phantom.ulm.values, spacing=spacing, modality="ulm", values_kind="linear")
    for name, ulm in (("as is", phantom.ulm), ("mirrored", mirrored), ("metres", wide)):
        write(folder / "fus" / f"{name}.npy", phantom.fus)
        write(folder / "ulm" / f"{name}.npy", ulm)
    for kind in ("fus", "ulm"):
        (folder / kind / "broken.npy").write_bytes(b"no array")
    return folder


def test_a_cohort_is_repaired_but_for_what_nobody_can(mixed: Path) -> None:
    told = {one.pair: one for one in repair_cohort(mixed)}
    assert not (mixed / "corrections").exists()
    assert {name: one.outcome for name, one in told.items()} == {
        "as is": "fine",
        "broken": "open",
        "metres": "corrected",
        "mirrored": "corrected",
        "rat 1": "corrected",
    }
    assert "pixels of the ULM are" in told["metres"].sentence
    assert "the ULM is mirrored left to right, which is undone" in told["mirrored"].sentence
    assert "broken.npy" in told["broken"].sentence
    list(repair_cohort(mixed, apply=True))
    pairs = [pair for pair in read_cohort(mixed) if pair.name != "broken"]
    assert [pair.correction is not None for pair in pairs] == [False, True, True, True]
    assert [f.sentence for pair in pairs for f in check_pair(pair) if f.level != "note"] == []
    with pytest.raises(CohortError, match="has no pair called rat 9"):
        list(repair_cohort(mixed, only="rat 9"))


def test_the_command_line_shows_before_it_stores(mixed: Path) -> None:
    shown = CliRunner().invoke(app, ["pairs", "repair", str(mixed)])
    assert shown.exit_code == 1  # the damaged pair is left open
    assert "corrected mirrored  the ULM is mirrored" in shown.output
    assert "add --apply" in shown.output
    assert not (mixed / "corrections").exists()
    done = CliRunner().invoke(app, ["pairs", "repair", str(mixed), "--only", "rat 1", "--apply"])
    assert done.exit_code == 0, done.output
    assert [one.name for one in (mixed / "corrections").iterdir()] == ["rat 1.json"]
    assert (
        CliRunner().invoke(app, ["pairs", "repair", str(mixed), "--register", "x"]).exit_code == 2
    )


def test_two_sections_are_not_made_one(phantom: PhantomPair) -> None:
    other = simulate_pair(78, PhantomParams(shift_um=0.0), vary=False)
    rows, columns = (min(a, b) for a, b in zip(phantom.ulm.shape, other.ulm.shape, strict=True))
    found = suggest(
        phantom.fus[: rows // 10, : columns // 10],
        other.ulm[: rows // 10 * 10, : columns // 10 * 10],
    )
    assert not found.convincing
