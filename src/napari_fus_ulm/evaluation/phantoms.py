"""Held-out phantoms as a split without files: only a test side, simulated on demand."""

from __future__ import annotations

from pathlib import Path

from napari_fus_ulm.cohort.seeds import TEST_SEED
from napari_fus_ulm.cohort.splits import Split
from napari_fus_ulm.cohort.table import PairFiles
from napari_fus_ulm.evaluation.baselines import input_by_card
from napari_fus_ulm.evaluation.generated import generators
from napari_fus_ulm.evaluation.methods import Method
from napari_fus_ulm.evaluation.pairs import EvaluationPair, phantom_pair
from napari_fus_ulm.generators.checkpoint import bundled, read_card
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.phantom import simulate_pair

WORD = "phantom"
UNTRAINED = (
    "Phantoms have no training side here: Richardson–Lucy, ridge filters and the mean training "
    "image are left out, and the input's intensity map is that of the weights' card."
)


def held_out(n: int, *, first_seed: int = TEST_SEED) -> Split:
    """A split whose test side is ``n`` phantoms; no training run uses their seeds."""
    seeds = range(first_seed, first_seed + n)
    return Split((), (), tuple(_entry(seed) for seed in seeds))


def load_phantom(entry: PairFiles, pixel_um: float) -> EvaluationPair:
    """Simulate the phantom that an entry of :func:`held_out` names."""
    seed = int(entry.name.removeprefix(f"{WORD}-"))
    return phantom_pair(simulate_pair(seed), entry.name, pixel_um)


def phantom_methods(
    weights: list[Path] | None = None, settings: EnhanceSettings | None = None
) -> tuple[Method, ...]:
    """The input by the card's map, where it has one, and every generator."""
    files = weights or bundled()
    methods: list[Method] = []
    for path in files:
        table = read_card(path).training.get("input_map")
        if table and not methods:
            methods.append(input_by_card(table, path.with_suffix(".json").name))
    return (*methods, *generators(weights or (), settings))


def _entry(seed: int) -> PairFiles:
    # There are no files: the names only distinguish pairs.
    name = f"{WORD}-{seed:09d}"
    return PairFiles(name, name, Path(f"{name}_pwd"), Path(f"{name}_ulm"), "test")
