"""Everything a training run depends on."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """How a generator is trained.

    Parameters
    ----------
    generator : str
        Name in the registry.
    pairs : str or None
        Folder with ``fus/`` and ``ulm/`` files of equal names; None trains on phantoms.
    phantoms : int
        Simulated sections, seeds ``seed * 1_000_000`` onwards.
    seed : int
        Of everything: weights, patches, noise, phantoms.
    steps, batch, patch : int
        Optimiser steps, patches a step, patch side in pixels.
    pixel_um : float
        Pixel size of the generator's grid, µm.
    learning_rate : float
        Peak; 200 steps of warm-up, constant, then a linear fall over the last fifth.
    ema : float
        Decay of the weights' moving average, which is what is saved for use.
    flip : bool
        Mirror left and right (phantoms only; not in the study protocol).
    checkpoint_minutes : float
        Time between checkpoints.
    init : str or None
        Weights to start from (fine-tuning).
    precision : {"bfloat16", "float32"}
        Of the network's arithmetic; weights stay float32.
    workers : int
        Processes that simulate phantoms.
    """

    generator: str = "diffusion"
    pairs: str | None = None
    phantoms: int = 600
    seed: int = 0
    steps: int = 6500
    batch: int = 16
    patch: int = 128
    pixel_um: float = 20.0
    learning_rate: float = 5e-4
    ema: float = 0.999
    flip: bool = True
    checkpoint_minutes: float = 3.0
    init: str | None = None
    precision: str = "bfloat16"
    workers: int = 2

    def __post_init__(self) -> None:
        for name, low in (("phantoms", 1), ("steps", 1), ("batch", 1), ("patch", 32)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least {low}.")
        if self.patch % 8:
            raise ValueError(f"patch is {self.patch}; it must be a multiple of 8 pixels.")
        if self.precision not in ("bfloat16", "float32"):
            raise ValueError(f"precision is {self.precision!r}; choose bfloat16 or float32.")

    def to_json(self) -> str:
        """Return the settings as indented JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2)
