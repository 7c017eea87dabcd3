"""Patch coherence: what neighbouring patches say when each is sampled on its own."""

from __future__ import annotations

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_fus_ulm._napari.controls import CalmComboBox, Signal, add_row, form, wrapped
from napari_fus_ulm._napari.result_layers import COLOURS, LEGENDS

CAUTION = "Agreement is self-consistency, not truth."


class CoherencePanel(QWidget):
    """A button, a choice of colours, and the legend.

    Signals
    -------
    asked()
        The user wants the layers.
    """

    asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.button = QPushButton("Show patch coherence")
        self.button.setToolTip(
            "Samples left and right patches separately and shows both as layers; takes as long as "
            "a few runs."
        )
        self.colours = CalmComboBox(tuple((name, name) for name in COLOURS))
        self._legend = wrapped()
        rows = form()
        add_row(
            rows,
            "Colours",
            self.colours,
            "Red and green, or a pair that colour-blind eyes can tell apart.",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(rows)
        layout.addWidget(self.button)
        layout.addWidget(self._legend)
        self.button.clicked.connect(self.asked)
        self.colours.currentIndexChanged.connect(self._say)
        self._say()

    @property
    def pair(self) -> str:
        """The colours chosen."""
        return str(self.colours.currentData())

    def _say(self, _: int = 0) -> None:
        left, right = COLOURS[self.pair]
        self._legend.setText(
            f"{left.capitalize()}: left patches. {right.capitalize()}: right patches. "
            f"{LEGENDS[self.pair]} {CAUTION}"
        )
