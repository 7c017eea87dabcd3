"""The pairs of a folder as a table: what each one is, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from napari_fus_ulm._napari.widgets.controls import Signal

if TYPE_CHECKING:
    from napari_fus_ulm.cohort.suggest import Repaired

COLUMNS = ("fUS", "ULM", "Pair", "State")
THUMBNAIL = 44
ROWS_SHOWN = 5
STATES = {"fine": "✓ ready", "corrected": "→ can be corrected", "open": "✖ look at it"}
STORED = "✓ corrected"


class PairsTable(QTableWidget):
    """Thumbnails, name and state of each pair.

    Signals
    -------
    chosen(object)
        The pair (`Repaired`) of the row that was selected.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(COLUMNS), parent)
        self.setHorizontalHeaderLabels(list(COLUMNS))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setIconSize(QSize(THUMBNAIL, THUMBNAIL))
        self.setTabKeyNavigation(False)
        self.setAccessibleName("Pairs")
        rows, head = self.verticalHeader(), self.horizontalHeader()
        if rows is not None and head is not None:
            rows.setVisible(False)
            rows.setDefaultSectionSize(THUMBNAIL + 4)
            for column in (0, 1):
                self.setColumnWidth(column, THUMBNAIL + 10)
            head.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
            head.setSectionResizeMode(3, QHeaderView.ResizeMode.ResizeToContents)
        self._pairs: tuple[Repaired, ...] = ()
        self.itemSelectionChanged.connect(self._on_selection)

    def show_pairs(self, pairs: tuple[Repaired, ...]) -> None:
        """Show pairs; those that are shown already stay."""
        if pairs[: len(self._pairs)] != self._pairs:
            self.setRowCount(0)
            self._pairs = ()
        for one in pairs[len(self._pairs) :]:
            self._add(one)
        self._pairs = pairs
        head = self.horizontalHeader()
        rows = min(max(len(pairs), 1), ROWS_SHOWN)
        self.setFixedHeight(
            rows * (THUMBNAIL + 4) + (head.sizeHint().height() if head is not None else 0) + 4
        )

    def _add(self, one: Repaired) -> None:
        number = self.rowCount()
        self.insertRow(number)
        animal = "" if one.files.animal == one.pair else f"\n{one.files.animal}"
        side = f" · {one.files.split}" if one.files.split else ""
        state = STORED if one.stored else STATES[one.outcome]
        texts = ("", "", f"{one.pair}{animal}{side}", state)
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            item.setToolTip(one.sentence)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            self.setItem(number, column, item)
        if one.shown is not None:
            for column, image in enumerate((one.shown.fus, one.shown.ulm)):
                cell = self.item(number, column)
                if cell is not None:
                    cell.setIcon(_icon(image.values))

    def _on_selection(self) -> None:
        rows = {index.row() for index in self.selectedIndexes()}
        if len(rows) == 1:
            self.chosen.emit(self._pairs[rows.pop()])


def _icon(values: npt.NDArray[np.floating]) -> QIcon:
    """A small picture: the cube root of the values between their percentiles."""
    step = max(1, max(values.shape) // (2 * THUMBNAIL))
    rows, columns = (n // step * step for n in values.shape)
    small = values[:rows, :columns].reshape(rows // step, step, columns // step, step)
    grey = np.cbrt(np.maximum(small.mean(axis=(1, 3)), 0.0))
    low, high = np.percentile(grey, [2.0, 99.5])
    shade = np.clip(255.0 * (grey - low) / max(high - low, 1e-12), 0, 255).astype(np.uint8)
    shade = np.ascontiguousarray(shade)
    height, width = shade.shape
    image = QImage(shade.tobytes(), width, height, width, QImage.Format.Format_Grayscale8)
    keep = Qt.AspectRatioMode.KeepAspectRatio
    return QIcon(QPixmap.fromImage(image.copy()).scaled(THUMBNAIL, THUMBNAIL, keep))
