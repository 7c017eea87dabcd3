"""Splits by animal: an animal seen in training cannot test what was learnt.

Sections of one animal resemble each other more than those of two animals, so all of them stay on
one side. What breaks this rule is refused, not warned about.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from napari_fus_ulm.cohort.table import (
    HASH_DIGITS,
    SIDES,
    TABLE,
    PairFiles,
    fingerprint,
    read_cohort,
)
from napari_fus_ulm.errors import CohortError, LeakageError, ScanError


@dataclass(frozen=True, slots=True)
class Split:
    """Pairs to train on, to tune on, and to test on.

    Raises
    ------
    LeakageError
        If an animal (upper and lower case count as equal) or an image file is on two sides.
    """

    train: tuple[PairFiles, ...]
    validation: tuple[PairFiles, ...]
    test: tuple[PairFiles, ...]

    def __post_init__(self) -> None:
        for (one, first), (other, second) in itertools.combinations(self.sides(), 2):
            animals = {animal_key(pair.animal): pair.animal for pair in first}
            files = {path: pair for pair in first for path in _images(pair)}
            for pair in second:
                if (key := animal_key(pair.animal)) in animals:
                    raise LeakageError(
                        f"The animal {animals[key]} is on two sides of the split, {one} and "
                        f"{other}; put all pairs of an animal on one side."
                    )
                for path in _images(pair):
                    if path in files:
                        raise LeakageError(
                            f"The image {path} is on two sides of the split, {one} (pair "
                            f"{files[path].name}) and {other} (pair {pair.name}); keep it on one."
                        )

    def sides(self) -> tuple[tuple[str, tuple[PairFiles, ...]], ...]:
        """Return the three sides, each with its name."""
        return tuple(zip(SIDES, (self.train, self.validation, self.test), strict=True))


def animal_key(animal: str) -> str:
    """What two spellings of one animal's name share."""
    return animal.strip().casefold()


def _images(pair: PairFiles) -> tuple[Path, Path]:
    return pair.fus.resolve(), pair.ulm.resolve()


def split_of(pairs: Iterable[PairFiles]) -> Split:
    """Return the split that a cohort's table gives; pairs without a side are left out.

    Raises
    ------
    CohortError
        If no pair has a side.
    LeakageError
        If an animal or an image is on two sides.
    """
    known = tuple(pairs)
    if not any(pair.split for pair in known):
        raise CohortError(
            "The pairs have no split; write train, validation or test into the column “split” of "
            "pairs.csv, or have splits drawn (--splits)."
        )
    train, validation, test = (tuple(p for p in known if p.split == side) for side in SIDES)
    return Split(train, validation, test)


def draw_splits(
    pairs: Iterable[PairFiles],
    k: int,
    *,
    seed: int = 0,
    train: int = 29,
    validation: int = 1,
    test: int = 5,
) -> list[Split]:
    """Draw splits by animal, no two with the same animals on the test side.

    Parameters
    ----------
    pairs : iterable of PairFiles
        Their own sides are ignored.
    k : int
        Number of splits.
    seed : int
        The first splits do not depend on ``k``, nor any on the order of the pairs.
    train, validation, test : int
        Animals on each side; the study's by default. Where there are fewer animals, all of them
        are used in about these proportions, at least one on each side.

    Raises
    ------
    CohortError
        If there are fewer than three animals, or too few for ``k`` different test sides.
    """
    if min(k, train, validation, test) < 1:
        raise CohortError("The number of splits and of animals on each side must be at least 1.")
    planes: dict[str, list[PairFiles]] = {}
    for pair in sorted(pairs, key=lambda pair: pair.name):
        planes.setdefault(animal_key(pair.animal), []).append(pair)
    animals = sorted(planes)
    if len(animals) < len(SIDES):
        raise CohortError(
            f"There are {len(animals)} animals; a split needs at least three: one to train on, one "
            "to validate, one to test."
        )
    sizes = _scaled((train, validation, test), len(animals))
    possible = math.comb(len(animals), sizes[2])
    if k > possible:
        raise CohortError(
            f"{len(animals)} animals with {sizes[2]} on the test side allow {possible} different "
            f"splits; {k} were requested."
        )
    random = np.random.default_rng(seed)
    drawn: dict[frozenset[str], Split] = {}
    while len(drawn) < k:
        order = iter(random.permutation(len(animals)).tolist())
        sides = [[animals[n] for n in itertools.islice(order, size)] for size in sizes]
        chosen = [tuple(p for a in sorted(side) for p in planes[a]) for side in sides]
        drawn.setdefault(frozenset(sides[2]), Split(*chosen))
    return list(drawn.values())


def _scaled(sizes: Sequence[int], animals: int) -> tuple[int, ...]:
    """Sizes for fewer animals: one each, the rest in proportion (largest remainders)."""
    if animals >= sum(sizes):
        return tuple(sizes)
    rest = animals - len(sizes)
    share = np.array([size - 1 for size in sizes]) * (rest / (sum(sizes) - len(sizes)))
    whole = np.floor(share).astype(int)
    for side in np.argsort(whole - share, kind="stable")[: rest - int(whole.sum())]:
        whole[side] += 1
    return tuple((1 + whole).tolist())


# ---------------------------------------------------------------- what weights have seen


def pixel_fingerprint(scan: xr.DataArray) -> str:
    """Return the first 16 digits of the SHA-256 of an image's shape and float32 values.

    Unlike a hash of the file, it survives another file format.
    """
    values = np.ascontiguousarray(scan.squeeze().values, dtype="<f4")
    hashed = hashlib.sha256(repr(values.shape).encode())
    hashed.update(values.tobytes())
    return hashed.hexdigest()[:HASH_DIGITS]


def is_simulated(scan: xr.DataArray) -> bool:
    """Whether an image's provenance says that it was simulated."""
    provenance: Any = scan.attrs.get("provenance")
    return isinstance(provenance, dict) and bool(provenance.get("simulated"))


def phantom_seed(scan: xr.DataArray) -> int | None:
    """Seed of a simulated animal, as its image's provenance stores it; None for a recording."""
    seed = scan.attrs["provenance"].get("seed") if is_simulated(scan) else None
    return int(seed) if isinstance(seed, int | float) else None


def seen_animals(pairs: Iterable[PairFiles], cohort: str) -> list[dict[str, Any]]:
    """Return what a card keeps of the pairs trained on.

    Each has ``cohort``, ``animal`` and ``fus_pixels``, see :func:`pixel_fingerprint`; a simulated
    one also ``simulated`` and, where it is stored, ``phantom_seed``.

    Raises
    ------
    CohortError
        If a fUS file cannot be read.
    """
    return [
        {"cohort": cohort, "animal": pair.animal, **_record_of(_read_fus(pair.fus))}
        for pair in pairs
    ]


def _record_of(fus: xr.DataArray) -> dict[str, Any]:
    record: dict[str, Any] = {"fus_pixels": pixel_fingerprint(fus)}
    if is_simulated(fus):
        record["simulated"] = True
        if (seed := phantom_seed(fus)) is not None:
            record["phantom_seed"] = seed
    return record


def _read_fus(path: Path) -> xr.DataArray:
    from napari_fus_ulm.io import read_one

    try:
        return read_one(path, modality="fus")
    except ScanError as error:
        raise CohortError(f"{path}: {error}") from error


def refuse_seen(
    split: Split,
    seen: Iterable[Mapping[str, Any]],
    weights_name: str,
    *,
    cohort: str = "",
) -> None:
    """Refuse weights that were trained on an animal of the validation or test side.

    Animals are identified by the pixels of their fUS images, so neither another name nor another
    format hides one; simulated ones also by their seed; and by their names where the cohort's name
    is equal too, since two laboratories both have a sub-01.

    Parameters
    ----------
    split : Split
    seen : iterable of mapping
        ``training["animals"]`` of the weights' card, see :func:`seen_animals`.
    weights_name : str
        For the sentence.
    cohort : str
        Name of the cohort of ``split``, see :func:`napari_fus_ulm.cohort.table.cohort_name`.

    Raises
    ------
    LeakageError
        If there is one.
    CohortError
        If a fUS file cannot be read.
    """
    known = tuple(seen)
    animals = {animal_key(one["animal"]) for one in known if one.get("cohort", "") == cohort}
    for side, pairs in split.sides()[1:]:
        for pair in pairs:
            if animal_key(pair.animal) in animals:
                leak = f"the animal {pair.animal} of the {side} side"
            elif known and (one := seen_before(_read_fus(pair.fus), known)):
                leak = (
                    f"the image {pair.fus.name} of the {side} side, or another of the same "
                    f"phantom, under the name {one['animal']}"
                    if "phantom_seed" in one
                    else f"the image {pair.fus.name} of the {side} side, under the name "
                    f"{one['animal']}"
                )
            else:
                continue
            raise LeakageError(
                f"The weights {weights_name} were trained on {leak}, so their numbers would mean "
                "nothing; train without it, or choose other weights or another split."
            )


def seen_before(fus: xr.DataArray, seen: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return what :func:`seen_animals` kept of an image or its phantom; None if nothing.

    An image with equal pixels comes before another one of the same phantom.
    """
    known, record = tuple(seen), _record_of(fus)
    for key in ("fus_pixels", "phantom_seed"):
        for one in known:
            if key in record and one.get(key) == record[key]:
                return one
    return None


def same_images(pairs: Iterable[PairFiles]) -> list[tuple[PairFiles, Path, PairFiles, Path]]:
    """Return images that occur twice: the first pair and its file, and the copy's pair and file.

    Files that cannot be opened are skipped.
    """
    first: dict[str, tuple[PairFiles, Path]] = {}
    copies = []
    for pair in pairs:
        for path in (pair.fus, pair.ulm):
            try:
                key = fingerprint(path)
            except OSError:
                continue
            if key in first:
                copies.append((*first[key], pair, path))
            else:
                first[key] = (pair, path)
    return copies


def training_files(folder: Path) -> tuple[PairFiles, ...]:
    """Return the pairs of a folder that may be trained on.

    All of them; where the table has splits, those on the train side only.

    Raises
    ------
    CohortError
        If the folder holds no pairs (see :func:`napari_fus_ulm.cohort.table.read_cohort`), or
        nothing is on the train side.
    LeakageError
        If an animal or an image is on two sides.
    """
    pairs = read_cohort(folder)
    if not any(pair.split for pair in pairs):
        return pairs
    chosen = split_of(pairs).train
    if not chosen:
        raise CohortError(
            f"No pair in {folder / TABLE} is on the train side; write train into the column "
            "“split” of those to train on."
        )
    return chosen


def validation_files(folder: Path) -> tuple[PairFiles, ...]:
    """Return the pairs on the validation side of a folder's table; none where it has no splits."""
    pairs = read_cohort(folder)
    return split_of(pairs).validation if any(pair.split for pair in pairs) else ()
