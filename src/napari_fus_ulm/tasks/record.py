"""A record of a run, so that it can be repeated: task, inputs, settings, outputs.

A record is JSON. `napari_fus_ulm.tasks.replay` repeats its run; `tasks.copying` writes it as a
script and as a command line.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, TypeVar

from napari_fus_ulm.errors import RecordError
from napari_fus_ulm.io.own_json import entry, parse_object, read_object
from napari_fus_ulm.selection import Selection

FORMAT = 1
"""Format of the JSON object; any other is refused."""
WHERE = {
    "enhance": "enhance.ENHANCE",
    "coherence": "coherence.COHERENCE",
    "support": "support.SUPPORT",
    "missed": "truth.MISSED",
    "frc": "resolution.FRC",
    "figure": "compare.FIGURE",
    "metrics": "compare.METRICS",
    "evaluate": "evaluate.EVALUATE",
    "train": "train.TRAIN",
    "simulate": "simulate.SIMULATE",
}
"""Module and name of every task."""
TASKS = tuple(WHERE)
"""Names of the tasks, which are those of their commands."""

_NONE = type(None)
_SOURCE: dict[str, tuple[type, ...]] = {
    "layer": (str,),
    "path": (str,),
    "modality": (str, _NONE),
    "spacing": (list, tuple, _NONE),
    "leading": (str, _NONE),
    "depth": (str, _NONE),
    "flip": (str, _NONE),
    "slice": (int, _NONE),
    "time": (int, str, _NONE),
    "image": (int, _NONE),
    "values": (str, _NONE),
    "laid_mm": (list, tuple, _NONE),
    "simulated": (int, _NONE),
    "made_by": (dict, _NONE),
}
"""What the fields of an input may be."""
Settings = TypeVar("Settings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where an image came from, and which part of it was used.

    Parameters
    ----------
    layer : str
        Its name.
    path : str
        The file; empty when there is none.
    modality : {"fus", "ulm", "unknown"} or None
        What the file was read as; None leaves it to the file. Of a simulated pair, which of the
        two it is.
    spacing : tuple of float or None
        Pixel size in mm, (dy, dx) or (dz, dy, dx); None takes the file's.
    leading : str or None
        What the first of three axes was taken for, where the file leaves it open.
    depth : str or None
        The axis of the file, y, x or z, that is depth; it changes places with y.
    flip : str or None
        Those of y and x that run backwards then.
    slice : int or None
        The slice (from 0); None is all.
    time : int, "mean", "all" or None
        The frame (from 0); None where there is no time.
    image : int or None
        Which image of the file (from 0), where it has several.
    values : str or None
        What its numbers are; None takes what the file says.
    laid_mm : tuple of float or None
        How far a ULM was moved down and right to lie on its fUS; None where it was not.
    simulated : int or None
        Seed of the phantom it is.
    made_by : Record or None
        The run that made it, where it is a result.
    """

    layer: str
    path: str = ""
    modality: str | None = "fus"
    spacing: tuple[float, ...] | None = None
    leading: str | None = None
    depth: str | None = None
    flip: str | None = None
    slice: int | None = None
    time: int | str | None = None
    image: int | None = None
    values: str | None = None
    laid_mm: tuple[float, ...] | None = None
    simulated: int | None = None
    made_by: Record | None = None

    @property
    def part(self) -> Selection:
        """What is taken of the image."""
        times = None if self.time in (None, "all") else self.time
        return Selection(slices=self.slice, times=times)  # type: ignore[arg-type]

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON object: the name, and what is known."""
        known = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        if self.made_by is not None:
            known["made_by"] = self.made_by.as_dict()
        filled = {name: value for name, value in known.items() if value not in (None, "")}
        return {**filled, "layer": self.layer, "modality": self.modality}

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> Self:
        """Read what `as_dict` has returned.

        Raises
        ------
        RecordError
            If it holds a field that a source does not have, or a value that it cannot have.
        """
        if not isinstance(given, Mapping):
            raise RecordError("An input of a record must be a JSON object.")
        _refuse_unknown(given, {one.name for one in dataclasses.fields(cls)}, "An input")
        known = {"layer": "image", **given}
        try:
            for name, kinds in _SOURCE.items():
                if name in known:
                    entry(known, name, kinds)
        except ValueError as error:
            raise RecordError(f"An input of the record cannot be used: {error}.") from error
        for name in ("spacing", "laid_mm"):
            if known.get(name) is not None:
                known[name] = tuple(float(mm) for mm in known[name])
        if isinstance(known.get("made_by"), Mapping):
            known["made_by"] = Record.from_mapping(known["made_by"])
        return cls(**known)

    def stem(self) -> str:
        """Return a name for files that are made from it: letters, digits, “-” and “_”."""
        name = Path(self.path).name.split(".")[0] if self.path else self.layer
        return "".join(c if c.isalnum() or c in "-_" else "_" for c in name) or "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A task that was done.

    Parameters
    ----------
    task : str
        One of `TASKS`.
    inputs : mapping of str to Source
        The images by their part in the task: “fus”, “result”, “ulm”; of a figure by their names.
    settings : mapping
        The task's settings, as JSON has them.
    outputs : tuple of str
        Names of the files that were written.
    version : str
        Of the package that did it.
    notes : tuple of str
        Sentences that whoever uses the result must read.

    Raises
    ------
    RecordError
        If there is no such task.
    """

    task: str
    inputs: Mapping[str, Source] = field(default_factory=lambda: MappingProxyType({}))
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    outputs: tuple[str, ...] = ()
    version: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise RecordError(
                f"The record is of a task “{self.task}”, which this version does not know; "
                f"available: {', '.join(TASKS)}."
            )

    @classmethod
    def of(cls, task: str, inputs: Mapping[str, Source], settings: Any) -> Self:
        """Return the record of a task that is done with this version.

        Parameters
        ----------
        task : str
        inputs : mapping of str to Source
        settings : dataclass
            The task's settings.
        """
        from napari_fus_ulm import __version__

        plain = json.loads(json.dumps(dataclasses.asdict(settings)))
        return cls(task=task, inputs=dict(inputs), settings=plain, version=__version__)

    def with_outputs(self, paths: typing.Iterable[Path]) -> Record:
        """Return the record with the names of the files that were written."""
        return dataclasses.replace(self, outputs=tuple(path.name for path in paths))

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "format": FORMAT,
            "task": self.task,
            "inputs": {name: source.as_dict() for name, source in self.inputs.items()},
            "settings": dict(self.settings),
            "outputs": list(self.outputs),
            "version": self.version,
            **({"notes": list(self.notes)} if self.notes else {}),
        }

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> Self:
        """Read a JSON object.

        Raises
        ------
        RecordError
            If it is of another format or of an unknown task, or holds unknown or missing fields.
        """
        if given.get("format") != FORMAT:
            raise RecordError(
                f"The record has the format {given.get('format')} and this version reads "
                f"{FORMAT}; repeat it with the version that wrote it "
                f"({given.get('version') or 'which it does not name'})."
            )
        names = {one.name for one in dataclasses.fields(cls)}
        _refuse_unknown(given, {*names, "format"}, "The record")
        missing = [name for name in ("task", "inputs", "settings") if name not in given]
        if missing:
            raise RecordError(f"The record does not say its {' and '.join(missing)}.")
        if not all(isinstance(given[name], Mapping) for name in ("inputs", "settings")):
            raise RecordError("The inputs and settings of a record must be JSON objects.")
        outputs = given.get("outputs", ())
        if not isinstance(outputs, list | tuple) or not all(
            isinstance(one, str) and Path(one).name == one for one in outputs
        ):
            raise RecordError("The outputs of a record must be names of files, without folders.")
        return cls(
            task=str(given["task"]),
            inputs={
                str(name): Source.from_mapping(source) for name, source in given["inputs"].items()
            },
            settings=dict(given["settings"]),
            outputs=tuple(outputs),
            version=str(given.get("version", "")),
            notes=tuple(map(str, given.get("notes", ()))),
        )


def read_record(path: Path) -> Record:
    """Read a record from its file.

    Raises
    ------
    RecordError
        If it is missing or holds no record; the sentence names the file.
    """
    try:
        given = read_object(path)
    except FileNotFoundError as error:
        raise RecordError(f"There is no file {path}.") from error
    except OSError as error:
        raise RecordError(f"“{path.name}” cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise RecordError(f"“{path.name}” is not a record: {error}.") from error
    return _record_of(given, path.name)


def parse_record(text: str, name: str = "the record") -> Record:
    """Read a record from its text.

    Raises
    ------
    RecordError
        If it is none; the sentence begins with its name.
    """
    try:
        given = parse_object(text)
    except ValueError as error:
        raise RecordError(f"“{name}” is not a record: {error}.") from error
    return _record_of(given, name)


def _record_of(given: Mapping[str, Any], name: str) -> Record:
    try:
        return Record.from_mapping(given)
    except (TypeError, ValueError) as error:
        raise RecordError(f"“{name}”: {error}") from error


def write_record(path: Path, record: Record) -> Path:
    """Write a record as JSON, under a temporary name first."""
    from napari_fus_ulm.io.atomic import write_json

    return write_json(path, record.as_dict())


def record_beside(path: Path) -> Path:
    """Return where the record of a written file belongs: ``NAME_record.json`` beside it."""
    from napari_fus_ulm.io.formats import stem_of

    return path.with_name(f"{stem_of(path)}_record.json")


def settings_of(kind: type[Settings], given: Mapping[str, Any]) -> Settings:
    """Make settings from a JSON object; settings within settings too.

    Raises
    ------
    RecordError
        If there is no such setting, or a value is out of range; the sentence names it.
    """
    types = typing.get_type_hints(kind)
    names = {one.name for one in dataclasses.fields(kind)}  # type: ignore[arg-type]
    _refuse_unknown(given, names, "The settings")
    known: dict[str, Any] = {}
    for name, value in given.items():
        within = _settings_within(types[name])
        if within is not None and isinstance(value, Mapping):
            value = settings_of(within, value)
        known[name] = tuple(value) if isinstance(value, list) else value
    try:
        return kind(**known)
    except (TypeError, ValueError) as error:
        raise RecordError(str(error)) from error


def _settings_within(kind: Any) -> type[Any] | None:
    """The dataclass of a field, also of one that may be None."""
    kinds = typing.get_args(kind) or (kind,)
    dataclasses_ = (one for one in kinds if isinstance(one, type) and dataclasses.is_dataclass(one))
    return next(dataclasses_, None)


def _refuse_unknown(given: Mapping[str, Any], known: set[str], what: str) -> None:
    unknown = sorted(set(map(str, given)) - known)
    if unknown:
        raise RecordError(
            f"{what} has fields that this version does not know: {', '.join(unknown)}."
        )
