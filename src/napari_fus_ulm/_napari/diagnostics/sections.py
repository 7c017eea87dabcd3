"""The diagnostics below a result: one folded section per question, each in its own module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_fus_ulm._napari.diagnostics.coherence_panel import CoherencePanel
from napari_fus_ulm._napari.diagnostics.diagnosed import Diagnosed
from napari_fus_ulm._napari.diagnostics.resolution_panel import ResolutionPanel
from napari_fus_ulm._napari.diagnostics.support_panel import SupportPanel
from napari_fus_ulm._napari.diagnostics.truth_panel import TruthPanel
from napari_fus_ulm._napari.widgets.controls import Section, Signal
from napari_fus_ulm._napari.widgets.guide import explained


class Panel(Protocol):
    """What a diagnostic has: a title, and the signal ``requested`` of a click on its button."""

    title: str
    requested: Any

    def set_context(self, context: Diagnosed | None) -> None:
        """Follow what is chosen."""

    def work(self, context: Diagnosed) -> Callable[[], Iterator[Any]]:
        """What a click starts, in a thread; a UserError says why not."""

    def show_event(self, event: Any, context: Diagnosed) -> bool:
        """Show what the work gave; False if the event is another's."""


class Diagnostics(QWidget):
    """Sections that show how far a result can be trusted.

    Signals
    -------
    requested(object)
        A panel wants its work to be done.
    reported(str), failed(str)
        What was done, or could not be.
    """

    requested = Signal(object)
    reported, failed = Signal(str), Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.coherence, self.support, self.truth = CoherencePanel(), SupportPanel(), TruthPanel()
        self.resolution = ResolutionPanel()
        self.panels: tuple[Any, ...] = (self.coherence, self.support, self.truth, self.resolution)
        self.sections = {
            panel.title: explained(Section(panel.title, panel), "trust.md", panel.title)
            for panel in self.panels
        }
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for panel in self.panels:
            layout.addWidget(self.sections[panel.title])
            panel.requested.connect(partial(self.requested.emit, panel))
            panel.copy_as.reported.connect(self.reported)
        self.coherence.reported.connect(self.reported)
        self.coherence.failed.connect(self.failed)
        self.set_context(None)

    def set_context(self, context: Diagnosed | None) -> None:
        """Follow what is chosen."""
        for panel in self.panels:
            panel.set_context(context)

    def close_connections(self) -> None:
        """Stop following the viewer; the dock is about to go."""
        self.coherence.close_connections()
        self.resolution.close_connections()

    def show_event(self, event: Any, context: Diagnosed) -> bool:
        """Pass an event to the panel that it belongs to."""
        return any(panel.show_event(event, context) for panel in self.panels)
