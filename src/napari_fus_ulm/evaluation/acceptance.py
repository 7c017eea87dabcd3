"""Whether weights of one's own should be used instead of the bundled ones.

Both are judged on the same animals, which neither has seen, beside the input and another animal's
ULM. The differences are paired by image, and whole animals are resampled
(:mod:`napari_fus_ulm.evaluation.intervals`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_fus_ulm.cohort.splits import animal_key
from napari_fus_ulm.evaluation.baselines import OTHER, baselines
from napari_fus_ulm.evaluation.columns import difference_of
from napari_fus_ulm.evaluation.generated import generators
from napari_fus_ulm.evaluation.harness import Evaluation
from napari_fus_ulm.evaluation.intervals import Summary
from napari_fus_ulm.evaluation.methods import INPUT, Method
from napari_fus_ulm.generators.checkpoint import bundled_weights, read_card

LEAST_ANIMALS = 3
"""Judged animals from which on a difference may be expected to hold for others."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure that decides.

    Attributes
    ----------
    name : str
        In the evaluation's CSV.
    words : str
    falls : bool
        Whether smaller is better.
    digits : int
    """

    name: str
    words: str
    falls: bool
    digits: int = 3


DECIDES = {
    "accurate": (Measure("mse", "MSE", True, 4), Measure("cl_dice", "clDice", False)),
    "detailed": (Measure("lpips", "LPIPS", True), Measure("cl_dice", "clDice", False)),
}
"""What matters in each mode: *Accurate* is to be near, *Detailed* to look like ULM, and both are
to draw the vessels that are there."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A measure of the new weights less that of the ones before.

    Attributes
    ----------
    mode : str
    measure : Measure
    difference : Summary
        Over images, with its interval over animals.
    """

    mode: str
    measure: Measure
    difference: Summary

    @property
    def sense(self) -> str:
        """ "better" or "worse" where the whole interval says so, else "undecided"."""
        low, high = self.difference.low, self.difference.high
        if math.isnan(low) or low <= 0.0 <= high:
            return "undecided"
        return "better" if (high < 0.0) == self.measure.falls else "worse"

    def __str__(self) -> str:
        one, digits = self.difference, self.measure.digits
        known = not math.isnan(one.low)
        interval = f" ({one.low:+.{digits}f} to {one.high:+.{digits}f})" if known else ""
        mode = self.mode.capitalize()
        return f"{mode}, {self.measure.words}: {one.mean:+.{digits}f}{interval}, {self.sense}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the new weights are offered first, and why.

    Attributes
    ----------
    offered : bool
    sentence : str
    compared : tuple of Compared
    """

    offered: bool
    sentence: str
    compared: tuple[Compared, ...]


def rivals(weights: Path) -> tuple[tuple[Method, ...], dict[str, str]]:
    """The rows of an acceptance, and which of them are the pictures before: new key to old key.

    Parameters
    ----------
    weights : Path
        The new ones; they are set beside the bundled weights of their generator.

    Raises
    ------
    CheckpointError
        If a card cannot be read, or no weights ship for the generator.
    """
    before = bundled_weights(read_card(weights).generator)
    drawn = generators((weights, before))
    new = [one for one in drawn if one.weights == weights]
    old = [one for one in drawn if one.weights == before]
    beside = tuple(one for one in baselines() if one.key in (INPUT, OTHER))
    pairs = {
        one.key: other.key for one in new for other in old if _mode(one.key) == _mode(other.key)
    }
    return (*beside, *new, *old), pairs


def verdict(evaluation: Evaluation, pairs: dict[str, str]) -> Verdict:
    """Decide by the differences.

    New weights are offered first where they are better in something that matters and worse in
    nothing, over at least :data:`LEAST_ANIMALS` animals.

    Parameters
    ----------
    evaluation : Evaluation
    pairs : dict of str to str
        See :func:`rivals`.
    """
    rows = {row.key: row for row in evaluation.rows}
    compared = tuple(
        Compared(_mode(new), measure, difference_of(evaluation, rows[new], measure.name, old))
        for new, old in pairs.items()
        for measure in DECIDES.get(_mode(new), ())
    )
    animals = len({animal_key(one.animal) for one in evaluation.images})
    return Verdict(*_decided(compared, animals), compared)


def _decided(compared: Sequence[Compared], animals: int) -> tuple[bool, str]:
    better, worse = (
        [f"{one.mode.capitalize()} {one.measure.words}" for one in compared if one.sense == sense]
        for sense in ("better", "worse")
    )
    if worse:
        gains = f", although better in {', '.join(better)}" if better else ""
        return False, f"Not offered first: worse than before in {', '.join(worse)}{gains}."
    if animals < LEAST_ANIMALS:
        judged = "one animal" if animals == 1 else f"{animals} animals"
        return False, (
            f"Not offered first: judged on {judged} that they have not seen, and with fewer than "
            f"{LEAST_ANIMALS} a difference may not hold for others. Keep more animals apart."
        )
    if not better:
        return False, (
            "Not offered first: no difference that matters is beyond chance. More pairs, or a "
            "longer training, may show one."
        )
    return True, f"Offered first: better than before in {', '.join(better)}, worse in nothing."


def _mode(key: str) -> str:
    return key.rpartition("-")[2]
