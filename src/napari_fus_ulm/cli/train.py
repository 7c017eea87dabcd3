"""Train a generator on phantoms, or on a folder of pairs (pairs.csv, or fus/NAME and ulm/NAME)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_fus_ulm.cli.console import checking_usage, failing_politely, progress, say
from napari_fus_ulm.cli.options import option
from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.training.settings import TrainSettings

if TYPE_CHECKING:
    from napari_fus_ulm.training.loop import Saved, StepDone
    from napari_fus_ulm.training.validation import Validated

NAME = "train"
DEFAULT = TrainSettings()


def command(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the run.")],
    generator: Annotated[str, option(TrainSettings, "generator")] = DEFAULT.generator,
    preset: Annotated[str, option(TrainSettings, "preset")] = DEFAULT.preset,
    argument: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Argument of the generator; repeatable."),
    ] = None,
    pairs: Annotated[
        Path | None,
        option(TrainSettings, "pairs"),
    ] = None,
    ulm: Annotated[Path | None, option(TrainSettings, "ulm")] = None,
    ulm_share: Annotated[float, option(TrainSettings, "ulm_share")] = DEFAULT.ulm_share,
    ulm_scenes: Annotated[int, option(TrainSettings, "ulm_scenes")] = DEFAULT.ulm_scenes,
    phantoms: Annotated[int, option(TrainSettings, "phantoms")] = DEFAULT.phantoms,
    phantom_share: Annotated[float, option(TrainSettings, "phantom_share")] = DEFAULT.phantom_share,
    steps: Annotated[int, option(TrainSettings, "steps")] = DEFAULT.steps,
    batch: Annotated[int, option(TrainSettings, "batch")] = DEFAULT.batch,
    patch: Annotated[int, option(TrainSettings, "patch")] = DEFAULT.patch,
    pixel_um: Annotated[float, option(TrainSettings, "pixel_um")] = DEFAULT.pixel_um,
    without_position: Annotated[
        float, option(TrainSettings, "without_position")
    ] = DEFAULT.without_position,
    learning_rate: Annotated[float | None, option(TrainSettings, "learning_rate")] = None,
    seed: Annotated[int, option(TrainSettings, "seed")] = DEFAULT.seed,
    patience: Annotated[int, option(TrainSettings, "patience")] = DEFAULT.patience,
    init: Annotated[Path | None, option(TrainSettings, "init")] = None,
    keep_init: Annotated[float, option(TrainSettings, "keep_init")] = DEFAULT.keep_init,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the checkpoint.")] = False,
    device: Annotated[str, option(TrainSettings, "device")] = DEFAULT.device,
    precision: Annotated[str, option(TrainSettings, "precision")] = DEFAULT.precision,
    workers: Annotated[int, option(TrainSettings, "workers")] = DEFAULT.workers,
    checkpoint_minutes: Annotated[
        float, option(TrainSettings, "checkpoint_minutes")
    ] = DEFAULT.checkpoint_minutes,
) -> None:
    """Train a generator on phantoms or pairs."""
    with failing_politely():
        from napari_fus_ulm.tasks.record import Record
        from napari_fus_ulm.tasks.replay import note
        from napari_fus_ulm.tasks.train import train_run
        from napari_fus_ulm.training.data import PairReady
        from napari_fus_ulm.training.loop import Saved, StepDone
        from napari_fus_ulm.training.run import WEIGHTS
        from napari_fus_ulm.training.validation import Validated

        with checking_usage():
            settings = TrainSettings(
                generator=generator,
                preset=preset,
                model=_arguments(argument or []),
                pairs=str(pairs) if pairs else None,
                ulm=str(ulm) if ulm else None,
                ulm_share=ulm_share,
                ulm_scenes=ulm_scenes,
                phantoms=phantoms,
                phantom_share=phantom_share,
                seed=seed,
                steps=steps,
                batch=batch,
                patch=patch,
                pixel_um=pixel_um,
                learning_rate=learning_rate,
                without_position=without_position,
                flip=pairs is None,
                checkpoint_minutes=checkpoint_minutes,
                patience=patience,
                init=str(init) if init else None,
                keep_init=keep_init,
                device=device,
                precision=precision,  # type: ignore[arg-type]
                workers=workers,
            )
        with progress() as bar:
            preparing = bar.add_task("Preparing pairs")
            training = bar.add_task("Training")
            last: StepDone | None = None
            judged: Validated | None = None
            for event in train_run(settings, out, resume=resume):
                if isinstance(event, PairReady):
                    bar.update(preparing, completed=event.done, total=event.total)
                elif isinstance(event, StepDone):
                    last = event
                    label = f"loss {event.losses['loss']:.3f}"
                    bar.update(training, completed=event.step, total=event.steps, description=label)
                elif isinstance(event, Validated):
                    judged = event
                elif isinstance(event, Saved) and last is not None:
                    say(_checkpoint_line(event, last, judged))
        list(note(Record.of("train", {}, settings), out))
        print(out / WEIGHTS)


def _arguments(words: list[str]) -> dict[str, Any]:
    """Parse NAME=VALUE; a value that is not JSON is a string."""
    arguments = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise SettingsError(f"--argument is “{word}”; write NAME=VALUE.")
        try:
            arguments[name] = json.loads(value)
        except (ValueError, RecursionError):
            arguments[name] = value
    return arguments


def _checkpoint_line(saved: Saved, last: StepDone, judged: Validated | None) -> str:
    """One line for a checkpoint."""
    line = f"step {saved.step}: loss {last.losses['loss']:.4f}"
    if judged is not None:
        line += f", validation {judged.losses['loss']:.4f}" + (" (best)" if judged.best else "")
    speed = f"{last.patches_per_second:.1f} patches/s ({100 * last.waiting:.1f} % waiting for them)"
    return f"{line}, {speed}, saved in {saved.folder}"
