"""Where a session begins: an existing folder, or layers of the viewer and a new folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHeaderView,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_fus_ulm._napari.layers.to_scan import parts_of
from napari_fus_ulm._napari.review.layers import KINDS, Chosen, likely_kind
from napari_fus_ulm._napari.widgets.controls import (
    CalmComboBox,
    Signal,
    add_row,
    form,
    row,
    wrapped,
)
from napari_fus_ulm._napari.widgets.notices import NoticeArea

if TYPE_CHECKING:
    from napari.layers import Image

WELCOME = (
    "Two pictures of one section lie side by side, without names and in random order; you rate "
    "how continuous their vessels are and say which one you prefer. Every answer is written to a "
    "CSV file at once, and only a command, run afterwards, tells which picture was which."
)
NO_LAYERS = (
    "A session can also be made here: open results of one section, and its ULM if there is one."
)
ROWS_SHOWN = 6


class StartPanel(QWidget):
    """Fields of a new session, and the button that opens an existing one.

    Signals
    -------
    open_asked(), go_on_asked(), start_asked(), cancel_asked()
    """

    open_asked = Signal()
    go_on_asked = Signal()
    start_asked = Signal()
    cancel_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.reader = QLineEdit()
        self.reader.setPlaceholderText("initials (may be left out)")
        self.open = QPushButton("Open a session folder…")
        self.open.setToolTip(
            "A folder that “napari-fus-ulm review new” or this dock has made; goes on where you "
            "stopped."
        )
        self.go_on = QPushButton()
        self.go_on.setToolTip("Shows the next trial that you have not answered.")
        self.said = wrapped()
        self.table = _table()
        self.no_layers = wrapped(NO_LAYERS)
        self.section = QLineEdit()
        self.section.setPlaceholderText("section")
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("a new or empty folder")
        self.browse = QPushButton("…")
        self.start = QPushButton("Start")
        self.start.setMinimumHeight(32)
        self.start.setToolTip("Writes the session into the folder and shows its first trial.")
        self.missing = wrapped()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.opening, self.making = NoticeArea(), NoticeArea()
        self._layers: list[Image] = []
        self._running = False
        self._lay_out()
        self._wire()
        self.say("")
        self.set_running(False)

    # ------------------------------------------------------------ what is chosen

    def set_layers(self, layers: Sequence[Image]) -> None:
        """List these layers; what was said of those that stay is kept."""
        kept = {
            layer.unique_id: (self._box(n).checkState(), self.kind(n).currentData())
            for n, layer in enumerate(self._layers)
        }
        self._layers = []
        self.table.setRowCount(0)
        for n, layer in enumerate(layers):
            likely = likely_kind(layer)
            checked = Qt.CheckState.Unchecked if likely == "fus" else Qt.CheckState.Checked
            checked, kind = kept.get(layer.unique_id, (checked, likely))
            self.table.insertRow(n)
            self.table.setItem(n, 0, _item(layer.name, checked))
            combo = CalmComboBox(KINDS)
            combo.choose(kind)
            combo.setAccessibleName(f"What {layer.name} is")
            combo.setToolTip("A ULM is shown as a control: nobody is told where it is.")
            self.table.setCellWidget(n, 1, combo)
        self._layers = list(layers)
        height = self.table.rowHeight(0) * min(len(layers), ROWS_SHOWN)
        head = self.table.horizontalHeader()
        self.table.setFixedHeight(height + (head.sizeHint().height() if head else 0) + 4)
        self.no_layers.setVisible(not layers)
        self._form.setVisible(bool(layers))
        self._say()

    def check(self, name: str, checked: bool = True) -> None:
        """Check or uncheck a layer by its name."""
        state = Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked
        for n, layer in enumerate(self._layers):
            if layer.name == name:
                self._box(n).setCheckState(state)

    def kind(self, number: int) -> CalmComboBox:
        """The field that says what a listed layer is."""
        combo: Any = self.table.cellWidget(number, 1)
        return combo  # type: ignore[no-any-return]

    def chosen(self) -> list[Chosen]:
        """The checked layers, as they are now.

        Raises
        ------
        ScanError
            If one is no image.
        """
        return [
            Chosen(parts_of(layer), self.kind(n).currentData())
            for n, layer in enumerate(self._layers)
            if self._checked(n)
        ]

    def names(self) -> tuple[str, str]:
        """The section's name, and the reader's."""
        return self.section.text().strip() or "section", self.reader.text().strip()

    # ------------------------------------------------------------ what is shown

    def set_running(self, running: bool) -> None:
        """Lock the fields while a session is being read or made."""
        self._running = running
        for widget in (self.reader, self.open, self.go_on, self.table, self.section, self.folder):
            widget.setEnabled(not running)
        self.browse.setEnabled(not running)
        self.bar.setRange(0, 0)
        self.bar.setVisible(running)
        self.start.setText("Cancel" if running else "Start")
        self._say()

    def say(self, sentence: str, go_on: str = "") -> None:
        """Say what became of the last session; with a name, offer to go on with it."""
        self.said.setText(sentence)
        self.said.setVisible(bool(sentence))
        self.go_on.setText(f"Go on with “{go_on}”")
        self.go_on.setVisible(bool(go_on))

    def clear_errors(self) -> None:
        """Forget what went wrong before."""
        self.opening.clear_run()
        self.making.clear_run()

    def _say(self) -> None:
        chosen = sum(self._checked(n) for n in range(len(self._layers)))
        missing = ["two checked pictures"] if chosen < 2 else []
        missing += [] if self.folder.text().strip() else ["a folder"]
        self.start.setEnabled(self._running or not missing)
        self.missing.setText(f"Still missing: {' and '.join(missing)}.")
        self.missing.setVisible(bool(missing) and bool(self._layers) and not self._running)

    def _box(self, number: int) -> QTableWidgetItem:
        item = self.table.item(number, 0)
        assert item is not None
        return item

    def _checked(self, number: int) -> bool:
        return self._box(number).checkState() == Qt.CheckState.Checked

    # ------------------------------------------------------------ layout

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "A new or empty folder for the session")
        if path:
            self.folder.setText(str(Path(path)))

    def _on_start(self) -> None:
        (self.cancel_asked if self._running else self.start_asked).emit()

    def _wire(self) -> None:
        self.open.clicked.connect(self.open_asked)
        self.go_on.clicked.connect(self.go_on_asked)
        self.start.clicked.connect(self._on_start)
        self.browse.clicked.connect(self._ask_folder)
        self.table.itemChanged.connect(self._say)
        self.folder.textChanged.connect(self._say)

    def _lay_out(self) -> None:
        self.browse.setToolTip("Chooses the folder, or makes one.")
        who, new = form(), form()
        add_row(who, "Reader", self.reader, "Stands beside every answer; several may read.")
        tip = "For the report. A name that begins with sub-XX_ says whose section it is."
        add_row(new, "Section", self.section, tip)
        folder = row(self.folder, self.browse, stretch=0)
        add_row(new, "Folder", folder, "Holds pictures, answers and the key; it must be empty.")
        self._form = QWidget()
        column = QVBoxLayout(self._form)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(QLabel("Or make a session of these pictures:"))
        column.addWidget(self.table)
        column.addLayout(new)
        column.addWidget(self.start)
        main = QVBoxLayout(self)
        main.setContentsMargins(0, 0, 0, 0)
        main.setSpacing(8)
        main.addWidget(wrapped(WELCOME))
        main.addWidget(self.said)
        main.addWidget(self.go_on)
        main.addLayout(who)
        main.addWidget(self.open)
        for widget in (
            self.opening,
            self.no_layers,
            self._form,
            self.bar,
            self.missing,
            self.making,
        ):
            main.addWidget(widget)


def _table() -> QTableWidget:
    table = QTableWidget(0, 2)
    table.setHorizontalHeaderLabels(["Picture", "What it is"])
    table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setShowGrid(False)
    head, rows = table.horizontalHeader(), table.verticalHeader()
    if head is not None and rows is not None:
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        head.setSectionResizeMode(1, QHeaderView.ResizeMode.Fixed)
        head.resizeSection(1, 142)
        rows.hide()
        rows.setDefaultSectionSize(36)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return table


def _item(name: str, checked: Qt.CheckState) -> QTableWidgetItem:
    item = QTableWidgetItem(name)
    item.setToolTip(name)
    item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
    item.setCheckState(checked)
    return item
