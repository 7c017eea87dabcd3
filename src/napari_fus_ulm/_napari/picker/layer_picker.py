"""Choose an image layer, see in one line what of it will be used, and correct that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import xarray as xr
from qtpy.QtCore import QSignalBlocker, QTimer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_fus_ulm._napari.layers.from_scan import scan_to_layer
from napari_fus_ulm._napari.layers.results import OURS
from napari_fus_ulm._napari.layers.to_scan import LayerScan
from napari_fus_ulm._napari.picker.correction_form import CorrectionForm
from napari_fus_ulm._napari.picker.part_form import Corrections, describe, resolve
from napari_fus_ulm._napari.picker.picked import (
    LayerReader,
    Picked,
    layer_key,
    likely_modality,
    outline,
    pick,
    shown_numbers,
)
from napari_fus_ulm._napari.widgets.controls import (
    LABEL_WIDTH,
    CalmComboBox,
    Signal,
    menu_on,
    wrapped,
)
from napari_fus_ulm.scan import ScanError, step_of
from napari_fus_ulm.selection import Selection

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image


class LayerPicker(QWidget):
    """A combo box of image layers, *Load…*, and the line below.

    Parameters
    ----------
    viewer : napari viewer
    modality : {"fus", "ulm"}
        What is wanted; the newest layer that looks like fUS is preselected, a ULM never is.

    Signals
    -------
    changed()
        Another layer, or another part of it.
    load_asked(bool)
        The user wants to load one; True for a folder.
    """

    changed = Signal()
    load_asked = Signal(bool)

    def __init__(self, viewer: ViewerModel, modality: Literal["fus", "ulm"]) -> None:
        super().__init__()
        self._viewer, self.modality = viewer, modality
        self._by_hand = False
        self._corrections: dict[int, Corrections] = {}
        self._found: LayerScan | None = None
        self._problem = ""
        self._read_key: tuple[Any, ...] = ()
        self._answers: dict[str, Any] = {}
        self._reader = LayerReader()
        word = "fUS" if modality == "fus" else "ULM"
        self.combo = CalmComboBox()
        self.combo.setAccessibleName(f"{word} layer")
        tips = {
            "fus": "The power Doppler layer to enhance; a larger image takes longer.",
            "ulm": "A ULM of the same section to compare with; it does not change the result.",
        }
        self.combo.setToolTip(tips[modality])
        self.load = QPushButton("Load…")
        self.load.setToolTip(f"Opens a file or a folder as a {word} layer.")
        menu_on(self.load, {"File…": self._ask_file, "Folder (a stack)…": self._ask_folder})
        self.line = wrapped()
        self.line.setToolTip("What will be used: width × height, pixel width × depth, slice, time.")
        self.edit = QPushButton("✎")
        self.edit.setCheckable(True)
        self.edit.setFixedWidth(26)
        self.edit.setToolTip("Corrects the pixel size, and chooses the slice and the time.")
        self.edit.setAccessibleName(f"Correct the {word} layer")
        self.form = CorrectionForm(shown=True)
        self.form.hide()
        self._lay_out(word)
        self._line_soon = QTimer(self)
        self._line_soon.setSingleShot(True)
        self._line_soon.setInterval(50)
        self._line_soon.timeout.connect(self._on_slider_rest)
        self.edit.toggled.connect(self.form.setVisible)
        self.form.changed.connect(self._on_corrected)
        self.combo.activated.connect(self._on_activated)
        self.combo.currentIndexChanged.connect(self.read_if_new)
        events = viewer.layers.events
        self._connections = [
            (events.inserted, self._on_inserted),
            (events.removed, self._on_layers),
            (events.reordered, self._on_layers),
            (viewer.dims.events.current_step, self._on_step),
        ]
        if hasattr(events, "renamed"):  # napari 0.6.2
            self._connections.append((events.renamed, self._on_layers))
        for signal, slot in self._connections:
            signal.connect(slot)
        self._fill()
        if modality == "fus":
            self._choose_newest()
        self.read()

    def close_connections(self) -> None:
        """Stop following the viewer; the widget is about to go."""
        for signal, slot in self._connections:
            signal.disconnect(slot)
        self._connections.clear()
        self._line_soon.stop()

    # ------------------------------------------------------------ what is chosen

    @property
    def layer(self) -> Image | None:
        """The chosen layer."""
        return self.combo.currentData()

    @property
    def problem(self) -> str:
        """Why the chosen layer cannot be used, or nothing."""
        return self._problem

    @property
    def layer_scan(self) -> LayerScan | None:
        """The chosen layer as a scan, with its open questions."""
        return self._found

    def choose(self, layer: Image) -> None:
        """Choose a layer as the user would."""
        self.combo.choose(layer)
        self._by_hand = True
        self.read()

    def choose_as(self, other: LayerPicker) -> None:
        """Choose what another picker has chosen, as it is corrected there."""
        if other.layer is not None and self.combo.choose(other.layer):
            self._by_hand = True
            self._corrections[id(self.layer)] = other._own_corrections()
            self.read()

    def add(self, scan: xr.DataArray) -> None:
        """Add an image to the viewer and choose it."""
        from napari.layers import Image

        data, kwargs, _ = scan_to_layer(scan)
        layer = Image(data, **kwargs)
        self._viewer.add_layer(layer)
        self.choose(layer)

    def picked(self) -> Picked | None:
        """Return what a run takes, or None without a usable layer."""
        layer, found = self.layer, self._found
        if layer is None or found is None:
            return None
        return pick(layer, found.scan, self._selection(found.scan), self._answers)

    def open_form(self) -> None:
        """Show the corrections."""
        self.edit.setChecked(True)
        self.form.depth_um.setFocus()

    # ------------------------------------------------------------ following the viewer

    def _on_inserted(self, event: Any) -> None:
        self._fill()
        if self.modality == "fus" and not self._by_hand:
            self._choose_newest()
        self.read_if_new()

    def _on_layers(self, event: Any = None) -> None:
        before = self.layer
        self._fill()
        if self.layer is not before:
            self._by_hand = False
            if self.modality == "fus":
                self._choose_newest()
        self.read_if_new()

    def _on_step(self, event: Any = None) -> None:
        self._line_soon.start()

    def _on_slider_rest(self) -> None:
        self._say()
        self.changed.emit()

    def _fill(self) -> None:
        chosen = self.layer
        from napari.layers import Image

        images = [layer for layer in reversed(self._viewer.layers) if isinstance(layer, Image)]
        with QSignalBlocker(self.combo):
            self.combo.clear()
            if self.modality == "ulm":
                self.combo.addItem("none (no ground truth)", None)
            for layer in images:
                self.combo.addItem(layer.name, layer)
            if not images and self.modality == "fus":
                self.combo.addItem("no image open", None)
        if chosen is None or not self.combo.choose(chosen):
            with QSignalBlocker(self.combo):
                self.combo.setCurrentIndex(0)
        self.combo.setEnabled(bool(images))
        alive = {id(layer) for layer in images}
        self._corrections = {k: v for k, v in self._corrections.items() if k in alive}

    def _choose_newest(self) -> None:
        """Preselect the newest layer that looks like fUS; without one, the newest not our own."""
        images = [self.combo.itemData(index) for index in range(self.combo.count())]
        images = [layer for layer in images if layer is not None and OURS not in layer.metadata]
        likely = [layer for layer in images if likely_modality(layer) == "fus"]
        other = [layer for layer in images if likely_modality(layer) != "ulm"]
        for layer in (*likely, *other, *images):
            self.combo.choose(layer)
            return

    # ------------------------------------------------------------ reading the layer

    def read_if_new(self, _: Any = None) -> None:
        """Read the chosen layer unless nothing about it has changed (a film takes a while).

        Pixels that were changed in place are no reason: a run reads them when it begins.
        """
        if self._key() != self._read_key:
            self.read()

    def _key(self) -> tuple[Any, ...]:
        layer = self.layer
        return () if layer is None else (*layer_key(layer), self._own_corrections())

    def read(self) -> None:
        """Read the chosen layer again."""
        layer = self.layer
        self._read_key = self._key()
        self._found, self._problem = None, ""
        if layer is not None:
            try:
                self._found = self._scan_of(layer)
                # A slice or time out of range shows itself here and not after the click.
                outline(self._found.scan, self._selection(self._found.scan))
            except (ScanError, ValueError) as error:
                self._found, self._problem = None, str(error)
        self._say()
        self.changed.emit()

    def _scan_of(self, layer: Image) -> LayerScan:
        """Read a layer as it is corrected."""
        corrections = self._own_corrections()
        answers = corrections.answers()
        if self.modality == "ulm" and answers["modality"] is None:
            answers["modality"] = "ulm"
        if corrections.slice_mm is not None and corrections.spacing is None:
            scan = self._reader.read(layer, leading=corrections.leading).scan
            answers["spacing"] = (
                corrections.slice_mm,
                step_of(scan, "j"),
                step_of(scan, "i"),
            )
        self._answers = answers
        return self._reader.read(layer, **answers)

    def _own_corrections(self) -> Corrections:
        return self._corrections.get(id(self.layer), Corrections())

    def _selection(self, scan: xr.DataArray) -> Selection:
        layer = self.layer
        shown = {} if layer is None else shown_numbers(self._viewer, layer, scan)
        return resolve(self._own_corrections(), scan, shown)

    def _say(self) -> None:
        found = self._found
        usable = found is not None
        self.edit.setVisible(usable)
        if not usable:
            self.edit.setChecked(False)
        self.line.setText(self._problem)
        self.line.setVisible(bool(self._problem) or usable)
        if found is None:
            return
        corrections = self._own_corrections()
        selection = self._selection(found.scan)
        shown = corrections.slices == "shown"
        self.line.setText(describe(found.scan, selection, shown=shown))
        ambiguous = corrections.leading is not None or any(
            question.kind == "leading" for question in found.questions
        )
        self.form.show_scan(found.scan, corrections, ambiguous=ambiguous)

    # ------------------------------------------------------------ the user

    def _on_activated(self, _: int) -> None:
        self._by_hand = True

    def _on_corrected(self) -> None:
        if self.layer is not None:
            self._corrections[id(self.layer)] = self.form.corrections()
            self.read()

    def _ask_file(self) -> None:
        self.load_asked.emit(False)

    def _ask_folder(self) -> None:
        self.load_asked.emit(True)

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
