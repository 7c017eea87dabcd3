"""The interface of every generator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor, nn

from napari_fus_ulm.generators.application import WHOLE_FRAME, Application

if TYPE_CHECKING:
    from napari_fus_ulm.generators.adversarial import PatchCritic


@dataclass(frozen=True, slots=True)
class PatchBatch:
    """A batch of paired patches.

    Attributes
    ----------
    fus, ulm : (B, 1, H, W) tensors
        Grey levels in [0, 1].
    position : (B, 3, H, W) tensor
        y and x in [-1, 1] over the full frame, and 1 where the position is known; 0 elsewhere.
    """

    fus: Tensor
    ulm: Tensor
    position: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How the authors of a method train it.

    Attributes
    ----------
    optimiser : {"adamw", "adam", "adamax"}
    learning_rate : float
        Peak.
    betas : tuple of float
    weight_decay : float
    clip : float
        Largest norm of the gradient; 0 does not clip.
    ema : float
        Decay of the moving average of the weights, which is what is saved for use; 0 saves the
        weights themselves.
    """

    optimiser: Literal["adamw", "adam", "adamax"] = "adamw"
    learning_rate: float = 5e-4
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.999


class Adversary(Protocol):
    """A critic trained together with a generator; it is never part of the saved weights."""

    def learn(self, fus: Tensor, real: Tensor, fake: Tensor) -> Tensor:
        """One step of the critic; return its loss. Images in model units."""

    def fool(self, fus: Tensor, fake: Tensor) -> Tensor:
        """The generator's adversarial loss (scalar)."""


class Generator(nn.Module, ABC):
    """A model that translates fUS patches into ULM-like ones.

    A new generator is one subclass in one file and one line in the registry. ``iterative`` says
    whether :meth:`predict` improves when it is called again at later times with a less noisy
    image; a one-shot generator is called once, at time 1, and gives its deterministic image for
    noise of zeros. ``stochastic`` says whether two seeds give two images. ``presets`` are named
    arguments of the class, for training.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    iterative: ClassVar[bool]
    stochastic: bool = True
    recipe: ClassVar[Recipe] = Recipe()
    application: ClassVar[Application] = WHOLE_FRAME
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Keyword arguments that build this model again (JSON-able)."""

    @abstractmethod
    def training_loss(
        self,
        batch: PatchBatch,
        rng: torch.Generator,
        *,
        progress: float = 1.0,
        adversary: Adversary | None = None,
    ) -> dict[str, Tensor]:
        """Loss of a batch under ``"loss"``, its parts under their own names (scalars).

        Parameters
        ----------
        batch : PatchBatch
        rng : torch.Generator
            On the CPU; for everything random.
        progress : float
            Share of the run that is done, for terms that set in late.
        adversary : Adversary, optional
            The critic of :meth:`critic`; the loss has no adversarial term without it.
        """

    def critic(self) -> PatchCritic | None:
        """A critic with fresh weights, called as ``critic(fus, image)``, or None (default)."""
        return None

    @abstractmethod
    def predict(self, noisy: Tensor, t: Tensor, fus: Tensor, position: Tensor) -> Tensor:
        """Estimate the clean image.

        Parameters
        ----------
        noisy : (B, 1, H, W) tensor
            The image at time ``t``, in model units; pure noise at time 1.
        t : (B,) tensor
            Times in (0, 1].
        fus : (B, 1, H, W) tensor
            Grey levels in [0, 1].
        position : (B, 3, H, W) tensor
            See :class:`PatchBatch`.

        Returns
        -------
        (B, 1, H, W) tensor in model units.
        """

    def schedule(self, t: float) -> tuple[float, float]:
        """How much signal and how much noise (α and σ) an image at time ``t`` in [0, 1] holds.

        Exactly no signal at 1 and no noise at 0; a one-shot generator has no times between.
        """
        return 1.0 - t, t

    @abstractmethod
    def to_model(self, grey: Tensor) -> Tensor:
        """Grey levels in [0, 1] to model units."""

    @abstractmethod
    def to_grey(self, x: Tensor) -> Tensor:
        """Model units to grey levels (not clipped)."""
