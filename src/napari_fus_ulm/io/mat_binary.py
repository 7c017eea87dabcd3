"""Variables of MATLAB files of versions 4 and 5, every number of the file checked before use.

SciPy's compiled reader ends the process on some damaged files; here the worst is an exception.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.affordable import check_affordable

_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8",
           13: "u8", 16: "u1", 17: "u2", 18: "u4"}  # fmt: skip
"""How the numbers of an element are stored; the last three are characters."""
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE, _FUNCTION, _OPAQUE = 1, 2, 3, 4, 5, 16, 17
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8",
            15: "u8"}  # fmt: skip
"""What the numbers are in MATLAB, which stores them smaller where nothing is lost."""
_COMPLEX, _LOGICAL = 0x0800, 0x0200
_UTF = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_DEEPEST, _MOST_AXES = 32, 16
_V4_NUMBERS = ("f8", "f4", "i4", "i2", "u2", "u1")


class Damaged(ValueError):
    """The file contradicts itself; the caller names it."""


def read_version_5(path: Path) -> dict[str, Any]:
    """Return the variables of a file of version 5 to 7.

    Numbers are arrays without axes of one, or a single number; text is str, a structure a dict
    (of lists where it has several elements), a cell a list; None stands for functions and objects.
    """
    variables: dict[str, Any] = {}
    with path.open("rb") as file:
        head = file.read(128)
        order = "<" if head[126:128] == b"IM" else ">"
        left = path.stat().st_size - 128
        while left >= 8:
            kind, size = struct.unpack(f"{order}2I", file.read(8))
            left -= 8
            if size > left:
                raise Damaged(f"a variable of {size} bytes, of which {max(left, 0)} are there")
            content = file.read(size)
            left -= size
            if kind == _COMPRESSED:
                kind, content = _inflated(path, content, order)
            if kind == _MATRIX:
                name, value = _Elements(path, content, order).variable(0)
                if name:  # what functions and objects need has none
                    variables[name] = value
            elif kind not in _STORED:
                raise Damaged(f"an element of the unknown type {kind}")
    return variables


def _inflated(path: Path, content: bytes, order: str) -> tuple[int, bytes]:
    """Decompress a variable, no further than it says it goes."""
    stream = zlib.decompressobj()
    start = stream.decompress(content, 8)
    if len(start) < 8:
        raise Damaged("a compressed variable without content")
    kind, size = struct.unpack(f"{order}2I", start)
    check_affordable(path, (size,), np.uint8)
    inner = stream.decompress(stream.unconsumed_tail, size) if size else b""
    if len(inner) < size:
        raise Damaged(f"a compressed variable of {size} bytes, of which {len(inner)} are there")
    return kind, inner


@dataclass(slots=True)
class _Elements:
    """The elements of a variable, one after the other."""

    path: Path
    content: bytes
    order: str
    at: int = 0

    def element(self) -> tuple[int, memoryview]:
        """Return the type and the bytes of the next element."""
        if self.at + 8 > len(self.content):
            raise Damaged("an element is missing")
        first, size = struct.unpack_from(f"{self.order}2I", self.content, self.at)
        if first >> 16:  # a small element holds up to four bytes in its tag
            kind, size, start = first & 0xFFFF, first >> 16, self.at + 4
            self.at += 8
            if size > 4:
                raise Damaged(f"a small element of {size} bytes")
        else:
            kind, start = first, self.at + 8
            self.at = start + size + (-size) % 8
        if start + size > len(self.content):
            raise Damaged(f"an element of {size} bytes goes beyond its variable")
        return kind, memoryview(self.content)[start : start + size]

    def numbers(self) -> npt.NDArray[Any]:
        """Return the numbers of the next element."""
        kind, content = self.element()
        if kind not in _STORED:
            raise Damaged(f"numbers of the unknown type {kind}")
        dtype = np.dtype(self.order + _STORED[kind])
        if len(content) % dtype.itemsize:
            raise Damaged("a number is cut off")
        return np.frombuffer(content, dtype)

    def text(self) -> str:
        """Return the name in the next element."""
        return bytes(self.numbers().tobytes()).rstrip(b"\0").decode("latin-1")

    def matrix(self, depth: int) -> Any:
        """Return the value of the next element, which is a variable without a name."""
        kind, content = self.element()
        if kind != _MATRIX:
            raise Damaged(f"a value of the unknown type {kind}")
        if not len(content):
            return np.empty(0)
        return _Elements(self.path, bytes(content), self.order).variable(depth)[1]

    def variable(self, depth: int) -> tuple[str, Any]:
        """Return the name and the value of a variable whose elements these are."""
        if depth > _DEEPEST:
            raise Damaged(f"structures deeper than {_DEEPEST}")
        flags = self.numbers()
        if flags.size < 2:
            raise Damaged("flags are missing")
        kind, marks = int(flags[0]) & 0xFF, int(flags[0])
        if kind == _OPAQUE:
            return self.text(), None
        shape = [int(size) for size in self.numbers()]
        if not 2 <= len(shape) <= _MOST_AXES or min(shape) < 0:
            raise Damaged(f"a shape of {len(shape)} axes")
        name = self.text()
        count = math.prod(shape)
        if kind == _FUNCTION:
            return name, None
        if kind == _CELL:
            return name, [self.matrix(depth + 1) for _ in self._each(count)]
        if kind in (_STRUCT, _OBJECT):
            return name, self._structure(count, depth, named=kind == _OBJECT)
        if kind == _CHAR:
            return name, self._characters(shape)
        if kind == _SPARSE:
            return name, self._sparse(shape, complex_=bool(marks & _COMPLEX))
        if kind not in _CLASSES:
            raise Damaged(f"a variable of the unknown kind {kind}")
        values = self._values(count, _CLASSES[kind])
        if marks & _COMPLEX:
            values = values + 1j * self._values(count, _CLASSES[kind])
        if marks & _LOGICAL:
            values = values.astype(bool)
        return name, squeezed(values.reshape(shape, order="F"))

    def _each(self, count: int) -> range:
        # Every value has a tag of eight bytes, so no more than this can follow.
        if count > (len(self.content) - self.at) // 8:
            raise Damaged(f"{count} values, more than the file has room for")
        return range(count)

    def _values(self, count: int, dtype: str) -> npt.NDArray[Any]:
        numbers = self.numbers()
        if numbers.size != count:
            raise Damaged(f"{numbers.size} numbers where {count} were declared")
        check_affordable(self.path, (count,), dtype)
        with np.errstate(invalid="ignore"):
            return numbers.astype(dtype)

    def _structure(self, count: int, depth: int, *, named: bool) -> dict[str, Any]:
        if named:
            self.text()
        length = self.numbers()
        width = int(length[0]) if length.size else 0
        names = self.numbers().tobytes()
        if width < 1 or len(names) % width:
            raise Damaged("names of fields are cut off")
        fields = [
            names[at : at + width].split(b"\0")[0].decode("latin-1")
            for at in range(0, len(names), width)
        ]
        self._each(count * len(fields))
        rows = [{field: self.matrix(depth + 1) for field in fields} for _ in range(count)]
        return rows[0] if count == 1 else {field: [row[field] for row in rows] for field in fields}

    def _characters(self, shape: list[int]) -> Any:
        kind, content = self.element()
        text = bytes(content).decode(_spelling(kind, self.order), "replace")
        rows, columns = shape[0], math.prod(shape[1:])
        if rows == 1 or not rows * columns:
            return text
        return [text[row::rows][:columns] for row in range(min(rows, len(text)))]

    def _sparse(self, shape: list[int], *, complex_: bool) -> Any:
        rows, ends, values = self.numbers(), self.numbers(), self.numbers()
        if complex_:
            values = values + 1j * self.numbers()
        return dense(self.path, shape, rows, ends, values)


def _spelling(kind: int, order: str) -> str:
    code = _UTF.get(kind)
    if code is None:
        raise Damaged(f"characters of the unknown type {kind}")
    return code if code in ("latin-1", "utf-8") else f"{code}-{'le' if order == '<' else 'be'}"


def dense(
    path: Path,
    shape: list[int],
    rows: npt.NDArray[Any],
    ends: npt.NDArray[Any],
    values: npt.NDArray[Any],
) -> Any:
    """Fill a sparse matrix in: row of every value, and where each column begins and ends."""
    check_affordable(path, shape, values.dtype)
    rows, starts = rows.astype(np.int64), ends.astype(np.int64)
    if len(shape) != 2 or starts.size != shape[1] + 1 or starts[0] != 0:
        raise Damaged("a sparse matrix whose columns do not fit")
    lengths, count = np.diff(starts), int(starts[-1])
    if (lengths < 0).any() or count > min(rows.size, values.size):
        raise Damaged("a sparse matrix whose columns do not fit")
    rows = rows[:count]
    if count and not 0 <= rows.min() <= rows.max() < shape[0]:
        raise Damaged("a sparse matrix with a value outside it")
    out = np.zeros(shape, values.dtype)
    out[rows, np.repeat(np.arange(shape[1]), lengths)] = values[:count]
    return squeezed(out)


def squeezed(values: npt.NDArray[Any]) -> Any:
    """Leave out axes of one; a single number becomes one of Python's.

    The third of four axes stays: (depth, lateral, 1, time) says what the fourth is.
    """
    if values.size == 1:
        return values.reshape(-1)[0].item()
    film = values.ndim == 4 and values.shape[2] == 1 and 1 not in values.shape[:2]
    kept = values if film and values.shape[3] > 1 else values.squeeze()
    return kept.astype(values.dtype.newbyteorder("="), copy=False)


def read_version_4(path: Path) -> dict[str, Any]:
    """Return the variables of a file of version 4, which holds matrices of numbers and text."""
    variables: dict[str, Any] = {}
    content = path.read_bytes()
    at = 0
    while at < len(content):
        name, value, at = _version_4_variable(path, content, at)
        variables[name] = value
    if not variables:
        raise Damaged("no variable")
    return variables


def _version_4_variable(path: Path, content: bytes, at: int) -> tuple[str, Any, int]:
    if at + 20 > len(content):
        raise Damaged("a header is cut off")
    for order in "<>":
        code, rows, columns, imaginary, length = struct.unpack_from(f"{order}5i", content, at)
        if 0 <= code < 5000 and code // 1000 == (0 if order == "<" else 1):
            break
    else:
        raise Damaged("no variable of MATLAB's version 4")
    number, kind = code // 10 % 10, code % 10
    if number >= len(_V4_NUMBERS) or kind > 2 or code // 100 % 10 or min(rows, columns) < 0:
        raise Damaged("no variable of MATLAB's version 4")
    dtype = np.dtype(order + _V4_NUMBERS[number])
    check_affordable(path, (rows, columns), dtype)
    count, start = rows * columns, at + 20 + length
    parts = 2 if imaginary else 1
    end = start + parts * count * dtype.itemsize
    if not 0 < length <= 256 or end > len(content):
        raise Damaged(f"a variable of {rows} × {columns} numbers goes beyond the file")
    name = content[at + 20 : start].rstrip(b"\0").decode("latin-1")
    numbers = np.frombuffer(content, dtype, parts * count, start)
    values = numbers[:count] + 1j * numbers[count:] if imaginary else numbers
    matrix = values.reshape((rows, columns), order="F")
    if kind == 1:
        with np.errstate(invalid="ignore"):
            codes = matrix.astype(np.uint8)
        return name, "".join(map(chr, codes.ravel().tolist())), end
    return name, (None if kind == 2 else squeezed(matrix)), end


def binary_version(path: Path) -> int:
    """Return 4 or 5, the version of a file that is no HDF5.

    Raises
    ------
    ScanError
        If it is neither; the sentence says what it looks like.
    """
    with path.open("rb") as file:
        head = file.read(128)
    if head[126:128] in (b"IM", b"MI"):
        return 5
    if b"Octave" in head[:64] or head.startswith((b"# name:", b"# Created by")):
        raise ScanError(
            f"“{path.name}” is in Octave's own format; MATLAB's was expected: save it by "
            "save('-v7', …)."
        )
    if head[:4].isascii() and head[:4].decode().isprintable():
        raise ScanError(f"“{path.name}” is no MATLAB file; one of version 4 to 7.3 was expected.")
    return 4
