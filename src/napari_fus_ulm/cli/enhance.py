"""Enhance fUS files (or folders of them); every result says how it was made."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from napari_fus_ulm.cli.console import (
    checking_usage,
    failing_politely,
    print_json,
    progress,
    say,
)
from napari_fus_ulm.errors import ScanError, SettingsError
from napari_fus_ulm.inference.settings import PRESETS, EnhanceSettings
from napari_fus_ulm.io import SUFFIXES_WRITE
from napari_fus_ulm.selection import Selection, as_times

if TYPE_CHECKING:
    import xarray as xr

    from napari_fus_ulm.inference.enhancement import Enhancement

NAME = "enhance"
DEFAULT = EnhanceSettings()


def command(
    inputs: Annotated[list[Path], typer.Argument(metavar="IN...", help="fUS files or folders.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder, or file for a single input.")],
    mode: Annotated[str, typer.Option(help="detailed, balanced or accurate.")] = DEFAULT.mode,
    gain: Annotated[
        float | None,
        typer.Option(help="Result pixels per native pixel, 3 to 5; or --pixel-um.", min=1),
    ] = None,
    pixel_um: Annotated[
        float | None, typer.Option(help="Result pixel in µm (20 by default).")
    ] = None,
    spacing: Annotated[
        str | None, typer.Option(help="Pixel size of the input in mm: 0.1 or 0.1,0.11 (y,x).")
    ] = None,
    image: Annotated[int, typer.Option(help="Which image of a file with several.", min=1)] = 1,
    leading: Annotated[str, typer.Option(help="Images of a stack: slice or time.")] = "slice",
    slice: Annotated[
        int | None, typer.Option(help="One slice, counted from 1; all without it.", min=1)
    ] = None,
    time: Annotated[str, typer.Option(help="Times: mean, all, or one from 1.")] = "mean",
    values: Annotated[
        str, typer.Option(help="auto, linear, sqrt, cbrt, db or display.")
    ] = DEFAULT.values,
    steps: Annotated[
        int | None, typer.Option(help=f"Evaluations of a sample ({DEFAULT.steps}).")
    ] = None,
    samples: Annotated[int, typer.Option(help="Samples of balanced.")] = DEFAULT.samples,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = DEFAULT.seed,
    sampler: Annotated[str | None, typer.Option(help="ddim (default) or ancestral.")] = None,
    patch: Annotated[
        int | None, typer.Option(help="Patch side, pixels; the generator's own by default.")
    ] = None,
    overlap: Annotated[int | None, typer.Option(help="Overlap, pixels; likewise.")] = None,
    window: Annotated[str | None, typer.Option(help="box or hann; likewise.")] = None,
    fusion: Annotated[str | None, typer.Option(help="per-step or at-end; likewise.")] = None,
    preset: Annotated[
        str, typer.Option(help="Settings to begin with: default, or poster (the study's recipe).")
    ] = "default",
    batch: Annotated[int, typer.Option(help="128-pixel patches at once.")] = DEFAULT.batch,
    position: Annotated[str, typer.Option(help="auto or off.")] = DEFAULT.position,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = DEFAULT.device,
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = DEFAULT.precision,
    generator: Annotated[str, typer.Option(help="Generator.")] = DEFAULT.generator,
    weights: Annotated[Path | None, typer.Option(help="Weights (.safetensors).")] = None,
    suffix: Annotated[str, typer.Option(help=".ome.tif, .nii.gz or .npy.")] = ".ome.tif",
    json: Annotated[bool, typer.Option("--json", help="Results for machines.")] = False,
) -> None:
    """Enhance fUS files or folders of them."""
    with failing_politely(json):
        with checking_usage():
            step = _spacing(spacing)
            given = {
                "mode": mode,
                "pixel_um": pixel_um,
                "values": values,
                "steps": steps,
                "samples": samples,
                "seed": seed,
                "sampler": sampler,
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
                    f"--preset is {preset!r}; it must be one of {', '.join(PRESETS)}."
                )
            set_ = {name: value for name, value in given.items() if value is not None}
            settings = EnhanceSettings.from_mapping({**PRESETS[preset], **set_})
            if gain is not None and pixel_um is not None:
                raise SettingsError(
                    "Give --gain or --pixel-um, not both: one follows from the other."
                )
            if leading not in ("slice", "time"):
                raise SettingsError(f"--leading is {leading!r}; it must be slice or time.")
            part = Selection(slices=None if slice is None else slice - 1, times=_times(time))
            if suffix not in SUFFIXES_WRITE:
                raise SettingsError(
                    f"--suffix is {suffix!r}; it must be one of {', '.join(SUFFIXES_WRITE)}."
                )
        files = _files(inputs)
        targets = _targets(out, files, suffix)
        made: list[dict[str, Any]] = []
        failed = 0
        for path, target in zip(files, targets, strict=True):
            # One bad file of a night's batch must not cost the others.
            try:
                scan = _read(path, step, image)
                scan = part.of(as_times(scan) if leading == "time" else scan)
                chosen = settings if gain is None else _with_gain(settings, scan, gain)
                result = _run(scan, chosen, path.name)
                made.append(_save(result, target))
                say(f"{path.name} -> {target} ({result.seconds:.1f} s)")
            except Exception as error:
                if len(files) == 1:
                    raise
                failed += 1
                sentence = str(error) or type(error).__name__
                made.append({"input": str(path), "error": sentence})
                say(f"Failed: {path.name}: {sentence}")
        if json:
            print_json(made)
        else:
            print("\n".join(one["file"] for one in made if "file" in one))
        if failed:
            say(f"{failed} of {len(files)} files failed.")
            raise typer.Exit(1)


def _files(inputs: list[Path]) -> list[Path]:
    from napari_fus_ulm.io import images_in

    found: list[Path] = []
    for path in inputs:
        if path.is_dir():
            inside = images_in(path)
            if not inside:
                raise ScanError(f"The folder {path} holds no file of a kind that is read.")
            found += inside
        else:
            found.append(path)
    return found


def _spacing(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        step = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise SettingsError(f"--spacing is {text!r}; write 0.1 or 0.1,0.11 (mm).") from error
    return step * 2 if len(step) == 1 else step


def _times(text: str) -> int | Literal["mean"] | None:
    if text == "mean":
        return "mean"
    if text == "all":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError(f"--time is {text!r}; it must be mean, all, or a number from 1.")
    return int(text) - 1


def _read(path: Path, spacing: list[float] | None, image: int) -> xr.DataArray:
    from napari_fus_ulm.io import read, read_one

    if image == 1:
        return read_one(path, modality="fus", spacing=spacing)
    found = read(path, modality="fus", spacing=spacing)
    if image > len(found):
        raise ScanError(f"{path} holds {len(found)} images; there is no image {image}.")
    return found[image - 1]


def _with_gain(settings: EnhanceSettings, scan: xr.DataArray, gain: float) -> EnhanceSettings:
    from napari_fus_ulm.generators.checkpoint import bundled_weights, read_card
    from napari_fus_ulm.grey.native import native_pixel_um

    weights = Path(settings.weights) if settings.weights else bundled_weights(settings.generator)
    finest, pixel = read_card(weights).pixel_um, native_pixel_um(scan) / gain
    # A gain is a round number: ×5 of 99 µm means the generator's 20 µm, not 19.8.
    if 0.95 * finest <= pixel < finest:
        pixel = finest
    return dataclasses.replace(settings, pixel_um=pixel)


def _run(scan: xr.DataArray, settings: EnhanceSettings, name: str) -> Enhancement:
    from napari_fus_ulm.inference.enhance import enhance_events
    from napari_fus_ulm.inference.events import Finished, Notice, Progress

    with progress() as bar:
        task = bar.add_task(name)
        for event in enhance_events(scan, settings):
            if isinstance(event, Progress):
                bar.update(task, completed=event.done, total=event.total)
            elif isinstance(event, Notice):
                say(f"{name}: {event.message}")
            elif isinstance(event, Finished):
                return event.enhancement
    raise RuntimeError(f"{name}: the run ended without a result.")


def _targets(out: Path, files: list[Path], suffix: str) -> list[Path]:
    """Where each result goes; no two to the same place."""
    from napari_fus_ulm.io.formats import stem_of

    if len(files) == 1 and out.name.lower().endswith(SUFFIXES_WRITE):
        return [out]
    targets = [out / f"{stem_of(path)}_enhanced{suffix}" for path in files]
    taken: dict[Path, Path] = {}
    for path, target in zip(files, targets, strict=True):
        other = taken.setdefault(target, path)
        if other is not path:
            raise SettingsError(
                f"The results of {other} and {path} would both be {target}; enhance them apart."
            )
    out.mkdir(parents=True, exist_ok=True)
    return targets


def _save(result: Enhancement, target: Path) -> dict[str, Any]:
    from napari_fus_ulm.io import write
    from napari_fus_ulm.io.formats import stem_of

    write(target, result.image)
    made: dict[str, Any] = {"file": str(target), "seconds": round(result.seconds, 2)}
    if result.spread is not None:
        stem = stem_of(target)
        beside = target.with_name(f"{stem}_spread{target.name.removeprefix(stem)}")
        write(beside, result.spread)
        made["spread"] = str(beside)
    return made | {"title": result.title, "provenance": result.provenance}
