"""Resolution: the width of a vessel in all images, and the finest detail in which a ULM agrees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_fus_ulm._napari.diagnostics.diagnosed import Found
from napari_fus_ulm._napari.diagnostics.frc import (
    LOOKS,
    frc_curves,
    frc_words,
    local_layer,
)
from napari_fus_ulm._napari.diagnostics.line_layer import LineLayer
from napari_fus_ulm._napari.diagnostics.truth_panel import ALIGNMENTS, result_plane
from napari_fus_ulm._napari.layers.family import hang_on, is_result, said_on
from napari_fus_ulm._napari.layers.identity import present
from napari_fus_ulm._napari.widgets.controls import CalmComboBox, Signal, add_row, form, wrapped
from napari_fus_ulm._napari.widgets.copy_as import CopyAs
from napari_fus_ulm._napari.widgets.curve_plot import Curve, CurvePlot
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.tasks.record import Record
from napari_fus_ulm.tasks.resolution import (
    FrcReady,
    ResolutionSettings,
    frc_run,
    grid_words,
    has_width,
    line_planes,
)

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.utils.events import EventEmitter

    from napari_fus_ulm._napari.diagnostics.diagnosed import Diagnosed
    from napari_fus_ulm._napari.picker.picked import Picked
    from napari_fus_ulm.metrics.profiles import LinePlanes, ProfileComparison

THRESHOLDS = (("1/7", "1/7"), ("half-bit", "half-bit"), ("2 σ", "2-sigma"), ("3 σ", "3-sigma"))
NO_RESULT = "Enhance an image first: its vessels are compared with those of the input."
NO_LINE = "Draw a line across a vessel, at least twice as long as the vessel is wide."
HOW = (
    "Full widths at half maximum of power and of bubble counts, averaged over 60 µm along the "
    "vessel. On the screen, which shows roots or logarithms, vessels look wider."
)
DETAILS_UM = (300, 150, 100, 70, 50, 40, 30, 20)


class ResolutionPanel(QWidget):
    """A line across a vessel with its profiles, and the FRC with the ground truth.

    Signals
    -------
    requested()
        The user wants the FRC.
    """

    title = "Resolution"
    requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._context: Diagnosed | None = None
        self._result: Image | None = None
        self._planes: tuple[Any, LinePlanes] | None = None
        self._measured: Found | None = None
        self._subject: tuple[Any, Image | None] = None, None
        self._viewer: Any = None
        self.line = LineLayer(self)
        self._followed: list[EventEmitter] = []
        self.comparison: ProfileComparison | None = None
        self.draw = QPushButton("Draw a line across a vessel")
        self.draw.setToolTip(
            "Adds a layer in which to drag a line; the profile follows as you draw or move it."
        )
        self.button = QPushButton("Measure FRC with the ULM")
        self.button.setToolTip(
            "Fourier ring correlation: the finest detail in which the result and the ULM agree."
        )
        self.aligned, self.threshold = CalmComboBox(ALIGNMENTS), CalmComboBox(THRESHOLDS)
        self.profile_plot = CurvePlot("distance along the line (µm)", "fraction of peak")
        self.frc_plot = CurvePlot("detail (µm), finer to the right", "FRC")
        for widget in (self.draw, self.profile_plot):
            widget.setAccessibleDescription(HOW)
        self.profile_plot.setToolTip(HOW)
        self._grid, self._legend, self._words, self._frc_words = (wrapped() for _ in range(4))
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        self._frc_words.setTextFormat(Qt.TextFormat.RichText)
        self._legend.setToolTip(HOW)
        self._asked: Record | None = None
        self.copy_as = CopyAs(self._record)
        self.copy_as.setEnabled(False)
        self._lay_out()
        self.draw.clicked.connect(self._on_draw)
        self.button.clicked.connect(self.requested)
        self.line.moved.connect(self._show_profile)
        self.set_context(None)

    def set_context(self, context: Diagnosed | None) -> None:
        """Follow what is chosen."""
        self._context = context
        if context is not None and self._viewer is None:
            self._viewer = context.viewer
            layers = context.viewer.layers
            self._followed = [layers.selection.events.active, layers.events.removed]
            for event in self._followed:
                event.connect(self._on_layers)
        self._follow()

    def close_connections(self) -> None:
        """Stop following the viewer; the dock is about to go."""
        for event in self._followed:
            event.disconnect(self._on_layers)
        self._followed.clear()
        self.line.close_connections()

    def work(self, context: Diagnosed) -> Callable[[], Iterator[Any]]:
        """What a click starts.

        Raises
        ------
        UserError
            If there is no result of a single plane, or no ground truth.
        """
        if context.truth is None:
            raise UserError("Choose a ground truth above: the ULM to compare the result with.")
        plane = self._plane(context)
        self._subject = self._key(), self._result
        settings = ResolutionSettings(
            aligned=self.aligned.currentData(), threshold=self.threshold.currentData()
        )
        fus = replace(context.picked.source, values=context.taken.values)
        inputs = {"result": context.result_source(self._result), "ulm": context.truth.source}
        self._asked = Record.of("frc", {**inputs, "fus": fus}, settings)
        return partial(
            frc_run, lambda: plane, context.truth.take, partial(_power, context), settings
        )

    def show_event(self, event: Any, context: Diagnosed) -> bool:
        """Draw the curve and add the map; False if the event is another's."""
        if not isinstance(event, FrcReady):
            return False
        key, result = self._subject
        if result is not None and present(context.viewer, result):
            found = Found(event, self._asked, key)
            hang_on(context.viewer, result, self.title, [local_layer(event, context)], found)
            context.viewer.layers.selection.active = result
        self._follow()
        return True

    def _record(self) -> Record | None:
        return None if self._measured is None else self._measured.record

    # ------------------------------------------------------------ following the viewer

    def _on_draw(self) -> None:
        if self._context is not None and self._result is not None:
            self.line.draw(self._context.viewer, self._result)
            self._follow()

    def _on_layers(self, event: Any = None) -> None:
        self._follow()

    def _follow(self) -> None:
        """Bring everything up to date with the layers."""
        context = self._context
        self._result = self._chosen()
        self.draw.setEnabled(self._result is not None)
        self.button.setEnabled(context is not None and context.truth is not None)
        found = None if context is None else said_on(context.viewer, self._result, self.title)
        self._measured = found if found is not None and found.key == self._key() else None
        self.copy_as.setEnabled(self._measured is not None)
        self._show_frc(None if self._measured is None else self._measured.event)
        self._show_profile()

    def _chosen(self) -> Image | None:
        """The result that is measured: the selected one, or the last one that was."""
        context = self._context
        if context is None:
            return None
        active = context.viewer.layers.selection.active
        for layer in (active, self._result, context.result):
            if layer is not None and layer in context.viewer.layers and is_result(layer):
                return layer
        return None

    def _plane(self, context: Diagnosed) -> xr.DataArray:
        return result_plane(replace(context, result=self._result or context.result))

    def _key(self) -> Any:
        """What profiles and FRC are measured on; another one when they are out of date."""
        context, result = self._context, self._result
        if context is None or result is None:
            return None
        truth = None if context.truth is None else _pixels(context.truth)
        image = id(result.metadata["xarray"])
        return image, _pixels(context.picked), context.settings.values, truth

    # ------------------------------------------------------------ a line

    def _show_profile(self) -> None:
        self.comparison = None
        context, result = self._context, self._result
        if context is None or result is None:
            self._show_words(NO_RESULT, "")
            return
        try:
            plane = self._plane(context)
            grid = grid_words(plane, context.picked.outline)
            ends = self.line.ends(result)
            if ends is not None:
                self.comparison = self._ready(context, plane).along(*ends)
        except UserError as error:
            self._show_words(str(error), "")
            return
        self._show_words(NO_LINE if self.comparison is None else self._sentence(), grid)

    def _ready(self, context: Diagnosed, plane: xr.DataArray) -> LinePlanes:
        """The images, read once: a drag asks for them at every step."""
        moved = None if self._measured is None else self._measured.event.moved
        key = self._key(), id(moved)
        if self._planes is None or self._planes[0] != key:
            ulm = None if context.truth is None else context.truth.take().squeeze(drop=True)
            ready = line_planes(_power(context), plane, ulm if moved is None else moved)
            self._planes = key, ready
        return self._planes[1]

    def _sentence(self) -> str:
        assert self.comparison is not None
        notes = list(self.comparison.notes)
        if self._measured is not None and self._measured.event.moved is not None:
            notes.append("The ULM is aligned as for the FRC.")
        return " ".join([self.comparison.sentence, *notes])

    def _show_words(self, words: str, grid: str) -> None:
        comparison = self.comparison
        self._words.setText(words)
        self._grid.setText(grid)
        self._grid.setVisible(bool(grid))
        for widget in (self.profile_plot, self._legend):
            widget.setVisible(comparison is not None)
        if comparison is not None:
            self.profile_plot.show_curves(profile_curves(comparison))
            self._legend.setText(_legend_of(comparison))

    # ------------------------------------------------------------ FRC

    def _show_frc(self, event: FrcReady | None) -> None:
        for widget in (self.frc_plot, self._frc_words):
            widget.setVisible(event is not None)
        if event is None:
            return
        self.frc_plot.show_curves(frc_curves(event), [(1000.0 / um, f"{um}") for um in DETAILS_UM])
        self._frc_words.setText(frc_words(event))

    def _lay_out(self) -> None:
        rows = form()
        add_row(
            rows,
            "Alignment",
            self.aligned,
            "How the ULM is first moved onto the result; a misaligned ULM agrees only in coarse "
            "detail.",
        )
        add_row(
            rows,
            "Threshold",
            self.threshold,
            "Two images agree above it; 1/7 is the usual choice, the others allow for the few "
            "data points at coarse detail.",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self._grid, self.draw, self.profile_plot, self._legend, self._words):
            layout.addWidget(widget)
        layout.addSpacing(6)
        layout.addLayout(rows)
        for widget in (self.button, self.frc_plot, self._frc_words):
            layout.addWidget(widget)
        layout.addWidget(self.copy_as, 0, Qt.AlignmentFlag.AlignRight)


def profile_curves(comparison: ProfileComparison) -> list[Curve]:
    """Profiles from their background (0) to their peak (1), with marks at the half."""
    curves = []
    for name, values, width in comparison.curves:
        colour, style, _ = LOOKS[name]
        low, high, mark = 0.0, float(np.nanmax(values, initial=0.0)), None
        if has_width(width):
            low, high, mark = width.base, width.height, (width.left_um, width.right_um, 0.5)
        shares = (values - low) / max(high - low, 1e-12)
        curves.append(Curve(comparison.distance_um, shares, colour, style, mark))
    return curves


def _legend_of(comparison: ProfileComparison) -> str:
    parts = []
    for name, _, _ in comparison.curves:
        colour, _, sign = LOOKS[name]
        shown = name.replace(" ", "&nbsp;")
        parts.append(f'<span style="color:{colour}">{sign}</span>&nbsp;{shown}')
    return " &nbsp; ".join(parts)


def _power(context: Diagnosed) -> xr.DataArray:
    """The input, with its values as the dock has them."""
    fus = context.picked.take().squeeze(drop=True)
    values = context.settings.values
    return fus if values == "auto" else fus.assign_attrs(values=values)


def _pixels(picked: Picked) -> Any:
    """What a layer's part is known by: where it came from, and its memory."""
    return str(picked.source.as_dict()), picked.outline.values.ctypes.data
