"""Enhance a sample with the bundled weights: a picture, an OME-TIFF and a metrics table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_fus_ulm.cli.console import failing_politely, print_json, say

NAME = "demo"


def command(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")] = Path(
        "demo"
    ),
    json: Annotated[bool, typer.Option("--json", help="Print the metrics as JSON.")] = False,
) -> None:
    """Enhance a simulated section; picture and metrics."""
    with failing_politely(json):
        from napari_fus_ulm.cohort.seeds import DEMO_SEED
        from napari_fus_ulm.evaluation.baselines import INPUT_TITLE
        from napari_fus_ulm.evaluation.generated import MODES
        from napari_fus_ulm.grey.intensity import fus_to_grey
        from napari_fus_ulm.grey.reference import reference_on_grid
        from napari_fus_ulm.grid import Grid
        from napari_fus_ulm.inference.enhance import enhance, input_on_grid
        from napari_fus_ulm.inference.settings import EnhanceSettings
        from napari_fus_ulm.io import write
        from napari_fus_ulm.io.atomic import write_json
        from napari_fus_ulm.metrics.fidelity import fidelity, table
        from napari_fus_ulm.output.figures import Panel, draw_panels, save_figure
        from napari_fus_ulm.phantom import simulate_pair

        say("Simulating a fUS/ULM pair…")
        pair = simulate_pair(DEMO_SEED)
        base = input_on_grid(pair.fus, EnhanceSettings())
        truth = reference_on_grid(pair.ulm, Grid.of(base))
        rows = {INPUT_TITLE: fidelity(base.values, truth)}
        results = {}
        for mode in MODES:
            results[mode] = enhance(pair.fus, mode=mode)
            rows[mode] = fidelity(results[mode].image.values, truth)
            say(f"{mode}: {results[mode].seconds:.1f} s")
        extent = Grid.of(pair.fus).extent_mm
        panels = [
            Panel(fus_to_grey(pair.fus.values), extent, "fUS (simulated power Doppler)"),
            Panel(results["accurate"].image.values, extent, "Accurate", "hot", generated=True),
            Panel(results["detailed"].image.values, extent, "Detailed", "hot", generated=True),
            Panel(truth, extent, "ULM (simulated)", "hot"),
        ]
        save_figure(out / "demo.png", draw_panels([panels]))
        write(out / "enhanced.ome.tif", results["detailed"].image)
        write(out / "fus.ome.tif", pair.fus)
        write(out / "ulm.ome.tif", pair.ulm)
        summary = {
            "sample": f"phantom, seed {DEMO_SEED}",
            "rows": {name: row.as_dict() for name, row in rows.items()},
            "seconds": {name: round(one.seconds, 2) for name, one in results.items()},
            "provenance": results["detailed"].provenance,
        }
        write_json(out / "metrics.json", summary)
        if json:
            print_json(summary)
        else:
            print(table(rows))
        say(
            f"Results in {out}/: demo.png, enhanced.ome.tif, fus.ome.tif, ulm.ome.tif, metrics.json"
        )
