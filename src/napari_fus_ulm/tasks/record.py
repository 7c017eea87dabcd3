"""A run as a script or a command line that makes it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from napari_fus_ulm.inference.settings import EnhanceSettings

ALWAYS = ("mode", "pixel_um", "seed")
"""Settings that are written out even where they are the defaults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the input of a run came from, and what was taken of it.

    Parameters
    ----------
    layer : str
        The layer's name.
    path : str
        The file; empty when there is none.
    spacing : tuple of float or None
        Pixel size in mm (dy, dx) that was used; None takes the file's.
    leading : str or None
        What the first of three axes was taken for, where the file leaves it open.
    slice : int or None
        The slice (from 0); None is all.
    time : int, "mean", "all" or None
        The frame (from 0); None where there is no time.
    image : int or None
        Which image of the file, where it has several.
    simulated : int or None
        Seed of the phantom it is.
    """

    layer: str
    path: str = ""
    spacing: tuple[float, ...] | None = None
    leading: str | None = None
    slice: int | None = None
    time: int | str | None = None
    image: int | None = None
    simulated: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the record that a layer's metadata keeps."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, record: Mapping[str, Any]) -> Source:
        """Read a record back; what is not known is left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{"layer": "fUS", **{k: v for k, v in record.items() if k in known}})


def copy_as_python(settings: EnhanceSettings, source: Source) -> str:
    """Return a script that makes the result again and saves it."""
    imports = ["from napari_fus_ulm import enhance"]
    lines: list[str] = []
    needed = ["write"]
    if source.simulated is not None:
        imports.append("from napari_fus_ulm.phantom import simulate_pair")
        lines.append(f"fus = simulate_pair({source.simulated}).fus")
    else:
        reader = "read" if source.image else "read_one"
        needed.insert(0, reader)
        spacing = "" if source.spacing is None else f", spacing={_rounded(source.spacing)}"
        path = source.path or f"{_stem(source)}.ome.tif"
        if not source.path:
            lines.append(f"# The layer “{source.layer}” came from no file: save it first.")
        which = f"[{source.image}]" if source.image else ""
        lines.append(f"fus = {reader}({path!r}, modality='fus'{spacing}){which}")
        if source.leading == "time":
            lines.append("fus = as_times(fus)")
            imports.append("from napari_fus_ulm.selection import as_times")
        if source.time == "mean":
            lines.append("if 'time' in fus.dims:")
            lines.append("    fus = mean_over_time(fus)")
            imports.append("from napari_fus_ulm.scan import mean_over_time")
        elif isinstance(source.time, int):
            lines.append(f"fus = fus.isel(time={source.time}, drop=True)")
        if source.slice is not None:
            lines.append(f"fus = fus.isel(k={source.slice})")
    imports.append(f"from napari_fus_ulm.io import {', '.join(needed)}")
    arguments = "".join(f", {name}={value!r}" for name, value in _written(settings).items())
    lines.append(f"result = enhance(fus{arguments})")
    lines.append(f"write({_stem(source) + '_enhanced.ome.tif'!r}, result.image)")
    return "\n".join([*imports, "", *lines]) + "\n"


def copy_as_command(settings: EnhanceSettings, source: Source) -> str:
    """Return a command line that makes the result again."""
    lines: list[str] = []
    path = source.path
    if source.simulated is not None:
        lines.append(f"napari-fus-ulm simulate --seed {source.simulated} -o phantom")
        path = f"phantom/fus/phantom-{source.simulated:06d}.ome.tif"
    elif not path:
        path = f"{_stem(source)}.ome.tif"
        lines.append(f"# The layer “{source.layer}” came from no file: save it as {path} first.")
    words = ["napari-fus-ulm", "enhance", path]
    if source.spacing is not None:
        words += ["--spacing", ",".join(f"{side:.9g}" for side in source.spacing[-2:])]
    if source.image:
        words += ["--image", str(source.image + 1)]
    if source.leading == "time":
        words += ["--leading", "time"]
    if source.time is not None and source.time != "mean":
        words += ["--time", str(source.time + 1 if isinstance(source.time, int) else source.time)]
    if source.slice is not None:
        words += ["--slice", str(source.slice + 1)]
    for name, value in _written(settings).items():
        words += [
            f"--{name.replace('_', '-')}",
            f"{value:.10g}" if name == "pixel_um" else str(value),
        ]
    words += ["-o", f"{_stem(source)}_enhanced.ome.tif"]
    lines.append(shlex.join(words))
    return "\n".join(lines) + "\n"


def _written(settings: EnhanceSettings) -> dict[str, Any]:
    changed = settings.changed()
    return {
        field.name: getattr(settings, field.name)
        for field in fields(settings)
        if field.name in ALWAYS or field.name in changed
    }


def _stem(source: Source) -> str:
    name = Path(source.path).name.split(".")[0] if source.path else source.layer
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in name) or "fus"


def _rounded(spacing: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(float(f"{side:.9g}") for side in spacing)
