"""The one place that writes files: under a temporary name first, then renamed.

A folder shows each file either as it was or complete, even after a full disk, a crash or a power
cut. What a killed process has left under temporary names is deleted by the next one that writes
into the same folder.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import socket
import time
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.errors import ScanError

if TYPE_CHECKING:
    from torch import Tensor

Writer = Callable[[Path], object]
"""Writes a file to the path that it is given."""
LEFTOVER_S = 3600.0
"""Age (s) from which a temporary file of unknown origin counts as left behind by a killed run."""
_TEMPORARY = re.compile(r"\.part-(?:([0-9a-f]{8})-([0-9]+)-)?[0-9a-f]{12}-.")
_together: ContextVar[dict[Path, Path] | None] = ContextVar("together", default=None)
"""Temporary names by the final ones, within `written_together`."""
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
    later = _together.get()
    temporaries: dict[Path, Path] = {}
    current = next(iter(files))
    try:
        for current, writer in files.items():
            _sweep_once(current.parent)
            temporaries[current] = _aside(current)
            writer(temporaries[current])
            _flush(temporaries[current])
        if later is None:
            _rename(temporaries)
        else:
            later |= temporaries
            temporaries = {}
    except OSError as error:
        raise refused(current, error) from error
    finally:
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)


@contextmanager
def written_together() -> Iterator[None]:
    """Let all files that are written inside appear at the end, the last written first.

    A task writes its record last; so it is there before the files that it lists, and a run that
    is killed between two renames leaves files that are known as its own.

    Raises
    ------
    ScanError
        If the system refuses.
    """
    files: dict[Path, Path] = {}
    token = _together.set(files)
    try:
        yield
        _rename(dict(reversed(files.items())))
    finally:
        _together.reset(token)
        for temporary in files.values():
            temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Make a folder whose content appears all at once.

    Parameters
    ----------
    folder : Path
        New or empty.

    Yields
    ------
    Path
        The folder under a temporary name beside it, to be filled.

    Raises
    ------
    ScanError
        If the system refuses; nothing is left then.
    """
    folder = folder.resolve()
    aside = _aside(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep_once(folder.parent)
        aside.mkdir()
        yield aside
        if folder.is_dir():
            folder.rmdir()
        aside.rename(folder)
        _flush_folder(folder.parent)
    except OSError as error:
        raise refused(folder, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def write_file(path: Path, writer: Writer) -> Path:
    """Write one file by a function, as `write_files` does; its folder is made where missing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused(path, error) from error
    write_files({path: writer})
    return path


def write_text(path: Path, text: str) -> Path:
    """Write a text as UTF-8; lines end as in the text on every system."""
    return write_file(path, text_writer(text))


def write_json(path: Path, content: Any) -> Path:
    """Write what JSON can hold, indented."""
    return write_file(path, json_writer(content))


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str] | None = None
) -> Path:
    """Write tensors as safetensors, with texts in the header."""
    return write_file(path, tensors_writer(tensors, header))


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


def tensors_writer(
    tensors: Mapping[str, Tensor], header: Mapping[str, str] | None = None
) -> Writer:
    """Return a function that writes tensors as safetensors, with texts in the header."""

    def writer(path: Path) -> None:
        from safetensors import SafetensorError
        from safetensors.torch import save_file

        try:
            whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
            save_file(whole, path, None if header is None else dict(header))
        except SafetensorError as error:
            # The library reports the system's error as text only.
            number = _SAFETENSORS_ERRNO.search(str(error))
            raise OSError(int(number[1]) if number else errno.EIO, str(error)) from error
        path.chmod(0o644)  # safetensors keeps its files to their owner; a laboratory shares them

    return writer


# ---------------------------------------------------------------- before the work


def check_writable(folder: Path) -> None:
    """Make a folder for results, and check before the work that it can be written to.

    Raises
    ------
    ScanError
        If it cannot; the sentence names it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ScanError(
            f"Nothing can be written to {folder} ({reason}); choose another folder (-o)."
        ) from error


# ---------------------------------------------------------------- how


def _aside(path: Path) -> Path:
    """A temporary name in the same folder that says which process writes it.

    The suffix is kept: writers choose the format by it.
    """
    return path.with_name(f".part-{_host()}-{os.getpid()}-{uuid.uuid4().hex[:12]}-{path.name}")


@cache
def _host() -> str:
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def _rename(temporaries: Mapping[Path, Path]) -> None:
    """Give files that are complete their names.

    Raises
    ------
    ScanError
        If the system refuses.
    """
    for final, temporary in temporaries.items():
        try:
            os.replace(temporary, final)
        except OSError as error:
            raise refused(final, error) from error
    for folder in {final.parent for final in temporaries}:
        _flush_folder(folder)


def _flush(path: Path) -> None:
    """Wait until a file's content is on the disk: a rename may get there before it."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can do that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders; it writes names in order
        return
    try:
        os.fsync(descriptor)
    except OSError:  # some network disks
        pass
    finally:
        os.close(descriptor)


@lru_cache(maxsize=1024)
def _sweep_once(folder: Path) -> None:
    # Listing a folder of thousands of files for each that is written would cost more than writing.
    if folder.is_dir():
        sweep(folder)


def sweep(folder: Path, older_than_s: float = LEFTOVER_S) -> None:
    """Delete what killed runs left in a folder under temporary names.

    Parameters
    ----------
    folder : Path
    older_than_s : float
        Younger ones stay, unless the process that wrote them has ended.
    """
    oldest = time.time() - older_than_s
    for entry in os.scandir(folder):
        name = _TEMPORARY.match(entry.name)
        if name is None:
            continue
        try:
            if not _has_ended(name[1], name[2]) and entry.stat().st_mtime >= oldest:
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                Path(entry.path).unlink(missing_ok=True)
        except OSError:  # another process sweeps too, or it is not ours to delete
            continue


def _has_ended(host: str | None, number: str | None) -> bool:
    """Whether a process of this computer is known to have ended."""
    if host != _host() or os.name == "nt":  # there, signal 0 would end it
        return False
    try:
        os.kill(int(number or 0), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def refused(path: Path, error: OSError) -> ScanError:
    """Say in a sentence that the system refused to write a file, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        why, todo = "the disk is full", "Free some space or choose another folder."
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        why, todo = "this folder is not writable", "Choose another folder."
    elif not path.parent.is_dir():
        why, todo = f"the folder “{path.parent}” does not exist", "Create it, or choose another."
    else:
        why, todo = str(error), "Choose another folder."
    unchanged = "; the file that was there is unchanged" if path.exists() else ""
    return ScanError(f"“{path.name}” could not be written: {why}{unchanged}. {todo}")
