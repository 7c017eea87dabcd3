"""Texts that go together with layers do not crash OpenGL; in a process of its own."""

import subprocess
import sys

CODE = """
import time
import napari
import numpy as np
from qtpy.QtWidgets import QApplication
from napari_fus_ulm._napari.viewer.parts import scale_bar_of, text_overlay
from napari_fus_ulm._napari.viewer.steady import steady_text

def drawn():
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        QApplication.processEvents()

viewer = napari.Viewer(show=True)
image = np.random.default_rng(0).random((379, 465))
viewer.add_image(image)
steady_text(viewer)
drawn()
for _ in range(2):
    layer = viewer.add_image(image)
    text_overlay(viewer).text = "Generated"
    text_overlay(viewer).visible = scale_bar_of(viewer).visible = True
    drawn()
    viewer.layers.remove(layer)
    text_overlay(viewer).visible = scale_bar_of(viewer).visible = False
    drawn()
viewer.close()
"""


def test_a_text_may_go_together_with_a_layer():
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
