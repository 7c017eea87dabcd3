"""The training loop: an iterator of events that can be stopped and resumed bit-exactly.

Nothing random is stored: the patches and noise of step k follow from (seed, k), so weights, moving
average and optimiser state are all a run needs to continue as if it had never stopped.
"""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_fus_ulm.cohort.seeds import SEED_BLOCK, VALIDATION_PHANTOMS, VALIDATION_SEED
from napari_fus_ulm.cohort.seen import memory
from napari_fus_ulm.cohort.splits import validation_files
from napari_fus_ulm.cohort.table import cohort_name
from napari_fus_ulm.errors import TrainingError
from napari_fus_ulm.generators.checkpoint import Card, card_path, write_weights
from napari_fus_ulm.generators.device import (
    arithmetic,
    choose_training_precision,
    is_out_of_memory,
)
from napari_fus_ulm.generators.library import weights_file
from napari_fus_ulm.grey.intensity_map import fit_monotone_map
from napari_fus_ulm.grey.pair import PreparedPair
from napari_fus_ulm.io.atomic import check_writable, write_text
from napari_fus_ulm.io.own_json import read_object
from napari_fus_ulm.training import data
from napari_fus_ulm.training.curves import FILE as CURVES
from napari_fus_ulm.training.curves import LOSSES, curves_picture
from napari_fus_ulm.training.run import CHECKPOINT, WEIGHTS, Run, peak_rate
from napari_fus_ulm.training.settings import TrainSettings
from napari_fus_ulm.training.streams import (
    Batch,
    MixedStream,
    PairStream,
    RecordingStream,
    Stream,
    batches,
    on_device,
)
from napari_fus_ulm.training.validation import FILE as VALIDATIONS
from napari_fus_ulm.training.validation import (
    Validated,
    past_losses,
    patience_is_over,
    validation_losses,
)

WARM_UP = 200
FALL = 0.2
SETTINGS = "settings.json"
OWN_FILES = (WEIGHTS, card_path(Path(WEIGHTS)).name, LOSSES, VALIDATIONS, CURVES, "record.json")
"""What a run writes beside its checkpoint and settings."""
MAP_PAIRS = 50
SCENES = "scenes"
"""Pairs the input's intensity map is fitted on."""


@dataclass(frozen=True, slots=True)
class StepDone:
    """One optimiser step.

    Attributes
    ----------
    step, steps : int
        Done, and in total.
    losses : dict of str to float
        The loss and its parts.
    patches_per_second : float
        Speed since the run was started or resumed.
    waiting : float
        Share of that time spent waiting for a batch, 0 to 1.
    """

    step: int
    steps: int
    losses: dict[str, float]
    patches_per_second: float
    waiting: float


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint and the weights for use were written."""

    step: int
    folder: Path


TrainEvent = data.PairReady | StepDone | Validated | Saved


def train_events(
    settings: TrainSettings, folder: Path, *, resume: bool = False
) -> Iterator[TrainEvent]:
    """Train a generator; stopping the iteration stops the run and keeps the last checkpoint.

    Parameters
    ----------
    settings : TrainSettings
    folder : Path
        Takes ``checkpoint.safetensors``, ``weights.safetensors`` with its card, ``settings.json``,
        ``losses.csv``, ``validation.csv``, ``curves.png`` and the prepared phantoms.
    resume : bool
        Continue from the folder's checkpoint, on any device. Of the settings that shape the result
        only ``steps`` may differ from the first run.

    Yields
    ------
    PairReady, StepDone, Validated, Saved

    Raises
    ------
    TrainingError
        If the folder holds another run, there is nothing to resume, the loss is not a number, or
        memory runs out.
    """
    _check_folder(settings, folder, resume)
    check_writable(folder)
    # A run that was killed before its first checkpoint begins anew.
    resume = resume and (folder / CHECKPOINT).exists()
    # Before the pairs are prepared, which takes long: missing files are reported immediately.
    run = Run.resume(settings, folder) if resume else Run.start(settings)
    write_text(folder / SETTINGS, settings.to_json())
    init = weights_file(settings.generator, settings.init) if settings.init else None
    weights = folder / WEIGHTS
    seen = memory(
        None if settings.pairs is None else Path(settings.pairs),
        training_seeds(settings),
        init,
        weights if resume and weights.exists() else None,
    )
    material = yield from _material(settings, folder)
    yield from _steps(settings, folder, material, run, seen)


def training_seeds(settings: TrainSettings) -> range:
    """Seeds of the phantoms that a run learns from; none where it has pairs only."""
    first = settings.seed * SEED_BLOCK
    learns = settings.pairs is None or settings.phantom_share > 0.0
    return range(first, first + settings.phantoms * learns)


@dataclass(frozen=True, slots=True)
class _Material:
    """What a run learns from, and what it is validated on (may be none).

    ``whole`` are some whole frames, for the card's description of the images.
    """

    train: Stream
    validation: Stream | None
    whole: list[PreparedPair]


def _material(settings: TrainSettings, folder: Path) -> Generator[data.PairReady, None, _Material]:
    # A generator that never learns the position is validated without it.
    withheld = 1.0 if settings.without_position >= 1.0 else 0.0
    if settings.pairs is not None:
        cohort = Path(settings.pairs)
        train = data.load_folder(cohort, settings.pixel_um)
        held_out = data.load_files(validation_files(cohort), settings.pixel_um)
        yield data.PairReady(len(train), len(train))
        stream: Stream = PairStream(train, settings.flip, settings.without_position)
        if settings.phantom_share:
            phantoms = data.phantom_tasks(training_seeds(settings), folder / SCENES)
            yield from data.prepare_scenes(phantoms, settings.workers)
            stream = MixedStream(stream, _recordings(settings, phantoms), settings.phantom_share)
        return _Material(
            stream,
            PairStream(held_out, without_position=withheld, vary_display=0.0) if held_out else None,
            train,
        )
    cache = folder / SCENES
    seeds = training_seeds(settings)
    phantoms = data.phantom_tasks(seeds, cache)
    validation_tasks = data.phantom_tasks(
        range(VALIDATION_SEED, VALIDATION_SEED + VALIDATION_PHANTOMS), cache
    )
    maps: list[data.SceneTask] = []
    if settings.ulm is not None:
        maps = data.map_tasks(Path(settings.ulm), settings.ulm_scenes, seeds, cache)
    yield from data.prepare_scenes([*phantoms, *validation_tasks], settings.workers)
    yield from data.prepare_scenes(maps, settings.workers)
    recordings = _recordings(settings, phantoms, maps)
    validation = dataclasses.replace(
        recordings,
        phantoms=tuple(task.path for task in validation_tasks),
        maps=(),
        flip=False,
        without_position=withheld,
    )
    return _Material(recordings, validation, recordings.typical(MAP_PAIRS))


def _recordings(
    settings: TrainSettings,
    phantoms: Sequence[data.SceneTask],
    maps: Sequence[data.SceneTask] = (),
) -> RecordingStream:
    return RecordingStream(
        tuple(task.path for task in phantoms),
        tuple(task.path for task in maps),
        settings.ulm_share,
        settings.pixel_um,
        settings.flip or settings.pairs is not None,
        settings.without_position,
    )


def _steps(
    settings: TrainSettings,
    folder: Path,
    material: _Material,
    run: Run,
    seen: dict[str, Any],
) -> Iterator[TrainEvent]:
    started, first = time.monotonic() - run.seconds, run.step
    saved_at, begun = time.monotonic(), time.monotonic()
    waited, curve = 0.0, list[str]()
    left = range(run.step, settings.steps)
    coming = batches(
        material.train,
        settings.seed,
        left,
        settings.batch,
        settings.patch,
        # On a CPU the cores are learning; a GPU learns faster than one thread can draw.
        threads=1 if run.device.type == "cpu" else settings.workers,
        pinned=run.device.type == "cuda",
    )
    for _ in left:
        wait_began = time.monotonic()
        batch = next(coming)
        waited += time.monotonic() - wait_began
        losses = _one_step(settings, batch, run)
        if not np.isfinite(losses["loss"]):
            raise TrainingError(
                f"The loss became {losses['loss']} at step {run.step}; the checkpoint before it "
                f"is kept in {folder}. Try a lower learning rate."
            )
        run.step += 1
        run.seconds = time.monotonic() - started
        curve.append(f"{run.step}," + ",".join(f"{v:.6g}" for v in losses.values()))
        passed = time.monotonic() - begun
        speed = (run.step - first) * settings.batch / passed
        yield StepDone(run.step, settings.steps, losses, speed, waited / passed)
        due = time.monotonic() - saved_at > 60.0 * settings.checkpoint_minutes
        if due or run.step == settings.steps:
            _append_curve(folder / LOSSES, ["step", *losses], curve)
            validated = _validate(settings, folder, material.validation, run)
            # The best validated weights are kept for use; without validation, the newest.
            if validated is None or validated.best:
                _save_weights(settings, folder, run, material.whole, seen)
            # Last: a run that is killed before it does all of this again from the one before.
            run.save(folder)
            _draw_curves(folder)
            saved_at, curve = time.monotonic(), []
            if validated is not None:
                yield validated
            yield Saved(run.step, folder)
            if patience_is_over(past_losses(folder), settings.patience):
                return


def _validate(
    settings: TrainSettings, folder: Path, stream: Stream | None, run: Run
) -> Validated | None:
    if stream is None:
        return None
    past = [loss for step, loss in past_losses(folder) if step < run.step]
    precision = choose_training_precision(settings.precision, run.device)
    losses = validation_losses(run.for_use(settings.keep_init), stream, settings.patch, precision)
    row = f"{run.step}," + ",".join(f"{v:.6g}" for v in losses.values())
    _append_curve(folder / VALIDATIONS, ["step", *losses], [row])
    return Validated(run.step, losses, all(losses["loss"] < loss for loss in past))


def _one_step(settings: TrainSettings, batch: Batch, run: Run) -> dict[str, float]:
    """Losses of a step.

    Raises
    ------
    TrainingError
        If memory runs out.
    """
    try:
        return {name: float(value) for name, value in learn(settings, batch, run).items()}
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        elsewhere = (
            "" if run.device.type == "cpu" else ", or continue on the CPU (--resume --device cpu)"
        )
        raise TrainingError(
            f"The device “{run.device}” has too little memory for {settings.batch} patches of "
            f"{settings.patch} pixels a side. Start a run with a smaller batch{elsewhere}."
        ) from error


def learn(settings: TrainSettings, batch: Batch, run: Run) -> dict[str, Tensor]:
    """Take one optimiser step; return the losses before it, on the run's device."""
    noise = torch.Generator().manual_seed(batch.noise_seed)  # of the CPU on every device
    share = rate(run.step, settings.steps)
    for group in run.optimiser.param_groups:
        group["lr"] = peak_rate(run.model, settings) * share
    if run.adversary is not None:
        run.adversary.rate = share
    with arithmetic(choose_training_precision(settings.precision, run.device), run.device):
        losses = run.model.training_loss(
            on_device(batch.patches, run.device),
            noise,
            progress=run.step / settings.steps,
            adversary=run.adversary,
        )
    run.optimiser.zero_grad(set_to_none=True)
    losses["loss"].backward()  # type: ignore[no-untyped-call]
    recipe = run.model.recipe
    if recipe.clip:
        torch.nn.utils.clip_grad_norm_(run.model.parameters(), recipe.clip)
    run.optimiser.step()
    run.follow(recipe.ema)
    return {name: value.detach() for name, value in losses.items()}


def rate(step: int, steps: int) -> float:
    """Share of the peak learning rate: warm-up, constant, linear fall over the last fifth."""
    warm = min(1.0, (step + 1) / WARM_UP)
    left = (steps - step) / max(1.0, FALL * steps)
    return min(warm, 1.0, left)


def _save_weights(
    settings: TrainSettings,
    folder: Path,
    run: Run,
    pairs: list[PreparedPair],
    seen: dict[str, Any],
) -> None:
    used = run.for_use(settings.keep_init).state_dict()
    half = {name: tensor.half().cpu() for name, tensor in used.items()}
    source = _source(settings)
    card = Card(
        generator=settings.generator,
        config=run.model.config(),
        pixel_um=settings.pixel_um,
        training={
            "data": source,
            "cohort": None if settings.pairs is None else cohort_name(Path(settings.pairs)),
            **seen,
            "settings": dataclasses.asdict(settings),
            "steps": run.step,
            "patches": run.step * settings.batch,
            "minutes": round(run.seconds / 60.0, 1),
            "device": run.device.type,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "field_mm": field_mm(pairs, settings.pixel_um),
            "input_map": fit_monotone_map(pairs[:MAP_PAIRS]),
        },
        metrics={},
        notes=f"Trained on {source} only.",
    )
    write_weights(folder / WEIGHTS, half, card)


def _source(settings: TrainSettings) -> str:
    if settings.pairs is not None:
        pairs = f"the pairs in {Path(settings.pairs).name}"
        if not settings.phantom_share:
            return pairs
        return f"{pairs} and recordings drawn of {settings.phantoms} simulated coronal sections"
    source = f"recordings drawn of {settings.phantoms} simulated coronal sections"
    if settings.ulm is None:
        return source
    return f"{source} and of the ULM maps in {Path(settings.ulm).name}"


def field_mm(pairs: list[PreparedPair], pixel_um: float) -> list[list[float]]:
    """Smallest and largest height, then width, of the fields of view, mm."""
    sides = np.array([pair.fus.shape for pair in pairs]) * pixel_um / 1000.0
    return np.stack([sides.min(axis=0), sides.max(axis=0)], axis=1).round(2).tolist()  # type: ignore[no-any-return]


def _draw_curves(folder: Path) -> None:
    # A failed plot must not stop a run.
    try:
        curves_picture(folder)
    except Exception as error:
        warnings.warn(f"The learning curves of {folder} were not drawn: {error!r}", stacklevel=2)


def _append_curve(path: Path, names: list[str], lines: list[str]) -> None:
    """Add lines to a table, in place of those that a killed run wrote of the same steps."""
    header, first = ",".join(names), int(lines[0].partition(",")[0])
    before = (
        path.read_text(encoding="utf-8", errors="replace").splitlines()[1:] if path.exists() else []
    )
    steps = [line.partition(",")[0] for line in before]
    kept = [
        line
        for line, step in zip(before, steps, strict=True)
        if step.isdecimal() and int(step) < first and line.count(",") == len(names) - 1
    ]
    write_text(path, "\n".join([header, *kept, *lines]) + "\n")


def _check_folder(settings: TrainSettings, folder: Path, resume: bool) -> None:
    """Refuse a folder of another run, or of anything else.

    Raises
    ------
    TrainingError
        The sentence names the folder.
    """
    stored = folder / SETTINGS
    if not resume and (folder / CHECKPOINT).exists():
        raise TrainingError(
            f"{folder} already holds a run. Resume it (--resume) or choose another folder."
        )
    if resume and not stored.exists():
        raise TrainingError(f"There is no run to resume in {folder}.")
    before = _stored_settings(stored)
    if before is None:
        foreign = [name for name in OWN_FILES if (folder / name).exists()]
        if foreign:
            raise TrainingError(
                f"{folder} holds a {foreign[0]} that no run here has written; choose another "
                "folder."
            )
        return
    if not resume:
        return
    now = dataclasses.asdict(settings)
    free = {"steps", "checkpoint_minutes", "workers", "patience", "device"}
    changed = [k for k in now if k not in free and before.get(k) != now[k]]
    if changed:
        raise TrainingError(
            f"The run in {folder} was started with other settings: {', '.join(changed)}. "
            "Resume it with those it was started with, or start a new one."
        )


def _stored_settings(path: Path) -> dict[str, Any] | None:
    """The settings of the run in a folder; None where there is none.

    Raises
    ------
    TrainingError
        If the file is not that of a run.
    """
    # A run of an earlier version lacks settings that came later: they had the default.
    default = dataclasses.asdict(TrainSettings())
    try:
        stored = read_object(path)
        if "generator" not in stored:
            raise ValueError("it does not hold the settings of a run")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"{path} cannot be used: {error}. Restore it, or choose another folder."
        ) from error
    return default | stored
