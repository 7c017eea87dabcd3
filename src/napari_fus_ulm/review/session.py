"""A session: planned once, read trial by trial, stopped and resumed at any time.

A session does not read the key; only `napari_fus_ulm.review.unblinding` does. Trial names are
random and have nothing to do with the seed. Every trial has its own picture files, so that no
reused file reveals that two trials show the same pair.
"""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_fus_ulm import __version__
from napari_fus_ulm.errors import ReviewError
from napari_fus_ulm.io.atomic import (
    array_writer,
    json_writer,
    new_folder,
    write_file,
    write_files,
    write_text,
)
from napari_fus_ulm.io.own_json import entry
from napari_fus_ulm.review import answers
from napari_fus_ulm.review.answers import FAR_MM, Answer, Mark, Preference
from napari_fus_ulm.review.cases import Case, one_view, shown
from napari_fus_ulm.review.folder import (
    ANSWERS,
    FORMAT,
    KEY,
    PICTURES,
    README,
    SESSION,
    TOKEN,
    UNBLINDED,
    damaged,
    now,
    picture_path,
    read_json,
    sha256_of,
)
from napari_fus_ulm.review.plan import PlannedTrial, ReviewSettings, plan


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Two pictures to be judged.

    Attributes
    ----------
    token : str
        Random name.
    number, total : int
        Place in the session, from 1.
    left, right : array of shape (rows, columns), float32
        Grey levels in [0, 1], to be shown from black to white in the same colours.
    extent_mm : tuple of float
        Height and width of both.
    """

    token: str
    number: int
    total: int
    left: npt.NDArray[np.float32]
    right: npt.NDArray[np.float32]
    extent_mm: tuple[float, float]

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Pixel size down and across."""
        (height, width), (rows, columns) = self.extent_mm, self.left.shape
        return height / rows, width / columns


@dataclass(frozen=True, slots=True)
class Progress:
    """How many trials one reader has answered."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Session:
    """A session as a reader sees it; made by `create`, opened again by `Session.open`.

    Attributes
    ----------
    folder : Path
    reader : str
        Whose answers are given. Several readers may use one folder, each with all trials.
    trials : tuple of (str, (float, float))
        Token and extent (mm) of every trial, in the order of showing.
    """

    folder: Path
    reader: str
    trials: tuple[tuple[str, tuple[float, float]], ...]

    @classmethod
    def open(cls, folder: str | Path, reader: str = "") -> Session:
        """Open a session to begin or to resume it.

        Raises
        ------
        ValueError
            If the folder holds no session of this format.
        """
        folder = Path(folder)
        trials = _trials(folder / SESSION)
        session = cls(folder, " ".join(reader.split()), trials)
        answers.read(folder / ANSWERS)  # a damaged file fails now, not after the first trial
        return session

    @property
    def progress(self) -> Progress:
        """Trials that this reader has answered, and all."""
        return Progress(len(self._answered()), len(self.trials))

    def next_trial(self) -> Trial | None:
        """Return the first trial that this reader has not answered; None when all are."""
        answered = self._answered()
        return next((self.trial(one) for one, _ in self.trials if one not in answered), None)

    def trial(self, token: str) -> Trial:
        """Return one trial, for instance to correct its answer.

        Raises
        ------
        ValueError
            If there is no such trial, or its pictures are missing.
        """
        tokens = [one for one, _ in self.trials]
        if token not in tokens:
            raise ReviewError(f"The session has no trial {token}.")
        path = picture_path(self.folder, token)
        if not path.is_file():
            raise ReviewError(f"The pictures {path} are missing; restore them from a backup.")
        left, right = pictures(path)
        place = tokens.index(token)
        return Trial(token, place + 1, len(tokens), left, right, self.trials[place][1])

    def answer(
        self,
        trial: Trial,
        *,
        left_continuity: int,
        right_continuity: int,
        preference: Preference,
        seconds: float = math.nan,
        comment: str = "",
        marks: Sequence[Mark] = (),
    ) -> Answer:
        """Write an answer to the disk immediately; a second one to a trial corrects the first.

        Parameters
        ----------
        trial : Trial
        left_continuity, right_continuity : int
            1 (broken) to 5 (continuous).
        preference : {"left", "right", "none"}
        seconds : float
            Spent looking; NaN if not measured.
        comment : str
        marks : sequence of Mark
            Breaks and inventions that the reader has pointed at.

        Returns
        -------
        Answer
            As written; ``after_unblinding`` says whether the key had been used before.

        Raises
        ------
        ValueError
            If a number is outside its scale, or the trial is not part of this session.
        OSError
            If it cannot be written.
        """
        if trial.token not in (token for token, _ in self.trials):
            raise ReviewError(f"The session has no trial {trial.token}.")
        given = Answer(
            trial=trial.token,
            time=now(),
            seconds=round(seconds, 3),
            left_continuity=left_continuity,
            right_continuity=right_continuity,
            preference=preference,
            comment=comment,
            reader=self.reader,
            marks=tuple(marks),
            after_unblinding=(self.folder / UNBLINDED).exists(),
        )
        answers.append(self.folder / ANSWERS, given)
        return given

    def _answered(self) -> set[str]:
        known = {token for token, _ in self.trials}
        given, _ = answers.read(self.folder / ANSWERS)
        return {one.trial for one in given if one.reader == self.reader} & known


def create(folder: str | Path, cases: Sequence[Case], settings: ReviewSettings) -> Session:
    """Create a session in a new folder.

    Parameters
    ----------
    folder : str or Path
        New or empty.
    cases : sequence of Case
    settings : ReviewSettings

    Raises
    ------
    ValueError
        If the folder is not empty, or nothing can be planned (`napari_fus_ulm.review.plan.plan`).
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ReviewError(f"{folder} exists and is not empty; choose a new folder for the session.")
    planned = plan(cases, settings)
    tokens = _tokens(len(planned))
    judged = {case.name: shown(case, control=settings.control) for case in cases}
    with new_folder(folder) as aside:
        _fill(aside, judged, planned, tokens, settings)
    return Session.open(folder)


def _fill(
    folder: Path,
    judged: dict[str, Case],
    planned: Sequence[PlannedTrial],
    tokens: Sequence[str],
    settings: ReviewSettings,
) -> None:
    """Write the files of a session."""
    (folder / PICTURES).mkdir()
    sums = _write_pictures(folder, judged, planned, tokens)
    key = {
        "format": FORMAT,
        "seed": settings.seed,
        "pairs": settings.pairs,
        "candidates": {one.name: one.kind for case in judged.values() for one in case.candidates},
        "trials": [
            {
                "trial": token,
                "case": one.case,
                "animal": judged[one.case].owner,
                "left": one.left,
                "right": one.right,
                "repeat_of": None if one.repeat_of is None else tokens[one.repeat_of],
                "sha256": digest,
            }
            for token, one, digest in zip(tokens, planned, sums, strict=True)
        ],
    }
    session = {
        "format": FORMAT,
        "software": f"napari-fus-ulm {__version__}",
        "created": now(),
        "settings": {"repeats_share": settings.repeats_share, "control": settings.control},
        "number_of_trials": len(planned),
        "trials": [
            {"trial": token, "extent_mm": _to_nm(judged[one.case].candidates[0].extent_mm)}
            for token, one in zip(tokens, planned, strict=True)
        ],
    }
    write_text(folder / "README", README)
    answers.begin(folder / ANSWERS)
    write_files({folder / KEY: json_writer(key), folder / SESSION: json_writer(session)})


def _trials(path: Path) -> tuple[tuple[str, tuple[float, float]], ...]:
    """Token and extent (mm) of every trial.

    Raises
    ------
    ReviewError
        If the file is damaged.
    """
    content = read_json(path)
    try:
        trials = []
        for one in entry(content, "trials", list):
            token, sides = str(entry(one, "trial", str)), entry(one, "extent_mm", list)
            height, width = (float(side) for side in sides)
            if not TOKEN.fullmatch(token) or not (0 < height < FAR_MM and 0 < width < FAR_MM):
                raise ValueError("a trial has an impossible name or size")
            trials.append((token, (height, width)))
        if not trials or len({token for token, _ in trials}) < len(trials):
            raise ValueError("its trials are missing or not unique")
    except (TypeError, ValueError) as error:
        raise damaged(path, error) from error
    return tuple(trials)


def pictures(path: Path) -> npt.NDArray[np.float32]:
    """Left and right picture of a trial, grey levels in [0, 1].

    Raises
    ------
    ReviewError
        If the file is damaged.
    """
    try:
        # Mapped: what a header declares is not allocated.
        both = np.lib.format.open_memmap(path, mode="r")
        if both.ndim != 3 or len(both) != 2 or both.dtype != np.uint8:
            raise ValueError("it does not hold two pictures")
        if not both.size:
            raise ValueError("its pictures are empty")
        grey: npt.NDArray[np.float32] = both.astype(np.float32) / np.float32(255.0)
        return grey
    except MemoryError:
        raise
    except Exception as error:  # NumPy raises all kinds of errors on a damaged file
        raise damaged(path, error) from error


def _to_nm(extent_mm: tuple[float, float]) -> tuple[float, float]:
    height, width = extent_mm
    return round(height, 6), round(width, 6)


def _tokens(count: int) -> list[str]:
    tokens: dict[str, None] = {}
    while len(tokens) < count:
        tokens[secrets.token_hex(5)] = None
    return list(tokens)


def _write_pictures(
    folder: Path,
    cases: dict[str, Case],
    planned: Sequence[PlannedTrial],
    tokens: Sequence[str],
) -> list[str]:
    """Write every trial's pictures; return the hashes. Equal file times hide the order."""
    views = {name: one_view(case) for name, case in cases.items() if len(case.candidates) > 1}
    sums = []
    moment = datetime.now(UTC).timestamp()
    for token, one in zip(tokens, planned, strict=True):
        path = picture_path(folder, token)
        sides = np.stack([views[one.case][one.left], views[one.case][one.right]])
        write_file(path, array_writer(sides))
        os.utime(path, (moment, moment))
        sums.append(sha256_of(path))
    return sums
