"""Answers joined with the key, which is recorded: the only place that reads the key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_fus_ulm.errors import ReviewError
from napari_fus_ulm.io.atomic import json_writer, write_files
from napari_fus_ulm.io.own_json import entry
from napari_fus_ulm.review import answers
from napari_fus_ulm.review.answers import Answer
from napari_fus_ulm.review.folder import (
    ANSWERS,
    FORMAT,
    KEY,
    UNBLINDED,
    damaged,
    now,
    picture_path,
    read_json,
    sha256_of,
)
from napari_fus_ulm.review.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The answer to a trial, with the names.

    Attributes
    ----------
    trial, case, animal : str
    left, right : str
        Names of the candidates.
    repeat_of : str or None
        The trial that this one repeats.
    answer : Answer
        The one that counts: the last blinded one, or the last one where none was blinded.
    changed : int
        Earlier blinded answers that it replaces.
    passed_over : int
        Answers after the unblinding that do not count.
    """

    trial: str
    case: str
    animal: str
    left: str
    right: str
    repeat_of: str | None
    answer: Answer
    changed: int
    passed_over: int

    @property
    def preferred(self) -> str | None:
        """Name of the candidate that was preferred."""
        return {"left": self.left, "right": self.right}.get(self.answer.preference)


@dataclass(frozen=True, slots=True)
class Unblinded:
    """All judgements of one reader.

    Attributes
    ----------
    reader : str
    kinds : dict of str to str
        Kind of every candidate.
    judgements : tuple of Judgement
        Of the answered trials, in the order of the session.
    trials : int
        Of the session.
    damaged : int
        Lines of the answers that could not be read.
    """

    reader: str
    kinds: dict[str, str]
    judgements: tuple[Judgement, ...]
    trials: int
    damaged: int


def unblind(folder: str | Path, *, reader: str | None = None, partial: bool = False) -> Unblinded:
    """Record in ``unblinded.json`` that the key is used, then use it.

    Parameters
    ----------
    folder : str or Path
    reader : str, optional
        Whose answers; may be omitted if there is only one reader.
    partial : bool
        Allow unanswered trials. All later answers, of any reader, are marked.

    Raises
    ------
    ValueError
        If nothing, or (without ``partial``) not everything, was answered; if there are several
        readers and none was chosen; if pictures were exchanged.
    """
    folder = Path(folder)
    given, unreadable = answers.read(folder / ANSWERS)
    who = _one_reader({one.reader for one in given}, reader)
    session = Session.open(folder, who)
    known = {token for token, _ in session.trials}
    by_trial: dict[str, list[Answer]] = {}
    for one in given:
        if one.reader == session.reader and one.trial in known:
            by_trial.setdefault(one.trial, []).append(one)
    if not by_trial:
        raise ReviewError(f"{folder} holds no answer by {_name(session.reader)}.")
    missing = len(known) - len(by_trial)
    if missing and not partial:
        raise ReviewError(
            f"{missing} of {len(known)} trials are unanswered by {_name(session.reader)}. Finish "
            "the session, or unblind it with --partial, which cannot be undone: later answers "
            "are marked."
        )
    key = _key(folder / KEY)
    _refuse_changed(folder, key["trials"])
    _note(folder, session.reader, len(by_trial), len(known))
    judgements = tuple(
        _judgement(one, by_trial[one["trial"]]) for one in key["trials"] if one["trial"] in by_trial
    )
    return Unblinded(session.reader, dict(key["candidates"]), judgements, len(known), unreadable)


def _key(path: Path) -> dict[str, Any]:
    """The key.

    Raises
    ------
    ReviewError
        If it is damaged.
    """
    key = read_json(path)
    try:
        candidates = entry(key, "candidates", dict)
        for one in entry(key, "trials", list):
            for name in ("trial", "case", "animal", "left", "right", "sha256"):
                entry(one, name, str)
            entry(one, "repeat_of", (str, type(None)))
            if not {one["left"], one["right"]} <= candidates.keys():
                raise ValueError("a trial shows what is no candidate")
        if not all(isinstance(kind, str) for kind in candidates.values()):
            raise ValueError("the kind of a candidate is not a text")
    except (TypeError, ValueError) as error:
        raise damaged(path, error) from error
    return key


def _judgement(shown: dict[str, str], rows: Sequence[Answer]) -> Judgement:
    blinded = [one for one in rows if not one.after_unblinding]
    counted = blinded or rows
    return Judgement(
        trial=shown["trial"],
        case=shown["case"],
        animal=shown["animal"],
        left=shown["left"],
        right=shown["right"],
        repeat_of=shown["repeat_of"],
        answer=counted[-1],
        changed=len(counted) - 1,
        passed_over=len(rows) - len(counted),
    )


def _one_reader(readers: set[str], wanted: str | None) -> str:
    if wanted is not None:
        return wanted
    if len(readers) > 1:
        names = ", ".join(sorted(map(_name, readers)))
        raise ReviewError(f"Several readers answered ({names}); choose one with --reader.")
    return next(iter(readers), "")


def _name(reader: str) -> str:
    return reader or "the unnamed reader"


def _refuse_changed(folder: Path, trials: Sequence[dict[str, str]]) -> None:
    """Refuse exchanged pictures; they may have been deleted to save space."""
    for one in trials:
        path = picture_path(folder, one["trial"])
        if path.is_file() and sha256_of(path) != one["sha256"]:
            raise ReviewError(
                f"{path} is not the file that the session was made with, so what was judged is "
                "unknown; restore it from a backup."
            )


def _note(folder: Path, reader: str, answered: int, trials: int) -> None:
    """Record when, for whom, and on which answers the key was used; earlier records stay."""
    path = folder / UNBLINDED
    try:
        earlier = entry(read_json(path), "unblinded", list) if path.exists() else []
    except ValueError as error:
        if isinstance(error, ReviewError):
            raise
        raise damaged(path, error) from error
    note = {
        "time": now(),
        "reader": reader,
        "answered": answered,
        "trials": trials,
        "answers_sha256": sha256_of(folder / ANSWERS),
    }
    write_files({path: json_writer({"format": FORMAT, "unblinded": [*earlier, note]})})
