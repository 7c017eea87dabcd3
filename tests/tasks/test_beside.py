"""Work in a process of its own: its events, its failures, and its end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_fus_ulm.errors import TrainingError, UserError
from napari_fus_ulm.phantom.processes import ProcessEndedError
from napari_fus_ulm.tasks.beside import ElsewhereError, beside


def count(to: int) -> Iterator[tuple[int, int, int]]:
    for n in range(to):
        yield n, os.getpid(), os.nice(0) if hasattr(os, "nice") else 10


def fail(how: str) -> Iterator[int]:
    yield 1
    if how == "sentence":
        raise TrainingError("The pairs in “x” cannot be read.")
    if how == "fault":
        raise KeyError("nobody foresaw this")
    os.kill(os.getpid(), signal.SIGKILL)


def endless(folder: Path) -> Iterator[int]:
    try:
        n = 0
        while True:
            yield n
            (folder / "alive").write_text(str(n))
            n += 1
            time.sleep(0.02)
    finally:
        (folder / "closed").write_text("")


def test_events_come_from_another_process_that_gives_way() -> None:
    events = list(beside(count, 3))
    assert [n for n, _, _ in events] == [0, 1, 2]
    assert os.getpid() not in {pid for _, pid, _ in events}
    assert all(nice >= 10 for _, _, nice in events)


def test_a_sentence_stays_a_sentence_and_a_fault_keeps_its_details() -> None:
    with pytest.raises(UserError, match="The pairs in “x” cannot be read"):
        list(beside(fail, "sentence"))
    with pytest.raises(ElsewhereError) as raised:
        list(beside(fail, "fault"))
    assert "nobody foresaw this" in raised.value.failure.details


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_a_process_that_was_ended_is_told_of() -> None:
    events = beside(fail, "killed")
    assert next(events) == 1
    with pytest.raises(ProcessEndedError, match=r"ended from outside.*What it had saved is kept"):
        next(events)


def test_work_ends_when_nobody_listens(tmp_path: Path) -> None:
    events = beside(endless, tmp_path)
    for n in events:
        if n == 3:
            break
    events.close()  # type: ignore[attr-defined]
    assert (tmp_path / "closed").exists()
    last = (tmp_path / "alive").read_text()
    time.sleep(0.3)
    assert (tmp_path / "alive").read_text() == last
