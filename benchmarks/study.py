"""The study repeated from scratch on simulated animals: every generator, one budget, one table.

    python benchmarks/study.py runs/study
    python benchmarks/study.py runs/study-quick --quick

Simulates the study's cohort into FOLDER/cohort (35 animals, split 29/1/5 by animal), trains every
generator on its training side from fresh weights into FOLDER/NAME (128-pixel patches, no flips, the
same number of patches for each; the weights used are the best on the validation image), judges all
of them as `napari-fus-ulm evaluate` does into FOLDER/evaluation, and writes FOLDER/study.md: the
tables, the budget, and what became of the study's findings. It can be stopped at any time: the same
command goes on from the last checkpoint (one every 3 minutes) and skips what is done.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_fus_ulm.cli import console
from napari_fus_ulm.cli.console import say
from napari_fus_ulm.cohort.splits import draw_splits
from napari_fus_ulm.cohort.table import cohort_name, read_cohort, write_pairs_table
from napari_fus_ulm.errors import TrainingError
from napari_fus_ulm.evaluation.columns import difference_of, images_of
from napari_fus_ulm.evaluation.harness import (
    Evaluation,
    EvaluationSettings,
    Event,
    ImageScored,
    Row,
)
from napari_fus_ulm.evaluation.intervals import Summary, summarise
from napari_fus_ulm.evaluation.methods import ULM
from napari_fus_ulm.evaluation.report import markdown
from napari_fus_ulm.generators import entry, names
from napari_fus_ulm.generators.checkpoint import card_path, load_generator, read_tensors
from napari_fus_ulm.io.atomic import check_writable, write_text
from napari_fus_ulm.phantom.population import (
    STUDY_SEED,
    PlanesReady,
    PopulationSettings,
    simulate_population,
    study_settings,
)
from napari_fus_ulm.tasks import evaluate
from napari_fus_ulm.training.loop import Saved, StepDone, TrainEvent, train_events
from napari_fus_ulm.training.run import CHECKPOINT, WEIGHTS
from napari_fus_ulm.training.settings import TrainSettings
from napari_fus_ulm.training.validation import past_losses

PATCHES, QUICK_PATCHES = 32_000, 640
QUICK_ANIMALS = 8
BATCH = {"diffusion": 16, "pix2pix": 4, "mhvae": 8}
"""Patches a step, as suits each method; how many a run sees in all is the same."""

SHARPNESS = "sharpness"


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What is repeated, and at what expense.

    Parameters
    ----------
    population : PopulationSettings
        Animals; with those of the study come its sides, others are divided in its proportions.
    patches : int
        That each generator sees.
    patch : int
        Side, pixels.
    generators : sequence of str
    models : mapping
        Arguments of a generator by its name; its defaults where there are none.
    checkpoint_minutes : float

    Raises
    ------
    ValueError
        If a generator is not known, or the patches are not whole batches of each.
    """

    population: PopulationSettings = field(default_factory=study_settings)
    patches: int = PATCHES
    patch: int = 128
    generators: Sequence[str] = field(default_factory=names)
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    checkpoint_minutes: float = 3.0

    def __post_init__(self) -> None:
        for name in self.generators:
            entry(name)  # says which there are
            if self.patches % BATCH[name] or self.patches < 1:
                raise ValueError(
                    f"{self.patches} patches are not whole batches of {BATCH[name]} ({name}); "
                    f"choose a multiple of {max(BATCH.values())}."
                )

    def training(self, name: str, cohort: Path) -> TrainSettings:
        """The study's protocol for one generator: no flips, no early stop."""
        return TrainSettings(
            generator=name,
            model=self.models.get(name, {}),
            pairs=str(cohort.resolve()),
            steps=self.patches // BATCH[name],
            batch=BATCH[name],
            patch=self.patch,
            flip=False,
            patience=0,
            checkpoint_minutes=self.checkpoint_minutes,
        )


def quick_study() -> Study:
    """A rehearsal of everything in minutes; its pictures are hardly trained."""
    animals = PopulationSettings(animals=QUICK_ANIMALS, seed=STUDY_SEED)
    return Study(population=animals, patches=QUICK_PATCHES)


# ---------------------------------------------------------------- cohort and training


@dataclass(frozen=True, slots=True)
class Trained:
    """A generator has seen all of its patches; ``before``: in an earlier call."""

    name: str
    before: bool


def study_events(study: Study, folder: Path) -> Iterator[PlanesReady | TrainEvent | Trained]:
    """Simulate and train what is not there yet; to stop iterating is to stop.

    Raises
    ------
    CohortError
        If the folder holds another cohort.
    TrainingError
        If it holds runs with other settings, or a loss is not a number.
    """
    cohort = folder / "cohort"
    with closing(simulate_population(cohort, study.population)) as events:
        yield from events
    if not study.population.study:
        _write_sides(cohort)
    for name in study.generators:
        settings, run = study.training(name, cohort), folder / name
        _refuse_other_budget(settings, run)
        before = is_finished(settings, run)
        if not before:
            yield from train_events(settings, run, resume=(run / CHECKPOINT).exists())
        yield Trained(name, before)


def is_finished(settings: TrainSettings, run: Path) -> bool:
    """Whether a run's checkpoint is that of its last step."""
    return (run / CHECKPOINT).exists() and steps_of(run) == settings.steps


def steps_of(run: Path) -> int:
    """Steps at the checkpoint of a run."""
    return int(read_tensors(run / CHECKPOINT)["step"])


def _write_sides(cohort: Path) -> None:
    """Divide the animals in the study's proportions, the same way every time."""
    pairs = read_cohort(cohort)
    (split,) = draw_splits(pairs, 1)
    sides = {pair.name: side for side, part in split.sides() for pair in part}
    write_pairs_table(cohort, [replace(pair, split=sides[pair.name]) for pair in pairs])


def _refuse_other_budget(settings: TrainSettings, run: Path) -> None:
    """More steps would be allowed to a run, but its learning rate has followed the first plan."""
    if not (run / CHECKPOINT).exists():
        return
    steps = int(json.loads((run / "settings.json").read_text(encoding="utf-8"))["steps"])
    if steps != settings.steps:
        raise TrainingError(
            f"The run in {run} was begun for {steps * settings.batch} patches; give "
            f"--patches {steps * settings.batch} to go on with it, or choose another folder."
        )


# ---------------------------------------------------------------- evaluation


@dataclass(frozen=True, slots=True)
class Judged:
    """An evaluation, and beside it how sharp every picture is: by row and image, the ULM is 1."""

    evaluation: Evaluation
    sharpness: Mapping[tuple[str, str], float]


def judge(study: Study, folder: Path) -> Judged:
    """What ``napari-fus-ulm evaluate FOLDER/cohort --weights ... -o FOLDER/evaluation`` does."""
    cohort, out = folder / "cohort", folder / "evaluation"
    check_writable(out)
    weights = [_named_weights(folder, name) for name in study.generators]
    settings = EvaluationSettings(cohort=cohort_name(cohort))
    sharpness: dict[tuple[str, str], float] = {}
    events = evaluate.cohort_events(cohort, weights, [], settings, draws=0)
    ready = console.follow(evaluate.followed(_measured(events, sharpness), 1), "Evaluating")
    evaluate.save_evaluation(ready, out)
    return Judged(ready.evaluation, sharpness)


def _named_weights(folder: Path, name: str) -> Path:
    """The weights of a run under the generator's name, which the tables take from the file."""
    path, source = folder / "weights" / f"{name}.safetensors", folder / name / WEIGHTS
    path.parent.mkdir(exist_ok=True)
    shutil.copy(source, path)
    shutil.copy(card_path(source), card_path(path))
    return path


def _measured(events: Iterable[Event], sharpness: dict[tuple[str, str], float]) -> Iterator[Event]:
    for event in events:
        if isinstance(event, ImageScored) and event.picture is not None and event.pair is not None:
            share = mean_gradient(event.picture) / mean_gradient(event.pair.truth)
            sharpness[event.method, event.image] = share
        yield event


def mean_gradient(grey: np.ndarray) -> float:
    """Mean length of the gradient, grey levels per pixel: what a blur takes away."""
    return float(np.hypot(*np.gradient(np.asarray(grey, np.float64))).mean())


# ---------------------------------------------------------------- what the study found


@dataclass(frozen=True, slots=True)
class Claim:
    """One finding: a generator's row lies on one side of others in one measure.

    Attributes
    ----------
    words : str
    measure : str
        Name among the scores, or :data:`SHARPNESS`.
    sign : int
        Of the difference, generator less the other, if the claim is true.
    generator, mode : str
        The row that is claimed to win, or to lose.
    others : tuple of str
        Generators (or the ULM) that it is held against; all other generators if empty.
    others_mode : str
        Of their rows; a generator without modes has one row.
    """

    words: str
    measure: str
    sign: int
    generator: str
    mode: str
    others: tuple[str, ...] = ()
    others_mode: str = ""


CLAIMS = (
    Claim("MHVAE has the lowest MSE", "mse", -1, "mhvae", "accurate"),
    Claim("MHVAE has the highest PSNR", "psnr", 1, "mhvae", "accurate"),
    Claim(
        "MHVAE has a lower MSE than a sample of the diffusion model (what the study compared)",
        "mse",
        -1,
        "mhvae",
        "accurate",
        ("diffusion",),
        "detailed",
    ),
    Claim(
        "MHVAE is blurry: less sharp than the ULM, and than a sample of the diffusion model",
        SHARPNESS,
        -1,
        "mhvae",
        "accurate",
        (ULM, "diffusion"),
        "detailed",
    ),
    Claim("Diffusion has the highest SSIM", "ssim", 1, "diffusion", "detailed"),
    Claim("Diffusion has the lowest LPIPS", "lpips", -1, "diffusion", "detailed"),
)
"""The study's findings. Which row a generator is judged by is settled beforehand, not by the
result: *accurate* where errors count (a mean has the smallest), *detailed* where the eye does."""

CONFIRMED, CONTRADICTED = "confirmed", "contradicted"
UNDECIDED, NO_INTERVAL = "undecided (interval includes zero)", "undecided (no interval)"


def verdict(difference: Summary, sign: int) -> str:
    """What a paired difference says of a claim about its sign."""
    if not np.isfinite([difference.low, difference.high]).all():
        return NO_INTERVAL
    low, high = sorted((sign * difference.low, sign * difference.high))
    return CONFIRMED if low > 0 else CONTRADICTED if high < 0 else UNDECIDED


def overall(verdicts: Sequence[str]) -> str:
    """Against all others at once: one that is better contradicts, all must be worse to confirm."""
    for decisive in (CONTRADICTED, NO_INTERVAL, UNDECIDED):
        if decisive in verdicts:
            return decisive
    return CONFIRMED


def findings(judged: Judged, generators: Sequence[str]) -> str:
    """Every claim, each with its verdict and the differences that it follows from."""
    lines = []
    for claim in CLAIMS:
        rivals = claim.others or [name for name in generators if name != claim.generator]
        row = _row(judged.evaluation, claim.generator, claim.mode)
        others = [_row(judged.evaluation, one, claim.others_mode or claim.mode) for one in rivals]
        if row is None or not others or None in others:
            lines.append(f"- {claim.words}: not judged, a generator is missing.")
            continue
        verdicts, comparisons = [], []
        for other in others:
            difference = paired(judged, row, other, claim.measure)
            verdicts.append(verdict(difference, claim.sign))
            comparisons.append(f"less {_name(other)} {_with_interval(difference)}, {verdicts[-1]}")
        lines.append(
            f"- {claim.words}: **{overall(verdicts)}**. {_measure_name(claim)} of {_name(row)} "
            f"{'; '.join(comparisons)}."
        )
    return "\n".join(lines)


def paired(judged: Judged, row: Row, other: Row, measure: str) -> Summary:
    """A measure of one row less the same image's in another, with its interval over animals."""
    if measure != SHARPNESS:
        return difference_of(judged.evaluation, row, measure, other.key)
    images = images_of(judged.evaluation, row.key)
    sharp = judged.sharpness
    return summarise(
        [sharp[row.key, one.image] - sharp[other.key, one.image] for one in images],
        [one.animal for one in images],
    )


def _row(evaluation: Evaluation, name: str, mode: str) -> Row | None:
    """A generator's row in a mode, or the only one that it has; or another row by its key."""
    rows = {row.key: row for row in evaluation.rows}
    return rows.get(f"{name}-{mode}") or rows.get(f"{name}-detailed") or rows.get(name)


def _name(row: Row) -> str:
    return "the ULM itself" if row.key == ULM else row.key.replace("-", " ")


def _measure_name(claim: Claim) -> str:
    return "Mean gradient" if claim.measure == SHARPNESS else claim.measure.upper()


def _with_interval(one: Summary) -> str:
    interval = "–" if np.isnan(one.low) else f"{one.low:+.3g}, {one.high:+.3g}"
    return f"{one.mean:+.3g} [{interval}]"


# ---------------------------------------------------------------- the report

REHEARSAL = (
    "**A rehearsal**: so few animals and patches show that everything runs; its verdicts say "
    "nothing about the methods."
)


def budget_table(study: Study, folder: Path) -> str:
    """What each generator was given, and what it made of it."""
    lines = [
        "| Budget | patches seen | minutes | threads | parameters (M) | best validation step |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in study.generators:
        run = folder / name
        state = read_tensors(run / CHECKPOINT)
        model, card = load_generator(run / WEIGHTS)
        millions = sum(p.numel() for p in model.parameters()) / 1e6
        step, _ = min(past_losses(run), key=lambda one: one[1])
        cells = (
            f"{int(state['step']) * BATCH[name]}",
            f"{float(state['seconds']) / 60.0:.1f}",
            f"{card.training['threads']}",
            f"{millions:.2f}",
            f"{step} of {int(state['step'])}",
        )
        lines.append(f"| {entry(name).title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def sharpness_table(judged: Judged) -> str:
    """How sharp every row's pictures are; noise sharpens too, so nothing is best here."""
    lines = ["| Mean gradient, of the ULM's | mean ± sd |", "| --- | ---: |"]
    for row in judged.evaluation.rows:
        images = images_of(judged.evaluation, row.key)
        values = [judged.sharpness[row.key, one.image] for one in images]
        summary = summarise(values, [one.animal for one in images])
        lines.append(f"| {row.title} | {summary.mean:.3f} ± {summary.sd:.3f} |")
    return "\n".join(lines)


def report(study: Study, folder: Path, judged: Judged) -> str:
    """The whole of ``study.md``."""
    sides = judged.evaluation.splits[0]
    split = "/".join(str(len(sides[side])) for side in ("train", "validation", "test"))
    parts = (
        "# The study, repeated on simulated animals",
        f"{study.population.animals} animals, split {split}; {study.patches} patches of "
        f"{study.patch} × {study.patch} pixels for each generator, from fresh weights, no flips.",
        "## What became of the study's findings",
        *([] if study.population.study else [REHEARSAL]),
        findings(judged, study.generators),
        "Differences are paired by image, with the 95 % bootstrap interval over animals, which "
        "for so few is likely too narrow. Confirmed if every interval excludes zero on the claimed "
        "side, contradicted if one does on the other.",
        "## Budget",
        budget_table(study, folder),
        "## Results",
        markdown(judged.evaluation).strip(),
        sharpness_table(judged),
    )
    return "\n\n".join(parts) + "\n"


def follow(events: Iterable[object]) -> None:
    """One line for every thing that is worth one."""
    last: StepDone | None = None
    for event in events:
        if isinstance(event, PlanesReady):
            say(f"{event.done} of {event.total} sections simulated")
        elif isinstance(event, StepDone):
            last = event
        elif isinstance(event, Saved) and last is not None:
            say(
                f"{event.folder.name}: step {last.step} of {last.steps}, loss "
                f"{last.losses['loss']:.4f}, {last.patches_per_second:.1f} patches/s"
            )
        elif isinstance(event, Trained):
            say(f"{event.name}: {'was trained before' if event.before else 'trained'}")


def repeat(study: Study, folder: Path) -> Path:
    """Do all that is missing, judge, and write the report."""
    follow(study_events(study, folder))
    path = folder / "study.md"
    write_text(path, report(study, folder, judge(study, folder)))
    return path


def main() -> None:
    """Repeat the study in a folder and print its report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="takes everything")
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"a rehearsal on 2 cores in less than 10 minutes: {QUICK_ANIMALS} animals divided in "
        f"the study's proportions (5/1/2), {QUICK_PATCHES} patches for each generator",
    )
    parser.add_argument("--patches", type=int, help=f"each generator sees ({PATCHES})")
    parser.add_argument("--generators", nargs="+", help=f"only these ({', '.join(names())})")
    arguments = parser.parse_args()
    study = quick_study() if arguments.quick else Study()
    try:
        study = replace(
            study,
            patches=arguments.patches if arguments.patches is not None else study.patches,
            generators=tuple(arguments.generators or study.generators),
        )
    except ValueError as error:
        parser.error(str(error))
    try:
        print(repeat(study, arguments.folder).read_text(encoding="utf-8"), end="")
    except KeyboardInterrupt:
        sys.exit("Stopped; the same command goes on.")
    except (ValueError, OSError, TrainingError) as error:
        sys.exit(f"Failed: {error}")


if __name__ == "__main__":
    main()
