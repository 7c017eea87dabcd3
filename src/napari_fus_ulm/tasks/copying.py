"""A record as a script and as a command line that repeat the run."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.tasks.batch import BatchSettings
from napari_fus_ulm.tasks.record import WHERE, Record, Source, settings_of
from napari_fus_ulm.tasks.replay import task_of
from napari_fus_ulm.tasks.task import FolderTask, changed

SUPPORT_OPTIONS = ("pixel_um", "native_um", "values", "position", "device", "precision")
"""Settings of *Enhance* that the command ``support`` has options for."""
FIXED_BY_SUPPORT = ("generator", "weights", "mode", "steps", "seed", "samples", "region")
"""Those that *Support* sets itself, whatever their values."""
ALWAYS = ("mode", "pixel_um", "seed")
"""Settings of *Enhance* that are written out even where they are the defaults."""


def as_python(record: Record) -> str:
    """Return a script that repeats the run of a record and saves its results."""
    script = _Script()
    if record.task == "enhance":
        source = record.inputs["fus"]
        result = script.enhanced(record, "result")
        script.imported("napari_fus_ulm.io", "write")
        stem = f"{source.stem()}_enhanced"
        script.lines.append(f"write({stem + '.ome.tif'!r}, {result}.image)")
        if record.settings.get("mode") == "balanced":
            script.lines.append(f"if {result}.spread is not None:")
            script.lines.append(f"    write({stem + '_spread.ome.tif'!r}, {result}.spread)")
        return script.text()
    script.imported("pathlib", "Path")
    task = task_of(record.task)
    module, _, constant = WHERE[record.task].partition(".")
    module = f"napari_fus_ulm.tasks.{module}"
    script.imported(module, constant)
    names = {name: script.image(source, name) for name, source in record.inputs.items()}
    settings = script.settings(settings_of(task.settings, record.settings), module)
    if isinstance(task, FolderTask):
        script.lines.append(f"{constant}({settings}, Path({_target(record)!r}))")
        return script.text()
    if task.inputs or not names:
        images = [f"{name}={variable}" for name, variable in names.items()]
    else:
        listed = ", ".join(f"{name!r}: {variable}" for name, variable in names.items())
        images = [f"images={{{listed}}}"]
    script.lines.append(f"outcome = {constant}({', '.join([settings, *images])})")
    script.lines.append(f"{constant}.save(outcome, Path({_target(record)!r}))")
    return script.text()


def as_command(record: Record) -> str:
    """Return a command line that repeats the run of a record; several lines where needed.

    A record that no command has options for is passed to ``run`` as it is.
    """
    if record.task not in _COMMANDS or not _has_options_for(record):
        text = json.dumps(record.as_dict(), ensure_ascii=False, indent=1)
        target = shlex.quote(_target(record))
        return f"napari-fus-ulm run - -o {target} <<'RECORD'\n{text}\nRECORD\n"
    words = _Words()
    settings = settings_of(task_of(record.task).settings, record.settings)
    words.add(_COMMANDS[record.task](words, record, settings))
    return "\n".join(words.lines) + "\n"


def _has_options_for(record: Record) -> bool:
    """Whether a command has options for every part of a file and every setting in the record."""
    settings = settings_of(task_of(record.task).settings, record.settings)
    if record.task == "support" and not {*changed(settings.enhance)} <= {
        *SUPPORT_OPTIONS,
        *FIXED_BY_SUPPORT,
    }:
        return False
    parts = {name: _part(source) for name, source in record.inputs.items()}
    given = {name for name, words in parts.items() if words}
    if any(source.laid_mm for source in record.inputs.values()):
        return False
    if record.task != "enhance" and any({"--depth", "--flip"} & {*one} for one in parts.values()):
        return False
    if record.task == "missed" and {"--time", "--leading"} & {*parts["ulm"]}:
        return False
    return given <= {"ulm" if record.task == "missed" else "fus"}


def _target(record: Record) -> str:
    """Where a copied script or command writes to."""
    task = task_of(record.task)
    if isinstance(task, FolderTask) or not record.inputs:
        return record.task
    if task.file and not task.inputs:
        return record.outputs[0] if record.outputs else task.file
    first = next(iter(record.inputs.values()))
    if first.made_by is not None:
        first = first.made_by.inputs["fus"]
    return f"{first.stem()}_{record.task}"


def _written(settings: EnhanceSettings) -> dict[str, Any]:
    """Settings of *Enhance* that are written out."""
    differing = settings.changed()
    return {
        one.name: getattr(settings, one.name)
        for one in dataclasses.fields(settings)
        if one.name in ALWAYS or one.name in differing
    }


def batch_command(inputs: Sequence[Path], out: str, settings: BatchSettings) -> str:
    """Return the command line that enhances the files of a batch.

    Parameters
    ----------
    inputs : sequence of Path
        Files and folders.
    out : str
        Folder of the results.
    settings : BatchSettings
    """
    words = ["napari-fus-ulm", "enhance", *map(str, inputs), *_part(settings.part)]
    words += _options(_written(settings.enhance))
    if settings.gain is not None:
        words += ["--gain", f"{settings.gain:g}"]
    if settings.suffix != BatchSettings().suffix:
        words += ["--suffix", settings.suffix]
    switches = {"--only-fus": settings.only_fus, "--resume": settings.skip_done}
    words += [name for name, on in switches.items() if on]
    return shlex.join([*words, "-o", out])


# ---------------------------------------------------------------- Python


class _Script:
    """Imports and lines of a script; every image is read or made once."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._imports: dict[str, list[str]] = {}
        self._known: dict[str, str] = {}

    def imported(self, module: str, name: str) -> None:
        names = self._imports.setdefault(module, [])
        if name not in names:
            names.append(name)

    def text(self) -> str:
        imports = [
            f"from {module} import {', '.join(sorted(names))}"
            for module, names in sorted(self._imports.items(), key=_standard_first)
        ]
        return "\n".join([*imports, "", *self.lines]) + "\n"

    def enhanced(self, record: Record, name: str) -> str:
        """Lines that make a result again; returns the variable of the `Enhancement`."""
        fus = self.image(record.inputs["fus"], "fus")
        settings = settings_of(EnhanceSettings, record.settings)
        arguments = "".join(f", {key}={value!r}" for key, value in _written(settings).items())
        self.imported("napari_fus_ulm", "enhance")
        self.lines.append(f"{name} = enhance({fus}{arguments})")
        return name

    def image(self, source: Source, name: str) -> str:
        """Lines that read or make an image; returns its variable."""
        key = repr(source.as_dict())
        if key not in self._known:
            variable = self._free(name)
            self._known[key] = variable
            self._make(source, variable)
        return self._known[key]

    def _make(self, source: Source, name: str) -> None:
        if source.made_by is not None:
            made = self.enhanced(source.made_by, f"{name}_run")
            self.lines.append(f"{name} = {made}.image")
        elif source.simulated is not None:
            self.imported("napari_fus_ulm.phantom", "simulate_pair")
            which = "ulm" if source.modality == "ulm" else "fus"
            self.lines.append(f"{name} = simulate_pair({source.simulated}).{which}")
        else:
            self._read(source, name)
        self._part(source, name)

    def _read(self, source: Source, name: str) -> None:
        reader = "read" if source.image else "read_one"
        self.imported("napari_fus_ulm.io", reader)
        path = source.path or f"{source.stem()}.ome.tif"
        if not source.path:
            self.lines.append(f"# The layer “{source.layer}” has no file: save it first.")
        modality = "" if source.modality is None else f", modality={source.modality!r}"
        step = "" if source.spacing is None else f", spacing={_rounded(source.spacing)}"
        which = f"[{source.image}]" if source.image else ""
        self.lines.append(f"{name} = {reader}({path!r}{modality}{step}){which}")

    def _part(self, source: Source, name: str) -> None:
        if source.leading == "time":
            self.imported("napari_fus_ulm.selection", "as_times")
            self.lines.append(f"{name} = as_times({name})")
        if source.depth or source.flip:
            self.imported("napari_fus_ulm.selection", "turned")
            depth, flip = source.depth or "y", source.flip or ""
            self.lines.append(f"{name} = turned({name}, depth={depth!r}, flip={flip!r})")
        if source.laid_mm is not None:
            self.imported("napari_fus_ulm.registration.beside", "laid")
            self.lines.append(f"{name} = laid({name}, {_rounded(source.laid_mm)})")
        if source.time == "mean":
            self.imported("napari_fus_ulm.scan", "mean_over_time")
            self.lines.append(f"if 'time' in {name}.dims:")
            self.lines.append(f"    {name} = mean_over_time({name})")
        elif isinstance(source.time, int):
            self.lines.append(f"{name} = {name}.isel(time={source.time}, drop=True)")
        if source.slice is not None:
            self.lines.append(f"{name} = {name}.isel(k={source.slice})")
        if source.values is not None:
            self.lines.append(f"{name} = {name}.assign_attrs(values={source.values!r})")

    def _free(self, name: str) -> str:
        plain = "".join(c if c.isalnum() and c.isascii() else "_" for c in name).strip("_").lower()
        plain = plain if plain and not plain[0].isdigit() else f"image_{plain}".rstrip("_")
        taken, number, free = set(self._known.values()), 1, plain
        while free in taken:
            number += 1
            free = f"{plain}_{number}"
        return free

    def settings(self, settings: Any, module: str) -> str:
        """An expression for settings: what differs from the defaults."""
        kind = type(settings).__name__
        self.imported(module, kind)
        words = []
        for name, value in changed(settings).items():
            if dataclasses.is_dataclass(value):
                expression = self.settings(value, type(value).__module__)
            else:
                expression = repr(value)
            words.append(f"{name}={expression}")
        return f"{kind}({', '.join(words)})"


def _standard_first(entry: tuple[str, list[str]]) -> tuple[bool, str]:
    return "." in entry[0] or entry[0].startswith("napari"), entry[0]


def _rounded(spacing: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(float(f"{side:.9g}") for side in spacing)


# ---------------------------------------------------------------- a command line


class _Words:
    """Lines of a command line; an earlier line makes, once, what a later one needs."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._files: dict[str, str] = {}

    def add(self, words: list[str]) -> None:
        self.lines.append(shlex.join(["napari-fus-ulm", *words]))

    def file(self, source: Source) -> str:
        """The file of an image, which an earlier line makes where there is none."""
        key = repr(source.as_dict())
        if key not in self._files:
            self._files[key] = self._make(source)
        return self._files[key]

    def _make(self, source: Source) -> str:
        if source.made_by is not None:
            made = settings_of(EnhanceSettings, source.made_by.settings)
            target = f"{source.made_by.inputs['fus'].stem()}_enhanced.ome.tif"
            number = 1
            while target in self._files.values():
                number += 1
                target = f"{source.made_by.inputs['fus'].stem()}_enhanced{number}.ome.tif"
            self.add(_enhance(self, source.made_by, made, target))
            return target
        if source.simulated is not None:
            folder = f"phantom-{source.simulated}"
            if not any(folder in line for line in self.lines):
                self.add(["simulate", "--seed", str(source.simulated), "-o", folder])
            return _phantom_file(source, folder)
        if not source.path:
            path = f"{source.stem()}.ome.tif"
            self.lines.append(f"# The layer “{source.layer}” has no file: save it as {path} first.")
            return path
        return source.path


def _phantom_file(source: Source, folder: str) -> str:
    """Where ``simulate`` writes an image of its first animal."""
    from napari_fus_ulm.phantom.population import PopulationSettings, pair_files

    assert source.simulated is not None
    files = pair_files(Path(folder), PopulationSettings(seed=source.simulated), 0, 0)
    return str(files.ulm if source.modality == "ulm" else files.fus)


def _part(source: Source) -> list[str]:
    """Options that say which part of a file is taken, and how it is read."""
    words: list[str] = []
    if source.spacing is not None:
        words += ["--spacing", ",".join(f"{side:.9g}" for side in source.spacing[-2:])]
    if source.image:
        words += ["--image", str(source.image + 1)]
    if source.leading == "time":
        words += ["--leading", "time"]
    if source.depth is not None:
        words += ["--depth", source.depth]
    if source.flip is not None:
        words += ["--flip", source.flip]
    if source.time is not None and source.time != "mean":
        words += ["--time", str(source.time + 1 if isinstance(source.time, int) else source.time)]
    if source.slice is not None:
        words += ["--slice", str(source.slice + 1)]
    return words


def _options(settings: dict[str, Any]) -> list[str]:
    words: list[str] = []
    for name, value in settings.items():
        text = f"{value:.10g}" if isinstance(value, float) else str(value)
        if isinstance(value, tuple):
            text = ",".join(f"{side:.12g}" for side in value)
        words += [f"--{name.replace('_', '-')}", text]
    return words


def _enhance(
    words: _Words, record: Record, settings: EnhanceSettings, target: str = ""
) -> list[str]:
    source = record.inputs["fus"]
    target = target or f"{source.stem()}_enhanced.ome.tif"
    part = [*_part(source), *_options(_written(settings))]
    return ["enhance", words.file(source), *part, "-o", target]


def _coherence(words: _Words, record: Record, settings: Any) -> list[str]:
    source = record.inputs["fus"]
    options = {key: value for key, value in changed(settings).items() if key != "enhance"}
    enhance = {"mode": settings.enhance.mode, **settings.enhance.changed()}
    for other in ("samples", "region"):  # one sample of every patch is compared, its own region
        enhance.pop(other, None)
    part = [*_part(source), *_options(enhance), *_options(options)]
    ulm = ["--ulm", words.file(record.inputs["ulm"])] if "ulm" in record.inputs else []
    return ["coherence", words.file(source), *part, *ulm, "-o", _target(record)]


def _support(words: _Words, record: Record, settings: Any) -> list[str]:
    result, fus = record.inputs["result"], record.inputs["fus"]
    given = changed(settings.enhance)
    enhance = {key: given[key] for key in SUPPORT_OPTIONS if key in given}
    options = {"samples": settings.samples, "seed": settings.seed, **enhance}
    line = ["support", words.file(result), "--fus", words.file(fus), *_part(fus)]
    return [*line, *_options(options), "-o", _target(record)]


def _missed(words: _Words, record: Record, settings: Any) -> list[str]:
    result, ulm = record.inputs["result"], record.inputs["ulm"]
    line = ["missed", words.file(result), words.file(ulm), *_part(ulm)]
    return [*line, "--align", settings.aligned, "-o", _target(record)]


def _frc(words: _Words, record: Record, settings: Any) -> list[str]:
    result, ulm = record.inputs["result"], record.inputs["ulm"]
    line = ["frc", words.file(result), words.file(ulm)]
    if (fus := record.inputs.get("fus")) is not None:
        line += ["--fus", words.file(fus)]
        if fus.values is not None:
            line += ["--values", fus.values]
        line += _part(fus)
    line += ["--align", settings.aligned, "--threshold", settings.threshold]
    return [*line, "-o", _target(record)]


_COMMANDS: dict[str, Callable[[_Words, Record, Any], list[str]]] = {
    "enhance": _enhance,
    "coherence": _coherence,
    "support": _support,
    "missed": _missed,
    "frc": _frc,
}
