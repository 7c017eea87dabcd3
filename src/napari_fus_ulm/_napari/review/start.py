"""Where a session begins: an existing folder, or layers of the viewer and a new folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from qtpy.QtCore import QSignalBlocker, Qt
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

from napari_fus_ulm._napari.review.layers import KINDS
from napari_fus_ulm._napari.review.state import Listed, NewSession, Shown
from napari_fus_ulm._napari.widgets.controls import (
    CalmComboBox,
    Signal,
    add_row,
    form,
    row,
    wrapped,
)
from napari_fus_ulm._napari.widgets.notices import NoticeArea

WELCOME = (
    "Each trial shows two pictures of one section side by side, unnamed and in random order. Rate "
    "how continuous their vessels are and choose the one you prefer. Every answer is saved to a "
    "CSV file immediately; only the report made afterwards reveals which picture was which."
)
NO_LAYERS = (
    "You can also create a session here: open results of one section and, if available, its ULM."
)
ROWS_SHOWN = 6


class StartPanel(QWidget):
    """Fields of a new session, and the button that opens an existing one.

    Signals
    -------
    changed()
        A field has changed.
    picture_changed(object)
        A picture (`Listed`) was checked or unchecked, or given another type.
    open_requested(), report_requested(), go_on_requested(), start_requested(), cancel_requested()
    """

    changed = Signal()
    picture_changed = Signal(object)
    open_requested = Signal()
    report_requested = Signal()
    go_on_requested = Signal()
    start_requested = Signal()
    cancel_requested = Signal()

    def __init__(self, details: Callable[[str], str]) -> None:
        super().__init__()
        self.reader = QLineEdit()
        self.reader.setPlaceholderText("initials (optional)")
        self.open = QPushButton("Open a session folder…")
        self.open.setToolTip(
            "Opens a folder made by “napari-fus-ulm review new” or by this dock and continues "
            "where you stopped."
        )
        self.report = QPushButton("Report…")
        self.report.setToolTip("Shows how far the readers of a session are, and makes its report.")
        self.go_on = QPushButton()
        self.go_on.setToolTip("Shows your next unanswered trial.")
        self.status = wrapped()
        self.table = _table()
        self.no_layers = wrapped(NO_LAYERS)
        self.section = QLineEdit()
        self.section.setPlaceholderText("section")
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("a new or empty folder")
        self.browse = QPushButton("…")
        self.start = QPushButton("Start")
        self.start.setMinimumHeight(32)
        self.start.setToolTip("Writes the session to the folder and shows its first trial.")
        self.missing = wrapped()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.opening, self.making = NoticeArea(details), NoticeArea(details)
        self._listed: tuple[Listed, ...] = ()
        self._shown = Shown()
        self._lay_out()
        self._wire()

    # ------------------------------------------------------------ what is chosen

    def value(self) -> NewSession:
        """Return what is filled in."""
        return NewSession(
            reader=self.reader.text(), section=self.section.text(), folder=self.folder.text()
        )

    def set_value(self, new: NewSession) -> None:
        """Fill the fields in."""
        self.reader.setText(new.reader)
        self.section.setText(new.section)
        self.folder.setText(new.folder)

    def kind(self, number: int) -> CalmComboBox:
        """The field for the type of a listed picture."""
        combo = self.table.cellWidget(number, 1)
        assert isinstance(combo, CalmComboBox)
        return combo

    # ------------------------------------------------------------ what is shown

    def show_state(self, shown: Shown, names: frozenset[str]) -> None:
        """Show what has changed in the state."""
        self._shown = shown
        if "pictures" in names:
            self._list(shown.pictures)
        if "running" in names:
            self._lock(shown.running)
        if shown.progress is not None:
            self.bar.setRange(0, shown.progress.total)
            self.bar.setValue(shown.progress.done)
        self.opening.set_run((), shown.opening_error)
        self.making.set_run((), shown.making_error)
        self.status.setText(shown.status)
        self.status.setVisible(bool(shown.status))
        self.go_on.setText(f"Continue “{shown.go_on}”")
        self.go_on.setVisible(bool(shown.go_on))
        self._show_missing()

    def _list(self, pictures: tuple[Listed, ...]) -> None:
        with QSignalBlocker(self.table):
            if [one.layer_id for one in pictures] != [one.layer_id for one in self._listed]:
                self._rebuild(pictures)
            for number, one in enumerate(pictures):
                _show(self.table.item(number, 0), one)
                self.kind(number).choose(one.kind)
                self.kind(number).setAccessibleName(f"Type of {one.name}")
                _show_section(self.table.item(number, 2), one)
        several = len({one.section for one in pictures}) > 1
        self.table.setColumnHidden(2, not several)
        for widget in (self.section, self._section_label):
            widget.setVisible(not several)
        self._listed = pictures
        self.no_layers.setVisible(not pictures)
        self._form.setVisible(bool(pictures))

    def _rebuild(self, pictures: tuple[Listed, ...]) -> None:
        self.table.setRowCount(0)
        for number in range(len(pictures)):
            self.table.insertRow(number)
            self.table.setItem(number, 0, QTableWidgetItem())
            self.table.setItem(number, 2, QTableWidgetItem())
            combo = CalmComboBox(KINDS)
            combo.setToolTip("A ULM is shown as a control; readers do not see which picture it is.")
            combo.setProperty("number", number)
            combo.currentIndexChanged.connect(self._on_kind)
            self.table.setCellWidget(number, 1, combo)
        height = self.table.rowHeight(0) * min(len(pictures), ROWS_SHOWN)
        head = self.table.horizontalHeader()
        self.table.setFixedHeight(height + (head.sizeHint().height() if head else 0) + 4)

    def _lock(self, running: bool) -> None:
        """Lock the fields while a session is being read or created."""
        fields = (self.reader, self.open, self.report, self.go_on, self.table, self.section)
        for widget in (*fields, self.folder, self.browse):
            widget.setEnabled(not running)
        self.bar.setRange(0, 0)
        self.bar.setVisible(running)
        self.start.setText("Cancel" if running else "Start")

    def _show_missing(self) -> None:
        missing, running = self._shown.missing(self.value()), self._shown.running
        self.start.setEnabled(running or not missing)
        self.missing.setText(f"Still missing: {' and '.join(missing)}.")
        self.missing.setVisible(bool(missing) and bool(self._listed) and not running)

    # ------------------------------------------------------------ the user

    def _on_item(self, item: QTableWidgetItem) -> None:
        self._emit_picture(item.row())

    def _on_kind(self, _: int) -> None:
        combo = self.sender()
        if combo is not None:
            self._emit_picture(int(combo.property("number")))

    def _emit_picture(self, number: int) -> None:
        item = self.table.item(number, 0)
        assert item is not None
        checked = item.checkState() == Qt.CheckState.Checked
        section = self.table.item(number, 2)
        assert section is not None
        changed = replace(
            self._listed[number],
            checked=checked,
            kind=self.kind(number).currentData(),
            section=section.text(),
        )
        self.picture_changed.emit(changed)

    # ------------------------------------------------------------ layout

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Choose a new or empty folder")
        if path:
            self.folder.setText(str(Path(path)))

    def _on_start(self) -> None:
        (self.cancel_requested if self._shown.running else self.start_requested).emit()

    def _wire(self) -> None:
        self.open.clicked.connect(self.open_requested)
        self.report.clicked.connect(self.report_requested)
        self.go_on.clicked.connect(self.go_on_requested)
        self.start.clicked.connect(self._on_start)
        self.browse.clicked.connect(self._ask_folder)
        self.table.itemChanged.connect(self._on_item)
        self.folder.textChanged.connect(self._show_missing)
        for field in (self.reader, self.section, self.folder):
            field.textChanged.connect(self.changed)

    def _lay_out(self) -> None:
        self.browse.setToolTip("Chooses or creates the folder.")
        who, new = form(), form()
        add_row(
            who,
            "Reader",
            self.reader,
            "Saved with every answer; several can share a session.",
        )
        tip = "Named in the report; a name that begins with sub-XX_ also names the subject."
        self._section_label = add_row(new, "Section", self.section, tip)
        folder = row(self.folder, self.browse, stretch=0)
        add_row(
            new,
            "Folder",
            folder,
            "Holds pictures, answers and the key; must be new or empty.",
        )
        self._form = QWidget()
        column = QVBoxLayout(self._form)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(QLabel("Or create a session from these pictures:"))
        column.addWidget(self.table)
        column.addLayout(new)
        column.addWidget(self.start)
        main = QVBoxLayout(self)
        main.setContentsMargins(0, 0, 0, 0)
        main.setSpacing(8)
        main.addWidget(wrapped(WELCOME))
        main.addWidget(self.status)
        main.addWidget(self.go_on)
        main.addLayout(who)
        main.addWidget(row(self.open, self.report, stretch=0))
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
    table = QTableWidget(0, 3)
    table.setHorizontalHeaderLabels(["Picture", "Type", "Section"])
    table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.AllEditTriggers)
    table.setShowGrid(False)
    table.setWordWrap(False)
    head, rows = table.horizontalHeader(), table.verticalHeader()
    if head is not None and rows is not None:
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, width in ((1, 124), (2, 92)):
            head.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            head.resizeSection(column, width)
        rows.hide()
        rows.setDefaultSectionSize(36)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return table


def _show(item: QTableWidgetItem | None, one: Listed) -> None:
    assert item is not None
    item.setText(one.title)
    item.setToolTip(one.name)
    item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
    item.setCheckState(Qt.CheckState.Checked if one.checked else Qt.CheckState.Unchecked)


def _show_section(item: QTableWidgetItem | None, one: Listed) -> None:
    assert item is not None
    item.setText(one.section)
    item.setToolTip("Pictures of one section are compared; double-click to write another name.")
