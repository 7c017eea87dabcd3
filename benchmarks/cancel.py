"""How long a cancelled run goes on: the time from any moment to the next place where it ends.

    python benchmarks/cancel.py                    # every task once, on the sample pair
    python benchmarks/cancel.py --only support --where 0.3

A run ends after an event, or where it asks whether it is still wanted (`interruption.give_way`).
Each task is run once to its end, and the times between these places are its latencies: a click at a
random moment waits for the rest of the one it falls into. ``--where`` prints the lines in
which the longest of them were spent. Time spent importing is left out, as the tasks are
run on a warmed up process; ``--cold`` keeps it.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.interruption import interrupted_when

Events = Iterator[Any]


def tasks() -> dict[str, Callable[[], Events]]:
    """The tasks of the docks, on the sample pair."""
    from napari_fus_ulm.inference.settings import EnhanceSettings
    from napari_fus_ulm.tasks.coherence import CoherenceSettings, coherence_run
    from napari_fus_ulm.tasks.enhance import ENHANCE, enhance_run
    from napari_fus_ulm.tasks.resolution import ResolutionSettings, frc_run
    from napari_fus_ulm.tasks.sample import sample_pair
    from napari_fus_ulm.tasks.support import SupportSettings, support_run
    from napari_fus_ulm.tasks.truth import MISSED, TruthSettings

    pair = sample_pair()
    accurate = EnhanceSettings(mode="accurate")
    result = ENHANCE(accurate, fus=pair.fus).enhancement.image.squeeze(drop=True)

    def enhance(**settings: Any) -> Callable[[], Events]:
        return lambda: enhance_run(lambda: pair.fus, lambda: pair.ulm, EnhanceSettings(**settings))

    return {
        "enhance accurate": enhance(mode="accurate"),
        "enhance detailed": enhance(mode="detailed"),
        "enhance pix2pix": enhance(generator="pix2pix"),
        "enhance mhvae": enhance(generator="mhvae"),
        "coherence": lambda: coherence_run(lambda: pair.fus, CoherenceSettings()),
        "support": lambda: support_run(
            lambda: result, lambda: pair.fus, SupportSettings(samples=2)
        ),
        "missed": lambda: MISSED.run(
            {"result": lambda: result, "ulm": lambda: pair.ulm}, TruthSettings()
        ),
        "frc": lambda: frc_run(
            lambda: result, lambda: pair.ulm, lambda: pair.fus, ResolutionSettings()
        ),
    }


class Watch:
    """Notes when a run could have ended, and in between where it is."""

    def __init__(self, where: float) -> None:
        self.events: list[float] = []
        self.places: list[float] = []
        self.longest: list[tuple[float, str]] = []
        self._where, self._over = where, threading.Event()
        self._seen = ""

    def asked(self) -> bool:
        """Take the place of the question whether the run is unwanted."""
        now = time.perf_counter()
        if self.places and now - self.places[-1] > self._where:
            self.longest.append((now - self.places[-1], self._seen))
        self.places.append(now)
        self._seen = ""
        return False

    def run(self, make: Callable[[], Events]) -> None:
        """Iterate to the end."""
        me = threading.get_ident()
        threading.Thread(target=self._look, args=(me,), daemon=True).start()
        with interrupted_when(self.asked):
            self.asked()
            self.events.append(self.places[-1])
            for _ in make():
                self.asked()
                self.events.append(self.places[-1])
        self._over.set()

    def _look(self, thread: int) -> None:
        while not self._over.wait(self._where / 2):
            if self.places and time.perf_counter() - self.places[-1] > self._where / 2:
                frame = sys._current_frames().get(thread)
                ours = [one for one in traceback.extract_stack(frame) if "fus_ulm" in one.filename]
                lines = [f"{one.filename.split('fus_ulm/')[-1]}:{one.lineno}" for one in ours[-3:]]
                self._seen = " > ".join(lines)


def latencies(places: list[float], count: int = 10_000) -> npt.NDArray[np.float64]:
    """Seconds from moments spread evenly over a run to the next place where it ends."""
    moments = np.linspace(places[0], places[-1], count, endpoint=False)
    return np.asarray(places)[np.searchsorted(places, moments, side="right")] - moments


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--where", type=float, default=1.0, help="seconds worth a line")
    parser.add_argument("--cold", action="store_true", help="count the first run, with imports")
    asked = parser.parse_args()
    print("| | duration (s) | by events: p50, p99, max (s) | now: p50, p99, max (s) |")
    print("| --- | ---: | ---: | ---: |")
    every: dict[str, list[npt.NDArray[np.float64]]] = {"events": [], "places": []}
    for name, make in tasks().items():
        if asked.only and name not in asked.only:
            continue
        if not asked.cold:
            Watch(1e9).run(make)
        watch = Watch(asked.where)
        watch.run(make)
        cells = []
        for kind in every:
            places = getattr(watch, kind)
            every[kind].append(latencies(places))
            cells.append(_in_words(every[kind][-1]))
        print(f"| {name} | {watch.places[-1] - watch.places[0]:.1f} | {' | '.join(cells)} |")
        for seconds, place in sorted(watch.longest, reverse=True)[:6]:
            print(f"  {seconds:.2f} s in {place}", file=sys.stderr)
        sys.stdout.flush()
    print(f"| all | | {' | '.join(_in_words(np.concatenate(one)) for one in every.values())} |")


def _in_words(seconds: npt.NDArray[np.float64]) -> str:
    p50, p99 = np.percentile(seconds, [50, 99])
    return f"{p50:.2f}, {p99:.2f}, {seconds.max():.2f}"


if __name__ == "__main__":
    main()
