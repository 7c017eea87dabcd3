"""The Enhance dock: layout and wiring; what it does is done elsewhere."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtGui import QAction, QKeySequence  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_fus_ulm._napari.diagnostics.diagnosed import Diagnosed
from napari_fus_ulm._napari.diagnostics.sections import Diagnostics, Panel
from napari_fus_ulm._napari.enhance import memory
from napari_fus_ulm._napari.enhance.model_card import card_dialog
from napari_fus_ulm._napari.enhance.result_actions import ResultActions
from napari_fus_ulm._napari.enhance.settings_form import SettingsForm
from napari_fus_ulm._napari.layers.results import RunLayers
from napari_fus_ulm._napari.picker.layer_picker import LayerPicker
from napari_fus_ulm._napari.picker.load_dialog import LoadDialog
from napari_fus_ulm._napari.picker.picked import Picked
from napari_fus_ulm._napari.widgets.controls import TallScroll, wrapped
from napari_fus_ulm._napari.widgets.docked import DockedWidget
from napari_fus_ulm._napari.widgets.files import ask_open
from napari_fus_ulm._napari.widgets.metrics_table import MetricsTable
from napari_fus_ulm._napari.widgets.notices import NoticeArea, Warned
from napari_fus_ulm._napari.widgets.run_panel import CANCELLING, EMPTY, READY, RUNNING, RunPanel
from napari_fus_ulm._napari.worker import CANCELLED, DONE, FAILED, EventRunner
from napari_fus_ulm.inference.events import Finished, Notice, Preview, Progress
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.tasks.enhance import (
    Measured,
    displacement,
    enhance_run,
    mismatch,
)

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_fus_ulm._napari.layers.to_scan import Question
    from napari_fus_ulm.inference.enhancement import Enhancement


class EnhanceWidget(DockedWidget):
    """Choose a power Doppler layer, click *Enhance*, watch the vessels sharpen.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._layers: RunLayers | None = None
        self._last_fus: Image | None = None
        self._diagnosed: Diagnosed | None = None
        self._newest: Enhancement | None = None
        self._newest_image: Any = None
        self._pixel_warned = False
        self._done = ""
        self.runner = EventRunner(self)
        self.fus = LayerPicker(napari_viewer, "fus")
        self.ulm = LayerPicker(napari_viewer, "ulm")
        self.settings = SettingsForm()
        self.notices = NoticeArea()
        self.run = RunPanel()
        self.table = MetricsTable()
        self.diagnostics = Diagnostics()
        self.compare = QPushButton("Run all generators and compare")
        self.compare.setToolTip(
            "Opens the Compare dock and lets every generator run on this image."
        )
        self.sample = QPushButton("Open sample pair")
        self.result = ResultActions(napari_viewer)
        self._lay_out()
        self._wire()
        self.settings.set_settings(memory.load())
        self._refresh()

    # ------------------------------------------------------------ before a run

    def _refresh(self) -> None:
        """Bring everything that depends on the chosen layers up to date."""
        empty = self.fus.layer is None
        for widget in (self._welcome, self.sample):
            widget.setVisible(empty)
        found = self.fus.layer_scan
        warnings: list[Warned] = []
        if found is not None:
            from napari_fus_ulm.tasks.catalogue import native_pixel_um

            asked = {question.kind: question for question in found.questions}
            self.settings.describe_input(
                found.scan.attrs["values"],
                native_pixel_um(found.scan),
                certain="values" not in asked,
            )
            self._pixel_warned = "spacing" in asked
            # That the values are a guess is said beside their setting.
            warnings += [_warned(q, "fus") for q in found.questions if q.kind != "values"]
        else:
            self.settings.describe_input(None, None, certain=False)
        warnings += self._about_truth()
        self.notices.set_standing(warnings)
        try:
            self.diagnostics.set_context(self._diagnose())
        except ValueError:
            self.diagnostics.set_context(None)  # what is wrong is said where the setting is
        if not self.runner.running:
            ready = found is not None
            self.run.set_state(READY if ready else EMPTY, self.run.status.text() if ready else "")
            self.compare.setEnabled(ready)

    def _about_truth(self) -> list[Warned]:
        """What is open about the ground truth, and why it cannot be compared."""
        ground = self.ulm.layer_scan
        if ground is None:
            return []
        found = [_warned(question, "ulm") for question in ground.questions]
        fus, truth = self.fus.picked(), self.ulm.picked()
        if fus is None or truth is None:
            return found
        if problem := mismatch(fus.outline, truth.outline):
            return [*found, Warned(problem, "ulm")]
        beside = displacement(fus.outline, truth.outline)
        return [*found, Warned(beside)] if beside else found

    def _on_fus(self) -> None:
        layer = self.fus.layer
        if layer is not self._last_fus:
            self._last_fus = layer
            self.settings.forget_values()
        self._refresh()

    def _on_settings(self) -> None:
        try:
            memory.save(self.settings.settings())
        except ValueError as error:
            self.notices.set_error(str(error))
        else:
            if not self.runner.running:
                self.notices.set_error("")

    def _on_fix(self, which: str) -> None:
        (self.ulm if which == "ulm" else self.fus).open_form()

    def open_sample(self) -> None:
        """Open the simulated pair and choose both of its layers."""
        try:
            ulm, fus = self._viewer.open_sample("napari-fus-ulm", "phantom_pair")
        except Exception as error:
            self.notices.set_error(f"The sample pair could not be opened: {error}")
            return
        self.fus.choose(fus)
        self.ulm.choose(ulm)

    # ------------------------------------------------------------ loading

    def _load(self, picker: LayerPicker, folder: bool) -> None:
        path = ask_open(self, folder=folder)
        if path is not None:
            self.open_load_dialog(path, picker)

    def _load_fus(self, folder: bool) -> None:
        self._load(self.fus, folder)

    def _load_ulm(self, folder: bool) -> None:
        self._load(self.ulm, folder)

    def open_load_dialog(self, path: Path, picker: LayerPicker) -> LoadDialog:
        """Show what is in a file before it is loaded."""
        dialog = LoadDialog(path, picker.modality, self)
        dialog.loaded.connect(picker.add)
        dialog.open()
        return dialog

    # ------------------------------------------------------------ a run

    def start(self) -> None:
        """Enhance the chosen layer (a click on *Enhance*)."""
        found = self._prepare()
        if found is None:
            return
        picked, settings = found
        truth = self.ulm.picked()
        if truth is not None and mismatch(picked.outline, truth.outline):
            truth = None
        if self._layers is not None:
            self._layers.discard()
        self._layers = RunLayers(
            self._viewer, picked.placement, picked.source.layer, picked.source.as_dict()
        )
        self.table.clear()
        self._begin()
        take_truth = None if truth is None else truth.take
        self.runner.start(partial(enhance_run, picked.take, take_truth, settings))

    def start_diagnostic(self, panel: Panel) -> None:
        """Do what a click on a diagnostic's button asks for."""
        if self._prepare() is None:
            return
        try:
            found = self._diagnose()
            if found is None:
                return
            work = panel.work(found)
        except ValueError as error:
            self.notices.set_error(str(error))
            return
        self._diagnosed = found
        self._begin()
        self.runner.start(work)

    def compare_all(self) -> None:
        """Let every generator run on the chosen layer, in the Compare dock."""
        try:
            values = self.settings.settings().values
        except ValueError as error:
            self.notices.set_error(str(error))
            return
        _, dock = self._viewer.window.add_plugin_dock_widget("napari-fus-ulm", "Compare")
        dock.jobs.fus.choose_as(self.fus)
        dock.jobs.run_all(values)

    def _diagnose(self) -> Diagnosed | None:
        """What is chosen, for the diagnostics; None without a usable input."""
        picked, truth = self.fus.picked(), self.ulm.picked()
        if picked is None:
            return None
        if truth is not None and mismatch(picked.outline, truth.outline):
            truth = None
        result = self.result.chosen()
        newest = self._newest if result is not None and self._made(result) else None
        return Diagnosed(self._viewer, picked, self.settings.settings(), truth, result, newest)

    def _made(self, layer: Image) -> bool:
        """Whether the newest run made a layer."""
        # Not the layers themselves: napari hands a plugin one that is wrapped.
        return self._newest_image is not None and self._newest_image is layer.metadata["xarray"]

    def cancel(self) -> None:
        """Ask the run to stop."""
        if self.runner.running:
            self.runner.cancel()
            self.run.set_state(CANCELLING)

    def _prepare(self) -> tuple[Picked, EnhanceSettings] | None:
        if self.runner.running:
            return None
        self.notices.clear_run()
        self.fus.read_if_new()
        self.ulm.read_if_new()
        try:
            settings = self.settings.settings()
            picked = self.fus.picked()
        except ValueError as error:
            self.notices.set_error(str(error))
            return None
        return None if picked is None else (picked, settings)

    def _begin(self) -> None:
        self._done = ""
        self._lock(True)
        self.run.set_state(RUNNING)

    def _lock(self, locked: bool) -> None:
        for widget in (self.fus, self.ulm, self.settings, self.diagnostics, self.compare):
            widget.setEnabled(not locked)

    def _on_event(self, event: Any) -> None:
        if isinstance(event, Progress):
            self.run.show_progress(event.done, event.total, event.what)
        elif isinstance(event, Notice):
            if not (self._pixel_warned and event.message.startswith("Pixel size")):
                self.notices.add(event.message)  # said with more words already otherwise
        elif isinstance(event, Preview) and self._layers is not None:
            self.run.show_step(event.step, event.steps)
            self._layers.show(event)
        elif isinstance(event, Measured):
            self.table.show_measured(event)
        elif isinstance(event, Finished):
            self._on_finished(event.enhancement)
        elif self._diagnosed is not None:
            self.diagnostics.show_event(event, self._diagnosed)

    def _on_finished(self, enhancement: Enhancement) -> None:
        if self._layers is not None:
            layer = self._layers.finish(enhancement)
            self.result.set_newest(layer)
            self._layers, self._newest = None, enhancement
            self._newest_image = layer.metadata["xarray"]
            self._done = f"Done in {enhancement.seconds:.1f} s."

    def _on_ended(self, state: str, error: str) -> None:
        self._diagnosed = None
        self._lock(False)
        said = self._done or {
            CANCELLED: "Cancelled. The preview stays until the next run.",
            FAILED: "The run failed; the message above says why.",
        }.get(state, "Done.")
        if self._layers is not None and state != DONE:
            self._layers.stop(state)
        self.notices.set_error(error)
        self.run.set_state(READY if self.fus.layer_scan is not None else EMPTY, said)
        self._refresh()

    def _on_said(self, sentence: str) -> None:
        self.notices.set_error("")
        self.run.set_state(self.run.state, sentence)

    def _show_card(self) -> None:
        try:
            card_dialog(self.settings.settings(), self).open()
        except ValueError as error:
            self.notices.set_error(str(error))

    # ------------------------------------------------------------ layout and life

    def leave(self) -> None:
        """Stop working and following the viewer; the dock has been closed."""
        self.runner.cancel()
        self.fus.close_connections()
        self.ulm.close_connections()

    def _wire(self) -> None:
        self.fus.changed.connect(self._on_fus)
        self.ulm.changed.connect(self._refresh)
        self.fus.load_asked.connect(self._load_fus)
        self.ulm.load_asked.connect(self._load_ulm)
        self.settings.changed.connect(self._on_settings)
        self.settings.card_asked.connect(self._show_card)
        self.notices.fix_asked.connect(self._on_fix)
        self.run.run_asked.connect(self.start)
        self.run.cancel_asked.connect(self.cancel)
        self.diagnostics.asked.connect(self.start_diagnostic)
        self.sample.clicked.connect(self.open_sample)
        self.compare.clicked.connect(self.compare_all)
        self.result.said.connect(self._on_said)
        self.result.failed.connect(self.notices.set_error)
        self.runner.event.connect(self._on_event)
        self.runner.ended.connect(self._on_ended)
        run = QAction("Enhance", self)
        run.setShortcut(QKeySequence("Ctrl+Return"))
        run.triggered.connect(self.start)
        self.addAction(run)

    def _lay_out(self) -> None:
        self._welcome = wrapped(
            "Open a power Doppler image to begin: drop a file into the viewer, load one below, or "
            "try the simulated pair."
        )
        self.sample.setToolTip("Simulates power Doppler and ULM of one rat section.")
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(8)
        for widget in (
            self._welcome,
            self.sample,
            self.fus,
            self.ulm,
            self.settings,
            self.notices,
            self.run,
            self.table,
            self.diagnostics,
            self.compare,
            self.result,
        ):
            column.addWidget(widget)
        column.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(TallScroll(body))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)


def _warned(question: Question, layer: str) -> Warned:
    """Say what is open; only sizes and axes can be corrected in the form below the layer."""
    return Warned(question.text, layer if question.kind in ("spacing", "slices", "leading") else "")
