"""A dock that goes while its light is still being found."""

from collections.abc import Callable

from qtpy.QtCore import QObject

from napari_fus_ulm._napari.enhance.input import Light
from napari_fus_ulm._napari.enhance.light import LightFinder


def test_a_light_that_comes_too_late_is_dropped(qtbot) -> None:
    parent = QObject()
    finder = LightFinder(parent)
    finder.look_at("key", None)
    lights: list[Light] = []
    finder.found.connect(lights.append)
    ended: Callable[[Light], None] = finder._ended_with("key")
    ended(Light(None, "red", "Odd."))
    assert [one.colour for one in lights] == ["red"]
    parent.deleteLater()
    with qtbot.waitSignal(parent.destroyed):
        pass
    ended(Light(None, "yellow", "Odd."))
    assert [one.colour for one in lights] == ["red"]
