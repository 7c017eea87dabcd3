"""Patch coherence: how far neighbouring patches agree when each is sampled separately."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_fus_ulm._napari.diagnostics.coherence_layers import (
    COLOURS,
    LEGENDS,
    CoherenceView,
    coherence_layers,
    two_patches,
)
from napari_fus_ulm._napari.diagnostics.diagnosed import Diagnosed, Found
from napari_fus_ulm._napari.layers.family import hang_on, hanging_on
from napari_fus_ulm._napari.layers.identity import find
from napari_fus_ulm._napari.layers.region import VIEW, box_in
from napari_fus_ulm._napari.viewer.parts import fit_to
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
from napari_fus_ulm.inference.settings import Box, EnhanceSettings
from napari_fus_ulm.tasks.coherence import (
    CAUTION,
    CoherenceReady,
    CoherenceSettings,
    coherence_run,
    write_seam_figure,
)
from napari_fus_ulm.tasks.record import Record

if TYPE_CHECKING:
    from napari.layers import Layer

NOISES = (("independent (uncertainty)", "independent"), ("shared (patch borders)", "shared"))
OWN = ("this run's own patches", "run")
"""Offered where the run has kept some."""
FIGURES = {"PNG (*.png)": ".png", "SVG (*.svg)": ".svg", "PDF (*.pdf)": ".pdf"}
TWO = "Two patches"
"""Kind of the layers of the study's figure."""
AREAS = (("the whole image", "all"), ("the part in view", "view"))
DIRECTIONS = (("left | right", "left | right"), ("upper / lower", "upper / lower"))
COLUMNS = (
    ("Seam", "Which patches overlap, counted from the top left."),
    ("r", "Correlation of the two patches in their overlap; 1 is perfect agreement."),
    ("|Δ|", "Mean absolute difference of the grey levels, 0 to 1; larger is worse."),
    ("clDice", "Agreement of the vessels they show, 0 to 1; – where neither shows one."),
)
ROWS_SHOWN = 6


class CoherencePanel(QWidget):
    """What to sample, in which colours; the legend; and the seams, worst first.

    Signals
    -------
    requested()
        The user wants the layers.
    reported(str), failed(str)
        What was done with the figure, or why it could not be.
    """

    title = "Patch coherence"
    requested = Signal()
    reported, failed = Signal(str), Signal(str)

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
        self.figure, self.save = QPushButton("Study's figure"), QPushButton("Save figure…")
        self.figure.setToolTip(
            "Shows the two patches of the chosen seam over each other, with the ULM beside them."
        )
        self.save.setToolTip("Writes the same as a picture for a paper: PNG, SVG or PDF.")
        self._view: CoherenceView | None = None
        self._context: Diagnosed | None = None
        self._found: Found | None = None
        self._asked: Record | None = None
        self.copy_as = CopyAs(self._record)
        self.copy_as.setEnabled(False)
        self._lay_out()
        self.button.clicked.connect(self.requested)
        self.colours.currentIndexChanged.connect(self._show_looks)
        self.direction.currentIndexChanged.connect(self._show_looks)
        self.seams.currentCellChanged.connect(self._go_to)
        self.seams.cellClicked.connect(self._go_to)
        self.noise.currentIndexChanged.connect(self._on_noise)
        self.figure.clicked.connect(self._show_figure)
        self.save.clicked.connect(self._ask_figure)
        self._show_looks()
        self._fill(None)

    @property
    def pair(self) -> str:
        """The colours chosen."""
        return str(self.colours.currentData())

    def set_context(self, context: Diagnosed | None) -> None:
        """Say whether there is anything to look at, and show what has been found about it."""
        self._context = context
        self.button.setEnabled(context is not None)
        self._offer_own(context)
        self._show(context)

    def work(self, context: Diagnosed) -> Callable[[], Iterator[Any]]:
        """What a click starts."""
        noise = self.noise.currentData()
        part = noise != "run" and self.area.currentData() == "view"
        settings = CoherenceSettings(
            enhance=sampled(context.settings, noise),
            noise=noise,
            region=seen_region(context) if part else None,
        )
        recorded = replace(settings, enhance=sampled(context.taken, noise))
        inputs, truth = {"fus": context.picked.source}, context.truth
        if truth is not None:
            inputs["ulm"] = truth.source
        self._asked = Record.of("coherence", inputs, recorded)
        take_ulm = None if truth is None else truth.take
        return partial(coherence_run, context.picked.take, settings, context.enhancement, take_ulm)

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

    def close_connections(self) -> None:
        """Stop following the canvas; the dock is about to go."""
        self._follow(None)

    def _record(self) -> Record | None:
        return None if self._found is None else self._found.record

    def _on_noise(self, _: int = 0) -> None:
        self.area.setEnabled(self.noise.currentData() != "run")

    def _offer_own(self, context: Diagnosed | None) -> None:
        """Offer the run's own patches where it has kept some."""
        run = None if context is None else context.enhancement
        has = run is not None and run.patches is not None and len(run.patches.images) > 1
        place = self.noise.findData(OWN[1])
        if has and place < 0:
            self.noise.addItem(*OWN)
        elif not has and place >= 0:
            self.noise.removeItem(place)

    # ------------------------------------------------------------ the list

    def _show(self, context: Diagnosed | None) -> None:
        """List what has been found, unless it is listed already."""
        found = None if context is None else context.found(self.title)
        if found is self._found:
            return
        self._found = found
        self.copy_as.setEnabled(found is not None)
        view = None
        if found is not None and context is not None:
            owner = context.about(self.title)
            assert owner is not None  # something hangs on it
            layers = hanging_on(context.viewer, owner, self.title)
            view = CoherenceView(context.viewer, found.event, context.picked.placement, layers)
        self._follow(view)
        self._fill(None if found is None else found.event)
        self._show_looks()

    def _follow(self, view: CoherenceView | None) -> None:
        if self._view is not None:
            self._view.close()
        self._view = view
        if view is not None:
            view.clicked.connect(self._on_canvas)

    def _on_canvas(self, seam: int) -> None:
        """A seam was clicked on the canvas."""
        self.seams.setCurrentCell(seam, 0)
        self._go_to(seam)

    def _fill(self, event: CoherenceReady | None) -> None:
        seams = event.coherence.seams if event else ()
        for widget in (self.seams, self._summary, self._figures):
            widget.setVisible(bool(seams))
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
            self._summary.setText(
                f"{event.sentence} Click a seam, in the list or on the image, to zoom to it."
            )

    def _go_to(self, row: int, *_: int) -> None:
        """Show a seam in its own direction."""
        if self._view is None or not 0 <= row < self.seams.rowCount():
            return
        self.direction.choose(self._view.ready.coherence.seams[row].direction)
        self._show_looks()
        self._view.go_to(row)
        for layer in self._hanging(TWO):  # of another seam; a click on the button shows this one's
            layer.visible = False

    def _show_looks(self, _: int = 0) -> None:
        """Show the chosen direction and colours, in words and in the layers."""
        direction = str(self.direction.currentData())
        one, other = COLOURS[self.pair]
        sides = direction.replace("|", "/").split(" / ")
        self._legend.setText(
            f"{one.capitalize()}: {sides[0]} patches. {other.capitalize()}: {sides[1]} patches. "
            f"{LEGENDS[self.pair]} Blue: only one patch lies there. {CAUTION}"
        )
        if self._view is not None:
            self._view.show(direction, self.pair)

    # ------------------------------------------------------------ the study's figure

    @property
    def _chosen(self) -> int:
        """The chosen seam, or else the worst."""
        return max(0, self.seams.currentRow())

    def _show_figure(self) -> None:
        context, view, owner = self._context, self._view, self._owner
        if context is None or view is None or owner is None:
            return
        data = two_patches(view.ready, self._chosen, context.picked.placement, self.pair)
        layers = hang_on(context.viewer, owner, TWO, data)
        fit_to(context.viewer, layers)

    @property
    def _owner(self) -> Layer | None:
        """What the layers hang on."""
        return None if self._context is None else self._context.about(self.title)

    def _hanging(self, kind: str) -> list[Layer]:
        owner = self._owner
        if owner is None or self._context is None:
            return []
        return hanging_on(self._context.viewer, owner, kind)

    def _ask_figure(self) -> None:
        """Let the user choose where the figure goes, and write it."""
        path, kind = QFileDialog.getSaveFileName(
            self, "Save the study's figure", "two_patches.png", ";;".join(FIGURES)
        )
        if path:
            target = Path(path)
            if target.suffix.lower() not in FIGURES.values():
                target = target.with_name(target.name + FIGURES.get(kind, ".png"))
            self.save_figure(target)

    def save_figure(self, path: Path) -> None:
        """Write the study's figure of the chosen seam."""
        if self._view is None:
            return
        try:
            colours = self.pair.replace(" and ", "-")
            written = write_seam_figure(self._view.ready, self._chosen, colours, path)
        except UserError as error:
            self.failed.emit(str(error))
        else:
            self.reported.emit(f"Saved as {written.name}.")

    def _lay_out(self) -> None:
        rows = form()
        for text, field, tip in (
            (
                "Noise",
                self.noise,
                "Whether neighbouring patches are sampled from the same noise; with independent "
                "noise, Accurate is sampled as Detailed, since it is the same from any noise.",
            ),
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
        self._figures = row(self.figure, self.save)
        for widget in (self.button, self._legend, self._summary, self.seams, self._figures):
            layout.addWidget(widget)
        layout.addWidget(self.copy_as, 0, Qt.AlignmentFlag.AlignRight)


def sampled(settings: EnhanceSettings, noise: str) -> EnhanceSettings:
    """Settings that chance has a part in, where chance is asked about.

    *Accurate* is the same from any noise, so that its patches would always agree.
    """
    chance = noise == "independent" and settings.mode == "accurate"
    return replace(settings, mode="detailed") if chance else settings


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
    table.setToolTip("Click a row to see that seam, in its own direction.")
    table.setAccessibleName("Seams, worst first")
    return table
