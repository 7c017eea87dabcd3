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

from napari_fus_ulm._napari.layers.results import OURS
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
from napari_fus_ulm.tasks.record import Record
from napari_fus_ulm.tasks.truth import CLASSES, TruthReady, TruthSettings, truth_run

if TYPE_CHECKING:
    from napari_fus_ulm._napari.diagnostics.diagnosed import Diagnosed
    from napari_fus_ulm.diagnostics.truth import TruthComparison

BAR, TROUGH = "#3d7ea6", "rgba(128, 128, 128, 60)"
ALIGNMENTS = (
    ("as it lies", "none"),
    ("shift it first", "shift"),
    ("shift, turn and stretch it", "affine"),
)


class TruthPanel(QWidget):
    """How to lay the ground truth on the result; the legend, with mm; and a table by calibre.

    Signals
    -------
    asked()
        The user wants the layers.
    """

    title = "Missed vessels"
    asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.button = QPushButton("Compare with ground truth")
        self.button.setToolTip(
            "Shows which vessels of the ULM the result has, misses and invents, and where it is "
            "wrong."
        )
        self.aligned = CalmComboBox(ALIGNMENTS)
        self._legend, self._notes = wrapped(), wrapped()
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        self.table = CalibreTable()
        self._markdown = ""
        self.copy = QPushButton("Copy table")
        self.copy.setToolTip("Copies the table as Markdown.")
        rows = form()
        add_row(
            rows,
            "Ground truth",
            self.aligned,
            "Whether the ULM is moved onto the result; how far is told.",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(rows)
        for widget in (self.button, self._legend, self.table, self._notes):
            layout.addWidget(widget)
        self._record: Record | None = None
        self.copy_as = CopyAs(lambda: self._record)
        layout.addWidget(row(self.copy, self.copy_as), 0, Qt.AlignmentFlag.AlignRight)
        self.button.clicked.connect(self.asked)
        self.copy.clicked.connect(self._copy)
        self._tell(None)

    def set_context(self, found: Diagnosed | None) -> None:
        """Say whether there is anything to compare."""
        self.button.setEnabled(found is not None and found.truth is not None)

    def work(self, found: Diagnosed) -> Callable[[], Iterator[Any]]:
        """What a click starts.

        Raises
        ------
        UserError
            If there is no result of a single plane, or no ground truth.
        """
        if found.truth is None:
            raise UserError("Choose the ULM that the result is compared with, above.")
        plane, settings = result_plane(found), TruthSettings(aligned=self.aligned.currentData())
        inputs = {"result": found.result_source(), "ulm": found.truth.source}
        self._record = Record.of("missed", inputs, settings)
        return partial(truth_run, lambda: plane, found.truth.take, settings)

    def show_event(self, event: Any, found: Diagnosed) -> bool:
        """Add the layers and fill the table; False if the event is another's."""
        if not isinstance(event, TruthReady):
            return False
        from napari.layers import Layer

        assert found.result is not None
        for data in truth_layers(event.comparison, found):
            found.viewer.add_layer(Layer.create(*data))
        found.viewer.layers.selection.active = found.result
        self._tell(event)
        return True

    def _tell(self, event: TruthReady | None) -> None:
        found = None if event is None else event.comparison
        words = []
        for name, colour, where in CLASSES:
            length = "" if found is None else f" {_mm(found, name):.1f} mm"
            words.append(f'<span style="color:{colour}">■</span> {name}{length} ({where})')
        self._legend.setText("<br>".join(words))
        for widget in (self.table, self._notes, self.copy, self.copy_as):
            widget.setVisible(found is not None)
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
        ("vessels", "Apparent width of the vessel, µm."),
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


def result_plane(found: Diagnosed) -> xr.DataArray:
    """The result's only plane, as a scan.

    Raises
    ------
    UserError
        If there is no result, or it has several planes.
    """
    if found.result is None:
        raise UserError("There is no result yet; click Enhance.")
    image: xr.DataArray = found.result.metadata["xarray"]
    plane = image.squeeze([dim for dim in image.dims[:-2] if image.sizes[dim] == 1], drop=True)
    if plane.ndim != 2:
        raise UserError(
            f"“{found.result.name}” has several planes; choose one slice and one time of the "
            "input (✎) and enhance it."
        )
    return plane


def truth_layers(
    comparison: TruthComparison, found: Diagnosed
) -> list[tuple[Any, dict[str, Any], str]]:
    """Hits, misses and inventions as labels; error and local SSIM, hidden, as images."""
    assert found.result is not None
    placement, name = found.picked.placement, found.result.name.removesuffix(" (generated)")
    shape = (comparison.vessels.shape[0], comparison.vessels.shape[1])
    where = placement.layer_kwargs(shape)
    record = {OURS: {"truth": True, "of": found.result.name}}
    looks: tuple[tuple[xr.DataArray, str, dict[str, Any]], ...] = (
        (comparison.error, "error", {"colormap": "PiYG", "contrast_limits": (-0.5, 0.5)}),
        (comparison.ssim, "local SSIM", {"colormap": "viridis", "contrast_limits": (0.0, 1.0)}),
    )
    layers: list[tuple[Any, dict[str, Any], str]] = []
    for image, what, look in looks:
        full = placement.full_dims(image)
        metadata = {"xarray": full, **record}
        given = {"name": f"{name} · {what}", "visible": False, "metadata": metadata, **look}
        layers.append((placement.volume(full), {**where, **given}, "image"))
    labels = placement.full_dims(comparison.vessels)
    colours: dict[int | None, str] = {None: "transparent"}
    colours |= {label: colour for label, (_, colour, _) in enumerate(CLASSES, start=1)}
    layers.append(
        (
            placement.volume(labels),
            {
                **where,
                "name": f"{name} · hit, missed, invented",
                "colormap": colours,
                "opacity": 0.9,
                "metadata": record,
            },
            "labels",
        )
    )
    return layers


def _mm(found: TruthComparison, name: str) -> float:
    return float(getattr(found.overlay, f"{name}_mm"))
