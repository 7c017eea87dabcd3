"""The worker: nothing that happens in it may vanish."""

import threading

import pytest
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QPushButton
from superqt.utils import FunctionWorker

from napari_fus_ulm._napari.widgets.notices import NoticeArea
from napari_fus_ulm._napari.worker import (
    CANCELLED,
    DONE,
    FAILED,
    EventRunner,
    EventWorker,
    PlainWorker,
    RunError,
    run_events,
)
from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.interruption import give_way
from napari_fus_ulm.tasks.failures import MEMORY_RAN_OUT


@pytest.fixture
def runner(qapp):
    event_runner = EventRunner()
    yield event_runner
    event_runner.cancel()


def ended(qtbot, runner, make):
    with qtbot.waitSignal(runner.ended, timeout=60_000) as end:
        runner.start(make)
    return tuple(end.args)


def test_events_arrive_in_order(qtbot, runner):
    events = []
    runner.event.connect(events.append)
    assert ended(qtbot, runner, lambda: iter(range(5))) == (DONE, "")
    assert events == list(range(5))
    assert not runner.running


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("no kernel"),
        ValueError("odd"),
        KeyError("x"),
        StopIteration("early"),
        KeyboardInterrupt(),
        SystemExit(3),
        GeneratorExit(),
        BaseException("whatever"),
    ],
)
def test_every_error_ends_the_run(qtbot, runner, error):
    def fail():
        yield 1
        raise error

    state, sentence = ended(qtbot, runner, fail)
    assert state == FAILED
    # Python turns a StopIteration inside a generator into a RuntimeError of its own.
    assert type(error).__name__ in sentence or "StopIteration" in sentence
    assert not runner.running
    assert ended(qtbot, runner, lambda: iter([1])) == (DONE, "")


def test_an_error_before_the_first_event(qtbot, runner):
    def fail():
        raise RuntimeError("at once")

    state, sentence = ended(qtbot, runner, fail)
    assert state == FAILED
    assert "at once" in sentence


def test_cancel_closes_the_iterator(qtbot, runner):
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    with qtbot.waitSignal(runner.event, timeout=60_000):
        runner.start(endless)
    with qtbot.waitSignal(runner.ended, timeout=60_000) as end:
        runner.cancel()
        assert runner.cancelling
    assert end.args == [CANCELLED, ""]
    assert closed.is_set()


def test_lack_of_memory_ends_the_run_in_words(qtbot, runner):
    def fail():
        yield 1
        raise MemoryError

    assert ended(qtbot, runner, fail) == (FAILED, MEMORY_RAN_OUT)


def test_cancel_ends_a_piece_of_work_in_its_middle(qtbot, runner):
    tidied = threading.Event()

    def long_piece():
        try:
            yield "begun"
            while True:
                give_way()
        finally:
            tidied.set()
        yield "never"

    with qtbot.waitSignal(runner.event, timeout=60_000):
        runner.start(long_piece)
    with qtbot.waitSignal(runner.ended, timeout=60_000) as end:
        runner.cancel()
    assert end.args == [CANCELLED, ""]
    assert tidied.is_set()


def test_a_fault_while_tidying_up_does_not_keep_the_run(qtbot, runner):
    def stubborn():
        try:
            while True:
                yield 1
        finally:
            raise OSError("the disk has gone")

    with qtbot.waitSignal(runner.event, timeout=60_000):
        runner.start(stubborn)
    with qtbot.waitSignal(runner.ended, timeout=60_000) as end:
        runner.cancel()
    assert end.args == [CANCELLED, ""]
    assert not runner.running


def test_nothing_is_shown_after_a_cancel(qtbot, runner):
    go_on = threading.Event()
    events = []

    def slow():
        yield "first"
        go_on.wait(10)
        yield "second"

    runner.event.connect(events.append)
    with qtbot.waitSignal(runner.event, timeout=60_000):
        runner.start(slow)
    with qtbot.waitSignal(runner.ended, timeout=60_000):
        runner.cancel()
        go_on.set()
    assert events == ["first"]


def test_two_runs_at_once_are_refused(qtbot, runner):
    go_on = threading.Event()

    def wait():
        yield 1
        go_on.wait(10)

    with qtbot.waitSignal(runner.event, timeout=60_000):
        runner.start(wait)
    with pytest.raises(RuntimeError, match="already in progress"):
        runner.start(wait)
    with qtbot.waitSignal(runner.ended, timeout=60_000):
        go_on.set()


def test_our_error_is_no_runtime_error():
    assert not issubclass(RunError, RuntimeError)


def test_whatever_is_raised_ends_the_run_and_its_details_can_be_had(qtbot, runner):
    def fail():
        yield 1
        raise KeyboardInterrupt

    state, sentence = ended(qtbot, runner, fail)
    assert state == FAILED
    assert "KeyboardInterrupt" in sentence
    assert "in fail" in runner.details(sentence)
    assert runner.details("another sentence") == ""


def test_an_error_for_the_user_has_no_details(qtbot, runner):
    def fail():
        yield 1
        raise ScanError("The image is empty.")

    assert ended(qtbot, runner, fail) == (FAILED, "The image is empty.")
    assert runner.details("The image is empty.") == ""


def test_memory_that_ran_out_on_any_device_is_said(qtbot, runner):
    import torch

    def fail():
        yield 1
        raise torch.OutOfMemoryError("CUDA out of memory. Tried")

    assert ended(qtbot, runner, fail) == (FAILED, MEMORY_RAN_OUT)


def test_details_are_copied_from_the_dock(qtbot):
    area = NoticeArea({"It failed.": "Traceback"}.get)
    qtbot.addWidget(area)
    area.set_run((), "It failed.")
    (copy,) = (one for one in area.findChildren(QPushButton) if one.text() == "Copy details")
    copy.click()
    assert QGuiApplication.clipboard().text() == "Traceback"
    area.set_run((), "Another.")
    assert not [one for one in area.findChildren(QPushButton) if one.isVisibleTo(area)]


@pytest.mark.parametrize("kind", [EventWorker, PlainWorker])
def test_a_process_that_ends_in_the_middle_of_work_does_not_abort(qapp, kind):
    """Qt's objects go first; an error that leaves a thread of Qt would end in an abort."""
    sip = pytest.importorskip("PyQt6.sip")
    worked = []

    def events():
        worked.append(1)
        yield 1

    worker = kind(run_events, events, []) if kind is EventWorker else kind(worked.append, 1)
    worker.started.connect(lambda: sip.delete(worker.signals))
    worker.run()
    assert worked == [1]


def test_other_faults_of_a_worker_are_not_hidden(qapp, monkeypatch):
    worker = PlainWorker(list)

    def fail(*_):
        raise RuntimeError("no kernel")

    monkeypatch.setattr(FunctionWorker, "run", fail)
    with pytest.raises(RuntimeError, match="no kernel"):
        worker.run()
