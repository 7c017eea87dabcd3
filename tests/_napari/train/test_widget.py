"""The Train dock as a user meets it, on three small pairs: looked at, trained, judged, kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_fus_ulm._napari.train import state as state_module
from napari_fus_ulm._napari.train.state import TRAINING
from napari_fus_ulm._napari.train.widget import TrainWidget
from napari_fus_ulm._napari.widgets.guide import Help, page_file
from napari_fus_ulm.generators.checkpoint import Card, write_weights
from napari_fus_ulm.generators.diffusion import ConditionalDiffusion
from napari_fus_ulm.generators.library import FOLDER_VARIABLE
from napari_fus_ulm.io import write
from napari_fus_ulm.phantom import PhantomParams, simulate_pair
from napari_fus_ulm.training.loop import Saved, StepDone
from napari_fus_ulm.training.validation import Validated

SMALL = PhantomParams(width_mm=3.0, depth_mm=2.5, shift_um=0.0, warp_um=0.0, out_of_plane_um=0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pairs, of which one is mirrored; and one damaged file."""
    for kind in ("fus", "ulm"):
        (tmp_path / "rats" / kind).mkdir(parents=True)
    for number, name in enumerate(("a", "b", "c")):
        pair = simulate_pair(81 + number, SMALL, vary=False)
        ulm = pair.ulm.copy(data=pair.ulm.values[:, ::-1]) if name == "b" else pair.ulm
        write(tmp_path / "rats" / "fus" / f"{name}.npy", pair.fus)
        write(tmp_path / "rats" / "ulm" / f"{name}.npy", ulm)
    for kind in ("fus", "ulm"):
        np.save(tmp_path / "rats" / kind / "d.npy", np.zeros((3, 3)))
    return tmp_path / "rats"


@pytest.fixture
def dock(qtbot: Any) -> TrainWidget:
    """The dock on a viewer's model."""
    one = TrainWidget(ViewerModel())
    qtbot.addWidget(one, before_close_func=TrainWidget.leave)
    one.show()
    return one


def wait(qtbot: Any, dock: TrainWidget) -> None:
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)


def test_an_empty_dock_says_what_to_do(dock: TrainWidget) -> None:
    assert "Open a folder of pairs" in dock.hint.text()
    assert not dock.table.isVisible()
    assert not dock.train.isVisible()


def test_pairs_are_looked_at_corrected_and_left_out(
    dock: TrainWidget, folder: Path, qtbot: Any
) -> None:
    dock.open_folder(folder)
    wait(qtbot, dock)
    states = [dock.table.item(row, 3).text() for row in range(4)]
    assert states == ["✓ ready", "→ can be corrected", "✓ ready", "✖ look at it"]
    assert not dock.table.item(0, 0).icon().isNull()
    assert dock.table.item(3, 0).icon().isNull()
    assert not dock.train.isEnabled()
    dock.table.selectRow(1)
    assert "mirrored left to right" in dock.about.text()
    layers = dock._viewer.layers
    assert [layer.name for layer in layers] == ["fUS · b", "ULM · b"]
    dock.table.selectRow(0)
    assert [layer.name for layer in layers] == ["fUS · a", "ULM · a"]
    dock.table.selectRow(3)
    assert len(layers) == 0
    assert dock.omit.isVisible()
    dock.omit.click()
    assert dock.table.rowCount() == 3
    dock.store.click()
    wait(qtbot, dock)
    assert [dock.table.item(row, 3).text() for row in range(3)] == [
        "✓ ready",
        "✓ corrected",
        "✓ ready",
    ]
    assert dock.train.isEnabled()
    assert not dock.store.isVisible()


@pytest.fixture
def quick_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training that only seems to learn: its process has tests of its own."""

    def train(work: Callable[..., Any], settings: Any, folder: Path, **_: Any) -> Iterator[Any]:
        folder.mkdir()
        for n in range(1, 5):
            yield StepDone(n, 4, {"loss": 1.0 / n}, 8.0, 0.0)
        model = ConditionalDiffusion(widths=(8, 8, 8), blocks=(1, 1, 1))
        card = Card("diffusion", model.config(), 20.0, {"data": "rats"}, {}, "")
        write_weights(folder / "weights.safetensors", model.state_dict(), card)
        yield Validated(4, {"loss": 0.3}, True)
        yield Saved(4, folder)

    monkeypatch.setattr(state_module, "beside", train)


def test_what_was_trained_is_kept_under_a_name(
    dock: TrainWidget,
    folder: Path,
    qtbot: Any,
    quick_training: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "models"))
    for kind in ("fus", "ulm"):
        (folder / kind / "d.npy").unlink()
    dock.open_folder(folder)
    wait(qtbot, dock)
    dock.store.click()
    wait(qtbot, dock)
    dock.train.click()
    assert dock.state.shown.busy == TRAINING
    assert dock.train.text() == "Stop"
    wait(qtbot, dock)
    assert dock.curves.isVisible()
    assert "best validation loss 0.3000 at step 4" in dock.progress.text()
    assert dock.judge.isVisible()
    dock.judge.click()
    wait(qtbot, dock)
    assert "split" in dock.notices.error
    dock.name.setText("../rats")
    dock.add.click()
    assert "cannot be called" in dock.notices.error
    dock.name.setText("Our rats")
    dock.add.click()
    assert dock.hint.text() == "“Our rats” is one of your models now."
    assert (tmp_path / "models" / "Our rats.safetensors").exists()


def test_every_question_mark_opens_a_heading_that_exists(dock: TrainWidget) -> None:
    marks = dock.findChildren(Help)
    assert len(marks) == 3
    for mark in marks:
        text = page_file(mark._name).read_text(encoding="utf-8")
        assert f"\n## {mark._heading}\n" in text
