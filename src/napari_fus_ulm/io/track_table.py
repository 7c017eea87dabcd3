"""Tables of bubble tracks, in whatever dialect a program wrote them.

The map does not depend on the dialect or on the order of rows: commas, semicolons or tabs, decimal
points or commas, byte-order marks, quotes, capitals, comments, columns in any order.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.affordable import check_affordable
from napari_fus_ulm.io.request import Request
from napari_fus_ulm.io.tracks import map_of_tracks
from napari_fus_ulm.io.units import mm_per

_NAMES = {
    "track": r"(mb|bubble|track|traj(ectory)?|particle)?_?(id|no|nr|number|index)"
    r"|track|traj(ectory)?|particle|bubble",
    "x": r"(pos(ition)?_?)?x(_?(pos(ition)?|coord(inate)?))?|lateral",
    "y": r"(pos(ition)?_?)?y(_?(pos(ition)?|coord(inate)?))?",
    "z": r"(pos(ition)?_?)?z(_?(pos(ition)?|coord(inate)?))?|depth|axial",
    "frame": r"(frame|image)_?(id|no|nr|number|index)?|t|(pos(ition)?_?t)|time_?(stamp)?",
}
"""What columns are called, units aside."""
_UNIT = re.compile(r"(?P<name>.*?)[\s_]*[\s_(\[](?P<unit>[^\s_()\[\]]+)[)\]]?")
_PIXELS = ("px", "pix", "pixel", "pixels", "voxel", "voxels", "lambda", "λ", "wavelength")
_MISSING = ("", "na", "n/a", "nan", "null", "none", "-", "inf", "-inf")
_COMMENTS = ("#", "%")
_SHOWN = 40
"""Characters of a file's content that a sentence quotes."""


@dataclass(frozen=True, slots=True)
class _Column:
    """Where a quantity is in a table, and the unit that its name ends with."""

    at: int
    title: str
    unit: str = ""


def read_csv(request: Request) -> list[xr.DataArray]:
    """Read a table with a header: a track column, x, and y or z (depth); units as in ``x_um``."""
    path = request.path
    header, rows = _table(path)
    columns = _columns(header)
    if rows and (units := _row_of_units(columns, rows)):
        columns = {
            what: _Column(column.at, column.title, column.unit or units[column.at])
            for what, column in columns.items()
        }
    rows = _without_labels(columns, rows)
    if "track" not in columns or "x" not in columns or not {"y", "z"} & columns.keys():
        raise _wrong_header(path, header)
    numbers = {
        what: _numbers(path, column, rows)
        for what, column in columns.items()
        if what in ("x", "y", "z")
    }
    depth = "z" if "z" in columns else "y"
    if {"y", "z"} <= columns.keys() and np.ptp(numbers["z"], None) == 0 < np.ptp(numbers["y"]):
        depth = "y"  # flat tracks of a program that always writes three
    points = np.stack([numbers["x"], numbers[depth]], axis=1)
    doubts: dict[str, str] = {}
    if missing := int((~np.isfinite(points).all(axis=1)).sum()):
        doubts["missing"] = (
            f"{missing} of {len(points)} positions in “{path.name}” are missing and were left out."
        )
    if "frame" not in columns and len(points):
        doubts["order"] = (
            f"“{path.name}” has no column of frames or times; positions of a track were joined in "
            "the order of the rows."
        )
    factors = _factors(path, columns["x"], columns[depth])
    if factors is not None:
        points = points * factors
    tracks = _tracks(path, columns, rows, points)
    return [map_of_tracks(request, tracks, known=factors is not None, doubts=doubts)]


def _table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a table in any dialect."""
    check_affordable(path, (path.stat().st_size,), np.float64)  # cells take more than text
    raw = path.read_bytes()
    lines = [
        line
        for line in _text(raw).splitlines()
        if line.strip() and not line.lstrip().startswith(_COMMENTS)
    ]
    declared = None
    if lines and lines[0].lower().startswith("sep="):  # for a spreadsheet
        declared = lines.pop(0)[4:5]
    cut = declared or max(";\t,|", key=lambda mark: lines[0].count(mark) if lines else 0)
    if lines and cut not in lines[0]:
        lines, cut = [" ".join(line.split()) for line in lines], " "
    try:
        cells = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=cut)]
    except csv.Error as error:
        raise ScanError(
            f"“{path.name}” is no table that can be read ({error}); a header with a track column "
            "(track, id), x, and y or z was expected."
        ) from error
    filled = [row for row in cells if any(row)]
    return (filled[0], filled[1:]) if filled else ([], [])


def _text(raw: bytes) -> str:
    """Decode what a spreadsheet or a script wrote."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")  # µ of older programs


def _columns(header: Sequence[str]) -> dict[str, _Column]:
    """Return the columns that are needed, by what they are; of several, the first."""
    found: dict[str, _Column] = {}
    for at, title in enumerate(header):
        name, unit = title, ""
        match = _UNIT.fullmatch(title)
        if match and (mm_per(match["unit"]) or match["unit"].lower() in (*_PIXELS, "s", "ms")):
            name, unit = match["name"], match["unit"]
        plain = re.sub(r"[\s_-]+", "_", name.strip().lower()).strip("_")
        for what, names in _NAMES.items():
            if re.fullmatch(names, plain):
                # Beside the number of a track, "ID" is that of a position.
                if what not in found or (plain.startswith("tra") and what == "track"):
                    found[what] = _Column(at, title, unit)
                break
    return found


def _row_of_units(columns: dict[str, _Column], rows: list[list[str]]) -> list[str] | None:
    """Return the units that TrackMate writes in a row of their own."""
    for row in rows[:4]:
        at = [column.at for column in columns.values()]
        if max(at, default=0) < len(row) and any(row[n].startswith("(") for n in at):
            return [cell.strip("()") for cell in row]
    return None


def _without_labels(columns: dict[str, _Column], rows: list[list[str]]) -> list[list[str]]:
    """Leave out rows of words below the header, of which TrackMate has three."""
    x = columns.get("x")
    if x is None:
        return rows
    for number, row in enumerate(rows[:4]):
        if len(row) > x.at and _is_number(row[x.at]):
            # Only where they are labels: the first row of a table may lack its position.
            labels = all(not any(map(_is_number, above)) for above in rows[:number])
            return rows[number:] if labels else rows
    return rows


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _numbers(path: Path, column: _Column, rows: list[list[str]]) -> npt.NDArray[np.float64]:
    """Return a column as numbers, NaN where one is missing."""
    out = np.full(len(rows), np.nan)
    for number, row in enumerate(rows):
        cell = row[column.at] if column.at < len(row) else None
        try:
            if cell is None:
                raise ValueError("the row ends before it")
            if cell.lower() not in _MISSING:
                out[number] = float(cell.replace(",", ".") if cell.count(",") == 1 else cell)
        except ValueError as error:
            said = "" if cell is None else f": “{_shown(cell)}”"
            raise ScanError(
                f"“{path.name}” has a row without numbers in {_shown(column.title)} (row "
                f"{number + 1} below the header{said})."
            ) from error
    return out


def _factors(path: Path, x: _Column, depth: _Column) -> npt.NDArray[np.float64] | None:
    """Return the millimetres in the units of x and depth, None where there are none."""
    units = [x.unit or depth.unit, depth.unit or x.unit]
    if any(unit.lower() in _PIXELS for unit in units):
        raise ScanError(
            f"“{path.name}” gives positions in {units[0]}, whose size is not in the file; "
            "positions in mm or µm were expected: multiply them and name the columns x_mm and z_mm."
        )
    factors = [mm_per(unit) for unit in units]
    return None if None in factors else np.array(factors, dtype=float)


def _tracks(
    path: Path,
    columns: dict[str, _Column],
    rows: list[list[str]],
    points: npt.NDArray[np.float64],
) -> list[npt.NDArray[np.float64]]:
    """Return the points of each track, by frame where there is one, else as they stand."""
    track, frame = columns["track"], columns.get("frame")
    if frame is not None and rows:
        order = np.lexsort((*points.T[::-1], _numbers(path, frame, rows)))
    else:
        order = np.arange(len(rows))
    groups: dict[str, list[int]] = {}
    for row in order.tolist():
        cells = rows[row]
        label = cells[track.at] if track.at < len(cells) else ""
        if label.lower() not in _MISSING:
            # 7 and 7.0 are one track.
            groups.setdefault(re.sub(r"[.,]0*$", "", label), []).append(row)
    return [points[members] for members in groups.values()]


def _shown(text: str) -> str:
    """Quote what a file holds: no further than one sees, and only what can be shown."""
    plain = "".join(mark if mark.isprintable() else " " for mark in text[:_SHOWN])
    return plain + ("…" if len(text) > _SHOWN else "")


def _wrong_header(path: Path, header: Sequence[str]) -> ScanError:
    named = ", ".join(map(_shown, header[:8])) + (", …" if len(header) > 8 else "")
    columns = f"the columns {named}" if any(header) else "no columns"
    return ScanError(
        f"“{path.name}” has {columns}; a header with a track column (track, id), x, and y or z was "
        "expected."
    )
