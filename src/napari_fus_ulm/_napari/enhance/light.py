"""The light beside the input: found in a thread, shown as a sign, a bar and a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt
from qtpy.QtWidgets import QLabel

from napari_fus_ulm._napari.enhance.finder import Finder
from napari_fus_ulm._napari.enhance.input import Light
from napari_fus_ulm._napari.widgets.controls import wrapped
from napari_fus_ulm.tasks.failures import failure_of
from napari_fus_ulm.tasks.familiarity import light_of

if TYPE_CHECKING:
    from napari_fus_ulm._napari.picker.picked import Picked

SIGNS = {"yellow": "▲", "red": "■"}
BARS = {"yellow": "#d99a2b", "red": "#d9483b"}
"""Hold on dark and on light; the signs and the words say the same without colour."""


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


class LightFinder(Finder):
    """Finds the light of the newest input (a `Picked`) in a thread; `found` gives a `Light`."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(_light, parent)


def _light(key: object, picked: Picked) -> Light:
    try:
        familiar = light_of(picked.take)
    except Exception as error:  # a run says it in its own sentence
        failure_of(error)
        return Light(key)
    return Light(key, familiar.light, familiar.sentence)
