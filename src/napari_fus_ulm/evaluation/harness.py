"""The study's protocol on any cohort: fit on one side of a split, judge on the other.

Long work is an iterator of small frozen events; stopping the iteration cancels it. Baselines are
fitted again for every split. Generators are not trained here, so repeated splits show how much the
choice of test animals matters, not how much the choice of training animals does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from napari_fus_ulm.cohort.leakage import refuse_copies, refuse_phantoms, refuse_weights
from napari_fus_ulm.cohort.splits import Split, animal_key
from napari_fus_ulm.cohort.table import PairFiles
from napari_fus_ulm.declared import check_declared
from napari_fus_ulm.errors import EvaluationError
from napari_fus_ulm.evaluation.methods import REFERENCES, Method
from napari_fus_ulm.evaluation.pairs import PIXEL_UM, EvaluationPair, Grey, load_pair
from napari_fus_ulm.evaluation.scores import Scores, score
from napari_fus_ulm.evaluation.settings import JudgedPixel, JudgedSide, Side
from napari_fus_ulm.evaluation.tree import DEFAULT_TREE_RULE, TreeRule
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.inference.events import Progress
from napari_fus_ulm.metrics.vessels import DEFAULT_RULE, VesselRule

CACHED_PAIRS = 64
"""Prepared pairs kept in memory (about 6 MB each)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSettings:
    """How pictures are judged.

    Parameters
    ----------
    side : {"test", "validation"}
        Side of the split that is judged. On the validation side the baselines are tuned on
        training pairs.
    pixel_um : float
        Grid on which everything is compared, µm.
    cohort : str
        Name of the cohort, by which weights cards record what they have seen.
    rule : VesselRule
        What counts as a vessel.
    tree_rule : TreeRule
        What part of a simulated tree can be seen.
    """

    side: JudgedSide = "test"
    pixel_um: JudgedPixel = PIXEL_UM
    cohort: str = ""
    rule: VesselRule = DEFAULT_RULE
    tree_rule: TreeRule = DEFAULT_TREE_RULE

    def __post_init__(self) -> None:
        check_declared(self)


@dataclass(frozen=True, slots=True)
class ImageScored:
    """One picture of one pair, judged.

    Attributes
    ----------
    split : int
        Number of the split, from 1.
    method : str
        Key of the method.
    image, animal : str
    scores : Scores
    seconds : float
        Time it took to make the picture.
    pair : EvaluationPair or None
        The pair it was made from and judged by; None in a finished evaluation.
    picture : (height, width) array or None
        Grey levels in [0, 1]; None in a finished evaluation.
    """

    split: int
    method: str
    image: str
    animal: str
    scores: Scores
    seconds: float
    pair: EvaluationPair | None = field(default=None, repr=False, compare=False)
    picture: Grey | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Row:
    """A method in the tables: what it is, and what was chosen in each split."""

    key: str
    title: str
    note: str
    chosen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that was measured.

    Attributes
    ----------
    settings : EvaluationSettings
    rows : tuple of Row
        In the order of the tables.
    images : tuple of ImageScored
        Without their pictures.
    splits : tuple of dict
        Names of the pairs on each side.
    notes : tuple of str
        What was left out, and why.
    """

    settings: EvaluationSettings
    rows: tuple[Row, ...]
    images: tuple[ImageScored, ...]
    splits: tuple[dict[str, list[str]], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """The whole evaluation."""

    evaluation: Evaluation


Event = Progress | ImageScored | Finished
Load = Callable[[PairFiles, float], EvaluationPair]


def evaluate_events(
    splits: Sequence[Split],
    methods: Sequence[Method],
    settings: EvaluationSettings | None = None,
    *,
    load: Load = load_pair,
) -> Iterator[Event]:
    """Judge methods on one side of every split, event by event.

    Parameters
    ----------
    splits : sequence of Split
    methods : sequence of Method
        Those that need more training animals than a split has are left out, with a note.
    settings : EvaluationSettings, optional
    load : callable
        Makes an :class:`EvaluationPair` of an entry of a split at a pixel size.

    Yields
    ------
    Progress
        Before every piece of work; ``done`` counts fits and pictures.
    ImageScored, Finished

    Raises
    ------
    LeakageError
        If weights have seen an animal they would be judged on, or one image is on two sides under
        two names. Nothing of that split is judged then.
    EvaluationError
        If a side is empty or a file cannot be used; the sentence names it.
    """
    chosen = settings or EvaluationSettings()
    methods, left_out = enough_animals(splits, methods)
    _check(splits, methods, chosen)
    cached = lru_cache(maxsize=CACHED_PAIRS)(lambda files: load(files, chosen.pixel_um))
    total = sum(len(methods) * (1 + len(_judged(split, chosen.side))) for split in splits)
    done = 0
    images: list[ImageScored] = []
    notes: dict[str, list[str]] = {method.key: [] for method in methods}
    for number, split in enumerate(splits, start=1):
        label = f"split {number}/{len(splits)}: " if len(splits) > 1 else ""
        judged = _judged(split, chosen.side)
        yield Progress(done, total, f"{label}reading")
        learning = any(method.learns for method in methods)
        train = [cached(files) for files in split.train] if learning else []
        tuning = [cached(files) for files in split.validation] if learning else []
        if learning:
            refuse_copies((*train, *tuning), [cached(files) for files in judged], chosen.side)
        for method in methods:
            if method.weights is not None:
                refuse_phantoms([cached(files) for files in judged], method.weights)
        for method in methods:
            yield Progress(done, total, f"{label}{method.title}, fitting")
            fitted = method.fit(train, tuning if chosen.side == "test" else [])
            notes[method.key].append(fitted.note)
            done += 1
            for files in judged:
                yield Progress(done, total, f"{label}{method.title}, {files.name}")
                pair = cached(files)
                started = time.monotonic()
                picture = fitted.picture(pair)
                seconds = time.monotonic() - started
                scores = score(
                    picture,
                    pair.truth,
                    pair.grid.pixel_mm,
                    vessels=pair.vessels,
                    extent_mm=Grid.of(pair.fus).extent_mm,
                    rule=chosen.rule,
                    tree_rule=chosen.tree_rule,
                )
                values = (number, method.key, pair.name, pair.animal, scores, seconds)
                images.append(ImageScored(*values))
                yield ImageScored(*values, pair, picture)
                done += 1
    yield Progress(done, total, "")
    rows = tuple(Row(m.key, m.title, m.note, tuple(notes[m.key])) for m in methods)
    sides = tuple({s: [f.name for f in files] for s, files in split.sides()} for split in splits)
    yield Finished(Evaluation(chosen, rows, tuple(images), sides, left_out))


def evaluate(
    splits: Sequence[Split],
    methods: Sequence[Method],
    settings: EvaluationSettings | None = None,
    *,
    load: Load = load_pair,
) -> Evaluation:
    """The same as :func:`evaluate_events`, in one go."""
    for event in evaluate_events(splits, methods, settings, load=load):
        if isinstance(event, Finished):
            return event.evaluation
    raise RuntimeError("The evaluation ended without a result.")


def enough_animals(
    splits: Sequence[Split], methods: Sequence[Method]
) -> tuple[tuple[Method, ...], tuple[str, ...]]:
    """Methods for which every split has enough training animals, and a sentence on each other one.

    Raises
    ------
    EvaluationError
        If nothing but the ULM itself would be left.
    """
    # A split without a training side has its own sentence.
    sizes = [len({animal_key(pair.animal) for pair in split.train}) for split in splits]
    least = min((size for size in sizes if size), default=0)
    usable: list[Method] = []
    notes: list[str] = []
    for method in methods:
        if not method.learns or not least or method.animals <= least:
            usable.append(method)
        else:
            notes.append(
                f"The row “{method.title}” is left out: it needs {method.animals} training "
                f"animals, and there {'is' if least == 1 else 'are'} {least}."
            )
    if notes and all(method.key in REFERENCES for method in usable):
        raise EvaluationError(" ".join(notes))
    return tuple(usable), tuple(notes)


def _judged(split: Split, side: Side) -> tuple[PairFiles, ...]:
    return split.test if side == "test" else split.validation


def _check(
    splits: Sequence[Split], methods: Sequence[Method], settings: EvaluationSettings
) -> None:
    """Refuse what cannot be judged, before any work is done."""
    if not splits or not methods:
        raise EvaluationError("There is nothing to evaluate: no split or no method.")
    for split in splits:
        if not _judged(split, settings.side):
            raise EvaluationError(
                f"The {settings.side} side of the split holds no pair; write {settings.side} into "
                "the column “split” of pairs.csv for at least one animal."
            )
        if not split.train and any(method.learns for method in methods):
            raise EvaluationError(
                "The training side of the split holds no pair, and the baselines are fitted on "
                "it; name generators only (--methods), or give the split a training side."
            )
        for method in methods:
            if method.weights is not None:
                refuse_weights(split, method.weights, settings.cohort)
