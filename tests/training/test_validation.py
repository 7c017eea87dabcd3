"""The validation loss: the same patches at every checkpoint, and when to stop."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_fus_ulm.cohort.table import read_cohort, write_pairs_table
from napari_fus_ulm.errors import TrainingError
from napari_fus_ulm.generators.diffusion import ConditionalDiffusion
from napari_fus_ulm.grey.pair import PreparedPair
from napari_fus_ulm.training import loop
from napari_fus_ulm.training.curves import read_curves
from napari_fus_ulm.training.loop import Saved, train_events
from napari_fus_ulm.training.run import WEIGHTS
from napari_fus_ulm.training.settings import TrainSettings
from napari_fus_ulm.training.streams import PairStream
from napari_fus_ulm.training.validation import (
    PATCHES,
    Validated,
    past_losses,
    patience_is_over,
    validation_losses,
)


def pair(seed: int = 0) -> PreparedPair:
    rng = np.random.default_rng(seed)
    return PreparedPair(*(rng.random((40, 48)).astype(np.float32) for _ in range(2)))


def stream(seed: int = 0, without_position: float = 0.0) -> PairStream:
    return PairStream([pair(seed)], without_position=without_position, vary_display=0.0)


def model() -> ConditionalDiffusion:
    torch.manual_seed(0)
    generator = ConditionalDiffusion((8, 8, 8), (1, 1, 1))
    return generator.eval()


def test_the_same_weights_give_the_same_loss_whatever_was_drawn_before() -> None:
    one = validation_losses(model(), stream(), 32, "float32")
    torch.manual_seed(77)
    torch.rand(3)
    assert validation_losses(model(), stream(), 32, "float32") == one
    assert one["loss"] == pytest.approx(one["v"] + one["edges"], rel=1e-5)
    assert validation_losses(model(), stream(1), 32, "float32") != one


def test_the_stream_says_whether_the_position_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    positions_given = []

    def watching(self: object, batch: object, rng: object) -> dict[str, torch.Tensor]:
        positions_given.append(bool(batch.position.any()))  # type: ignore[attr-defined]
        return {"loss": torch.tensor(1.0)}

    monkeypatch.setattr(ConditionalDiffusion, "training_loss", watching)
    for position in (True, False):
        positions_given.clear()
        validation_losses(model(), stream(0, 0.0 if position else 1.0), 32, "float32")
        assert positions_given == [position] * len(positions_given)
        assert positions_given


def test_the_mean_is_over_all_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def counting(self: object, batch: object, rng: object) -> dict[str, torch.Tensor]:
        sizes.append(len(batch.fus))  # type: ignore[attr-defined]
        return {"loss": torch.tensor(float(len(sizes)))}

    monkeypatch.setattr(ConditionalDiffusion, "training_loss", counting)
    losses = validation_losses(model(), stream(), 32, "float32")
    assert sum(sizes) == PATCHES
    assert losses["loss"] == pytest.approx(np.mean(range(1, len(sizes) + 1)))


@pytest.mark.parametrize(
    ("losses", "patience", "over"),
    [
        ([3, 2, 1], 2, False),
        ([1, 2, 3], 2, True),
        ([2, 3, 1], 2, False),
        ([1, 2], 2, False),
        ([1, 1, 1], 2, True),
        ([1, 2, 3, 4], 0, False),
    ],
)
def test_patience(losses: list[float], patience: int, over: bool) -> None:
    assert patience_is_over(list(enumerate(losses)), patience) is over


@pytest.mark.usefixtures("tiny_network")
def test_a_run_keeps_its_best_weights_and_stops_when_nothing_gets_better(
    settings: TrainSettings, pairs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "rats"
    shutil.copytree(pairs_folder, folder)
    sides = zip(read_cohort(folder), ("train", "validation"), strict=True)
    write_pairs_table(folder, [dataclasses.replace(one, split=side) for one, side in sides])
    script = iter([5.0, 3.0, 4.0, 6.0, 7.0, 8.0])
    monkeypatch.setattr(loop, "validation_losses", lambda *_, **__: {"loss": next(script)})
    chosen = dataclasses.replace(settings, pairs=str(folder), steps=6, patience=2)
    weights, judged = {}, []
    for event in train_events(chosen, tmp_path / "run"):
        if isinstance(event, Validated):
            judged.append((event.step, event.best))
        if isinstance(event, Saved):
            weights[event.step] = (tmp_path / "run" / WEIGHTS).read_bytes()
    assert judged == [(1, True), (2, True), (3, False), (4, False)]
    assert weights[1] != weights[2] == weights[3] == weights[4]
    assert past_losses(tmp_path / "run") == [(1, 5.0), (2, 3.0), (3, 4.0), (4, 6.0)]


@pytest.mark.usefixtures("tiny_network")
def test_a_folder_without_a_validation_side_is_not_validated(
    settings: TrainSettings, tmp_path: Path
) -> None:
    events = list(train_events(settings, tmp_path / "run"))
    assert not any(isinstance(event, Validated) for event in events)
    assert not (tmp_path / "run" / "validation.csv").exists()


def test_tables_of_a_damaged_run_are_skipped_or_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "losses.csv").write_bytes(b"step,loss\n1,0.5\n\xa6\xff,0.4\n2,0.3\n")
    assert list(read_curves(tmp_path / "losses.csv")["step"]) == [1.0, 2.0]
    (tmp_path / "validation.csv").write_bytes(b"step,loss\n1,0.5\n\xa6,0.4\n")
    with pytest.raises(TrainingError, match=r"validation\.csv is not the table of a run"):
        past_losses(tmp_path)
