"""Everything a training run depends on."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from napari_fus_ulm.cohort.seeds import SEED_BLOCK, VALIDATION_SEED
from napari_fus_ulm.declared import Setting, check_declared
from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.generators import entry

Precision = Literal["bfloat16", "float32"]
MOST_SEEDS = VALIDATION_SEED // SEED_BLOCK - 1


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
        of equal names; None trains on recordings of phantoms, drawn anew for every batch.
    ulm : str or None
        Folder of real ULM maps whose vessels are recorded beside those of the phantoms.
    ulm_share : float
        Share of recordings that show a map of ``ulm``.
    ulm_scenes : int
        Number of random variants of the maps (turned, magnified, bent, thinned).
    phantoms : int
        Simulated sections, seeds ``seed * 1_000_000`` onwards.
    phantom_share : float
        With ``pairs``: share of patches that are of recordings of phantoms, so that what the
        weights could do before is not forgotten. Without pairs all are.
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
        Stop when this many checkpoints in a row have not lowered the validation loss; 0 never stops
        early.
    init : str or None
        Weights to start from (fine-tuning).
    keep_init : float
        Share of those weights in the ones that are judged and saved: the mean of both keeps more
        of what either can do than further training does (Wortsman et al. 2022, arXiv:2109.01903).
    device : str
        "auto" (CUDA, then MPS, then CPU), or a torch device. All that is random is drawn on the
        CPU, so it is the same on every device.
    precision : {"bfloat16", "float32"}
        Of the network's arithmetic; weights stay float32. float32 where the device lacks
        bfloat16 (MPS, CUDA before Ampere).
    workers : int
        Processes that simulate phantoms, and on a GPU threads that draw batches; at least 1.

    Raises
    ------
    SettingsError
        If a value is outside its range; the sentence names the setting.
    """

    generator: Annotated[str, Setting(label="Generator", help="Generator to train.")] = "diffusion"
    preset: Annotated[
        str,
        Setting(
            label="Preset",
            help="Preset of the generator: faithful (pix2pix), published (mhvae), poster.",
        ),
    ] = ""
    model: Mapping[str, Any] = field(default_factory=dict)
    pairs: Annotated[
        str | None,
        Setting(
            label="Pairs",
            help="Folder of pairs; default: phantoms.",
        ),
    ] = None
    ulm: Annotated[
        str | None,
        Setting(
            label="ULM maps",
            help="Folder of real ULM maps; no fUS needed.",
        ),
    ] = None
    ulm_share: Annotated[
        float,
        Setting(
            label="Share of the maps",
            help="Share of recordings of such a map.",
            low=0.0,
            high=1.0,
        ),
    ] = 0.5
    ulm_scenes: Annotated[
        int,
        Setting(
            label="Scenes of the maps",
            help="Random placements of the maps.",
            low=1,
            high=10**6,
        ),
    ] = 200
    phantoms: Annotated[
        int, Setting(label="Phantoms", help="Simulated sections.", low=1, high=SEED_BLOCK)
    ] = 600
    phantom_share: Annotated[
        float,
        Setting(
            label="Share of phantoms",
            brief="Share of phantoms",
            help="With pairs: share of patches that are of phantoms.",
            low=0.0,
            high=0.95,
        ),
    ] = 0.0
    # Beyond these a run would train on the phantoms that are kept for validation and test.
    seed: Annotated[
        int,
        Setting(
            label="Seed", brief="Seed", help="Seed of everything random.", low=0, high=MOST_SEEDS
        ),
    ] = 0
    steps: Annotated[int, Setting(label="Steps", help="Optimiser steps.", low=1, high=10**9)] = 6500
    batch: Annotated[
        int, Setting(label="Batch size", help="Patches per step.", low=1, high=4096)
    ] = 16
    patch: Annotated[
        int,
        Setting(label="Patch", help="Patch side, pixels.", low=32, high=4096, multiple_of=8),
    ] = 128
    pixel_um: Annotated[
        float,
        Setting(label="Pixel", help="Pixel size of the generator, µm.", low=1.0, high=200.0),
    ] = 20.0
    learning_rate: Annotated[
        float | None,
        Setting(
            label="Learning rate",
            help="Peak; the recipe's by default.",
            low=1e-9,
            high=1.0,
        ),
    ] = None
    without_position: Annotated[
        float,
        Setting(
            label="Position withheld",
            help="Share of patches whose position is withheld.",
            low=0.0,
            high=1.0,
        ),
    ] = 0.15
    flip: Annotated[bool, Setting(label="Mirror", help="Mirror left and right.")] = True
    checkpoint_minutes: Annotated[
        float,
        Setting(label="Checkpoints", help="Minutes between checkpoints.", low=0.0, high=1e6),
    ] = 3.0
    patience: Annotated[
        int,
        Setting(
            label="Patience",
            help="Checkpoints without progress before a stop; 0: never.",
            low=0,
            high=10**6,
        ),
    ] = 0
    init: Annotated[str | None, Setting(label="Start from", help="Weights to start from.")] = None
    keep_init: Annotated[
        float,
        Setting(
            label="Share kept",
            brief="Share kept of them",
            help="Share of the starting weights in the saved ones.",
            low=0.0,
            high=0.95,
        ),
    ] = 0.0
    device: Annotated[
        str,
        Setting(
            label="Device",
            brief="auto, cpu, cuda or mps",
            help="Where the network learns: auto, cpu, cuda or mps.",
        ),
    ] = "auto"
    precision: Annotated[
        Precision, Setting(label="Precision", help="Precision of the network's arithmetic.")
    ] = "bfloat16"
    workers: Annotated[
        int,
        Setting(
            label="Workers",
            brief="Processes that simulate",
            help="Processes that simulate phantoms; on a GPU, threads that draw batches.",
            low=1,
            high=1024,
        ),
    ] = 2

    def __post_init__(self) -> None:
        entry(self.generator)  # lists the available ones
        check_declared(self)
        if self.pairs is not None and self.ulm is not None:
            raise SettingsError("Choose pairs or ULM maps to train on, not both in one run.")
        if self.phantom_share and self.pairs is None:
            raise SettingsError("phantom_share belongs to pairs; without them all are phantoms.")
        if self.keep_init and self.init is None:
            raise SettingsError("keep_init needs weights to start from (init).")

    def to_json(self) -> str:
        """Return the settings as indented JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2)
