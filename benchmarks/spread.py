"""Is the spread over samples as large as their error? Few-step samplers are known to be too sure.

    python benchmarks/spread.py --phantoms 4

Samples are free ones (DDIM), and last those around the mean at the default departure. Of each
held-out phantom's middle, 5 × 5 mm, K samples are drawn at every number of steps.
*Dispersion* is the spread that the samples promise, √((1 + 1/K)·mean variance), over the error that
their mean has against the ULM; 1 would be calibrated (Fortin et al. 2014), less is too sure.
*Coverage* is the share of pixels whose true grey level lies between the lowest and the highest
sample; (K − 1)/(K + 1) would be calibrated. Both also for the brighter half of the ULM's vessels.
"""

import argparse
from dataclasses import replace

import numpy as np

from napari_fus_ulm.cohort.seeds import TEST_SEED
from napari_fus_ulm.grey.reference import reference_on_grid
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.inference.enhance import enhance
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.phantom import simulate_pair
from napari_fus_ulm.scan import spacing_of

STEPS = (2, 4, 8, 20, 50)
SIDE_MM = 5.0


def middle(seed: int):
    """Power Doppler of the middle of a phantom, and its ULM."""
    pair = simulate_pair(seed)
    counts = [round(SIDE_MM / step) for step in spacing_of(pair.fus)]
    starts = [(n - k) // 2 for n, k in zip(pair.fus.shape, counts, strict=True)]
    window = [slice(a, a + k) for a, k in zip(starts, counts, strict=True)]
    fine = [
        slice(*(round(edge * size / fewer) for edge in (part.start, part.stop)))
        for part, size, fewer in zip(window, pair.ulm.shape, pair.fus.shape, strict=True)
    ]
    return pair.fus.isel(j=window[0], i=window[1]), pair.ulm.isel(j=fine[0], i=fine[1])


def numbers(samples: np.ndarray, truth: np.ndarray, where: np.ndarray) -> tuple[float, float]:
    """Dispersion and coverage on some pixels of (K, height, width) samples."""
    k = len(samples)
    promised = np.sqrt((1.0 + 1.0 / k) * samples.var(axis=0, ddof=1)[where].mean())
    error = np.sqrt(np.mean((samples.mean(axis=0) - truth)[where] ** 2))
    inside = (samples.min(axis=0) <= truth) & (truth <= samples.max(axis=0))
    return float(promised / error), float(inside[where].mean())


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--phantoms", type=int, default=4)
    parser.add_argument("--samples", type=int, default=8)
    options = parser.parse_args()
    k = options.samples
    print(f"| steps | dispersion | of vessels | coverage ({(k - 1) / (k + 1):.2f}) | of vessels |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    scenes = [middle(TEST_SEED + 100 + number) for number in range(options.phantoms)]
    default = EnhanceSettings(mode="detailed")
    ways = {str(steps): replace(default, sampler="ddim", steps=steps) for steps in STEPS}
    ways[f"{default.steps}, departure {default.departure:g}"] = default
    for name, settings in ways.items():
        rows = []
        for fus, ulm in scenes:
            made = [enhance(fus, settings, seed=seed).image for seed in range(k)]
            truth = reference_on_grid(ulm, Grid.of(made[0]))
            samples = np.stack([one.values for one in made])
            vessels = truth > np.median(truth[truth > 0.0])
            everywhere = np.ones_like(vessels)
            rows.append([*numbers(samples, truth, everywhere), *numbers(samples, truth, vessels)])
        whole, covered, of_vessels, covered_vessels = np.mean(rows, axis=0)
        cells = (whole, of_vessels, covered, covered_vessels)
        print(f"| {name} | {' | '.join(f'{cell:.2f}' for cell in cells)} |", flush=True)


if __name__ == "__main__":
    main()
