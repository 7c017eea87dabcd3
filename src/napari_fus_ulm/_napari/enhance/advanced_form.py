"""The advanced settings of a run, one row each, with their defaults at hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QFileDialog, QLineEdit, QPushButton, QWidget

from napari_fus_ulm._napari.widgets.controls import (
    CalmComboBox,
    CalmSpinBox,
    Signal,
    add_row,
    form,
    row,
)
from napari_fus_ulm.inference.settings import POSTER, EnhanceSettings
from napari_fus_ulm.tasks.catalogue import entry, names


class AdvancedForm(QWidget):
    """Steps, samples, seed, patches, fusion, device, weights.

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
        self._fields: dict[str, CalmSpinBox | CalmComboBox] = {}
        self._generator = names()[0]

        def number(name: str, text: str, low: int, high: int, step: int, tip: str) -> None:
            field = CalmSpinBox(low, high, step)
            field.setKeyboardTracking(False)
            field.valueChanged.connect(self._on_change)
            add_row(layout, text, field, tip)
            self._fields[name] = field

        def choice(name: str, text: str, items: tuple[tuple[str, str], ...], tip: str) -> None:
            combo = CalmComboBox(items)
            combo.currentIndexChanged.connect(self._on_change)
            add_row(layout, text, combo, tip)
            self._fields[name] = combo

        number("steps", "Steps", 1, 100, 1, "Evaluations of one sample; more are sharper, slower.")
        number("samples", "Samples", 2, 64, 1, "Samples averaged in Balanced; more are smoother.")
        choice("sampler", "Sampler", (("DDIM", "ddim"), ("ancestral", "ancestral")),
               "DDIM goes straight to the image; ancestral adds fresh noise at every step and "
               "wants more of them.")  # fmt: skip
        number("seed", "Seed", 0, 2**31 - 1, 1, "Start of the noise; another number, another draw.")
        number("patch", "Patch", 32, 4096, 8, "Side of a patch in result pixels; larger needs more "
               "memory.")  # fmt: skip
        number("overlap", "Overlap", 0, 3072, 8, "Pixels that neighbouring patches share; more is "
               "smoother and slower.")  # fmt: skip
        number("batch", "At once", 1, 1024, 1, "Patches evaluated together, counted as 128-pixel "
               "ones: a patch of 768 counts for 36, and one patch is always evaluated. More needs "
               "more memory and makes Cancel slower.")  # fmt: skip
        choice("window", "Window", (("box", "box"), ("Hann", "hann")),
               "How overlaps are blended: box keeps inner parts, Hann fades.")  # fmt: skip
        choice("fusion", "Fusion", (("per step", "per-step"), ("at the end", "at-end")),
               "Blend the patches at every step, or sample each alone and blend once.")  # fmt: skip
        choice("position", "Position", (("auto", "auto"), ("off", "off")),
               "Auto tells the generator where in the brain a patch lies when the field of view is "
               "a known one.")  # fmt: skip
        choice("device", "Device", _devices(), "The processor that does the work.")
        choice("precision", "Precision",
               (("auto", "auto"), ("float32", "float32"), ("bfloat16", "bfloat16")),
               "bfloat16 is quicker where the processor knows it, float32 exact.")  # fmt: skip
        self._weights = QLineEdit()
        self._weights.setPlaceholderText("bundled")
        self._weights.editingFinished.connect(self._on_change)
        browse = QPushButton("…")
        browse.setFixedWidth(26)
        browse.clicked.connect(self._browse)
        tip = "A .safetensors file that you trained; empty takes the plugin's weights."
        add_row(layout, "Weights", row(self._weights, browse, stretch=0), tip)
        self._weights.setToolTip(tip)
        browse.setToolTip("Chooses a weights file.")
        self.reset = QPushButton("Defaults")
        self.reset.setToolTip("Puts every advanced setting back to the generator's default.")
        self.reset.clicked.connect(self._on_reset)
        self.poster = QPushButton("Study's recipe")
        self.poster.setToolTip(
            "The plain recipe to compare with: ancestral sampling in 50 steps of half-overlapping "
            "patches of 128 pixels, blended at the end. Much slower."
        )
        self.poster.clicked.connect(self._on_poster)
        layout.addRow("", row(self.reset, self.poster))
        self._put_defaults()

    def values(self) -> dict[str, Any]:
        """Return the settings by name."""
        found: dict[str, Any] = {
            name: field.value() if isinstance(field, CalmSpinBox) else field.currentData()
            for name, field in self._fields.items()
        }
        found["weights"] = self._weights.text().strip() or None
        return found

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show settings; names that are not here are left alone."""
        for name, field in self._fields.items():
            if name not in values:
                continue
            if isinstance(field, CalmSpinBox):
                with QSignalBlocker(field):
                    field.setValue(int(values[name]))
            else:
                field.choose(values[name])
        if "weights" in values:
            self._weights.setText(values["weights"] or "")

    def set_generator(self, name: str) -> None:
        """Show how a generator is applied by default; another's weights are none of its."""
        if name != self._generator:
            self._weights.clear()
        self._generator = name
        own = EnhanceSettings(generator=name)
        self.set_values(dataclasses.asdict(own.application))
        iterative = entry(name).iterative
        for field in (self._fields["sampler"], self.poster):
            field.setEnabled(iterative)

    def enable(self, *, steps: bool, samples: bool) -> None:
        """Grey out what the mode does not use."""
        self._fields["steps"].setEnabled(steps)
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


def _devices() -> tuple[tuple[str, str], ...]:
    """Devices to offer; asking torch which exist would import it."""
    return (("auto", "auto"), ("CPU", "cpu"), ("CUDA", "cuda"), ("MPS (Apple)", "mps"))
