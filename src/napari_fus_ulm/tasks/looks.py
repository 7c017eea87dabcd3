"""How the classes of drawn vessels look, in the viewer and in figures: colour, pattern, words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.output.figures import on_dimmed
from napari_fus_ulm.output.outlines import INSIDE, SIGNS, Labels, Pattern, outlined

GOOD, OPEN, BAD, NONE = "#20d8aa", "#56b4e9", "#ff4df0", "#a9b4c8"
"""Bluish green, sky blue, magenta, grey. None is a colour of the map *hot* over which they are
drawn: the CIEDE2000 from its nearest colour is 27, 29, 39 and 20 (tests measure it)."""
DOTS = 600.0
"""Dots per inch of a figure with outlines, which are thin."""


@dataclass(frozen=True, slots=True)
class Look:
    """A class of drawn vessels.

    Parameters
    ----------
    label : int
    name : str
    colour : str
        “#rrggbb”.
    pattern : {"solid", "dashed", "dotted", "hatched"}
        Of its outline, besides the colour.
    meaning : str
    """

    label: int
    name: str
    colour: str
    pattern: Pattern
    meaning: str

    @property
    def sign(self) -> str:
        """The pattern in a line of text."""
        return 2 * SIGNS[self.pattern]


def outlines(classes: npt.NDArray[Any], looks: Sequence[Look]) -> Labels:
    """Return the classes as outlines on a finer grid: see `napari_fus_ulm.output.outlines`."""
    return outlined(classes, {look.label: look.pattern for look in looks})


def inside(look: Look) -> int:
    """Label of the pixels within a class's outline, which are not painted."""
    return look.label + INSIDE


def drawn_on(
    grey: npt.NDArray[np.floating], classes: npt.NDArray[Any], looks: Sequence[Look]
) -> npt.NDArray[np.floating]:
    """Return a dimmed image with the classes outlined on it, (height, width, 3), for a figure."""
    return on_dimmed(grey, outlines(classes, looks), {look.label: look.colour for look in looks})


def in_words(looks: Sequence[Look]) -> str:
    """A legend without colours for a figure's title: “solid: hit, dashed: missed”."""
    return ", ".join(f"{look.pattern}: {look.name}" for look in looks)
