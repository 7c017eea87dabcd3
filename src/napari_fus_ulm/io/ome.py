"""OME-XML: what it states about images, and which files it names."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.side_information import BLOCK
from napari_fus_ulm.io.stored import Stored
from napari_fus_ulm.io.units import mm_per, seconds_per

_MOST_SIBLINGS = 1000
"""Files of a folder that are opened to find one that was renamed."""
_MOST_PLANES = 10_000_000


@dataclass(frozen=True, slots=True)
class Resolved:
    """OME-XML that names only files that lie beside the file it came from.

    Attributes
    ----------
    xml : str
    missing : tuple of str
        Names of the files that were not found.
    beside : tuple of str
        Names of the other files of the set, as they are called now.
    """

    xml: str
    missing: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


def resolved(xml: str, path: Path, uuid_of: Callable[[Path], str | None]) -> Resolved:
    """Find the files of a set again, also where they were renamed, and only in their folder.

    Parameters
    ----------
    xml : str
        As stored.
    path : Path
        The file it was read from.
    uuid_of : callable
        Returns the identifier that a TIFF file stores of itself; None where there is none, and an
        empty one of a damaged file.

    Raises
    ------
    ScanError
        If more planes are declared than an image can have.
    """
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return Resolved(xml)  # tifffile falls back on the pages
    for pixels in root.findall(".//{*}Pixels"):
        _check_planes(pixels, path)
    own, identify = root.get("UUID"), cache(uuid_of)  # a file is opened once at most
    named: dict[tuple[str | None, str], list[tuple[Any, Any, Any]]] = {}
    for pixels in root.findall(".//{*}Pixels"):
        for data in pixels.findall("{*}TiffData"):
            uuid = data.find("{*}UUID")
            if uuid is not None and uuid.text != own:
                key = (uuid.text, uuid.get("FileName", ""))
                named.setdefault(key, []).append((pixels, data, uuid))
    in_own = any(
        uuid is None or uuid.text == own
        for data in root.findall(".//{*}TiffData")
        for uuid in [data.find("{*}UUID")]
    )
    if len(named) == 1 and not in_own:
        # A single file: whatever it is called now, it is this one.
        for _, data, uuid in next(iter(named.values())):
            data.remove(uuid)
        return Resolved(_text(root))
    missing, beside = [], []
    for (identifier, name), places in named.items():
        found = _sibling(path, name, identifier, identify)
        if found is None:
            missing.append(name or str(identifier))
        elif found.name != path.name:
            beside.append(found.name)
        for pixels, data, uuid in places:
            if found is None:
                pixels.remove(data)
            else:
                uuid.set("FileName", found.name)
    return Resolved(_text(root), tuple(missing), tuple(beside)) if named else Resolved(xml)


def _sibling(
    path: Path, name: str, identifier: str | None, uuid_of: Callable[[Path], str | None]
) -> Path | None:
    """Return the file of a set that lies beside another one: by its name, or by its identifier."""
    plain = bool(name) and "/" not in name and "\\" not in name and name not in (".", "..")
    if plain and (path.parent / name).is_file():
        beside = path.parent / name
        if uuid_of(beside) in (None, identifier):
            return beside
    if not identifier:
        return None
    others = (p for p in sorted(path.parent.glob("*.[tT][iI][fF]*")) if p != path and p.is_file())
    for _, other in zip(range(_MOST_SIBLINGS), others, strict=False):
        if uuid_of(other) == identifier:
            return other
    return None


def _text(root: Any) -> str:
    return ElementTree.tostring(root, encoding="unicode")


def _check_planes(pixels: Any, path: Path) -> None:
    """Refuse counts for which memory would be taken before a pixel is read."""
    planes = math.prod(_count(pixels.get(f"Size{axis}")) for axis in "TCZ")
    for data in pixels.findall("{*}TiffData"):
        planes = max(planes, _count(data.get("PlaneCount", data.get("NumPlanes"))))
    if planes > _MOST_PLANES:
        raise ScanError(
            f"“{path.name}” declares {planes:.3g} planes, more than any image has; it is damaged."
        )


def _count(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 19 else 1


def images_in(xml: str) -> list[Stored]:
    """Return what OME-XML states about each image."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return []
    return [
        _image(image, pixels)
        for image in root.findall("{*}Image")
        if (pixels := image.find("{*}Pixels")) is not None
    ]


def physical_sizes(attributes: Any) -> Stored:
    """Return the pixel size that OME's attributes state (XML, or a mapping with their names)."""
    step: dict[str, float] = {}
    unclear: list[str] = []
    for dim, axis in (("k", "Z"), ("j", "Y"), ("i", "X")):
        text = attributes.get(f"PhysicalSize{axis}")
        unit = attributes.get(f"PhysicalSize{axis}Unit") or "µm"
        size, factor = _number(text), mm_per(unit)
        if size is not None and size > 0 and factor is not None:
            step[dim] = size * factor
        elif text is not None and dim != "k":
            unclear.append(f"{axis} “{text} {unit}”")
    if not unclear:
        return Stored(step=step)
    said = f"The pixel size that the file states is none: {', '.join(unclear)}."
    return Stored(step=step, doubts={"spacing": said})


def _image(image: Any, pixels: Any) -> Stored:
    interval, seconds = _number(pixels.get("TimeIncrement")), _seconds(pixels, "TimeIncrementUnit")
    known = interval is not None and interval > 0 and seconds is not None
    planes = pixels.findall("{*}Plane")
    names = [channel.get("Name") for channel in pixels.findall("{*}Channel")]
    return replace(
        physical_sizes(pixels),
        origin=_origin(planes[0]) if planes else None,
        interval=(interval or 0.0) * (seconds or 0.0) if known else None,
        times=_times(planes, _count(pixels.get("SizeT"))),
        name=image.get("Name") or "",
        channels=tuple(str(name) for name in names) if all(names) else (),
        block=block_in(image.findtext("{*}Description") or ""),
    )


def _origin(plane: Any) -> tuple[float, float] | None:
    places = []
    for axis in "YX":
        number = _number(plane.get(f"Position{axis}"))
        factor = mm_per(plane.get(f"Position{axis}Unit", "reference frame"))
        if number is None or factor is None:
            return None
        places.append(number * factor)
    return places[0], places[1]


def _times(planes: Iterable[Any], frames: int) -> npt.NDArray[np.float64] | None:
    """Return when the first plane of each frame was taken (s), where every one is stated."""
    found: dict[int, float] = {}
    for plane in planes:
        delay, seconds = _number(plane.get("DeltaT")), _seconds(plane, "DeltaTUnit")
        if delay is not None and seconds is not None:
            found.setdefault(_count(plane.get("TheT", "0")), delay * seconds)
    if frames < 2 or set(found) != set(range(frames)):
        return None
    times = np.array([found[n] for n in range(frames)], dtype=np.float64)
    return times if (np.diff(times) > 0).all() else None


def _seconds(element: Any, name: str) -> float | None:
    return seconds_per(element.get(name, "s"))


def _number(text: object) -> float | None:
    """Read a finite number, also with a comma for its point; None for anything else."""
    try:
        number = float(str(text).strip().replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def block_in(description: str) -> dict[str, Any] | None:
    """Find our side information, one line of JSON in a description."""
    for line in description.splitlines():
        if line.startswith(f"{BLOCK}: "):
            try:
                block = json.loads(line.removeprefix(f"{BLOCK}: "))
            except (ValueError, RecursionError):
                return None
            return block if isinstance(block, dict) else None
    return None
