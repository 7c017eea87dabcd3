"""Files to scans and back; one module per family of formats.

Nothing heavy is imported before a file is read or written, so that napari can ask for a reader
in no time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_fus_ulm.io.formats import (
    SUFFIXES_READ,
    SUFFIXES_WRITE,
    images_in,
    stem_of,
    suffix_of,
)

if TYPE_CHECKING:
    from napari_fus_ulm.io.files import read, read_one, write

__all__ = [
    "SUFFIXES_READ",
    "SUFFIXES_WRITE",
    "images_in",
    "read",
    "read_one",
    "stem_of",
    "suffix_of",
    "write",
]


def __getattr__(name: str) -> Any:
    if name not in ("read", "read_one", "write"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("napari_fus_ulm.io.files"), name)
