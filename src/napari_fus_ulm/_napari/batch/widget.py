"""The Batch dock: many files with the settings of *Enhance*; layout and wiring only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtGui import QAction, QGuiApplication, QKeySequence  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_fus_ulm._napari.batch.file_table import FileTable
from napari_fus_ulm._napari.batch.state import BatchState, Shown
from napari_fus_ulm._napari.enhance import memory
from napari_fus_ulm._napari.enhance.settings_form import SettingsForm
from napari_fus_ulm._napari.widgets.controls import (
    CalmComboBox,
    CalmDoubleSpinBox,
    Section,
    TallScroll,
    add_row,
    form,
    row,
    wrapped,
)
from napari_fus_ulm._napari.widgets.docked import DockedWidget
from napari_fus_ulm._napari.widgets.files import SAVE_AS, ask_open_several
from napari_fus_ulm._napari.widgets.guide import Help, explained
from napari_fus_ulm._napari.widgets.notices import NoticeArea
from napari_fus_ulm._napari.widgets.run_panel import RunPanel
from napari_fus_ulm._napari.worker import EventRunner
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.tasks.batch import BatchSettings
from napari_fus_ulm.tasks.copying import batch_command
from napari_fus_ulm.tasks.failures import failure_of
from napari_fus_ulm.tasks.record import Source

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from qtpy.QtGui import QDragEnterEvent, QDropEvent

WELCOME = "Add power Doppler files or folders, or drop them here: each is enhanced and saved."


class BatchWidget(DockedWidget):
    """Files or folders in, a folder out, and a table of what became of each.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self.state = BatchState()
        self.runner = EventRunner(self, name="Batch")
        self.files = FileTable()
        self.add = QPushButton("Add files…")
        self.add_folder = QPushButton("Add folder…")
        self.clear = QPushButton("Clear")
        self.out = QLineEdit()
        self.browse = QPushButton("…")
        self.suffix = CalmComboBox(tuple((text, ending) for text, ending in SAVE_AS.items()))
        self.spacing = CalmDoubleSpinBox(0.0, 1000.0, 1)
        self.skip = QCheckBox("Leave alone what is done")
        self.only_fus = QCheckBox("Only images that look like fUS")
        self.settings = SettingsForm(regions=False)
        self.summary = wrapped()
        self.section = explained(Section("Settings", self.settings), "enhance.md", "Purpose")
        self.notices = NoticeArea(self.runner.details)
        self.run = RunPanel()
        self.copy = QPushButton("Copy as command")
        self._lay_out()
        self.settings.set_settings(memory.load())
        self._read_settings()
        self._show(frozenset(field.name for field in fields(Shown)))
        self._wire()
        self.setAcceptDrops(True)

    # ------------------------------------------------------------ what is shown

    def _show(self, names: frozenset[str]) -> None:
        shown = self.state.shown
        if "rows" in names:
            self.files.set_value(shown.rows)
            self.run.offer = shown.offer
            self._welcome.setVisible(not shown.rows)
            self.files.setVisible(bool(shown.rows))
            self.copy.setEnabled(bool(shown.rows))
        if "out" in names:
            self.out.setText(shown.out)
        if names & {"notes", "error"}:
            self.notices.set_run(shown.notes, shown.error)
        if names & {"phase", "status", "rows"}:
            self.run.set_state(shown.phase, shown.status)
            for widget in self._chosen_before:
                widget.setEnabled(not self.runner.running and shown.phase in ("empty", "ready"))
        if shown.progress is not None and "progress" in names:
            self.run.show_progress(shown.progress)

    # ------------------------------------------------------------ the user

    def add_paths(self, paths: Iterable[Path]) -> None:
        """Add files and folders."""
        self.state.add(paths)

    def start(self) -> None:
        """Enhance the files (a click on the button)."""
        self._read_settings()
        work = self.state.start()
        if work is not None:
            self.runner.start(work)

    def cancel(self) -> None:
        """Ask the run to stop; what is done stays done."""
        if self.runner.running:
            self.runner.cancel()
            self.state.cancel()

    def copy_command(self) -> None:
        """Put the command that does the same on the clipboard."""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            text = batch_command(self.state.inputs, self.state.shown.out, self.state.settings)
            clipboard.setText(text)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Take files and folders."""
        data = None if event is None else event.mimeData()
        if event is not None and data is not None and data.hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Add what was dropped."""
        data = None if event is None else event.mimeData()
        if event is None or data is None or self.runner.running:
            return
        self.add_paths(Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile())
        event.acceptProposedAction()

    def _read_settings(self, _: object = None) -> None:
        try:
            step = self.spacing.value() / 1000.0
            part = Source(layer="", time="mean", spacing=(step, step) if step else None)
            settings = BatchSettings(
                enhance=self.settings.settings(),
                part=part,
                suffix=str(self.suffix.currentData()),
                only_fus=self.only_fus.isChecked(),
                skip_done=self.skip.isChecked(),
            )
        except UserError as error:
            self.state.refuse_settings(str(error))
        else:
            self.state.set_settings(settings)
            self.summary.setText(self.settings.summary())

    def _on_add(self) -> None:
        self.add_paths(ask_open_several(self))

    def _on_add_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Add a folder of recordings")
        if folder:
            self.add_paths([Path(folder)])

    def _on_browse(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of the results", self.out.text())
        if folder:
            self.state.set_out(folder)

    def _on_out(self) -> None:
        self.state.set_out(self.out.text().strip())

    def _open(self, path: Path) -> None:
        try:
            self._viewer.open(str(path), plugin="napari-fus-ulm")
        except Exception as error:
            self.notices.set_run(
                (), f"{path.name} could not be opened. {failure_of(error).sentence}"
            )

    # ------------------------------------------------------------ layout and life

    def leave(self) -> None:
        """Stop working; the dock has been closed."""
        self.runner.cancel()
        self.state.changed.disconnect()

    def _wire(self) -> None:
        self.state.changed.connect(self._show)
        self.add.clicked.connect(self._on_add)
        self.add_folder.clicked.connect(self._on_add_folder)
        self.clear.clicked.connect(self.state.clear)
        self.browse.clicked.connect(self._on_browse)
        self.out.editingFinished.connect(self._on_out)
        self.settings.changed.connect(self._read_settings)
        self.suffix.currentIndexChanged.connect(self._read_settings)
        self.spacing.valueChanged.connect(self._read_settings)
        self.skip.toggled.connect(self._read_settings)
        self.only_fus.toggled.connect(self._read_settings)
        self.files.open_requested.connect(self._open)
        self.run.run_requested.connect(self.start)
        self.run.cancel_requested.connect(self.cancel)
        self.copy.clicked.connect(self.copy_command)
        self.runner.event.connect(self.state.on_event)
        self.runner.ended.connect(self.state.on_ended)
        run = QAction("Enhance the files", self)
        run.setShortcut(QKeySequence("Ctrl+Return"))
        run.triggered.connect(self.start)
        self.addAction(run)

    def _lay_out(self) -> None:
        self._welcome = wrapped(WELCOME)
        self.add.setToolTip("Adds recordings; results of earlier runs are left out of folders.")
        self.add_folder.setToolTip("Adds all recordings of a folder.")
        self.clear.setToolTip("Empties the list; no file is deleted.")
        self.browse.setFixedWidth(26)
        self.browse.setToolTip("Chooses the folder of the results.")
        self.spacing.setSpecialValueText("of each file")
        self.spacing.setSuffix(" µm")
        self.skip.setChecked(True)
        self.skip.setToolTip(
            "What was made with the same settings from the same file is not made again: a stopped "
            "batch goes on. Otherwise earlier results are replaced."
        )
        self.only_fus.setToolTip("Refuses files in which the model would draw vessels into no fUS.")
        self.copy.setToolTip("Copies the command that enhances the same files in a terminal.")
        self.copy.setEnabled(False)
        self.run.tip = "Enhances the files one after the other. Ctrl/Cmd+Return."
        folder, where = form(), form()
        tip = (
            "Folder of the results; files that are not results of an earlier run stay as they are."
        )
        add_row(folder, "Results in", row(self.out, self.browse, stretch=0), tip)
        self.out.setToolTip(tip)
        add_row(where, "Saved as", self.suffix, "Format of the results; all keep the pixel size.")
        tip = "Pixel size of all files, where they do not say it themselves or are wrong."
        add_row(where, "Pixel size", self.spacing, tip)
        self.copy.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        buttons = row(self.add, self.add_folder, self.clear, Help("enhance.md", "Batch"))
        reading = QWidget()
        lines = QVBoxLayout(reading)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(4)
        lines.addLayout(where)
        lines.addWidget(self.skip)
        lines.addWidget(self.only_fus)
        files = explained(Section("Reading and saving", reading), "enhance.md", "Batch")
        self._chosen_before = (buttons, self.settings, self.out, self.browse, self.suffix,
                               self.spacing, self.skip, self.only_fus)  # fmt: skip
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(8)
        for part in (self._welcome, buttons, self.files):
            column.addWidget(part)
        column.addLayout(folder)
        column.addWidget(self.summary)
        for part in (self.section, files, self.notices, self.run, self.copy):
            column.addWidget(part)
        column.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(TallScroll(body))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
