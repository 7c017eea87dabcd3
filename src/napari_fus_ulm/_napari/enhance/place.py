"""How far the ULM lies beside its fUS, looked for in a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fus_ulm.tasks.failures import failure_of
from napari_fus_ulm.tasks.laying import lies_beside

if TYPE_CHECKING:
    from napari_fus_ulm._napari.picker.picked import Picked
    from napari_fus_ulm.tasks.laying import Beside


def look_beside(key: object, both: tuple[Picked, Picked]) -> tuple[object, Beside | None]:
    """Read fUS and ULM and compare them; None where that cannot be done."""
    fus, ulm = both
    try:
        return key, lies_beside(fus.take(), ulm.take())
    except Exception as error:  # a run says it in its own sentence
        failure_of(error)
        return key, None
