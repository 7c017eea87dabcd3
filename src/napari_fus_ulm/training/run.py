"""The state of a run: generator, average, optimiser and adversary, and their files."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from napari_fus_ulm.errors import CheckpointError, TrainingError
from napari_fus_ulm.generators import build, kind
from napari_fus_ulm.generators.base import Generator, Recipe
from napari_fus_ulm.generators.checkpoint import (
    check_finite,
    checked_config,
    load_generator,
    read_card,
    read_header,
    read_tensors,
)
from napari_fus_ulm.generators.device import choose_device
from napari_fus_ulm.generators.library import weights_file
from napari_fus_ulm.io.atomic import write_tensors
from napari_fus_ulm.io.own_json import parse_object
from napari_fus_ulm.training.adversary import OptimisedCritic, beside
from napari_fus_ulm.training.settings import TrainSettings

CHECKPOINT = "checkpoint.safetensors"
WEIGHTS = "weights.safetensors"
CONFIG = "config"
"""Entry of a checkpoint's header: the arguments that build the generator."""


@dataclass(slots=True)
class Run:
    """All that a checkpoint holds.

    Attributes
    ----------
    step : int
        Optimiser steps done.
    seconds : float
        Spent so far.
    device : torch.device
        Where model, average, critic and their optimisers are.
    model, average : Generator
        The weights in training, and their moving average, which is saved for use.
    optimiser : torch.optim.Optimizer
    adversary : OptimisedCritic or None
    origin : dict of str to Tensor
        The weights at the first step, where a share of them is kept; else empty.
    """

    step: int
    seconds: float
    device: torch.device
    model: Generator
    average: Generator
    optimiser: torch.optim.Optimizer
    adversary: OptimisedCritic | None
    origin: dict[str, Tensor]

    @classmethod
    def start(cls, settings: TrainSettings) -> Run:
        """Fresh weights from the seed, or those of ``init``."""
        return cls._around(_fresh(settings), settings)

    @classmethod
    def resume(cls, settings: TrainSettings, folder: Path) -> Run:
        """The state that a folder's checkpoint holds.

        Raises
        ------
        TrainingError
            If there is none, or it cannot be read.
        """
        path = folder / CHECKPOINT
        try:
            tensors = read_tensors(path)
            check_finite(tensors, path)
            run = cls._around(_as_begun(settings, folder), settings)
        except CheckpointError as error:
            raise TrainingError(f"Nothing to resume in {folder}: {error}") from error
        try:
            run._take(tensors)
        except (RuntimeError, KeyError, ValueError) as error:
            raise TrainingError(
                f"Nothing to resume in {folder}: {path.name} is not a checkpoint of "
                f"{settings.generator} with these settings; it is damaged or of another run. "
                "Begin a new run in another folder."
            ) from error
        return run

    def _take(self, tensors: dict[str, Tensor]) -> None:
        """Go on from a checkpoint's tensors."""
        self.step, self.seconds = int(tensors["step"]), float(tensors["seconds"])
        if self.step < 0 or self.seconds < 0.0:
            raise ValueError("step and seconds cannot be negative")
        self.model.load_state_dict(_part(tensors, "model."))
        self.average.load_state_dict(_part(tensors, "average."))
        origin = _part(tensors, "origin.")
        if {k: v.shape for k, v in origin.items()} != {k: v.shape for k, v in self.origin.items()}:
            raise ValueError("the weights that the run began with are missing")
        self.origin = {name: one.to(self.device) for name, one in origin.items()}
        for name, parameter in self.model.named_parameters():
            state = _part(tensors, f"optimiser.{name}|")
            if not state or any(
                moment.numel() > 1 and moment.shape != parameter.shape for moment in state.values()
            ):
                raise ValueError(f"the state of {name} has another shape")
            self.optimiser.state[parameter] = beside(parameter, state)
        if self.adversary is not None:
            self.adversary.load(_part(tensors, "adversary."))

    @classmethod
    def _around(cls, model: Generator, settings: TrainSettings) -> Run:
        device = choose_device(settings.device)
        model = model.train().to(device).to(memory_format=torch.channels_last)
        average = copy.deepcopy(model).eval().requires_grad_(False)
        critic = model.critic()
        adversary = None
        if critic is not None:
            critic = critic.to(device).to(memory_format=torch.channels_last)
            adversary = OptimisedCritic(critic)
        first = average.state_dict() if settings.keep_init else {}
        origin = {name: one.clone() for name, one in first.items()}
        optimiser = make_optimiser(model, settings)
        return cls(0, 0.0, device, model, average, optimiser, adversary, origin)

    def save(self, folder: Path) -> None:
        """Write the checkpoint to a temporary name, then rename it; any device can continue."""
        tensors = {
            "step": torch.tensor(self.step),
            "seconds": torch.tensor(self.seconds, dtype=torch.float64),
        }
        tensors |= {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        tensors |= {f"origin.{k}": v for k, v in self.origin.items()}
        for name, parameter in self.model.named_parameters():
            state = self.optimiser.state[parameter]
            tensors |= {f"optimiser.{name}|{k}": v for k, v in state.items()}
        if self.adversary is not None:
            tensors |= {f"adversary.{k}": v for k, v in self.adversary.state().items()}
        write_tensors(
            folder / CHECKPOINT,
            {k: v.cpu() for k, v in tensors.items()},
            {CONFIG: json.dumps(self.model.config())},
        )

    def for_use(self, keep_init: float = 0.0) -> Generator:
        """The average, with a share of the weights that the run began with."""
        if not keep_init:
            return self.average
        mixed = copy.deepcopy(self.average)
        mixed.load_state_dict(
            {
                name: torch.lerp(now, self.origin[name], keep_init)
                if now.is_floating_point()
                else now
                for name, now in self.average.state_dict().items()
            }
        )
        return mixed

    def follow(self, decay: float) -> None:
        """Let the average follow the weights; it forgets its start quickly."""
        decay = min(decay, (1.0 + self.step) / (10.0 + self.step))
        with torch.no_grad():
            for mean, now in zip(self.average.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(now, 1.0 - decay)


def arguments(settings: TrainSettings) -> dict[str, Any]:
    """Arguments of the generator: the preset's, overridden by those given one by one.

    Raises
    ------
    TrainingError
        If the generator has no such preset.
    """
    presets = kind(settings.generator).presets
    if settings.preset and settings.preset not in presets:
        names = ", ".join(presets) or "none"
        raise TrainingError(
            f"{settings.generator} has no preset “{settings.preset}”; available: {names}."
        )
    return {**presets.get(settings.preset, {}), **settings.model}


def _fresh(settings: TrainSettings) -> Generator:
    """The generator as it is at the first step."""
    torch.manual_seed(settings.seed)
    if settings.init is None:
        return build(settings.generator, arguments(settings))
    return _begun_with(weights_file(settings.generator, settings.init), settings)


def _as_begun(settings: TrainSettings, folder: Path) -> Generator:
    """The generator of a run's checkpoint, with weights that are still to be read.

    Raises
    ------
    CheckpointError
        If the checkpoint's arguments build no generator.
    """
    stored = read_header(folder / CHECKPOINT).get(CONFIG)
    if stored is None:  # of an earlier version
        weights = folder / WEIGHTS
        if not weights.exists():
            return _fresh(settings)
        return build(settings.generator, read_card(weights).config)
    try:
        return build(settings.generator, checked_config(parse_object(stored)))
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"the arguments in {CHECKPOINT} cannot be used: {error}") from error


def _begun_with(weights: Path, settings: TrainSettings) -> Generator:
    """Weights to train on, with the arguments that the settings change (such as a loss's weight).

    Raises
    ------
    TrainingError
        If they belong to another generator, or a changed argument is one of the network's shape.
    """
    model, card = load_generator(weights)
    if card.generator != settings.generator:
        raise TrainingError(
            f"{weights.name} holds weights of {card.generator}, not of {settings.generator}."
        )
    changed = arguments(settings)
    if not changed:
        return model.requires_grad_(True)
    fresh = build(settings.generator, {**card.config, **changed})
    try:
        fresh.load_state_dict(model.state_dict())
    except RuntimeError as error:
        raise TrainingError(
            f"The weights {weights.name} do not fit a generator with {changed}; leave out what "
            "changes the network's shape."
        ) from error
    return fresh


def make_optimiser(model: Generator, settings: TrainSettings) -> torch.optim.Optimizer:
    """The optimiser of the generator's recipe."""
    recipe: Recipe = model.recipe
    kinds: dict[str, type[torch.optim.Optimizer]] = {
        "adamw": torch.optim.AdamW,
        "adam": torch.optim.Adam,
        "adamax": torch.optim.Adamax,
    }
    maker: Any = kinds[recipe.optimiser]
    optimiser: torch.optim.Optimizer = maker(
        model.parameters(),
        lr=peak_rate(model, settings),
        betas=recipe.betas,
        weight_decay=recipe.weight_decay,
    )
    return optimiser


def peak_rate(model: Generator, settings: TrainSettings) -> float:
    """The settings' learning rate, or else the recipe's."""
    return settings.learning_rate or model.recipe.learning_rate


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
