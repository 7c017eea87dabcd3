"""What the settings of several diagnostics have in common. No torch and no scipy here."""

from __future__ import annotations

from typing import Annotated

from napari_fus_ulm.declared import Setting

Witnesses = Annotated[
    int, Setting(label="Samples", help="Independent samples drawn as evidence.", low=2, high=64)
]
Steps = Annotated[
    int, Setting(label="Steps", help="Network evaluations per sample.", low=1, high=100)
]
Seed = Annotated[int, Setting(label="Seed", help="Seed of the samples.", low=0, high=2**31 - 1)]
