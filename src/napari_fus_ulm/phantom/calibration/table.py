"""The calibration table: its rows, and how it is printed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.output.tables import markdown_table
from napari_fus_ulm.phantom.calibration import statistics as st
from napari_fus_ulm.phantom.calibration.measure import Measured
from napari_fus_ulm.phantom.calibration.real import Bands, RealNumbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the calibration table.

    Attributes
    ----------
    statistic, unit : str
    real : str
        The real values, in words where it needs them.
    low, high : float
        Range that the simulated median is expected in.
    median, p5, p95 : float
        Of the simulated animals (of their patches for texture).
    inside : bool
        Whether the median lies in the range.
    note : str
        What the reader should know.
    """

    statistic: str
    unit: str
    real: str
    low: float
    high: float
    median: float
    p5: float
    p95: float
    inside: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The finished table.

    Attributes
    ----------
    rows : tuple of Row
    animals : int
        One section each.
    seconds_per_section : float
        Mean time that one section took to simulate on one core, without measuring it.
    """

    rows: tuple[Row, ...]
    animals: int
    seconds_per_section: float


@dataclass(frozen=True, slots=True)
class Line:
    """What a row is about, and the range it is compared with."""

    key: str
    statistic: str
    unit: str
    documented: str
    low: float
    high: float


TABLE = (
    Line("spearman", "Spearman, power Doppler against blurred ULM", "", "0.55–0.75", 0.55, 0.75),
    Line("background", "background's share of the mean display", "%", "about 60", 50, 72),
    Line("count_share", "ULM pixels of 10 µm with a count", "%", "rat 54", 20, 56),
    Line("count_50", "counts above 0, 50th percentile", "bubbles", "rat 4", 2.7, 9),
    Line("count_90", "counts above 0, 90th percentile", "bubbles", "rat 37", 25, 99),
    Line("count_99", "counts above 0, 99th percentile", "bubbles", "rat 283", 190, 470),
    Line("density", "skeleton length density", "mm/mm²", "2–5", 2, 5),
    Line("width_10", "apparent vessel width, 10th percentile", "µm", "21", 17, 27),
    Line("width_50", "apparent vessel width, 50th percentile", "µm", "58", 46, 72),
    Line("width_90", "apparent vessel width, 90th percentile", "µm", "145–186", 115, 190),
    Line("speed_50", "bubble speed, 50th percentile", "mm/s", "mouse 5", 3.6, 7),
    Line("speed_90", "bubble speed, 90th percentile", "mm/s", "mouse 10", 7.1, 14),
    Line("speed_99", "bubble speed, 99th percentile", "mm/s", "mouse 16", 11.4, 22.4),
)
"""Documented values of real recordings, and ranges about them and the recordings measured here.

One or two animals stand behind each: ranges are the real values' own, widened by a factor of 1.5
for counts (recordings differ in duration), 1.25 for widths and 1.4 for speeds.
"""


def table_rows(sections: Sequence[Measured], real: RealNumbers) -> tuple[Row, ...]:
    """The table of some measured sections: one row a statistic, then the texture's."""
    fus = np.concatenate([one.fus_texture for one in sections])
    ulm = np.concatenate([one.ulm_texture for one in sections])
    return (
        *(_row(line, sections, real) for line in TABLE),
        *_texture_rows("fUS", fus, real.fus_bands),
        *_texture_rows("ULM", ulm, real.ulm_bands),
    )


def _row(line: Line, sections: Sequence[Measured], real: RealNumbers) -> Row:
    p5, median, p95 = np.percentile([one.numbers[line.key] for one in sections], [5, 50, 95])
    measured = [
        f"{name.split(',')[0]} {numbers[line.key]:.3g}"
        for name, numbers in real.recordings.items()
        if line.key in numbers
    ]
    here = f"; measured: {', '.join(measured)}" if measured else ""
    return Row(
        statistic=line.statistic,
        unit=line.unit,
        real=line.documented + here,
        low=line.low,
        high=line.high,
        median=float(median),
        p5=float(p5),
        p95=float(p95),
        inside=bool(line.low <= median <= line.high),
    )


def _texture_rows(name: str, patches: npt.NDArray[np.float64], bands: Bands) -> Iterator[Row]:
    octaves = len(bands) - len(st.GREY_QUANTILES)
    for column, (low, middle, high) in enumerate(bands):
        values = patches[:, column]
        p5, median, p95 = np.percentile(values, [5, 50, 95])
        if column < octaves:
            of = f"power at {st.BANDS[column]:.2g}–{st.BANDS[column + 1]:.2g} cycles/mm"
            unit = "log10 (white noise 0)"
        else:
            of = f"{st.GREY_QUANTILES[column - octaves]} % quantile of grey"
            unit = "grey, 0–1"
        share = 100.0 * float(((values >= low) & (values <= high)).mean())
        yield Row(
            statistic=f"{name} patches: {of}",
            unit=unit,
            real=f"median {_number(middle)}",
            low=low,
            high=high,
            median=float(median),
            p5=float(p5),
            p95=float(p95),
            inside=bool(low <= median <= high),
            note=f"{share:.0f} % of {len(values)} patches",
        )


def as_markdown(calibrated: Calibrated, real: RealNumbers) -> str:
    """The table in Markdown, and a sentence for every row that falls outside."""
    lines = [
        f"{calibrated.animals} simulated animals, one section each "
        f"({calibrated.seconds_per_section:.1f} s a section on one core). Texture: patches of "
        f"128 × 128 pixels of 20 µm, {real.fus_patches} of real power Doppler and "
        f"{real.ulm_patches} of real ULM; expected is their 5–95 % range. Few animals stand behind "
        "the real values: the ranges are guides.",
        "",
        markdown_table(HEAD, map(_cells, calibrated.rows), align="lllrrrl"),
    ]
    outside = [row for row in calibrated.rows if not row.inside]
    lines += ["", "Every median is inside its range." if not outside else "Outside:"]
    for row in outside:
        way = "below" if row.median < row.low else "above"
        bound = row.low if row.median < row.low else row.high
        lines.append(
            f"- {row.statistic}: {_number(row.median)} {row.unit}".rstrip()
            + f", {way} {_number(bound)}."
        )
    return "\n".join(lines) + "\n"


HEAD = ("statistic", "unit", "real", "expected", "simulated median", "5–95 %", "inside")


def _cells(row: Row) -> list[str]:
    verdict = ("yes" if row.inside else "**no**") + (f", {row.note}" if row.note else "")
    expected, spread = _span(row.low, row.high), _span(row.p5, row.p95)
    return [row.statistic, row.unit, row.real, expected, _number(row.median), spread, verdict]


def _span(low: float, high: float) -> str:
    return f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    """Three digits that count, without an exponent."""
    text = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return "0" if float(text) == 0 or abs(value) < 5e-4 else text.replace("-", "−")
