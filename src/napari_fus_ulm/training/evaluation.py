"""What a generator does on phantoms that nobody trained on: the numbers on its card."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from napari_fus_ulm.inference.enhance import enhance, input_on_grid
from napari_fus_ulm.inference.settings import EnhanceSettings, Mode
from napari_fus_ulm.metrics.fidelity import Fidelity, fidelity
from napari_fus_ulm.pairs.reference import reference_on_grid
from napari_fus_ulm.phantom import simulate_pair
from napari_fus_ulm.training.settings import TEST_SEED

MODES: tuple[Mode, ...] = ("accurate", "balanced", "detailed")
BASELINE = "input (bicubic, mapped)"


@dataclass(frozen=True, slots=True)
class Scored:
    """One image, one way of making it."""

    seed: int
    row: str
    fidelity: Fidelity
    seconds: float


def evaluate_on_phantoms(
    settings: EnhanceSettings, n: int, *, first_seed: int = TEST_SEED
) -> Iterator[Scored]:
    """Score the input and the three modes on held-out phantoms, image by image.

    Parameters
    ----------
    settings : EnhanceSettings
        ``mode`` is replaced by each of the three.
    n : int
        Phantoms, seeds ``first_seed`` onwards; no training run uses these.

    Yields
    ------
    Scored
    """
    for seed in range(first_seed, first_seed + n):
        pair = simulate_pair(seed)
        base = input_on_grid(pair.fus, settings)
        truth = reference_on_grid(pair.ulm, base)
        yield Scored(seed, BASELINE, fidelity(base.values, truth), 0.0)
        for mode in MODES:
            result = enhance(pair.fus, replace(settings, mode=mode))
            image = np.clip(result.image.values, 0.0, 1.0)
            yield Scored(seed, mode, fidelity(image, truth), result.seconds)
