"""Enhance fUS files (or folders of them); every result stores how it was made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_fus_ulm.cli.console import (
    checking_usage,
    failing_politely,
    follow,
    print_json,
    say,
    show_traceback,
)
from napari_fus_ulm.cli.inputs import (
    Depth,
    Flip,
    Image,
    Leading,
    Region,
    Spacing,
    Time,
    region_of,
    source_of,
)
from napari_fus_ulm.cli.options import option
from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.inference.settings import PRESETS, EnhanceSettings
from napari_fus_ulm.tasks.batch import BatchSettings, Begun, Ended, Job, batch_run, plan

NAME = "enhance"
DEFAULT = EnhanceSettings()
OF_A_SAMPLE = ("steps", "samples", "sampler", "departure")
"""Options that *Accurate* makes no use of."""
BY_GENERATOR = "default: the generator's"


def command(
    inputs: Annotated[list[Path], typer.Argument(metavar="IN...", help="fUS files or folders.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder, or file for a single input.")],
    mode: Annotated[
        str | None, option(EnhanceSettings, "mode", f"{DEFAULT.mode} by default")
    ] = None,
    gain: Annotated[
        float | None,
        typer.Option(help="Result pixels per native pixel, 3 to 5.", min=1),
    ] = None,
    pixel_um: Annotated[
        float | None, option(EnhanceSettings, "pixel_um", f"{DEFAULT.pixel_um:g} by default")
    ] = None,
    native_um: Annotated[float | None, option(EnhanceSettings, "native_um")] = None,
    spacing: Spacing = None,
    image: Image = 1,
    leading: Leading = "slice",
    depth: Depth = "y",
    flip: Flip = "",
    slice: Annotated[
        int | None, typer.Option(help="One slice, from 1; all by default.", min=1)
    ] = None,
    time: Time = "mean",
    region: Region = "",
    values: Annotated[str, option(EnhanceSettings, "values")] = DEFAULT.values,
    steps: Annotated[
        int | None, option(EnhanceSettings, "steps", f"{DEFAULT.steps} by default")
    ] = None,
    samples: Annotated[
        int | None, option(EnhanceSettings, "samples", f"{DEFAULT.samples} by default")
    ] = None,
    seed: Annotated[int, option(EnhanceSettings, "seed")] = DEFAULT.seed,
    sampler: Annotated[str | None, option(EnhanceSettings, "sampler")] = None,
    departure: Annotated[
        float | None, option(EnhanceSettings, "departure", f"{DEFAULT.departure:g} by default")
    ] = None,
    patch: Annotated[int | None, option(EnhanceSettings, "patch")] = None,
    overlap: Annotated[int | None, option(EnhanceSettings, "overlap", BY_GENERATOR)] = None,
    window: Annotated[str | None, option(EnhanceSettings, "window", BY_GENERATOR)] = None,
    fusion: Annotated[str | None, option(EnhanceSettings, "fusion", BY_GENERATOR)] = None,
    preset: Annotated[str, typer.Option(help="poster is the Study's recipe.")] = "default",
    batch: Annotated[int, option(EnhanceSettings, "batch")] = DEFAULT.batch,
    position: Annotated[str, option(EnhanceSettings, "position")] = DEFAULT.position,
    device: Annotated[str, option(EnhanceSettings, "device")] = DEFAULT.device,
    precision: Annotated[str, option(EnhanceSettings, "precision")] = DEFAULT.precision,
    generator: Annotated[str, option(EnhanceSettings, "generator")] = DEFAULT.generator,
    weights: Annotated[Path | None, option(EnhanceSettings, "weights")] = None,
    suffix: Annotated[str, typer.Option(help="As .ome.tif, .nii.gz or .npy.")] = ".ome.tif",
    resume: Annotated[
        bool, typer.Option("--resume", help="Leave alone what is done with the same settings.")
    ] = False,
    only_fus: Annotated[
        bool, typer.Option("--only-fus", help="Refuse images that do not look like fUS.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Enhance fUS files or folders of them."""
    with failing_politely(json):
        with checking_usage():
            given = {
                "mode": mode,
                "region": region_of(region),
                "pixel_um": pixel_um,
                "native_um": native_um,
                "values": values,
                "steps": steps,
                "samples": samples,
                "seed": seed,
                "sampler": sampler,
                "departure": departure,
                "patch": patch,
                "overlap": overlap,
                "window": window,
                "fusion": fusion,
                "batch": batch,
                "position": position,
                "device": device,
                "precision": precision,
                "generator": generator,
                "weights": str(weights) if weights else None,
            }
            if preset not in PRESETS:
                raise SettingsError(
                    f"--preset is “{preset}”; it must be one of {', '.join(PRESETS)}."
                )
            set_ = {name: value for name, value in given.items() if value is not None}
            settings = EnhanceSettings.from_mapping({**PRESETS[preset], **set_})
            if gain is not None and pixel_um is not None:
                raise SettingsError(
                    "Give --gain or --pixel-um, not both: one follows from the other."
                )
            part = source_of(
                Path(),
                spacing=spacing,
                image=image,
                leading=leading,
                depth=depth,
                flip=flip,
                slice=slice,
                time=time,
            )
            how = BatchSettings(
                enhance=settings,
                part=part,
                gain=gain,
                suffix=suffix,
                only_fus=only_fus,
                skip_done=resume,
            )
        if settings.mode == "accurate" and (idle := _without_effect(given)):
            say(f"{idle} has no effect on accurate, which draws no sample; add --mode detailed.")
        planned = plan(inputs, out, suffix)
        for sentence in planned.notes:
            say(sentence)
        reports = [_report(planned.jobs, event) for event in _followed(planned.jobs, how)]
        if json:
            print_json(reports)
        else:
            print("\n".join(one["file"] for one in reports if "file" in one))
        failed = sum("error" in one for one in reports)
        if failed:
            say(f"{failed} of {len(reports)} files failed.")
            raise typer.Exit(1)


def _without_effect(given: dict[str, Any]) -> str:
    """The options of a sample that were given; empty where none was."""
    named = [name for name in OF_A_SAMPLE if given[name] is not None]
    return " and ".join(f"--{name}" for name in named)


def _followed(jobs: Sequence[Job], how: BatchSettings) -> Iterator[Ended]:
    """Show how each file goes; a single one that fails raises its error."""
    events = batch_run(jobs, how)
    for event in events:
        assert isinstance(event, Begun)  # each file begins, goes on and ends
        name = jobs[event.number].path.name
        ended = follow(_until_ended(events), name)
        if ended.error is not None and len(jobs) == 1:
            raise ended.error
        if ended.error is not None:
            show_traceback(ended.error)
            say(f"Failed: {name}: {ended.sentence}")
        elif ended.outcome == "skipped":
            say(f"{name}: {ended.sentence}")
        else:
            target, seconds = jobs[event.number].target, ended.enhancement.seconds
            say(f"{name} -> {target} ({ended.sentence.removesuffix('.')}, {seconds:.1f} s)")
        yield ended


def _until_ended(events: Iterator[Any]) -> Iterator[Any]:
    for event in events:
        yield event
        if isinstance(event, Ended):
            return


def _report(jobs: Sequence[Job], ended: Ended) -> dict[str, Any]:
    """What ``--json`` prints of a file."""
    job, result = jobs[ended.number], ended.enhancement
    if ended.outcome == "failed":
        return {"input": str(job.path), "error": ended.sentence}
    report: dict[str, Any] = {"file": str(job.target)}
    if result is None:
        return {**report, "skipped": ended.sentence}
    report["seconds"] = round(result.seconds, 2)
    if result.spread is not None:
        report["spread"] = str(ended.files[1])
    return {**report, "title": result.title, "provenance": result.provenance}
