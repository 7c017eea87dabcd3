"""The light beside the input: found in a thread, shown as a sign, a bar and a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtWidgets import QLabel
from superqt.utils import create_worker

from napari_fus_ulm._napari.enhance.input import Light
from napari_fus_ulm._napari.widgets.controls import Signal, wrapped
from napari_fus_ulm.tasks.failures import failure_of
from napari_fus_ulm.tasks.familiarity import light_of

if TYPE_CHECKING:
    from napari_fus_ulm._napari.picker.picked import Picked
    from napari_fus_ulm.tasks.events import Take

SIGNS = {"yellow": "▲", "red": "■"}
BARS = {"yellow": "#d99a2b", "red": "#d9483b"}
"""Hold on dark and on light; the signs and the words say the same without colour."""
WAIT_MS = 250
"""A slider that moves asks for nothing until it rests."""


def light_label() -> QLabel:
    """A label for `show_light`."""
    label = wrapped("")
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setVisible(False)
    return label


def show_light(label: QLabel, light: Light) -> None:
    """Green says nothing; yellow says what is unusual; red asks."""
    label.setVisible(light.colour in SIGNS)
    if light.colour in SIGNS:
        label.setText(f"{SIGNS[light.colour]} {light.question}")
        label.setStyleSheet(
            f"border-left: 3px solid {BARS[light.colour]}; padding: 2px 2px 2px 6px;"
        )


class LightFinder(QObject):
    """Finds the light of the newest input in a thread; older ones are dropped.

    Signals
    -------
    found(object)
        A `Light`.
    """

    found = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._newest: Any = None
        self._picked: Picked | None = None
        self._busy = False
        # A window that closes takes this object with it while the thread still looks.
        self._alive = alive = [True]
        self.destroyed.connect(alive.clear)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(WAIT_MS)
        self._timer.timeout.connect(self._start)

    def look_at(self, key: Any, picked: Picked | None) -> None:
        """Find the light of an input unless it is the newest already."""
        if key == self._newest:
            return
        self._newest, self._picked = key, picked
        self._timer.stop()
        if picked is not None:
            self._timer.start()

    def stop(self) -> None:
        """Nothing that is still under way is shown."""
        self._timer.stop()
        self._newest, self._picked = None, None

    def _start(self) -> None:
        if self._picked is None or self._busy:
            return
        self._busy, key = True, self._newest
        worker = create_worker(_light, self._picked.take)
        worker.returned.connect(self._ended_with(key))
        worker.start()

    def _ended_with(self, key: Any) -> Callable[[Light], None]:
        alive = self._alive

        def ended(light: Light) -> None:
            if not alive:
                return
            self._busy = False
            if key == self._newest:
                self.found.emit(Light(key, light.colour, light.sentence))
            elif self._picked is not None:
                self._timer.start()

        return ended


def _light(take: Take) -> Light:
    try:
        familiar = light_of(take)
    except Exception as error:  # a run says it in its own sentence
        failure_of(error)
        return Light()
    return Light(None, familiar.light, familiar.sentence)
