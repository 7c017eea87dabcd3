"""Open a file or a folder: its contents can be seen and corrected before they are loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QVBoxLayout, QWidget

from napari_fus_ulm._napari.picker.correction_form import CorrectionForm
from napari_fus_ulm._napari.picker.part_form import Corrections, corrected, describe, resolve
from napari_fus_ulm._napari.run import FAILED
from napari_fus_ulm._napari.widgets.controls import CalmComboBox, Signal, add_row, form, wrapped
from napari_fus_ulm._napari.widgets.words import VALUES, WORD_OF
from napari_fus_ulm._napari.worker import EventRunner
from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.plausible import doubt
from napari_fus_ulm.scan import doubts_of

if TYPE_CHECKING:
    import xarray as xr


class LoadDialog(QDialog):
    """Shows the images of a file.

    Parameters
    ----------
    path : Path
        A file or a folder.
    modality : {"fus", "ulm"}
        What the user says it is.
    parent : QWidget

    Signals
    -------
    loaded(object)
        The image (`xarray.DataArray`), corrected.
    """

    loaded = Signal(object)

    def __init__(self, path: Path, modality: Literal["fus", "ulm"], parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        word = "fUS" if modality == "fus" else "ULM"
        self.setWindowTitle(f"Load {word}: {path.name}")
        self.setMinimumWidth(420)
        self._modality, self._path = modality, path
        self._scans: list[xr.DataArray] = []
        self._corrections = Corrections(slices="all", times="all")
        self.message = wrapped(f"Reading “{path.name}”…")
        self.line = wrapped()
        self.images = CalmComboBox()
        self.form = CorrectionForm(shown=False)
        self.values = CalmComboBox((("from the file", None), *VALUES))
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel
        )
        self._rows = form()
        add_row(self._rows, "Image", self.images, "The image of the file to load.")
        below = form()
        add_row(
            below,
            "Values",
            self.values,
            "Scale of the pixel values; a wrong choice shifts contrast and background.",
        )
        layout = QVBoxLayout(self)
        for part in (self.message, self._rows, self.line, self.form, below, self.buttons):
            if isinstance(part, QFormLayout):
                layout.addLayout(part)
            else:
                layout.addWidget(part)
        self._all = (self.images, self.line, self.form, self.values)
        self._label = below.labelForField(self.values)
        self._show_contents(False)
        self.images.currentIndexChanged.connect(self._on_image)
        self.form.changed.connect(self._on_corrected)
        self.buttons.accepted.connect(self._on_accept)
        self.buttons.rejected.connect(self.reject)
        self._runner = EventRunner(self)
        self._runner.event.connect(self._on_read)
        self._runner.ended.connect(self._on_ended)
        self._runner.start(partial(_read, path, modality))

    @property
    def reading(self) -> bool:
        """Whether the file is still being read."""
        return self._runner.running

    def _on_read(self, scans: Any) -> None:
        self._scans = scans
        for number, scan in enumerate(scans):
            self.images.addItem(str(scan.name or f"image {number + 1}"), number)
        self._on_image()

    def _on_ended(self, state: str, error: str) -> None:
        self.message.setText(f"✖ {error}" if state == FAILED else "")
        self.message.setVisible(bool(self.message.text()))
        self._show_contents(state != FAILED and bool(self._scans))

    def _on_image(self, _: int = 0) -> None:
        if not self._scans:
            return
        scan = self._scans[max(self.images.currentIndex(), 0)]
        self._corrections = Corrections(slices="all", times="all")
        word = WORD_OF.get(scan.attrs["values"], scan.attrs["values"])
        guessed = bool(scan.attrs.get("values_guessed", False))
        self.values.setItemText(0, f"{word} (guessed)" if guessed else f"{word} (from the file)")
        self.values.choose(None)
        self._say()

    def _on_corrected(self) -> None:
        self._corrections = self.form.value()
        self._say()

    def _say(self) -> None:
        scan = self._scans[max(self.images.currentIndex(), 0)]
        unclear = not scan.attrs.get("leading_axis_known", True)
        whole = corrected(scan, replace(self._corrections, slices="all", times="all"))
        selection = resolve(self._corrections, whole, {})
        doubts = doubts_of(whole)
        note = "".join(f"\n⚠ {sentence}" for sentence in doubts.values())
        if not whole.attrs.get("spacing_known", True) and "spacing" not in doubts:
            note += "\n⚠ The file does not store its pixel size; the one shown is assumed."
        if question := doubt(whole):
            note += f"\n⚠ {question}"
        self.line.setText(describe(whole, selection) + note)
        self.form.show_scan(whole, ambiguous=unclear)
        self.form.set_value(self._corrections)

    def _on_accept(self) -> None:
        if not self._scans:
            return
        try:
            scan = corrected(self._scans[max(self.images.currentIndex(), 0)], self._corrections)
        except ScanError as error:
            self.message.setText(f"✖ {error}")
            self.message.setVisible(True)
            return
        if self.values.currentData() is not None:
            scan = scan.assign_attrs(values=self.values.currentData(), values_guessed=False)
        loaded = {**scan.attrs.get("loaded", {}), "path": str(self._path)}
        if len(self._scans) > 1:
            loaded["image"] = max(self.images.currentIndex(), 0)
        self.loaded.emit(scan.assign_attrs(modality=self._modality, loaded=loaded))
        self.accept()

    def _show_contents(self, visible: bool) -> None:
        for widget in self._all:
            widget.setVisible(visible)
        several = visible and len(self._scans) > 1
        self.images.setVisible(several)
        for label, shown in (
            (self._rows.labelForField(self.images), several),
            (self._label, visible),
        ):
            if label is not None:
                label.setVisible(shown)
        button = self.buttons.button(QDialogButtonBox.StandardButton.Open)
        if button is not None:
            button.setEnabled(visible)
        self.adjustSize()


def _read(path: Path, modality: str) -> Iterator[Any]:
    from napari_fus_ulm import io

    yield io.read(path, modality=modality)
