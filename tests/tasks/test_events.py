"""What tasks yield besides their result."""

import numpy as np

from napari_fus_ulm.inference.events import Notice
from napari_fus_ulm.scan import make_scan
from napari_fus_ulm.tasks.events import noting


def test_what_files_left_unclear_is_said_once_and_before_the_result():
    doubts = {"image": "Image 1 of 2 is used.", "axes": "The last axis is time."}
    scan = make_scan(np.eye(9), spacing=0.1, doubts=doubts)

    def run(takes, settings):
        image = takes["fus"]()
        takes["ulm"]()
        yield Notice("The last axis is time.")
        yield image, settings

    clear = make_scan(np.eye(9), spacing=0.1)
    *notices, (image, settings) = noting(run, {"fus": lambda: scan, "ulm": lambda: clear}, 3)
    assert [notice.message for notice in notices] == list(doubts.values())
    assert image is scan
    assert settings == 3
