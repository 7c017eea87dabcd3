"""The long work of the Compare dock: run all generators, save the figure, save the metrics."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_fus_ulm._napari.enhance import memory
from napari_fus_ulm._napari.layers.results import RunLayers
from napari_fus_ulm._napari.picker.layer_picker import LayerPicker
from napari_fus_ulm._napari.picker.load_dialog import LoadDialog
from napari_fus_ulm._napari.picker.state import PickerState
from napari_fus_ulm._napari.run import (
    CANCELLED,
    CANCELLING,
    DONE,
    EMPTY,
    FAILED,
    READY,
    RUNNING,
)
from napari_fus_ulm._napari.widgets.controls import CalmSpinBox, Section, Signal, add_row, form, row
from napari_fus_ulm._napari.widgets.files import ask_open
from napari_fus_ulm._napari.widgets.run_panel import RunPanel
from napari_fus_ulm._napari.worker import EventRunner
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.inference.events import Finished, Notice, Progress
from napari_fus_ulm.inference.settings import Values
from napari_fus_ulm.tasks import compare as compare_run
from napari_fus_ulm.tasks.compare import Compared
from napari_fus_ulm.tasks.events import Saved

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_fus_ulm.evaluation.figure import Colours

FIGURES = {"PNG (*.png)": ".png", "SVG (*.svg)": ".svg", "PDF (*.pdf)": ".pdf"}
TABLES = {"CSV (*.csv)": ".csv"}


class RunAllPanel(RunPanel):
    """*Run all generators*, which becomes *Cancel*."""

    def set_state(self, state: str, said: str = "") -> None:
        """Show a state; ``said`` is the line below when nothing runs."""
        super().set_state(state, said)
        if state not in (RUNNING, CANCELLING):
            self.button.setText("Run all generators")
            self.button.setToolTip(
                "Enhances the fUS with every generator that has weights, with the pixel size, "
                "steps and seed last used in Enhance; then shows the grid."
            )
        elif state == RUNNING:
            self.button.setToolTip("Stops; what has been made stays.")


class Jobs(QWidget):
    """One piece of long work at a time, with progress and *Cancel*.

    Parameters
    ----------
    viewer : napari viewer
    compared : callable
        What the figure and the table are made of; a ValueError says why there is nothing.
    colours : callable
        Colours of the figure.

    Signals
    -------
    begun()
        Work has begun; what was said of the last one no longer holds.
    made(object)
        All generators have run: the list of the new layers.
    noticed(str), failed(str)
        A sentence; an empty error takes the last one away.
    """

    begun = Signal()
    made = Signal(object)
    noticed = Signal(str)
    failed = Signal(str)

    def __init__(
        self,
        viewer: Viewer,
        compared: Callable[[], Compared],
        colours: Callable[[], Colours],
    ) -> None:
        super().__init__()
        self._viewer, self._compared, self._colours = viewer, compared, colours
        self._placing: Callable[[], RunLayers] | None = None
        self._layers: list[Image] = []
        self._said = ""
        self.runner = EventRunner(self)
        self.fus = LayerPicker(viewer, PickerState(viewer, "fus"))
        self.run = RunAllPanel()
        self.width_mm = CalmSpinBox(40, 400, 5)
        self.save_figure = QPushButton("Save figure…")
        self.save_metrics = QPushButton("Save metrics…")
        self._lay_out()
        self.fus.changed.connect(self.refresh)
        self.fus.load_asked.connect(self._load)
        self.run.run_asked.connect(self.run_all)
        self.run.cancel_asked.connect(self.cancel)
        self.save_figure.clicked.connect(self.ask_figure)
        self.save_metrics.clicked.connect(self.ask_metrics)
        self.runner.event.connect(self._on_event)
        self.runner.ended.connect(self._on_ended)

    def allow(self, *, figure: bool, metrics: bool) -> None:
        """Say what there is to save."""
        self._allowed = figure, metrics
        self.refresh()

    def refresh(self) -> None:
        """Bring the buttons up to date."""
        idle = not self.runner.running
        self._export.setVisible(self._allowed[0])
        self.save_figure.setEnabled(idle and self._allowed[0])
        self.save_metrics.setEnabled(idle and self._allowed[1])
        self.fus.setEnabled(idle)
        if idle:
            self.run.set_state(READY if self.fus.layer_scan is not None else EMPTY, self._said)

    # ------------------------------------------------------------ what can be asked for

    def run_all(self, values: Values = "auto") -> None:
        """Enhance the chosen fUS with every generator (a click on *Run all generators*).

        Parameters
        ----------
        values : {"auto", "linear", "sqrt", "cbrt", "db", "display"}
            What its numbers are.
        """
        if self.runner.running:
            return
        self.fus.state.read_if_new()
        picked = self.fus.picked()
        if picked is None:
            return
        self._placing = partial(
            RunLayers,
            self._viewer,
            picked.placement,
            picked.source.layer,
            picked.source.as_dict(),
        )
        like = dataclasses.replace(memory.load(), values=values)
        runs = compare_run.all_settings(like)
        self._start(partial(compare_run.run_all, picked.take, runs))

    def ask_figure(self) -> None:
        """Let the user choose where the figure goes, and draw it."""
        self._ask("Save the figure", "comparison.png", FIGURES, self._figure_work)

    def ask_metrics(self) -> None:
        """Let the user choose where the table goes, and measure."""
        self._ask("Save the metrics", "comparison.csv", TABLES, self._metrics_work)

    def cancel(self) -> None:
        """Ask the work to stop."""
        if self.runner.running:
            self.runner.cancel()
            self.run.set_state(CANCELLING)

    def close_connections(self) -> None:
        """Stop working and following the viewer; the widget is about to go."""
        self.runner.cancel()
        self.fus.close_connections()

    def _figure_work(self, compared: Compared, path: Path) -> Callable[[], Iterator[Any]]:
        width = float(self.width_mm.value())
        return partial(
            compare_run.figure_run, compared, path, width_mm=width, colours=self._colours()
        )

    def _metrics_work(self, compared: Compared, path: Path) -> Callable[[], Iterator[Any]]:
        return partial(compare_run.metrics_run, compared, path)

    def _ask(
        self,
        title: str,
        name: str,
        kinds: dict[str, str],
        work: Callable[[Compared, Path], Callable[[], Iterator[Any]]],
    ) -> None:
        """What cannot be compared is refused before a file is asked for."""
        if self.runner.running:
            return
        self.failed.emit("")
        try:
            compared = self._compared()
        except UserError as error:
            self.failed.emit(str(error))
            return
        text, kind = QFileDialog.getSaveFileName(self, title, name, ";;".join(kinds))
        if text:
            path = Path(text)
            if path.suffix.lower() not in kinds.values():
                path = path.with_name(path.name + kinds.get(kind, next(iter(kinds.values()))))
            self._start(work(compared, path))

    def _load(self, folder: bool) -> None:
        path = ask_open(self, folder=folder)
        if path is not None:
            dialog = LoadDialog(path, self.fus.state.modality, self)
            dialog.loaded.connect(self.fus.add)
            dialog.open()

    # ------------------------------------------------------------ while it runs

    def _start(self, work: Callable[[], Iterator[Any]]) -> None:
        self._said, self._layers = "", []
        self.begun.emit()
        self.run.set_state(RUNNING)
        self._making.expand(animate=False)  # the progress and Cancel are in there
        self.runner.start(work)
        self.refresh()

    def _on_event(self, event: Any) -> None:
        if isinstance(event, Progress):
            self.run.show_progress(event)
        elif isinstance(event, Notice):
            self.noticed.emit(event.message)
        elif isinstance(event, Saved):
            self._said = f"Saved as {event.path.name}."
        elif isinstance(event, Finished) and self._placing is not None:
            self._layers.append(self._placing().finish(event.enhancement))
            self._said = f"{len(self._layers)} results made."

    def _on_ended(self, state: str, error: str) -> None:
        if state == CANCELLED:
            self._said = "Cancelled. What has been made stays."
        elif state == FAILED:
            self._said = "It failed; the message says why."
        made, self._layers, self._placing = self._layers, [], None
        self.failed.emit(error)
        self.refresh()
        if made and state == DONE:
            self.made.emit(made)

    def _lay_out(self) -> None:
        self._allowed = (False, False)
        self.save_figure.setToolTip(
            "Draws the checked images for print, with a scale bar and their measures (PNG, SVG, "
            "PDF)."
        )
        self.save_metrics.setToolTip("Measures the checked images by the ground truth (CSV).")
        self.width_mm.setValue(180)
        self.width_mm.setSuffix(" mm")
        making, self._export, width = QWidget(), QWidget(), form()
        column = QVBoxLayout(making)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.fus)
        column.addWidget(self.run)
        self._making = Section("Run all generators", making)
        self._making.expand(animate=False)
        add_row(
            width,
            "Figure width",
            self.width_mm,
            "Of the whole figure; 180 mm is a page, 88 a column.",
        )
        export = QVBoxLayout(self._export)
        export.setContentsMargins(0, 0, 0, 0)
        export.addLayout(width)
        export.addWidget(row(self.save_figure, self.save_metrics))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._export)
        layout.addWidget(self._making)
