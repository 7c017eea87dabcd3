"""The long work of the Compare dock: run all generators, save the figure, save the metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_fus_ulm._napari.compare.metrics import MetricsView
from napari_fus_ulm._napari.compare.work import WorkState
from napari_fus_ulm._napari.enhance import memory
from napari_fus_ulm._napari.picker.layer_picker import LayerPicker
from napari_fus_ulm._napari.picker.load_dialog import LoadDialog
from napari_fus_ulm._napari.run import CANCELLING, RUNNING, Work
from napari_fus_ulm._napari.widgets.controls import CalmSpinBox, Section, add_row, form, row
from napari_fus_ulm._napari.widgets.files import ask_open
from napari_fus_ulm._napari.widgets.run_panel import RunPanel
from napari_fus_ulm._napari.worker import EventRunner, InBackground
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.inference.events import Progress
from napari_fus_ulm.inference.settings import Values
from napari_fus_ulm.tasks import compare as compare_run
from napari_fus_ulm.tasks.compare import Compared

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_fus_ulm.tasks.compare import Colours

FIGURES = {"PNG (*.png)": ".png", "SVG (*.svg)": ".svg", "PDF (*.pdf)": ".pdf"}
TABLES = {"CSV (*.csv)": ".csv"}


class RunAllPanel(RunPanel):
    """*Run all generators*, which becomes *Cancel*."""

    def set_state(self, state: str, status: str = "") -> None:
        """Show a state; ``status`` is the line below when nothing runs."""
        super().set_state(state, status)
        if state not in (RUNNING, CANCELLING):
            self.button.setText("Run all generators")
            self.button.setToolTip(
                "Enhances the fUS with every generator that has weights, at the pixel size, steps "
                "and seed last used in Enhance; then shows the grid."
            )
        elif state == RUNNING:
            self.button.setToolTip("Stops; finished results stay.")


class Jobs(QWidget):
    """One piece of long work at a time, with progress and *Cancel*; shows a `WorkState`.

    Parameters
    ----------
    viewer : napari viewer
    comparing : callable
        Gives what makes that of which the figure is made, with ``inputs=True`` the table.
    colours : callable
        Colours of the figure.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        comparing: Callable[..., Callable[[], Compared]],
        colours: Callable[[], Colours],
    ) -> None:
        super().__init__()
        self._comparing, self._colours = comparing, colours
        self._titles: dict[str, str] = {}
        self._allowed = (False, False)
        self.state = WorkState(viewer, InBackground(self))
        self.runner = EventRunner(self, name="Compare")
        self.fus = LayerPicker(viewer, self.state.fus)
        self.run = RunAllPanel()
        self.width_mm = CalmSpinBox(40, 400, 5)
        self.save_figure = QPushButton("Save figure…")
        self.save_metrics = QPushButton("Save metrics…")
        self.metrics = MetricsView()
        self._lay_out()
        self._show()
        self.state.changed.connect(self._show)
        self.fus.load_requested.connect(self._load)
        self.run.run_requested.connect(self.run_all)
        self.run.cancel_requested.connect(self.cancel)
        self.save_figure.clicked.connect(self.ask_figure)
        self.save_metrics.clicked.connect(self.ask_metrics)
        self.metrics.requested.connect(self.measure)
        self.runner.event.connect(self.state.on_event)
        self.runner.ended.connect(self.state.on_ended)

    def allow(self, titles: dict[str, str], *, metrics: bool) -> None:
        """Say what there is to draw, by name with a title for people, and if it can be measured."""
        self._titles, self._allowed = titles, (bool(titles), metrics)
        self._show()

    def _show(self, _: frozenset[str] = frozenset()) -> None:
        shown, (figure, metrics) = self.state.shown, self._allowed
        idle = shown.phase not in (RUNNING, CANCELLING)
        self._export.setVisible(figure)
        self.save_figure.setEnabled(idle and figure)
        self.save_metrics.setEnabled(idle and metrics)
        self.metrics.measure.setEnabled(idle and metrics)
        self.metrics.setVisible(metrics)
        self.metrics.set_value(shown.measured, self._titles)
        self.fus.setEnabled(idle)
        self.run.set_state(shown.phase, shown.status)
        if shown.progress is not None:
            self.run.show_progress(shown.progress)

    # ------------------------------------------------------------ what can be requested

    def run_all(self, values: Values = "auto") -> None:
        """Enhance the chosen fUS with every generator (a click on *Run all generators*).

        Parameters
        ----------
        values : {"auto", "linear", "sqrt", "cbrt", "db", "display"}
            What its numbers are.
        """
        self._run(self.state.start_all(memory.load(), values))

    def ask_figure(self) -> None:
        """Let the user choose where the figure goes, and draw it."""
        compared = self._checked(inputs=False)
        path = self._ask("Save the figure", "comparison.png", FIGURES, compared)
        if compared is not None and path is not None:
            width, colours = float(self.width_mm.value()), self._colours()
            draw = partial(compare_run.figure_run, width_mm=width, colours=colours)
            self._run(self.state.start(partial(draw, compared, path)))

    def ask_metrics(self) -> None:
        """Let the user choose where the table goes, and measure."""
        compared = self._checked(inputs=True)
        path = self._ask("Save the metrics", "comparison.csv", TABLES, compared)
        if compared is not None and path is not None:
            work = partial(compare_run.metrics_run, compared, path)
            self._run(self.state.start(work, measures=True))

    def measure(self) -> None:
        """Measure the checked images and their input (a click on *Measure*)."""
        if not self.runner.running:
            make = self._comparing(inputs=True)
            self._run(self.state.start(partial(_measured, make), measures=True))

    def cancel(self) -> None:
        """Ask the work to stop."""
        if self.runner.running:
            self.runner.cancel()
            self.state.cancel()

    def close_connections(self) -> None:
        """Stop working and following the viewer; the widget is about to go."""
        self.runner.cancel()
        self.fus.close_connections()
        self.state.close()

    def _checked(self, *, inputs: bool) -> Compared | None:
        """What is compared; None where nothing can be, which is said."""
        if self.runner.running:
            return None
        self.state.fail("")
        try:
            return self._comparing(inputs=inputs)()
        except UserError as error:
            self.state.fail(str(error))
            return None

    def _ask(
        self, title: str, name: str, kinds: dict[str, str], compared: Compared | None
    ) -> Path | None:
        """Ask for a file, where there is something to save."""
        if compared is None:
            return None
        text, kind = QFileDialog.getSaveFileName(self, title, name, ";;".join(kinds))
        if not text:
            return None
        path = Path(text)
        if path.suffix.lower() in kinds.values():
            return path
        return path.with_name(path.name + kinds.get(kind, next(iter(kinds.values()))))

    def _run(self, work: Work | None) -> None:
        if work is not None:
            self._making.expand(animate=False)  # the progress and Cancel are in there
            self.runner.start(work)

    def _load(self, folder: bool) -> None:
        path = ask_open(self, folder=folder)
        if path is not None:
            dialog = LoadDialog(path, self.state.fus.modality, self)
            dialog.loaded.connect(self.state.fus.add)
            dialog.open()

    def _lay_out(self) -> None:
        self.save_figure.setToolTip(
            "Draws the checked images for print, with a scale bar and their metrics (PNG, SVG, "
            "PDF)."
        )
        self.save_metrics.setToolTip("Measures the checked images against the ground truth (CSV).")
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
            "Width of the whole figure; 180 mm fills a page, 88 mm a column.",
        )
        export = QVBoxLayout(self._export)
        export.setContentsMargins(0, 0, 0, 0)
        export.addLayout(width)
        export.addWidget(row(self.save_figure, self.save_metrics))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for widget in (self.metrics, self._export, self._making):
            layout.addWidget(widget)


def _measured(make: Callable[[], Compared]) -> Iterator[object]:
    """Read the layers in the thread, too."""
    yield Progress(0, 0, "Reading the images…")
    yield from compare_run.metrics_events(make())
