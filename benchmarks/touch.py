"""How the docks answer: the time that a click takes, and for how long the event loop stands still.

    xvfb-run -a -s "-screen 0 1600x1200x24" python benchmarks/touch.py
    … python benchmarks/touch.py --only enhance --where 50     # lines in which gaps are spent

Each scene runs in a fresh process with a real viewer. A timer notes when the event loop comes
round; a thread looks at the stack of the viewer's thread meanwhile. The time of a gap belongs to
whose code is innermost: *ours*, or *napari's* (with vispy, which draws); to *a thread of ours*
where the viewer only waits while one runs (it holds Python's lock, or the cores are few). On a busy
machine, the processor's time says more than the clock's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

BEAT_MS, LOOK_S = 1, 0.004
OURS, NAPARI, THREAD, QT = "ours", "napari", "thread", "qt"
WORTH_S = 0.02
"""Gaps below are a screen's own pace."""
PATIENCE_S = 300.0
IDLE_S = 10.0
COLUMNS = ("gap", NAPARI, THREAD, OURS, "processor")


@dataclass
class Gap:
    """A time in which the event loop did not come round."""

    seconds: float
    processor: float
    owners: dict[str, float] = field(default_factory=dict)
    where: str = ""


class Heart:
    """Notes the gaps of the event loop, and who causes them."""

    def __init__(self) -> None:
        from qtpy.QtCore import QEventLoop, Qt, QTimer

        self._loop, self._beat = QEventLoop(), QTimer()
        self._beat.setTimerType(Qt.TimerType.PreciseTimer)
        self._beat.timeout.connect(self._on_beat)
        self._until: Callable[[], bool] = lambda: True
        self._looks: list[tuple[float, str, str]] = []
        self.gaps: list[Gap] = []
        self._last = self._begun = self._used = 0.0
        self._me, self._over = threading.get_ident(), threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def live(self, until: Callable[[], bool]) -> None:
        """Let the viewer live until a condition holds."""
        self._until, self._begun = until, time.perf_counter()
        self._last, self._used = self._begun, time.thread_time()
        self._looks.clear()
        self._beat.start(BEAT_MS)
        self._loop.exec()
        self._beat.stop()

    def rest(self, seconds: float) -> None:
        """Let it live for a time."""
        end = time.perf_counter() + seconds
        self.live(lambda: time.perf_counter() > end)

    def _on_beat(self) -> None:
        now = time.perf_counter()
        if now - self._last > WORTH_S:
            self.gaps.append(self._gap(self._last, now, time.thread_time() - self._used))
        self._looks.clear()
        if self._until():
            self._loop.quit()
        elif now - self._begun > PATIENCE_S:
            raise TimeoutError("The viewer did not get there in time.")
        self._last, self._used = time.perf_counter(), time.thread_time()

    def _gap(self, begin: float, end: float, processor: float) -> Gap:
        looks = [one for one in list(self._looks) if begin <= one[0] <= end]
        owners = Counter(owner for _, owner, _ in looks)
        share = {owner: (end - begin) * n / len(looks) for owner, n in owners.items()}
        own = Counter(place for _, owner, place in looks if owner in (OURS, THREAD))
        most = own.most_common(1)
        return Gap(end - begin, processor, share, most[0][0] if most else "")

    def _look(self) -> None:
        while not self._over.wait(LOOK_S):
            frames = sys._current_frames()
            owner, place = owner_of(frames[self._me])
            if owner == QT:
                for thread, frame in frames.items():
                    if thread != self._me and (found := owner_of(frame))[0] == OURS:
                        owner, place = THREAD, found[1]
            self._looks.append((time.perf_counter(), owner, place))
            frames = frame = None  # or they would keep what the viewer has done with


def owner_of(frame: Any) -> tuple[str, str]:
    """Whose code is innermost in a stack, and our line in it."""
    owner, place = QT, ""
    while frame is not None:
        file = frame.f_code.co_filename
        if "napari_fus_ulm" in file:
            waits = frame.f_code.co_name == "wait"
            place = f"{file.split('napari_fus_ulm/')[-1]}:{frame.f_lineno}"
            return (OURS if owner == QT and not waits else owner), place
        if owner == QT and any(f"/{name}/" in file for name in ("napari", "vispy", "npe2")):
            owner = NAPARI
        frame = frame.f_back
    return owner, place


class Scene:
    """A viewer, and what is measured in it."""

    def __init__(self) -> None:
        import napari

        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(1440, 900)
        self.heart = Heart()
        self.rows: list[dict[str, Any]] = []
        self.heart.rest(1.0)

    def dock(self, name: str) -> Any:
        """Open a dock."""
        return self.viewer.window.add_plugin_dock_widget("napari-fus-ulm", name)[1]

    def act(self, action: Callable[[], Any]) -> None:
        """Do something from within the event loop, as a click does."""
        from qtpy.QtCore import QTimer

        QTimer.singleShot(0, action)

    def click(self, button: Any) -> None:
        """Click as a user does."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        self.act(lambda: QTest.mouseClick(button, Qt.MouseButton.LeftButton))

    @contextmanager
    def measured(self, what: str) -> Iterator[None]:
        """A row of the table: what happens inside."""
        self.heart.gaps.clear()
        begin = time.perf_counter()
        yield
        seconds, gaps = time.perf_counter() - begin, list(self.heart.gaps)

        def most(*owners: str) -> float:
            return max((sum(g.owners.get(o, 0.0) for o in owners) for g in gaps), default=0.0)

        def worked(owner: str) -> float:
            shares = (g.owners.get(owner, 0.0) / g.seconds * g.processor for g in gaps)
            return max(shares, default=0.0)

        worst = sorted(gaps, key=lambda g: -(g.owners.get(OURS, 0) + g.owners.get(THREAD, 0)))
        self.rows.append(
            {
                "what": what,
                "seconds": seconds,
                "gap": max((g.seconds for g in gaps), default=0.0),
                OURS: most(OURS),
                THREAD: most(THREAD),
                NAPARI: most(NAPARI, QT),
                "processor": worked(OURS),
                "gaps": [[g.seconds, g.owners, g.where] for g in worst[:6]],
            }
        )


# ---------------------------------------------------------------- what is measured


def open_docks(scene: Scene) -> None:
    """Each dock, as the first one of a viewer."""
    for name in ("Enhance", "Compare", "Blinded review"):
        opened: list[Any] = []
        with scene.measured(f"open {name}" + ("" if scene.rows else ", the first dock")):
            scene.act(lambda name=name, opened=opened: opened.append(scene.dock(name)))
            scene.heart.live(lambda opened=opened: bool(opened) and opened[0].isVisible())
        scene.heart.rest(1.0)


def open_sample(scene: Scene) -> Any:
    """The sample pair, by the dock's button."""
    dock = scene.dock("Enhance")
    scene.heart.rest(1.0)
    with scene.measured("open the sample pair"):
        scene.click(dock.sample)
        scene.heart.live(lambda: len(scene.viewer.layers) == 2)
        scene.heart.rest(0.3)
    return dock


def first_result(scene: Scene) -> None:
    """Ten idle seconds, then the first click on Enhance; a second one."""
    dock = open_sample(scene)
    with scene.measured(f"{IDLE_S:g} idle seconds after it"):
        scene.heart.rest(IDLE_S)
    for which in ("first", "second"):
        with scene.measured(f"{which} click on Enhance to its result"):
            scene.click(dock.run.button)
            scene.heart.live(lambda: dock.runner.running)
            scene.heart.live(lambda: not dock.runner.running)
        assert not dock.notices.error, dock.notices.error


def impatient(scene: Scene) -> None:
    """The first click on Enhance right after the pair has been opened."""
    dock = open_sample(scene)
    with scene.measured("first click on Enhance at once"):
        scene.click(dock.run.button)
        scene.heart.live(lambda: dock.runner.running)
        scene.heart.live(lambda: not dock.runner.running)


def add_layers(scene: Scene) -> None:
    """Layers of several kinds, with an open dock and without one."""
    import dask.array as da

    rng = np.random.default_rng(0)
    image = rng.gamma(1.0, size=(128, 128)).astype(np.float32)
    film = rng.gamma(1.0, size=(2000, 128, 128)).astype(np.float32)

    def slow(block: Any) -> Any:
        time.sleep(0.01)  # as from a disk of its own
        return block

    lazy = da.from_array(film[:300], chunks=(1, 128, 128)).map_blocks(slow, dtype=np.float32)
    kinds = {
        "an image of 128 × 128": image,
        "a film of 2000 × 128 × 128 (131 MB)": film,
        "a lazy film of 300 × 128 × 128 (10 ms a frame)": lazy,
    }
    for docked in (False, True):
        dock = scene.dock("Enhance") if docked else None
        scene.heart.rest(2.0)
        for name, data in kinds.items():
            scale = (1.0,) * (data.ndim - 2) + (0.1, 0.1)
            with scene.measured(f"add {name}, " + ("a dock open" if docked else "no dock open")):
                scene.act(lambda d=data, s=scale: scene.viewer.add_image(d, scale=s))
                scene.heart.live(lambda: bool(scene.viewer.layers))
                if dock is not None:
                    scene.heart.live(lambda line=dock.fus.line: "128 × 128" in line.text())
                scene.heart.rest(0.5)
            if docked and data.ndim == 3:
                with scene.measured(f"20 steps of the slider through {name}"):
                    for step in range(20):
                        scene.act(lambda at=step: scene.viewer.dims.set_current_step(0, at))
                        scene.heart.rest(0.1)
            scene.viewer.layers.clear()
            scene.heart.rest(1.0)


def compare(scene: Scene) -> None:
    """The views of Compare, with three results of the sample pair."""
    from napari_fus_ulm import EnhanceSettings
    from napari_fus_ulm._napari.layers.from_scan import scan_to_layer
    from napari_fus_ulm.tasks.enhance import ENHANCE
    from napari_fus_ulm.tasks.sample import sample_pair

    pair = sample_pair()
    modes = ("accurate", "detailed")
    images = [ENHANCE(EnhanceSettings(mode=m), fus=pair.fus).enhancement.image for m in modes]
    for scan in (pair.ulm, pair.fus, *images):
        data, meta, _ = scan_to_layer(scan)
        scene.viewer.add_image(data, **meta)
    dock = scene.dock("Compare")
    scene.heart.rest(2.0)
    for view in ("grid", "curtain", "blink", "difference"):
        with scene.measured(f"Compare: {view} on"):
            scene.click(dock.views.buttons[view])
            scene.heart.rest(1.5)
        if view == "curtain":
            with scene.measured("Compare: 20 steps of the curtain"):
                for step in range(20):
                    scene.act(lambda at=step: dock.controls.slider.setValue(300 + 20 * at))
                    scene.heart.rest(0.1)
    with scene.measured("Compare: off"):
        scene.click(dock.views.buttons["off"])
        scene.heart.rest(1.5)


SCENES: dict[str, Callable[[Scene], Any]] = {
    "docks": open_docks,
    "enhance": first_result,
    "impatient": impatient,
    "layers": add_layers,
    "compare": compare,
}

# ---------------------------------------------------------------- the table


def play(name: str) -> None:
    """Play a scene in this process; print its rows as JSON."""
    from qtpy.QtCore import QSettings

    # The settings of whoever runs this stay as they are, and do not count.
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, tempfile.mkdtemp())
    scene = Scene()
    SCENES[name](scene)
    print(json.dumps(scene.rows), flush=True)
    os._exit(0)  # an open viewer asks before it goes


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SCENES, default=list(SCENES))
    parser.add_argument("--where", type=float, default=1e9, help="ms of ours that are worth a line")
    parser.add_argument("--scene", choices=SCENES, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.scene:
        play(asked.scene)
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f} at the beginning\n")
    print("| | time (s) | longest gap (ms) | napari and Qt | thread of ours | ours | processor |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name in asked.only:
        command = [sys.executable, str(Path(__file__)), "--scene", name]
        output = subprocess.run(command, capture_output=True, text=True)
        if output.returncode:
            print(f"| {name}: failed | | | | | | |\n{output.stderr[-2000:]}")
            continue
        for row in json.loads(output.stdout.strip().splitlines()[-1]):
            gaps = [f"{1000 * row[key]:.0f}" for key in COLUMNS]
            print(f"| {row['what']} | {row['seconds']:.2f} | {' | '.join(gaps)} |", flush=True)
            for seconds, owners, where in row["gaps"]:
                if 1000 * (owners.get(OURS, 0) + owners.get(THREAD, 0)) > asked.where:
                    parts = ", ".join(f"{k} {1000 * v:.0f}" for k, v in owners.items())
                    print(f"  {1000 * seconds:.0f} ms: {parts}; {where}", file=sys.stderr)


if __name__ == "__main__":
    main()
