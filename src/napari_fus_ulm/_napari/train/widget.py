"""The Train dock: a folder of pairs becomes a model of the laboratory's own."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import (
    QFileDialog,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_fus_ulm._napari.layers.from_scan import scan_to_layer
from napari_fus_ulm._napari.run import Work
from napari_fus_ulm._napari.train.pairs_table import PairsTable
from napari_fus_ulm._napari.train.state import (
    JUDGING,
    LOOKING,
    MEASURING,
    STORING,
    TRAINING,
    Shown,
    TrainState,
    generators,
)
from napari_fus_ulm._napari.widgets.controls import (
    CalmComboBox,
    CalmDoubleSpinBox,
    CalmSpinBox,
    TallScroll,
    add_row,
    form,
    row,
    wrapped,
)
from napari_fus_ulm._napari.widgets.curve_plot import DOTTED, Curve, CurvePlot
from napari_fus_ulm._napari.widgets.docked import DockedWidget
from napari_fus_ulm._napari.widgets.guide import Help
from napari_fus_ulm._napari.widgets.notices import NoticeArea
from napari_fus_ulm._napari.worker import EventRunner
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.tasks.models import add_model

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_fus_ulm.cohort.suggest import Repaired

BUSY = {
    LOOKING: "Looking at the pairs",
    STORING: "Storing corrections",
    MEASURING: "Measuring a few steps",
    TRAINING: "Training",
    JUDGING: "Judging",
}
BEGIN = (("bundled weights", "bundled"), ("nothing (from scratch)", "scratch"))


class TrainWidget(DockedWidget):
    """Look at pairs, bring them onto one field, train on them, judge what came of it, keep it.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._selected: Repaired | None = None
        self._layers: list[Image] = []
        self.state = TrainState()
        self.runner = EventRunner(self)
        self.notices = NoticeArea(self.runner.details)
        self.open = QPushButton("Open a folder of pairs…")
        self.folder = QLabel()
        self.table = PairsTable()
        self.about = wrapped()
        self.omit = QPushButton("Leave this pair out")
        self.store = QPushButton("Store the corrections")
        self.generator = CalmComboBox(generators())
        self.begin = CalmComboBox(BEGIN)
        self.steps = CalmSpinBox(1, 1_000_000)
        self.keep, self.phantoms = (CalmDoubleSpinBox(0.0, 0.95, 2) for _ in range(2))
        self.measure = QPushButton("How long?")
        self.lasts = QLabel()
        self.into = QLabel()
        self.elsewhere = QPushButton("…")
        self.train = QPushButton("Train")
        self.bar = QProgressBar()
        self.progress = wrapped()
        self.curves = CurvePlot("step", "loss")
        self.judge = QPushButton("Judge it")
        self.verdict = wrapped()
        self.name = QLineEdit()
        self.add = QPushButton("Add to my models")
        self.hint = wrapped()
        self._lay_out()
        self._wire()
        self._show(frozenset(one.name for one in fields(Shown)))

    # ------------------------------------------------------------ what is shown

    def _show(self, names: frozenset[str]) -> None:
        shown = self.state.shown
        if names & {"pairs", "folder"}:
            self.table.show_pairs(shown.pairs)
        if names & {"plan", "pace"}:
            self._show_plan()
        if "learned" in names:
            self._show_learned()
        if "judged" in names:
            self._show_verdict()
        if "folder" in names:
            self.folder.setText("" if shown.folder is None else shown.folder.name)
            self.folder.setToolTip(str(shown.folder or ""))
            self.name.setText("" if shown.folder is None else shown.folder.name)
            self.about.setText("")
            self._selected = None
        self.into.setText("" if shown.run_folder is None else shown.run_folder.name)
        self.into.setToolTip(str(shown.run_folder or ""))
        self.notices.set_run((), shown.error)
        self.hint.setText(shown.hint)
        self.hint.setVisible(bool(shown.hint))
        self._enable()
        self._show_progress()

    def _enable(self) -> None:
        shown = self.state.shown
        idle, there = not shown.busy, shown.folder is not None
        self.open.setEnabled(idle)
        for widget in (self.table, self.about):
            widget.setVisible(there)
        waiting = any(one.outcome == "corrected" and not one.stored for one in shown.pairs)
        self.store.setVisible(waiting)
        self.store.setEnabled(idle)
        chosen = self._selected
        self.omit.setVisible(chosen is not None and chosen.outcome == "open" and not chosen.stored)
        self.omit.setEnabled(idle)
        self._plan.setVisible(there)
        self._plan_fields.setEnabled(idle)
        self.measure.setEnabled(shown.can_train)
        training = shown.busy == TRAINING
        self.train.setText("Stop" if training else "Continue" if shown.can_resume else "Train")
        self.train.setEnabled(training or shown.can_train or shown.can_resume)
        self.curves.setVisible(bool(shown.learned.losses))
        self._judging.setVisible(shown.weights is not None)
        self.judge.setText("Stop" if shown.busy == JUDGING else "Judge it")
        self.judge.setEnabled(idle or shown.busy == JUDGING)
        self.add.setEnabled(idle and shown.weights is not None)

    def _show_plan(self) -> None:
        plan, minutes = self.state.shown.plan, self.state.minutes()
        self.generator.choose(plan.generator)
        self.begin.choose(plan.begin)
        self.steps.setValue(plan.steps)
        self.keep.setValue(plan.keep)
        self.phantoms.setValue(plan.phantoms)
        self.keep.setEnabled(plan.begin == "bundled")
        self.lasts.setText("" if minutes is None else f"about {_time(60.0 * minutes)}")

    def _show_learned(self) -> None:
        learned = self.state.shown.learned
        curves = []
        if learned.losses:
            step, loss = np.array(learned.losses, float).T
            blocks = max(1, len(loss) // 60)
            n = len(loss) // blocks * blocks
            smooth = loss[:n].reshape(-1, blocks).mean(axis=1)
            curves.append(Curve(step[blocks - 1 : n : blocks], smooth, "#8ab4f8"))
        if learned.validations:
            step, loss = np.array(learned.validations, float).T
            curves.append(Curve(step, loss, "#f2a65a", DOTTED))
        self.curves.show_curves(curves)

    def _show_verdict(self) -> None:
        judged = self.state.shown.judged
        self.verdict.setVisible(judged is not None)
        if judged is None:
            return
        lines = [judged.verdict.sentence, *(f"· {one}" for one in judged.verdict.compared)]
        self.verdict.setText("\n".join(lines))

    def _show_progress(self) -> None:
        shown = self.state.shown
        self.bar.setVisible(bool(shown.busy))
        learned = shown.learned
        done, total = (
            (learned.step, learned.steps)
            if shown.busy == TRAINING and learned.step
            else (shown.done, shown.total)
        )
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        words = [BUSY[shown.busy]] if shown.busy else []
        if shown.busy == TRAINING and learned.step:
            words.append(f"step {learned.step} of {learned.steps}")
            if learned.seconds_left is not None:
                words.append(f"{_time(learned.seconds_left)} left")
        if learned.validations and shown.busy in (TRAINING, ""):
            best = min(learned.validations, key=lambda point: point[1])
            words.append(f"best validation loss {best[1]:.4f} at step {best[0]}")
        self.progress.setText(" · ".join(words))
        self.progress.setVisible(bool(words))

    # ------------------------------------------------------------ the user

    def ask_folder(self) -> None:
        """Let the user choose the folder of pairs."""
        path = QFileDialog.getExistingDirectory(self, "Open a folder of pairs")
        if path:
            self.open_folder(Path(path))

    def open_folder(self, folder: Path) -> None:
        """Look at the pairs of a folder."""
        self._run(self.state.open_folder(folder))

    def _ask_run_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Choose a folder for the run")
        if path:
            self.state.choose_run_folder(Path(path))

    def _store(self) -> None:
        self._run(self.state.store_corrections())

    def _measure(self) -> None:
        self._run(self.state.measure())

    def _train(self) -> None:
        if self.state.shown.busy == TRAINING:
            self.runner.cancel()
            return
        self._run(self.state.train(resume=self.state.shown.can_resume))

    def _judge(self) -> None:
        if self.state.shown.busy == JUDGING:
            self.runner.cancel()
            return
        self._run(self.state.judge())

    def _add(self) -> None:
        weights = self.state.shown.weights
        if weights is None:
            return
        try:
            model = add_model(weights, self.name.text().strip())
        except UserError as error:
            self.notices.set_run((), str(error))
            return
        self.hint.setText(f"“{model.name}” is one of your models now.")
        self.hint.setVisible(True)

    def _on_pair(self, one: Repaired) -> None:
        """Say what was found about a pair, and show its two images as layers."""
        self._selected = one
        self.about.setText(one.sentence)
        self._enable()
        for layer in [one for one in self._layers if one in self._viewer.layers]:
            self._viewer.layers.remove(layer)
        self._layers = []
        if one.shown is None:
            return
        # Magenta and green, white where both are bright: the two lie on each other, or do not.
        for what, scan, colour in (
            ("fUS", one.shown.fus, "magenta"),
            ("ULM", one.shown.ulm, "green"),
        ):
            options = scan_to_layer(scan, name=f"{what} · {one.pair}")[1]
            options |= {"colormap": colour, "blending": "additive"}
            self._layers.append(self._viewer.add_image(scan.values, **options))

    def _omit(self) -> None:
        if self._selected is not None:
            self.state.leave_out(self._selected)
            self._selected = None
            self.about.setText("")

    def _run(self, work: Work | None) -> None:
        if work is not None:
            self.runner.start(work)

    def _on_plan(self) -> None:
        self.state.choose(
            replace(
                self.state.shown.plan,
                generator=self.generator.currentData(),
                begin=self.begin.currentData(),
                steps=self.steps.value(),
                keep=self.keep.value(),
                phantoms=self.phantoms.value(),
            )
        )

    def leave(self) -> None:
        """Stop; a run keeps what it has saved, and can be continued."""
        self.runner.cancel()

    # ------------------------------------------------------------ layout

    def _wire(self) -> None:
        self.state.changed.connect(self._show)
        self.runner.event.connect(self.state.on_event)
        self.runner.ended.connect(self.state.on_ended)
        self.open.clicked.connect(self.ask_folder)
        self.omit.clicked.connect(self._omit)
        self.store.clicked.connect(self._store)
        self.table.chosen.connect(self._on_pair)
        self.measure.clicked.connect(self._measure)
        self.elsewhere.clicked.connect(self._ask_run_folder)
        self.train.clicked.connect(self._train)
        self.judge.clicked.connect(self._judge)
        self.add.clicked.connect(self._add)
        for combo in (self.generator, self.begin):
            combo.currentIndexChanged.connect(self._on_plan)
        for spin in (self.steps, self.keep, self.phantoms):
            spin.valueChanged.connect(self._on_plan)

    def _lay_out(self) -> None:
        self.open.setToolTip("A folder with pairs.csv, or with fus/ and ulm/ files of equal names.")
        self.store.setToolTip("Writes them into the folder; no recording is changed.")
        self.omit.setToolTip("Its files stay; training and evaluation pass it over.")
        self.measure.setToolTip("Trains for a few steps, and throws the result away.")
        self.elsewhere.setToolTip("Keeps the run in another folder.")
        self.train.setToolTip("Trains beside the viewer; stopped, it can be continued.")
        self.judge.setToolTip("Draws the test side with both weights and compares them.")
        self.add.setToolTip("Puts a copy among your models, where Enhance finds it.")
        self.steps.setSingleStep(100)
        for spin in (self.keep, self.phantoms):
            spin.setSingleStep(0.05)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        plan = form()
        add_row(plan, "Generator", self.generator, "The generator that learns.")
        add_row(plan, "Begin with", self.begin, "With few pairs, begin with the bundled weights.")
        lasts = row(self.steps, self.measure, self.lasts, stretch=2)
        add_row(plan, "Steps", lasts, "More steps learn more of these pairs, and take longer.")
        tip = "Share of the first weights in the result: more keeps more of what they can do."
        add_row(plan, "Keep", self.keep, tip)
        tip = "Share of patches that are simulated: more forgets less, and learns more slowly."
        add_row(plan, "Phantoms", self.phantoms, tip)
        add_row(plan, "Into", row(self.into, self.elsewhere, stretch=0), "Folder of the run.")
        self._plan_fields = QWidget()
        self._plan_fields.setLayout(plan)
        self._plan = QWidget()
        column = _column(self._plan)
        for widget in (_title("Plan"), self._plan_fields, self.train):
            column.addWidget(widget)
        self.train.setMinimumHeight(32)
        self._judging = QWidget()
        column = _column(self._judging)
        for widget in (
            _title("Result"),
            self.judge,
            self.verdict,
            row(self.name, self.add, stretch=0),
        ):
            column.addWidget(widget)
        self.name.setAccessibleName("Name of the model")
        body = QWidget()
        main = QVBoxLayout(body)
        main.setContentsMargins(6, 6, 6, 6)
        main.setSpacing(8)
        for widget in (
            _title("Pairs"),
            row(self.open, self.folder, stretch=1),
            self.table,
            self.about,
            self.omit,
            self.store,
            self.notices,
            self.hint,
            self._plan,
            self.bar,
            self.progress,
            self.curves,
            self._judging,
        ):
            main.addWidget(widget)
        main.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(TallScroll(body))


def _title(text: str) -> QWidget:
    """A heading, and the button that opens its page of the guide."""
    label = QLabel(text)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return row(label, Help("train.md", text), stretch=0)


def _column(widget: QWidget) -> QVBoxLayout:
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    return layout


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
