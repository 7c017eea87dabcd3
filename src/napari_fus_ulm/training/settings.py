"""Everything a training run depends on."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_fus_ulm.cohort.seeds import SEED_BLOCK, VALIDATION_SEED
from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.generators import entry


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """How a generator is trained.

    Parameters
    ----------
    generator : str
        Name in the registry.
    preset : str
        One of the generator's ``presets``; empty takes its defaults.
    model : mapping
        Arguments of the generator, over those of the preset (JSON-able).
    pairs : str or None
        Folder with ``pairs.csv`` (then its train side is used), or with ``fus/`` and ``ulm/`` files
        of equal names; None trains on phantoms.
    phantoms : int
        Simulated sections, seeds ``seed * 1_000_000`` onwards.
    seed : int
        Of everything: weights, patches, noise, phantoms. 0 to 899.
    steps, batch, patch : int
        Optimiser steps, patches a step, patch side in pixels.
    pixel_um : float
        Pixel size of the generator's grid, µm.
    learning_rate : float or None
        Peak; 200 steps of warm-up, constant, then a linear fall over the last fifth. None takes
        that of the generator's recipe.
    without_position : float
        Share of patches whose position is withheld; at 1 the generator never learns of it.
    flip : bool
        Mirror left and right (phantoms only; not in the study protocol).
    checkpoint_minutes : float
        Time between checkpoints.
    patience : int
        Stop when so many checkpoints in a row have not lowered the validation loss; 0 never stops
        early.
    init : str or None
        Weights to start from (fine-tuning).
    precision : {"bfloat16", "float32"}
        Of the network's arithmetic; weights stay float32.
    workers : int
        Processes that simulate phantoms; at least 1.

    Raises
    ------
    SettingsError
        If a value is outside its range; the sentence names the setting.
    """

    generator: str = "diffusion"
    preset: str = ""
    model: Mapping[str, Any] = field(default_factory=dict)
    pairs: str | None = None
    phantoms: int = 600
    seed: int = 0
    steps: int = 6500
    batch: int = 16
    patch: int = 128
    pixel_um: float = 20.0
    learning_rate: float | None = None
    without_position: float = 0.15
    flip: bool = True
    checkpoint_minutes: float = 3.0
    patience: int = 0
    init: str | None = None
    precision: str = "bfloat16"
    workers: int = 2

    def __post_init__(self) -> None:
        entry(self.generator)  # says which there are
        # Beyond these a run would train on the phantoms that are kept for validation and test.
        most_seeds = VALIDATION_SEED // SEED_BLOCK - 1
        for name, low, high in (
            ("seed", 0, most_seeds),
            ("phantoms", 1, SEED_BLOCK),
            ("steps", 1, 10**9),
            ("batch", 1, 4096),
            ("patch", 32, 4096),
            ("pixel_um", 1.0, 200.0),
            ("learning_rate", 1e-9, 1.0),
            ("without_position", 0.0, 1.0),
            ("checkpoint_minutes", 0.0, 1e6),
            ("patience", 0, 10**6),
            ("workers", 1, 1024),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise SettingsError(
                    f"{name} is {getattr(self, name)}; it must lie between {low} and {high}."
                )
        if self.patch % 8:
            raise SettingsError(f"patch is {self.patch}; it must be a multiple of 8 pixels.")
        if self.precision not in ("bfloat16", "float32"):
            raise SettingsError(f"precision is {self.precision!r}; choose bfloat16 or float32.")

    def to_json(self) -> str:
        """Return the settings as indented JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2)
