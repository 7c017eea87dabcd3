"""Sample data: a simulated pair, so that the plugin can be tried without a file."""

from __future__ import annotations

from napari_fus_ulm._napari.layers.from_scan import LayerData, scan_to_layer


def phantom_pair() -> list[LayerData]:
    """Read power Doppler and ULM of one simulated rat section, aligned.

    Returns
    -------
    list of layer data tuples
        "phantom power Doppler" above "phantom ULM".
    """
    from napari_fus_ulm.tasks.sample import sample_pair

    pair = sample_pair()
    return [
        scan_to_layer(pair.ulm, name="phantom ULM"),
        scan_to_layer(pair.fus, name="phantom power Doppler"),
    ]
