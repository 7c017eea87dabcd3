"""Phantoms against real recordings: every statistic of the two, side by side.

The real side is a handful of recordings (and numbers published of others), so its ranges are
guides, not gates. :mod:`napari_fus_ulm.phantom.statistics` says how each number is measured.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.pairs.prepare import prepare_pair
from napari_fus_ulm.phantom import statistics as st
from napari_fus_ulm.phantom.anatomy import anatomy_of
from napari_fus_ulm.phantom.pair import PhantomPair, simulate_pair
from napari_fus_ulm.phantom.params import PhantomParams
from napari_fus_ulm.phantom.real import RealNumbers, stored_numbers
from napari_fus_ulm.scan import extent_of, spacing_of

CALIBRATION_SEED = 900_000_000
"""First animal that is looked at: of the seeds kept for choices (validation)."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The statistics of one section.

    Attributes
    ----------
    seed : int
    numbers : dict of str to float
        By the keys of :data:`TABLE`.
    fus_texture, ulm_texture : (n, 9) and (n, 11) arrays
        One row a patch: the octaves, then the grey quantiles.
    seconds : float
        Time that the simulation of the section took.
    """

    seed: int
    numbers: dict[str, float]
    fus_texture: npt.NDArray[np.float64]
    ulm_texture: npt.NDArray[np.float64]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the calibration table.

    Attributes
    ----------
    statistic, unit : str
    real : str
        The real value or range, in words where it needs them.
    low, high : float
        Range that the simulated median is expected in.
    median, p5, p95 : float
        Of the simulated animals (of their patches for texture).
    inside : bool
        Whether the median lies in the range.
    note : str
        What the reader should know, such as the share of patches inside the real band.
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
class AnimalMeasured:
    """``done`` of ``total`` animals are measured."""

    done: int
    total: int
    measured: Measured


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The finished table."""

    rows: tuple[Row, ...]
    animals: int
    seconds_per_section: float


@dataclass(frozen=True, slots=True)
class Line:
    """How a row is headed, and what real value it is held against."""

    key: str
    statistic: str
    unit: str
    real: str
    low: float
    high: float
    note: str = ""


TABLE = (
    Line(
        "spearman",
        "Spearman correlation, power Doppler against blurred ULM",
        "",
        "0.55–0.75",
        0.55,
        0.75,
        "published range: one rat pair, one mouse slice",
    ),
    Line(
        "background",
        "background's share of the mean displayed power Doppler",
        "%",
        "about 60 (by this rule: rat 72, mouse 53)",
        50.0,
        72.0,
    ),
    Line(
        "count_share",
        "ULM pixels with a count, 10 µm",
        "%",
        "54 (rat, long), 21 (mouse)",
        20.0,
        56.0,
    ),
    Line("count_50", "ULM counts above 0, 50th percentile", "", "4 (rat), 6 (mouse)", 2.7, 8.0),
    Line("count_90", "ULM counts above 0, 90th percentile", "", "37 (rat), 60 (mouse)", 25.0, 90.0),
    Line(
        "count_99", "ULM counts above 0, 99th percentile", "", "283 (rat), 310 (mouse)", 190, 460
    ),
    Line("density", "skeleton length density", "mm/mm²", "2–5", 2.0, 5.0, "mouse: 4.3, 4.7"),
    Line("width_10", "apparent vessel width, 10th percentile", "µm", "21", 18.0, 30.0),
    Line("width_50", "apparent vessel width, 50th percentile", "µm", "58", 50.0, 66.0),
    Line("width_90", "apparent vessel width, 90th percentile", "µm", "145–186", 130.0, 190.0),
    Line("speed_50", "bubble speed, 50th percentile", "mm/s", "5 (mouse)", 3.5, 7.0),
    Line("speed_90", "bubble speed, 90th percentile", "mm/s", "10 (mouse)", 7.0, 14.0),
    Line("speed_99", "bubble speed, 99th percentile", "mm/s", "16 (mouse)", 11.0, 23.0),
)
"""Ranges of one animal are widened: counts by 1.5 (the recording time differs), speeds by 1.4."""


def measure_pair(pair: PhantomPair, seconds: float = 0.0) -> Measured:
    """Measure one simulated section."""
    params, power = pair.params, pair.fus.values
    counts = np.asarray(pair.ulm.values, dtype=np.float64)
    ulm_um = 1000.0 * spacing_of(pair.ulm)[-1]
    fus_mm = spacing_of(pair.fus)
    extent = tuple(1000.0 * side for side in extent_of(pair.fus))
    # The PSF widens with depth; its width at half depth stands for the image.
    growth = 1.0 + params.psf_growth_per_mm * extent[0] / 2000.0
    fwhm = (params.psf_um[0] * growth, params.psf_um[1] * growth)
    blurred = st.blurred_to_fus(counts, power.shape, ulm_um, fwhm)
    on_map = st.binned(counts, ulm_um, st.MAP_UM)
    mask = st.map_mask(on_map, st.MAP_UM)
    share = st.background_share(st.display(power), (fus_mm[0], fus_mm[1]))
    numbers = {
        "spearman": st.rank_correlation(power, blurred, brain_of(pair)),
        "background": 100.0 * share,
        "count_share": 100.0 * st.count_share(on_map),
        "density": st.length_density(mask, st.MAP_UM),
    }
    speeds = st.bubble_speed_percentiles(pair.vessels, (extent[0], extent[1]), params.ulm_slice_um)
    for name, values, of in (
        ("count", st.count_percentiles(on_map), (50, 90, 99)),
        ("width", st.width_percentiles(mask, st.MAP_UM), (10, 50, 90)),
        ("speed", speeds, (50, 90, 99)),
    ):
        numbers |= {f"{name}_{p}": float(v) for p, v in zip(of, values, strict=True)}
    ready = prepare_pair(pair.fus, pair.ulm, st.TEXTURE_UM)
    return Measured(
        pair.seed, numbers, st.fus_texture(ready.fus), st.ulm_texture(ready.ulm), seconds
    )


def brain_of(pair: PhantomPair) -> st.Mask:
    """FUS pixels under the brain's surface, which a phantom knows."""
    y, x = (1000.0 * pair.fus[axis].values for axis in ("y", "x"))
    return np.asarray(anatomy_of(pair.params).below(x[None, :], y[:, None]) > 0)


def measure_animal(seed: int, params: PhantomParams | None = None) -> Measured:
    """Simulate one animal's section and measure it."""
    begun = time.perf_counter()
    pair = simulate_pair(seed, params)
    return measure_pair(pair, time.perf_counter() - begun)


def calibrate(
    n: int = 50,
    *,
    workers: int = 2,
    seed: int = CALIBRATION_SEED,
    params: PhantomParams | None = None,
    real: RealNumbers | None = None,
) -> Iterator[AnimalMeasured | Calibrated]:
    """Measure ``n`` simulated animals and hold them against real recordings.

    Parameters
    ----------
    n : int
        Animals, one section each.
    workers : int
        Processes; the result does not depend on them.
    seed : int
        First animal.
    params : PhantomParams, optional
        Centre of the population.
    real : RealNumbers, optional
        The stored ones by default.

    Yields
    ------
    AnimalMeasured
        One an animal, then one :class:`Calibrated`.
    """
    held = real or stored_numbers()
    found: list[Measured] = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(measure_animal, seed + i, params) for i in range(n)]
        try:
            for future in waiting:
                found.append(future.result())
                yield AnimalMeasured(len(found), n, found[-1])
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    seconds = float(np.mean([one.seconds for one in found]))
    yield Calibrated(table_rows(found, held), n, seconds)


def table_rows(found: list[Measured], real: RealNumbers) -> tuple[Row, ...]:
    """The table of some measured sections: one row a statistic, then the texture's."""
    rows = []
    for line in TABLE:
        values = np.array([one.numbers[line.key] for one in found])
        p5, median, p95 = np.percentile(values, [5, 50, 95])
        inside = bool(line.low <= median <= line.high)
        rows.append(
            Row(
                line.statistic,
                line.unit,
                line.real,
                line.low,
                line.high,
                float(median),
                float(p5),
                float(p95),
                inside,
                line.note,
            )
        )
    fus = np.concatenate([one.fus_texture for one in found])
    ulm = np.concatenate([one.ulm_texture for one in found])
    return (
        *rows,
        *_texture_rows("fUS", fus, real.fus_bands),
        *_texture_rows("ULM", ulm, real.ulm_bands),
    )


def _texture_rows(
    name: str, patches: npt.NDArray[np.float64], bands: tuple[tuple[float, float, float], ...]
) -> Iterator[Row]:
    octaves = len(bands) - len(st.GREY_QUANTILES)
    for column, (low, middle, high) in enumerate(bands):
        values = patches[:, column]
        p5, median, p95 = np.percentile(values, [5, 50, 95])
        if column < octaves:
            of = f"power at {st.BANDS[column]:.2g}–{st.BANDS[column + 1]:.2g} cycles/mm"
            unit = "log10, white noise 0"
        else:
            of = f"grey level, {st.GREY_QUANTILES[column - octaves]} % quantile"
            unit = "0–1"
        share = float(((values >= low) & (values <= high)).mean())
        yield Row(
            f"{name} patches: {of}",
            unit,
            f"{low:.2f}–{high:.2f}, median {middle:.2f}",
            low,
            high,
            float(median),
            float(p5),
            float(p95),
            bool(low <= median <= high),
            f"{100 * share:.0f} % of {len(values)} patches inside",
        )
