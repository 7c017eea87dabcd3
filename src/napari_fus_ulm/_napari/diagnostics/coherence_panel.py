"""Patch coherence: how far neighbouring patches agree when each is sampled separately."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_fus_ulm._napari.diagnostics.diagnosed import Diagnosed, Found
from napari_fus_ulm._napari.layers.family import hang_on, hanging_on
from napari_fus_ulm._napari.layers.identity import find
from napari_fus_ulm._napari.layers.region import VIEW, box_in
from napari_fus_ulm._napari.layers.results import COLOURS, LEGENDS, coherence_layers
from napari_fus_ulm._napari.viewer.parts import camera_of
from napari_fus_ulm._napari.widgets.controls import CalmComboBox, Signal, add_row, form, wrapped
from napari_fus_ulm._napari.widgets.copy_as import CopyAs
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.inference.settings import Box
from napari_fus_ulm.tasks.coherence import (
    CAUTION,
    CoherenceReady,
    CoherenceSettings,
    coherence_run,
)
from napari_fus_ulm.tasks.record import Record

if TYPE_CHECKING:
    from napari.layers import Shapes

NOISES = (
    ("independent (uncertainty)", "independent"),
    ("shared (patch borders)", "shared"),
    ("patches of the last run", "run"),
)
AREAS = (("the whole image", "all"), ("the part in view", "view"))
DIRECTIONS = (("left | right", "left | right"), ("upper / lower", "upper / lower"))
COLUMNS = (
    ("Seam", "Which patches overlap, counted from the top left."),
    ("r", "Correlation of the two patches in their overlap; 1 is perfect agreement."),
    ("|Δ|", "Mean absolute difference of the grey levels, 0 to 1; larger is worse."),
    ("clDice", "Agreement of the vessels they show, 0 to 1; – where neither shows one."),
)
ROWS_SHOWN = 6
SEAM_PIXELS = 300
"""Least length, on the screen, of the longer side of a seam that is zoomed to."""


class CoherencePanel(QWidget):
    """What to sample, in which colours; the legend; and the seams, worst first.

    Signals
    -------
    requested()
        The user wants the layers.
    """

    title = "Patch coherence"
    requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.button = QPushButton("Show patch coherence")
        self.button.setToolTip(
            "Samples 128-pixel patches separately and shows both sides as layers; takes about as "
            "long as a few runs."
        )
        self.noise = CalmComboBox(NOISES)
        self.area = CalmComboBox(AREAS)
        self.direction = CalmComboBox(DIRECTIONS)
        self.colours = CalmComboBox(tuple((name, name) for name in COLOURS))
        self._legend, self._summary = wrapped(), wrapped()
        self.seams = _seam_table()
        self._grid: Shapes | None = None
        self._corners: np.ndarray[Any, Any] = np.empty((0, 4, 2))
        self._viewer: Any = None
        self._found: Found | None = None
        self._asked: Record | None = None
        self.copy_as = CopyAs(self._record)
        self.copy_as.setEnabled(False)
        self._lay_out()
        self.button.clicked.connect(self.requested)
        self.colours.currentIndexChanged.connect(self._show_legend)
        self.direction.currentIndexChanged.connect(self._show_legend)
        self.seams.currentCellChanged.connect(self._go_to)
        self.noise.currentIndexChanged.connect(self._on_noise)
        self._show_legend()
        self._fill(None)

    @property
    def pair(self) -> str:
        """The colours chosen."""
        return str(self.colours.currentData())

    def set_context(self, context: Diagnosed | None) -> None:
        """Say whether there is anything to look at, and show what has been found about it."""
        self.button.setEnabled(context is not None)
        self._show(context)

    def work(self, context: Diagnosed) -> Callable[[], Iterator[Any]]:
        """What a click starts.

        Raises
        ------
        UserError
            If the patches of the last run are requested and it kept none.
        """
        noise = self.noise.currentData()
        if noise == "run" and context.enhancement is None:
            raise UserError("There are no patches to compare yet; click Enhance.")
        part = noise != "run" and self.area.currentData() == "view"
        settings = CoherenceSettings(
            enhance=context.settings, noise=noise, region=seen_region(context) if part else None
        )
        recorded = replace(settings, enhance=context.taken)
        self._asked = Record.of("coherence", {"fus": context.picked.source}, recorded)
        return partial(coherence_run, context.picked.take, settings, context.enhancement)

    def show_event(self, event: Any, context: Diagnosed) -> bool:
        """Add the layers and list the seams; False if the event is another's."""
        if not isinstance(event, CoherenceReady):
            return False
        owner = context.result or context.image
        if owner is not None:  # it may have been removed meanwhile
            placement, direction = context.picked.placement, str(self.direction.currentData())
            layers = coherence_layers(event.coherence, placement, self.pair, direction)
            hang_on(context.viewer, owner, self.title, layers, Found(event, self._asked))
        self._show(context)
        return True

    def _record(self) -> Record | None:
        return None if self._found is None else self._found.record

    def _on_noise(self, _: int = 0) -> None:
        self.area.setEnabled(self.noise.currentData() != "run")

    # ------------------------------------------------------------ the list

    def _show(self, context: Diagnosed | None) -> None:
        """List what has been found, unless it is listed already."""
        found = None if context is None else context.found(self.title)
        if found is self._found:
            return
        self._found, self._grid = found, None
        self.copy_as.setEnabled(found is not None)
        if found is not None and context is not None:
            coherence, placement = found.event.coherence, context.picked.placement
            self._corners = placement.world(coherence.seam_corners, coherence.left)["data"]
            self._viewer, owner = context.viewer, context.about(self.title)
            assert owner is not None  # something hangs on it
            self._grid = hanging_on(context.viewer, owner, self.title)[-1]
        self._fill(None if found is None else found.event)

    def _fill(self, event: CoherenceReady | None) -> None:
        seams = event.coherence.seams if event else ()
        self.seams.setVisible(bool(seams))
        self._summary.setVisible(bool(seams))
        self.seams.setRowCount(len(seams))
        for number, one in enumerate(seams):
            cells = (one.name, *map(_number, (one.correlation, one.difference, one.cl_dice)))
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                if column:
                    item.setTextAlignment(
                        Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                    )
                self.seams.setItem(number, column, item)
        if event is not None:
            self._summary.setText(f"{event.sentence} Click a row to zoom to it.")

    def _go_to(self, row: int, *_: int) -> None:
        """Move the camera to a seam, near enough to see its vessels."""
        if self._grid is None or not 0 <= row < len(self._corners):
            return
        if self._viewer is None or self._grid not in self._viewer.layers:
            return
        corners = np.array([self._grid.data_to_world(corner) for corner in self._corners[row]])
        shown = [axis for axis in self._viewer.dims.displayed if axis < corners.shape[1]]
        middle, side = corners.mean(axis=0)[shown], np.ptp(corners, axis=0)[shown]
        camera = camera_of(self._viewer)
        camera.center = (0.0, *middle)[-3:]
        camera.zoom = max(camera.zoom, SEAM_PIXELS / max(float(side.max()), 1e-9))

    def _show_legend(self, _: int = 0) -> None:
        one, other = COLOURS[self.pair]
        sides = str(self.direction.currentData()).replace("|", "/").split(" / ")
        self._legend.setText(
            f"{one.capitalize()}: {sides[0]} patches. {other.capitalize()}: {sides[1]} patches. "
            f"{LEGENDS[self.pair]} {CAUTION}"
        )

    def _lay_out(self) -> None:
        rows = form()
        for text, field, tip in (
            ("Noise", self.noise, "Whether neighbouring patches are sampled from the same noise."),
            ("Where", self.area, "Zoom in to sample only the patches in view."),
            (
                "Direction",
                self.direction,
                "Which neighbours the layers show; the list has both.",
            ),
            (
                "Colours",
                self.colours,
                "Red and green, or a pair that colour-blind readers can distinguish.",
            ),
        ):
            add_row(rows, text, field, tip)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(rows)
        for widget in (self.button, self._legend, self._summary, self.seams):
            layout.addWidget(widget)
        layout.addWidget(self.copy_as, 0, Qt.AlignmentFlag.AlignRight)


def seen_region(context: Diagnosed) -> Box | None:
    """The input's part in view; None where it is all, or its layer is gone."""
    layer = find(context.viewer.layers, context.picked.layer_id)
    if layer is None:
        return None
    return box_in(VIEW, context.viewer, layer, context.picked.outline)


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def _seam_table() -> QTableWidget:
    table = QTableWidget(0, len(COLUMNS))
    table.setHorizontalHeaderLabels([title for title, _ in COLUMNS])
    for column, (_, tip) in enumerate(COLUMNS):
        item = table.horizontalHeaderItem(column)
        if item is not None:
            item.setToolTip(tip)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    heads, numbers = table.horizontalHeader(), table.verticalHeader()
    assert heads is not None  # a table has both
    assert numbers is not None
    numbers.hide()
    heads.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    heads.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    numbers.setDefaultSectionSize(22)
    table.setFixedHeight(22 * (ROWS_SHOWN + 1) + 8)
    table.setCornerButtonEnabled(False)
    table.setToolTip("Click a row to zoom to that seam.")
    table.setAccessibleName("Seams, worst first")
    return table
