"""One model, the whole range: error against likeness over steps and samples.

    python benchmarks/perception_distortion.py 5

Over held-out phantoms: the bundled diffusion model with 1 to 50 steps of its free sampler (DDIM),
and the mean of 1 to 16 of its samples, beside the other bundled generators. Prints a table and
draws docs/images/perception-distortion.png. What is measured is kept in
runs/perception-distortion.json by weights and phantoms, so that a run that was stopped goes on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from napari_fus_ulm.evaluation.generated import generators
from napari_fus_ulm.evaluation.harness import evaluate
from napari_fus_ulm.evaluation.phantoms import held_out, load_phantom
from napari_fus_ulm.generators import entry
from napari_fus_ulm.generators.checkpoint import bundled, read_card, sha256
from napari_fus_ulm.inference.settings import EnhanceSettings, Mode
from napari_fus_ulm.io.atomic import write_text

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "runs" / "perception-distortion.json"
PICTURE = ROOT / "docs" / "images" / "perception-distortion.png"
STEPS = (1, 2, 4, 8, 16, 32, 50)
SAMPLES = (1, 2, 4, 8, 16)
LOAD = lru_cache(maxsize=None)(load_phantom)


@dataclass(frozen=True, slots=True)
class Point:
    """One way of making a picture.

    Attributes
    ----------
    series : str
        What it is a point of: a curve, or a generator.
    label : str
    weights : Path
    settings : EnhanceSettings
    """

    series: str
    label: str
    weights: Path
    settings: EnhanceSettings

    def key(self, phantoms: int) -> str:
        """Name under which the measurement is kept."""
        known = self.settings.changed() | {"mode": self.settings.mode}
        return f"{sha256(self.weights)[:16]} {phantoms} {json.dumps(known, sort_keys=True)}"


def points() -> Iterator[Point]:
    """Steps of one sample, samples in a mean, and every other generator in its modes."""
    first, *others = bundled()
    base = EnhanceSettings(generator=read_card(first).generator, sampler="ddim")
    for steps in STEPS:
        mode: Mode = "accurate" if steps == 1 else "detailed"
        settings = replace(base, steps=steps, mode=mode)
        yield Point("Diffusion, steps of one sample", str(steps), first, settings)
    for samples in SAMPLES:
        one = replace(base, mode="detailed")
        settings = one if samples == 1 else replace(base, samples=samples, mode="balanced")
        yield Point(
            f"Diffusion, mean of K samples of {base.steps} steps", f"K={samples}", first, settings
        )
    for path in others:
        name = read_card(path).generator
        known = entry(name)
        modes: tuple[Mode, ...] = ("accurate", "detailed") if known.has_modes else ("detailed",)
        for mode in modes:
            label = f"{known.title} {mode}" if known.has_modes else known.title
            yield Point(known.title, label, path, EnhanceSettings(generator=name, mode=mode))


def measured(point: Point, phantoms: int) -> tuple[float, float]:
    """MSE and LPIPS, means over the phantoms."""
    (method,) = (
        one
        for one in generators([point.weights], point.settings)
        if one.key.endswith(point.settings.mode)
    )
    fidelities = [
        image.scores.fidelity
        for image in evaluate([held_out(phantoms)], [method], load=LOAD).images
    ]
    return float(np.mean([f.mse for f in fidelities])), float(
        np.mean([f.lpips for f in fidelities])
    )


def collect(phantoms: int) -> list[tuple[Point, float, float]]:
    """Measure what is not on record yet."""
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    rows = []
    for point in points():
        key = point.key(phantoms)
        if key not in kept:
            kept[key] = measured(point, phantoms)
            KEPT.parent.mkdir(exist_ok=True)
            write_text(KEPT, json.dumps(kept, indent=1))
            print(point.series, point.label, kept[key], file=sys.stderr)
        rows.append((point, *kept[key]))
    return rows


def draw(rows: list[tuple[Point, float, float]], phantoms: int) -> None:
    """Two curves and the other generators as points."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 5.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    series = list(dict.fromkeys(point.series for point, _, _ in rows))
    for number, name in enumerate(series):
        part = [(point, mse, lpips) for point, mse, lpips in rows if point.series == name]
        x, y = [mse for _, mse, _ in part], [lpips for _, _, lpips in part]
        style = ("o-", "s--", "^", "D")[number]
        # Okabe and Ito's colours, which colour-blind eyes can tell apart.
        colour = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")[number]
        axes.plot(x, y, style, color=colour, label=name, linewidth=1.2, markersize=5)
        for point, mse, lpips in part:
            axes.annotate(
                point.label,
                (mse, lpips),
                xytext=(5, -11 if number == 0 else 5),
                textcoords="offset points",
                fontsize=8,
                color=colour,
            )
    axes.annotate(
        "better", (0.55, 0.5), (0.66, 0.6), "axes fraction", "axes fraction",
        arrowprops={"arrowstyle": "->"},
    )  # fmt: skip
    axes.set_xlabel("MSE (distortion)")
    axes.set_ylabel("LPIPS (perceptual distance)")
    axes.set_title(f"{phantoms} held-out phantoms, 20 µm", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(PICTURE, dpi=110)


def main() -> None:
    """Measure, print, draw."""
    phantoms = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    rows = collect(phantoms)
    print(f"| {phantoms} phantoms | | MSE ↓ | LPIPS ↓ |\n| --- | --- | ---: | ---: |")
    for point, mse, lpips in rows:
        print(f"| {point.series} | {point.label} | {mse:.4f} | {lpips:.3f} |")
    draw(rows, phantoms)


if __name__ == "__main__":
    main()
