"""Variables of MATLAB files of version 7.3, and of HDF5 files of that name from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from napari_fus_ulm.io.hdf5 import member, numbers_of
from napari_fus_ulm.io.mat_binary import dense, squeezed

_DEEPEST = 32
_NONE = np.empty(0)
"""What an empty sparse matrix does not store."""


def read_version_73(path: Path) -> dict[str, Any]:
    """Return the variables of a file; their kinds are those of `mat_binary.read_version_5`.

    Where nothing says that MATLAB wrote the arrays, their last two axes are depth and lateral, and
    they are given as MATLAB would have them: depth and lateral first.
    """
    with h5py.File(path, "r") as file:
        items = {name: member(path, file, name) for name in file if not name.startswith("#")}
        found = [item for item in items.values() if item is not None]
        by_matlab = any("MATLAB_class" in item.attrs for item in found)
        reader = _Reader(path, file, by_matlab)
        return {name: reader.value(item, 0) for name, item in items.items()}


@dataclass(slots=True)
class _Reader:
    """Values by their place in the file, so that what is referred to twice is read once."""

    path: Path
    file: h5py.File
    by_matlab: bool
    known: dict[int, Any] = field(default_factory=dict)

    def value(self, item: Any, depth: int) -> Any:
        """Return the value of a group or data set; None where it is none that MATLAB has."""
        if not isinstance(item, h5py.Group | h5py.Dataset):
            return None
        address = h5py.h5o.get_info(item.id).addr
        if address not in self.known:
            if depth > _DEEPEST:
                raise ValueError(f"structures deeper than {_DEEPEST}")
            self.known[address] = None  # what refers to itself ends here
            known = self._group(item, depth) if isinstance(item, h5py.Group) else None
            self.known[address] = known if known is not None else self._data(item, depth)
        return self.known[address]

    def _group(self, item: h5py.Group, depth: int) -> Any:
        if "MATLAB_sparse" in item.attrs:
            rows, ends, values = (
                numbers_of(self.path, member(self.path, item, name)) if name in item else _NONE
                for name in ("ir", "jc", "data")
            )
            shape = [int(item.attrs["MATLAB_sparse"]), ends.size - 1]
            return dense(self.path, shape, rows, ends, _plain(values))
        return {name: self.value(member(self.path, item, name), depth + 1) for name in item}

    def _data(self, item: Any, depth: int) -> Any:
        if not isinstance(item, h5py.Dataset):
            return None
        kind = item.attrs.get("MATLAB_class", b"")
        kind = kind.decode("ascii", "replace") if isinstance(kind, bytes) else str(kind)
        if "MATLAB_empty" in item.attrs:
            return "" if kind == "char" else np.empty(0)
        objects = "MATLAB_object_decode" in item.attrs and kind != "cell"
        if objects or kind in ("string", "function_handle", "table", "FileWrapper__"):
            return None
        if h5py.check_ref_dtype(item.dtype) is h5py.Reference:
            return [
                self.value(self.file[reference], depth + 1) if reference else None
                for reference in numbers_of(self.path, item).T.reshape(-1, order="F")
            ]
        if item.dtype.kind not in "biufV" or item.dtype.subdtype is not None:
            return None
        values = _plain(numbers_of(self.path, item))
        if values.dtype.kind not in "biufc":
            return None
        if not self.by_matlab:
            last = [values.ndim - 2, values.ndim - 1, *range(values.ndim - 3, -1, -1)]
            return squeezed(values.transpose(last) if values.ndim > 2 else values)
        values = values.T
        if kind == "char":
            rows = ["".join(map(chr, row)) for row in np.atleast_2d(values).tolist()]
            return rows[0] if len(rows) == 1 else rows
        return squeezed(values.astype(bool) if kind == "logical" else values)


def _plain(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return complex numbers as such; MATLAB stores them as pairs."""
    if values.dtype.names == ("real", "imag"):
        return np.asarray(values["real"] + 1j * values["imag"])
    return values
