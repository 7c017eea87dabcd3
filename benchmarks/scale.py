"""Between what and what a result's measures lie: chance, and the same map a week later.

    python benchmarks/scale.py ../shared/data

A result is worth reading between two rows that no model made. *Chance* is the ULM of another animal
(the same plane, stretched to the field of view) and the map's own mirror image. *A week later* is
the second map of the same awake mouse, registered by a translation: a noise-free prediction could
pass it a little. `skill` says how far a value lies from the first to the second. All by this
project's rule: counts binned to 20 µm, logarithm.
"""

import sys
from pathlib import Path

import numpy as np
import tifffile
from test_retest import as_scan, read

from napari_fus_ulm.evaluation.scores import Scores, score
from napari_fus_ulm.grey.image import grey_image
from napari_fus_ulm.grey.resampling import resample
from napari_fus_ulm.registration.shift import align
from napari_fus_ulm.scan import make_scan

PIXEL_UM = 20.0
OTHER = "mouse_ulm_transcranial_density.tif"
OTHER_MM = 0.010
COLUMNS = ("r", "mse", "ssim", "lpips", "cl_dice", "recall", "precision")


def skill(value: float, chance: float, ceiling: float) -> float:
    """Share of the way from chance to the ceiling: 0 and 1 there, below 0 worse than chance."""
    return (value - chance) / (ceiling - chance)


def rows(folder: Path) -> dict[str, Scores]:
    """The scores of every row against the map of week 3."""
    first, second = read(folder)
    moved = align(as_scan(first), as_scan(second))
    earlier, later = (grey_image(scan, PIXEL_UM).grey for scan in (moved.image, moved.reference))
    density = tifffile.imread(folder / OTHER).astype(np.float32)
    scan = make_scan(density, spacing=OTHER_MM, modality="ulm", values_kind="linear")
    other = np.clip(resample(grey_image(scan, PIXEL_UM).grey, later.shape), 0.0, 1.0)
    pictures = {
        "another animal's ULM": other,
        "the map's mirror image": later[:, ::-1],
        "the map a week earlier": earlier,
    }
    return {name: score(one, later, PIXEL_UM / 1000.0) for name, one in pictures.items()}


def main() -> None:
    """Print the table, and the skill that the project's clDice of 0.4 would be."""
    scores = rows(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data"))
    print(f"| against the map of week 3 | {' | '.join(COLUMNS)} |")
    print(f"| --- |{' ---: |' * len(COLUMNS)}")
    for name, one in scores.items():
        measures = one.as_dict()
        print(f"| {name} | {' | '.join(f'{measures[c]:.3f}' for c in COLUMNS)} |")
    chance, _, ceiling = (one.vessels.cl_dice for one in scores.values())
    print(f"\nA clDice of 0.4 here is a skill of {skill(0.4, chance, ceiling):.2f}.")


if __name__ == "__main__":
    main()
