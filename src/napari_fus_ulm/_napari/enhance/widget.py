"""The Enhance dock: layout and wiring; what it does is done elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtGui import QAction, QKeySequence  # type: ignore[attr-defined]
from qtpy.QtWidgets import QCheckBox, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_fus_ulm._napari.diagnostics.sections import Diagnostics, Panel
from napari_fus_ulm._napari.enhance import memory
from napari_fus_ulm._napari.enhance.finder import Finder
from napari_fus_ulm._napari.enhance.input import Input
from napari_fus_ulm._napari.enhance.light import LightFinder, light_label, show_light
from napari_fus_ulm._napari.enhance.model_card import card_dialog
from napari_fus_ulm._napari.enhance.place import look_beside
from napari_fus_ulm._napari.enhance.result_actions import ResultActions
from napari_fus_ulm._napari.enhance.settings_form import SettingsForm
from napari_fus_ulm._napari.enhance.shown import Shown
from napari_fus_ulm._napari.enhance.state import EnhanceState
from napari_fus_ulm._napari.layers.identity import LayerId
from napari_fus_ulm._napari.layers.parts import Offer
from napari_fus_ulm._napari.picker.layer_picker import LayerPicker
from napari_fus_ulm._napari.picker.load_dialog import LoadDialog
from napari_fus_ulm._napari.preparer import Preparer
from napari_fus_ulm._napari.run import READY
from napari_fus_ulm._napari.widgets.controls import TallScroll, wrapped
from napari_fus_ulm._napari.widgets.docked import DockedWidget
from napari_fus_ulm._napari.widgets.files import ask_open
from napari_fus_ulm._napari.widgets.metrics_table import MetricsTable
from napari_fus_ulm._napari.widgets.notices import NoticeArea
from napari_fus_ulm._napari.widgets.run_panel import RunPanel
from napari_fus_ulm._napari.worker import EventRunner, InBackground
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.tasks.failures import failure_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


class EnhanceWidget(DockedWidget):
    """Choose a power Doppler layer, click *Enhance*, watch the vessels sharpen.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self.state = EnhanceState(napari_viewer, memory.load(), partial(InBackground, self))
        self.runner, self.preparer = EventRunner(self, name="Enhance"), Preparer(self)
        self.fus = LayerPicker(napari_viewer, self.state.fus)
        self.ulm = LayerPicker(napari_viewer, self.state.ulm)
        self.light, self.finder = light_label(), LightFinder(self)
        self.place_finder = Finder(look_beside, self)
        self.settings = SettingsForm()
        self.notices = NoticeArea(self.runner.details)
        self.run = RunPanel()
        self.table = MetricsTable()
        self.measure = QPushButton("Measure against the ULM")
        self.measure.setToolTip(
            "Measures how near the result is to the ULM that is chosen now, without a new run."
        )
        self.diagnostics = Diagnostics()
        self.compare = QPushButton("Run all generators and compare")
        self.compare.setToolTip("Opens the Compare dock and runs every generator on this image.")
        self.sample = QPushButton("Open sample pair")
        self.result = ResultActions(self.state.result)
        self.state.follow = memory.load_follow()
        self.follow = QCheckBox("Show each plane as it is drawn")
        self.follow.setToolTip(
            "Moves the sliders along with a run through a stack or a film, and back afterwards."
        )
        self.follow.setChecked(self.state.follow)
        self._lay_out()
        self.settings.set_settings(memory.load())
        self._show(frozenset(field.name for field in fields(Shown)))
        self._show_context()
        self._wire()
        self._find_light()
        self._prepare()
        self._find_place()

    # ------------------------------------------------------------ what is shown

    def _show(self, names: frozenset[str]) -> None:
        """Show what has changed in the state."""
        shown = self.state.shown
        if "input" in names:
            self._show_input(shown.input)
        if names & {"input", "notices", "error"}:
            self.notices.set_standing(shown.input.warnings)
            self.notices.set_run(shown.notices, shown.error)
        if "light" in names:
            show_light(self.light, shown.light)
        if names & {"phase", "status", "light"}:
            self.run.offer = "Enhance anyway" if shown.light.colour == "red" else "Enhance"
            self.run.set_state(shown.phase, shown.status)
        if shown.progress is not None and names & {"progress", "step"}:
            self.run.show_progress(shown.progress, shown.step)
        if "measured" in names:
            self.table.set_value(shown.measured)
        if "locked" in names:
            for widget in (self.fus, self.ulm, self.settings, self.diagnostics):
                widget.setEnabled(not shown.locked)
        self.compare.setEnabled(shown.phase == READY)
        self.result.show_result(shown.result, before=shown.before)
        self.follow.setVisible(shown.planes > 1)
        self.measure.setVisible(shown.measurable)

    def _show_input(self, chosen: Input) -> None:
        for widget in (self._welcome, self.sample):
            widget.setVisible(chosen.image is None)
        if chosen.image != self._image:
            self._image = chosen.image
            self.settings.forget_values()
        self.settings.describe_input(
            chosen.values, chosen.native_um, chosen.finest_um, certain=chosen.values_certain
        )

    _image: LayerId | None = None

    def _find_light(self) -> None:
        key = self.state.light_key
        self.finder.look_at(key, None if key is None else self.state.fus.picked())

    def _prepare(self) -> None:
        if not self.runner.running:
            self.preparer.want(self.state.settings, measures=self.ulm.layer is not None)

    def _wait_turned(self) -> None:
        self._turned.start()

    def _on_turned(self) -> None:
        self.state.settle()
        self._show_context()

    def _find_place(self) -> None:
        key = self.state.place_key
        both = self.state.fus.picked(), self.state.ulm.picked()
        self.place_finder.look_at(key, None if key is None else both)

    def _show_context(self) -> None:
        self.diagnostics.set_context(self.state.diagnosed())

    # ------------------------------------------------------------ before a run

    def _read_settings(self) -> None:
        try:
            self.state.set_settings(self.settings.settings())
        except UserError as error:
            self.state.refuse_settings(str(error))

    def _on_settings(self) -> None:
        self._read_settings()
        if self.state.settings is not None:
            memory.save(self.state.settings)
        self._prepare()

    def _on_follow(self, follow: bool) -> None:
        self.state.follow = follow
        memory.save_follow(follow)

    def _on_fix(self, which: str) -> None:
        (self.ulm if which == "ulm" else self.fus).open_form()

    def _on_offer(self, which: str, offer: Offer) -> None:
        (self.ulm if which == "ulm" else self.fus).state.take(offer)

    def open_sample(self) -> None:
        """Open the simulated pair and choose both of its layers."""
        try:
            ulm, fus = self._viewer.open_sample("napari-fus-ulm", "phantom_pair")
        except Exception as error:
            self.state.fail(f"The sample pair could not be opened. {failure_of(error).sentence}")
            return
        self.fus.choose(fus)
        self.ulm.choose(ulm)

    def _load_fus(self, folder: bool) -> None:
        self._load(self.fus, folder)

    def _load_ulm(self, folder: bool) -> None:
        self._load(self.ulm, folder)

    def _load(self, picker: LayerPicker, folder: bool) -> None:
        path = ask_open(self, folder=folder)
        if path is not None:
            self.open_load_dialog(path, picker)

    def open_load_dialog(self, path: Path, picker: LayerPicker) -> LoadDialog:
        """Show what is in a file before it is loaded."""
        dialog = LoadDialog(path, picker.state.modality, self)
        dialog.loaded.connect(picker.add)
        dialog.open()
        return dialog

    # ------------------------------------------------------------ a run

    def start(self) -> None:
        """Enhance the chosen layer (a click on *Enhance*)."""
        self._read_settings()
        work = self.state.start(self.settings.where)
        if work is not None:
            self.preparer.stop()
            self.runner.start(work)

    def start_measuring(self) -> None:
        """Measure the result against the chosen ground truth."""
        work = self.state.start_measuring()
        if work is not None:
            self.runner.start(work)

    def start_diagnostic(self, panel: Panel) -> None:
        """Start a diagnostic (a click on its button)."""
        self._read_settings()
        work = self.state.start_diagnostic(panel.work)
        if work is not None:
            self.preparer.stop()
            self.runner.start(work)

    def compare_all(self) -> None:
        """Run every generator on the chosen layer, in the Compare dock."""
        self._read_settings()
        if self.state.settings is None:
            return
        _, dock = self._viewer.window.add_plugin_dock_widget("napari-fus-ulm", "Compare")
        dock.come_forward()
        dock.jobs.fus.set_value(self.fus.value())
        dock.jobs.run_all(self.state.settings.values)

    def cancel(self) -> None:
        """Ask the run to stop."""
        if self.runner.running:
            self.runner.cancel()
            self.state.cancel()

    def _on_event(self, event: object) -> None:
        self.state.on_event(event)
        if self.state.examined is not None:
            self.diagnostics.show_event(event, self.state.examined)

    def _on_ended(self, outcome: str, error: str) -> None:
        self.state.on_ended(outcome, error)
        self._show_context()
        self._prepare()

    def _show_card(self) -> None:
        try:
            card_dialog(self.settings.settings(), self).open()
        except UserError as error:
            self.state.fail(str(error))

    # ------------------------------------------------------------ layout and life

    def leave(self) -> None:
        """Stop working and following the viewer; the dock has been closed."""
        self.runner.cancel()
        self.finder.stop()
        self.preparer.stop()
        self._turned.stop()
        self.place_finder.stop()
        self.fus.close_connections()
        self.ulm.close_connections()
        self.diagnostics.close_connections()
        self.state.close()

    def _wire(self) -> None:
        self.state.changed.connect(self._show)
        self._turned = QTimer(self)
        self._turned.setSingleShot(True)
        self._turned.timeout.connect(self._on_turned)
        self.state.turned.connect(self._wait_turned)
        self.fus.changed.connect(self._show_context)
        self.fus.changed.connect(self._find_light)
        self.finder.found.connect(self.state.set_light)
        self.preparer.said.connect(self.run.say_meanwhile)
        self.ulm.changed.connect(self._show_context)
        self.ulm.changed.connect(self._prepare)
        for picker in (self.fus, self.ulm):
            picker.changed.connect(self._find_place)
        self.place_finder.found.connect(self.state.set_beside)
        self.fus.load_requested.connect(self._load_fus)
        self.ulm.load_requested.connect(self._load_ulm)
        self.settings.changed.connect(self._on_settings)
        self.settings.card_requested.connect(self._show_card)
        self.settings.drawing_requested.connect(self.state.draw_region)
        self.notices.fix_requested.connect(self._on_fix)
        self.notices.offer_taken.connect(self._on_offer)
        self.run.run_requested.connect(self.start)
        self.run.cancel_requested.connect(self.cancel)
        self.diagnostics.requested.connect(self.start_diagnostic)
        self.diagnostics.reported.connect(self.state.say)
        self.diagnostics.failed.connect(self.state.fail)
        self.sample.clicked.connect(self.open_sample)
        self.compare.clicked.connect(self.compare_all)
        self.measure.clicked.connect(self.start_measuring)
        self.result.reported.connect(self.state.say)
        self.result.failed.connect(self.state.fail)
        self.result.flipped.connect(self.state.flip)
        self.follow.toggled.connect(self._on_follow)
        self.runner.event.connect(self._on_event)
        self.runner.ended.connect(self._on_ended)
        self._on_key("Enhance", "Ctrl+Return", self.start)
        self._on_key("Before / after", "G", self.state.flip)

    def _on_key(self, name: str, key: str, slot: Callable[[], None]) -> None:
        action = QAction(name, self)
        action.setShortcut(QKeySequence(key))
        action.triggered.connect(slot)
        self.addAction(action)

    def _lay_out(self) -> None:
        self._welcome = wrapped(
            "Open a power Doppler image to begin: drop a file into the viewer, load one below, or "
            "try the simulated pair."
        )
        self.sample.setToolTip("Opens power Doppler and ULM of one simulated rat section.")
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(8)
        for widget in (
            self._welcome,
            self.sample,
            self.fus,
            self.light,
            self.ulm,
            self.settings,
            self.notices,
            self.follow,
            self.run,
            self.result,
            self.measure,
            self.table,
            self.diagnostics,
            self.compare,
        ):
            column.addWidget(widget)
        column.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(TallScroll(body))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
