"""The measures of all compared images as a table that can be sorted and copied."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from qtpy.QtCore import QSignalBlocker, QSize, Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_fus_ulm._napari.compare.layers import shortened
from napari_fus_ulm._napari.widgets.controls import (
    CalmComboBox,
    Signal,
    add_row,
    form,
    menu_on,
    row,
    wrapped,
)
from napari_fus_ulm.tasks.compare import (
    FEWER_IS_BETTER,
    MeasuredImage,
    cells_of,
    moved_words,
    rows_csv,
    rows_markdown,
)

INPUT = "input, interpolated"
COLUMNS = {
    "mse": ("MSE", "Mean squared error of the grey levels; smaller is better."),
    "ssim": ("SSIM", "Structural similarity, 1 for equal images; larger is better."),
    "psnr_db": ("PSNR", "Peak signal-to-noise ratio in dB; larger is better."),
    "lpips": ("LPIPS", "Learned perceptual distance; smaller is better."),
    "r": ("r", "Correlation of the grey levels; larger is better."),
    "cl_dice": ("clDice", "Overlap of the centrelines, 0 to 1; larger is better."),
    "recall": ("recall", "Share of the ULM's centrelines that are drawn; larger is better."),
    "precision": ("prec.", "Share of drawn centrelines that are in the ULM; larger is better."),
}
PAGES = {
    "Grey levels": ("mse", "ssim", "psnr_db", "lpips"),
    "Vessels": ("r", "cl_dice", "recall", "precision"),
}
WIDTHS = (56, 50, 50, 50)
"""Of the columns of measures; the first has the most digits."""
ROW_HEIGHT = 36
"""Two lines, for names are long."""
MOST_ROWS = 10


class MetricsView(QWidget):
    """One row per image, the input among them; the better value of each column is bold.

    Signals
    -------
    requested()
        The images shall be measured.
    """

    requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[MeasuredImage, ...] = ()
        self._titles: Mapping[str, str] = {}
        self.measure = QPushButton("Measure")
        self.measure.setToolTip(
            "Measures the checked images, and the input they were made from, against the ground "
            "truth."
        )
        self.copy = QPushButton("Copy table")
        self.copy.setToolTip("Copies all measures for a spreadsheet (CSV) or a text (Markdown).")
        menu_on(self.copy, {"Copy as CSV": self._copy_csv, "Copy as Markdown": self._copy_markdown})
        self.place = CalmComboBox()
        self.table = _Table()
        self.pages = QButtonGroup(self)
        self._page = QWidget()
        buttons = [QPushButton(name) for name in PAGES]
        for number, button in enumerate(buttons):
            button.setCheckable(True)
            button.setChecked(not number)
            button.setToolTip(f"Shows {', '.join(COLUMNS[one][0] for one in _names(number))}.")
            self.pages.addButton(button, number)
        self._place = QWidget()
        self.about = wrapped()
        places = form()
        places.setContentsMargins(0, 0, 0, 0)
        self._place.setLayout(places)
        tip = "Where the ground truth lies: where its file puts it, or laid on the fUS."
        add_row(places, "ULM lies", self.place, tip)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(row(self.measure, self.copy, stretch=0))
        self._switch = row(*buttons, spacing=2)
        for widget in (self._place, self._switch, self.table, self.about):
            layout.addWidget(widget)
        self.measure.clicked.connect(self.requested)
        self.pages.idClicked.connect(self._show)
        self.place.currentIndexChanged.connect(self._show)
        self._show()

    def set_value(self, rows: tuple[MeasuredImage, ...], titles: Mapping[str, str]) -> None:
        """Show measures; none hides the table.

        Parameters
        ----------
        rows : tuple of MeasuredImage
        titles : mapping of str to str
            Names for people, by the names of the images.
        """
        if (rows, dict(titles)) == (self._rows, self._titles):
            return
        self._rows, self._titles = rows, dict(titles)
        places = list(dict.fromkeys(moved_words(one) for one in rows))
        if places != [self.place.itemText(n) for n in range(self.place.count())]:
            with QSignalBlocker(self.place):
                self.place.clear()
                for place in places:
                    self.place.addItem(place, place)
        self._show()

    def shown(self) -> list[list[str]]:
        """The texts of the table, row by row as they stand."""
        table = self.table
        items = [
            [table.item(n, column) for column in range(table.columnCount())]
            for n in range(table.rowCount())
        ]
        return [[item.text() if item else "" for item in line] for line in items]

    def text(self, fmt: str) -> str:
        """All measures as "csv" or "markdown"."""
        if fmt == "csv":
            return rows_csv(self._rows)
        return rows_markdown(self._rows, [self._title(one) for one in self._rows])

    def _title(self, one: MeasuredImage) -> str:
        if not one.is_input:
            return self._titles.get(one.name, one.name)
        alone = len({other.name for other in self._rows if other.is_input}) == 1
        return INPUT if alone else f"{one.name} , interpolated"

    def _show(self, _: object = None) -> None:
        rows = [one for one in self._rows if moved_words(one) == self.place.currentData()]
        names = _names(max(self.pages.checkedId(), 0))
        titles = [self._title(one) for one in rows]
        self.table.show_rows([*zip(titles, shortened(titles), rows, strict=True)], names)
        self._place.setVisible(self.place.count() > 1)
        for widget in (self.table, self._switch):
            widget.setVisible(bool(rows))
        self.copy.setEnabled(bool(self._rows))
        moved = self.place.count() > 1
        self.about.setText(
            "The ULM lies beside the fUS: vessels in the right place count as missed until it is "
            "laid on it." if moved else ""
        )  # fmt: skip
        self.about.setVisible(moved)
        self.updateGeometry()

    def _copy_csv(self) -> None:
        _to_clipboard(self.text("csv"))

    def _copy_markdown(self) -> None:
        _to_clipboard(self.text("markdown"))


class _Table(QTableWidget):
    """The measures of one place of the ground truth, of one page."""

    def __init__(self) -> None:
        super().__init__(0, 5)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setShowGrid(False)
        self.setAccessibleName("Measures")
        self.setToolTip("A click on a heading sorts.")
        head, side = self.horizontalHeader(), self.verticalHeader()
        if head is not None and side is not None:
            head.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
            head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
            head.setMinimumSectionSize(30)
            head.setStyleSheet("QHeaderView::section { padding: 2px 0px; }")
            head.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)  # in reading order at first
            for column, width in enumerate(WIDTHS, start=1):
                head.resizeSection(column, width)
            side.hide()
            side.setDefaultSectionSize(ROW_HEIGHT)

    def show_rows(
        self, rows: Sequence[tuple[str, str, MeasuredImage]], names: Sequence[str]
    ) -> None:
        """Show rows with their titles, whole and short, in the order in which they were sorted."""
        self.setSortingEnabled(False)
        self.setRowCount(len(rows))
        self._set_heads(names)
        best = {name: _best([one for *_, one in rows], name) for name in names}
        for number, (title, short, one) in enumerate(rows):
            name = QTableWidgetItem(short)
            name.setToolTip(f"{title} ({one.name})" if title != one.name else title)
            self.setItem(number, 0, name)
            cells = cells_of(one)
            for column, measure in enumerate(names, start=1):
                item = _Number(cells[measure], one.values[measure])
                font = item.font()
                font.setBold(one.values[measure] == best[measure])
                item.setFont(font)
                self.setItem(number, column, item)
        self.setSortingEnabled(True)
        self.updateGeometry()

    def _set_heads(self, names: Sequence[str]) -> None:
        self.setHorizontalHeaderItem(0, QTableWidgetItem("Image"))
        for column, name in enumerate(names, start=1):
            title, tip = COLUMNS[name]
            arrow = "↓" if name in FEWER_IS_BETTER else "↑"
            head = QTableWidgetItem(f"{title} {arrow}")
            head.setToolTip(tip)
            self.setHorizontalHeaderItem(column, head)

    def sizeHint(self) -> QSize:
        head = self.horizontalHeader()
        tall = 0 if head is None else head.sizeHint().height()
        return QSize(300, tall + ROW_HEIGHT * min(max(self.rowCount(), 1), MOST_ROWS) + 4)

    def minimumSizeHint(self) -> QSize:
        return QSize(290, self.sizeHint().height())


class _Number(QTableWidgetItem):
    """A number that is sorted by its value; one that is not known comes last."""

    def __init__(self, text: str, value: float) -> None:
        super().__init__(text)
        self.value = math.inf if math.isnan(value) else value
        self.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def __lt__(self, other: object) -> bool:
        return self.value < other.value if isinstance(other, _Number) else NotImplemented


def _names(page: int) -> tuple[str, ...]:
    return tuple(PAGES.values())[page]


def _best(rows: Sequence[MeasuredImage], name: str) -> float:
    """The best value of a measure; NaN where there is nothing to choose from."""
    values = {one.values[name] for one in rows if not math.isnan(one.values[name])}
    if len(values) < 2:
        return math.nan
    return min(values) if name in FEWER_IS_BETTER else max(values)


def _to_clipboard(text: str) -> None:
    clipboard = QGuiApplication.clipboard()
    if clipboard is not None:
        clipboard.setText(text)
