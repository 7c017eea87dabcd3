"""Simulate fUS/ULM pairs: fus/NAME and ulm/NAME, the layout that train --pairs reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_fus_ulm.cli.console import failing_politely, print_json, progress

NAME = "simulate"


def command(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the pairs.")],
    n: Annotated[int, typer.Option("-n", help="Number of animals.", min=1)] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the first; the others follow.", min=0)] = 0,
    suffix: Annotated[str, typer.Option(help=".ome.tif, .nii.gz or .npy.")] = ".ome.tif",
    json: Annotated[bool, typer.Option("--json", help="Files for machines.")] = False,
) -> None:
    """Simulate fUS/ULM pairs."""
    with failing_politely(json):
        from napari_fus_ulm.io import write
        from napari_fus_ulm.phantom import simulate_pair

        made = []
        with progress() as bar:
            for number in bar.track(range(seed, seed + n), description="Simulating"):
                pair = simulate_pair(number)
                name = f"phantom-{number:06d}{suffix}"
                for kind, scan in (("fus", pair.fus), ("ulm", pair.ulm)):
                    (out / kind).mkdir(parents=True, exist_ok=True)
                    made.append(str(write(out / kind / name, scan)))
        if json:
            print_json(made)
        else:
            print("\n".join(made))
