"""Opening a session for the dock, and the command that unblinds it; nothing here needs Qt."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fus_ulm.errors import ReviewError

if TYPE_CHECKING:
    from napari_fus_ulm.review.session import Session, Trial


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A session, and the trial that it goes on with (None when its reader has answered all)."""

    session: Session
    trial: Trial | None


def open_session(folder: Path, reader: str) -> Iterator[Opened]:
    """Open a session where its reader has stopped; an iterator, for a thread.

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
            "reader to go on, or another one to begin as somebody else."
        )
    yield Opened(session, session.next_trial())


def readers(folder: Path) -> set[str]:
    """Names of those who have answered trials of a session."""
    from napari_fus_ulm.review import answers
    from napari_fus_ulm.review.folder import ANSWERS

    given, _ = answers.read(folder / ANSWERS)
    return {one.reader for one in given}


def was_unblinded(session: Session) -> bool:
    """Whether the key of a session has been used."""
    from napari_fus_ulm.review.folder import UNBLINDED

    return (session.folder / UNBLINDED).exists()


def report_command(session: Session) -> str:
    """Word the command that tells what was what; it names the reader where there are several."""
    words = ["napari-fus-ulm", "review", "report", str(session.folder)]
    if len(readers(session.folder)) > 1:
        words += ["--reader", session.reader]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
