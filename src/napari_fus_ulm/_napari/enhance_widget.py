"""The Enhance dock: layout and wiring; what it does is done elsewhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QAction, QGuiApplication, QKeySequence  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QFrame,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_fus_ulm._napari import memory
from napari_fus_ulm._napari.coherence_panel import CoherencePanel
from napari_fus_ulm._napari.controls import folded, menu_on, row, wrapped
from napari_fus_ulm._napari.files import ask_and_save, ask_open
from napari_fus_ulm._napari.layer_picker import LayerPicker, Picked
from napari_fus_ulm._napari.layers import scan_to_layer
from napari_fus_ulm._napari.load_dialog import LoadDialog
from napari_fus_ulm._napari.measure import Measured, coherence_run, enhance_run, mismatch
from napari_fus_ulm._napari.metrics_table import MetricsTable
from napari_fus_ulm._napari.model_card import card_dialog
from napari_fus_ulm._napari.notices import NoticeArea, Warned
from napari_fus_ulm._napari.replay import Source, copy_as_command, copy_as_python
from napari_fus_ulm._napari.result_layers import OURS, RunLayers, coherence_layers
from napari_fus_ulm._napari.run_panel import CANCELLING, EMPTY, READY, RUNNING, RunPanel
from napari_fus_ulm._napari.settings_form import SettingsForm
from napari_fus_ulm._napari.worker import CANCELLED, FAILED, EventRunner
from napari_fus_ulm.inference.events import Finished, Notice, Preview, Progress
from napari_fus_ulm.inference.settings import EnhanceSettings

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_fus_ulm.inference.enhancement import Enhancement


class EnhanceWidget(QWidget):
    """Choose a power Doppler layer, click *Enhance*, watch the vessels sharpen.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._docked = False
        self._layers: RunLayers | None = None
        self._result: Image | None = None
        self._running: Picked | None = None
        self._last_fus: Image | None = None
        self._done = ""
        self.runner = EventRunner(self)
        self.fus = LayerPicker(napari_viewer, "fus")
        self.ulm = LayerPicker(napari_viewer, "ulm")
        self.settings = SettingsForm()
        self.notices = NoticeArea()
        self.run = RunPanel()
        self.table = MetricsTable()
        self.coherence = CoherencePanel()
        self.sample = QPushButton("Open sample pair")
        self.save = QPushButton("Save…")
        self.copy = QToolButton()
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
            from napari_fus_ulm.pairs.prepare import native_pixel_um

            asked = {question.kind: question for question in found.questions}
            self.settings.describe_input(
                found.scan.attrs["values"],
                native_pixel_um(found.scan),
                certain="values" not in asked,
            )
            for kind in ("spacing", "leading"):
                if kind in asked:
                    warnings.append(Warned(asked[kind].text, "fus"))
        else:
            self.settings.describe_input(None, None, certain=False)
        ground, picked = self.ulm.layer_scan, self.fus.picked()
        if ground is not None:
            for question in ground.questions:
                if question.kind == "spacing":
                    warnings.append(Warned(question.text, "ulm"))
            truth = self.ulm.picked()
            problem = mismatch(picked.scan, truth.scan) if picked and truth else ""
            if problem:
                warnings.append(Warned(problem, "ulm"))
        self.notices.set_standing(warnings)
        self.coherence.button.setEnabled(picked is not None and not self.runner.running)
        if not self.runner.running and self.run.state in (EMPTY, READY):
            self.run.set_state(READY if picked else EMPTY, self.run.status.text() if picked else "")

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

    # ------------------------------------------------------------ loading and saving

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
        dialog.loaded.connect(self._add_fus if picker is self.fus else self._add_ulm)
        dialog.open()
        return dialog

    def _add_fus(self, scan: xr.DataArray) -> None:
        self.fus.choose(self._add(scan))

    def _add_ulm(self, scan: xr.DataArray) -> None:
        self.ulm.choose(self._add(scan))

    def _add(self, scan: xr.DataArray) -> Image:
        from napari.layers import Image

        data, kwargs, _ = scan_to_layer(scan)
        return self._viewer.add_layer(Image(data, **kwargs))

    def _on_save(self) -> None:
        layer = self.chosen_result()
        if layer is None:
            self.notices.set_error("The result is no longer among the layers; run again.")
            return
        try:
            said = ask_and_save(self, layer)
        except (ValueError, OSError) as error:
            self.notices.set_error(str(error))
        else:
            self.notices.set_error("")
            self.run.set_state(self.run.state, said or self.run.status.text())

    # ------------------------------------------------------------ a result

    def chosen_result(self) -> Image | None:
        """The selected layer if it is a result, otherwise the newest result."""
        active = self._viewer.layers.selection.active
        for layer in (active, self._result):
            if layer is not None and layer in self._viewer.layers:
                record = layer.metadata.get(OURS, {})
                if "provenance" in record and "xarray" in layer.metadata:
                    return layer
        return None

    def replay(self) -> tuple[EnhanceSettings, Source] | None:
        """What made the chosen result; the values as they were taken then."""
        layer = self.chosen_result()
        if layer is None:
            return None
        record = layer.metadata[OURS]
        settings = EnhanceSettings.from_mapping(record["settings"])
        settings = dataclasses.replace(settings, values=record["provenance"]["values"])
        return settings, Source.from_mapping(record["source"])

    def _copy_python(self) -> None:
        self._copy(copy_as_python)

    def _copy_command(self) -> None:
        self._copy(copy_as_command)

    def _copy(self, form: Callable[[EnhanceSettings, Source], str]) -> None:
        made = self.replay()
        clipboard = QGuiApplication.clipboard()
        if made is not None and clipboard is not None:
            clipboard.setText(form(*made))
            self.run.set_state(self.run.state, "Copied.")

    # ------------------------------------------------------------ a run

    def start(self) -> None:
        """Enhance the chosen layer (a click on *Enhance*)."""
        found = self._prepare()
        if found is None:
            return
        picked, settings = found
        truth = self.ulm.picked()
        if truth is not None and mismatch(picked.scan, truth.scan):
            truth = None
        if self._layers is not None:
            self._layers.discard()
        self._layers = RunLayers(
            self._viewer, picked.placement, picked.source.layer, picked.source.as_dict()
        )
        self.table.clear()
        self._begin(picked)
        ground = None if truth is None else truth.scan
        self.runner.start(partial(enhance_run, picked.scan, ground, settings))

    def start_coherence(self) -> None:
        """Sample neighbouring patches separately (a click on *Show patch coherence*)."""
        found = self._prepare()
        if found is not None:
            picked, settings = found
            self._begin(picked)
            self.runner.start(partial(coherence_run, picked.scan, settings))

    def cancel(self) -> None:
        """Ask the run to stop."""
        if self.runner.running:
            self.runner.cancel()
            self.run.set_state(CANCELLING)

    def _prepare(self) -> tuple[Picked, EnhanceSettings] | None:
        if self.runner.running:
            return None
        self.notices.clear_run()
        self.fus.read()
        self.ulm.read()
        try:
            settings = self.settings.settings()
            picked = self.fus.picked()
        except ValueError as error:
            self.notices.set_error(str(error))
            return None
        return None if picked is None else (picked, settings)

    def _begin(self, picked: Picked) -> None:
        self._running, self._done = picked, "Done."
        self._lock(True)
        self.run.set_state(RUNNING)

    def _lock(self, locked: bool) -> None:
        for widget in (self.fus, self.ulm, self.settings, self.coherence):
            widget.setEnabled(not locked)

    def _on_event(self, event: Any) -> None:
        if isinstance(event, Progress):
            self.run.show_progress(event.done, event.total, event.what)
        elif isinstance(event, Notice):
            self.notices.add(event.message)
        elif isinstance(event, Preview) and self._layers is not None:
            self.run.show_step(event.step, event.steps)
            self._layers.show(event)
        elif isinstance(event, Measured):
            self.table.show_measured(event)
        elif isinstance(event, Finished):
            self._on_finished(event.enhancement)
        elif hasattr(event, "coherence") and self._running is not None:
            from napari.layers import Layer

            name = self._running.source.layer
            placement = self._running.placement
            for data in coherence_layers(event.coherence, placement, name, self.coherence.pair):
                self._viewer.add_layer(Layer.create(*data))

    def _on_finished(self, enhancement: Enhancement) -> None:
        if self._layers is not None:
            self._result = self._layers.finish(enhancement)
            self._layers = None
            self._done = f"Done in {enhancement.seconds:.1f} s."

    def _on_ended(self, state: str, error: str) -> None:
        self._running = None
        self._lock(False)
        said = {
            CANCELLED: "Cancelled. The preview stays until the next run.",
            FAILED: "The run failed. Your layers are as they were.",
        }.get(state, self._done)
        if self._layers is not None:
            self._layers.stop("cancelled" if state == CANCELLED else "failed")
        self.notices.set_error(error)
        self.run.set_state(READY if self.fus.layer_scan is not None else EMPTY, said)
        self._offer_result()
        self._refresh()

    def _offer_result(self) -> None:
        for widget in (self.save, self.copy):
            widget.setEnabled(self.chosen_result() is not None)

    def _show_card(self) -> None:
        try:
            card_dialog(self.settings.settings(), self).open()
        except ValueError as error:
            self.notices.set_error(str(error))

    # ------------------------------------------------------------ layout and life

    def changeEvent(self, event: QEvent | None) -> None:
        """Notice that the dock has been closed: napari takes the widget out and drops it."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._docked = True
            elif self._docked:
                self._docked = False
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
        self.coherence.asked.connect(self.start_coherence)
        self.sample.clicked.connect(self.open_sample)
        self.save.clicked.connect(self._on_save)
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
        self.save.setToolTip("Saves the result with its pixel size and how it was made.")
        self.copy.setText("Copy as Python")
        self.copy.setToolTip("Copies the run that made the result, to make it again elsewhere.")
        menu_on(
            self.copy, {"Copy as Python": self._copy_python, "Copy as command": self._copy_command}
        )
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(8, 8, 8, 8)
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
            folded("Patch coherence", self.coherence),
            row(self.save, self.copy, stretch=-1),
        ):
            column.addWidget(widget)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(body)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)
        self.setMinimumWidth(320)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._offer_result()
