"""How a generator is applied by default. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """Patches, and how they are put together.

    Attributes
    ----------
    patch, overlap : int
        In pixels of the generator's own grid.
    window : {"box", "hann"}
    fusion : {"per-step", "at-end"}
    """

    patch: int = 768
    overlap: int = 192
    window: Literal["box", "hann"] = "box"
    fusion: Literal["per-step", "at-end"] = "per-step"


WHOLE_FRAME = Application()
"""Large tiles with a halo: a network that is a local function gives its whole-frame result."""
STUDY_PATCHES = Application(patch=128, overlap=64, window="hann", fusion="at-end")
"""As in the study: half-overlapping patches of the training size, blended once."""
