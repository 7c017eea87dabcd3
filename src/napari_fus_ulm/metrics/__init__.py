"""Measures: how near a picture is to its reference."""

from napari_fus_ulm.metrics.fidelity import (
    Fidelity,
    fidelity,
    lpips_distance,
    mean_and_sd,
    table,
)

__all__ = ["Fidelity", "fidelity", "lpips_distance", "mean_and_sd", "table"]
