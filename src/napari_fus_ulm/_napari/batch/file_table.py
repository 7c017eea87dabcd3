"""The files of a batch in a table: what became of each, and how long it took."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_fus_ulm._napari.batch.state import Row
from napari_fus_ulm._napari.widgets.controls import Signal, wrapped

COLUMNS = (
    ("File", "The recording."),
    ("Outcome", "What became of it; a click shows all that was said, a double click opens it."),
    ("Time", "Seconds that it took."),
)
SIGNS = {
    "waiting": "",
    "running": "▶ running",
    "done": "✔ done",
    "skipped": "✔ done before",
    "failed": "✖ failed",
    "stopped": "■ stopped",
}
"""Words and a sign, so that colour is not needed."""
ROW_HEIGHT, ROWS_SHOWN = 22, 8


class FileTable(QWidget):
    """A row for each file, and below it what was said of the current one.

    Signals
    -------
    open_requested(object)
        The result (a Path) of a row that is done.
    """

    open_requested = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[Row, ...] = ()
        self.table = QTableWidget(0, len(COLUMNS))
        self.table.setHorizontalHeaderLabels([title for title, _ in COLUMNS])
        for column, (_, tip) in enumerate(COLUMNS):
            item = self.table.horizontalHeaderItem(column)
            if item is not None:
                item.setToolTip(tip)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.setWordWrap(False)
        self.table.setCornerButtonEnabled(False)
        self.table.setAccessibleName("Files and what became of them")
        heads, numbers = self.table.horizontalHeader(), self.table.verticalHeader()
        assert heads is not None  # a table has both
        assert numbers is not None
        numbers.hide()
        numbers.setDefaultSectionSize(ROW_HEIGHT)
        heads.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        heads.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.setFixedHeight(ROW_HEIGHT * (ROWS_SHOWN + 1) + 8)
        self.details = wrapped()
        self.details.setTextFormat(Qt.TextFormat.PlainText)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.table)
        layout.addWidget(self.details)
        self.table.currentCellChanged.connect(self._show_details)
        self.table.cellDoubleClicked.connect(self._open)
        self.set_value(())

    def set_value(self, rows: Sequence[Row]) -> None:
        """Show rows; the current one stays, and a working one is scrolled to."""
        before, self._rows = self._rows, tuple(rows)
        self.table.setRowCount(len(self._rows))
        for number, row in enumerate(self._rows):
            if number < len(before) and before[number] == row:
                continue
            self._fill(number, row)
            if row.outcome == "running":
                self.table.scrollToItem(self.table.item(number, 0))
        self._show_details()

    def _fill(self, number: int, row: Row) -> None:
        noted = f" · {len(row.notices)} notes" if len(row.notices) > 1 else ""
        noted = " · 1 note" if len(row.notices) == 1 else noted
        texts = (
            row.job.path.name,
            SIGNS[row.outcome] + noted,
            f"{row.seconds:.1f} s" if row.seconds and row.outcome in ("done", "failed") else "",
        )
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            item.setToolTip(row.details or str(row.job.path))
            if column == 2:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.table.setItem(number, column, item)

    def _show_details(self, *_: int) -> None:
        number = self.table.currentRow()
        row = self._rows[number] if 0 <= number < len(self._rows) else None
        text = "" if row is None else "\n".join((row.job.path.name, row.details)).strip()
        self.details.setText(text)
        self.details.setVisible(bool(text))

    def _open(self, number: int, _: int) -> None:
        row = self._rows[number]
        if row.outcome in ("done", "skipped"):
            self.open_requested.emit(Path(row.job.target))
