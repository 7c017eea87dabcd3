"""Record of the animals that weights were trained on, so that nobody judges them on these."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_fus_ulm.cohort.seeds import SEED_BLOCK
from napari_fus_ulm.cohort.splits import seen_animals, training_files
from napari_fus_ulm.cohort.table import cohort_name
from napari_fus_ulm.generators.checkpoint import read_card


def memory(
    cohort: Path | None, seeds: range, init: Path | None, resumed: Path | None
) -> dict[str, Any]:
    """What a run's weights will have seen: what the initial weights have, then this run's data.

    Parameters
    ----------
    cohort : Path or None
        Folder of the pairs that a run learns from; None where it has none.
    seeds : range
        Seeds of the phantoms that it learns from; empty where there are none.
    init : Path or None
        Weights of another run that this one begins with.
    resumed : Path or None
        This run's own weights, where it is resumed; ``init`` is not read then.

    Returns
    -------
    dict
        ``animals`` of cohorts, and ``phantom_seeds`` as first and last + 1 seed, also of simulated
        animals in a cohort: evaluation refuses to judge the weights on these. ``phantom_trained``:
        whether any image that this run learns from is simulated. ``began_with``: the earlier runs,
        each with its data, patches and minutes.

    Raises
    ------
    CohortError
        If a fUS file cannot be read.
    """
    before = resumed or init
    training = read_card(before).training if before else {}
    earlier = list(training.get("began_with", []))
    if init and not resumed:
        earlier.append({k: training.get(k) for k in ("data", "patches", "minutes")})
    animals, phantoms = list(training.get("animals", [])), phantom_seeds(training)
    simulated = len(seeds) > 0
    if simulated:
        phantoms.append([seeds.start, seeds.stop])
    if cohort is not None:
        seen = seen_animals(training_files(cohort), cohort_name(cohort))
        phantoms += [
            [one["phantom_seed"], one["phantom_seed"] + 1] for one in seen if "phantom_seed" in one
        ]
        simulated |= any(one.get("simulated") for one in seen)
        animals += seen
    return {
        "animals": _once(animals),
        "phantom_seeds": _merged(phantoms),
        "phantom_trained": simulated,
        "began_with": earlier,
    }


def _merged(ranges: list[list[int]]) -> list[list[int]]:
    """Ranges of seeds in ascending order, those that touch or overlap as one."""
    merged: list[list[int]] = []
    for first, stop in sorted(ranges):
        if merged and first <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], stop)
        else:
            merged.append([first, stop])
    return merged


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
    return list({json.dumps(one, sort_keys=True): one for one in items}.values())
