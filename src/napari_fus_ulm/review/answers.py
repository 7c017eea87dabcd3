"""Answers as lines of a CSV file that is only appended to: a crash or power cut loses no answer.

Every answer is one line, written and forced to the disk before the next trial is shown. Nothing
is rewritten: a correction is another line. The file knows left and right, not what was shown.
"""

from __future__ import annotations

import csv
import io
import math
import os
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from napari_fus_ulm.errors import ReviewError
from napari_fus_ulm.output.tables import csv_text

Preference = Literal["left", "right", "none"]
SCALE = (1, 2, 3, 4, 5)
"""Vessel continuity, from broken to continuous."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reader's answer to one trial; the fields are the columns of the file.

    Attributes
    ----------
    trial : str
    time : str
        When it was given: UTC, ISO 8601.
    seconds : float
        Spent looking; NaN where not measured.
    left_continuity, right_continuity : int
        1 (broken) to 5 (continuous).
    preference : {"left", "right", "none"}
    comment, reader : str
    after_unblinding : bool
        Whether the session had been unblinded before.

    Raises
    ------
    ReviewError
        If a number or a preference is not one of these.
    """

    trial: str
    time: str
    seconds: float
    left_continuity: int
    right_continuity: int
    preference: Preference
    comment: str = ""
    reader: str = ""
    after_unblinding: bool = False

    def __post_init__(self) -> None:
        for side, value in (("left", self.left_continuity), ("right", self.right_continuity)):
            if value not in SCALE:
                raise ReviewError(
                    f"The continuity of the {side} picture is {value}; give a whole number from "
                    f"{SCALE[0]} to {SCALE[-1]}."
                )
        if self.preference not in get_args(Preference):
            raise ReviewError(
                f"The preference is “{self.preference}”; give one of "
                f"{', '.join(get_args(Preference))}."
            )
        if self.seconds < 0.0:
            raise ReviewError(f"The time is {self.seconds:g} s; it cannot be negative.")


COLUMNS = tuple(field.name for field in fields(Answer))
_YES, _NO = "yes", "no"


def begin(path: Path) -> None:
    """Create a file without answers; an existing one is refused."""
    with path.open("xb") as file:
        file.write(_line(COLUMNS))
        _to_disk(file)


def append(path: Path, answer: Answer) -> None:
    """Write one answer and force it to the disk.

    Raises
    ------
    OSError
        If it cannot be written; earlier answers are unchanged.
    """
    *words, after = astuple(answer)
    cells = ["" if isinstance(one, float) and math.isnan(one) else str(one) for one in words]
    # One line per answer, so that a truncated line affects no other.
    line = _line([*(" ".join(cell.split()) for cell in cells), _YES if after else _NO])
    if not path.is_file():
        raise ReviewError(f"{path} no longer exists; restore it from a backup.")
    with path.open("ab+") as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            if file.read(1) != b"\n":
                line = b"\n" + line
        file.write(line)
        _to_disk(file)


def read(path: Path) -> tuple[tuple[Answer, ...], int]:
    """Read all answers in the order they were given.

    Returns
    -------
    tuple of Answer
    int
        Number of truncated lines, which are not complete answers.

    Raises
    ------
    ReviewError
        If the file has other columns.
    """
    head, *lines = path.read_bytes().decode("utf-8-sig", errors="replace").split("\n")
    if tuple(_cells(head)) != COLUMNS:
        raise ReviewError(
            f"{path} does not begin with the columns {', '.join(COLUMNS)}; another program "
            "changed it. Restore it from a backup."
        )
    rows = [_answer(_cells(line)) for line in lines if line.strip()]
    answers = tuple(one for one in rows if one is not None)
    return answers, len(rows) - len(answers)


def _to_disk(file: io.BufferedIOBase) -> None:
    file.flush()
    os.fsync(file.fileno())


def _line(cells: tuple[str, ...] | list[str]) -> bytes:
    return csv_text([cells]).encode("utf-8")


def _cells(line: str) -> list[str]:
    return next(csv.reader([line.rstrip("\r")]), [])


def _answer(cells: list[str]) -> Answer | None:
    if len(cells) != len(COLUMNS) or cells[-1] not in (_YES, _NO):
        return None
    values = dict(zip(COLUMNS, cells, strict=True))
    try:
        return Answer(
            trial=values["trial"],
            time=values["time"],
            seconds=float(values["seconds"] or math.nan),
            left_continuity=int(values["left_continuity"]),
            right_continuity=int(values["right_continuity"]),
            preference=values["preference"],  # type: ignore[arg-type]  # checked by Answer
            comment=values["comment"],
            reader=values["reader"],
            after_unblinding=values["after_unblinding"] == _YES,
        )
    except ValueError:
        return None
