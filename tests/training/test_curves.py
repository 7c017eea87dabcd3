"""The learning curves: what is drawn, from which files, and that a run updates them."""

import dataclasses
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from napari_fus_ulm.errors import TrainingError
from napari_fus_ulm.generators.checkpoint import read_tensors
from napari_fus_ulm.training import curves, loop
from napari_fus_ulm.training.curves import (
    BLOCKS,
    FILE,
    block_medians,
    curves_picture,
    falls_far,
    read_curves,
)
from napari_fus_ulm.training.loop import Saved, train_events
from napari_fus_ulm.training.run import CHECKPOINT
from napari_fus_ulm.training.settings import TrainSettings

TINY = {"widths": [8, 8, 8], "blocks": [1, 1, 1]}


def recorded(folder: Path, steps: int = 300) -> Path:
    """A run of an adversarial generator whose second validation was its best."""
    step = np.arange(1, steps + 1)
    loss = 0.1 + 5.0 * np.exp(-step / 30.0)
    lines = [f"{n},{one:.5f},{1 + 0.1 * (n % 2)}" for n, one in zip(step, loss, strict=True)]
    (folder / "losses.csv").write_text("\n".join(["step,loss,adversarial", *lines]) + "\n")
    judged = "step,loss,adversarial\n100,0.9,0\n200,0.3,0\n300,0.5,0\n"
    (folder / "validation.csv").write_text(judged)
    (folder / "settings.json").write_text('{"batch": 4}')
    return folder


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def test_a_run_is_drawn_and_nothing_else_is_left_behind(tmp_path: Path) -> None:
    path = curves_picture(recorded(tmp_path))
    assert path == tmp_path / FILE
    before = {"losses.csv", "validation.csv", "settings.json"}
    assert {file.name for file in tmp_path.iterdir()} == {*before, FILE}
    drawn = pixels(path)
    assert drawn.shape[1] > drawn.shape[0] > 200
    # Blue of the training and orange of the validation, which is drawn in the loss's panel only.
    assert (drawn == (31, 119, 180)).all(axis=-1).any()
    orange = (drawn == (255, 127, 14)).all(axis=-1)
    half = drawn.shape[1] // 2
    assert orange[:, :half].any()
    assert not orange[:, half:].any()


def test_panels_have_names_units_and_the_best_validation(tmp_path: Path) -> None:
    recorded(tmp_path)
    judged = read_curves(tmp_path / "validation.csv")
    figure = curves._figure(read_curves(tmp_path / "losses.csv"), judged, 4)
    loss, adversarial = figure.axes
    assert (loss.get_xlabel(), loss.get_ylabel()) == ("step", "loss")
    assert adversarial.get_ylabel() == "adversarial"
    assert (loss.get_yscale(), adversarial.get_yscale()) == ("log", "linear")
    by_name = {line.get_label(): line for line in loss.get_lines()}
    assert by_name["best"].get_xydata().tolist() == [[200.0, 0.3]]
    assert by_name["validation"].get_xdata().tolist() == [100.0, 200.0, 300.0]
    assert len(by_name["every step"].get_xdata()) == 300
    assert len(adversarial.get_lines()) == 2
    (top,) = loss.child_axes
    figure.canvas.draw()
    assert top.get_xlabel() == "patches seen"
    assert top.get_xlim() == pytest.approx([4 * end for end in loss.get_xlim()])


def test_a_run_without_validation_or_with_nothing_yet(tmp_path: Path) -> None:
    assert curves_picture(tmp_path) is None
    recorded(tmp_path)
    whole = pixels(curves_picture(tmp_path) or tmp_path)
    (tmp_path / "validation.csv").unlink()
    assert not np.array_equal(pixels(curves_picture(tmp_path) or tmp_path), whole)


def test_a_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "losses.csv"
    path.write_text("step,loss,v\n1,3.0,2.0\n2,2.5,1.\n3,2.4\n4,2.0,1e-\n5,1,1\n")
    curves = read_curves(path)
    assert curves["step"].tolist() == [1, 2, 5]
    assert curves["v"].tolist() == [2.0, 1.0, 1.0]
    path.write_text("step,loss\n")
    assert read_curves(path) == {}
    path.write_text("step,loss\n1," + "9" * 200_000 + "\n")
    with pytest.raises(TrainingError, match=r"losses\.csv is not the table of a run; restore it"):
        read_curves(path)


def test_medians_are_of_blocks_and_pass_over_a_spike() -> None:
    values = np.ones(1000)
    values[500] = 1e6
    assert len(block_medians(values)) == BLOCKS
    assert (block_medians(values) == 1.0).all()
    assert block_medians(np.arange(1.0, 11.0)).tolist() == [3.0, 8.0]
    assert block_medians(np.array([2.0])).tolist() == [2.0]


def test_the_axis_is_logarithmic_only_where_a_loss_has_fallen_far() -> None:
    assert falls_far(np.array([50.0, 1.0, 1.0, 1.0]))
    assert not falls_far(np.array([2.0, 1.0, 1.0, 1.0]))
    assert not falls_far(np.array([50.0, 0.0, 1.0, 1.0]))


@pytest.mark.usefixtures("tiny_network")
def test_a_run_draws_its_curves_at_every_checkpoint(
    settings: TrainSettings, tmp_path: Path
) -> None:
    drawn = [
        (tmp_path / "run" / FILE).read_bytes()
        for event in train_events(settings, tmp_path / "run")
        if isinstance(event, Saved)
    ]
    assert len(drawn) == len(set(drawn)) == settings.steps


@pytest.mark.usefixtures("tiny_network")
def test_a_picture_that_fails_is_told_and_ends_no_run(
    settings: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(folder: Path) -> None:
        raise OSError("no fonts")

    monkeypatch.setattr(loop, "curves_picture", failing)
    once = dataclasses.replace(settings, steps=1)
    with pytest.warns(UserWarning, match=r"curves of .*run were not drawn: OSError\('no fonts'\)"):
        events = list(train_events(once, tmp_path / "run"))
    assert events[-1] == Saved(1, tmp_path / "run")


@pytest.mark.slow
def test_a_killed_run_loses_one_checkpoint_interval_and_ends_as_if_it_had_not_been(
    settings: TrainSettings, tmp_path: Path
) -> None:
    chosen = dataclasses.replace(settings, model=TINY)
    list(train_events(chosen, tmp_path / "whole"))
    (tmp_path / "settings.json").write_text(chosen.to_json())
    # It stops before the checkpoint of its third step is written, and waits there to be killed.
    code = """
        import json, sys, time
        from pathlib import Path
        from napari_fus_ulm.training.loop import StepDone, train_events
        from napari_fus_ulm.training.settings import TrainSettings
        folder = Path(sys.argv[1])
        settings = TrainSettings(**json.loads((folder / "settings.json").read_text()))
        for event in train_events(settings, folder / "killed"):
            if isinstance(event, StepDone):
                print(event.step, flush=True)
                if event.step == 3:
                    time.sleep(600)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as running:
        assert running.stdout is not None
        assert [int(running.stdout.readline()) for _ in range(3)] == [1, 2, 3]
        running.kill()
        running.wait(timeout=60)
    assert running.returncode != 0
    # A checkpoint was due after every step: of three, the one in progress is lost.
    assert int(read_tensors(tmp_path / "killed" / CHECKPOINT)["step"]) == 2
    list(train_events(chosen, tmp_path / "killed", resume=True))
    whole, killed = (read_tensors(tmp_path / name / CHECKPOINT) for name in ("whole", "killed"))
    assert whole.keys() == killed.keys()
    unlike = [k for k in whole if k != "seconds" and not torch.equal(whole[k], killed[k])]
    assert unlike == []
    for table in ("losses.csv", "curves.png"):
        assert (tmp_path / "whole" / table).read_bytes() == (
            tmp_path / "killed" / table
        ).read_bytes()
