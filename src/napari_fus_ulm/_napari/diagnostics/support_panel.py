"""Support: how well each drawn vessel is supported when there is no ground truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_fus_ulm._napari.diagnostics.diagnosed import SUPPORT, Found
from napari_fus_ulm._napari.diagnostics.overlay import class_layer, legend, map_layer
from napari_fus_ulm._napari.diagnostics.truth_panel import result_plane, show_beside
from napari_fus_ulm._napari.layers.family import hang_on
from napari_fus_ulm._napari.widgets.controls import CalmComboBox, Signal, add_row, form, wrapped
from napari_fus_ulm._napari.widgets.copy_as import CopyAs
from napari_fus_ulm.tasks.looks import BAD, GOOD, NONE, OPEN
from napari_fus_ulm.tasks.record import Record
from napari_fus_ulm.tasks.support import (
    CAUTION,
    SupportReady,
    SupportSettings,
    support_classes,
    support_run,
)

if TYPE_CHECKING:
    from napari_fus_ulm._napari.diagnostics.diagnosed import Diagnosed

SAMPLES = (("4", 4), ("8", 8), ("16", 16))


class SupportPanel(QWidget):
    """The number of samples, a button, the legend, and a summary.

    Signals
    -------
    requested()
        The user wants the layers.
    """

    title = SUPPORT
    requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.button = QPushButton("Show support")
        self.button.setToolTip(
            "Outlines each drawn vessel by how often vessels with such evidence were real in "
            "simulated sections; takes as long as the samples."
        )
        self.samples = CalmComboBox(SAMPLES)
        self.samples.setCurrentIndex(1)
        self._legend, self._words, self._beside = wrapped(), wrapped(), wrapped()
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        rows = form()
        add_row(
            rows,
            "Samples",
            self.samples,
            "Drawn again from the same input and weighed with the mean, the input and a network "
            "that predicts where vessels lie.",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(rows)
        self._record: Record | None = None
        self._asked: Record | None = None
        self.copy_as = CopyAs(lambda: self._record)
        self.copy_as.setEnabled(False)
        for widget in (self.button, self._legend, self._words, self._beside):
            layout.addWidget(widget)
        layout.addWidget(self.copy_as, 0, Qt.AlignmentFlag.AlignRight)
        self.button.clicked.connect(self.requested)
        self._legend.setText(_legend())
        self._words.hide()
        self._beside.hide()

    def set_context(self, context: Diagnosed | None) -> None:
        """Say whether there is a result to rate, and show what has been found about it."""
        self.button.setEnabled(context is not None and context.result is not None)
        self._show(None if context is None else context.found(self.title))
        show_beside(self._beside, context)

    def work(self, context: Diagnosed) -> Callable[[], Iterator[Any]]:
        """What a click starts.

        Raises
        ------
        UserError
            If there is no result of a single plane.
        """
        settings = SupportSettings(samples=self.samples.currentData(), enhance=context.settings)
        plane = result_plane(context)
        inputs = {"result": context.result_source(), "fus": context.picked.source}
        self._asked = Record.of("support", inputs, replace(settings, enhance=context.taken))
        return partial(support_run, lambda: plane, context.picked.take, settings)

    def show_event(self, event: Any, context: Diagnosed) -> bool:
        """Add the layers and say what they show; False if the event is another's."""
        if not isinstance(event, SupportReady):
            return False
        assert context.result is not None
        layers, found = support_layers(event, context), Found(event, self._asked)
        hang_on(context.viewer, context.result, self.title, layers, found)
        context.viewer.layers.selection.active = context.result
        self._show(found)
        return True

    def _show(self, found: Found | None) -> None:
        self._words.setText("" if found is None else found.event.sentence)
        self._words.setVisible(found is not None)
        self._record = None if found is None else found.record
        self.copy_as.setEnabled(found is not None)


def support_layers(
    event: SupportReady, context: Diagnosed
) -> list[tuple[Any, dict[str, Any], str]]:
    """The classes as labels; probabilities, spread and distance, hidden, as images."""
    placement = context.picked.placement
    like, support = event.spread, event.support
    looks: tuple[tuple[Any, str, tuple[str, ...], tuple[float, float]], ...] = (
        (support.strangeness, "distance from anything learnt", (f"{NONE}00", NONE), (1.0, 3.0)),
        (like.values, "spread of the samples", ("#00d5ff00", "#00d5ff"), (0.0, 0.4)),
        (
            support.missing,
            "probability that a vessel is missing",
            (f"{OPEN}00", OPEN),
            (0.0, 1.0),
        ),
        (
            support.probability,
            "probability of drawn vessels",
            (f"{BAD}99", f"{OPEN}99", f"{GOOD}99"),
            (0.0, 1.0),
        ),
    )
    layers = [
        map_layer(like.copy(data=values), placement, what, colours, limits)
        for values, what, colours, limits in looks
    ]
    classes = like.copy(data=support.classes)
    outlined = class_layer(classes, support_classes(), placement, "support")
    return [*layers, outlined]


def _legend() -> str:
    return f"{legend(support_classes())}<br>{CAUTION}"
