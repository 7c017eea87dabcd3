"""All statistics of one simulated section (each is defined in `statistics`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.grey.pair import prepare_pair
from napari_fus_ulm.phantom.anatomy import anatomy_of
from napari_fus_ulm.phantom.calibration import statistics as st
from napari_fus_ulm.phantom.pair import PhantomPair
from napari_fus_ulm.scan import extent_of, spacing_of


@dataclass(frozen=True, slots=True)
class Measured:
    """The statistics of one section.

    Attributes
    ----------
    seed : int
    numbers : dict of str to float
        By the keys of `calibration_table.TABLE`; shares in %.
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


def measure_pair(pair: PhantomPair, seconds: float = 0.0) -> Measured:
    """Measure one simulated section."""
    height, width = (1000.0 * side for side in extent_of(pair.fus))
    fus_mm = spacing_of(pair.fus)
    speeds = st.bubble_speed_percentiles(pair.vessels, (height, width), pair.params.ulm_slice_um)
    share = st.background_share(st.display(pair.fus.values), (fus_mm[0], fus_mm[1]))
    numbers = {
        "spearman": _rank_correlation(pair, height),
        "background": 100.0 * share,
        **map_numbers(pair.ulm.values, 1000.0 * spacing_of(pair.ulm)[-1]),
        **{f"speed_{p}": float(v) for p, v in zip((50, 90, 99), speeds, strict=True)},
    }
    ready = prepare_pair(pair.fus, pair.ulm, st.TEXTURE_UM)
    return Measured(
        pair.seed, numbers, st.fus_texture(ready.fus), st.ulm_texture(ready.ulm), seconds
    )


def map_numbers(counts: npt.NDArray[np.floating], pixel_um: float) -> dict[str, float]:
    """Statistics of a map of bubble counts on pixels of about 10 µm; shares in %."""
    mask = st.map_mask(counts, pixel_um)
    percentiles = st.count_percentiles(counts)
    widths = st.width_percentiles(mask, pixel_um)
    return {
        "count_share": 100.0 * st.count_share(counts),
        **{f"count_{p}": float(v) for p, v in zip((50, 90, 99), percentiles, strict=True)},
        "density": st.length_density(mask, pixel_um),
        **{f"width_{p}": float(v) for p, v in zip((10, 50, 90), widths, strict=True)},
    }


def brain_of(pair: PhantomPair) -> st.Mask:
    """The fUS pixels under the brain's surface, which is known for a phantom."""
    y, x = (1000.0 * pair.fus[axis].values for axis in ("y", "x"))
    return np.asarray(anatomy_of(pair.params).below(x[None, :], y[:, None]) > 0)


def _rank_correlation(pair: PhantomPair, height: float) -> float:
    """Spearman correlation of the two images; the PSF's width is that at half depth."""
    growth = 1.0 + pair.params.psf_growth_per_mm * height / 2000.0
    axial, lateral = pair.params.psf_um
    blurred = st.blurred_to_fus(
        pair.ulm.values,
        (pair.fus.shape[0], pair.fus.shape[1]),
        1000.0 * spacing_of(pair.ulm)[-1],
        (axial * growth, lateral * growth),
    )
    return st.rank_correlation(pair.fus.values, blurred, brain_of(pair))
