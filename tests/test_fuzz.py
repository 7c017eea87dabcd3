"""A small sample of the campaign of damaged files; `benchmarks/README.md` has the whole."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="workers are limited by means of Linux"
)


@pytest.fixture
def fuzz(repository: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module."""
    monkeypatch.syspath_prepend(repository / "benchmarks")
    return import_module("fuzz")


def test_damaged_files_are_refused_in_a_sentence_or_read_as_something_plausible(repository: Path):
    done = subprocess.run(
        [sys.executable, repository / "benchmarks" / "fuzz.py", "--count", "480", "--seed", "7"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    total = done.stdout.splitlines()[-1].split("|")
    assert int(total[2]) == int(total[3]) + int(total[4]) == 480


def test_what_is_wrong_is_recognised(fuzz: ModuleType, tmp_path: Path, monkeypatch):
    """The campaign could not fail if its classes were never reached."""

    def hang(_: Path) -> str:
        while True:
            pass

    def end(_: Path) -> str:
        os._exit(3)

    def grow(_: Path) -> str:
        return "x" * 10**11

    def print_(_: Path) -> str:
        os.write(2, b"a library speaks")
        return ""

    def fail(_: Path) -> str:
        raise KeyError("x")

    uses = {"hang": hang, "crash": end, "memory": grow, "leak": print_, "nonsense": lambda _: "3-D"}
    worker = fuzz.Worker(10**9, 1.0, tmp_path / "output")
    for name, use in uses.items():
        monkeypatch.setitem(fuzz.TARGETS, name, fuzz.Target(make=list, use=use))
        assert worker.outcome(name, tmp_path / "a")[0] == name
        worker.stop()
    monkeypatch.setitem(fuzz.TARGETS, "fail", fuzz.Target(make=list, use=fail))
    assert worker.outcome("fail", tmp_path / "a")[0] == "leak"
    worker.stop()
    monkeypatch.setitem(fuzz.TARGETS, "fine", fuzz.Target(make=list, use=lambda _: ""))
    assert worker.outcome("fine", tmp_path / "a") == ("plausible", "")
    worker.stop()


def test_mutations_are_those_of_the_seed(fuzz: ModuleType):
    content, other = bytes(range(256)) * 8, b"{}"
    drawn = [
        [fuzz.damaged(content, other, np.random.default_rng([1, n])) for n in range(40)]
        for _ in range(2)
    ]
    assert drawn[0] == drawn[1]
    assert sum(one != content for one in drawn[0]) > 30
