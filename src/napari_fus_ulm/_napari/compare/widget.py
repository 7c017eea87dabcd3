"""The Compare dock: layout and wiring; the views and the figure are made elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QAction, QKeySequence  # type: ignore[attr-defined]
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_fus_ulm._napari.compare.controls import (
    BLINK,
    CURTAIN,
    DIFFERENCE,
    GRID,
    OFF,
    ImageList,
    LayerCombo,
    ViewButtons,
    ViewControls,
    difference_legend,
)
from napari_fus_ulm._napari.compare.jobs import Jobs
from napari_fus_ulm._napari.compare.layers import (
    RESULT,
    ULM,
    comparable_layers,
    kind_of,
    plane_of,
    seen,
    titles,
)
from napari_fus_ulm._napari.compare.views import (
    BlinkView,
    CurtainView,
    DifferenceView,
    GridView,
    Pictures,
    Stage,
    View,
)
from napari_fus_ulm._napari.layers.results import OURS
from napari_fus_ulm._napari.run import Warned
from napari_fus_ulm._napari.widgets.controls import (
    CalmComboBox,
    TallScroll,
    add_row,
    form,
    wrapped,
)
from napari_fus_ulm._napari.widgets.docked import DockedWidget
from napari_fus_ulm._napari.widgets.notices import NoticeArea
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.tasks.compare import Compared
from napari_fus_ulm.tasks.enhance import displacement

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

WELCOME = (
    "Nothing to compare yet. Open a power Doppler image (and its ULM, if there is one), then let "
    "all generators run below, or use the Enhance dock."
)
SAME = (
    "The views and the figure show all by the same grey levels, 0 to 1: the logarithm of power, or "
    "of bubble counts."
)


class CompareWidget(DockedWidget):
    """Lay any number of results beside each other and the ground truth.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._view: View | None = None
        self.view = OFF
        self.stage = Stage(napari_viewer)
        self.images = ImageList()
        self.truth = LayerCombo("none (no ground truth)")
        self.colours = CalmComboBox((("grey", "grey"), ("hot", "hot")))
        self.views = ViewButtons()
        self.controls = ViewControls()
        self.notices = NoticeArea()
        self.jobs = Jobs(napari_viewer, self.compared, self.colours.currentData)
        self.sample = QPushButton("Open sample pair")
        self._soon = QTimer(self)
        self._lay_out()
        self._wire()
        self._on_layers()

    # ------------------------------------------------------------ what there is

    def _on_layers(self, event: Any = None) -> None:
        """Follow the viewer's layers; a view lives with what is left of its images."""
        if self.stage.busy:
            return
        added = event is not None and event.type == "inserted"
        if self.view != OFF and (added or not self.stage.complete):
            self.show_view(OFF)
        layers = comparable_layers(self._viewer)
        before = self.images.checked()
        self.images.set_layers(layers)
        # The newest ULM is the ground truth until the user says otherwise.
        newest = next((layer for layer in layers if kind_of(layer) == ULM), None)
        self.truth.set_layers(layers, newest)
        gone = len(self.images.checked()) != len(before)
        self._refresh()
        if self.view != OFF and gone:
            self.show_view(self.view)

    def _refresh(self) -> None:
        """Bring everything that depends on the checked images up to date."""
        layers, checked = comparable_layers(self._viewer), self.images.checked()
        for widget in (self._welcome, self.sample):
            widget.setVisible(not layers)
        self._about.setVisible(bool(layers))
        self.views.allow(len(checked) > 1)
        truth = self.truth.layer
        newest = next((layer for layer in checked[::-1] if kind_of(layer) == RESULT), None)
        first = newest or next((layer for layer in checked[::-1] if layer != truth), None)
        others = [layer for layer in checked if layer != first]
        opposite = truth if truth in others else (others[-1] if others else None)
        self.controls.first.set_layers(checked, first)
        self.controls.second.set_layers(checked, opposite)
        measured = truth is not None and any(layer != truth for layer in checked)
        self.jobs.allow(figure=bool(checked), metrics=measured)
        found = self.jobs.fus.layer_scan
        self.notices.set_standing(
            [Warned(question.text) for question in (found.questions if found else ())]
        )

    def _on_checked(self) -> None:
        self._refresh()
        if self.view != OFF:
            self.show_view(self.view)

    def _on_truth(self, _: int) -> None:
        if self.truth.layer is not None:
            self.images.check([self.truth.layer])
        else:
            self._on_checked()

    def open_sample(self) -> None:
        """Open the simulated pair."""
        try:
            self._viewer.open_sample("napari-fus-ulm", "phantom_pair")
        except Exception as error:
            self.notices.set_error(f"The sample pair could not be opened: {error}")

    # ------------------------------------------------------------ views

    def show_view(self, view: str) -> None:
        """Turn a view on, or all off; what is wrong is said in the dock."""
        self._end_view()
        self.notices.clear_run()
        self.view = OFF
        self.controls.show_view(OFF)
        if view == OFF or len(self.images.checked()) < 2:
            self.stage.leave()
        else:
            try:
                pictures = self._pictures(view)
                self.view = view
                self.controls.show_view(view)
                self._view = self._make(view, pictures)
            except UserError as error:
                self.view = OFF
                self.controls.show_view(OFF)
                self.stage.leave()
                self.notices.set_error(str(error))
        self.views.show_view(self.view)

    def _wanted(self, view: str) -> list[Image]:
        """The images of a view, in no order."""
        if view in (CURTAIN, DIFFERENCE):
            pair = (self.controls.first.layer, self.controls.second.layer)
            return [layer for layer in pair if layer is not None]
        return self.images.checked()

    def _pictures(self, view: str) -> Pictures:
        """Grey levels of a view's images on one grid."""
        from napari_fus_ulm.evaluation.figure import greys

        wanted = self._wanted(view)
        if len({layer.unique_id for layer in wanted}) < 2:
            raise UserError("The two images are the same one; choose another beside it.")
        found = seen(self._viewer, wanted, self.truth.layer)
        named = zip(titles(found.layers), greys(found.images), strict=True)
        shown = {layer.unique_id: one for layer, one in zip(found.layers, named, strict=True)}
        for image in found.images[1:]:
            if beside := displacement(found.images[0], image):
                self.notices.add(beside)
        # A pair as it is chosen, not in reading order.
        layers = wanted if view in (CURTAIN, DIFFERENCE) else found.layers
        names, pictures = zip(*(shown[layer.unique_id] for layer in layers), strict=True)
        rows, columns = pictures[0].shape
        return Pictures(names, pictures, found.where((rows, columns)), self.colours.currentData())

    def _make(self, view: str, pictures: Pictures) -> View:
        first, second = pictures.names[:2]
        if view == GRID:
            listed = [f"{number}  {name}" for number, name in enumerate(pictures.names, start=1)]
            self.controls.say("\n".join(listed))
            return GridView(self.stage, pictures)
        if view == CURTAIN:
            self.controls.say("Drag the line in the image, or the slider.")
            return CurtainView(
                self.stage, self._viewer, pictures, self.controls.share, self.controls.set_share
            )
        if view == BLINK:
            names = pictures.names
            return BlinkView(self.stage, pictures, lambda n: self.controls.say(f"Now: {names[n]}"))
        self.controls.say(difference_legend(first, second))
        return DifferenceView(self.stage, pictures)

    def _on_step(self, _: Any = None) -> None:
        if self._view is not None:
            self._soon.start()

    def _on_slider_rest(self) -> None:
        """Show the planes to which the sliders have moved."""
        if self._view is not None:
            try:
                self._view.update(self._pictures(self.view))
            except UserError as error:
                self.notices.set_error(str(error))

    def _on_share(self, share: float) -> None:
        if isinstance(self._view, CurtainView):
            self._view.set_share(share)

    def flip(self) -> None:
        """Show the next image of a blink."""
        if isinstance(self._view, BlinkView):
            self._view.flip()

    def _on_again(self, _: Any = None) -> None:
        if self.view != OFF:
            self.show_view(self.view)

    def _end_view(self) -> None:
        if self._view is not None:
            self._view.close()
            self._view = None

    # ------------------------------------------------------------ long work

    def compared(self) -> Compared:
        """What is checked, for the figure and the table.

        Raises
        ------
        ValueError
            If the images do not cover one field of view.
        """
        from napari_fus_ulm.evaluation.figure import check_one_field

        truth = self.truth.layer
        images = seen(self._viewer, self.images.checked(), truth).images
        reference = None if truth is None else plane_of(self._viewer, truth, truth=True)
        check_one_field([*images, *([] if reference is None else [reference])])
        return Compared(images, reference, self._settings_of_results())

    def _settings_of_results(self) -> EnhanceSettings:
        """How the first checked result was made; the defaults without one."""
        for layer in self.images.checked():
            record = layer.metadata.get(OURS, {})
            if "settings" in record:
                return EnhanceSettings.from_mapping(record["settings"])
        return EnhanceSettings()

    def _on_made(self, made: list[Image]) -> None:
        """Check the input, what was made of it and the ground truth, and turn on the grid."""
        beside = [layer for layer in (self.jobs.fus.layer, self.truth.layer) if layer is not None]
        self.images.check([*made, *beside], only=True)
        self.show_view(GRID)

    # ------------------------------------------------------------ layout and life

    def leave(self) -> None:
        """Stop working and following the viewer; the dock has been closed."""
        self.jobs.close_connections()
        self.controls.stop()
        self._soon.stop()
        self.show_view(OFF)
        for signal, slot in self._connections:
            signal.disconnect(slot)
        self._connections.clear()

    def _wire(self) -> None:
        events = self._viewer.layers.events
        self._connections = [
            (events.inserted, self._on_layers),
            (events.removed, self._on_layers),
            (events.reordered, self._on_layers),
            (self._viewer.dims.events.current_step, self._on_step),
        ]
        if hasattr(events, "renamed"):  # napari 0.6.2
            self._connections.append((events.renamed, self._on_layers))
        for signal, slot in self._connections:
            signal.connect(slot)
        self._soon.setSingleShot(True)
        self._soon.setInterval(50)
        self._soon.timeout.connect(self._on_slider_rest)
        self.images.changed.connect(self._on_checked)
        self.truth.activated.connect(self._on_truth)
        self.colours.currentIndexChanged.connect(self._on_again)
        self.views.asked.connect(self.show_view)
        self.controls.pair_changed.connect(self._on_again)
        self.controls.share_changed.connect(self._on_share)
        self.controls.flip_asked.connect(self.flip)
        self.jobs.fus.changed.connect(self._refresh)
        self.jobs.begun.connect(self.notices.clear_run)
        self.jobs.made.connect(self._on_made)
        self.jobs.noticed.connect(self.notices.add)
        self.jobs.failed.connect(self.notices.set_error)
        self.sample.clicked.connect(self.open_sample)
        flip = QAction("Flip", self)
        flip.setShortcut(QKeySequence("B"))
        flip.triggered.connect(self.flip)
        self.addAction(flip)

    def _lay_out(self) -> None:
        self._welcome = wrapped(WELCOME)
        self.sample.setToolTip("Simulates power Doppler and ULM of one rat section.")
        chosen = form()
        tip = "The ULM that the others are measured by; it has to show the same field of view."
        add_row(chosen, "Ground truth", self.truth, tip)
        tip = "Of all images, in the views and in the figure."
        add_row(chosen, "Colours", self.colours, tip)
        self._about = QWidget()
        about = QVBoxLayout(self._about)
        about.setContentsMargins(0, 0, 0, 0)
        about.setSpacing(8)
        about.addWidget(self.images)
        about.addLayout(chosen)
        for widget in (self.views, self.controls, wrapped(SAME)):
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
        self.images.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
