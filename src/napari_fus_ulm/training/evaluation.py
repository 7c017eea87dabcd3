"""Names of the rows that the demo shows."""

from __future__ import annotations

from napari_fus_ulm.inference.settings import Mode

MODES: tuple[Mode, ...] = ("accurate", "balanced", "detailed")
BASELINE = "input (bicubic, mapped)"
