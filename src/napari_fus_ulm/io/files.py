"""Files to scans and back, whatever their format."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.folder import SET, read_folder
from napari_fus_ulm.io.formats import (
    READERS,
    SUFFIXES_READ,
    SUFFIXES_WRITE,
    WRITERS,
    stem_of,
    suffix_of,
)
from napari_fus_ulm.io.request import Request
from napari_fus_ulm.scan import MODALITIES, check_scan, doubts_of

_TALKATIVE = ("tifffile", "nibabel.global", "PIL", "h5py")
"""Loggers of libraries that comment on files."""
_QUOTED = 160
"""Characters of a library's own message that are passed on."""
_NAMED = 6
"""Images of a file that are named in a sentence."""
Reader = Callable[[Request], list[xr.DataArray]]
Writer = Callable[[Path, xr.DataArray], None]


def read(
    path: str | Path,
    *,
    modality: str | None = None,
    spacing: Sequence[float] | float | None = None,
) -> list[xr.DataArray]:
    """Read every image of a file; of a folder, the stack of its images.

    Parameters
    ----------
    path : str or Path
        A file with one of `SUFFIXES_READ`, or a folder of such files.
    modality : {"fus", "ulm", "unknown"}, optional
        What was imaged; guessed from the name and the content otherwise.
    spacing : float or sequence of float, optional
        Pixel size in mm, ``(dy, dx)`` or ``(dz, dy, dx)``, in place of the file's.

    Returns
    -------
    list of xarray.DataArray
        At least one scan. ``spacing_known`` is False where the pixel size had to be assumed.

    Raises
    ------
    ScanError
        If the file is missing, damaged, truncated, or of an unsupported kind; the sentence
        names the file and what was expected.
    """
    path = Path(path)
    if modality is not None and modality not in MODALITIES:
        raise ScanError(f"The modality “{modality}” is not one of {', '.join(MODALITIES)}.")
    try:
        with _hushed():
            scans = _scans_in(path, modality, spacing)
    except ScanError as error:
        if path.name in str(error):
            raise
        raise ScanError(f"“{path.name}”: {error}") from error
    except MemoryError as error:
        raise ScanError(
            f"“{path.name}” needs more memory than there is. Close other programs, cut out a part "
            "of the image or save fewer frames; if it is not that large, the file is damaged."
        ) from error
    except Exception as error:
        # Libraries raise anything at all on a damaged file; the user needs one sentence.
        raise _unreadable(path, error) from error
    if not scans:
        raise ScanError(f"“{path.name}” holds no image.")
    return _numbered(scans, path)


def _scans_in(
    path: Path, modality: str | None, spacing: Sequence[float] | float | None
) -> list[xr.DataArray]:
    if path.is_dir():
        return [read_folder(path, lambda p: read_one(p, modality=modality, spacing=spacing))]
    suffix = suffix_of(path, SUFFIXES_READ)
    if suffix is None or not path.is_file():
        _refuse(path, SUFFIXES_READ)
    if not path.stat().st_size:
        raise ScanError(f"“{path.name}” is empty (0 bytes); a complete {suffix} file was expected.")
    reader: Reader = _load(READERS[suffix])
    return reader(Request(path=path, modality=modality, spacing=spacing))


def _numbered(scans: list[xr.DataArray], path: Path) -> list[xr.DataArray]:
    """Note on every image of several which one it is: a command works on one of them."""
    if len(scans) == 1:
        return scans
    names = [str(scan.name).removeprefix(f"{stem_of(path)} · ") for scan in scans]
    listed = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    numbered = []
    for number, (scan, name) in enumerate(zip(scans, names, strict=True), start=1):
        which = (
            f"“{path.name}” holds {len(scans)} images ({listed}); this is image {number}, "
            f"“{name}” (--image on the command line chooses another)."
        )
        doubts = {"image": which, **scan.attrs.get("doubts", {})}
        numbered.append(scan.assign_attrs(doubts=doubts))
    return numbered


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep what libraries log about a file from the terminal; what matters is said in words."""

    def silent(_: logging.LogRecord) -> bool:  # one for each call: threads do not share it
        return False

    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    for logger in loggers:
        logger.addFilter(silent)
    try:
        # Not safe among threads, which is to say that a warning of another one may be lost.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger in loggers:
            logger.removeFilter(silent)


def read_one(
    path: str | Path,
    *,
    modality: str | None = None,
    spacing: Sequence[float] | float | None = None,
) -> xr.DataArray:
    """Read the first image of a file (see `read`)."""
    return read(path, modality=modality, spacing=spacing)[0]


def write(path: str | Path, scan: xr.DataArray) -> Path:
    """Write a scan; the suffix of ``path`` chooses the format.

    Pixel size, position, times and attributes survive: in the description of an OME-TIFF, in a
    JSON file beside NIfTI and NPY. The file is written under a temporary name and then renamed,
    so an old file is never half overwritten.

    Parameters
    ----------
    path : str or Path
        Ends in one of `SUFFIXES_WRITE`.
    scan : xarray.DataArray
        See `napari_fus_ulm.scan`.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ScanError
        If the suffix is not known, the scan is not one, or the disk is full or read-only.
    """
    path = Path(path)
    suffix = suffix_of(path, SUFFIXES_WRITE)
    if suffix is None:
        raise ScanError(
            f"“{path.name}” cannot be written; a name that ends in one of "
            f"{', '.join(SUFFIXES_WRITE)} was expected."
        )
    writer: Writer = _load(WRITERS[suffix])
    writer(path, _alone(check_scan(scan)))
    return path


def _alone(scan: xr.DataArray) -> xr.DataArray:
    """Leave out what is true only of the file that an image came from."""
    doubts = {key: words for key, words in doubts_of(scan).items() if key != "image"}
    attrs = {key: value for key, value in scan.attrs.items() if key not in ("doubts", SET)}
    if len(attrs) == len(scan.attrs):
        return scan
    bare = scan.copy(deep=False)
    bare.attrs = attrs | ({"doubts": doubts} if doubts else {})
    return bare


def _refuse(path: Path, known: Sequence[str]) -> NoReturn:
    """Say that a path cannot be read."""
    if not path.exists():
        raise ScanError(f"“{path}” does not exist.")
    raise ScanError(
        f"“{path.name}” is of an unsupported kind; a file that ends in one of "
        f"{', '.join(known)} was expected."
    )


def _unreadable(path: Path, error: Exception) -> ScanError:
    """Turn a library's exception into one sentence that names the file."""

    if isinstance(error, PermissionError):
        return ScanError(
            f"You are not allowed to read “{path.name}”; ask its owner for the permission."
        )
    if isinstance(error, OSError) and error.errno is not None:  # libraries' own have no number
        return ScanError(f"“{path.name}” could not be read: {error.strerror or error}.")
    kind = suffix_of(path) or path.suffix
    why = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else ""
    why = "".join(mark for mark in why if mark.isprintable())[:_QUOTED]  # bytes of the file
    reason = f" ({type(error).__name__}: {why})" if why else f" ({type(error).__name__})"
    return ScanError(
        f"“{path.name}” could not be read; a complete {kind} file was expected, this one is "
        f"damaged, truncated, or of another kind{reason}."
    )


def _load(target: str) -> Any:
    module, name = target.split(".")
    return getattr(import_module(f"napari_fus_ulm.io.{module}"), name)
