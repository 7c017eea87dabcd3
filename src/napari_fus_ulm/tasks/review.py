"""Blinded review: a session made from images or from files, opened again, and reported."""

from __future__ import annotations

import itertools
import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_fus_ulm.errors import ReviewError
from napari_fus_ulm.inference.events import Progress
from napari_fus_ulm.review.answers import Mark, MarkKind, Preference
from napari_fus_ulm.review.folder import ANSWERS
from napari_fus_ulm.tasks.events import Take

if TYPE_CHECKING:
    import xarray as xr

    from napari_fus_ulm.review.cases import Candidate, Case, Kind
    from napari_fus_ulm.review.plan import ReviewSettings
    from napari_fus_ulm.review.session import Session, Trial
    from napari_fus_ulm.review.statistics import Report
    from napari_fus_ulm.review.unblinding import Unblinded

__all__ = [
    "ANSWERS",
    "Mark",
    "MarkKind",
    "Opened",
    "Picture",
    "Preference",
    "Reported",
    "Standing",
    "files_run",
    "open_session",
    "readers",
    "report_command",
    "report_run",
    "sections_run",
    "standing",
    "unblinded",
    "was_unblinded",
]


@dataclass(frozen=True, slots=True)
class Picture:
    """An image of a section: the name of its method, what it is, and how it is read.

    Attributes
    ----------
    name : str
        Equal names in different sections are one method.
    kind : {"generated", "ulm", "fus"}
    take : callable
        Gives one plane of known pixel size, or a stack, every slice of which is a section.
    section : str
    """

    name: str
    kind: Kind
    take: Take
    section: str


def sections_run(
    folder: Path, reader: str, pictures: Sequence[Picture]
) -> Iterator[Progress | Opened]:
    """Make a session of one or several sections and open it.

    Nothing is written before all images have been read.

    Parameters
    ----------
    folder : Path
        New or empty.
    reader : str
    pictures : sequence of Picture

    Yields
    ------
    Progress, Opened

    Raises
    ------
    ReviewError
        If the images of a section are not of one field of view or number of slices, or the folder
        is not empty or not writable.
    """
    from napari_fus_ulm.review.plan import ReviewSettings
    from napari_fus_ulm.review.session import create

    scans: dict[str, list[tuple[Picture, xr.DataArray]]] = {}
    for done, one in enumerate(pictures):
        yield Progress(done, len(pictures), one.name)
        scans.setdefault(one.section, []).append((one, one.take()))
    cases = [case for section, given in scans.items() for case in _cases(section, given)]
    settings = ReviewSettings(control=any(one.kind == "ulm" for one in pictures))
    try:
        create(folder, cases, settings)
    except OSError as error:
        raise ReviewError(
            f"{folder} cannot be written ({error.strerror or error}); choose another folder."
        ) from error
    yield from open_session(folder, reader)


def _cases(section: str, given: Sequence[tuple[Picture, xr.DataArray]]) -> list[Case]:
    """A case for every slice of a section's images."""
    from napari_fus_ulm.cohort.table import animal_of
    from napari_fus_ulm.review.cases import Case

    pictures, scans = zip(*given, strict=True)
    if len(given) < 2:
        raise ReviewError(
            f"The section “{section}” has only “{pictures[0].name}”; give another picture the same "
            "section, or uncheck this one."
        )
    counts = [scan.shape[0] if scan.ndim == 3 else 1 for scan in scans]
    if len(set(counts)) > 1:
        each = ", ".join(f"“{one.name}” has {n}" for one, n in zip(pictures, counts, strict=True))
        raise ReviewError(
            f"The pictures of “{section}” have different numbers of slices: {each}. Use stacks of "
            "the same slices, or split one (right-click the layer and choose Split Stack)."
        )
    animal = animal_of(section)
    if counts[0] == 1:
        return [Case(section, _candidates(pictures, [scan.squeeze() for scan in scans]), animal)]
    return [
        Case(f"{section} slice {n}", _candidates(pictures, [scan[n] for scan in scans]), animal)
        for n in range(counts[0])
    ]


def _candidates(
    pictures: Sequence[Picture], scans: Sequence[xr.DataArray]
) -> tuple[Candidate, ...]:
    """Grey levels of images, as `napari_fus_ulm.review.cases.read_cases` has those of files."""
    from napari_fus_ulm.grey.image import measured_image
    from napari_fus_ulm.review.cases import Candidate
    from napari_fus_ulm.scan import spacing_of

    pixels = {
        one.kind: 1000.0 * max(spacing_of(scan)) for one, scan in zip(pictures, scans, strict=True)
    }
    finest_um = pixels.get("generated") or pixels.get("ulm") or pixels["fus"]
    candidates = []
    for one, scan in zip(pictures, scans, strict=True):
        picture = measured_image(scan, finest_um)
        grey = np.clip(picture.grey, 0.0, 1.0)
        candidates.append(Candidate(one.name, grey, one.kind, picture.grid.spacing_mm))
    return tuple(candidates)


def files_run(
    folder: Path,
    sources: Mapping[str, tuple[Kind, Path]],
    *,
    repeats: float = 0.2,
    seed: int | None = None,
    spacing: float | None = None,
) -> Iterator[Opened]:
    """Make a session of files, or of folders of files with equal names.

    Parameters
    ----------
    folder : Path
        New or empty.
    sources : mapping
        Kind and path by the name of the method.
    repeats : float
        Share of the trials that are shown twice, 0 to 1.
    seed : int, optional
        Of order and sides; drawn without it.
    spacing : float, optional
        Pixel size (mm) for files that store none.

    Yields
    ------
    Opened

    Raises
    ------
    ReviewError
        If files are missing or not of one field of view, or the folder is not empty.
    """
    from napari_fus_ulm.review.cases import read_cases
    from napari_fus_ulm.review.plan import ReviewSettings
    from napari_fus_ulm.review.session import create

    control = any(kind == "ulm" for kind, _ in sources.values())
    settings: ReviewSettings = ReviewSettings(repeats_share=repeats, control=control)
    if seed is not None:
        settings = replace(settings, seed=seed)
    session = create(folder, read_cases(sources, spacing=spacing), settings)
    yield Opened(session, session.next_trial())


@dataclass(frozen=True, slots=True, eq=False)
class Reported:
    """The report of a session, and the folder of its files.

    Attributes
    ----------
    report : Report
    folder : Path
    page : Path
        For a browser.
    """

    report: Report
    folder: Path
    page: Path

    @property
    def brief(self) -> str:
        """The most important numbers for a narrow place, as Markdown."""
        from napari_fus_ulm.review.report import brief

        return brief(self.report)

    @property
    def markdown(self) -> str:
        """All tables."""
        from napari_fus_ulm.review.report import markdown

        return markdown(self.report)


def unblinded(folder: Path, *, reader: str | None = None, partial: bool = False) -> Unblinded:
    """Unblind a session; this is noted in its folder.

    Parameters
    ----------
    folder : Path
    reader : str, optional
        Whose answers alone.
    partial : bool
        Allow unanswered trials.

    Raises
    ------
    ReviewError
        If trials are unanswered and ``partial`` is not set.
    """
    from napari_fus_ulm.review.unblinding import unblind

    return unblind(folder, reader=reader, partial=partial)


def report_run(
    folder: Path, *, reader: str | None = None, partial: bool = False
) -> Iterator[Progress | Reported]:
    """Unblind a session and write its report into a new folder in it; earlier reports stay.

    Parameters
    ----------
    folder : Path
        Of the session.
    reader : str, optional
        Whose answers alone.
    partial : bool
        Allow unanswered trials.

    Yields
    ------
    Progress, Reported

    Raises
    ------
    ReviewError
        If trials are unanswered and ``partial`` is not set, or nothing is answered.
    ScanError
        If the report cannot be written; the session is not unblinded then.
    """
    from napari_fus_ulm.io.atomic import check_writable, new_folder, write_files
    from napari_fus_ulm.review.report import PAGE, files
    from napari_fus_ulm.review.statistics import statistics

    yield Progress(0, 0, "Making the report…")
    check_writable(folder)
    answers = unblinded(folder, reader=reader, partial=partial)
    report = statistics(answers)
    target = _fresh(folder)
    with new_folder(target) as aside:
        write_files({aside / name: writer for name, writer in files(answers, report).items()})
    yield Reported(report, target, target / PAGE)


def _fresh(folder: Path) -> Path:
    """A name for a report that is not taken."""
    moment = datetime.now().strftime("%Y-%m-%d_%H%M%S")
    names = (f"report_{moment}{'' if n == 1 else f'_{n}'}" for n in itertools.count(1))
    return next(folder / name for name in names if not (folder / name).exists())


def standing(folder: Path) -> Standing:
    """How far the readers of a session are; nothing is unblinded.

    Raises
    ------
    ReviewError
        If the folder holds no session.
    """
    from napari_fus_ulm.review.folder import UNBLINDED
    from napari_fus_ulm.review.unblinding import standing

    answered, trials = standing(folder)
    return Standing(folder, tuple(answered.items()), trials, (folder / UNBLINDED).exists())


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the readers of a session are.

    Attributes
    ----------
    folder : Path
    answered : tuple of (str, int)
        Reader and number of answered trials.
    trials : int
        Of the session.
    unblinded : bool
        Whether the key has been used.
    """

    folder: Path
    answered: tuple[tuple[str, int], ...]
    trials: int
    unblinded: bool

    @property
    def complete(self) -> bool:
        """Whether every reader who has begun has finished."""
        return bool(self.answered) and all(done == self.trials for _, done in self.answered)

    @property
    def sentence(self) -> str:
        """Who has answered how many trials."""
        if not self.answered:
            return "No trial has been answered yet."
        readers = (f"{who or 'unnamed reader'} {done}" for who, done in self.answered)
        return f"Answered, of {self.trials} trials: {', '.join(readers)}."


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A session, and its next trial (None when the reader has answered all)."""

    session: Session
    trial: Trial | None


def open_session(folder: Path, reader: str) -> Iterator[Opened]:
    """Open a session where its reader stopped; an iterator, for a thread.

    Yields
    ------
    Opened

    Raises
    ------
    ReviewError
        If the folder holds no session or pictures are missing; if no name is given, although
        the answers so far have one, which would begin the session anew.
    """
    from napari_fus_ulm.review.session import Session

    session = Session.open(folder, reader)
    names = readers(folder)
    if not session.reader and names and "" not in names:
        raise ReviewError(
            f"{folder.name} has answers by {', '.join(sorted(names))}. Enter this name as the "
            "reader to continue, or another name to start as somebody else."
        )
    yield Opened(session, session.next_trial())


def readers(folder: Path) -> set[str]:
    """Names of those who have answered trials of a session."""
    from napari_fus_ulm.review import answers

    given, _ = answers.read(folder / ANSWERS)
    return {one.reader for one in given}


def was_unblinded(session: Session) -> bool:
    """Whether the key of a session has been used."""
    from napari_fus_ulm.review.folder import UNBLINDED

    return (session.folder / UNBLINDED).exists()


def report_command(folder: Path) -> str:
    """Return the command that does what `report_run` does."""
    words = ["napari-fus-ulm", "review", "report", str(folder), "--save"]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
