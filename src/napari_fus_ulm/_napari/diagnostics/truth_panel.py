"""Missed vessels: the result beside its ground truth, pixel by pixel and by calibre."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import xarray as xr
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_fus_ulm._napari.diagnostics.diagnosed import MISSED, Found
from napari_fus_ulm._napari.diagnostics.overlay import class_layer, legend, map_layer
from napari_fus_ulm._napari.layers.family import hang_on
from napari_fus_ulm._napari.widgets.controls import (
    CalmComboBox,
    Signal,
    add_row,
    form,
    row,
    wrapped,
)
from napari_fus_ulm._napari.widgets.copy_as import CopyAs
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.scan import PART
from napari_fus_ulm.tasks.looks import BAD, GOOD, OPEN
from napari_fus_ulm.tasks.record import Record
from napari_fus_ulm.tasks.truth import CLASSES, TruthReady, TruthSettings, truth_run

if TYPE_CHECKING:
    from napari_fus_ulm._napari.diagnostics.diagnosed import Diagnosed
    from napari_fus_ulm.diagnostics.truth import TruthComparison

BAR, TROUGH = "#3d7ea6", "rgba(128, 128, 128, 60)"
ALIGNMENTS = (
    ("none", "none"),
    ("shift", "shift"),
    ("affine (shift, rotate, stretch)", "affine"),
)


class TruthPanel(QWidget):
    """The alignment of the ground truth, the legend with lengths in mm, and a table by calibre.

    Signals
    -------
    requested()
        The user wants the layers.
    """

    title = MISSED
    requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.button = QPushButton("Compare with ground truth")
        self.button.setToolTip(
            "Shows which vessels of the ULM the result hits, misses or invents, and where its grey "
            "levels differ."
        )
        self.aligned = CalmComboBox(ALIGNMENTS)
        self._legend, self._notes, self._beside = wrapped(), wrapped(), wrapped()
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        self.table = CalibreTable()
        self._markdown = ""
        self.copy = QPushButton("Copy table")
        self.copy.setToolTip("Copies the table as Markdown.")
        rows = form()
        add_row(
            rows,
            "Alignment",
            self.aligned,
            "How the ULM is first moved onto the result; the displacement is reported.",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(rows)
        for widget in (self.button, self._legend, self.table, self._notes, self._beside):
            layout.addWidget(widget)
        self._record: Record | None = None
        self._asked: Record | None = None
        self.copy_as = CopyAs(lambda: self._record)
        layout.addWidget(row(self.copy, self.copy_as), 0, Qt.AlignmentFlag.AlignRight)
        self.button.clicked.connect(self.requested)
        self.copy.clicked.connect(self._copy)
        self._show(None)
        self._beside.hide()

    def set_context(self, context: Diagnosed | None) -> None:
        """Say whether there is anything to compare, and show what has been found about it."""
        self.button.setEnabled(context is not None and context.truth is not None)
        self._show(None if context is None else context.found(self.title))
        show_beside(self._beside, context)

    def work(self, context: Diagnosed) -> Callable[[], Iterator[Any]]:
        """What a click starts.

        Raises
        ------
        UserError
            If there is no result of a single plane, or no ground truth.
        """
        if context.truth is None:
            raise UserError("Choose a ground truth above: the ULM to compare the result with.")
        plane, settings = result_plane(context), TruthSettings(aligned=self.aligned.currentData())
        inputs = {"result": context.result_source(), "ulm": context.truth.source}
        self._asked = Record.of("missed", inputs, settings)
        return partial(truth_run, lambda: plane, context.truth.take, settings)

    def show_event(self, event: Any, context: Diagnosed) -> bool:
        """Add the layers and fill the table; False if the event is another's."""
        if not isinstance(event, TruthReady):
            return False
        assert context.result is not None
        layers, found = truth_layers(event.comparison, context), Found(event, self._asked)
        hang_on(context.viewer, context.result, self.title, layers, found)
        context.viewer.layers.selection.active = context.result
        self._show(found)
        return True

    def _show(self, found: Found | None) -> None:
        event: TruthReady | None = None if found is None else found.event
        self._record = None if found is None else found.record
        comparison = None if event is None else event.comparison
        lengths = {
            one.name: f" {_mm(comparison, one.name):.1f} mm" for one in CLASSES if comparison
        }
        self._legend.setText(legend(CLASSES, lengths))
        for widget in (self.table, self._notes, self.copy, self.copy_as):
            widget.setVisible(comparison is not None)
        if event is None:
            return
        self.table.show_shares(event.shares)
        self._markdown = event.markdown
        self._notes.setText(event.sentence)

    def _copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self._markdown)


class CalibreTable(QWidget):
    """Recall and precision by calibre, as bars with their numbers."""

    HEADS = (
        ("vessels", "Apparent width of the vessels, in µm."),
        ("recall", "Share of the ULM's vessels that the result shows; a longer bar is better."),
        ("precision", "Share of the result's vessels that the ULM shows; longer is better."),
    )

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(2)
        for column in (1, 2):
            self._grid.setColumnStretch(column, 1)

    def show_shares(self, rows: Sequence[tuple[str, float, float]]) -> None:
        """Fill the rows in: calibre, recall and precision."""
        while self._grid.count():
            item = self._grid.takeAt(0)
            if item is not None and (widget := item.widget()) is not None:
                widget.deleteLater()
        for column, (text, tip) in enumerate(self.HEADS):
            head = QLabel(text)
            head.setToolTip(tip)
            self._grid.addWidget(head, 0, column)
        for line, (name, *shares) in enumerate(rows, start=1):
            self._grid.addWidget(QLabel(name), line, 0)
            for column, share in enumerate(shares, start=1):
                self._grid.addWidget(Bar(share), line, column)


class Bar(QLabel):
    """A share from 0 to 1 as a bar behind its number."""

    def __init__(self, share: float) -> None:
        super().__init__("–" if math.isnan(share) else f"{share:.2f}")
        self.share = share
        end = 0.0 if math.isnan(share) else min(max(share, 0.0), 1.0)
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        stops = f"stop:0 {BAR}, stop:{max(end - 1e-4, 0):.4f} {BAR}, stop:{end:.4f} {TROUGH}"
        filled = f"qlineargradient(x1:0, y1:0, x2:1, y2:0, {stops}, stop:1 {TROUGH})"
        self.setStyleSheet(f"padding: 1px 4px; background: {filled if end > 0 else TROUGH};")


def show_beside(label: QLabel, context: Diagnosed | None) -> None:
    """Say why *Support* and *Missed vessels* differ, where both are shown."""
    words = "" if context is None else context.beside_each_other
    label.setText(words)
    label.setVisible(bool(words))


def result_plane(context: Diagnosed) -> xr.DataArray:
    """The result's only plane, as a scan.

    Raises
    ------
    UserError
        If there is no result, or it has several planes or is a part of the image.
    """
    if context.result is None:
        raise UserError("There is no result yet; click Enhance.")
    image: xr.DataArray = context.result.metadata["xarray"]
    plane = image.squeeze([dim for dim in image.dims[:-2] if image.sizes[dim] == 1], drop=True)
    if plane.ndim != 2:
        raise UserError(
            f"“{context.result.name}” has several planes; choose one slice and one time point of "
            "the input (✎) and enhance it again."
        )
    if PART in image.attrs:
        raise UserError(
            f"“{context.result.name}” is a quick look at a region; enhance the whole image to "
            "examine it."
        )
    return plane


def truth_layers(
    comparison: TruthComparison, context: Diagnosed
) -> list[tuple[Any, dict[str, Any], str]]:
    """Hits, misses and inventions as labels; error and local SSIM, hidden, as images."""
    placement = context.picked.placement
    looks: tuple[tuple[xr.DataArray, str, tuple[str, ...], tuple[float, float]], ...] = (
        (comparison.error, "error", (OPEN, "#aaaaaa00", BAD), (-0.5, 0.5)),
        (comparison.ssim, "local SSIM", (f"{GOOD}00", GOOD), (0.0, 1.0)),
    )
    layers = [
        map_layer(image, placement, what, colours, limits) for image, what, colours, limits in looks
    ]
    named = "hit, missed, invented"
    return [*layers, class_layer(comparison.vessels, CLASSES, placement, named)]


def _mm(comparison: TruthComparison, name: str) -> float:
    return float(getattr(comparison.overlay, f"{name}_mm"))
