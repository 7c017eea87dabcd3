"""What napari's command palette offers of ours."""

import numpy as np
from napari._app_model import get_app_model
from qtpy.QtWidgets import QFileDialog

from napari_fus_ulm import io
from napari_fus_ulm.scan import make_scan


def test_commands_can_be_called_as_they_are_or_are_not_offered(
    make_napari_viewer, monkeypatch, tmp_path
):
    """The palette passes nothing; a command that needs something asks, or is not offered."""
    viewer = make_napari_viewer()
    power = np.random.default_rng(0).random((12, 15))
    path = io.write(tmp_path / "rat_pwd.nii.gz", make_scan(power, spacing=0.1, modality="fus"))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    app = get_app_model()
    assert not app.registered_actions["napari-fus-ulm.write_image"].enablement.eval({})
    app.commands.execute_command("napari-fus-ulm.read").result()
    (layer,) = viewer.layers
    assert layer.name == "rat_pwd"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    app.commands.execute_command("napari-fus-ulm.read").result()
    assert len(viewer.layers) == 1
