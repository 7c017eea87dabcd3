"""Compare a result with its ULM: vessels hit, missed and invented, by calibre.

Invented means not in this ULM, which may itself have missed the vessel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_fus_ulm.cli.console import checking_usage, failing_politely, follow, print_json, say
from napari_fus_ulm.cli.inputs import Image, Slice, Spacing, result_source, source_of

NAME = "missed"


def command(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="A result of enhance.")],
    ulm: Annotated[Path, typer.Argument(metavar="ULM", help="The ground truth.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder: missed.png, table.md and the maps.")
    ],
    align: Annotated[
        str, typer.Option(help="How the ULM is aligned to the result: none, shift or affine.")
    ] = "none",
    spacing: Spacing = None,
    image: Image = 1,
    slice: Slice = 1,
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Find the vessels of a ULM that a result misses, and those that it invents."""
    with failing_politely(json):
        from napari_fus_ulm.tasks.record import Record
        from napari_fus_ulm.tasks.replay import checked, run_of, save
        from napari_fus_ulm.tasks.truth import CLASSES, TruthSettings

        with checking_usage():
            settings = TruthSettings(aligned=align)  # type: ignore[arg-type]  # checked by the settings
            truth = source_of(ulm, "ulm", spacing=spacing, image=image, slice=slice)
        record = Record.of(
            "missed", {"result": result_source(result, slice), "ulm": truth}, settings
        )
        ready = follow(checked(record, out, run_of(record)), result.name)
        paths = [str(saved.path) for saved in save(record, ready, out)]
        overlay = ready.comparison.overlay
        if json:
            lengths = {one.name: getattr(overlay, f"{one.name}_mm") for one in CLASSES}
            shares = {"recall": overlay.recall, "precision": overlay.precision}
            print_json({"files": paths, "mm": lengths, **shares})
        else:
            print(ready.markdown, end="")
            say("\n".join(paths))
