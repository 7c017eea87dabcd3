"""Enhance fUS files (or folders of them); every result stores how it was made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_fus_ulm.cli.console import (
    checking_usage,
    failing_politely,
    failure_sentence,
    follow,
    print_json,
    say,
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
from napari_fus_ulm.errors import ScanError, SettingsError
from napari_fus_ulm.inference.settings import PRESETS, EnhanceSettings
from napari_fus_ulm.io import SUFFIXES_WRITE
from napari_fus_ulm.tasks.record import Source

if TYPE_CHECKING:
    import xarray as xr

    from napari_fus_ulm.inference.enhancement import Enhancement

NAME = "enhance"
DEFAULT = EnhanceSettings()
BY_GENERATOR = "default: the generator's"


def command(
    inputs: Annotated[list[Path], typer.Argument(metavar="IN...", help="fUS files or folders.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder, or file for a single input.")],
    mode: Annotated[str, option(EnhanceSettings, "mode")] = DEFAULT.mode,
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
    samples: Annotated[int, option(EnhanceSettings, "samples")] = DEFAULT.samples,
    seed: Annotated[int, option(EnhanceSettings, "seed")] = DEFAULT.seed,
    sampler: Annotated[
        str | None, option(EnhanceSettings, "sampler", f"{DEFAULT.sampler} by default")
    ] = None,
    departure: Annotated[float, option(EnhanceSettings, "departure")] = DEFAULT.departure,
    patch: Annotated[int | None, option(EnhanceSettings, "patch", BY_GENERATOR)] = None,
    overlap: Annotated[int | None, option(EnhanceSettings, "overlap", BY_GENERATOR)] = None,
    window: Annotated[str | None, option(EnhanceSettings, "window", BY_GENERATOR)] = None,
    fusion: Annotated[str | None, option(EnhanceSettings, "fusion", BY_GENERATOR)] = None,
    preset: Annotated[str, typer.Option(help="default or poster (Study's recipe).")] = "default",
    batch: Annotated[int, option(EnhanceSettings, "batch")] = DEFAULT.batch,
    position: Annotated[str, option(EnhanceSettings, "position")] = DEFAULT.position,
    device: Annotated[str, option(EnhanceSettings, "device")] = DEFAULT.device,
    precision: Annotated[str, option(EnhanceSettings, "precision")] = DEFAULT.precision,
    generator: Annotated[str, option(EnhanceSettings, "generator")] = DEFAULT.generator,
    weights: Annotated[Path | None, option(EnhanceSettings, "weights")] = None,
    suffix: Annotated[str, typer.Option(help="As .ome.tif, .nii.gz or .npy.")] = ".ome.tif",
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
            if suffix not in SUFFIXES_WRITE:
                raise SettingsError(
                    f"--suffix is “{suffix}”; it must be one of {', '.join(SUFFIXES_WRITE)}."
                )
        files = _files(inputs)
        targets = _targets(out, files, suffix)
        _check_before(settings)
        reports: list[dict[str, Any]] = []
        failed = 0
        for path, target in zip(files, targets, strict=True):
            # One bad file of a night's batch must not cost the others.
            try:
                source = replace(part, layer=path.name, path=str(path.absolute()))
                reports.append(_enhanced(source, settings, gain, target, only_fus))
            except Exception as error:
                if len(files) == 1:
                    raise
                failed += 1
                sentence = failure_sentence(error)
                reports.append({"input": str(path), "error": sentence})
                say(f"Failed: {path.name}: {sentence}")
        if json:
            print_json(reports)
        else:
            print("\n".join(one["file"] for one in reports if "file" in one))
        if failed:
            say(f"{failed} of {len(files)} files failed.")
            raise typer.Exit(1)


def _files(inputs: list[Path]) -> list[Path]:
    from napari_fus_ulm.io import images_in
    from napari_fus_ulm.tasks.targets import results_in

    files: list[Path] = []
    for path in inputs:
        if not path.is_dir():
            files.append(path)
            continue
        inside = images_in(path)
        if not inside:
            raise ScanError(f"The folder {path} contains no image file that can be read.")
        results = results_in(path)
        recordings = [one for one in inside if one.name not in results]
        if len(recordings) < len(inside):
            names = ", ".join(one.name for one in inside if one.name in results)
            say(f"Results of earlier runs in {path} are not enhanced again: {names}.")
        if not recordings:
            raise ScanError(f"The folder {path} contains results only, and no recording.")
        files += recordings
    return files


def _check_before(settings: EnhanceSettings) -> None:
    """Fail once and before the first file where the weights or the device are missing."""
    from napari_fus_ulm.tasks.catalogue import check_available

    check_available(settings)


def _enhanced(
    source: Source,
    settings: EnhanceSettings,
    gain: float | None,
    target: Path,
    only_fus: bool,
) -> dict[str, Any]:
    """Enhance one file, write the results and say what was written."""
    from napari_fus_ulm.tasks.enhance import enhance_run, record_of
    from napari_fus_ulm.tasks.familiarity import refuse_unlike
    from napari_fus_ulm.tasks.record import Record
    from napari_fus_ulm.tasks.replay import checked, save, take

    scan, name = take(source), Path(source.path).name
    if scan.attrs.get("generated"):
        raise ScanError(
            f"“{name}” is a generated image, not a recording; enhance the recording that it was "
            "made from."
        )
    if only_fus:
        refuse_unlike(scan)
    chosen = settings if gain is None else _with_gain(settings, scan, gain)
    asked = Record.of("enhance", {"fus": source}, chosen)
    finished = follow(checked(asked, target, enhance_run(lambda: scan, None, chosen)), name)
    result: Enhancement = finished.enhancement
    paths = [one.path for one in save(record_of(result, source), finished, target)]
    say(f"{name} -> {target} ({result.reached}, {result.seconds:.1f} s)")
    report = {"file": str(target), "seconds": round(result.seconds, 2)}
    if result.spread is not None:
        report["spread"] = str(paths[1])
    return report | {"title": result.title, "provenance": result.provenance}


def _with_gain(settings: EnhanceSettings, scan: xr.DataArray, gain: float) -> EnhanceSettings:
    from napari_fus_ulm.tasks.catalogue import card_of, pixels_um

    card, _ = card_of(settings)
    native, finest = pixels_um(scan, card.pixel_um, settings.native_um)
    pixel = native / gain
    # A gain is a round number: ×5 of 99 µm means the generator's 20 µm, not 19.8.
    if 0.95 * finest <= pixel < finest:
        pixel = finest
    return replace(settings, pixel_um=pixel)


def _targets(out: Path, files: list[Path], suffix: str) -> list[Path]:
    """Where each result is written; never two to the same place."""
    from napari_fus_ulm.io.formats import stem_of

    if len(files) == 1 and out.name.lower().endswith(SUFFIXES_WRITE) and not out.is_dir():
        return [out]
    targets = [out / f"{stem_of(path)}_enhanced{suffix}" for path in files]
    taken: dict[str, Path] = {}
    for path, target in zip(files, targets, strict=True):
        other = taken.setdefault(str(target).casefold(), path)  # Windows takes A and a for one
        if other is not path:
            raise SettingsError(
                f"The results of {other} and {path} would both be {target}; "
                "enhance them separately."
            )
    return targets
