"""What a file declares against the memory there is, before anything is allocated."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.errors import ScanError

_CGROUP = Path("/sys/fs/cgroup")
"""Where Linux says what a container may use, which may be less than the machine has."""
_MOST_AXES = 16
_ALWAYS_AFFORDABLE = 1 << 20


def check_affordable(path: Path, shape: Sequence[int], dtype: npt.DTypeLike) -> None:
    """Refuse an array that a file declares and that memory cannot hold.

    Counted are the array itself and its float32 copy, of which a scan is made.

    Parameters
    ----------
    path : Path
        The file, which the sentence names.
    shape : sequence of int
        As declared; Python's integers, so that no product overflows.
    dtype : dtype-like
        As declared.

    Raises
    ------
    ScanError
        With the size that was declared and the memory that is free.
    """
    sizes = [int(size) for size in shape]
    if len(sizes) > _MOST_AXES or any(not 0 <= size <= sys.maxsize for size in sizes):
        raise ScanError(
            f"“{path.name}” declares a size that no image has; the file is damaged, save it anew."
        )
    needed = math.prod(sizes) * (np.dtype(dtype).itemsize + 4)
    # Not worth asking the machine, which takes longer than reading the cell of a table.
    if needed > _ALWAYS_AFFORDABLE and needed > (free := memory_free()):
        raise ScanError(
            f"“{path.name}” declares {' × '.join(map(str, sizes))} values of "
            f"{np.dtype(dtype)}, for which {in_words(needed)} of memory are needed; "
            f"{in_words(free)} are free. Cut out a part of the image or save fewer frames; if it "
            "is not that large, the file is damaged."
        )


def memory_free() -> int:
    """Return how many bytes of memory can still be had without swapping."""
    import psutil

    free = int(psutil.virtual_memory().available)
    with suppress(OSError, ValueError):  # "max", or no control group
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        # The cache of files counts as used, but is given back when memory is needed.
        cached = dict(
            line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines()
        ).get("inactive_file", "0")
        free = min(free, max(0, limit - used + int(cached)))
    return free


def in_words(count: float) -> str:
    """Word a number of bytes."""
    for unit in ("bytes", "kB", "MB", "GB", "TB", "PB"):
        if count < 1000 or unit == "PB":
            return f"{count:.3g} {unit}"
        count /= 1000
    raise AssertionError
