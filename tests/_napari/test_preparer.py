"""What is loaded in the background, and when."""

import pytest

from napari_fus_ulm._napari import preparer
from napari_fus_ulm._napari.preparer import Preparer
from napari_fus_ulm.inference.events import Progress
from napari_fus_ulm.inference.settings import EnhanceSettings

SETTINGS = EnhanceSettings()


@pytest.fixture
def made(monkeypatch):
    """What was loaded, without loading it."""
    made = []

    def ready(settings, *, measures):
        made.append((settings.generator, measures))
        yield Progress(0, 3, "Loading PyTorch…")

    monkeypatch.setattr(preparer, "ready_run", ready)
    monkeypatch.setattr(preparer, "IDLE_MS", 20)
    return made


def test_it_is_loaded_once_the_dock_is_left_alone(qtbot, made):
    said = []
    one = Preparer(None)
    one.said.connect(said.append)
    with qtbot.waitSignal(one.runner.ended):
        one.want(SETTINGS, measures=False)
        assert made == []
    assert made == [("diffusion", False)]
    assert said == ["Getting ready meanwhile. Loading PyTorch…", ""]


def test_the_same_is_not_loaded_again(qtbot, made):
    one = Preparer(None)
    with qtbot.waitSignal(one.runner.ended):
        one.want(SETTINGS, measures=False)
    one.want(EnhanceSettings(seed=3), measures=False)
    qtbot.wait(100)
    assert len(made) == 1
    with qtbot.waitSignal(one.runner.ended):
        one.want(SETTINGS, measures=True)
    assert made == [("diffusion", False), ("diffusion", True)]


def test_a_run_comes_first(qtbot, made):
    one = Preparer(None)
    one.want(SETTINGS, measures=False)
    one.stop()
    qtbot.wait(100)
    assert made == []
    one.want(None, measures=False)
    qtbot.wait(100)
    assert made == []
