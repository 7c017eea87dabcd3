"""The picture of a run: how its losses fall, on what it learns from and on what it does not."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.errors import TrainingError
from napari_fus_ulm.io.own_json import read_object
from napari_fus_ulm.output.figures import blank_figure, save_figure
from napari_fus_ulm.training import validation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOSSES = "losses.csv"
FILE = "curves.png"
MOST_IN_A_ROW = 3
PANEL_MM = (106.68, 76.2)
BLOCKS, LEAST_STEPS = 100, 5
"""The smooth line shows medians of at most ``BLOCKS`` blocks of ``LEAST_STEPS`` steps or more."""
LOG_FALL = 5.0
"""A loss that was this many times its median gets a logarithmic axis."""
RAW, SMOOTH, JUDGED = "0.8", "tab:blue", "tab:orange"

Curve = npt.NDArray[np.float64]
Curves = dict[str, Curve]


def curves_picture(folder: Path) -> Path | None:
    """Draw ``curves.png`` of a run's folder from ``losses.csv`` and ``validation.csv``.

    One panel for the loss and one for each of its parts: every step faint, medians of blocks of
    steps as a line, validations as points and the best of them as a star.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Path or None
        The picture; None where no step is recorded yet.
    """
    trained, judged = read_curves(folder / LOSSES), read_curves(folder / validation.FILE)
    if not trained:
        return None
    figure = _figure(trained, judged, _batch(folder))
    return save_figure(folder / FILE, figure, dpi=100)


def read_curves(path: Path) -> Curves:
    """Columns of a table of losses by name, ``step`` among them; empty where there is none.

    A line that was cut off when its process was killed is skipped.

    Raises
    ------
    TrainingError
        If it is no table.
    """
    if not path.exists():
        return {}
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            names, *lines = list(csv.reader(file)) or [[]]
    except csv.Error as error:
        raise TrainingError(
            f"{path} is not the table of a run; restore it, or delete it."
        ) from error
    rows = [row for line in lines if len(row := _numbers(line)) == len(names)]
    return dict(zip(names, np.array(rows).T, strict=True)) if rows else {}


def _numbers(line: list[str]) -> list[float]:
    try:
        return [float(cell) for cell in line]
    except ValueError:
        return []


def block_medians(values: Curve) -> Curve:
    """Medians of successive blocks of values."""
    count = max(1, min(BLOCKS, len(values) // LEAST_STEPS))
    return np.array([np.median(block) for block in np.array_split(values, count)])


def falls_far(values: Curve) -> bool:
    """Whether positive values begin so high that an even axis would flatten the rest."""
    return bool(values.min() > 0.0 and values.max() > LOG_FALL * np.median(values))


def _batch(folder: Path) -> int | None:
    """Patches a step, by the run's settings."""
    path = folder / "settings.json"
    return int(read_object(path)["batch"]) if path.exists() else None


def _figure(trained: Curves, judged: Curves, batch: int | None) -> Figure:
    names = [name for name in trained if name != "step"]
    rows = -(-len(names) // MOST_IN_A_ROW)
    columns = -(-len(names) // rows)
    figure = blank_figure(PANEL_MM[0] * columns, PANEL_MM[1] * rows, layout="constrained")
    for number, name in enumerate(names, start=1):
        axes = figure.add_subplot(rows, columns, number)
        _draw(axes, name, trained, judged)
        if batch is not None:
            top = axes.secondary_xaxis("top", functions=(_times(batch), _times(1.0 / batch)))
            top.set_xlabel("patches seen")
    figure.axes[0].legend(fontsize="small")
    return figure


def _times(factor: float):  # type: ignore[no-untyped-def]  # of arrays and of numbers
    return lambda x: x * factor


def _draw(axes: Axes, name: str, trained: Curves, judged: Curves) -> None:
    """One panel: a loss in training and, where it was judged, in validation."""
    steps, values = trained["step"], trained[name]
    axes.plot(steps, values, color=RAW, linewidth=0.5, label="every step")
    medians = block_medians(values)
    axes.plot(block_medians(steps), medians, color=SMOOTH, label="training, median")
    shown = values
    # Terms of the critic are 0 in validation, which has none.
    if name in judged and judged[name].any():
        judged_steps, losses = judged["step"], judged[name]
        axes.plot(judged_steps, losses, "o", color=JUDGED, markersize=3, label="validation")
        best = int(np.argmin(judged["loss"]))
        axes.plot(judged_steps[best], losses[best], "*", color=JUDGED, markersize=12, label="best")
        shown = np.concatenate([values, losses])
    if falls_far(shown):
        axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel(name)
    axes.grid(alpha=0.3)
