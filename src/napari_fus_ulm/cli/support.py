"""Rate how well each vessel that a result draws is supported, without a ground truth.

Every drawn vessel is coloured by how often vessels with such evidence were real in simulated
sections: supported, uncertain or unlikely; where the input is unlike anything learnt from, nothing
is judged. This is evidence, not truth.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from napari_fus_ulm.cli.console import checking_usage, failing_politely, follow, print_json, say
from napari_fus_ulm.cli.inputs import (
    Image,
    Leading,
    Slice,
    Spacing,
    Time,
    result_source,
    source_of,
    take_named,
)
from napari_fus_ulm.cli.options import option
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.tasks.support import SupportSettings

NAME = "support"
DEFAULT, DEFAULT_SUPPORT = EnhanceSettings(), SupportSettings()


def command(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="A result of enhance.")],
    fus: Annotated[Path, typer.Option(help="The fUS file that the result was made from.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder: support.png and the maps.")],
    samples: Annotated[int, option(SupportSettings, "samples")] = DEFAULT_SUPPORT.samples,
    seed: Annotated[int, option(SupportSettings, "seed")] = DEFAULT_SUPPORT.seed,
    pixel_um: Annotated[float, option(EnhanceSettings, "pixel_um")] = DEFAULT.pixel_um,
    native_um: Annotated[float | None, option(EnhanceSettings, "native_um")] = None,
    values: Annotated[str, option(EnhanceSettings, "values")] = DEFAULT.values,
    position: Annotated[str, option(EnhanceSettings, "position")] = DEFAULT.position,
    device: Annotated[str, option(EnhanceSettings, "device")] = DEFAULT.device,
    precision: Annotated[str, option(EnhanceSettings, "precision")] = DEFAULT.precision,
    spacing: Spacing = None,
    image: Image = 1,
    leading: Leading = "slice",
    slice: Slice = 1,
    time: Time = "mean",
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Rate how well each drawn vessel is supported."""
    with failing_politely(json):
        from napari_fus_ulm.tasks.events import noting
        from napari_fus_ulm.tasks.record import Record
        from napari_fus_ulm.tasks.replay import checked, save
        from napari_fus_ulm.tasks.support import SUPPORT, support_classes

        with checking_usage():
            enhance = EnhanceSettings(
                pixel_um=pixel_um,
                native_um=native_um,
                values=values,  # type: ignore[arg-type]  # checked by the settings
                position=position,  # type: ignore[arg-type]
                device=device,
                precision=precision,  # type: ignore[arg-type]
            )
            settings = SupportSettings(samples=samples, seed=seed, enhance=enhance)
            inputs = {
                "result": result_source(result, slice),
                "fus": source_of(
                    fus, spacing=spacing, image=image, leading=leading, slice=slice, time=time
                ),
            }
        record = Record.of("support", inputs, settings)
        takes = {name: partial(take_named, source) for name, source in inputs.items()}
        events = noting(SUPPORT.run, takes, settings)
        ready = follow(checked(record, out, events), result.name)
        picture, probability = (one.path for one in list(save(record, ready, out))[:2])
        if json:
            names = [one.name for one in support_classes()]
            summary = {
                "picture": str(picture),
                "probability": str(probability),
                "mm": dict(zip(names, ready.support.length_mm, strict=True)),
                "agreement": ready.agreement,
                "strange_share": ready.support.strange_share,
            }
            print_json(summary)
        else:
            print(f"{picture}\n{probability}")
        say(f"{ready.sentence} Evidence is not truth.")
