"""Is this fUS at all? The light beside the input, fitted and measured.

    python benchmarks/familiarity.py fit runs/familiarity        # writes weights/familiarity.json
    python benchmarks/familiarity.py measure runs/familiarity ../shared/data

``fit`` draws recordings of simulated sections and pictures that are not fUS (``not_fus.py``), and
fits the regression of `napari_fus_ulm.inference.familiarity`. ``measure`` draws others, of sections
and seeds that the fit has not seen, and prints the tables of ``benchmarks/README.md``: false alarms
on recordings, the light of each real picture in a folder, and what is noticed of each kind that is
not fUS. *Kind not seen* is the rate of a fit that has never seen anything of that kind. Results of
the present weights are generated once and kept in FOLDER.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from not_fus import KINDS
from PIL import Image
from scipy import optimize

from napari_fus_ulm.cohort.seeds import TEST_SEED, VALIDATION_SEED
from napari_fus_ulm.grey.resampling import area_mean
from napari_fus_ulm.inference.familiarity import LIMITS, Familiarity, Limits, familiarity
from napari_fus_ulm.inference.picture import TEXTURE, measures, top_over_bottom
from napari_fus_ulm.io import read
from napari_fus_ulm.io.atomic import write_json
from napari_fus_ulm.output.tables import markdown_table
from napari_fus_ulm.phantom.recording import RecordingParams, record
from napari_fus_ulm.phantom.scene import Scene, phantom_scene, read_scene, write_scene
from napari_fus_ulm.scan import make_scan

Floats = npt.NDArray[np.float64]

FIT_SEEDS = range(VALIDATION_SEED + 300, VALIDATION_SEED + 330)
TEST_SEEDS = range(TEST_SEED + 300, TEST_SEED + 330)
RECORDINGS = 20
"""Recordings of each section."""
PICTURES = 60
"""Pictures of each kind."""
WAYS = (
    ("diffusion", "detailed"),
    ("diffusion", "accurate"),
    ("pix2pix", "detailed"),
    ("mhvae", "accurate"),
)
"""Generators and modes whose results are looked at."""
HIDDEN = 0.8
"""Share of hidden vessels from which a recording shows none: a negative control, counted apart."""
SHRINKAGE = 2e-3
RED, YELLOW, TURNED = 0.2, 4.0, 2.5
"""Percentiles of recordings below which the light is red, yellow, or says *upside down*."""
ROOM = 0.5
"""How far the red limit lies beyond its percentile, so that other recordings do not reach it."""


# ---------------------------------------------------------------- images


def scene_of(seed: int, folder: Path) -> Scene:
    """The section of a seed, kept in a file."""
    path = folder / "scenes" / f"{seed}.npz"
    if not path.exists():
        write_scene(path, phantom_scene(seed))
    return read_scene(path)


def stored(image: Floats, rng: np.random.Generator) -> Floats:
    """A recording as it may arrive: as it is, enlarged, with 8 bits, or with gel above it."""
    how = rng.integers(6)
    if how == 0:
        factor = rng.uniform(1.3, 4.0)
        size = round(image.shape[1] * factor), round(image.shape[0] * factor)
        picture = Image.fromarray(image.astype(np.float32))
        return np.asarray(picture.resize(size, Image.Resampling.BICUBIC), np.float64)
    if how == 1:
        return np.repeat(np.repeat(image, 2, axis=0), 2, axis=1)
    if how == 2:
        low, high = np.percentile(image, [1.0, 99.8])
        return np.rint(255.0 * np.clip((image - low) / max(high - low, 1e-9), 0.0, 1.0) ** 0.5)
    if how == 3:
        gel = np.full((round(len(image) * rng.uniform(0.05, 0.4)), image.shape[1]), image.min())
        return np.concatenate([gel, image])
    return image


def recordings(seeds: Sequence[int], folder: Path) -> Iterator[tuple[int, bool, Floats]]:
    """Seed, whether there are vessels, and a recording as it arrives."""
    for seed in seeds:
        scene = scene_of(seed, folder)
        for number in range(RECORDINGS):
            rng = np.random.default_rng([seed, number])
            params = RecordingParams().draw(rng)
            power = record(scene, params, rng).power.astype(np.float64)
            yield seed, params.hidden < HIDDEN, stored(power, rng)


def shown(image: Floats) -> Floats:
    """A recording as a picture, whatever its values: larger is brighter, 8 bits."""
    order = np.argsort(np.argsort(image, axis=None)).reshape(image.shape) / image.size
    return np.rint(255.0 * order**2)


def others(seeds: Sequence[int], folder: Path, stream: int) -> Iterator[tuple[str, Floats]]:
    """Kinds and pictures that are not fUS."""
    plain = replace(RecordingParams(), hidden=0.0)
    for number in range(PICTURES):
        rng = np.random.default_rng([stream, number])
        scene = scene_of(seeds[number % len(seeds)], folder)
        power = shown(record(scene, replace(plain.draw(rng), hidden=0.0), rng).power.astype(float))
        for name, kind in KINDS.items():
            yield name, kind(np.random.default_rng([stream, number, len(name)]), power)
        counts = scene.counts.astype(np.float64)
        yield "ULM map", _window(counts, rng)
        binned = area_mean(counts, (counts.shape[0] // 2, counts.shape[1] // 2))
        yield "ULM map, half its pixels", _window(np.asarray(binned, np.float64), rng)


def _window(image: Floats, rng: np.random.Generator) -> Floats:
    rows, columns = (int(n * rng.uniform(0.4, 1.0)) for n in image.shape)
    top, left = (
        int(rng.integers(n - m + 1)) for n, m in zip(image.shape, (rows, columns), strict=True)
    )
    return image[top : top + rows, left : left + columns]


# ---------------------------------------------------------------- the fit


def fitted(recorded: Floats, kinds: dict[str, Floats]) -> Limits:
    """Fit the regression: recordings count as much as all kinds together, kinds alike."""
    median = np.median(recorded, axis=0)
    spread = np.subtract(*np.percentile(recorded, [75, 25], axis=0)) + 1e-3
    limits = Limits(
        median=_named(median), spread=_named(spread), weight={}, square={}, intercept=0.0,
        red=0.0, yellow=0.0, specks=1.0, upright=np.zeros(48), upside_down=-np.inf,
    )  # fmt: skip
    rows = [_columns(limits, recorded), *(_columns(limits, one) for one in kinds.values())]
    weights = [np.full(len(rows[0]), 1.0 / len(rows[0]))]
    weights += [np.full(len(one), 1.0 / len(one) / len(kinds)) for one in rows[1:]]
    is_fus = np.concatenate([np.ones(len(rows[0])), np.zeros(sum(map(len, rows[1:])))])
    best = _logistic(np.concatenate(rows), is_fus, np.concatenate(weights))
    n = len(TEXTURE)
    return replace(
        limits,
        weight=_named(best[:n]), square=_named(best[n : 2 * n]), intercept=float(best[-1]),
    )  # fmt: skip


def _named(values: Floats) -> dict[str, float]:
    return {name: round(float(value), 5) for name, value in zip(TEXTURE, values, strict=True)}


def _columns(limits: Limits, values: Floats) -> Floats:
    z = np.array(
        [[limits.standard(name, x) for name, x in zip(TEXTURE, row, strict=True)] for row in values]
    )
    return np.concatenate([z, z * z, np.ones((len(z), 1))], axis=1)


def _logistic(columns: Floats, labels: Floats, weights: Floats) -> Floats:
    def loss(at: Floats) -> tuple[float, Floats]:
        margin = columns @ at
        free = np.r_[at[:-1], 0.0]
        value = weights @ (np.logaddexp(0.0, margin) - labels * margin) + SHRINKAGE * free @ free
        slope = columns.T @ (weights * (1.0 / (1.0 + np.exp(-margin)) - labels))
        return float(value), slope + 2.0 * SHRINKAGE * free

    start, n = np.zeros(columns.shape[1]), columns.shape[1] // 2
    # A square speaks against fUS or not at all: nothing is like fUS for being far from recordings.
    bounds = [(None, None)] * n + [(None, 0.0)] * n + [(None, None)]
    return optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x


def likeness(limits: Limits, values: Floats) -> Floats:
    """What `familiarity` calls *likeness*, of many images."""
    weights = [*limits.weight.values(), *limits.square.values(), limits.intercept]
    return np.asarray(_columns(limits, values) @ np.array(weights))


def upright(odd: Floats) -> Floats:
    """Weights that tell top from bottom: each picture against itself upside down."""

    def loss(at: Floats) -> tuple[float, Floats]:
        margin = odd @ at
        slope = -(odd / (1.0 + np.exp(margin))[:, None]).mean(axis=0)
        return float(np.logaddexp(0.0, -margin).mean() + 5e-3 * at @ at), slope + 1e-2 * at

    return optimize.minimize(loss, np.zeros(odd.shape[1]), jac=True).x


def across_sections(
    groups: npt.NDArray[np.int64], score: Callable[[npt.NDArray[np.bool_]], Floats]
) -> Floats:
    """Scores of recordings by fits that have not seen their sections (five folds)."""
    folds = np.unique(groups, return_inverse=True)[1] % 5
    scores = np.zeros(len(groups))
    for fold in range(5):
        scores[folds == fold] = score(folds != fold)[folds == fold]
    return scores


def fit(folder: Path) -> None:
    """Fit everything and write it into the package."""
    found, odd, groups = [], [], []
    for seed, vessels, image in recordings(FIT_SEEDS, folder):
        if vessels:
            found.append(measures(image))
            odd.append(top_over_bottom(image))
            groups.append(seed)
    recorded = np.array([[one[name] for name in TEXTURE] for one in found])
    pictures: dict[str, list[list[float]]] = {}
    for name, image in others(FIT_SEEDS, folder, stream=1):
        if np.unique(image).size > 2:
            values = measures(image)
            pictures.setdefault(name, []).append([values[one] for one in TEXTURE])
    kinds = {name: np.array(rows) for name, rows in pictures.items()}
    sections, halves = np.array(groups), np.array(odd)
    scores = across_sections(sections, lambda at: likeness(fitted(recorded[at], kinds), recorded))
    turned = across_sections(sections, lambda at: halves @ upright(halves[at]))
    empty = [one["specks"] for one in found if one["zeros"] > 0.1]
    limits = replace(
        fitted(recorded, kinds),
        red=round(float(np.percentile(scores, RED)) - ROOM, 3),
        yellow=round(float(np.percentile(scores, YELLOW)), 3),
        specks=round(1.2 * max(empty), 4),
        upright=upright(halves).round(4),
        upside_down=round(float(np.percentile(turned, TURNED)), 3),
    )
    about = f"{len(recorded)} recordings of {len(FIT_SEEDS)} sections, {len(kinds)} other kinds"
    entry = {"fitted_on": about, **asdict(limits), "upright": limits.upright.tolist()}
    write_json(LIMITS, entry)
    kept = {name: rows.tolist() for name, rows in kinds.items()}
    write_json(folder / "fit.json", {"recorded": recorded.tolist(), "kinds": kept})
    print(f"{about} -> {LIMITS}")


# ---------------------------------------------------------------- the measurement


def light_of(image: Floats) -> Familiarity:
    """The light of an image whose metadata say nothing."""
    return familiarity(make_scan(image, spacing=0.1))


def shares(lights: Sequence[str]) -> list[str]:
    """Percentages of red, and of red or yellow."""
    red = 100.0 * np.mean([one == "red" for one in lights])
    noticed = 100.0 * np.mean([one != "green" for one in lights])
    return [f"{red:.1f}", f"{noticed:.1f}"]


def measure(folder: Path, real: Path | None, generated: int) -> None:
    """Print the three tables."""
    with_vessels, without, turned = [], [], []
    for _, vessels, image in recordings(TEST_SEEDS, folder):
        (with_vessels if vessels else without).append(light_of(image).light)
        if vessels:
            turned.append(light_of(image[::-1]))
    head = ["recordings", "n", "red (%)", "red or yellow (%)"]
    upside = [
        "yellow" if one.measures["upright"] < _bundled().upside_down else one.light
        for one in turned
    ]
    print(markdown_table(head, [
        ["with vessels", str(len(with_vessels)), *shares(with_vessels)],
        ["without any (controls)", str(len(without)), *shares(without)],
        ["upside down", str(len(upside)), *shares(upside)],
    ]))  # fmt: skip
    print()
    if real is not None:
        _print_real(real)
    _print_kinds(folder, generated)


def _bundled() -> Limits:
    from napari_fus_ulm.inference.familiarity import bundled_limits

    return bundled_limits()


def _print_real(real: Path) -> None:
    rows = []
    for path in sorted([*real.glob("*.png"), *real.glob("rat_pair/*.tif"), *real.glob("*.tif")]):
        light = familiarity(read(path, modality="fus")[0])
        values = light.measures
        numbers = [f"{values.get(name, np.nan):.2f}" for name in ("likeness", "upright")]
        rows.append([path.name, light.light, *numbers, light.sentence])
    print(markdown_table(["picture", "light", "likeness", "upright", "what is said"], rows))
    print()


def _print_kinds(folder: Path, generated: int) -> None:
    kept = json.loads((folder / "fit.json").read_text(encoding="utf-8"))
    recorded = np.array(kept["recorded"])
    learnt = {name: np.array(rows) for name, rows in kept["kinds"].items()}
    limits = _bundled()
    lights: dict[str, list[str]] = {}
    unseen: dict[str, list[float]] = {}
    for name, image in [*others(TEST_SEEDS, folder, stream=2), *results(folder, generated)]:
        lights.setdefault(name, []).append((light := light_of(image)).light)
        values = [light.measures.get(one, np.nan) for one in TEXTURE]
        if np.isfinite(values).all():
            unseen.setdefault(name, []).append(values)  # type: ignore[arg-type]
    rows = []
    for name, seen in lights.items():
        rest = {other: values for other, values in learnt.items() if _group(other) != _group(name)}
        blind = likeness(fitted(recorded, rest), np.array(unseen[name])) if name in unseen else None
        cut = ["", ""] if blind is None else [
            f"{100 * np.mean(blind < limit):.0f}" for limit in (limits.red, limits.yellow)
        ]  # fmt: skip
        rows.append([name, str(len(seen)), *(f"{float(one):.0f}" for one in shares(seen)), *cut])
    head = [
        "kind",
        "n",
        "red (%)",
        "red or yellow (%)",
        "red, kind not seen",
        "red or yellow, kind not seen",
    ]
    print(markdown_table(head, rows))


def _group(name: str) -> str:
    """Kinds that are left out together."""
    return next(
        (word for word in ("noise", "screenshot", "ULM", "generated") if word in name), name
    )


def results(folder: Path, sections: int) -> Iterator[tuple[str, Floats]]:
    """Results of the present weights on simulated sections, kept in the folder."""
    from napari_fus_ulm.inference.enhance import enhance
    from napari_fus_ulm.inference.settings import EnhanceSettings
    from napari_fus_ulm.io.atomic import arrays_writer, write_file
    from napari_fus_ulm.phantom import simulate_pair

    for generator, mode in WAYS:
        for seed in TEST_SEEDS[:sections]:
            path = folder / "generated" / f"{generator}_{mode}_{seed}.npz"
            if not path.exists():
                settings = EnhanceSettings.from_mapping({"generator": generator, "mode": mode})
                image = enhance(simulate_pair(seed).fus, settings).image.values
                write_file(path, arrays_writer({"image": image}))
            with np.load(path) as kept:
                yield f"generated, {generator} {mode}", kept["image"].astype(np.float64)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["fit", "measure"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("real", type=Path, nargs="?", help="real pictures (measure)")
    parser.add_argument("--generated", type=int, default=4, help="sections that are enhanced")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.what == "fit":
        fit(options.folder)
    else:
        measure(options.folder, options.real, options.generated)


if __name__ == "__main__":
    main()
