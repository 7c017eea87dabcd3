"""What all tests share: few threads, strict Qt, and the real images where they are at hand."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

# Before torch is imported: idle OpenMP threads must sleep, and two threads are what a small
# machine has; results then do not depend on how many cores this one has.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "2")
# napari's viewer fixture then fails a test that leaks Qt widgets.
os.environ.setdefault("NAPARI_STRICT_QT", "1")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout this test run belongs to."""
    return REPOSITORY


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Path of a real recording by file name; the test is skipped where it is not at hand.

    The recordings are no part of the package; they lie in ``shared/data`` beside the checkout.
    """

    def path_of(name: str) -> Path:
        path = REPOSITORY.parent / "shared" / "data" / name
        if not path.is_file():
            pytest.skip(f"{name} is not at hand (shared/data beside the checkout)")
        return path

    return path_of
