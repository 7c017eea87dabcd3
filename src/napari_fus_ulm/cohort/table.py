"""A cohort on disk: which fUS file belongs to which ULM file, of which animal, on which side.

The same layout is written for simulated animals and read from laboratories; ``docs/pairs.md``
describes it. Pairs and what stands beside them are written by
:mod:`napari_fus_ulm.cohort.description`, simulated ones with their vessels by
:func:`napari_fus_ulm.phantom.files.write_phantom`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath
from typing import Any

from napari_fus_ulm.errors import CohortError
from napari_fus_ulm.io.atomic import write_json, write_text
from napari_fus_ulm.io.own_json import entry, read_object
from napari_fus_ulm.output.tables import csv_text

TABLE = "pairs.csv"
DESCRIPTION = "dataset_description.json"
CORRECTIONS, LEFT_OUT = "corrections", "left out.json"
COLUMNS = ("name", "animal", "split", "fus", "ulm", "vessels")
NEEDED = ("animal", "fus", "ulm")
SIDES = ("train", "validation", "test")
_WORDS = {
    "": "",
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}
HASH_DIGITS = 16
MOST_BYTES = 32_000_000
"""Of a table; ten thousand pairs with long paths take a few."""


@dataclass(frozen=True, slots=True)
class PairFiles:
    """The files of one pair.

    Attributes
    ----------
    name : str
        Unique within the cohort, for instance "sub-01_acq-plane1".
    animal : str
        All pairs of an animal stay on one side of a split.
    fus, ulm : Path
        Openable as they are.
    split : {"", "train", "validation", "test"}
        The side that the table gives; "" where it gives none.
    vessels : Path, optional
        The simulated vessel tree (``.npz``); phantoms only.
    correction : Path, optional
        How the two are to be read, where that is stored: see :mod:`.correction`.
    """

    name: str
    animal: str
    fus: Path
    ulm: Path
    split: str = ""
    vessels: Path | None = None
    correction: Path | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with the list of files itself; ``pair`` is "" where none is concerned."""

    pair: str
    sentence: str


def read_cohort(folder: Path) -> tuple[PairFiles, ...]:
    """Read the list of pairs of a folder.

    Parameters
    ----------
    folder : Path
        Holds ``pairs.csv``, or else ``fus/NAME.*`` and ``ulm/NAME.*``. In the latter case the
        animal is NAME, or ``sub-XX`` where the name begins with it as in BIDS, and no pair has a
        side.

    Returns
    -------
    tuple of PairFiles
        At least one, in the order of the table or of the names.

    Raises
    ------
    CohortError
        If a row, a file or a partner is missing, a name is used twice, or a word is unknown. The
        sentence names the first fault; ``napari-fus-ulm pairs check`` lists all of them.
    """
    pairs, faults = survey(folder)
    if faults:
        others = len(faults) - 1
        more = (
            f" ({others} more {'fault' if others == 1 else 'faults'}: see napari-fus-ulm pairs "
            "check.)"
            if others
            else ""
        )
        raise CohortError(faults[0].sentence + more)
    return pairs


def survey(folder: Path) -> tuple[tuple[PairFiles, ...], tuple[Fault, ...]]:
    """Return the pairs of a folder that are complete, and everything wrong with its list."""
    if not folder.is_dir():
        return (), (Fault("", f"There is no folder {folder}."),)
    table = folder / TABLE
    pairs, faults = _from_table(table) if table.is_file() else _from_names(folder)
    try:
        without = left_out(folder)
    except CohortError as error:
        return (), (Fault("", str(error)),)
    return (
        tuple(_with_correction(folder, pair) for pair in pairs if pair.name not in without),
        tuple(fault for fault in faults if not fault.pair or fault.pair not in without),
    )


def left_out(folder: Path) -> dict[str, str]:
    """Return the pairs that are not used although their files are there: reason by name.

    Raises
    ------
    CohortError
        If the list cannot be read.
    """
    path = folder / CORRECTIONS / LEFT_OUT
    try:
        stored = entry(read_object(path), "pairs", dict)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CohortError(f"{path} cannot be used ({error}); correct it, or delete it.") from error
    return {name: str(reason) for name, reason in stored.items()}


def leave_out(folder: Path, name: str, reason: str | None) -> None:
    """Use a pair no longer (``reason`` says why, in words), or again (None)."""
    pairs = {key: one for key, one in left_out(folder).items() if key != name}
    if reason is not None:
        pairs[name] = reason
    path = folder / CORRECTIONS / LEFT_OUT
    path.parent.mkdir(exist_ok=True)
    write_json(path, {"pairs": pairs})


def correction_path(folder: Path, name: str) -> Path:
    """Return where the correction of a pair is or would be."""
    return folder / CORRECTIONS / f"{re.sub(r'[^A-Za-z0-9 ._+-]', '_', name)}.json"


def _with_correction(folder: Path, pair: PairFiles) -> PairFiles:
    path = correction_path(folder, pair.name)
    return replace(pair, correction=path) if path.is_file() else pair


def cohort_name(folder: Path) -> str:
    """Return the ``Name`` in ``dataset_description.json``, or the folder's own."""
    folder_name = folder.resolve().name
    try:
        name = read_object(folder / DESCRIPTION).get("Name")
    except (OSError, ValueError):
        return folder_name
    return name if isinstance(name, str) and name else folder_name


def fingerprint(path: Path) -> str:
    """Return the first 16 digits of the SHA-256 of a file's bytes: it survives renaming."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:HASH_DIGITS]


# ---------------------------------------------------------------- pairs.csv


def write_pairs_table(folder: Path, pairs: Iterable[PairFiles]) -> Path:
    """Write ``pairs.csv`` by a temporary name and a rename.

    Paths are relative to the folder, with forward slashes, so that the folder can be moved to
    another computer.

    Raises
    ------
    CohortError
        If two pairs have one name.
    """
    rows: list[tuple[str, ...]] = [COLUMNS]
    names: set[str] = set()
    base = folder.resolve()
    for pair in pairs:
        if pair.name.casefold() in names:
            raise CohortError(f"Two pairs are called {pair.name}; every name must be used once.")
        names.add(pair.name.casefold())
        files = (pair.fus, pair.ulm, pair.vessels)
        entries = (_stored_path(folder, base, path) if path else "" for path in files)
        rows.append((pair.name, pair.animal, pair.split, *entries))
    return write_text(folder / TABLE, csv_text(rows))


def _stored_path(folder: Path, base: Path, path: Path) -> str:
    """Path as the table stores it: relative where the file lies in the folder (``base``)."""
    if path.is_relative_to(folder) and ".." not in (relative := path.relative_to(folder)).parts:
        return relative.as_posix()  # without the disk, which is slow for thousands of files
    whole = path.resolve()
    return (whole.relative_to(base) if whole.is_relative_to(base) else whole).as_posix()


def _from_table(table: Path) -> tuple[tuple[PairFiles, ...], tuple[Fault, ...]]:
    try:
        # Excel begins a file with a byte order mark, and separates by semicolons in many countries.
        with table.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return (), (Fault("", f"{table} is not in UTF-8; save it as “CSV UTF-8”."),)
    except OSError as error:
        return (), (Fault("", f"{table} cannot be read ({error.strerror})."),)
    if len(content) > MOST_BYTES or "\0" in text:
        return (), (Fault("", f"{table} is not a list of pairs; save it as “CSV UTF-8”."),)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return _from_lines(table, lines)
    except csv.Error as error:
        reason = f"line {lines.line_num}: {error}"
        return (), (Fault("", f"{table} cannot be read as a table ({reason}); save it anew."),)


def _from_lines(table: Path, lines: Any) -> tuple[tuple[PairFiles, ...], tuple[Fault, ...]]:
    """The pairs and faults of a ``csv.reader``'s lines."""
    heads = [cell.strip().lower() for cell in next(lines, [])]
    lacking = [column for column in NEEDED if column not in heads]
    if lacking:
        names = ", ".join(lacking)
        return (), (
            Fault(
                "",
                f"{table} lacks the column {names}; its first line must be {','.join(COLUMNS)}.",
            ),
        )
    pairs: list[PairFiles] = []
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    for cells in lines:
        if not cells:
            continue  # a blank line, as editors leave at the end
        entry = _row(table, lines.line_num, heads, [cell.strip() for cell in cells])
        name = entry.name if isinstance(entry, PairFiles) else ""
        if isinstance(entry, PairFiles) and name.casefold() in seen:
            entry = Fault(
                name,
                f"Lines {seen[name.casefold()]} and {lines.line_num} of {table} are both called "
                f"{name}; give every pair its own name in the column “name”.",
            )
        if isinstance(entry, Fault):
            faults.append(entry)
        else:
            # Windows takes Rat1 and rat1 for one, and results are written under these names.
            seen[name.casefold()] = lines.line_num
            pairs.append(entry)
    if not pairs and not faults:
        faults.append(Fault("", f"{table} lists no pair; add a line for each."))
    return tuple(pairs), tuple(faults)


def _row(table: Path, number: int, heads: list[str], cells: list[str]) -> PairFiles | Fault:
    """Return the pair of one row, or what is wrong with it."""
    where = f"Line {number} of {table}"
    if not any(cells):
        return Fault("", f"{where} is empty; delete it.")
    if any("\n" in cell or "\r" in cell for cell in cells):
        return Fault(
            "",
            f"{where} has a line break inside a cell; probably a closing quotation mark is missing "
            "in it or in a line before.",
        )
    if len(cells) > len(heads) and any(cells[len(heads) :]):
        return Fault(
            "",
            f"{where} has more cells than the first line; put a path that holds a comma or "
            "semicolon in quotes.",
        )
    row = dict(zip(heads, cells, strict=False))
    label = row.get("name", "")
    for column in NEEDED:
        if not row.get(column):
            return Fault(label, f"{where} has nothing in the column “{column}”; fill it in.")
    word = row.get("split", "").lower()
    if word not in _WORDS:
        return Fault(
            label,
            f"{where} has the split “{row['split']}”; train, validation, test or nothing was "
            "expected.",
        )
    files: dict[str, Path] = {}
    for column in ("fus", "ulm", "vessels"):
        if location := row.get(column, ""):
            path = _existing(table.parent, location)
            if path is None:
                return Fault(
                    label,
                    f"{where} names {location}, but there is no such file; paths are relative to "
                    f"the folder of {TABLE}.",
                )
            files[column] = path
    return PairFiles(
        name=label or _name_of(files["fus"]),
        animal=row["animal"],
        fus=files["fus"],
        ulm=files["ulm"],
        split=_WORDS[word],
        vessels=files.get("vessels"),
    )


def _existing(folder: Path, location: str) -> Path | None:
    """Return the file that a table names, also if written on Windows; None if there is none."""
    for way in (location, PureWindowsPath(location).as_posix()):
        try:
            if (folder / way).is_file():
                return folder / way
        except OSError:  # a name longer than any
            continue
    return None


def _name_of(fus: Path) -> str:
    """Name of a pair whose row gives none: that of its fUS file, without the BIDS suffix."""
    from napari_fus_ulm.io.formats import stem_of

    return re.sub(r"_(pwd|fus)$", "", stem_of(fus))


# ---------------------------------------------------------------- fus/NAME and ulm/NAME


def animal_of(name: str) -> str:
    """Return ``sub-XX`` where a name begins with it as in BIDS, else the whole name."""
    match = re.match(r"sub-[A-Za-z0-9]+(?=_|$)", name)
    return match[0] if match else name


def _from_names(folder: Path) -> tuple[tuple[PairFiles, ...], tuple[Fault, ...]]:
    faults: list[Fault] = []
    fus, ulm = (_by_name(folder / kind, faults) for kind in ("fus", "ulm"))
    expected = f"{folder} must hold {TABLE}, or fus/ and ulm/ with files of equal names; "
    if not fus and not ulm:
        return (), (Fault("", expected + "no file was found there."),)
    for name in sorted(fus.keys() ^ ulm.keys()):
        faults.append(Fault(name, expected + f"without a partner: {name}."))
    return tuple(
        PairFiles(name, animal_of(name), fus[name], ulm[name]) for name in fus if name in ulm
    ), tuple(faults)


def _by_name(folder: Path, faults: list[Fault]) -> dict[str, Path]:
    """Images of a folder by their name without suffix, in natural order."""
    from napari_fus_ulm.io import images_in
    from napari_fus_ulm.io.formats import stem_of

    files: dict[str, Path] = {}
    for path in images_in(folder) if folder.is_dir() else []:
        other = files.setdefault(stem_of(path), path)
        if other != path:
            faults.append(
                Fault(
                    stem_of(path),
                    f"{folder} holds {other.name} and {path.name}; keep one file of a name.",
                )
            )
    return files
