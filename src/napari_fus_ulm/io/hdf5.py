"""HDF5 files of others: what they declare is checked, and what points elsewhere is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.affordable import check_affordable

_A_FEW_NUMBERS = 4096
"""Bytes up to which it is no fault to write nothing: the default may have been meant."""


def member(path: Path, group: h5py.Group, name: str) -> Any:
    """Return what a group holds by this name; None where it is only a name for something else.

    Raises
    ------
    ScanError
        If it is in another file.
    """
    link = group.get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        raise ScanError(
            f"“{path.name}” points to another file, “{link.filename}”, which is not followed; open "
            "that file itself."
        )
    return group.get(name) if isinstance(link, h5py.HardLink) else None


def check_content(path: Path, file: h5py.File) -> None:
    """Check all that a file holds, before a library that checks nothing reads it.

    Raises
    ------
    ScanError
        As `member` and `check_data`.
    """
    seen: set[int] = set()
    groups: list[h5py.Group] = [file]
    while groups:
        group = groups.pop()
        for name in group:
            item = member(path, group, name)
            if isinstance(item, h5py.Dataset):
                check_data(path, item)
            elif isinstance(item, h5py.Group):
                address = h5py.h5o.get_info(item.id).addr
                if address not in seen:  # a group may be inside itself
                    seen.add(address)
                    groups.append(item)


def numbers_of(path: Path, data: Any) -> npt.NDArray[Any]:
    """Return the content of a data set, once it is checked (see `check_data`)."""
    if not isinstance(data, h5py.Dataset):
        raise ScanError(f"“{path.name}” is damaged: numbers were expected where there are none.")
    check_data(path, data)
    return np.asarray(data[()])


def check_data(path: Path, data: h5py.Dataset) -> None:
    """Check that the content of a data set is in the file and affordable.

    Raises
    ------
    ScanError
        If it is stored elsewhere, was never written, or is larger than memory.
    """
    if data.external or data.is_virtual:
        raise ScanError(
            f"“{path.name}” keeps “{_name(data)}” in another file, which is not opened; copy the "
            "numbers into the file."
        )
    shape = tuple(data.shape or ())
    check_affordable(path, shape, data.dtype)
    size = math.prod(shape) * data.dtype.itemsize
    if size > _A_FEW_NUMBERS and not data.id.get_storage_size():
        raise ScanError(
            f"“{path.name}” declares “{_name(data)}” ({' × '.join(map(str, shape))}), but "
            "nothing was written into it; save the file anew."
        )


def _name(data: h5py.Dataset) -> str:
    return str(data.name or "data").lstrip("/")  # slow: the file is searched for it
