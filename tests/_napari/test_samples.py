"""The sample pair."""

import numpy as np
from napari.components import ViewerModel

from napari_fus_ulm._napari.samples import phantom_pair


def test_pair_lies_on_each_other():
    viewer = ViewerModel()
    for data, kwargs, kind in phantom_pair():
        assert kind == "image"
        viewer.add_image(data, **kwargs)
    ulm, fus = viewer.layers["phantom ULM"], viewer.layers["phantom power Doppler"]
    for layer in (ulm, fus):
        low, high = layer.extent.world
        np.testing.assert_allclose(low - layer.scale / 2, 0.0, atol=1e-9)
        layer.metadata["edge"] = high + layer.scale / 2
        assert set(map(str, layer.units)) == {"millimeter"}
    np.testing.assert_allclose(ulm.metadata["edge"], fus.metadata["edge"], atol=1e-6)
    assert fus.metadata["xarray"].attrs["modality"] == "fus"
    assert ulm.metadata["xarray"].attrs["modality"] == "ulm"
