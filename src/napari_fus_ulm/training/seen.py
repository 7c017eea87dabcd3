"""What weights remember of whom they have seen, so that nobody judges them on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_fus_ulm.generators.checkpoint import read_card
from napari_fus_ulm.pairs.cohort import cohort_name
from napari_fus_ulm.pairs.splits import seen_animals
from napari_fus_ulm.training import data
from napari_fus_ulm.training.settings import SEED_BLOCK, TrainSettings


def whom_it_sees(settings: TrainSettings, before: Path | None) -> dict[str, list[Any]]:
    """Whom a run's weights will have seen: those that they begin with, then their own.

    Animals of cohorts under ``animals``, first and last + 1 seed of phantoms under
    ``phantom_seeds``. Evaluation refuses to judge the weights on these.

    Parameters
    ----------
    settings : TrainSettings
    before : Path or None
        Weights that the run goes on from.
    """
    training = read_card(before).training if before else {}
    animals, seeds = list(training.get("animals", [])), phantom_seeds(training)
    if settings.pairs is None:
        first = settings.seed * SEED_BLOCK
        seeds.append([first, first + settings.phantoms])
    else:
        own = Path(settings.pairs)
        animals += seen_animals(data.training_files(own), cohort_name(own))
    return {"animals": _once(animals), "phantom_seeds": _once(seeds)}


def phantom_seeds(training: dict[str, Any]) -> list[list[int]]:
    """First and last + 1 seeds of the phantoms that a card's weights were trained on."""
    if "phantom_seeds" in training:
        return [list(pair) for pair in training["phantom_seeds"]]
    settings = training.get("settings") or {}
    if not training.get("phantom_trained") or not settings.get("phantoms"):
        return []
    first = int(settings.get("seed", 0)) * SEED_BLOCK
    return [[first, first + int(settings["phantoms"])]]


def _once(items: list[Any]) -> list[Any]:
    return [one for n, one in enumerate(items) if one not in items[:n]]
