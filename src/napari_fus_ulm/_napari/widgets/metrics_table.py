"""MSE, SSIM, PSNR and LPIPS of input, preview and result, and their course over the steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QSize, Qt
from qtpy.QtGui import QGuiApplication, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_fus_ulm._napari.widgets.controls import menu_on
from napari_fus_ulm.tasks.enhance import Measured, Row, measures_table

if TYPE_CHECKING:
    from napari_fus_ulm.metrics.fidelity import Fidelity

COLUMNS = (
    ("mse", "MSE ↓", 4, -1, "Mean squared error of the grey levels; a larger value is worse."),
    ("ssim", "SSIM ↑", 3, 1, "Structural similarity, 1 for equal images; larger is better."),
    ("psnr", "PSNR ↑", 2, 1, "Peak signal-to-noise ratio in dB; larger is better."),
    ("lpips", "LPIPS ↓", 3, -1, "Learned perceptual distance; a larger value is worse."),
)
_LAID = "With the ULM laid on its fUS, on which it does not lie."
_STORED = "With the ULM where its file puts it."
ROWS: dict[Row, str] = {
    "input": "The fUS image, interpolated to the result's pixels.",
    "preview": "The estimate after the current step.",
    "result": "The result; the mean over all planes of a stack.",
    "input, laid": f"The fUS image. {_LAID}",
    "result, laid": f"The result. {_LAID}",
    "input, stored": f"The fUS image. {_STORED}",
    "result, stored": f"The result. {_STORED}",
}


class MetricsTable(QWidget):
    """A small table; the better value of each column is bold."""

    def __init__(self) -> None:
        super().__init__()
        self._measured: tuple[Measured, ...] = ()
        self._rows: dict[str, Fidelity] = {}
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(6)
        self._grid.setVerticalSpacing(2)
        self._cells: dict[tuple[str, str], QLabel] = {}
        self._lines: dict[str, Sparkline] = {}
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for column, (name, title, _, _, tip) in enumerate(COLUMNS, start=1):
            head = QLabel(title)
            head.setAlignment(right)
            head.setToolTip(tip)
            self._grid.addWidget(head, 0, column)
            self._grid.setColumnStretch(column, 1)
            self._lines[name] = Sparkline(f"{title[:-2]} over the steps.")
            self._grid.addWidget(self._lines[name], len(ROWS) + 1, column)
        for number, (row, tip) in enumerate(ROWS.items(), start=1):
            label = QLabel(row)
            label.setToolTip(tip)
            self._grid.addWidget(label, number, 0)
            for column, (name, *_) in enumerate(COLUMNS, start=1):
                cell = QLabel("")
                cell.setAlignment(right)
                cell.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                self._cells[row, name] = cell
                self._grid.addWidget(cell, number, column)
        self._steps = QLabel("steps")
        self._steps.setToolTip("How each measure changed from step to step.")
        self._grid.addWidget(self._steps, len(ROWS) + 1, 0)
        self.copy = QPushButton("Copy table")
        self.copy.setToolTip("Copies the table for a spreadsheet (CSV) or a document (Markdown).")
        menu_on(self.copy, {"Copy as CSV": self._copy_csv, "Copy as Markdown": self._copy_markdown})
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addLayout(self._grid)
        layout.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignRight)
        self.set_value(())

    def value(self) -> tuple[Measured, ...]:
        """Return the measures of the run that is shown."""
        return self._measured

    def set_value(self, measured: tuple[Measured, ...]) -> None:
        """Show the measures of a run, in the order in which they came; none hides the table."""
        self._measured = measured
        self._rows = newest_rows(measured)
        previews = steps_of(measured)
        for name, line in self._lines.items():
            line.set_value([getattr(one, name) for one in previews])
        self._show()

    def rows(self) -> dict[str, Fidelity]:
        """Return what is shown, by row."""
        return {row: self._rows[row] for row in ROWS if row in self._rows}

    def text(self, fmt: str) -> str:
        """Return the table as "csv" or "markdown"."""
        return measures_table(self.rows(), "csv" if fmt == "csv" else "markdown")

    def _show(self) -> None:
        best = _best(self._rows)
        for (row, name), cell in self._cells.items():
            measure = next(column for column in COLUMNS if column[0] == name)
            score = self._rows.get(row)
            value = math.nan if score is None else getattr(score, name)
            cell.setText("" if score is None else _text(value, measure[2]))
            font = cell.font()
            font.setBold((row, name) in best)
            cell.setFont(font)
        for number, row in enumerate(ROWS, start=1):
            present = row in self._rows
            for column in range(len(COLUMNS) + 1):
                item = self._grid.itemAtPosition(number, column)
                widget = None if item is None else item.widget()
                if widget is not None:
                    widget.setVisible(present)
        drawn = any(line.points > 1 for line in self._lines.values())
        for widget in (self._steps, *self._lines.values()):
            widget.setVisible(drawn)
        self.setVisible(bool(self._rows))

    def _copy_csv(self) -> None:
        _to_clipboard(self.text("csv"))

    def _copy_markdown(self) -> None:
        _to_clipboard(self.text("markdown"))


class Sparkline(QWidget):
    """A line of values, each scaled to its own range."""

    def __init__(self, tip: str) -> None:
        super().__init__()
        self.setToolTip(tip)
        self.setMinimumHeight(18)
        self._values: list[float] = []

    @property
    def points(self) -> int:
        """Number of values."""
        return len(self._values)

    def set_value(self, values: Sequence[float]) -> None:
        """Draw these; what is not finite leaves no point."""
        self._values = [value for value in values if math.isfinite(value)]
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(48, 18)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        if len(self._values) < 2:
            return
        low, high = min(self._values), max(self._values)
        span = (high - low) or 1.0
        width, height = self.width() - 6.0, self.height() - 6.0
        points = [
            QPointF(
                3 + width * n / (len(self._values) - 1), 3 + height * (1 - (value - low) / span)
            )
            for n, value in enumerate(self._values)
        ]
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.WindowText), 1.2))
        painter.drawPolyline(QPolygonF(points))
        painter.setBrush(self.palette().color(QPalette.ColorRole.WindowText))
        painter.drawEllipse(points[-1], 2.0, 2.0)
        painter.end()


def newest_rows(measured: Sequence[Measured]) -> dict[str, Fidelity]:
    """The newest measures of each row; a result takes the place of its previews."""
    rows: dict[str, Fidelity] = {one.row: one.fidelity for one in measured}
    if "result" in rows:
        rows.pop("preview", None)
    return rows


def steps_of(measured: Sequence[Measured]) -> list[Fidelity]:
    """The measures of the previews of the last plane, from step to step."""
    previews = [one for one in measured if one.row == "preview"]
    return [one.fidelity for one in previews if one.plane == previews[-1].plane]


def _best(rows: dict[str, Fidelity]) -> set[tuple[str, str]]:
    """Rows and columns of the best values, among the rows that have the ULM in one place."""
    best: set[tuple[str, str]] = set()
    places = {row.partition(", ")[2] for row in rows}
    for place, (name, _, _, sign, _) in product(places, COLUMNS):
        scores = {
            row: sign * getattr(score, name)
            for row, score in rows.items()
            if row.partition(", ")[2] == place and not math.isnan(getattr(score, name))
        }
        if len(set(scores.values())) > 1:
            best.add((max(scores, key=lambda row: scores[row]), name))
    return best


def _text(value: float, digits: int) -> str:
    if math.isnan(value):
        return "–"
    return "∞" if math.isinf(value) else f"{value:.{digits}f}"


def _to_clipboard(text: str) -> None:
    clipboard = QGuiApplication.clipboard()
    if clipboard is not None:
        clipboard.setText(text)
