"""The one place that writes files: under a temporary name first, then renamed.

A folder shows each file either as it was or complete, even after a full disk, a crash or a power
cut.
"""

from __future__ import annotations

import errno
import json
import os
import re
import time
import uuid
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.errors import ScanError

if TYPE_CHECKING:
    from torch import Tensor

Writer = Callable[[Path], object]
"""Writes a file to the path that it is given."""
LEFTOVER_S = 3600.0
"""Age (s) from which a temporary file counts as left behind by a killed run."""
_TEMPORARY = re.compile(r"\.part-[0-9a-f]{12}-.")
_SAFETENSORS_ERRNO = re.compile(r"os error (\d+)")


def write_files(files: Mapping[Path, Writer]) -> None:
    """Write files that belong together: all under temporary names, then all renamed.

    Parameters
    ----------
    files : mapping of Path to function
        The function writes its file to the path that it is given: in the same folder, with the
        same suffix. The folders must exist.

    Raises
    ------
    ScanError
        If the system refuses (full disk, no permission); old files are as before.
    """
    temporaries: dict[Path, Path] = {}
    current = next(iter(files))
    try:
        for current, writer in files.items():
            _sweep_once(current.parent)
            # The temporary name keeps the suffix: writers choose the format by it.
            temporaries[current] = current.with_name(
                f".part-{uuid.uuid4().hex[:12]}-{current.name}"
            )
            writer(temporaries[current])
            _flush(temporaries[current])
        for current, temporary in temporaries.items():
            os.replace(temporary, current)
    except OSError as error:
        raise _refused(current, error) from error
    finally:
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)


def write_file(path: Path, writer: Writer) -> Path:
    """Write one file by a function, as `write_files` does; its folder is made where missing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(path, error) from error
    write_files({path: writer})
    return path


def write_text(path: Path, text: str) -> Path:
    """Write a text as UTF-8; lines end as in the text on every system."""
    return write_file(path, text_writer(text))


def write_json(path: Path, content: Any) -> Path:
    """Write what JSON can hold, indented."""
    return write_file(path, json_writer(content))


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> Path:
    """Write tensors as safetensors."""
    return write_file(path, tensors_writer(tensors))


# ---------------------------------------------------------------- what is written


def text_writer(text: str) -> Writer:
    """Return a function that writes a text as UTF-8."""
    return lambda path: path.write_text(text, encoding="utf-8", newline="\n")


def json_writer(content: Any) -> Writer:
    """Return a function that writes what JSON can hold, indented."""
    return text_writer(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def array_writer(values: npt.NDArray[Any]) -> Writer:
    """Return a function that writes an array as ``.npy``."""

    def writer(path: Path) -> None:
        with path.open("wb") as file:  # an open file: np.save would add a suffix to a name
            np.save(file, values, allow_pickle=False)

    return writer


def arrays_writer(arrays: Mapping[str, Any], *, compressed: bool = True) -> Writer:
    """Return a function that writes named arrays as ``.npz``."""
    save = np.savez_compressed if compressed else np.savez

    def writer(path: Path) -> None:
        with path.open("wb") as file:
            save(file, **arrays)

    return writer


def tensors_writer(tensors: Mapping[str, Tensor]) -> Writer:
    """Return a function that writes tensors as safetensors."""

    def writer(path: Path) -> None:
        from safetensors import SafetensorError
        from safetensors.torch import save_file

        try:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
        except SafetensorError as error:
            # The library reports the system's error as text only.
            number = _SAFETENSORS_ERRNO.search(str(error))
            raise OSError(int(number[1]) if number else errno.EIO, str(error)) from error
        path.chmod(0o644)  # safetensors keeps its files to their owner; a laboratory shares them

    return writer


# ---------------------------------------------------------------- how


def _flush(path: Path) -> None:
    """Wait until a file's content is on the disk: a rename may get there before it."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


@lru_cache(maxsize=1024)
def _sweep_once(folder: Path) -> None:
    # Listing a folder of thousands of files for each that is written would cost more than writing.
    if folder.is_dir():
        sweep(folder)


def sweep(folder: Path, older_than_s: float = LEFTOVER_S) -> None:
    """Delete the temporary files that killed runs left in a folder.

    Parameters
    ----------
    folder : Path
    older_than_s : float
        Younger ones stay: another process may be writing them.
    """
    oldest = time.time() - older_than_s
    for entry in os.scandir(folder):
        if _TEMPORARY.match(entry.name) and entry.is_file() and entry.stat().st_mtime < oldest:
            Path(entry.path).unlink(missing_ok=True)


def _refused(path: Path, error: OSError) -> ScanError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full:
        why, todo = "the disk is full", "Free some space or choose another folder."
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        why, todo = "this folder is not writable", "Choose another folder."
    elif not path.parent.is_dir():
        why, todo = f"the folder “{path.parent}” does not exist", "Create it, or choose another."
    else:
        why, todo = str(error), "Choose another folder."
    unchanged = "; the file that was there is unchanged" if path.exists() else ""
    return ScanError(f"“{path.name}” could not be written: {why}{unchanged}. {todo}")
