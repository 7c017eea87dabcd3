from __future__ import annotations

from typer.testing import CliRunner

from napari_fus_ulm.cli import app
from napari_fus_ulm.cli.options import option
from napari_fus_ulm.declared import declared
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.training.settings import TrainSettings


def test_an_option_says_what_the_setting_declares() -> None:
    assert option(EnhanceSettings, "steps", "4 by default").help == (
        "Evaluations per sample (1 to 100; 4 by default)."
    )
    assert "32 to 4096, a multiple of 8" in option(EnhanceSettings, "patch").help
    assert option(TrainSettings, "steps").help.startswith("Optimiser steps (1 to ")


def test_help_names_every_choice() -> None:
    output = CliRunner().invoke(app, ["enhance", "--help"], env={"COLUMNS": "200"}).output
    words = " ".join(output.split())
    for one in declared(EnhanceSettings).values():
        assert f"--{one.name.replace('_', '-')}" in words
        assert one.allowed in words
