"""The support map learnt and measured: how well does it tell invented vessels from real ones?

    python benchmarks/support.py train runs/support      # the network that knows where vessels are
    python benchmarks/support.py fit runs/support        # how its word and the others' are weighed
    python benchmarks/support.py measure runs/support    # on phantoms that none of them has seen

``train`` and ``fit`` write into the package (``weights/likelihood.safetensors``,
``weights/support.json``); ``measure`` writes FOLDER/support.md and FOLDER/reliability.png. Pictures
and samples are kept in FOLDER, so that nothing is drawn twice.

Labels come from the simulated tree. A stretch of drawn centreline (at most 200 µm) is real when
half of it lies within 30 µm of the wall of a vessel that either recording could see, invented when
not. Where nothing is drawn, a vessel is missed when the middle of one within the slice lies within
30 µm.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage, optimize, stats

from napari_fus_ulm.cohort.seeds import SEED_BLOCK, TEST_SEED, VALIDATION_SEED
from napari_fus_ulm.diagnostics import likelihood as like
from napari_fus_ulm.diagnostics import support as sup
from napari_fus_ulm.diagnostics.evidence import SEED_SHIFT, Evidence, stretches, weigh
from napari_fus_ulm.evaluation.tree import DEFAULT_TREE_RULE
from napari_fus_ulm.generators.checkpoint import read_tensors
from napari_fus_ulm.grey.position import position_channels
from napari_fus_ulm.inference.enhance import enhance
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.io.atomic import (
    arrays_writer,
    write_file,
    write_json,
    write_tensors,
    write_text,
)
from napari_fus_ulm.phantom import simulate_pair
from napari_fus_ulm.phantom.pair import PhantomPair
from napari_fus_ulm.phantom.vessels import Vessels
from napari_fus_ulm.scan import extent_of
from napari_fus_ulm.training import data

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

TRAIN_BLOCK = 2
"""Phantoms of this training seed teach the network."""
FIT_SEEDS = range(VALIDATION_SEED + 100, VALIDATION_SEED + 108)
TEST_SEEDS = range(TEST_SEED + 100, TEST_SEED + 108)
CONFIG = {"widths": [32, 64, 128], "blocks": [1, 2, 3]}
PATCH, BATCH, RATE = 128, 16, 1e-3
SHRINKAGE = 0.005
"""Of the features' covariance, towards equal variances."""
SAMPLES = 8
RESULTS = {
    "Detailed": ("diffusion", "detailed"),
    "Accurate": ("diffusion", "accurate"),
    "Pix2Pix": ("pix2pix", "detailed"),
    "MHVAE": ("mhvae", "accurate"),
}
DRAWN = ("frequency", "mean", "spread", "accurate", "input", "ridge", "agreement", "backed",
         "visible", "drawn")  # fmt: skip
UNDRAWN = ("frequency", "mean", "accurate", "input", "ridge", "backed", "visible", "drawn")
EVERY = 3
"""Undrawn pixels are looked at on every third row and column."""
BINS = 10
CLEAR_UM = 200.0


# ---------------------------------------------------------------- labels


def near_vessels(
    vessels: Vessels, shape: tuple[int, int], pixel_um: float, height_um: float, *, wall: bool
) -> Bools:
    """Pixels within the tolerance of a vessel's wall, or of its middle, that is near the plane."""
    tolerance, class_um = DEFAULT_TREE_RULE.tolerance_um, 8.0
    chosen = np.abs(vessels.points[:, 2]) <= height_um
    places = np.floor(vessels.points[chosen][:, [1, 0]] / pixel_um).astype(np.int64)
    inside = ((places >= 0) & (places < shape)).all(axis=1)
    rows, columns = places[inside].T
    classes = np.floor(vessels.radii[chosen][inside] / class_um) if wall else np.zeros(len(rows))
    near = np.zeros(shape, bool)
    for one in np.unique(classes):
        apart = np.ones(shape, bool)
        apart[rows[classes == one], columns[classes == one]] = False
        reach = tolerance + (class_um * (one + 0.5) if wall else 0.0)
        near |= ndimage.distance_transform_edt(apart) * pixel_um <= reach
    return near


def targets(vessels: Vessels, shape: tuple[int, int], pixel_um: float) -> Bools:
    """(2, height, width): a vessel of either recording backs it; one of the slice is here."""
    whole = DEFAULT_TREE_RULE.slice_um
    return np.stack(
        [
            near_vessels(vessels, shape, pixel_um, whole, wall=True),
            near_vessels(vessels, shape, pixel_um, 0.5 * whole, wall=False),
        ]
    )


# ---------------------------------------------------------------- the network


def lesson(seed: int, folder: Path) -> tuple[Floats, Bools]:
    """Input channels and targets of one phantom, kept in a file."""
    path = folder / "lessons" / f"{seed}.npz"
    if not path.exists():
        pair = simulate_pair(seed)
        fus = data.prepare_pair(pair.fus, pair.ulm, like.PIXEL_UM).fus
        wanted = targets(pair.vessels, fus.shape, 20.0)
        write_file(path, arrays_writer({"fus": fus.astype(np.float16), "targets": wanted}))
    with np.load(path) as kept:
        fus, wanted = kept["fus"].astype(np.float32), kept["targets"]
    return np.concatenate([fus[None], position_channels(fus.shape)]), wanted


def batch(lessons: Sequence[tuple[Floats, Bools]], random: np.random.Generator):
    """Patches from anywhere, every other one mirrored."""
    inputs, wanted = [], []
    for _ in range(BATCH):
        image, labels = lessons[random.integers(len(lessons))]
        top, left = (random.integers(0, side - PATCH + 1) for side in image.shape[1:])
        window = (slice(None), slice(top, top + PATCH), slice(left, left + PATCH))
        one, other = image[window], labels[window]
        if random.random() < 0.5:
            one, other = one[:, :, ::-1].copy(), other[:, :, ::-1]
            one[2] *= -1.0  # what was left is right
        inputs.append(one)
        wanted.append(other)
    return np.stack(inputs).astype(np.float32), np.stack(wanted).astype(np.float32)


def train(folder: Path, phantoms: int, steps: int) -> None:
    """Cross-entropy against the targets; an average of the weights is kept."""
    import torch
    import torch.nn.functional as F

    first = TRAIN_BLOCK * SEED_BLOCK
    lessons = [lesson(seed, folder) for seed in range(first, first + phantoms)]
    torch.manual_seed(0)
    random, began = np.random.default_rng(0), time.perf_counter()
    net = like.build(CONFIG)
    average = {name: value.clone() for name, value in net.state_dict().items()}
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=1e-3)
    for step in range(1, steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, step / 100, (steps - step + 1) / (0.3 * steps))
        inputs, wanted = map(torch.from_numpy, batch(lessons, random))
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(inputs, torch.zeros(len(inputs)))
        loss = F.binary_cross_entropy_with_logits(logits.float(), wanted)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        keep = min(0.998, 1.0 - 1.0 / (step + 1))
        for name, value in net.state_dict().items():
            average[name].lerp_(value, 1.0 - keep)
        if step % 100 == 0:
            print(f"step {step} of {steps}: loss {loss.item():.4f}", flush=True)
    net.load_state_dict(average)
    write_tensors(like.WEIGHTS, {name: value.half() for name, value in average.items()})
    card = {
        "what": "Probability that a vessel lies at a place of a power Doppler image",
        "config": CONFIG,
        "training": {
            "data": f"{phantoms} simulated coronal sections, against their vessel trees",
            "phantom_seeds": [[first, first + phantoms]],
            "patches": steps * BATCH,
            "minutes": round((time.perf_counter() - began) / 60.0, 1),
            "command": f"python benchmarks/support.py train {folder} "
            f"--phantoms {phantoms} --steps {steps}",
        },
        "notes": "Has seen no recording. Its phantoms are those of the generators.",
    }
    write_json(like.WEIGHTS.with_suffix(".json"), card)


def learn_the_usual(folder: Path) -> None:
    """Write mean and whitening of the deepest features into the weights; 1 is the 95th centile.

    Of phantoms that the network has not seen: its features of those it has are too tidy.
    """
    import torch

    net = like.network(like.WEIGHTS)
    parts = []
    for seed in FIT_SEEDS:
        deep = like.pooled(like.run(net, lesson(seed, folder)[0][0].astype(np.float32))[1])
        parts.append(deep[:, ::2, ::2].reshape(len(deep), -1))
    features = np.concatenate(parts, axis=1).astype(np.float64)
    mean = features.mean(axis=1)
    covariance = np.cov(features)
    covariance += SHRINKAGE * np.trace(covariance) / len(mean) * np.eye(len(mean))
    values, vectors = np.linalg.eigh(covariance)
    whitening = (vectors / np.sqrt(values)).T
    distance = np.linalg.norm(whitening @ (features - mean[:, None]), axis=0)
    whitening /= np.percentile(distance, 95.0)
    usual = {"phantoms.mean": mean, "phantoms.whitening": whitening}
    tensors = read_tensors(like.WEIGHTS)
    tensors |= {name: torch.tensor(one, dtype=torch.float32) for name, one in usual.items()}
    write_tensors(like.WEIGHTS, tensors)
    like.network.cache_clear()
    like._phantoms.cache_clear()


# ---------------------------------------------------------------- evidence and labels


@dataclass(frozen=True, slots=True)
class Case:
    """A result on a phantom: features and labels of its drawn stretches and undrawn places."""

    seed: int
    result: str
    evidence: Evidence
    share: Floats
    stretch: npt.NDArray[np.int32]
    undrawn: Bools
    missed: Bools

    @property
    def clear(self) -> Bools:
        """Long stretches that lie on a vessel, or off, nearly as a whole."""
        pixels = np.bincount(self.stretch.ravel())[1:]
        whole = pixels * 1000.0 * self.evidence.pixel_mm >= CLEAR_UM
        return whole & ((self.share >= 0.8) | (self.share <= 0.2))


def drawings(seed: int, pair: PhantomPair, folder: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Each result, and the samples of the evidence; kept in a file."""
    path = folder / "drawings" / f"{seed}.npz"
    if not path.exists():
        base = EnhanceSettings(mode="detailed")
        maps = {
            name: enhance(pair.fus, base, generator=generator, mode=mode).image.values
            for name, (generator, mode) in RESULTS.items()
        }
        seeds = range(SEED_SHIFT, SEED_SHIFT + SAMPLES)
        maps["samples"] = np.stack([enhance(pair.fus, base, seed=s).image.values for s in seeds])
        write_file(path, arrays_writer({k: v.astype(np.float16) for k, v in maps.items()}))
    with np.load(path) as kept:
        return {name: kept[name].astype(np.float32) for name in kept.files}


def cases(seeds: Sequence[int], folder: Path) -> Iterator[Case]:
    """Every result on every phantom."""
    for seed in seeds:
        pair = simulate_pair(seed)
        drawn = drawings(seed, pair, folder)
        shape = drawn["Detailed"].shape
        pixel_mm = float(np.sqrt(np.prod(np.array(extent_of(pair.fus)) / shape)))
        backed, here = targets(pair.vessels, shape, 1000.0 * pixel_mm)
        for name in RESULTS:
            evidence = weigh(
                drawn[name], pair.fus, drawn["Accurate"], list(drawn["samples"]), pixel_mm
            )
            pieces = stretches(evidence.lines, pixel_mm)
            share = ndimage.mean(backed, pieces, np.arange(1, pieces.max() + 1))
            thinned = np.zeros(shape, bool)
            thinned[::EVERY, ::EVERY] = True
            far = sup.undrawn_places(evidence) & thinned
            yield Case(seed, name, evidence, share, pieces, far, here[far])


def columns(case: Case, part: str, names: Sequence[str]) -> Floats:
    """Features of the drawn stretches or of the undrawn places, (n, names)."""
    if part == "drawn":
        return sup.of_stretches(case.evidence, case.stretch, tuple(names))
    return np.stack([case.evidence.maps[name][case.undrawn] for name in names], axis=1)


def labels(case: Case, part: str) -> Bools:
    """Whether there is a vessel."""
    return case.share >= 0.5 if part == "drawn" else case.missed


# ---------------------------------------------------------------- the weighing


def logistic(features: Floats, wanted: Bools) -> dict[str, object]:
    """Ridge-regularised logistic regression of standardised features."""
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-9
    x = np.column_stack([(features - mean) / scale, np.ones(len(features))])

    def cost(weight: Floats) -> tuple[float, Floats]:
        z = x @ weight
        error = 1.0 / (1.0 + np.exp(-z)) - wanted
        penalty = np.append(weight[:-1], 0.0) / len(x)
        value = np.mean(np.logaddexp(0.0, z) - wanted * z) + 0.5 * penalty @ weight
        return float(value), x.T @ error / len(x) + penalty

    weight = optimize.minimize(cost, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B").x
    return {
        "mean": [round(float(v), 6) for v in mean],
        "scale": [round(float(v), 6) for v in scale],
        "weight": [round(float(v), 5) for v in weight[:-1]],
        "intercept": round(float(weight[-1]), 5),
    }


def fit(folder: Path) -> None:
    """Weigh the witnesses on the phantoms of the fit, over all results together."""
    learn_the_usual(folder)
    fitted = list(cases(FIT_SEEDS, folder))
    weights: dict[str, object] = {
        "learnt_on": f"phantoms {FIT_SEEDS[0]}–{FIT_SEEDS[-1]}, results: {', '.join(RESULTS)}",
        "samples": SAMPLES,
    }
    for part, names in (("drawn", DRAWN), ("undrawn", UNDRAWN)):
        features = np.concatenate([columns(case, part, names) for case in fitted])
        wanted = np.concatenate([labels(case, part) for case in fitted])
        weights[part] = {"names": list(names), **logistic(features, wanted)}
    write_json(sup.WEIGHTS, weights)
    sup.regressions.cache_clear()


# ---------------------------------------------------------------- the measuring


def auroc(score: npt.NDArray[np.floating], positive: Bools) -> float:
    """Probability that a positive scores higher than a negative."""
    return float(stats.mannwhitneyu(score[positive], score[~positive]).statistic) / (
        positive.sum() * (~positive).sum()
    )


def interval(phantoms: Sequence[Case], part: str, scores: Sequence[Floats]) -> tuple[float, float]:
    """95 % of the AUROC when the phantoms are resampled."""
    random, values = np.random.default_rng(0), []
    for _ in range(200):
        again = random.integers(0, len(phantoms), len(phantoms))
        wanted = np.concatenate([labels(phantoms[i], part) for i in again])
        values.append(auroc(np.concatenate([scores[i] for i in again]), wanted))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def measure(folder: Path) -> None:
    """AUROC by result and witness, and the reliability curve."""
    judged = list(cases(TEST_SEEDS, folder))
    regression = dict(zip(("drawn", "undrawn"), sup.regressions(), strict=True))
    lines, curves = [], {}
    for part, title in (("drawn", "invented"), ("undrawn", "missed")):
        witnesses = regression[part].names
        clear = ["of them clear"] if part == "drawn" else []
        head = ["result", "n", f"share {title}", "support map", *clear, *witnesses]
        lines += [f"| {' | '.join(head)} |", "| --- |" + " ---: |" * (len(head) - 1)]
        for name in RESULTS:
            chosen = [case for case in judged if case.result == name]
            features = [columns(case, part, witnesses) for case in chosen]
            scores = [regression[part].probability(one) for one in features]
            wanted = np.concatenate([labels(case, part) for case in chosen])
            together, score = np.concatenate(features), np.concatenate(scores)
            low, high = interval(chosen, part, scores)
            single = [auroc(together[:, i], wanted) for i in range(len(witnesses))]
            share = np.mean(wanted) if part == "undrawn" else np.mean(~wanted)
            cells = [name, str(len(wanted)), f"{share:.2f}"]
            cells += [f"**{auroc(score, wanted):.3f}** [{low:.3f}, {high:.3f}]"]
            if clear:
                chosen_ones = np.concatenate([case.clear for case in chosen])
                cells += [f"{auroc(score[chosen_ones], wanted[chosen_ones]):.3f}"]
            lines += [f"| {' | '.join(cells + [f'{max(v, 1 - v):.3f}' for v in single])} |"]
            curves[part, name] = (score, wanted)
        lines.append("")
    write_text(folder / "support.md", "\n".join(lines) + "\n")
    print("\n".join(lines))
    draw(curves, folder / "reliability.png")


def draw(curves: dict[tuple[str, str], tuple[Floats, Bools]], path: Path) -> None:
    """Draw predicted probability against the share that was there."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    for axes, (part, title) in zip(
        figure.subplots(1, 2),
        (("drawn", "a drawn stretch is a vessel"), ("undrawn", "an undrawn place has one")),
        strict=True,
    ):
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        for name in RESULTS:
            score, wanted = curves[part, name]
            bins = np.minimum((score * BINS).astype(int), BINS - 1)
            shown = [b for b in range(BINS) if (bins == b).sum() >= 30]
            points = [(score[bins == b].mean(), wanted[bins == b].mean()) for b in shown]
            axes.plot(*zip(*points, strict=True), marker="o", markersize=4, label=name)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=f"support: {title}", ylabel="share that was")
        axes.set_aspect("equal")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Do what is asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("train", "fit", "measure"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--phantoms", type=int, default=300)
    parser.add_argument("--steps", type=int, default=1800)
    options = parser.parse_args()
    if options.what == "train":
        train(options.folder, options.phantoms, options.steps)
    else:
        (fit if options.what == "fit" else measure)(options.folder)


if __name__ == "__main__":
    main()
