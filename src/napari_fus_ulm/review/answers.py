"""Answers as lines of a CSV file that is only appended to: a crash or power cut loses no answer.

Every answer is one line, written and forced to the disk before the next trial is shown. Nothing
is rewritten: a correction is another line. The file knows left and right, not what was shown.
"""

from __future__ import annotations

import csv
import errno
import math
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from napari_fus_ulm.errors import ReviewError
from napari_fus_ulm.io.atomic import refused, write_text
from napari_fus_ulm.output.tables import csv_text

Side = Literal["left", "right"]
Preference = Literal["left", "right", "none"]
MarkKind = Literal["break", "invention"]
SIDES: tuple[Side, Side] = ("left", "right")
MOST_BYTES = 32_000_000
FAR_MM = 1000.0
"""No section is as large."""
SCALE = (1, 2, 3, 4, 5)
"""Vessel continuity, from broken to continuous."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a picture that a reader has pointed at.

    Attributes
    ----------
    side : {"left", "right"}
    kind : {"break", "invention"}
        A vessel that is interrupted, or one that the reader does not believe.
    depth_mm, across_mm : float
        From the outer corner of the picture.

    Raises
    ------
    ReviewError
        If it is no such place.
    """

    side: Side
    kind: MarkKind
    depth_mm: float
    across_mm: float

    def __post_init__(self) -> None:
        known = self.side in get_args(Side) and self.kind in get_args(MarkKind)
        if not known or not (0 <= self.depth_mm < FAR_MM and 0 <= self.across_mm < FAR_MM):
            raise ReviewError(
                f"A mark is “{self}”; it must be a break or an invention within a picture."
            )

    def __str__(self) -> str:
        return f"{self.side} {self.kind} {self.depth_mm:.3f} {self.across_mm:.3f}"

    @classmethod
    def from_text(cls, text: str) -> Mark:
        """Read what `str` gives.

        Raises
        ------
        ValueError
            If it is something else.
        """
        side, kind, depth, across = text.split()
        return cls(side, kind, float(depth), float(across))  # type: ignore[arg-type]  # checked


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
    marks : tuple of Mark
        Written one after another, with semicolons between.
    after_unblinding : bool
        Whether the session had been unblinded before. The last, for it tells a whole line from
        a truncated one.

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
    marks: tuple[Mark, ...] = ()
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
        if self.seconds < 0.0 or math.isinf(self.seconds):
            raise ReviewError(f"The time is {self.seconds:g} s; it cannot be negative.")


COLUMNS = tuple(field.name for field in fields(Answer))
_UNMARKED = tuple(name for name in COLUMNS if name != "marks")
"""Of sessions that were made before there were marks."""
_YES, _NO = "yes", "no"
_LONGEST = 4096
"""Bytes of the first line that are looked at."""


def begin(path: Path) -> None:
    """Create a file without answers; an existing one is refused."""
    if path.exists():
        raise ReviewError(f"{path} exists already; its answers are kept.")
    write_text(path, csv_text([COLUMNS]))


def append(path: Path, answer: Answer) -> None:
    """Write one answer and force it to the disk.

    Raises
    ------
    ScanError
        If the system refuses; earlier answers are unchanged.
    """
    if not path.is_file():
        raise ReviewError(f"{path} no longer exists; restore it from a backup.")
    try:
        with path.open("ab+", buffering=0) as file:
            file.seek(0)
            columns = tuple(_cells(file.readline(_LONGEST).decode("utf-8-sig", "replace")))
            if columns != _UNMARKED:
                columns = COLUMNS
            elif answer.marks:
                raise ReviewError(
                    f"{path.parent.name} was made by a version without marks, so they cannot be "
                    "saved in it. Remove the marks, or make a new session."
                )
            # One line per answer, so that a truncated line affects no other.
            line = _line([" ".join(_cell(getattr(answer, name)).split()) for name in columns])
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                if file.read(1) != b"\n":
                    line = b"\n" + line
            try:
                if file.write(line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except OSError:
                file.truncate(end)
                raise
    except OSError as error:
        raise refused(path, error) from error


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
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ReviewError(
            f"{path} cannot be read ({error.strerror}); restore it from a backup."
        ) from error
    if len(content) > MOST_BYTES:
        raise ReviewError(
            f"{path} is larger than any session's answers; another file was put there."
        )
    head, *lines = content.decode("utf-8-sig", errors="replace").split("\n")
    columns = tuple(_cells(head))
    if columns not in (COLUMNS, _UNMARKED):
        raise ReviewError(
            f"{path} does not begin with the columns {', '.join(COLUMNS)}; another program "
            "changed it. Restore it from a backup."
        )
    rows = [_answer(_cells(line), columns) for line in lines if line.strip()]
    answers = tuple(one for one in rows if one is not None)
    return answers, len(rows) - len(answers)


def _line(cells: tuple[str, ...] | list[str]) -> bytes:
    return csv_text([cells]).encode("utf-8")


def _cells(line: str) -> list[str]:
    try:
        return next(csv.reader([line.rstrip("\r")]), [])
    except csv.Error:  # a cell longer than any, or a zero byte
        return []


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return _YES if value else _NO
    if isinstance(value, tuple):
        return "; ".join(map(str, value))
    return "" if isinstance(value, float) and math.isnan(value) else str(value)


def _answer(cells: list[str], columns: tuple[str, ...]) -> Answer | None:
    if len(cells) != len(columns):
        return None
    values = dict(zip(columns, cells, strict=True))
    if values["after_unblinding"] not in (_YES, _NO):
        return None
    marks = values.get("marks", "")
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
            marks=tuple(Mark.from_text(one) for one in marks.split(";") if one.strip()),
        )
    except ValueError:
        return None
