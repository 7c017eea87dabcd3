"""What an evaluation and the task that runs it have in common. No torch and no scipy here."""

from __future__ import annotations

from typing import Annotated, Literal

from napari_fus_ulm.declared import Setting

Side = Literal["test", "validation"]
JudgedSide = Annotated[Side, Setting(label="Side", help="Side of the split that is evaluated.")]
JudgedPixel = Annotated[
    float, Setting(label="Pixel", help="Pixel size of the comparison, µm.", low=5.0, high=200.0)
]
