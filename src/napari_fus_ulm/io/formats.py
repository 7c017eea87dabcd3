"""Which formats are read and written, by the suffix; nothing heavy is imported here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from napari_fus_ulm.errors import ScanError

READERS = {
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
    ".hdr": "nifti.read_nifti",
    ".scan": "iconeus.read_iconeus",
    ".mat": "matlab.read_matlab",
    ".csv": "track_table.read_csv",
    ".tsv": "track_table.read_csv",
    ".npz": "tracks.read_npz",
}
"""Module and function that read a file, by its suffix."""
WRITERS = {
    ".ome.tif": "tiff.write_tiff",
    ".ome.tiff": "tiff.write_tiff",
    ".tif": "tiff.write_tiff",
    ".tiff": "tiff.write_tiff",
    ".nii": "nifti.write_nifti",
    ".nii.gz": "nifti.write_nifti",
    ".npy": "images.write_npy",
}
"""The same for writing."""
SUFFIXES_READ = tuple(READERS)
SUFFIXES_WRITE = tuple(WRITERS)


def suffix_of(path: str | Path, known: Sequence[str] = SUFFIXES_READ) -> str | None:
    """Return the longest suffix of ``path`` that is in ``known``, or None."""
    name = Path(path).name.lower()
    return max((s for s in known if name.endswith(s)), key=len, default=None)


def stem_of(path: Path) -> str:
    """Return a file's name without its (possibly double) suffix."""
    return re.sub(r"(\.ome\.tiff?|\.nii\.gz|\.[a-z]+)$", "", path.name, flags=re.IGNORECASE)


def images_in(folder: str | Path) -> list[Path]:
    """Return the files of a folder that can be read, in natural order of their names.

    Hidden files are left out: macOS puts "._slice1.tif" beside "slice1.tif" on foreign disks.
    """
    try:
        inside = list(Path(folder).iterdir())
    except OSError as error:
        why = error.strerror or error
        raise ScanError(f"The folder “{Path(folder).name}” could not be read: {why}.") from error
    files = [
        path
        for path in inside
        if path.is_file()
        and not path.name.startswith(".")
        and suffix_of(path) not in (None, ".tsv")  # in a folder those are BIDS' own tables
    ]

    def natural(path: Path) -> list[tuple[bool, int, str]]:
        parts = re.split(r"(\d+)", path.name)
        return [(t.isdecimal(), int(t) if t.isdecimal() else 0, t) for t in parts]

    return sorted(files, key=natural)
