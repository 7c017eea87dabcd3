"""What the user sees when work fails: a sentence, and for a fault its traceback in a log file.

A `UserError` is a sentence already. Lack of memory and files that cannot be read or written have
one too. Everything else is a fault of the program: it is logged, and the sentence names the
log file.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import traceback
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path

from platformdirs import user_log_path

from napari_fus_ulm.errors import UserError

FOLDER_VARIABLE = "NAPARI_FUS_ULM_LOGS"
"""Environment variable that names another folder for the log file."""
LOG_BYTES, OLD_LOGS = 1_000_000, 2
MEMORY_RAN_OUT = "Memory ran out. Close other programs, or choose a coarser result pixel."
REMEDIES = {
    errno.ENOSPC: "Free some space, or choose another disk.",
    errno.EACCES: "Choose another folder, or ask for its permissions.",
    errno.EPERM: "Choose another folder, or ask for its permissions.",
    errno.EROFS: "Choose another folder.",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why work ended.

    Attributes
    ----------
    sentence : str
        For a person.
    details : str
        The traceback of a fault; empty where the sentence says it all.
    """

    sentence: str
    details: str = ""


def failure_of(error: BaseException, log: Path | None = None) -> Failure:
    """Word an exception; log it where it is a fault.

    Parameters
    ----------
    error : BaseException
    log : Path, optional
        The log file; :func:`log_file` by default.
    """
    if isinstance(error, UserError):
        return Failure(str(error).strip())
    if _is_out_of_memory(error):
        return Failure(MEMORY_RAN_OUT)
    if isinstance(error, OSError) and error.strerror:
        return Failure(_about_file(error))
    details = "".join(traceback.format_exception(error))
    brief = f"{type(error).__name__}: {_first_line(error)}" if str(error) else type(error).__name__
    return Failure(f"The program failed ({brief}). {_logged(details, log or log_file())}", details)


def log_file() -> Path:
    """Where faults are logged: the user's log folder, or that named by the environment."""
    return log_folder() / "napari-fus-ulm.log"


def log_folder() -> Path:
    """The folder of the log file, by the convention of each system."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen)
    return user_log_path("napari-fus-ulm", appauthor=False)


def _logged(details: str, path: Path) -> str:
    """Write a traceback into the log; say where it is, or that it could not be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            path, maxBytes=LOG_BYTES, backupCount=OLD_LOGS, encoding="utf-8"
        )
    except OSError:
        return f"Its details could not be logged in “{path}”."
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.Logger("napari_fus_ulm")  # not the root's child: nothing is printed as well
    logger.addHandler(handler)
    try:
        logger.error("%s", details)
    finally:
        handler.close()
    return f"Its details are in “{path}”; please report them."


def _about_file(error: OSError) -> str:
    files = [str(one) for one in (error.filename, error.filename2) if one is not None]
    where = f"“{files[-1]}” cannot be used" if files else "A file cannot be used"
    remedy = REMEDIES.get(error.errno or 0, "")
    return f"{where}: {error.strerror}. {remedy}".strip()


def _is_out_of_memory(error: BaseException) -> bool:
    if "torch" not in sys.modules:
        return isinstance(error, MemoryError)
    from napari_fus_ulm.generators.device import is_out_of_memory

    return is_out_of_memory(error)


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else ""
