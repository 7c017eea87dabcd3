"""A reader's answer to a trial, complete or not yet; nothing here needs Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from napari_fus_ulm.tasks.review import Preference

Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Two ratings, a preference and a comment.

    Parameters
    ----------
    left, right : int or None
        Continuity of the vessels, 1 to 5.
    preference : {"left", "right", "none"} or None
        "none" is no difference.
    comment : str
    """

    left: int | None = None
    right: int | None = None
    preference: Preference | None = None
    comment: str = ""

    @property
    def next_side(self) -> Side | None:
        """The side that the next rating is for."""
        return "left" if self.left is None else "right" if self.right is None else None

    @property
    def missing(self) -> tuple[str, ...]:
        """What the answer still lacks."""
        sides = tuple(f"the {side} rating" for side in SIDES if getattr(self, side) is None)
        return sides if self.preference is not None else (*sides, "the preference")

    def rated(self, rating: int) -> Answer:
        """Return the answer with one more rating, while one is missing."""
        side = self.next_side
        return self if side is None else replace(self, **{side: rating})  # type: ignore[arg-type]

    def taken_back(self) -> Answer:
        """Return the answer without its last rating."""
        return replace(self, right=None) if self.right is not None else replace(self, left=None)
