"""Loading large libraries while a viewer goes on."""

import gc
import subprocess
import sys
import threading
import time

import pytest

from napari_fus_ulm.libraries import collecting_later


def test_the_collector_rests_and_goes_on():
    assert gc.isenabled()
    with collecting_later():
        assert not gc.isenabled()
        with collecting_later():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_one_thread_imports_at_a_time():
    order = []

    def second():
        with collecting_later():
            order.append("second")

    thread = threading.Thread(target=second)
    with collecting_later():
        thread.start()
        time.sleep(0.05)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert gc.isenabled()


@pytest.mark.slow
def test_other_threads_go_on_while_torch_is_imported():
    """Half a second would be a frozen viewer; by itself, the import takes it and more."""
    code = """
import threading, time
from napari_fus_ulm.libraries import load_torch
gaps, over = [0.0], threading.Event()
def beat():
    last = time.perf_counter()
    while not over.wait(0.002):
        gaps.append(time.perf_counter() - last)
        last = time.perf_counter()
thread = threading.Thread(target=beat)
thread.start()
load_torch()
over.set()
thread.join()
import sys
assert "torch" in sys.modules
print(max(gaps))
"""
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert float(output.stdout) < 0.4
