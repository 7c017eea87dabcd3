"""Weights on disk: a safetensors file and a JSON card beside it. Nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_fus_ulm.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

    from napari_fus_ulm.generators.base import Generator

BUNDLED = Path(__file__).parent.parent / "weights"


@dataclass(frozen=True, slots=True)
class Card:
    """What a weights file says about itself.

    Attributes
    ----------
    generator : str
        Name in the registry.
    config : dict
        Arguments that build the model.
    pixel_um : float
        Pixel size at which it was trained.
    training : dict
        Data, seeds, command, patches seen, minutes.
    metrics : dict
        What was measured, and on what.
    notes : str
        What it was trained on, what it has never seen, known failures; written for users.
    """

    generator: str
    config: dict[str, Any]
    pixel_um: float
    training: dict[str, Any]
    metrics: dict[str, Any]
    notes: str

    @classmethod
    def from_json(cls, text: str) -> Card:
        """Parse a card; unknown keys are ignored so that newer cards stay readable."""
        entries = json.loads(text)
        return cls(**{key: entries[key] for key in cls.__dataclass_fields__})


def card_path(weights: Path) -> Path:
    """The card of ``x.safetensors`` is ``x.json``."""
    return weights.with_suffix(".json")


def bundled_weights(generator: str) -> Path:
    """Path of the weights that ship with the package.

    Raises
    ------
    CheckpointError
        If none ship for this generator.
    """
    path = BUNDLED / f"{generator}.safetensors"
    if not path.exists():
        raise CheckpointError(
            f"No weights ship for the generator “{generator}”. Choose a weights file "
            "(.safetensors) that you trained."
        )
    return path


def bundled() -> list[Path]:
    """Weights that ship with the package, in the order of the registry."""
    from napari_fus_ulm.generators import names

    files = (BUNDLED / f"{name}.safetensors" for name in names())
    return [path for path in files if path.exists()]


def read_card(weights: Path) -> Card:
    """Read the card of a weights file.

    Raises
    ------
    CheckpointError
        If it is missing or cannot be read.
    """
    path = card_path(weights)
    try:
        return Card.from_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{weights.name} has no card: {path.name} must be in the same folder."
        ) from error
    except KeyError as error:
        raise CheckpointError(f"The card {path} lacks the entry {error}.") from error
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"The card {path} cannot be read: {error}.") from error


def load_generator(weights: Path) -> tuple[Generator, Card]:
    """Build the generator a weights file belongs to and load it, in float32 on the CPU.

    Raises
    ------
    CheckpointError
        If the file is not safetensors, is truncated, or does not fit its card.
    """
    from napari_fus_ulm.generators import build

    tensors = read_tensors(weights)
    card = read_card(weights)
    try:
        model = build(card.generator, card.config)
        model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except (RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(f"{weights.name} does not fit its card: {error}") from error
    return model.eval().requires_grad_(False), card


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read all tensors of a safetensors file.

    Raises
    ------
    CheckpointError
        If the file is missing, truncated or of another format.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no weights file {path}.") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} is not a complete safetensors file ({error}). Weights are read from "
            ".safetensors only; .pt, .pth and .ckpt files can run code and are never opened."
        ) from error


def sha256(path: Path) -> str:
    """Hash of a file, which identifies weights."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
