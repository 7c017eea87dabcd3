"""The small frozen events that long work yields; the caller decides what to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

    from napari_fus_ulm.inference.enhancement import Enhancement


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` units of work are done; ``what`` names the present one."""

    done: int
    total: int
    what: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence the user should read (an assumption made, a fallback taken)."""

    message: str


@dataclass(frozen=True, slots=True)
class Preview:
    """The present estimate of one plane: grey levels in [0, 1], dims (j, i), mm coordinates."""

    image: xr.DataArray
    step: int
    steps: int
    plane: int


@dataclass(frozen=True, slots=True)
class SliceDone:
    """Plane number ``plane`` (from 0) of ``planes`` is finished."""

    plane: int
    planes: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The whole result."""

    enhancement: Enhancement


Event = Progress | Notice | Preview | SliceDone | Finished
