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
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_fus_ulm.errors import ReviewError

SESSION, KEY, ANSWERS, UNBLINDED = "session.json", "key.json", "answers.csv", "unblinded.json"
PICTURES = "pictures"
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
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReviewError(
            f"{path} cannot be read, so {path.parent} is not a complete session; “napari-fus-ulm "
            "review new” makes one."
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ReviewError(f"{path} is not in format {FORMAT}; use the version that made it.")
    return content


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def now() -> str:
    """UTC to the second, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
