"""What is compared: the input, simple baselines, and generators, all with one small interface.

A baseline that is not ULM-like by itself passes through one monotone intensity map, fitted on the
training pairs (:mod:`napari_fus_ulm.grey.intensity_map`): otherwise any model beats it by contrast
alone. Nothing is ever fitted on the pairs that are judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_fus_ulm.errors import EvaluationError
from napari_fus_ulm.evaluation.pairs import EvaluationPair, Grey
from napari_fus_ulm.grey.intensity_map import fit_monotone_map
from napari_fus_ulm.grey.pair import PreparedPair

Pairs = Sequence[EvaluationPair]
Picture = Callable[[EvaluationPair], Grey]

INPUT, ULM, SHIFTED = "input", "ulm", "ulm-shifted"
"""Keys of the baseline row, of the ULM itself, and of the ULM moved to where fUS has it."""
REFERENCES = (ULM, SHIFTED)
"""Rows made from the ULM: they do not compete and are never the best."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A method ready to be applied.

    Attributes
    ----------
    picture : callable
        From a pair to grey levels in [0, 1] on its grid; it uses the pair's fUS only.
    note : str
        What the fitting chose; empty where there was nothing to choose.
    """

    picture: Picture
    note: str = ""


@dataclass(frozen=True, slots=True)
class Method:
    """One row of the tables.

    Attributes
    ----------
    key : str
        Its name in files and on the command line.
    title : str
        Its name in tables.
    note : str
        One sentence on what the row is.
    fit : callable
        From the training and the validation pairs to a :class:`Fitted`.
    learns : bool
        Whether it needs training pairs.
    animals : int
        Training animals that it needs, where it learns.
    weights : Path or None
        Of a generator: the file whose card says what it has seen.
    """

    key: str
    title: str
    note: str
    fit: Callable[[Pairs, Pairs], Fitted]
    learns: bool = False
    animals: int = 1
    weights: Path | None = None


def chosen(methods: Sequence[Method], words: Sequence[str]) -> tuple[Method, ...]:
    """The methods named by words, in the order of ``methods``.

    A word is a key, or the part before or after a key's last hyphen (a generator, a mode).

    Raises
    ------
    EvaluationError
        If a word names none; the message lists the available ones.
    """
    if not words:
        return tuple(methods)
    names = {method.key: {method.key, *method.key.rsplit("-", 1)} for method in methods}
    for word in words:
        if not any(word in known for known in names.values()):
            raise EvaluationError(f"There is no method “{word}”; available: {', '.join(names)}.")
    return tuple(method for method in methods if names[method.key] & set(words))


def fit_mapped(raw: Picture, train: Pairs) -> list[float]:
    """The monotone map of a baseline's pictures of the training pairs onto their ULM."""
    return fit_monotone_map(PreparedPair(raw(pair), pair.truth) for pair in train)
