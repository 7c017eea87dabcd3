"""The user's own models: a folder of weights with their cards, found by name.

A model is one ``NAME.safetensors`` whose header holds its card, and the same card beside it for
people to read. What is added is read, checked against its card and written anew, so nothing but
numbers and that card ever enters the folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from platformdirs import user_config_path, user_data_path

from napari_fus_ulm.errors import CheckpointError
from napari_fus_ulm.generators.checkpoint import (
    Card,
    bundled_weights,
    card_path,
    check_moment,
    load_generator,
    read_card,
    read_tensors,
    write_weights,
)
from napari_fus_ulm.io.atomic import check_writable, write_json
from napari_fus_ulm.io.own_json import entry, read_object

APP = "napari-fus-ulm"
FOLDER_VARIABLE = "NAPARI_FUS_ULM_MODELS"
"""Environment variable that names another folder of models."""
SUFFIX = ".safetensors"
_NAME = re.compile(r"[^\W_][\w .+-]{0,59}")
_NOT_ON_WINDOWS = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the library.

    Attributes
    ----------
    name : str
    weights : Path
    card : Card or None
        None where it cannot be used.
    fault : str
        Why it cannot be used; empty where it can.
    added : datetime
        When its file was written, UTC.
    """

    name: str
    weights: Path
    card: Card | None
    fault: str
    added: datetime

    @property
    def origin(self) -> str:
        """What it was trained on, or the file from which it was added."""
        if self.card is None:
            return ""
        training = self.card.training
        return str(training.get("added_from") or training.get("data") or "")


def library_folder() -> Path:
    """The folder of models: that of the environment, the one chosen, or the system's own place."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    try:
        return Path(entry(read_object(_settings()), "models", str))
    except (OSError, ValueError):
        return user_data_path(APP, appauthor=False) / "models"


def choose_library_folder(folder: Path) -> None:
    """Keep models in another folder from now on; those in the old one stay where they are.

    Raises
    ------
    CheckpointError
        If the environment names the folder.
    ScanError
        If it cannot be written to.
    """
    if os.environ.get(FOLDER_VARIABLE):
        raise CheckpointError(
            f"The environment variable {FOLDER_VARIABLE} names the folder of models; unset it."
        )
    check_writable(folder)
    settings = _settings()
    settings.parent.mkdir(parents=True, exist_ok=True)
    write_json(settings, {"models": str(folder.absolute())})


def models() -> list[Model]:
    """The library's models by name, those that cannot be used among them."""
    return [_model(path) for path in _files()]


def find_model(name: str) -> Model:
    """The model of a name, whatever its capitals.

    Raises
    ------
    CheckpointError
        If there is none; the sentence lists those that there are.
    """
    for path in _files():
        if path.stem.casefold() == name.casefold():
            return _model(path)
    known = ", ".join(path.stem for path in _files())
    raise CheckpointError(
        f"There is no weights file and no model called “{name}”; "
        + (f"models in {library_folder()}: {known}." if known else f"{library_folder()} has none.")
    )


def weights_file(generator: str, weights: str | Path | None) -> Path:
    """Where the weights are that settings ask for.

    Parameters
    ----------
    generator : str
        Name in the registry, for its bundled weights.
    weights : str, Path or None
        A file, or the name of a model; None takes the bundled weights.

    Raises
    ------
    CheckpointError
        If no weights ship for the generator, or there is neither a file nor a model of that name.
    """
    if weights is None:
        return bundled_weights(generator)
    path = Path(weights)
    if path.suffix.lower() == SUFFIX or path.exists() or len(path.parts) > 1:
        return path
    return find_model(str(weights)).weights


def add_model(weights: Path, name: str) -> Model:
    """Check weights, and put a copy of them into the library.

    Parameters
    ----------
    weights : Path
        A ``.safetensors`` file with its card, of a training run or exported from a library.
    name : str

    Raises
    ------
    CheckpointError
        If the name cannot be used or is taken, the weights do not fit their card, hold numbers
        that are not finite, or are not those that the card was written for.
    ScanError
        If the folder cannot be written to.
    """
    import torch

    target = _free(name)
    check_moment(weights)
    _, card = load_generator(weights)
    training = {**card.training, "added_from": weights.name}
    known = (torch.float16, torch.float32)
    tensors = {
        name: one if one.dtype in known else one.float()
        for name, one in read_tensors(weights).items()
    }
    check_writable(target.parent)
    write_weights(target, tensors, replace(card, training=training))
    return _model(target)


def export_model(name: str, target: Path) -> Path:
    """Write a model as one file with its card inside, to give to others.

    Parameters
    ----------
    name : str
    target : Path
        A file that does not exist yet; ``.safetensors`` is added where it has another suffix.

    Raises
    ------
    CheckpointError
        If there is no such model, it cannot be used, or the file exists.
    """
    model = find_model(name)
    if model.card is None:
        raise CheckpointError(model.fault)
    if target.suffix.lower() != SUFFIX:
        target = target.with_name(target.name + SUFFIX)
    if os.path.lexists(target):
        raise CheckpointError(f"{target} exists; choose another name.")
    training = {key: one for key, one in model.card.training.items() if key != "added_from"}
    card = replace(model.card, training=training)
    write_weights(target, read_tensors(model.weights), card, beside=False)
    return target


def rename_model(name: str, new: str) -> Model:
    """Give a model another name.

    Raises
    ------
    CheckpointError
        If there is no such model, or the new name cannot be used or is taken.
    """
    model = find_model(name)
    target = _free(new) if new.casefold() != model.name.casefold() else _path(new)
    # The weights first: alone they still have their card inside.
    model.weights.rename(target)
    if (card := card_path(model.weights)).exists():
        card.rename(card_path(target))
    return _model(target)


def remove_model(name: str) -> None:
    """Delete a model and its card.

    Raises
    ------
    CheckpointError
        If there is no such model.
    """
    weights = find_model(name).weights
    weights.unlink()
    card_path(weights).unlink(missing_ok=True)


def _settings() -> Path:
    return user_config_path(APP, appauthor=False) / "library.json"


def _files() -> Iterator[Path]:
    found = library_folder().glob(f"*{SUFFIX}")
    visible = (path for path in found if not path.name.startswith("."))
    return iter(sorted(visible, key=lambda path: path.stem.casefold()))


def _model(weights: Path) -> Model:
    card, fault = None, ""
    try:
        card = read_card(weights)
    except CheckpointError as error:
        fault = str(error)
    added = datetime.fromtimestamp(weights.stat().st_mtime, UTC)
    return Model(weights.stem, weights, card, fault, added)


def _path(name: str) -> Path:
    """Where a model of a name is kept."""
    if not _NAME.fullmatch(name) or name != name.strip(" .") or _NOT_ON_WINDOWS.fullmatch(name):
        raise CheckpointError(
            f"A model cannot be called “{name}”: use up to 60 letters, digits, spaces and . _ + -, "
            "beginning with a letter or digit."
        )
    return library_folder() / f"{name}{SUFFIX}"


def _free(name: str) -> Path:
    path = _path(name)
    if any(one.stem.casefold() == name.casefold() for one in _files()):
        raise CheckpointError(
            f"The library has a model called “{name}” already; choose another name, or remove it."
        )
    return path
