"""Why the defaults are what they are: steps, patches and fusion on validation phantoms.

    python benchmarks/choices.py 3

Prints the mean over phantoms (seeds from 900 000 000, used for choices only) of the fidelity, the
vessel measures against the ULM map, and the contrast of the result relative to the ULM's.
"""

import sys
from dataclasses import replace

import numpy as np

from napari_fus_ulm.inference.enhance import enhance, input_on_grid
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.metrics import fidelity, vessel_scores
from napari_fus_ulm.pairs.reference import reference_on_grid
from napari_fus_ulm.phantom import simulate_pair
from napari_fus_ulm.training.settings import VALIDATION_SEED

DETAILED = EnhanceSettings()
PATCHES = {"patch": 128, "overlap": 64, "window": "hann"}
ROWS = {
    "input (bicubic, mapped)": None,
    "Accurate, whole frame": replace(DETAILED, mode="accurate"),
    "Accurate, 128-pixel patches": replace(DETAILED, mode="accurate", **PATCHES),
    "Detailed, 4 steps": replace(DETAILED, steps=4),
    "Detailed, 8 steps": DETAILED,
    "Detailed, 16 steps": replace(DETAILED, steps=16),
    "Detailed, 128-pixel patches, per step": replace(DETAILED, **PATCHES),
    "Detailed, 128-pixel patches, at end": replace(DETAILED, fusion="at-end", **PATCHES),
    "Balanced, 6 samples": replace(DETAILED, mode="balanced"),
}
COLUMNS = "MSE SSIM PSNR LPIPS clDice recall precision breaks/mm contrast"


def main() -> None:
    """Print a Markdown table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    found: dict[str, list[list[float]]] = {name: [] for name in ROWS}
    for seed in range(VALIDATION_SEED, VALIDATION_SEED + count):
        pair = simulate_pair(seed)
        base = input_on_grid(pair.fus, DETAILED)
        truth = reference_on_grid(pair.ulm, base)
        for name, settings in ROWS.items():
            image = base.values if settings is None else enhance(pair.fus, settings).image.values
            near, seen = fidelity(image, truth), vessel_scores(image, truth, 0.02)
            measures = [near.mse, near.ssim, near.psnr, near.lpips]
            measures += [seen.cl_dice, seen.recall, seen.precision, seen.breaks_per_mm]
            found[name].append([*measures, float(image.std() / truth.std())])
    print(f"| {count} phantoms | {' | '.join(COLUMNS.split())} |")
    print("| --- |" + " ---: |" * len(COLUMNS.split()))
    for name, rows in found.items():
        means = np.nanmean(rows, axis=0)
        cells = [f"{means[0]:.4f}", *(f"{mean:.3f}" for mean in means[1:])]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
