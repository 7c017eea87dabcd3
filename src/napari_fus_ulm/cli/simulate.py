"""Simulate animals as a cohort of fUS/ULM pairs, or compare the simulation with real recordings.

The folder has the layout that train --pairs and evaluate read. The same command continues where
an interrupted one stopped. Files depend on the seed, not on the number of workers.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from napari_fus_ulm.cli.console import (
    checking_usage,
    failing_politely,
    follow,
    print_json,
    progress,
    say,
)

NAME = "simulate"
CALIBRATION_ANIMALS = 50


def command(
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Folder of the cohort.")] = None,
    n: Annotated[
        int | None,
        typer.Option("-n", help="Number of animals: 1 by default, 50 with --calibration.", min=1),
    ] = None,
    planes: Annotated[int, typer.Option(help="Sections per animal, 0.5 mm apart.", min=1)] = 1,
    seed: Annotated[
        int | None,
        typer.Option(help="Seed of the first animal: 0, or 900000000 with --calibration.", min=0),
    ] = None,
    suffix: Annotated[
        str, typer.Option(help="File format: .nii.gz, .ome.tif or .npy.")
    ] = ".nii.gz",
    workers: Annotated[int, typer.Option(help="Number of processes.", min=1)] = 2,
    study: Annotated[
        bool, typer.Option("--study", help="The study's cohort: 35 animals, split 29/1/5.")
    ] = False,
    calibration: Annotated[
        bool,
        typer.Option("--calibration", help="Print statistics beside those of real recordings."),
    ] = False,
    real: Annotated[
        Path | None,
        typer.Option(help="Folder of real recordings to measure again, with --calibration."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Simulate fUS/ULM pairs, or compare them with real ones."""
    if calibration:
        if out is not None or study or planes > 1:
            raise typer.BadParameter(
                "--calibration writes nothing and uses one section per animal; leave out -o, "
                "--study and --planes."
            )
        _calibrate(n or CALIBRATION_ANIMALS, seed, workers, real, json)
    elif out is None:
        raise typer.BadParameter("Give a folder for the pairs (-o FOLDER), or --calibration.")
    elif real is not None:
        raise typer.BadParameter("--real belongs to --calibration.")
    elif study and (n is not None or seed is not None):
        raise typer.BadParameter("--study has its own animals; leave out -n and --seed.")
    else:
        _populate(out, n or 1, planes, seed or 0, suffix, workers, study, json)


def _populate(
    out: Path, n: int, planes: int, seed: int, suffix: str, workers: int, study: bool, json: bool
) -> None:
    with failing_politely(json):
        from napari_fus_ulm.phantom.population import PopulationSettings, study_settings
        from napari_fus_ulm.tasks.record import Record
        from napari_fus_ulm.tasks.replay import note
        from napari_fus_ulm.tasks.simulate import simulate_run

        with checking_usage():
            settings = (
                study_settings(planes=planes, suffix=suffix)
                if study
                else PopulationSettings(animals=n, planes=planes, seed=seed, suffix=suffix)
            )
        try:
            with closing(simulate_run(settings, out, workers=workers)) as events:
                done = follow(events, "Simulating").done
        except KeyboardInterrupt:
            say(f"Complete pairs in {out} are kept; run the same command again to continue.")
            raise
        list(note(Record.of("simulate", {}, settings), out))
        table = out / "pairs.csv"
        if json:
            print_json({"folder": str(out), "pairs": done, "table": str(table)})
        else:
            print(table)


def _calibrate(n: int, seed: int | None, workers: int, folder: Path | None, json: bool) -> None:
    with failing_politely(json):
        from dataclasses import asdict

        from napari_fus_ulm.phantom.calibration.real import measure_real, stored_numbers
        from napari_fus_ulm.phantom.calibration.run import CALIBRATION_SEED, Calibrated, calibrate
        from napari_fus_ulm.phantom.calibration.table import as_markdown

        real_statistics = measure_real(folder) if folder else stored_numbers()
        first = CALIBRATION_SEED if seed is None else seed
        with progress() as bar:
            task = bar.add_task("Simulating", total=n)
            for event in calibrate(n, workers=workers, seed=first, real=real_statistics):
                if isinstance(event, Calibrated):
                    simulated = event
                else:
                    bar.update(task, completed=event.done)
        if json:
            print_json({"real": asdict(real_statistics), "simulated": asdict(simulated)})
        else:
            print(as_markdown(simulated, real_statistics), end="")
