"""The pairs of a folder: looked at, and brought onto one field."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_fus_ulm.cohort.suggest import How, Repaired


def repair_run(folder: Path, how: How = "shift", *, apply: bool = False) -> Iterator[Repaired]:
    """Look at every pair, and store the corrections that convince where that is wanted.

    See :func:`napari_fus_ulm.cohort.suggest.repair_cohort`.
    """
    from napari_fus_ulm.cohort.suggest import repair_cohort

    return repair_cohort(folder, how, apply=apply)


def leave_out(folder: Path, name: str, reason: str | None) -> None:
    """Use a pair no longer, or again: see :func:`napari_fus_ulm.cohort.table.leave_out`."""
    from napari_fus_ulm.cohort import table

    table.leave_out(folder, name, reason)
