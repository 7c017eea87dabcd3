"""Compare neighbouring patches, each sampled on its own: a picture, and the numbers of every seam.

Left patches are red and their right neighbours green (upper and lower ones likewise); where they
agree, the picture is yellow. ``seam.png`` is the figure of the study: two neighbouring patches over
each other, with ``--ulm`` beside the ULM. Agreement is self-consistency, not truth.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_fus_ulm.cli.console import checking_usage, failing_politely, follow, print_json, say
from napari_fus_ulm.cli.inputs import (
    Leading,
    Region,
    Slice,
    Spacing,
    Time,
    chosen,
    region_of,
    source_of,
)
from napari_fus_ulm.cli.options import option
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.tasks.coherence import CoherenceSettings

NAME = "coherence"
DEFAULT = CoherenceSettings().enhance


def command(
    image: Annotated[Path, typer.Argument(metavar="IN", help="A fUS file.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder: two pictures and seams.csv.")],
    generator: Annotated[str, option(EnhanceSettings, "generator")] = DEFAULT.generator,
    weights: Annotated[Path | None, option(EnhanceSettings, "weights")] = None,
    mode: Annotated[str, typer.Option(help="detailed or accurate.")] = DEFAULT.mode,
    noise: Annotated[
        str,
        option(CoherenceSettings, "noise"),
    ] = "independent",
    steps: Annotated[int, option(EnhanceSettings, "steps")] = DEFAULT.steps,
    seed: Annotated[int, option(EnhanceSettings, "seed")] = DEFAULT.seed,
    pixel_um: Annotated[float, option(EnhanceSettings, "pixel_um")] = DEFAULT.pixel_um,
    native_um: Annotated[float | None, option(EnhanceSettings, "native_um")] = None,
    values: Annotated[str, option(EnhanceSettings, "values")] = DEFAULT.values,
    sampler: Annotated[str, option(EnhanceSettings, "sampler")] = DEFAULT.sampler,
    departure: Annotated[float, option(EnhanceSettings, "departure")] = DEFAULT.departure,
    patch: Annotated[int | None, option(EnhanceSettings, "patch", "with --noise run")] = None,
    overlap: Annotated[int | None, option(EnhanceSettings, "overlap", "with --noise run")] = None,
    window: Annotated[str | None, option(EnhanceSettings, "window", "with --noise run")] = None,
    fusion: Annotated[str | None, option(EnhanceSettings, "fusion", "with --noise run")] = None,
    batch: Annotated[int, option(EnhanceSettings, "batch")] = DEFAULT.batch,
    position: Annotated[str, option(EnhanceSettings, "position")] = DEFAULT.position,
    device: Annotated[str, option(EnhanceSettings, "device")] = DEFAULT.device,
    precision: Annotated[str, option(EnhanceSettings, "precision")] = DEFAULT.precision,
    spacing: Spacing = None,
    part: Annotated[
        int,
        typer.Option("--image", help="Number of the image in the file.", min=1),
    ] = 1,
    leading: Leading = "slice",
    slice: Slice = 1,
    time: Time = "mean",
    region: Region = "",
    ulm: Annotated[
        Path | None, typer.Option(help="A ULM of the same section, beside the two patches.")
    ] = None,
    seam: Annotated[int, option(CoherenceSettings, "seam")] = 1,
    colours: Annotated[str, typer.Option(help="red-green or magenta-green.")] = "red-green",
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Compare neighbouring patches, each sampled on its own."""
    with failing_politely(json):
        from napari_fus_ulm.tasks.coherence import CAUTION
        from napari_fus_ulm.tasks.record import Record
        from napari_fus_ulm.tasks.replay import checked, run_of, save

        with checking_usage():
            given = chosen(
                generator=generator,
                weights=str(weights) if weights else None,
                mode=mode,
                pixel_um=pixel_um,
                native_um=native_um,
                values=values,
                steps=steps,
                seed=seed,
                sampler=sampler,
                departure=departure,
                patch=patch,
                overlap=overlap,
                window=window,
                fusion=fusion,
                batch=batch,
                position=position,
                device=device,
                precision=precision,
            )
            settings = CoherenceSettings(
                enhance=EnhanceSettings.from_mapping(given),
                noise=noise,  # type: ignore[arg-type]  # checked by the settings
                region=region_of(region),
                colours=colours,  # type: ignore[arg-type]
                seam=seam,
            )
            source = source_of(
                image, spacing=spacing, image=part, leading=leading, slice=slice, time=time
            )
        inputs = {"fus": source}
        if ulm is not None:
            inputs["ulm"] = source_of(ulm, "ulm", slice=slice)
        record = Record.of("coherence", inputs, settings)
        ready = follow(checked(record, out, run_of(record)), image.name)
        written = [one.path for one in save(record, ready, out)]
        pictures = [path for path in written if path.suffix == ".png"]
        table = next(path for path in written if path.suffix == ".csv")
        if json:
            rows = [one.as_dict() for one in ready.coherence.seams]
            print_json(
                {
                    "picture": str(pictures[0]),
                    "pictures": [str(path) for path in pictures],
                    "table": str(table),
                    "seams": rows,
                }
            )
        else:
            print("\n".join(map(str, (*pictures, table))))
        say(f"{ready.sentence} {CAUTION}")
