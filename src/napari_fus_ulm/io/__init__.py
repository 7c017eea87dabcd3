"""Files to scans and back; one module per family of formats.

Nothing heavy is imported before a file is read or written, so that napari can ask for a reader
in no time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

    from napari_fus_ulm.io.common import Request

    Reader = Callable[[Request], list[xr.DataArray]]
    Writer = Callable[[Path, xr.DataArray], None]

__all__ = ["SUFFIXES_READ", "SUFFIXES_WRITE", "images_in", "read", "read_one", "suffix_of", "write"]

_READERS = {
    ".ome.tif": "tiff.read_tiff",
    ".ome.tiff": "tiff.read_tiff",
    ".tif": "tiff.read_tiff",
    ".tiff": "tiff.read_tiff",
    ".png": "images.read_picture",
    ".jpg": "images.read_picture",
    ".jpeg": "images.read_picture",
    ".npy": "images.read_npy",
    ".nii": "nifti.read_nifti",
    ".nii.gz": "nifti.read_nifti",
    ".scan": "iconeus.read_iconeus",
    ".mat": "matlab.read_matlab",
    ".csv": "tracks.read_csv",
    ".npz": "tracks.read_npz",
}
_WRITERS = {
    ".ome.tif": "tiff.write_tiff",
    ".ome.tiff": "tiff.write_tiff",
    ".tif": "tiff.write_tiff",
    ".tiff": "tiff.write_tiff",
    ".nii": "nifti.write_nifti",
    ".nii.gz": "nifti.write_nifti",
    ".npy": "images.write_npy",
}
SUFFIXES_READ = tuple(_READERS)
SUFFIXES_WRITE = tuple(_WRITERS)


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
        If the file is missing, damaged, cut short, or not of a kind that is read; the sentence
        names the file and what was expected.
    """
    from napari_fus_ulm.io.common import Request, read_folder, refuse_unknown, unreadable
    from napari_fus_ulm.scan import MODALITIES, ScanError

    path = Path(path)
    if modality is not None and modality not in MODALITIES:
        raise ScanError(f"The modality {modality!r} is not one of {', '.join(MODALITIES)}.")
    if path.is_dir():
        return [read_folder(path, lambda p: read_one(p, modality=modality, spacing=spacing))]
    suffix = suffix_of(path, SUFFIXES_READ)
    if suffix is None or not path.is_file():
        refuse_unknown(path, SUFFIXES_READ)
    request = Request(path=path, modality=modality, spacing=spacing)
    try:
        reader: Reader = _load(_READERS[suffix or ""])
        scans = reader(request)
    except (ScanError, MemoryError):
        raise
    except Exception as error:
        # Libraries raise anything at all on a damaged file; the user needs one sentence.
        raise unreadable(path, error) from error
    if not scans:
        raise ScanError(f"“{path.name}” holds no image.")
    return scans


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
    from napari_fus_ulm.scan import ScanError, check_scan

    path = Path(path)
    suffix = suffix_of(path, SUFFIXES_WRITE)
    if suffix is None:
        raise ScanError(
            f"“{path.name}” cannot be written; a name that ends in one of "
            f"{', '.join(SUFFIXES_WRITE)} was expected."
        )
    writer: Writer = _load(_WRITERS[suffix])
    writer(path, check_scan(scan))
    return path


def suffix_of(path: str | Path, known: Sequence[str] = SUFFIXES_READ) -> str | None:
    """Return the longest suffix of ``path`` that is in ``known``, or None."""
    name = Path(path).name.lower()
    return max((s for s in known if name.endswith(s)), key=len, default=None)


def images_in(folder: str | Path) -> list[Path]:
    """Return the files of a folder that can be read, in natural order of their names.

    Hidden files are left out: macOS puts "._slice1.tif" beside "slice1.tif" on foreign disks.
    """
    files = [
        path
        for path in Path(folder).iterdir()
        if path.is_file() and not path.name.startswith(".") and suffix_of(path) is not None
    ]

    def natural(path: Path) -> list[tuple[bool, int, str]]:
        parts = re.split(r"(\d+)", path.name)
        return [(t.isdecimal(), int(t) if t.isdecimal() else 0, t) for t in parts]

    return sorted(files, key=natural)


def _load(target: str) -> Any:
    module, name = target.split(".")
    return getattr(import_module(f"napari_fus_ulm.io.{module}"), name)
