"""What every generator is to the rest of the house."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class PatchBatch:
    """A batch of paired patches.

    Attributes
    ----------
    fus, ulm : (B, 1, H, W) tensors
        Grey levels in [0, 1].
    position : (B, 3, H, W) tensor
        y and x in [-1, 1] over the full frame, and 1 where the position is known; all 0 where it
        is not.
    """

    fus: Tensor
    ulm: Tensor
    position: Tensor


class Generator(nn.Module, ABC):
    """A model that translates fUS patches into ULM-like ones.

    A new generator is one subclass in one file and one line in the registry. ``iterative`` says
    whether :meth:`predict` improves when it is called again at later times with a less noisy
    image; a one-shot generator is called once, at time 1.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    iterative: ClassVar[bool]

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Keyword arguments that build this model again (JSON-able)."""

    @abstractmethod
    def training_loss(self, batch: PatchBatch, rng: torch.Generator) -> dict[str, Tensor]:
        """Loss of a batch under ``"loss"``, its parts under their own names (scalars)."""

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

    @abstractmethod
    def to_model(self, grey: Tensor) -> Tensor:
        """Grey levels in [0, 1] to model units."""

    @abstractmethod
    def to_grey(self, x: Tensor) -> Tensor:
        """Model units to grey levels (not clipped)."""
