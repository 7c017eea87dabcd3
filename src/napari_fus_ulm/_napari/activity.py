"""What the viewer shows of work in a dock: a line in its activity list, and a note at the end."""

from __future__ import annotations

import time
from typing import Any

from napari_fus_ulm._napari.run import CANCELLED, FAILED
from napari_fus_ulm.inference.events import Progress

LONG_S = 30.0
"""Work that took longer ends with a note: nobody has watched it."""


class Activity:
    """The line of one run.

    Parameters
    ----------
    name : str
        Of the work.
    """

    def __init__(self, name: str) -> None:
        from napari.utils import progress

        self._name, self._begun = name, time.monotonic()
        self._line: Any = progress(total=0, desc=name)

    def follow(self, event: object) -> None:
        """Show how far it is."""
        if not isinstance(event, Progress):
            return
        line = self._line
        if event.total and event.total != line.total:
            line.total = event.total
        if event.total:
            line.update(event.done - line.n)
        if event.what:
            line.set_description(f"{self._name}: {event.what}")

    def end(self, outcome: str, error: str = "") -> None:
        """Close the line; after long work say how it ended."""
        self._line.close()
        seconds = time.monotonic() - self._begun
        if seconds >= LONG_S and outcome != CANCELLED:
            from napari.utils.notifications import show_info, show_warning

            took = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
            if outcome == FAILED:
                show_warning(f"{self._name} failed after {took}: {error}")
            else:
                show_info(f"{self._name}: done in {took}.")
