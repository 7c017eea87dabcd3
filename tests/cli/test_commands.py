"""The command line: files in, files out, sentences and exit codes."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

import napari_fus_ulm
from napari_fus_ulm import phantom
from napari_fus_ulm.cli import app
from napari_fus_ulm.cohort.seeds import TEST_SEED
from napari_fus_ulm.cohort.table import write_pairs_table
from napari_fus_ulm.evaluation import harness, phantoms
from napari_fus_ulm.evaluation.baselines import INPUT_TITLE
from napari_fus_ulm.generators import names
from napari_fus_ulm.generators.diffusion import ConditionalDiffusion
from napari_fus_ulm.io import read_one, write
from napari_fus_ulm.phantom import PhantomPair, PhantomParams, simulate_pair
from napari_fus_ulm.phantom.files import write_phantom
from napari_fus_ulm.phantom.population import PopulationSettings, simulate_population
from napari_fus_ulm.scan import extent_of, make_scan, spacing_of
from napari_fus_ulm.training import run as training_run

SMALL = PhantomParams(width_mm=2.4, depth_mm=2.4, fus_pixel_um=(100.0, 100.0))
COMMANDS = ("enhance", "demo", "simulate", "train", "evaluate", "info")
QUICK = ["--steps", "2", "--samples", "2"]


def small_pair(seed: int) -> PhantomPair:
    return simulate_pair(seed, SMALL, vary=False)


@pytest.fixture(scope="module")
def pair() -> PhantomPair:
    return small_pair(5)


@pytest.fixture
def fus_file(pair: PhantomPair, tmp_path: Path) -> Path:
    """24 × 24 pixels of 0.1 mm."""
    return write(tmp_path / "rat.01_pwd.ome.tif", pair.fus)


def run(*arguments: object, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "100"})
    assert result.exit_code == code, result.output + result.stderr
    return result


def folder_of(made: Path, count: int) -> list[Path]:
    """Files that were written, but for the records; every result has one."""
    records = [path for path in made.iterdir() if path.name.endswith("_record.json")]
    files = sorted(path for path in made.iterdir() if path not in records)
    assert len(files) == count
    assert records
    return files


# ---------------------------------------------------------------- help


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_a_screen(name: str) -> None:
    text = run(name, "--help").stdout
    assert 5 < len(text.splitlines()) <= 45
    assert max(map(len, text.splitlines())) <= 100
    assert "--help" in text


def test_the_list_of_commands_says_what_each_does() -> None:
    text = run("--help").stdout
    words = [line.split(maxsplit=1) for line in text.splitlines() if line.startswith("  ")]
    lines = {one[0]: one[1] for one in words if one[0] in COMMANDS}
    assert set(lines) == set(COMMANDS)
    assert all(sentence.endswith(".") and "..." not in sentence for sentence in lines.values())


def test_help_does_not_wait_for_torch() -> None:
    code = (
        "import sys; from napari_fus_ulm.cli import app\n"
        "try: app(['enhance', '--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


# ---------------------------------------------------------------- enhance


def test_a_file_becomes_an_ome_tiff_of_the_same_extent(fus_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("enhance", fus_file, "-o", out, *QUICK)
    (made,) = folder_of(out, 1)
    assert made.name == "rat.01_pwd_enhanced.ome.tif"
    assert result.stdout.strip() == str(made)
    image, source = read_one(made), read_one(fus_file)
    assert image.shape == (120, 120)
    assert spacing_of(image) == pytest.approx((0.02, 0.02))
    assert extent_of(image) == pytest.approx(extent_of(source), abs=1e-4)
    assert np.isfinite(image.values).all()
    assert image.values.min() >= 0.0
    assert image.values.max() <= 1.0
    with tifffile.TiffFile(made) as file:
        assert file.is_ome
        sizes = dict(re.findall(r'PhysicalSize(\w+)="([^"]+)"', file.ome_metadata or ""))
        assert [float(sizes[axis]) for axis in "XY"] == pytest.approx([0.02, 0.02])
        assert (sizes["XUnit"], sizes["YUnit"]) == ("mm", "mm")
        assert "generated" in (file.ome_metadata or "")


def test_results_can_be_parsed_and_replayed(fus_file: Path, tmp_path: Path) -> None:
    options = ["--mode", "balanced", "--seed", "3", "--pixel-um", "25", *QUICK]
    results = json.loads(run("enhance", fus_file, "-o", tmp_path / "a", "--json", *options).stdout)
    assert len(results) == 1
    provenance = results[0]["provenance"]
    assert provenance["settings"]["seed"] == 3
    assert provenance["generated"] is True
    assert len(provenance["weights_sha256"]) == 64
    image, spread = read_one(results[0]["file"]), read_one(results[0]["spread"])
    assert Path(results[0]["spread"]).name == "rat.01_pwd_enhanced_spread.ome.tif"
    assert image.shape == spread.shape == (96, 96)
    assert spread.values.max() > 0.0
    run("enhance", fus_file, "-o", tmp_path / "b.npy", *options)
    assert np.array_equal(read_one(tmp_path / "b.npy").values, image.values)


def test_a_gain_is_counted_from_the_native_pixel(fus_file: Path, tmp_path: Path) -> None:
    run("enhance", fus_file, "-o", tmp_path / "x.nii.gz", "--gain", "4", "--mode", "accurate")
    assert spacing_of(read_one(tmp_path / "x.nii.gz")) == pytest.approx((0.025, 0.025), rel=1e-3)


def test_a_round_gain_means_the_generators_pixel(pair: PhantomPair, tmp_path: Path) -> None:
    scan = make_scan(pair.fus.values, spacing=0.0986, modality="fus", values_kind="linear")
    path = write(tmp_path / "a.npy", scan)
    run("enhance", path, "-o", tmp_path / "x.npy", "--gain", "5", "--mode", "accurate")
    assert spacing_of(read_one(tmp_path / "x.npy"))[0] == pytest.approx(0.02, rel=0.01)
    run("enhance", path, "-o", tmp_path / "x.npy", "--gain", "9", code=1)
    run("enhance", path, "-o", tmp_path / "x.npy", "--gain", "5", "--pixel-um", "20", code=2)


def test_a_folder_is_enhanced_file_by_file(pair: PhantomPair, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "._rat.npy").write_bytes(b"what macOS leaves on foreign disks")
    for name in ("a.1", "a.2"):
        write(tmp_path / "in" / f"{name}.npy", pair.fus)
    (tmp_path / "in" / "notes.txt").write_text("not an image")
    run("enhance", tmp_path / "in", "-o", tmp_path / "out", "--mode", "accurate")
    made = [path.name for path in folder_of(tmp_path / "out", 2)]
    assert made == ["a.1_enhanced.ome.tif", "a.2_enhanced.ome.tif"]


def test_two_results_never_take_the_same_name(pair: PhantomPair, tmp_path: Path) -> None:
    files = []
    for folder in ("monday", "tuesday"):
        (tmp_path / folder).mkdir()
        files.append(write(tmp_path / folder / "rat.npy", pair.fus))
    result = run("enhance", *files, "-o", tmp_path / "out", code=1)
    assert "monday" in result.stderr
    assert "would both be" in result.stderr
    assert not (tmp_path / "out").exists()


def test_one_bad_file_does_not_cost_the_others(pair: PhantomPair, tmp_path: Path) -> None:
    night = tmp_path / "night"
    night.mkdir()
    (night / "a.nii.gz").write_bytes(b"cut short")
    write(night / "b.npy", pair.fus)
    result = run("enhance", night, "-o", tmp_path / "out", "--json", *QUICK, code=1)
    broken, good = json.loads(result.stdout)
    assert "a.nii.gz" in broken["error"]
    assert Path(good["file"]).is_file()
    assert "1 of 2 files failed" in result.stderr


def test_a_time_series_is_averaged_unless_all_is_asked_for(
    pair: PhantomPair, tmp_path: Path
) -> None:
    frames = np.stack([pair.fus.values, pair.fus.values * 1.1])
    series = make_scan(
        frames, spacing=0.1, dims=("time", "j", "i"), modality="fus", values_kind="linear"
    )
    write(tmp_path / "series.npy", series)
    for time, shape in (("mean", (120, 120)), ("all", (2, 120, 120))):
        out = tmp_path / f"{time}.npy"
        run("enhance", tmp_path / "series.npy", "-o", out, "--time", time, "--mode", "accurate")
        assert read_one(out).shape == shape


def test_one_slice_or_one_time_of_a_file(pair: PhantomPair, tmp_path: Path) -> None:
    image = pair.fus.values
    stack = make_scan(np.stack([image, 2 * image[::-1], image.T]), spacing=(0.5, 0.1, 0.1))
    path = write(tmp_path / "stack.nii.gz", stack)
    run("enhance", path, "-o", tmp_path / "slice.npy", "--slice", "2", *QUICK)
    run("enhance", path, "-o", tmp_path / "time.npy", "--leading", "time", "--time", "2", *QUICK)
    single = write(tmp_path / "one.npy", stack.isel(k=1, drop=True))
    run("enhance", single, "-o", tmp_path / "alone.npy", *QUICK)
    results = [read_one(tmp_path / f"{n}.npy").values.squeeze() for n in ("slice", "time", "alone")]
    assert np.array_equal(results[0], results[2])
    assert np.array_equal(results[1], results[2])
    wrong = run("enhance", path, "-o", tmp_path / "no.npy", "--slice", "9", code=1)
    assert "3 slices" in wrong.stderr
    run("enhance", path, "-o", tmp_path / "no.npy", "--time", "0", code=2)
    assert "no image 2" in run("enhance", path, "-o", tmp_path, "--image", "2", code=1).stderr


def test_a_pixel_size_can_be_given(pair: PhantomPair, tmp_path: Path) -> None:
    np.save(tmp_path / "bare.npy", pair.fus.values)
    out = tmp_path / "x.npy"
    run("enhance", tmp_path / "bare.npy", "-o", out, "--spacing", "0.1,0.2", "--mode", "accurate")
    assert extent_of(read_one(out)) == pytest.approx((2.4, 4.8))


def test_a_bad_file_is_named_with_exit_code_1(tmp_path: Path) -> None:
    broken = tmp_path / "a_file_with_quite_a_long_name_that_must_not_be_broken.tif"
    broken.write_bytes(b"II*\x00 not really")
    result = run("enhance", broken, "-o", tmp_path / "out", code=1)
    assert result.stderr.startswith("Failed: ")
    assert broken.name in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.stderr
    result = run("enhance", broken, "-o", tmp_path / "out", "--json", code=1)
    assert broken.name in json.loads(result.stdout)["error"]


@pytest.mark.parametrize(
    ("spacing", "says"), [("5", "would be 120 mm wide"), ("0.001", "24 µm wide"), ("0.1,9", "wide")]
)
def test_a_size_that_cannot_be_is_refused_with_what_to_give(
    fus_file: Path, tmp_path: Path, spacing: str, says: str
) -> None:
    arguments = ["enhance", fus_file, "--spacing", spacing, "-o", tmp_path / "x.npy"]
    result = run(*arguments, code=1)
    assert says in result.stderr
    assert "--spacing in mm" in result.stderr
    assert not (tmp_path / "x.npy").exists()


def test_axes_of_a_file_are_turned_by_options(pair: PhantomPair, tmp_path: Path) -> None:
    turned = pair.fus.copy(data=pair.fus.values.T[::-1])
    for name, image in (("plain", pair.fus), ("turned", turned)):
        write(tmp_path / f"{name}_pwd.npy", image)
    options = ["--mode", "accurate", "-o"]
    run("enhance", tmp_path / "plain_pwd.npy", *options, tmp_path / "a.npy")
    turn = ["--depth", "x", "--flip", "x"]
    run("enhance", tmp_path / "turned_pwd.npy", *turn, *options, tmp_path / "b.npy")
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy"), atol=1e-3)
    run("enhance", tmp_path / "plain_pwd.npy", "--depth", "t", *options, tmp_path / "c", code=2)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda image: np.where(image > image.mean(), np.inf, image), "infinite"),
        (lambda image: np.ones_like(image), "everywhere"),
        (lambda image: image[:5], "at least"),
    ],
)
def test_an_image_that_cannot_be_enhanced_is_explained(
    pair: PhantomPair, tmp_path: Path, change: Any, says: str
) -> None:
    np.save(tmp_path / "odd.npy", change(pair.fus.values))
    result = run("enhance", tmp_path / "odd.npy", "-o", tmp_path / "x.npy", code=1)
    assert says in result.stderr
    assert "odd" in result.stderr
    assert not (tmp_path / "x.npy").exists()


def test_a_pickled_checkpoint_is_refused(fus_file: Path, tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(b"\x80\x04.")
    result = run("enhance", fus_file, "-o", tmp_path, "--weights", tmp_path / "w.pt", code=1)
    assert "never opened" in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--mode", "sharp"],
        ["--steps", "0"],
        ["--time", "median"],
        ["--spacing", "wide"],
        ["--suffix", ".jpg"],
        ["--gain", "0"],
        ["--colour", "red"],
    ],
)
def test_a_wrong_option_is_a_usage_error(
    fus_file: Path, tmp_path: Path, options: list[str]
) -> None:
    result = run("enhance", fus_file, "-o", tmp_path / "out", *options, code=2)
    assert "Usage:" in result.stderr
    assert options[0].lstrip("-") in result.stderr
    assert not (tmp_path / "out").exists()


def test_missing_arguments_are_usage_errors(fus_file: Path) -> None:
    assert "--out" in run("enhance", fus_file, code=2).stderr
    run("enhance", code=2)
    run("paint", code=2)


def test_an_interrupted_run_ends_with_130(
    fus_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_fus_ulm.inference import enhance

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(enhance, "enhance_events", interrupted)
    result = run("enhance", fus_file, "-o", tmp_path / "x.npy", code=130)
    assert result.stderr.strip() == "Interrupted."
    assert not (tmp_path / "x.npy").exists()


# ---------------------------------------------------------------- the other commands


def test_training_on_a_simulated_folder_ends_in_weights_that_enhance(
    fus_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        training_run, "build", lambda *_: ConditionalDiffusion(widths=(8, 8, 8), blocks=(1, 1, 1))
    )
    settings = PopulationSettings(animals=2, suffix=".npy", params=SMALL, vary=False)
    *_, last = simulate_population(tmp_path / "pairs", settings, workers=1)
    assert last.done == 2
    options = ["--pairs", tmp_path / "pairs", "--batch", 2, "--patch", 32, "-o", tmp_path / "run"]
    result = run("train", *options, "--steps", 2)
    weights = Path(result.stdout.strip())
    assert weights == tmp_path / "run" / "weights.safetensors"
    assert "step 2: loss" in result.stderr
    run("enhance", fus_file, "-o", tmp_path / "x.npy", "--weights", weights, "--mode", "accurate")
    assert read_one(tmp_path / "x.npy").shape == (120, 120)
    assert "already holds a run" in run("train", *options, "--steps", 3, code=1).stderr
    run("train", *options, "--steps", 3, "--resume")
    assert "no run to resume" in run("train", "-o", tmp_path / "new", "--resume", code=1).stderr
    assert "precision" in run("train", *options, "--precision", "half", code=2).stderr


def test_two_images_are_compared(pair: PhantomPair, fus_file: Path, tmp_path: Path) -> None:
    ulm = write(tmp_path / "ulm.npy", pair.ulm)
    text = run("evaluate", ulm, ulm).stdout
    assert "MSE" in text
    assert "breaks/mm" in text
    assert "1 image of 1 animal" in text
    (same,) = json.loads(run("evaluate", ulm, ulm, "--json").stdout)["images"]
    assert same["image"] == "ulm.npy"
    assert same["mse"] == 0.0
    assert same["ssim"] == same["r"] == same["cl_dice"] == pytest.approx(1.0)
    enhanced = tmp_path / "x.ome.tif"
    run("enhance", fus_file, "-o", enhanced, "--mode", "accurate")
    (scores,) = json.loads(run("evaluate", enhanced, ulm, "--json").stdout)["images"]
    assert 0.0 < scores["mse"] < 1.0
    assert scores["invented_mm"] >= 0.0
    assert "Crop or register" in run(
        "evaluate", enhanced, write(tmp_path / "part.npy", pair.ulm[:200]), code=1
    ).stderr  # fmt: skip


def test_a_picture_is_judged_by_its_grey_levels(pair: PhantomPair, tmp_path: Path) -> None:
    from PIL import Image

    grey = np.clip(np.log1p(pair.ulm.values) / 5, 0, 1)
    for name in ("result_ulm.png", "ulm.png"):
        Image.fromarray((255 * grey).astype(np.uint8)).save(tmp_path / name)
    results = json.loads(
        run("evaluate", tmp_path / "result_ulm.png", tmp_path / "ulm.png", "--json").stdout
    )
    assert results["images"][0]["mse"] == 0.0


def test_two_folders_are_matched_by_name(pair: PhantomPair, tmp_path: Path) -> None:
    from napari_fus_ulm.grey.reference import reference_grey
    from napari_fus_ulm.metrics import fidelity

    truth = reference_grey(pair.ulm.values, (120, 120))
    for kind in ("made", "ulm"):
        (tmp_path / kind).mkdir()
    for number, noise in ((1, 0.0), (2, 0.2)):
        write(tmp_path / "ulm" / f"rat.{number}.npy", pair.ulm)
        grey = np.clip(truth + noise, 0, 1)
        scan = make_scan(grey, spacing=0.02, modality="ulm", values_kind="grey")
        write(tmp_path / "made" / f"rat.{number}_enhanced.npy", scan)
    folders = [tmp_path / "made", tmp_path / "ulm"]
    results = json.loads(run("evaluate", *folders, "--json").stdout)
    first, second = results["images"]
    assert first["mse"] == pytest.approx(0.0, abs=1e-9)
    assert second["mse"] == pytest.approx(fidelity(np.clip(truth + 0.2, 0, 1), truth).mse, rel=1e-4)
    mean = results["rows"]["images"]["summary"]["mse"]["mean"]
    assert mean == pytest.approx(second["mse"] / 2, abs=1e-9)
    table = run("evaluate", *folders, "--csv").stdout.splitlines()
    assert len(table) == 3
    assert table[1].startswith("1,images,rat.1")
    assert "| rat.2_enhanced.npy |" in run("evaluate", *folders).stdout
    (tmp_path / "ulm" / "rat.2.npy").unlink()
    assert "without a partner: rat.2." in run("evaluate", *folders, code=1).stderr


def test_what_cannot_be_compared_is_said(fus_file: Path, tmp_path: Path) -> None:
    missing = tmp_path / "none.tif"
    assert f"no file or folder {missing}" in run("evaluate", missing, fus_file, code=1).stderr
    assert "two images or two folders" in run("evaluate", tmp_path, fus_file, code=1).stderr
    assert "--phantoms N" in run("evaluate", code=2).stderr
    assert "--phantoms N" in run("evaluate", fus_file, code=2).stderr


def test_held_out_phantoms_are_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def small(seed: int) -> PhantomPair:
        drawn.append(seed)
        return small_pair(seed)

    monkeypatch.setattr(phantoms, "simulate_pair", small)
    result = run("evaluate", "--phantoms", 1, "--methods", "input,accurate", "--json")
    assert "ridge filters and the mean training image are left out" in result.stderr
    results = json.loads(result.stdout)
    assert drawn == [TEST_SEED]
    generated = ["diffusion-accurate", "mhvae-accurate"]
    assert list(results["rows"]) == ["input", *generated, "ulm-shifted", "ulm"]
    for one in results["images"][:3]:
        assert one["image"] == f"phantom-{TEST_SEED}"
        assert 0.0 < one["mse"] < 1.0
        assert 0.0 <= one["tree_recall"] < 1.0


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    sides = ("train", "train", "validation", "test", "test")
    made = [
        write_phantom(folder, small_pair(930 + n), animal=f"sub-{n}", plane=None, split=side)
        for n, side in enumerate(sides)
    ]
    write_pairs_table(folder, made)
    return folder


def test_a_cohort_is_evaluated_and_its_tables_and_picture_are_kept(
    cohort: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ["--methods", "input,atlas,accurate"]
    result = run("evaluate", cohort, "-o", out, *words, "--image", 2)
    assert sorted(path.name for path in out.iterdir()) == [
        "images.csv",
        "picture.png",
        "record.json",
        "results.json",
        "table.md",
    ]
    assert (out / "table.md").read_text() == result.stdout
    for words in (
        "2 images of 2 animals",
        "mean training image",
        "the ULM itself",
        "vessels found",
    ):
        assert words in result.stdout
    # Two generators have that mode; the ULM itself and the ULM where fUS has it come unasked.
    assert len((out / "images.csv").read_text().splitlines()) == 1 + 6 * 2
    results = json.loads((out / "results.json").read_text())
    assert results["splits"] == [
        {"train": ["sub-0", "sub-1"], "validation": ["sub-2"], "test": ["sub-3", "sub-4"]}
    ]
    validated = json.loads(
        run("evaluate", cohort, "--side", "validation", "--methods", "input", "--json").stdout
    )
    assert {one["image"] for one in validated["images"]} == {"sub-2"}


def test_options_that_do_not_apply_are_refused(cohort: Path, fus_file: Path) -> None:
    for words, named in (
        ([cohort, "--align"], "--align"),
        ([cohort, "--spacing", 0.1], "--spacing"),
        ([fus_file, fus_file, "--methods", "input"], "--methods"),
        ([fus_file, fus_file, "--side", "test"], "--side"),
        (["--phantoms", 1, "--splits", 2], "--splits"),
        ([cohort, "--phantoms", 1], "--phantoms"),
    ):
        message = run("evaluate", *words, code=2).stderr
        assert named in message
        assert "does not apply" in message or "excludes COHORT" in message


def test_a_folder_that_cannot_be_written_to_is_said_before_the_work(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")

    def work(*_: object) -> Iterator[object]:
        raise AssertionError("The work has begun.")
        yield

    monkeypatch.setattr(harness, "evaluate_events", work)
    message = run("evaluate", cohort, "-o", tmp_path / "file", code=1).stderr
    assert f"Nothing can be written to {tmp_path / 'file'}" in message


def test_one_training_animal_is_enough_for_all_rows_but_the_mean(
    cohort: Path, tmp_path: Path
) -> None:
    shutil.copytree(cohort, tmp_path / "one")
    table = tmp_path / "one" / "pairs.csv"
    table.write_text(table.read_text().replace("sub-1,sub-1,train", "sub-1,sub-1,"))
    words = ["--methods", "input,atlas"]
    text = run("evaluate", tmp_path / "one", *words).stdout
    assert "it needs 2 training animals, and there is 1." in text
    assert "| input (bicubic, mapped) |" in text
    assert "| mean training image" not in text


def test_splits_are_drawn_again_by_animal(cohort: Path) -> None:
    result = run("evaluate", cohort, "--splits", 2, "--methods", "input", "--csv")
    lines = [line.split(",") for line in result.stdout.splitlines()[1:]]
    assert {line[0] for line in lines} == {"1", "2"}


def test_a_cohort_that_cannot_be_evaluated_is_said(cohort: Path, tmp_path: Path) -> None:
    assert "There is no folder" in run("evaluate", tmp_path / "none", code=1).stderr
    assert "no method “bicubic”" in run("evaluate", cohort, "--methods", "bicubic", code=1).stderr
    assert "test or validation" in run("evaluate", cohort, "--side", "train", code=1).stderr
    shutil.copytree(cohort, tmp_path / "leak")
    table = tmp_path / "leak" / "pairs.csv"
    table.write_text(table.read_text().replace("sub-4,sub-4,test", "sub-4,SUB-0,test"))
    message = run("evaluate", tmp_path / "leak", "--methods", "input", code=1).stderr
    assert "The animal sub-0 is on two sides of the split" in message


def test_the_demo_leaves_a_picture_an_image_and_its_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phantom, "simulate_pair", small_pair)
    result = run("demo", "-o", tmp_path / "demo")
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == [
        "demo.png",
        "enhanced.ome.tif",
        "fus.ome.tif",
        "metrics.json",
        "ulm.ome.tif",
    ]
    for word in (INPUT_TITLE, "accurate", "balanced", "detailed", "SSIM", "LPIPS"):
        assert word in result.stdout
    metrics = json.loads((tmp_path / "demo" / "metrics.json").read_text())
    assert list(metrics["rows"]) == [INPUT_TITLE, "accurate", "balanced", "detailed"]
    assert spacing_of(read_one(tmp_path / "demo" / "enhanced.ome.tif")) == pytest.approx(
        (0.02, 0.02)
    )
    assert "phantom" in metrics["sample"]


def test_info_names_versions_device_and_weights() -> None:
    results = json.loads(run("info", "--json").stdout)
    assert results["version"] == napari_fus_ulm.__version__
    assert results["device"] in ("cpu", "cuda", "mps")
    assert results["packages"]["torch"] != "missing"
    assert [weights["generator"] for weights in results["weights"]] == list(names())
    assert 0 < sum(weights["megabytes"] for weights in results["weights"]) < 30
    text = run("info").stdout
    for weights in results["weights"]:
        assert len(weights["sha256"]) == 64
        assert weights["sha256"][:16] in text
        assert weights["notes"] in text
