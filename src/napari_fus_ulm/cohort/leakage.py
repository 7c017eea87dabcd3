"""No evaluation on training data: weights, renamed images, seeds of phantoms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import xarray as xr

from napari_fus_ulm.cohort import splits
from napari_fus_ulm.cohort.splits import Split, refuse_seen, seen_before
from napari_fus_ulm.errors import LeakageError
from napari_fus_ulm.generators.checkpoint import read_card


class JudgedPair(Protocol):
    """A pair on which something is to be judged."""

    @property
    def name(self) -> str:
        """What it is called in tables."""

    @property
    def fus(self) -> xr.DataArray:
        """Its power Doppler."""

    @property
    def ulm(self) -> xr.DataArray:
        """Its ULM."""


def refuse_weights(split: Split, weights: Path, cohort: str) -> None:
    """Refuse weights whose card lists an animal of the validation or test side.

    Raises
    ------
    LeakageError
    CohortError
        If a fUS file cannot be read.
    """
    seen = read_card(weights).training.get("animals") or []
    # Phantoms that are simulated when needed have no files that could have been trained on.
    if seen and all(pair.fus.is_file() for _, side in split.sides() for pair in side):
        refuse_seen(split, seen, weights.name, cohort=cohort)


def refuse_phantoms(judged: Sequence[JudgedPair], weights: Path) -> None:
    """Refuse weights that were trained on the phantoms they would be judged on.

    They are identified by their seeds, or by their pixels where the provenance was lost.

    Raises
    ------
    LeakageError
    """
    from napari_fus_ulm.cohort.seen import phantom_seeds

    training = read_card(weights).training
    known, animals = phantom_seeds(training), training.get("animals") or []
    for pair in judged:
        seed = phantom_seed(pair)
        for first, stop in known:
            if seed is not None and first <= seed < stop:
                raise LeakageError(
                    f"{pair.name} is the phantom of seed {seed}, and the weights {weights.name} "
                    f"were trained on the seeds {first} to {stop - 1}; judge them on phantoms "
                    "with other seeds."
                )
        if animals and (one := seen_before(pair.fus, animals)):
            raise LeakageError(
                f"The weights {weights.name} were trained on {pair.name}, under the name "
                f"{one['animal']}; judge them on others."
            )


def phantom_seed(pair: JudgedPair) -> int | None:
    """Seed of a simulated pair, as its fUS file stores it; None for a recording."""
    return splits.phantom_seed(pair.fus)


def refuse_copies(known: Sequence[JudgedPair], judged: Sequence[JudgedPair], side: str) -> None:
    """Refuse an image that was copied to another side under another name: equal pixels.

    Raises
    ------
    LeakageError
    """
    for one in known:
        for other in judged:
            if one.name == other.name:
                continue
            for kind in ("fus", "ulm"):
                a, b = getattr(one, kind).values, getattr(other, kind).values
                if a.shape == b.shape and a.any() and np.array_equal(a, b):
                    raise LeakageError(
                        f"{one.name} and {other.name} hold the same {kind} image, and "
                        f"{other.name} is on the {side} side; remove one of them."
                    )
