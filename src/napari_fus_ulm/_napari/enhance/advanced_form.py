"""The advanced settings of a run, one row each, with a button for the defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QFileDialog, QLineEdit, QPushButton, QWidget

from napari_fus_ulm._napari.widgets.controls import (
    CalmComboBox,
    CalmDoubleSpinBox,
    CalmSpinBox,
    Signal,
    add_row,
    form,
    row,
)
from napari_fus_ulm.declared import Declared, Setting, declared
from napari_fus_ulm.inference.settings import POSTER, EnhanceSettings
from napari_fus_ulm.tasks.catalogue import entry, names

ADVANCED = (
    "steps", "samples", "seed", "sampler", "departure", "patch", "overlap", "fusion", "window",
    "batch", "native_um", "position", "device", "precision",
)  # fmt: skip
"""In the order of the form."""


class AdvancedForm(QWidget):
    """Steps, samples, seed, patches and how they are joined, processor, weights.

    Signals
    -------
    changed()
        A setting has changed.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        layout = form()
        self.setLayout(layout)
        self._fields: dict[str, CalmSpinBox | CalmDoubleSpinBox | CalmComboBox] = {}
        self._generator = names()[0]

        for name in ADVANCED:
            setting = declared(EnhanceSettings)[name]
            field = self._field(setting)
            add_row(layout, setting.setting.label, field, setting.setting.help)
            self._fields[name] = field
        self._weights = QLineEdit()
        self._weights.setPlaceholderText("bundled")
        self._weights.editingFinished.connect(self._on_change)
        browse = QPushButton("…")
        browse.setFixedWidth(26)
        browse.clicked.connect(self._browse)
        weights = declared(EnhanceSettings)["weights"].setting
        add_row(layout, weights.label, row(self._weights, browse, stretch=0), weights.help)
        self._weights.setToolTip(weights.help)
        browse.setToolTip("Chooses a file of weights.")
        self.reset = QPushButton("Defaults")
        self.reset.setToolTip("Resets every advanced setting to the generator's default.")
        self.reset.clicked.connect(self._on_reset)
        self.poster = QPushButton("Study's recipe")
        self.poster.setToolTip(
            "The study's recipe, for comparison: ancestral sampling in 50 steps on "
            "half-overlapping patches of 128 pixels, blended at the end. Much slower."
        )
        self.poster.clicked.connect(self._on_poster)
        layout.addRow("", row(self.reset, self.poster))
        self._put_defaults()

    def _field(self, one: Declared) -> CalmSpinBox | CalmDoubleSpinBox | CalmComboBox:
        if one.optional and one.kind is float:
            return self._optional(one.setting)
        if one.kind is float:
            share = CalmDoubleSpinBox(one.setting.low or 0.0, one.setting.high or 1.0, 2)
            share.setSingleStep(0.1)
            share.setKeyboardTracking(False)
            share.valueChanged.connect(self._on_change)
            return share
        if one.kind is int:
            low, high = int(one.setting.low or 0), int(one.setting.high or 2**31 - 1)
            number = CalmSpinBox(low, high, one.setting.multiple_of or one.setting.step)
            number.setKeyboardTracking(False)
            number.valueChanged.connect(self._on_change)
            return number
        choice = CalmComboBox(_devices() if one.name == "device" else one.items)
        choice.currentIndexChanged.connect(self._on_change)
        return choice

    def _optional(self, setting: Setting) -> CalmDoubleSpinBox:
        """A number that is estimated where the box stands one below its range."""
        low, high = setting.low or 0.0, setting.high or 1.0
        number = CalmDoubleSpinBox(low - 1.0, high, 0)
        number.setSpecialValueText("estimated")
        number.setSuffix(" µm")
        number.setKeyboardTracking(False)
        number.valueChanged.connect(self._on_change)
        return number

    def values(self) -> dict[str, Any]:
        """Return the settings by name."""
        values: dict[str, Any] = {
            name: field.currentData() if isinstance(field, CalmComboBox) else _number(field)
            for name, field in self._fields.items()
        }
        values["weights"] = self._weights.text().strip() or None
        return values

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show settings; names that are not here are left alone."""
        for name, field in self._fields.items():
            if name not in values:
                continue
            if isinstance(field, CalmComboBox):
                field.choose(values[name])
            else:
                with QSignalBlocker(field):
                    number: Any = field.minimum() if values[name] is None else values[name]
                    field.setValue(number)
        if "weights" in values:
            self._weights.setText(values["weights"] or "")

    def set_generator(self, name: str) -> None:
        """Show how a generator is applied by default; the weights of another one are cleared."""
        if name != self._generator:
            self._weights.clear()
        self._generator = name
        application = EnhanceSettings(generator=name).application
        self.set_values(dataclasses.asdict(application))
        self.poster.setEnabled(entry(name).iterative)

    def enable(self, *, steps: bool, samples: bool) -> None:
        """Grey out what the mode does not use: the steps of a sample, and several samples."""
        for name in ("steps", "sampler", "departure"):
            self._fields[name].setEnabled(steps)
        self._fields["samples"].setEnabled(samples)

    def _on_change(self, _: Any = None) -> None:
        self.changed.emit()

    def _on_reset(self) -> None:
        self._put_defaults()
        self.changed.emit()

    def _on_poster(self) -> None:
        self.set_values(POSTER)
        self.changed.emit()

    def _put_defaults(self) -> None:
        default = EnhanceSettings(generator=self._generator).resolved()
        self.set_values({name: getattr(default, name) for name in (*self._fields, "weights")})

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Weights", self._weights.text(), "Weights (*.safetensors)"
        )
        if path:
            self._weights.setText(path)
            self.changed.emit()


def _number(field: CalmSpinBox | CalmDoubleSpinBox) -> float | None:
    """The number of a box; None where it shows its special word."""
    if field.specialValueText() and field.value() == field.minimum():
        return None
    return field.value()


def _devices() -> tuple[tuple[str, str], ...]:
    """Devices to offer; asking torch which exist would import it."""
    return (("auto", "auto"), ("CPU", "cpu"), ("CUDA", "cuda"), ("MPS (Apple)", "mps"))
