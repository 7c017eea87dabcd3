"""Measures: how near a picture is to its reference."""

from napari_fus_ulm.metrics.fidelity import (
    Fidelity,
    fidelity,
    lpips_distance,
    mean_and_sd,
    table,
)
from napari_fus_ulm.metrics.vessels import (
    VesselRule,
    VesselScores,
    mask_scores,
    vessel_mask,
    vessel_scores,
)

__all__ = [
    "Fidelity",
    "VesselRule",
    "VesselScores",
    "fidelity",
    "lpips_distance",
    "mask_scores",
    "mean_and_sd",
    "table",
    "vessel_mask",
    "vessel_scores",
]
