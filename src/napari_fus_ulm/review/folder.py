"""The files in the folder of a session.

::

    FOLDER/README            do not open key.json
    FOLDER/session.json      settings, trials in their order, version; no names
    FOLDER/pictures/*.npy    both pictures of a trial, uint8 of shape (2, rows, columns)
    FOLDER/answers.csv       see `napari_fus_ulm.review.answers`
    FOLDER/key.json          what was shown where, seed, SHA-256 of the pictures
    FOLDER/unblinded.json    when the key was used, if it was
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_fus_ulm.errors import ReviewError
from napari_fus_ulm.io.own_json import read_object

SESSION, KEY, ANSWERS, UNBLINDED = "session.json", "key.json", "answers.csv", "unblinded.json"
PICTURES = "pictures"
TOKEN = re.compile(r"[0-9a-f]{1,64}")
"""Names of trials, and of their files."""
FORMAT = 1
README = (
    "Do not open key.json before all trials are answered: it says which picture is which.\n"
    "“napari-fus-ulm review report” opens it for you and records that it did.\n"
)


def picture_path(folder: Path, token: str) -> Path:
    """Path of the pictures of a trial."""
    return folder / PICTURES / f"{token}.npy"


def read_json(path: Path) -> dict[str, Any]:
    """Read a file of a session.

    Raises
    ------
    ReviewError
        If it is missing, damaged, or of another format.
    """
    try:
        content = read_object(path)
    except (OSError, ValueError) as error:
        raise ReviewError(
            f"{path} cannot be read ({_reason(error)}), so {path.parent} is not a complete "
            "session; restore it from a backup. “napari-fus-ulm review new” makes a new one."
        ) from error
    if content.get("format") != FORMAT:
        raise ReviewError(f"{path} is not in format {FORMAT}; use the version that made it.")
    return content


def damaged(path: Path, error: Exception) -> ReviewError:
    """Say that a file of a session holds what the program never wrote."""
    return ReviewError(f"{path} is damaged ({_reason(error)}); restore it from a backup.")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error).strip().split("\n")[0][:200] or type(error).__name__


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def now() -> str:
    """UTC to the second, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
