"""Records: what was copied or written down is run, and must give the same pixels."""

import json
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from napari_fus_ulm.cli import app
from napari_fus_ulm.errors import RecordError
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.io import read_one, write
from napari_fus_ulm.scan import laid_mm, make_scan
from napari_fus_ulm.tasks.coherence import CoherenceSettings
from napari_fus_ulm.tasks.compare import FigureSettings, MetricsSettings
from napari_fus_ulm.tasks.copying import as_command, as_python
from napari_fus_ulm.tasks.events import last_of
from napari_fus_ulm.tasks.record import (
    TASKS,
    WHERE,
    Record,
    Source,
    parse_record,
    read_record,
    write_record,
)
from napari_fus_ulm.tasks.replay import replay, run_of, take, task_of
from napari_fus_ulm.tasks.resolution import ResolutionSettings
from napari_fus_ulm.tasks.support import SupportSettings
from napari_fus_ulm.tasks.truth import TruthSettings

SHELL = "napari-fus-ulm() { %s -c 'from napari_fus_ulm.cli import main; main()' \"$@\"; }\n"


# ---------------------------------------------------------------- images and settings


@pytest.fixture(scope="module")
def files(tmp_path_factory, drawn_counts):
    """A film of two slices with blanks in its name, one plane of it, and the ULM of that plane."""
    folder = tmp_path_factory.mktemp("rat 01")
    random = np.random.default_rng(1)
    power = drawn_counts.reshape(40, 10, 60, 10).sum(axis=(1, 3)) + 2.0
    film = power * random.gamma(20.0, 1.0, (4, 2, 40, 60))
    how = {"modality": "fus", "values_kind": "linear"}
    stack = make_scan(film, spacing=(0.5, 0.1, 0.1), time=np.arange(4.0), **how)
    plane = make_scan(film[0, 0], spacing=0.1, **how)
    ulm = make_scan(drawn_counts, spacing=0.01, modality="ulm", values_kind="linear")
    return {
        "stack": write(folder / "film of_pwd.nii.gz", stack),
        "fus": write(folder / "plane_pwd.ome.tif", plane),
        "ulm": write(folder / "plane_ulm.nii.gz", ulm),
    }


@pytest.fixture(scope="module")
def drawn_counts():
    random = np.random.default_rng(0)
    counts = np.zeros((400, 600))
    for _ in range(40):
        start, angle = random.uniform((0, 0), counts.shape), random.uniform(0, np.pi)
        along = np.arange(90)[:, None] * [np.sin(angle), np.cos(angle)]
        row, column = np.round(start + along).astype(int).T
        inside = (row >= 0) & (row < 400) & (column >= 0) & (column < 600)
        counts[row[inside], column[inside]] += random.integers(2, 30)
    return counts


@pytest.fixture
def settings(small_weights):
    return EnhanceSettings(
        mode="detailed", steps=1, weights=str(small_weights), values="linear", seed=3
    )


def source(files, which="fus", **part):
    modality = "ulm" if which == "ulm" else "fus"
    return Source(layer=which, path=str(files[which]), modality=modality, **part)


@pytest.fixture
def made(files, settings):
    """A result as a dock knows it: by the run that made it."""
    run = Record.of("enhance", {"fus": source(files, spacing=(0.1, 0.1))}, settings)
    return Source(layer="result", modality="unknown", made_by=run)


# ---------------------------------------------------------------- running what was copied


def run_script(text, folder, monkeypatch):
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    scope = {}
    exec(compile(text, "copied", "exec"), scope)
    return scope


def run_command(text, folder, monkeypatch):
    """Through the command line's own parser, line by line; what goes to ``run`` as its input."""
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    first, *given = text.splitlines()
    if first.endswith("<<'RECORD'"):
        lines, written = [first.removesuffix("<<'RECORD'")], "\n".join(given[:-1])
    else:
        lines, written = text.splitlines(), None
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "napari-fus-ulm"
        done = CliRunner().invoke(app, words, input=written)
        assert done.exit_code == 0, done.output + str(done.stderr)


def contents(folder: Path):
    """Pixels of images and bytes of other files, by name; records say where they were made."""
    contents = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "phantom" not in str(path.parent) and "record" not in path.name:
            image = path.name.endswith((".ome.tif", ".nii.gz"))
            contents[path.name] = read_one(path).values.tobytes() if image else path.read_bytes()
    return contents


def assert_replays(record, tmp_path, monkeypatch, *, also_there=()):
    """Script, command and ``run`` write the same files; returns them."""
    run_script(as_python(record), tmp_path / "script", monkeypatch)
    run_command(as_command(record), tmp_path / "command", monkeypatch)
    written = write_record(tmp_path / "kept.json", record)
    done = CliRunner().invoke(app, ["run", str(written), "-o", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    script, command, run = (contents(tmp_path / one) for one in ("script", "command", "run"))
    assert script
    assert {name: data for name, data in command.items() if name not in also_there} == script
    assert list(run.values()) == list(script.values())
    return script


# ---------------------------------------------------------------- every task


PARTS = {
    "a file with another pixel size": ("fus", {"spacing": (0.12, 0.1)}),
    "the mean of one slice of a film": ("stack", {"slice": 1, "time": "mean"}),
    "one frame, all slices": ("stack", {"time": 2}),
    "all frames of one slice": ("stack", {"slice": 0, "time": "all"}),
}


@pytest.mark.parametrize("part", PARTS)
def test_enhance(files, settings, tmp_path, monkeypatch, part):
    which, how = PARTS[part]
    record = Record.of("enhance", {"fus": source(files, which, **how)}, settings)
    expected = last_of(run_of(record)).enhancement.image
    (pixels,) = assert_replays(record, tmp_path, monkeypatch).values()
    assert pixels == expected.values.tobytes()
    fus = take(record.inputs["fus"])
    assert fus.sizes.get("time", 1) == (4 if how.get("time") == "all" else 1)
    assert fus.sizes.get("k", 1) == (2 if "slice" not in how and which == "stack" else 1)


def test_enhance_of_the_sample_pair(settings, tmp_path, monkeypatch):
    sample = Source(layer="phantom power Doppler", simulated=910_000_007)
    record = Record.of("enhance", {"fus": sample}, settings)
    assert "simulate --seed 910000007 -o phantom-910000007\n" in as_command(record)
    (pixels,) = assert_replays(record, tmp_path, monkeypatch).values()
    assert pixels == last_of(run_of(record)).enhancement.image.values.tobytes()
    # The command that simulates writes a record of its own.
    simulated = tmp_path / "command" / "phantom-910000007"
    again = tmp_path / "again"
    list(replay(read_record(simulated / "record.json"), again))
    power = Path("sub-01", "angio", "sub-01_pwd.nii.gz")
    np.testing.assert_array_equal(read_one(again / power), read_one(simulated / power))
    assert read_record(again / "record.json").outputs == ("pairs.csv",)


def test_the_spread_comes_along(files, settings, tmp_path, monkeypatch):
    from dataclasses import replace

    balanced = replace(settings, mode="balanced", samples=2)
    record = Record.of("enhance", {"fus": source(files)}, balanced)
    image, spread = assert_replays(record, tmp_path, monkeypatch).values()
    expected = last_of(run_of(record)).enhancement
    assert image == expected.image.values.tobytes()
    assert spread == expected.spread.values.tobytes()


def test_coherence_of_a_part(files, settings, tmp_path, monkeypatch):
    chosen = CoherenceSettings(
        enhance=settings, noise="shared", region=(0.5, 0.25, 1.0, 2.0), colours="magenta-green"
    )
    part = source(files, "stack", slice=1, time=0)
    record = Record.of("coherence", {"fus": part}, chosen)
    made = assert_replays(record, tmp_path, monkeypatch)
    assert set(made) == {"coherence.png", "seam.png", "seams.csv"}
    assert made["seams.csv"].count(b"\n") > 1


def test_coherence_of_the_runs_own_patches(files, settings, tmp_path, monkeypatch):
    from dataclasses import replace

    at_end = replace(settings, patch=128, overlap=64, window="hann", fusion="at-end")
    chosen = CoherenceSettings(enhance=at_end, noise="run")
    record = Record.of("coherence", {"fus": source(files, "fus")}, chosen)
    assert len(assert_replays(record, tmp_path, monkeypatch)["seams.csv"].splitlines()) > 1


def test_support_of_a_result(files, made, tmp_path, monkeypatch):
    chosen = SupportSettings(samples=2, enhance=EnhanceSettings(values="linear"))
    inputs = {"result": made, "fus": source(files, spacing=(0.1, 0.1))}
    record = Record.of("support", inputs, chosen)
    written = assert_replays(
        record, tmp_path, monkeypatch, also_there=["plane_pwd_enhanced.ome.tif"]
    )
    assert set(written) == {"support.png", "probability.ome.tif", "classes.ome.tif"}


@pytest.mark.parametrize("aligned", ["none", "shift"])
def test_missed_vessels(files, made, tmp_path, monkeypatch, aligned):
    inputs = {"result": made, "ulm": source(files, "ulm", spacing=(0.01, 0.01))}
    record = Record.of("missed", inputs, TruthSettings(aligned=aligned))
    written = assert_replays(
        record, tmp_path, monkeypatch, also_there=["plane_pwd_enhanced.ome.tif"]
    )
    names = ["error.ome.tif", "missed.png", "ssim.ome.tif", "table.md", "vessels.ome.tif"]
    assert sorted(written) == names


@pytest.mark.parametrize("both_have_parts", [False, True])
def test_fourier_ring_correlation(files, made, tmp_path, monkeypatch, both_have_parts):
    """With the parts of two files there is no option to say which is whose: ``run`` is given it."""
    ulm = source(files, "ulm", spacing=(0.01, 0.01) if both_have_parts else None)
    fus = source(files, "stack", slice=0, time=0, values="linear")
    record = Record.of("frc", {"result": made, "ulm": ulm, "fus": fus}, ResolutionSettings())
    assert ("run -" in as_command(record)) == both_have_parts
    written = assert_replays(
        record, tmp_path, monkeypatch, also_there=["plane_pwd_enhanced.ome.tif"]
    )
    assert written["frc.csv"].splitlines()[0] == b"cycles_per_mm,threshold,result,power_doppler"


def test_figure_and_metrics(files, made, settings, tmp_path, monkeypatch):
    inputs = {"power Doppler": source(files), "result": made, "1. ULM": source(files, "ulm")}
    how = {"truth": "1. ULM", "enhance": settings}
    figure = Record.of("figure", inputs, FigureSettings(width_mm=120.0, **how))
    metrics = Record.of("metrics", inputs, MetricsSettings(**how))
    (picture,) = assert_replays(figure, tmp_path / "figure", monkeypatch).values()
    (table,) = assert_replays(metrics, tmp_path / "metrics", monkeypatch).values()
    assert picture.startswith(b"\x89PNG")
    rows = table.decode().splitlines()
    assert rows[0].startswith("image,generator,mode,ground_truth,moved_down_um,moved_right_um,mse")
    assert [row.split(",")[0] for row in rows[1:]] == ["power Doppler", "result"]


def test_a_copied_command_and_script_run_in_processes_of_their_own(files, settings, tmp_path):
    record = Record.of("enhance", {"fus": source(files, "stack", slice=1, time=2)}, settings)
    shell = SHELL % shlex.quote(sys.executable)
    expected = last_of(run_of(record)).enhancement.image.values
    for text, program in ((shell + as_command(record), "bash"), (as_python(record), "python")):
        in_a_process(text, program, tmp_path)
        image = tmp_path / "film_of_pwd_enhanced.ome.tif"
        np.testing.assert_array_equal(read_one(image).values.squeeze(), expected.squeeze())
        image.unlink()


def test_a_record_is_given_to_run_in_a_shell(files, tmp_path):
    images = {"it's power": source(files), "ULM": source(files, "ulm")}
    record = Record.of("metrics", images, MetricsSettings(truth="ULM"))
    text = SHELL % shlex.quote(sys.executable) + as_command(record)
    in_a_process(text, "bash", tmp_path)
    table = (tmp_path / "comparison.csv").read_text()
    assert table == last_of(run_of(record)).csv
    assert "it's power" in table


def in_a_process(text, program, folder):
    words = {"bash": ["bash"], "python": [sys.executable]}[program]
    done = subprocess.run(
        words, input=text, capture_output=True, text=True, cwd=folder, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------- what the command line writes down


def test_what_a_command_wrote_down_is_run_again(files, settings, tmp_path):
    words = ["enhance", str(files["stack"]), "--slice", "2", "--time", "3", "--gain", "4"]
    words += ["--weights", settings.weights, "--steps", "1", "-o", str(tmp_path / "out")]
    assert CliRunner().invoke(app, words).exit_code == 0
    first = tmp_path / "out" / "film of_pwd_enhanced.ome.tif"
    kept = tmp_path / "out" / "film of_pwd_enhanced_record.json"
    record = read_record(kept)
    assert record.outputs == (first.name,)
    assert record.inputs["fus"].slice == 1
    assert record.settings["pixel_um"] == pytest.approx(25.0)
    done = CliRunner().invoke(app, ["run", str(kept), "-o", str(tmp_path / "again"), "--json"])
    assert done.exit_code == 0, done.output
    again = Path(json.loads(done.stdout)["files"][0])
    assert again == tmp_path / "again" / first.name
    np.testing.assert_array_equal(read_one(again).values, read_one(first).values)


def test_an_evaluation_is_run_again(files, tmp_path):
    words = ["evaluate", str(files["ulm"]), str(files["ulm"]), "-o", str(tmp_path / "out")]
    assert CliRunner().invoke(app, words).exit_code == 0
    kept = tmp_path / "out" / "record.json"
    done = CliRunner().invoke(app, ["run", str(kept), "-o", str(tmp_path / "again")])
    assert done.exit_code == 0, done.output
    first, again = (contents(tmp_path / one) for one in ("out", "again"))
    assert again == first
    assert sorted(first) == ["images.csv", "results.json", "table.md"]
    script = as_python(read_record(kept))
    assert "EVALUATE(EvaluateSettings(images=" in script


# ---------------------------------------------------------------- JSON


def test_a_record_survives_json(files, made):
    inputs = {"result": made, "ulm": source(files, "ulm", image=2, leading="time")}
    record = Record.of("missed", inputs, TruthSettings(aligned="affine"))
    assert parse_record(json.dumps(record.as_dict())) == record


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"format": 2, "version": "9.1"}, "has the format 2 and this version reads 1"),
        ({"task": "undo"}, "a task “undo”, which this version does not know"),
        ({"colour": 1}, "The record has fields that this version does not know: colour"),
        ({"inputs": {"fus": {"layer": "a", "size": 1}}}, "An input has fields"),
        ({"inputs": {"ulm": {"layer": "a"}}}, "missing: fus"),
        ({"settings": {"stepps": 1}}, "The settings has fields|settings .*stepps"),
        ({"settings": {"steps": 0}}, "steps is 0; it must lie between 1 and 100"),
        ({"inputs": {"fus": {"layer": "a"}}}, "“a” has no file; save it"),
        ({"inputs": []}, "must be JSON objects"),
    ],
)
def test_what_a_record_cannot_be_is_said(files, settings, tmp_path, changes, sentence):
    record = Record.of("enhance", {"fus": source(files)}, settings).as_dict()
    with pytest.raises(RecordError, match=sentence):
        last_of(replay(parse_record(json.dumps({**record, **changes})), tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_record_is_named(tmp_path):
    path = tmp_path / "notes.json"
    path.write_text("[1")
    done = CliRunner().invoke(app, ["run", str(path)])
    assert done.exit_code == 1
    assert "“notes.json” is not a record" in done.stderr
    assert "There is no file" in CliRunner().invoke(app, ["run", str(tmp_path / "x")]).stderr


@pytest.mark.parametrize("task", ["coherence", "support"])
def test_a_command_never_leaves_a_setting_out(task):
    """Every changed setting is an option that the command has, or ``run`` is given the record."""
    command = typer.main.get_command(app).commands[task]
    options = {option for one in command.params for option in one.opts}
    changes = {
        "pixel_um": 25.0, "native_um": 50.0,
        "values": "sqrt", "steps": 7, "samples": 3, "sampler": "ancestral",
        "departure": 0.3, "patch": 64, "overlap": 16, "window": "hann", "fusion": "at-end",
        "batch": 4, "position": "off", "device": "cpu", "precision": "float32", "seed": 5,
        "mode": "accurate", "generator": "mhvae", "weights": "a.safetensors",
        "region": (1.0, 2.0, 3.0, 4.0),
    }  # fmt: skip
    assert set(changes) == {one.name for one in fields(EnhanceSettings)}
    fus, result = Source(layer="a", path="/d/a.nii"), Source(layer="b", path="/d/b.nii")
    inputs = {"fus": fus} if task == "coherence" else {"fus": fus, "result": result}
    kind = {"coherence": CoherenceSettings, "support": SupportSettings}[task]
    settled = {
        "coherence": ("samples", "region"),
        "support": ("generator", "weights", "mode", "steps", "seed", "samples", "region"),
    }[task]
    for name, value in changes.items():
        settings = kind(enhance=EnhanceSettings(**{name: value}))
        words = shlex.split(as_command(Record.of(task, inputs, settings)).splitlines()[0])
        if words[1:3] == ["run", "-"] or name in settled:
            continue
        option = f"--{name.replace('_', '-')}"
        assert option in words, name
        assert {word for word in words if word.startswith("--")} <= options


def test_every_task_can_be_recorded_and_replayed():
    assert tuple(WHERE) == TASKS
    assert [task_of(name).name for name in WHERE] == list(TASKS)


# ---------------------------------------------------------------- words


def test_only_what_differs_from_the_defaults_is_written():
    settings = EnhanceSettings(mode="detailed", steps=20, fusion="at-end")
    record = Record.of("enhance", {"fus": Source(layer="a", path="/d/a.nii")}, settings)
    assert as_command(record) == (
        "napari-fus-ulm enhance /d/a.nii --mode detailed --pixel-um 20 --steps 20 --seed 0 "
        "--fusion at-end -o a_enhanced.ome.tif\n"
    )


def test_a_layer_of_no_file_is_to_be_saved_first():
    part = Source(layer="x y", slice=4, time=0, image=2, leading="time")
    record = Record.of("enhance", {"fus": part}, EnhanceSettings())
    assert "--image 3 --leading time --time 1 --slice 5" in as_command(record)
    assert "save it as x_y.ome.tif first" in as_command(record)
    assert "“x y” has no file: save it first" in as_python(record)


def test_an_image_that_is_used_twice_is_read_once(files, made):
    inputs = {"result": made, "fus": made.made_by.inputs["fus"]}
    script = as_python(Record.of("support", inputs, SupportSettings()))
    assert script.count("read_one(") == 1
    command = as_command(Record.of("support", inputs, SupportSettings()))
    assert command.count("enhance ") == 1


def test_a_ulm_that_was_laid_is_laid_again(made, tmp_path):
    plain = write(tmp_path / "u_ulm.tif", make_scan(np.ones((60, 80)), spacing=0.01))
    source = Source(layer="u", path=str(plain), modality="ulm", laid_mm=(0.04, -0.06))
    again = Source.from_mapping(json.loads(json.dumps(source.as_dict())))
    assert again == source
    scan = take(again)
    assert laid_mm(scan) == (0.04, -0.06)
    assert float(scan["y"][0]) == pytest.approx(0.04, abs=0.006)
    record = Record.of("missed", {"result": made, "ulm": source}, TruthSettings())
    assert "laid(ulm, (0.04, -0.06))" in as_python(record)
    assert "napari-fus-ulm run -" in as_command(record)
