"""The real side of the calibration table: numbers measured on recordings, never their pixels."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.grey.condition import condition_grey
from napari_fus_ulm.grey.intensity import log_power
from napari_fus_ulm.grey.native import NATIVE_UM, native_shape, with_native_um
from napari_fus_ulm.grey.reference import reference_grey
from napari_fus_ulm.grey.resampling import area_mean
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.phantom.calibration import statistics as st
from napari_fus_ulm.phantom.calibration.measure import map_numbers
from napari_fus_ulm.scan import extent_of, spacing_of

STORED = "real_statistics.json"
WIDTH_MM = 10.0
"""Width of the power Doppler pictures, whose pixel size is not recorded (about)."""
ULM_UM = 4.9
"""Pixel of the mouse ULM maps, from their field of view (about)."""
POWER = {"rat": "rat_power_doppler.png", "mouse": "mouse_power_doppler.png"}
MAPS = {
    "mouse week 2": "mouse_ulm_week2_counts.tif",
    "mouse week 3": "mouse_ulm_week3_counts.tif",
}

Bands = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class RealNumbers:
    """What was measured on the real recordings.

    Attributes
    ----------
    recordings : dict of str to dict
        Statistics by recording; shares in %.
    fus_bands, ulm_bands : tuple of (low, median, high)
        5 %, 50 % and 95 % over the patches, for every texture statistic: octaves, then grey
        quantiles.
    fus_patches, ulm_patches : int
        Number of patches behind these.
    """

    recordings: dict[str, dict[str, float]]
    fus_bands: Bands
    ulm_bands: Bands
    fus_patches: int
    ulm_patches: int


def measure_real(folder: Path) -> RealNumbers:
    """Measure the pictures and maps of a folder (see :data:`POWER` and :data:`MAPS`).

    Raises
    ------
    ScanError
        If one of the files is missing or damaged; the sentence names it.
    """
    recordings: dict[str, dict[str, float]] = {}
    fus_texture, ulm_texture = [], []
    for name, file in POWER.items():
        scan = power_picture(folder / file)
        recordings[f"{name}, power Doppler"] = _of_picture(scan)
        fus_texture.append(st.fus_texture(grey_picture(scan)))
    for name, file in MAPS.items():
        scan = count_map(folder / file)
        recordings[f"{name}, ULM"] = _of_map(scan)
        ulm_texture.append(st.ulm_texture(grey_map(scan)))
    fus, ulm = np.concatenate(fus_texture), np.concatenate(ulm_texture)
    return RealNumbers(recordings, _bands(fus), _bands(ulm), len(fus), len(ulm))


def power_picture(path: Path) -> xr.DataArray:
    """Read a power Doppler picture, at the width of the animals' field of view."""
    from napari_fus_ulm.io import read_one

    scan = read_one(path, modality="fus", spacing=(1.0, 1.0)).squeeze(drop=True)
    side = WIDTH_MM / scan.shape[-1]
    read = read_one(path, modality="fus", spacing=(side, side)).squeeze(drop=True)
    return with_native_um(read, NATIVE_UM)  # as the simulated recordings that it is set beside


def count_map(path: Path) -> xr.DataArray:
    """Read a map of bubble counts on pixels of :data:`ULM_UM`."""
    from napari_fus_ulm.io import read_one

    side = ULM_UM / 1000.0
    return read_one(path, modality="ulm", spacing=(side, side)).squeeze(drop=True)


def grey_picture(scan: xr.DataArray) -> npt.NDArray[np.float32]:
    """What a generator sees of a power Doppler picture, on the texture's grid of 20 µm."""
    logged = log_power(scan.values, "display")
    grid = Grid.of(scan).with_pixel_um(st.TEXTURE_UM)
    return condition_grey(logged, native_shape(scan), grid.shape)


def grey_map(scan: xr.DataArray) -> npt.NDArray[np.float32]:
    """What a generator learns from of a ULM map, on the texture's grid of 20 µm."""
    return reference_grey(scan.values, Grid.of(scan).with_pixel_um(st.TEXTURE_UM).shape)


def _of_picture(scan: xr.DataArray) -> dict[str, float]:
    # Brought to its native pixels, as the opening's minimum depends on how fine they are.
    native = native_shape(scan)
    side = [size / n for size, n in zip(extent_of(scan), native, strict=True)]
    share = st.background_share(area_mean(scan.values, native), (side[0], side[1]))
    return {"background": 100.0 * share}


def _of_map(scan: xr.DataArray) -> dict[str, float]:
    side_um = 1000.0 * spacing_of(scan)[-1]
    rows, columns = (size // 2 * 2 for size in scan.shape)
    even = np.asarray(scan.values[:rows, :columns], dtype=np.float64)
    twice = even.reshape(rows // 2, 2, columns // 2, 2).sum(axis=(1, 3))
    as_recorded = 100.0 * st.count_share(scan.values)
    # Pixels of 9.8 µm hold whole counts; those of exactly 10 µm would hold shares of them.
    return {"count_share_as_recorded": as_recorded, **map_numbers(twice, 2 * side_um)}


def _bands(patches: npt.NDArray[np.float64]) -> Bands:
    low, middle, high = np.percentile(patches, [5, 50, 95], axis=0)
    return tuple(zip(low.tolist(), middle.tolist(), high.tolist(), strict=True))


def stored_numbers() -> RealNumbers:
    """The numbers that come with the package."""
    text = files("napari_fus_ulm.phantom.calibration").joinpath(STORED).read_text(encoding="utf-8")
    numbers: dict[str, Any] = json.loads(text)
    for key in ("fus_bands", "ulm_bands"):
        numbers[key] = tuple(tuple(one) for one in numbers[key])
    return RealNumbers(**numbers)


def as_json(real: RealNumbers) -> str:
    """The numbers as they are stored, four digits after the point."""

    def rounded(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: rounded(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [rounded(item) for item in value]
        return round(value, 4) if isinstance(value, float) else value

    return json.dumps(rounded(dataclasses.asdict(real)), indent=2) + "\n"
