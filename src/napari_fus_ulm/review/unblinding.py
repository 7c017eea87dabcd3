"""Answers joined with the key, which is recorded: the only place that reads the key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    TOKEN,
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
class Reader:
    """All judgements of one reader.

    Attributes
    ----------
    name : str
    judgements : tuple of Judgement
        Of the answered trials, in the order of the session.
    """

    name: str
    judgements: tuple[Judgement, ...]


@dataclass(frozen=True, slots=True)
class Unblinded:
    """A session with the names.

    Attributes
    ----------
    folder : Path
    kinds : dict of str to str
        Kind of every candidate.
    readers : tuple of Reader
        By name.
    trials : int
        Of the session.
    extents_mm : dict of str to (float, float)
        Height and width of the pictures, by trial.
    damaged : int
        Lines of the answers that could not be read.
    """

    folder: Path
    kinds: dict[str, str]
    readers: tuple[Reader, ...]
    trials: int
    extents_mm: dict[str, tuple[float, float]]
    damaged: int

    @property
    def judgements(self) -> tuple[Judgement, ...]:
        """Of all readers, one after another."""
        return tuple(one for reader in self.readers for one in reader.judgements)


def standing(folder: str | Path) -> tuple[dict[str, int], int]:
    """How many trials each reader has answered, and how many there are; reads no key.

    Raises
    ------
    ReviewError
        If the folder holds no session.
    """
    session = Session.open(folder)
    by_reader, _ = _given(session)
    return {reader: len(by_trial) for reader, by_trial in by_reader.items()}, len(session.trials)


def unblind(folder: str | Path, *, reader: str | None = None, partial: bool = False) -> Unblinded:
    """Record in ``unblinded.json`` that the key is used, then use it.

    Parameters
    ----------
    folder : str or Path
    reader : str, optional
        Whose answers alone; by default those of all readers.
    partial : bool
        Allow unanswered trials. All later answers, of any reader, are marked.

    Raises
    ------
    ValueError
        If nothing, or (without ``partial``) not everything, was answered; if pictures were
        exchanged.
    """
    folder = Path(folder)
    session = Session.open(folder)
    by_reader, unreadable = _given(session)
    if reader is not None:
        wanted = " ".join(reader.split())
        by_reader = {wanted: by_reader.get(wanted, {})}
    if not any(by_reader.values()):
        raise ReviewError(f"{folder} holds no answer{_by(reader)}.")
    trials = len(session.trials)
    for name, by_trial in by_reader.items():
        if len(by_trial) < trials and not partial:
            raise ReviewError(
                f"{trials - len(by_trial)} of {trials} trials are unanswered by {name_of(name)}. "
                "Finish the session, or unblind it with --partial, which cannot be undone: later "
                "answers are marked."
            )
    key = _key(folder / KEY)
    _refuse_changed(folder, key["trials"])
    _note(folder, {name: len(by_trial) for name, by_trial in by_reader.items()}, trials)
    readers = (
        Reader(
            name,
            tuple(
                _judgement(one, by_trial[one["trial"]])
                for one in key["trials"]
                if one["trial"] in by_trial
            ),
        )
        for name, by_trial in by_reader.items()
    )
    candidates, extents = dict(key["candidates"]), dict(session.trials)
    return Unblinded(folder, candidates, tuple(readers), trials, extents, unreadable)


def _given(session: Session) -> tuple[dict[str, dict[str, list[Answer]]], int]:
    """Answers to the trials of a session by reader and trial, and the number of damaged lines."""
    given, unreadable = answers.read(session.folder / ANSWERS)
    known = {token for token, _ in session.trials}
    by_reader: dict[str, dict[str, list[Answer]]] = {}
    for one in sorted(given, key=lambda answer: answer.reader):
        if one.trial in known:
            by_reader.setdefault(one.reader, {}).setdefault(one.trial, []).append(one)
    return by_reader, unreadable


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
            if not TOKEN.fullmatch(one["trial"]):
                raise ValueError("a trial has an impossible name")
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


def name_of(reader: str) -> str:
    """A reader's name for a sentence."""
    return reader or "the unnamed reader"


def _by(reader: str | None) -> str:
    return "" if reader is None else f" by {name_of(reader)}"


def _refuse_changed(folder: Path, trials: Sequence[dict[str, str]]) -> None:
    """Refuse exchanged pictures; they may have been deleted to save space."""
    for one in trials:
        path = picture_path(folder, one["trial"])
        if path.is_file() and sha256_of(path) != one["sha256"]:
            raise ReviewError(
                f"{path} is not the file that the session was made with, so what was judged is "
                "unknown; restore it from a backup."
            )


def _note(folder: Path, answered: Mapping[str, int], trials: int) -> None:
    """Record when, for whom, and on which answers the key was used; earlier records stay."""
    path = folder / UNBLINDED
    try:
        earlier = entry(read_json(path), "unblinded", list) if path.exists() else []
    except ValueError as error:
        if isinstance(error, ReviewError):
            raise
        raise damaged(path, error) from error
    time, digest = now(), sha256_of(folder / ANSWERS)
    notes = [
        {
            "time": time,
            "reader": reader,
            "answered": count,
            "trials": trials,
            "answers_sha256": digest,
        }
        for reader, count in answered.items()
    ]
    write_files({path: json_writer({"format": FORMAT, "unblinded": [*earlier, *notes]})})
