"""Scripts and commands that make a run again."""

import shlex
import subprocess
import sys

import numpy as np
import pytest

from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.scan import make_scan
from napari_fus_ulm.tasks.record import Source, copy_as_command, copy_as_python


@pytest.fixture
def stack_file(tmp_path):
    from napari_fus_ulm.io import write

    rng = np.random.default_rng(0)
    scan = make_scan(
        rng.gamma(2.0, 1.0, (4, 3, 24, 32)), spacing=(0.5, 0.1, 0.11), modality="fus",
        values_kind="linear", time=np.arange(4.0),
    )  # fmt: skip
    return write(tmp_path / "rat 01_pwd.nii.gz", scan), scan


def run_script(text, monkeypatch, folder):
    monkeypatch.chdir(folder)
    scope = {}
    exec(compile(text, "copied", "exec"), scope)
    return scope


def test_script_takes_the_same_part_of_the_file(stack_file, small_weights, tmp_path, monkeypatch):
    path, scan = stack_file
    settings = EnhanceSettings(
        steps=1, weights=str(small_weights), values="linear", precision="float32"
    )
    source = Source(layer="rat", path=str(path), slice=1, time="mean", spacing=(0.12, 0.1))
    scope = run_script(copy_as_python(settings, source), monkeypatch, tmp_path)
    expected = scan.mean("time").isel(k=1)
    np.testing.assert_allclose(scope["fus"].values, expected.values, rtol=1e-5)
    assert scope["result"].settings == settings.resolved()
    assert float(scope["fus"]["y"][1] - scope["fus"]["y"][0]) == pytest.approx(0.12)
    assert (tmp_path / "rat_01_pwd_enhanced.ome.tif").exists()


def test_script_for_one_frame_and_all_slices(stack_file, small_weights, tmp_path, monkeypatch):
    path, scan = stack_file
    settings = EnhanceSettings(mode="accurate", weights=str(small_weights))
    source = Source(layer="rat", path=str(path), time=2)
    scope = run_script(copy_as_python(settings, source), monkeypatch, tmp_path)
    np.testing.assert_allclose(scope["fus"].values, scan.values[2], rtol=1e-6)
    assert scope["result"].image.sizes["k"] == 3


def test_command_is_understood_by_the_command_line(stack_file, small_weights, tmp_path):
    path, _ = stack_file
    settings = EnhanceSettings(
        mode="accurate", weights=str(small_weights), values="linear", seed=3, precision="float32"
    )
    source = Source(layer="rat", path=str(path), time="mean", spacing=(0.1, 0.11))
    words = shlex.split(copy_as_command(settings, source))
    assert words[:3] == ["napari-fus-ulm", "enhance", str(path)]
    done = subprocess.run(
        [sys.executable, "-c", "from napari_fus_ulm.cli import main; main()", *words[1:]],
        capture_output=True, text=True, cwd=tmp_path, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "rat_01_pwd_enhanced.ome.tif").exists()


def test_command_says_which_part_of_a_file_was_used():
    source = Source(layer="x y", slice=4, time=0, image=2, leading="time")
    text = copy_as_command(EnhanceSettings(), source)
    assert "--image 3 --leading time --time 1 --slice 5" in text
    assert "save it as x_y.ome.tif first" in text


def test_only_what_differs_from_the_defaults_is_written():
    settings = EnhanceSettings(steps=20, fusion="at-end")
    text = copy_as_command(settings, Source(layer="a", path="/d/a.nii"))
    assert text == (
        "napari-fus-ulm enhance /d/a.nii --mode detailed --pixel-um 20 --steps 20 --seed 0 "
        "--fusion at-end -o a_enhanced.ome.tif\n"
    )


def test_all_times_are_said():
    source = Source(layer="a", path="/d/a.nii", time="all")
    assert "--time all" in copy_as_command(EnhanceSettings(), source)
    assert "mean" not in copy_as_python(EnhanceSettings(), source)


def test_source_survives_json():
    import json

    source = Source(layer="a", spacing=(0.1, 0.2), slice=3, time="mean")
    back = Source.from_mapping(json.loads(json.dumps(source.as_dict())))
    assert copy_as_python(EnhanceSettings(), back) == copy_as_python(EnhanceSettings(), source)
