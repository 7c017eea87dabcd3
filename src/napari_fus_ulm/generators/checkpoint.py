"""Weights on disk: a safetensors file and a JSON card beside it. Nothing is ever unpickled.

A run writes its card into the weights file as well, with a number that both share: two files
cannot be renamed at one moment, so where the card beside the weights is of another moment, that
within counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_fus_ulm.errors import CheckpointError, SettingsError
from napari_fus_ulm.io.atomic import json_writer, tensors_writer, write_files
from napari_fus_ulm.io.own_json import entry, parse_object, read_object
from napari_fus_ulm.libraries import load_triton_apart

if TYPE_CHECKING:
    from torch import Tensor

    from napari_fus_ulm.generators.base import Generator

BUNDLED = Path(__file__).parent.parent / "weights"
CARD, MOMENT = "card", "moment"
"""Entry of a weights file's header, and of both cards: the same where they are of one moment."""
LARGEST_PIXEL_UM = 1000.0
MOST_IN_CONFIG, MOST_ITEMS, MOST_LEVELS = 10_000, 64, 4
"""Limits of what builds a model: the sum of all numbers, items of a list, lists in lists."""


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
    def from_mapping(cls, given: Mapping[str, Any]) -> Card:
        """Make a card of a JSON object; unknown keys are ignored: newer cards stay readable.

        Raises
        ------
        ValueError
            If an entry is missing or cannot be; the message is a reason, in words.
        """
        kinds: dict[str, Any] = {
            "generator": str,
            "config": dict,
            "pixel_um": (int, float),
            "training": dict,
            "metrics": dict,
            "notes": str,
        }
        card = cls(**{name: entry(given, name, kind) for name, kind in kinds.items()})
        if not 0.0 < card.pixel_um <= LARGEST_PIXEL_UM:
            raise ValueError(f"its pixel_um is {card.pixel_um}, and a generator's pixel is not")
        checked_config(card.config)
        _check_training(card.training)
        return card


def checked_config(config: dict[str, Any]) -> dict[str, Any]:
    """Return arguments of a model, unless it would be absurdly large.

    Raises
    ------
    ValueError
        The message is a reason, in words.
    """
    if _size_of(config) > MOST_IN_CONFIG:
        raise ValueError("its config is larger than that of any generator")
    return config


def _size_of(config: Any, level: int = 0) -> float:
    """Sum of all numbers that build a model: widths and counts of blocks are among them."""
    if isinstance(config, dict | list):
        inner = list(config.values()) if isinstance(config, dict) else config
        if len(inner) > MOST_ITEMS or level >= MOST_LEVELS:
            return MOST_IN_CONFIG + 1.0
        return sum(_size_of(one, level + 1) for one in inner)
    return abs(config) if isinstance(config, int | float) else 0.0


def _check_training(training: Mapping[str, Any]) -> None:
    """Refuse a description of training that is not what other modules read."""

    def numbers(value: Any, *shape: int) -> bool:
        """Whether it is lists in lists of numbers; -1 stands for any length."""
        if not shape:
            return isinstance(value, int | float) and not isinstance(value, bool)
        size, *inner = shape
        return (
            isinstance(value, list)
            and (size < 0 or len(value) == size)
            and all(numbers(one, *inner) for one in value)
        )

    checks: dict[str, Callable[[Any], bool]] = {
        "field_mm": lambda value: numbers(value, 2, 2),
        "phantom_seeds": lambda value: numbers(value, -1, 2),
        "input_map": lambda value: numbers(value, -1) and len(value) > 1,
        "animals": lambda value: (
            isinstance(value, list) and all(isinstance(a, dict) for a in value)
        ),
        "began_with": lambda value: isinstance(value, list),
        "settings": lambda value: isinstance(value, dict),
    }
    for name, holds in checks.items():
        if training.get(name) and not holds(training[name]):
            raise ValueError(f"its entry “training: {name}” is not what a training writes there")


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
    path, within = card_path(weights), read_header(weights).get(CARD)
    try:
        content = read_object(path)
        own = None if within is None else parse_object(within)
        # One without a moment was written by hand or by an earlier version.
        if content.get(MOMENT) not in (None, (own or {}).get(MOMENT)):
            if own is None:
                raise CheckpointError(
                    f"The card {path.name} was written for other weights than {weights.name}; "
                    "copy both files of one run."
                )
            content = own
        return Card.from_mapping(content)
    except FileNotFoundError as error:
        if within is None:
            raise CheckpointError(
                f"{weights.name} has no card: {path.name} must be in the same folder."
            ) from error
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"The card {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise CheckpointError(f"The card {path} cannot be used: {error}.") from error
    try:
        return Card.from_mapping(parse_object(within))
    except ValueError as error:
        raise CheckpointError(f"The card in {weights} cannot be used: {error}.") from error


def write_weights(
    weights: Path, tensors: Mapping[str, Tensor], card: Card, *, beside: bool = True
) -> None:
    """Write weights and their card; whatever interrupts it, both are read as of one moment.

    Parameters
    ----------
    weights : Path
    tensors : mapping of str to Tensor
    card : Card
    beside : bool
        Write the card into a file beside them too, where people can read it.

    Raises
    ------
    ScanError
        If the system refuses; the files that were there are unchanged.
    """
    content = {**asdict(card), MOMENT: _digest(tensors)}
    files = {weights: tensors_writer(tensors, {CARD: json.dumps(content)})}
    if beside:
        files[card_path(weights)] = json_writer(content)
    write_files(files)


def check_moment(weights: Path) -> None:
    """Refuse weights that are not those for which the card in their header was written.

    Raises
    ------
    CheckpointError
        The file was damaged or changed; or it cannot be read.
    """
    within = read_header(weights).get(CARD)
    try:
        moment = None if within is None else parse_object(within).get(MOMENT)
    except ValueError as error:
        raise CheckpointError(f"The card in {weights} cannot be used: {error}.") from error
    if moment is not None and moment != _digest(read_tensors(weights)):
        raise CheckpointError(
            f"{weights.name} is damaged or was changed: its numbers are not those for which its "
            "card was written. Copy the file again from where it came from."
        )


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """Sixteen digits that follow from all numbers."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def load_generator(weights: Path) -> tuple[Generator, Card]:
    """Build the generator a weights file belongs to and load it, in float32 on the CPU.

    Raises
    ------
    CheckpointError
        If the file is not safetensors, is truncated, holds numbers that are not finite, or does
        not fit its card.
    """
    from napari_fus_ulm.generators import build

    tensors = read_tensors(weights)
    card = read_card(weights)
    try:
        _check_fits(card, {name: tuple(tensor.shape) for name, tensor in tensors.items()})
        model = build(card.generator, card.config)
        model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except MemoryError:
        raise
    except Exception as error:
        # Arguments that no author foresaw raise anything at all.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(f"{weights.name} does not fit its card: {reason}") from error
    check_finite(tensors, weights)
    return model.eval().requires_grad_(False), card


def _check_fits(card: Card, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Compare the shapes that a card declares with those of the weights; allocates nothing.

    Raises
    ------
    ValueError
        At the first difference.
    """
    import torch

    from napari_fus_ulm.generators import build

    load_triton_apart()  # some layers' initial values on this device import torch's compiler
    with torch.device("meta"):
        declared = build(card.generator, card.config).state_dict()
    expected = {name: tuple(tensor.shape) for name, tensor in declared.items()}
    for name in sorted(expected.keys() | shapes.keys()):
        if expected.get(name) != shapes.get(name):
            raise SettingsError(
                f"by the card, “{name}” has the shape {_shape(expected.get(name))}; in the "
                f"weights, {_shape(shapes.get(name))}."
            )


def _shape(shape: tuple[int, ...] | None) -> str:
    return "there is none" if shape is None else " × ".join(map(str, shape)) or "1"


def check_finite(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Refuse weights with NaN or infinity, of which every result would be made.

    Raises
    ------
    CheckpointError
        The sentence names the file and the first such tensor.
    """
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise CheckpointError(
                f"{path.name} holds numbers that are not finite (in “{name}”); the file is "
                "damaged or its training diverged. Use other weights."
            )


def read_header(path: Path) -> dict[str, str]:
    """What a safetensors file says beside its tensors. Imports no torch.

    Raises
    ------
    CheckpointError
        If it is not such a file.
    """
    with _opened(path, "numpy") as file:
        return dict(file.metadata() or {})


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read all tensors of a safetensors file.

    Raises
    ------
    CheckpointError
        If the file is missing, truncated or of another format.
    """
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@contextmanager
def _opened(path: Path, framework: str = "pt") -> Iterator[Any]:
    """A safetensors file, for reading with torch or without it.

    Raises
    ------
    CheckpointError
        If it is missing, truncated or of another format.
    """
    from safetensors import SafetensorError, safe_open

    if path.is_dir():
        raise CheckpointError(f"{path} is a folder; give the weights file in it (.safetensors).")
    try:
        with safe_open(path, framework) as file:
            yield file
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no weights file {path}.") from error
    except MemoryError:
        raise
    except (SafetensorError, OSError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"{path} is not a complete safetensors file ({error}). Weights are read from "
            ".safetensors only; .pt, .pth and .ckpt files can run code and are never opened."
        ) from error


def sha256(path: Path) -> str:
    """Hash of a file, which identifies weights."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
