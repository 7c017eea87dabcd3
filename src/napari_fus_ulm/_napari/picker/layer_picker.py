"""Choose an image layer, see in one line which part will be used, and correct it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr
from qtpy.QtCore import QSignalBlocker, QTimer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_fus_ulm._napari.layers.parts import LayerScan
from napari_fus_ulm._napari.picker.correction_form import CorrectionForm
from napari_fus_ulm._napari.picker.picked import Picked
from napari_fus_ulm._napari.picker.state import Choice, PickerState
from napari_fus_ulm._napari.widgets.controls import (
    LABEL_WIDTH,
    CalmComboBox,
    Signal,
    menu_on,
    wrapped,
)

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image
    from napari.utils.events import EventEmitter

TIPS = {
    "fus": "The power Doppler layer to enhance; a larger image takes longer.",
    "ulm": "A ULM of the same section to compare with; it does not change the result.",
}


class LayerPicker(QWidget):
    """A combo box of image layers, *Load…*, and the line below; shows a `PickerState`.

    Parameters
    ----------
    viewer : napari viewer
        Whose sliders are followed.
    state : PickerState

    Signals
    -------
    changed()
        Another layer, or another part of it.
    load_requested(bool)
        The user wants to load one; True for a folder.
    """

    changed = Signal()
    load_requested = Signal(bool)

    def __init__(self, viewer: ViewerModel, state: PickerState) -> None:
        super().__init__()
        self._viewer, self.state = viewer, state
        word = "fUS" if state.modality == "fus" else "ULM"
        self.combo = CalmComboBox()
        self.combo.setAccessibleName(f"{word} layer")
        self.combo.setToolTip(TIPS[state.modality])
        self.load = QPushButton("Load…")
        self.load.setToolTip(f"Opens a file or a folder as a {word} layer.")
        menu_on(self.load, {"File…": self._ask_file, "Folder (a stack)…": self._ask_folder})
        self.line = wrapped()
        self.line.setToolTip("What will be used: width × height, pixel width × depth, slice, time.")
        self.edit = QPushButton("✎")
        self.edit.setCheckable(True)
        self.edit.setFixedWidth(26)
        self.edit.setToolTip("Corrects the size and the axes; chooses slices and time points.")
        self.edit.setAccessibleName(f"Correct the {word} layer")
        self.form = CorrectionForm(shown=True)
        self.form.hide()
        self.apply = QPushButton("Apply to the layer")
        self.apply.setToolTip(
            "Gives the layer this size in the viewer, so that napari's scale bar is right too."
        )
        self.apply.hide()
        self._lay_out(word)
        self._slider_rest = QTimer(self)
        self._slider_rest.setSingleShot(True)
        self._slider_rest.setInterval(50)
        self._slider_rest.timeout.connect(state.follow_sliders)
        self._layer_rest = QTimer(self)
        self._layer_rest.setSingleShot(True)
        self._layer_rest.setInterval(50)
        self._layer_rest.timeout.connect(state.read_if_new)
        self.edit.toggled.connect(self.form.setVisible)
        self.edit.toggled.connect(self._show_apply)
        self.apply.clicked.connect(state.apply_to_layer)
        self.form.changed.connect(self._on_corrected)
        self.combo.currentIndexChanged.connect(self._on_combo)
        for event in self._dims_events():
            event.connect(self._on_step)
        state.touched.connect(self._on_touched)
        state.listed.connect(self._list)
        state.changed.connect(self._on_state)
        self._list()
        self._show()

    def close_connections(self) -> None:
        """Stop following the viewer; the widget is about to go."""
        for event in self._dims_events():
            event.disconnect(self._on_step)
        self._slider_rest.stop()
        self._layer_rest.stop()
        self.state.close()

    # ------------------------------------------------------------ what is chosen

    @property
    def layer(self) -> Image | None:
        """The chosen layer."""
        return self.state.layer

    @property
    def layer_scan(self) -> LayerScan | None:
        """The chosen layer as a scan, with its open questions."""
        return self.state.layer_scan

    def value(self) -> Choice:
        """Return the chosen layer as it is corrected."""
        return self.state.value()

    def set_value(self, choice: Choice) -> None:
        """Choose a layer with its corrections, as the user would."""
        self.state.set_value(choice)

    def choose(self, layer: Image) -> None:
        """Choose a layer as the user would."""
        self.state.choose(layer)

    def add(self, scan: xr.DataArray) -> None:
        """Add an image to the viewer and choose it."""
        self.state.add(scan)

    def picked(self) -> Picked | None:
        """Return what a run takes, or None without a usable layer."""
        return self.state.picked()

    def open_form(self) -> None:
        """Show the corrections."""
        self.edit.setChecked(True)
        self.form.wide_mm.setFocus()
        self.form.wide_mm.selectAll()

    # ------------------------------------------------------------ what is shown

    def _list(self) -> None:
        """Offer the layers there are."""
        layers = self.state.layers
        with QSignalBlocker(self.combo):
            self.combo.clear()
            if self.state.modality == "ulm":
                self.combo.addItem("no ground truth", None)
            for layer in layers:
                self.combo.addItem(layer.name, layer.unique_id)
            if not layers and self.state.modality == "fus":
                self.combo.addItem("no image", None)
        self.combo.choose(self.state.value().layer_id)
        self.combo.setEnabled(bool(layers))

    def _show(self) -> None:
        state = self.state
        self.combo.choose(state.value().layer_id)
        usable = state.layer_scan is not None
        self.edit.setVisible(usable)
        if not usable:
            self.edit.setChecked(False)
        self.line.setText(state.line)
        self.line.setVisible(bool(state.line))
        if state.layer_scan is not None:
            self.form.show_scan(state.layer_scan.scan, ambiguous=state.ambiguous)
            self.form.set_value(state.corrections)
        self._show_apply()

    def _show_apply(self, _: bool = False) -> None:
        self.apply.setVisible(self.edit.isChecked() and self.state.differs)

    def _on_state(self) -> None:
        self._show()
        self.changed.emit()

    # ------------------------------------------------------------ the user

    def _on_combo(self, _: int) -> None:
        layers = (one for one in self.state.layers if one.unique_id == self.combo.currentData())
        self.state.choose(next(layers, None))

    def _on_corrected(self) -> None:
        self.state.correct(self.form.value())

    def _on_step(self, _: object = None) -> None:
        self._slider_rest.start()

    def _on_touched(self) -> None:
        self._layer_rest.start()

    def _dims_events(self) -> tuple[EventEmitter, ...]:
        events = self._viewer.dims.events
        return events.current_step, events.order, events.ndisplay

    def _ask_file(self) -> None:
        self.load_requested.emit(False)

    def _ask_folder(self) -> None:
        self.load_requested.emit(True)

    def _lay_out(self, word: str) -> None:
        label = QLabel(word)
        label.setMinimumWidth(LABEL_WIDTH)
        label.setBuddy(self.combo)
        label.setToolTip(self.combo.toolTip())
        top = QHBoxLayout()
        top.setSpacing(4)
        top.addWidget(label)
        top.addWidget(self.combo, 1)
        top.addWidget(self.load)
        below = QHBoxLayout()
        below.setSpacing(4)
        below.addSpacing(LABEL_WIDTH + 4)
        below.addWidget(self.line, 1)
        below.addWidget(self.edit)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(top)
        layout.addLayout(below)
        layout.addWidget(self.form)
        layout.addWidget(self.apply)
