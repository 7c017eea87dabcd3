"""The Compare dock: layout and wiring; the views and the figure are made elsewhere."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtGui import QAction, QKeySequence  # type: ignore[attr-defined]
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_fus_ulm._napari.compare.choice import Shown
from napari_fus_ulm._napari.compare.controls import ViewButtons, ViewControls
from napari_fus_ulm._napari.compare.image_list import ImageCombo, ImageList
from napari_fus_ulm._napari.compare.jobs import Jobs
from napari_fus_ulm._napari.compare.pictures import GRID
from napari_fus_ulm._napari.compare.state import CompareState
from napari_fus_ulm._napari.widgets.controls import (
    CalmComboBox,
    TallScroll,
    add_row,
    form,
    wrapped,
)
from napari_fus_ulm._napari.widgets.docked import DockedWidget
from napari_fus_ulm._napari.widgets.notices import NoticeArea
from napari_fus_ulm._napari.worker import InBackground
from napari_fus_ulm.tasks.failures import failure_of

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

WELCOME = (
    "Nothing to compare yet. Open a power Doppler image (and its ULM, if available), then run all "
    "generators below or use the Enhance dock."
)
SCALE = (
    "The views and the figure show all images on one grey scale, 0 to 1: the logarithm of power or "
    "of bubble counts."
)
DRAWN_MS = 20
"""How long the viewer may draw what was added before more comes."""


class CompareWidget(DockedWidget):
    """Compare any number of results with each other and with the ground truth.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self.state = CompareState(napari_viewer, InBackground(self))
        self.images = ImageList()
        self.truth = ImageCombo("no ground truth")
        self.colours = CalmComboBox((("grey", "grey"), ("hot", "hot")))
        self.views = ViewButtons()
        self.controls = ViewControls()
        self.jobs = Jobs(napari_viewer, self.state.comparing, self.colours.currentData)
        self.notices = NoticeArea(self.jobs.runner.details)
        self.sample = QPushButton("Open sample pair")
        self._slider_rest = QTimer(self)
        self.state.stage.later = partial(QTimer.singleShot, DRAWN_MS)
        self._lay_out()
        self._show(frozenset(field.name for field in fields(Shown)))
        self._wire()

    # ------------------------------------------------------------ what is shown

    def _show(self, names: frozenset[str]) -> None:
        """Show what has changed in the state."""
        shown = self.state.shown
        if "entries" in names:
            self.images.set_value(shown.entries)
            self.truth.offer(shown.entries)
            for combo in (self.controls.first, self.controls.second):
                combo.offer(shown.checked)
            for widget in (self._welcome, self.sample):
                widget.setVisible(not shown.entries)
            self._about.setVisible(bool(shown.entries))
            self.views.allow(len(shown.checked) > 1)
        if names & {"entries", "truth", "first", "second"}:
            self.truth.set_value(shown.truth)
            self.controls.first.set_value(shown.first)
            self.controls.second.set_value(shown.second)
        self.jobs.state.set_subject(shown.subject)
        self.jobs.allow(
            {entry.name: entry.title for entry in shown.checked}, metrics=shown.can_be_measured
        )
        if "view" in names:
            self.controls.show_view(shown.view)
        if "share" in names:
            self.controls.set_share(shown.share)
        if "words" in names:
            self.controls.say(shown.words)
        self.views.show_view(shown.view)  # a button that was pressed in vain comes up again
        self._show_words()

    def _show_words(self, _: frozenset[str] = frozenset()) -> None:
        """Show the notices about the images and the work."""
        shown, work = self.state.shown, self.jobs.state.shown
        self.notices.set_standing(work.warnings)
        self.notices.set_run((*work.notices, *shown.notices), work.error or shown.error)

    # ------------------------------------------------------------ the user

    def show_view(self, view: str) -> None:
        """Turn a view on, or all off; an error is shown in the dock."""
        self.jobs.state.fail("")
        self.state.show_view(view)
        self.views.show_view(self.state.shown.view)

    def flip(self) -> None:
        """Show the next image of a blink."""
        self.state.flip()

    def open_sample(self) -> None:
        """Open the simulated pair."""
        try:
            self._viewer.open_sample("napari-fus-ulm", "phantom_pair")
        except Exception as error:
            self.jobs.state.fail(
                f"The sample pair could not be opened. {failure_of(error).sentence}"
            )

    def _on_images(self) -> None:
        self.state.check(self.images.value())

    def _on_truth(self) -> None:
        self.state.set_truth(self.truth.value())

    def _on_pair(self) -> None:
        shown, controls = self.state.shown, self.controls
        first, second = controls.first.value(), controls.second.value()
        self.state.set_pair(
            first=first if first != shown.first else None,
            second=second if second != shown.second else None,
        )

    def _on_colours(self, _: int) -> None:
        self.state.set_colours(self.colours.currentData())

    def _on_step(self, _: object) -> None:
        self._slider_rest.start()

    def _on_completed(self, results: list[Image]) -> None:
        """Check the input, its results and the ground truth, and turn on the grid."""
        beside = (self.jobs.state.fus.layer, self.state.layer(self.state.shown.truth))
        self.state.check_only([*results, *(layer for layer in beside if layer is not None)])
        self.show_view(GRID)

    # ------------------------------------------------------------ layout and life

    def leave(self) -> None:
        """Stop working and following the viewer; the dock has been closed."""
        self._viewer.dims.events.current_step.disconnect(self._on_step)
        self._slider_rest.stop()
        self.controls.stop()
        self.jobs.close_connections()
        self.state.close()

    def _wire(self) -> None:
        self._viewer.dims.events.current_step.connect(self._on_step)
        self._slider_rest.setSingleShot(True)
        self._slider_rest.setInterval(50)
        self._slider_rest.timeout.connect(self.state.follow_sliders)
        self.state.changed.connect(self._show)
        self.images.changed.connect(self._on_images)
        self.truth.changed.connect(self._on_truth)
        self.colours.currentIndexChanged.connect(self._on_colours)
        self.views.requested.connect(self.show_view)
        self.controls.pair_changed.connect(self._on_pair)
        self.controls.share_changed.connect(self.state.set_share)
        self.controls.flip_requested.connect(self.state.flip)
        self.jobs.state.changed.connect(self._show_words)
        self.jobs.state.completed.connect(self._on_completed)
        self.sample.clicked.connect(self.open_sample)
        flip = QAction("Flip", self)
        flip.setShortcut(QKeySequence("B"))
        flip.triggered.connect(self.state.flip)
        self.addAction(flip)

    def _lay_out(self) -> None:
        self._welcome = wrapped(WELCOME)
        self.sample.setToolTip("Opens power Doppler and ULM of one simulated rat section.")
        chosen = form()
        tip = "The ULM that the others are measured against; it must show the same field of view."
        add_row(chosen, "Ground truth", self.truth, tip)
        tip = "Colour map of all images in the views and the figure."
        add_row(chosen, "Colours", self.colours, tip)
        self._about = QWidget()
        about = QVBoxLayout(self._about)
        about.setContentsMargins(0, 0, 0, 0)
        about.setSpacing(8)
        about.addWidget(self.images)
        about.addLayout(chosen)
        for widget in (self.views, self.controls, wrapped(SCALE)):
            about.addWidget(widget)
        body = QWidget()
        main = QVBoxLayout(body)
        main.setContentsMargins(6, 6, 6, 6)
        main.setSpacing(8)
        for part in (self._welcome, self.sample, self._about, self.notices, self.jobs):
            main.addWidget(part)
        main.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(TallScroll(body))
