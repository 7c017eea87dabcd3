"""What the viewer shows of long work."""

import pytest

from napari_fus_ulm._napari import activity
from napari_fus_ulm._napari.activity import LONG_S, Activity
from napari_fus_ulm._napari.run import CANCELLED, DONE, FAILED
from napari_fus_ulm.inference.events import Progress


@pytest.fixture
def notes(monkeypatch):
    from napari.utils import notifications

    said = []
    for name in ("show_info", "show_warning"):
        monkeypatch.setattr(notifications, name, said.append)
    return said


def begun(monkeypatch, *, ago):
    line = Activity("Batch")
    now = line._begun
    monkeypatch.setattr(activity.time, "monotonic", lambda: now + ago)
    return line


def test_the_line_follows_the_work():
    line = Activity("Batch")
    line.follow(Progress(3, 10, "file 2 of 4"))
    assert (line._line.n, line._line.total) == (3, 10)
    assert "file 2 of 4" in line._line.desc
    line.end(DONE)


@pytest.mark.parametrize(
    ("outcome", "says"), [(DONE, "Batch: done in 31 s."), (FAILED, "Batch failed after 31 s: why")]
)
def test_long_work_ends_with_a_note(notes, monkeypatch, outcome, says):
    begun(monkeypatch, ago=LONG_S + 1).end(outcome, "why")
    assert notes == [says]


@pytest.mark.parametrize(("outcome", "ago"), [(DONE, 1.0), (CANCELLED, LONG_S + 1)])
def test_what_was_watched_or_cancelled_does_not(notes, monkeypatch, outcome, ago):
    begun(monkeypatch, ago=ago).end(outcome)
    assert notes == []
