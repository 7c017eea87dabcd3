"""What the study calls critical, left out or changed one at a time.

    python benchmarks/ablations.py COHORT runs/ablations
    python benchmarks/ablations.py COHORT runs/ablations --only application

COHORT is a study's (`napari-fus-ulm simulate --study`, or runs/study/cohort). Every question has a
base and its variants. Those about training train the diffusion model's small preset from fresh
weights on the cohort's training side: equal pixels seen, three seeds, the best weights on the
validation image. Those about application use the weights that ship. All are judged on the test
side; a variant's difference from the base is paired by image and seed, with the 95 % bootstrap
interval over animals. It can be stopped at any time: the same command goes on from the last
checkpoint, and judges nothing twice. FOLDER/ablations.md takes the tables.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from napari_fus_ulm.cli.console import say
from napari_fus_ulm.cohort.splits import split_of
from napari_fus_ulm.cohort.table import DESCRIPTION, cohort_name, read_cohort, write_pairs_table
from napari_fus_ulm.errors import SettingsError, TrainingError
from napari_fus_ulm.evaluation.generated import generators
from napari_fus_ulm.evaluation.harness import EvaluationSettings, ImageScored, evaluate_events
from napari_fus_ulm.evaluation.intervals import Summary, summarise
from napari_fus_ulm.generators.checkpoint import bundled_weights, sha256
from napari_fus_ulm.inference.settings import POSTER, EnhanceSettings, Mode
from napari_fus_ulm.io.atomic import write_text
from napari_fus_ulm.training.loop import Saved, StepDone, train_events
from napari_fus_ulm.training.run import CHECKPOINT, WEIGHTS
from napari_fus_ulm.training.settings import TrainSettings

PATCHES, SEEDS = 15_000, 3
PHANTOMS, PHANTOM_SEED = 300, 2
PIXELS_OF_A_PATCH = 128**2
WHOLE = 656
"""Side that holds every section of the study's cohort at 20 µm (smaller ones are mirrored)."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A column: which of the scores, of a picture in which mode, and which sign is better."""

    mode: Mode
    name: str
    heading: str
    digits: int
    better: int


def _columns(*modes: Mode) -> tuple[Measure, ...]:
    """Errors of the first mode, looks and vessels of the last."""
    one, other = modes[0], modes[-1]
    return (
        Measure(one, "mse", "MSE ↓", 4, -1),
        Measure(one, "cl_dice", "clDice ↑", 3, 1),
        Measure(other, "ssim", "SSIM ↑", 3, 1),
        Measure(other, "lpips", "LPIPS ↓", 3, -1),
        Measure(other, "tree_recall", "tree recall ↑", 3, 1),
        Measure(other, "tree_precision", "tree precision ↑", 3, 1),
    )


@dataclass(frozen=True, slots=True)
class Trial:
    """One way of training, or one way of applying what is trained.

    Attributes
    ----------
    key, words : str
    train : mapping or None
        Changes of the training settings of :func:`training`; None trains nothing.
    apply : mapping
        Settings of *Enhance*; the mode among them where only one is of interest.
    pairs : int
        Training pairs at hand; 0: phantoms instead.
    begins_with : Trial or None
        Whose weights this one is trained on, or applies if it trains nothing (None: those that
        ship).
    """

    key: str
    words: str
    train: Mapping[str, Any] | None = field(default_factory=dict)
    apply: Mapping[str, Any] = field(default_factory=dict)
    pairs: int = 29
    begins_with: Trial | None = None

    @property
    def seeded(self) -> bool:
        """Whether there are runs of several seeds behind it."""
        return self.train is not None or self.begins_with is not None

    @property
    def modes(self) -> tuple[Mode, ...]:
        """Modes in which its pictures are judged."""
        return (self.apply["mode"],) if "mode" in self.apply else ("accurate", "detailed")


@dataclass(frozen=True, slots=True)
class Question:
    """Trials of which the first is the base of the others."""

    key: str
    words: str
    trials: tuple[Trial, ...]
    measures: tuple[Measure, ...] = _columns("accurate", "detailed")


BASE = Trial("base", "128-pixel patches, quadratic edges, position given, from scratch on 29 pairs")
FINE = {"learning_rate": 1e-4}
PRETRAINED = Trial(
    "phantoms", "trained on phantoms only (twice the patches)", {"patches": 2.0}, pairs=0
)


def _few(pairs: int) -> tuple[Trial, Trial]:
    scratch = Trial(f"scratch-{pairs:02d}", f"from scratch on {pairs} pairs", pairs=pairs)
    fine = Trial(
        f"fine-{pairs:02d}",
        f"trained on phantoms, then on {pairs} pairs",
        FINE,
        pairs=pairs,
        begins_with=PRETRAINED,
    )
    return scratch, fine


def _applied(key: str, words: str, **apply: Any) -> Trial:
    return Trial(key, words, train=None, apply=apply)


PATCHWISE = {"patch": 128, "overlap": 64, "window": "hann"}
AT_8 = {"mode": "detailed", "steps": 8}
DETAILED = _applied("detailed", "8 steps, whole frame", **AT_8)

QUESTIONS = (
    Question(
        "edges",
        "The edge loss",
        (
            BASE,
            Trial("edges-off", "no edge loss", {"model": {"edge_weight": 0.0}}),
            Trial("edges-l1", "edge loss L1", {"model": {"edges": "l1"}}),
            Trial(
                "edges-4",
                "quadratic edge loss, four times the weight",
                {"model": {"edge_weight": 4.0}},
            ),
        ),
    ),
    Question(
        "patch",
        "Patches, their size, and full images (equal pixels)",
        (
            BASE,
            Trial("patch-64", "64-pixel patches", {"patch": 64, "batch": 64}),
            Trial("patch-256", "256-pixel patches", {"patch": 256, "batch": 4}),
            Trial("full", "full images, one at a time", {"patch": WHOLE, "batch": 1}),
        ),
    ),
    Question(
        "position",
        "Position",
        (
            BASE,
            Trial("position-off", "never given", {"without_position": 1.0}, {"position": "off"}),
            Trial(
                "position-kept-back",
                "learnt, but withheld when applied",
                None,
                {"position": "off"},
                begins_with=BASE,
            ),
        ),
    ),
    Question(
        "pairs",
        "From scratch, or trained on phantoms first",
        (BASE, PRETRAINED, *_few(5), *_few(10), *_few(20), _few(29)[1]),
    ),
    Question(
        "application",
        "How the shipped weights are applied: one sample",
        (
            DETAILED,
            _applied("patchwise", "128-pixel patches, fused at every step", **AT_8, **PATCHWISE),
            _applied(
                "at-end",
                "128-pixel patches, fused at the end",
                fusion="at-end",
                **AT_8,
                **PATCHWISE,
            ),
            _applied(
                "poster",
                "the Study's recipe: ancestral, 50 steps, fused at the end",
                **POSTER,
            ),
            _applied(
                "ancestral",
                "ancestral, 50 steps, whole frame",
                mode="detailed",
                sampler="ancestral",
                steps=50,
            ),
            *(
                _applied(f"steps-{n}", f"{n} steps", mode="detailed", steps=n)
                for n in (2, 4, 16, 50)
            ),
        ),
        _columns("detailed"),
    ),
    Question(
        "means",
        "How the shipped weights are applied: means",
        (
            _applied("accurate", "Accurate, whole frame", mode="accurate"),
            _applied(
                "accurate-patchwise", "Accurate, 128-pixel patches", mode="accurate", **PATCHWISE
            ),
            *(
                _applied(
                    f"mean-{k}",
                    f"mean of {k} samples of 8 steps",
                    mode="balanced",
                    samples=k,
                    steps=8,
                )
                for k in (2, 4, 8, 16)
            ),
            replace(DETAILED, words="one sample of 8 steps"),
        ),
        tuple(replace(one, mode="accurate") for one in _columns("accurate")),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """At what expense the questions are asked.

    Parameters
    ----------
    patches : int
        Of 128 × 128 pixels that each run sees, or as many pixels in patches of another size.
    seeds : int
        Runs of every trial.
    model : mapping
        Arguments of the generator under those of a trial; empty takes the small preset.
    phantoms, phantom_seed : int
        Simulated sections of the pre-training, which all seeds share, and its seed.
    """

    patches: int = PATCHES
    seeds: int = SEEDS
    model: Mapping[str, Any] = field(default_factory=dict)
    phantoms: int = PHANTOMS
    phantom_seed: int = PHANTOM_SEED


# ---------------------------------------------------------------- training


def training(trial: Trial, seed: int, scale: Scale, cohort: Path, folder: Path) -> TrainSettings:
    """The study's protocol, changed where the trial says so, over equal pixels."""
    assert trial.train is not None
    changes = {"patch": 128, "batch": 16, **trial.train}
    share = changes.pop("patches", 1.0)
    pixels = share * scale.patches * PIXELS_OF_A_PATCH
    steps = max(1, round(pixels / (changes["batch"] * changes["patch"] ** 2)))
    if trial.pairs:
        changes["pairs"] = str(some_pairs(cohort, trial.pairs, folder).resolve())
    else:
        changes |= {"phantoms": scale.phantoms, "seed": scale.phantom_seed}
    if trial.begins_with:
        changes["init"] = str((run_of(trial.begins_with, seed, folder) / WEIGHTS).resolve())
    return TrainSettings(
        **{
            "seed": seed,
            "flip": False,
            "preset": "" if scale.model or trial.begins_with else "small",
            **changes,
            "steps": steps,
            "model": {} if trial.begins_with else {**scale.model, **changes.get("model", {})},
        }
    )


def some_pairs(cohort: Path, count: int, folder: Path) -> Path:
    """A folder with the cohort's table, but only the first ``count`` training pairs."""
    path = folder / f"pairs-{count:02d}"
    if not path.exists():
        split = split_of(read_cohort(cohort))
        chosen = (*split.train[:count], *split.validation, *split.test)
        if len(split.train) < count:
            raise SettingsError(f"{cohort} has {len(split.train)} training pairs, not {count}.")
        partial = path.with_suffix(".part")
        write_pairs_table(partial, chosen)
        if (cohort / DESCRIPTION).exists():
            shutil.copy(cohort / DESCRIPTION, partial)
        partial.rename(path)
    return path


def run_of(trial: Trial, seed: int, folder: Path) -> Path:
    """The folder of a run; what is trained on phantoms serves all seeds."""
    return folder / "runs" / (f"{trial.key}-{seed}" if trial.pairs else trial.key)


def trained(trial: Trial, seed: int, scale: Scale, cohort: Path, folder: Path) -> Path:
    """Weights of a trial, which is trained if it was not, or gone on with."""
    first = trial.begins_with
    before = trained(first, seed, scale, cohort, folder) if first else None
    if trial.train is None:
        return before or bundled_weights("diffusion")
    run = run_of(trial, seed, folder)
    done = run / "finished"
    if not done.exists():
        settings = training(trial, seed, scale, cohort, folder)
        last: StepDone | None = None
        for event in train_events(settings, run, resume=(run / CHECKPOINT).exists()):
            if isinstance(event, StepDone):
                last = event
            elif isinstance(event, Saved) and last is not None:
                say(f"{run.name}: step {last.step} of {last.steps}, {last.losses['loss']:.4f}")
        done.touch()
    return run / WEIGHTS


# ---------------------------------------------------------------- judging

Judged = Mapping[str, Mapping[str, Mapping[str, float | None]]]
"""Mode -> image -> measure -> value."""


def judged(trial: Trial, seed: int, weights: Path, cohort: Path, folder: Path) -> Judged:
    """Scores of the test side; those of an earlier call where weights and application are equal."""
    apply = {name: value for name, value in trial.apply.items() if name != "mode"}
    what = {"weights": sha256(weights), "apply": {**apply}, "modes": list(trial.modes)}
    path = folder / "judged" / f"{trial.key}-{seed}.json"
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["of"] == what:
            return kept["scores"]  # type: ignore[no-any-return]
    scores: dict[str, dict[str, dict[str, float | None]]] = {mode: {} for mode in trial.modes}
    methods = {
        method.key: (mode, method)
        for method in generators([weights], replace(EnhanceSettings(), seed=seed, **apply))
        for mode in get_args(Mode)
        if method.key.endswith(mode) and mode in trial.modes
    }
    split = split_of(read_cohort(cohort))
    settings = EvaluationSettings(cohort=cohort_name(cohort))
    for event in evaluate_events([split], [one for _, one in methods.values()], settings):
        if isinstance(event, ImageScored):
            mode, _ = methods[event.method]
            scores[mode][event.image] = {**event.scores.as_dict()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps({"of": what, "scores": scores}, indent=1) + "\n")
    return scores


def value(scores: Judged, measure: Measure, image: str) -> float:
    """A measure of an image; a trial of one mode has its only one."""
    of_mode = scores.get(measure.mode) or next(iter(scores.values()))
    value = of_mode[image][measure.name]
    return math.nan if value is None else float(value)


def difference(
    measure: Measure,
    trial: Sequence[Judged],
    base: Sequence[Judged],
    animals: Mapping[str, str],
) -> Summary:
    """A measure of a trial less the base's, paired by seed and image; intervals over animals."""
    differences = [
        (value(one, measure, image) - value(other, measure, image), animals[image])
        for one, other in zip(trial, base, strict=True)
        for image in animals
    ]
    return summarise([d for d, _ in differences], [animal for _, animal in differences])


# ---------------------------------------------------------------- tables


def table(
    question: Question, scores: Mapping[str, Sequence[Judged]], animals: Mapping[str, str]
) -> str:
    """Means of the base, and of every other trial with the interval of its difference."""
    base = question.trials[0]
    several = len({measure.mode for measure in question.measures}) > 1
    heads = [
        f"{one.heading} ({one.mode.capitalize()})" if several else one.heading
        for one in question.measures
    ]
    lines = [f"| {question.words} | {' | '.join(heads)} |", "| --- |" + " ---: |" * len(heads)]
    for trial in question.trials:
        if trial.key not in scores or base.key not in scores:
            continue
        cells = [
            _cell(one, scores[trial.key], None if trial is base else scores[base.key], animals)
            for one in question.measures
        ]
        lines.append(f"| {trial.words} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(
    measure: Measure,
    trial: Sequence[Judged],
    base: Sequence[Judged] | None,
    animals: Mapping[str, str],
) -> str:
    values = [value(one, measure, image) for one in trial for image in animals]
    mean = summarise(values, list(animals.values()) * len(trial)).mean
    text = f"{mean:.{measure.digits}f}"
    if base is None:
        return text
    gain = difference(measure, trial, base, animals)
    text += f" [{gain.low:+.{measure.digits}f}, {gain.high:+.{measure.digits}f}]"
    # Bold is what is decided, whichever way.
    return f"**{text}**" if gain.low > 0 or gain.high < 0 else text


def report(questions: Sequence[Question], folder: Path, cohort: Path, seeds: int) -> str:
    """Tables of what has been judged so far; every seed that all trials of a question have."""
    animals = animals_of(cohort)
    parts = []
    for question in questions:
        scores = {trial.key: _kept(trial, seeds, folder) for trial in question.trials}
        there = {key: runs for key, runs in scores.items() if runs}
        if question.trials[0].key not in there:
            continue
        shared = min(len(runs) for runs in there.values())
        parts.append(table(question, {k: runs[:shared] for k, runs in there.items()}, animals))
        if question.trials[0].seeded:
            parts.append(f"Seeds: {shared}.")
    return "\n\n".join(parts) + "\n"


def animals_of(cohort: Path) -> dict[str, str]:
    """Animal of every image on the test side."""
    return {pair.name: pair.animal for pair in split_of(read_cohort(cohort)).test}


def _kept(trial: Trial, seeds: int, folder: Path) -> list[Judged]:
    """What was judged of a trial, seed by seed from the first, as far as it goes."""
    runs: list[Judged] = []
    for seed in range(seeds if trial.seeded else 1):
        path = folder / "judged" / f"{trial.key}-{seed}.json"
        if not path.exists():
            break
        runs.append(json.loads(path.read_text(encoding="utf-8"))["scores"])
    return runs


def ask(questions: Sequence[Question], scale: Scale, cohort: Path, folder: Path) -> Path:
    """Train and judge what is missing, all trials of one seed before the next; write the tables."""
    path = folder / "ablations.md"
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(scale.seeds):
        for question in questions:
            for trial in question.trials:
                if seed and not trial.seeded:
                    continue
                weights = trained(trial, seed, scale, cohort, folder)
                judged(trial, seed, weights, cohort, folder)
                say(f"{trial.key}, seed {seed}: judged")
                write_text(path, report(questions, folder, cohort, scale.seeds))
    return path


def main() -> None:
    """Ask the questions and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cohort", type=Path)
    parser.add_argument("folder", type=Path, help="takes everything")
    keys = [question.key for question in QUESTIONS]
    parser.add_argument("--only", nargs="+", choices=keys, default=keys)
    parser.add_argument("--patches", type=int, default=PATCHES, help=f"({PATCHES})")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"({SEEDS})")
    arguments = parser.parse_args()
    chosen = [question for question in QUESTIONS if question.key in arguments.only]
    try:
        scale = Scale(patches=arguments.patches, seeds=arguments.seeds)
        print(
            ask(chosen, scale, arguments.cohort, arguments.folder).read_text(encoding="utf-8"),
            end="",
        )
    except KeyboardInterrupt:
        sys.exit("Stopped; the same command goes on.")
    except (ValueError, OSError, TrainingError) as error:
        sys.exit(f"Failed: {error}")


if __name__ == "__main__":
    main()
