"""How far the two images of a pair lie apart, and whether one of them is mirrored.

fUS and ULM differ in what they show, but both are bright where vessels are: on a common grid, the
counts blurred to the resolution of fUS, both as logarithms and without their slow changes, they
correlate. How precise that is is measured on phantoms that are shifted by a known amount
(``benchmarks/registration.py``); of the transforms (logarithm, square and cube root), the averages
(250, 500, 1000 µm) and phase correlation, this was the most precise and the best at detecting
mirrored images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.ndimage import gaussian_filter, maximum_filter

from napari_fus_ulm.grey.intensity import log_power
from napari_fus_ulm.grey.resampling import bin_counts, resample
from napari_fus_ulm.grid import Grid, Shape, check_same_extent

Array = npt.NDArray[np.float64]

GRID_UM = 50.0
"""Pixel of the common grid; the peak is interpolated between pixels."""
PSF_UM = (140.0, 175.0)
"""Axial and lateral full width at half maximum of fUS at mid-depth."""
DETAIL_UM = 250.0
"""Standard deviation of the average that is subtracted: shading is no landmark."""
FLOOR = 0.2
"""Share of the mean count that is added before the logarithm, so that black is not −∞."""
SEARCH_UM = 400.0
"""Largest shift that is looked for, per axis."""
RELATED = 0.3
"""Correlation that two images of different sections do not reach."""
CLEARLY = 1.25
"""Factor by which a mirrored image must correlate better to be called mirrored."""
AMBIGUOUS = 0.85
"""A second peak of this share of the first leaves open which of them is the shift."""
APART_UM = 200.0
"""Peaks nearer than this are one."""

ORIENTATIONS = {
    "as it is": (False, ""),
    "mirrored left to right": (False, "x"),
    "upside down": (False, "y"),
    "turned by 180°": (False, "yx"),
    "stored with its two axes exchanged": (True, ""),
    "turned by 90° clockwise": (True, "x"),
    "turned by 90° anticlockwise": (True, "y"),
    "stored with its two axes exchanged and turned by 180°": (True, "yx"),
}
"""What may have happened to an image: were its axes exchanged, then which ones reversed?"""


@dataclass(frozen=True, slots=True)
class Registration:
    """How far ULM lies from fUS.

    Attributes
    ----------
    down_um, right_um : float
        What is at (y, x) in the fUS image is at (y + down, x + right) in the ULM image.
    correlation : float
        Of the details of both images at that shift, −1 to 1.
    second : float
        Height of the next best peak as a share of the best.
    """

    down_um: float
    right_um: float
    correlation: float
    second: float

    @property
    def distance_um(self) -> float:
        """Length of the shift."""
        return float(np.hypot(self.down_um, self.right_um))

    @property
    def sure(self) -> bool:
        """Whether the images are related, and one shift stands out."""
        return self.correlation >= RELATED and self.second < AMBIGUOUS


def register(fus: xr.DataArray, ulm: xr.DataArray) -> Registration:
    """Estimate the shift between two 2-D images of one field of view.

    Parameters
    ----------
    fus, ulm : xarray.DataArray
        2-D, finite, of the same extent; power Doppler and bubble counts under any of the usual
        transforms.

    Returns
    -------
    Registration
        The shift is within ``SEARCH_UM`` per axis, and a quarter of the image's side.
    """
    grid = Grid.of(fus).with_pixel_um(GRID_UM)
    shape, step = grid.shape, _steps_um(grid)
    correlations = _correlations(
        _fus_detail(fus, grid), _ulm_detail(ulm.values, _kind(ulm), shape, step)
    )
    down, right, height = _peak(correlations)
    return Registration(
        down * step[0], right * step[1], height, _second(correlations, step) / max(height, 1e-9)
    )


def agreement(fus: xr.DataArray, ulm: xr.DataArray) -> float:
    """Correlation of the details of two 2-D images of one extent as they lie, −1 to 1.

    Raises
    ------
    ScanError
        If they do not cover a field of the same size.
    """
    field = Grid.of(fus)
    check_same_extent(field, Grid.of(ulm))
    grid = field.with_pixel_um(GRID_UM)
    one = _fus_detail(fus, grid)
    two = _ulm_detail(ulm.values, _kind(ulm), grid.shape, _steps_um(grid))
    spread = float(one.std() * two.std())
    return float((one * two).mean() - one.mean() * two.mean()) / spread if spread else 0.0


def orientation(fus: xr.DataArray, ulm: xr.DataArray) -> tuple[str, dict[str, float]]:
    """Find how ULM is turned or mirrored relative to fUS.

    Parameters
    ----------
    fus, ulm : xarray.DataArray
        As for :func:`register`; the sides of ``ulm`` may be exchanged.

    Returns
    -------
    str
        One of ``ORIENTATIONS``; "as it is" unless another one correlates clearly better.
    dict
        Highest correlation for each orientation that fits the field of view.
    """
    field, other = Grid.of(fus), Grid.of(ulm)
    grid = field.with_pixel_um(GRID_UM)
    shape, step = grid.shape, _steps_um(grid)
    detail = _fus_detail(fus, grid)
    correlations: dict[str, float] = {}
    for name, (exchanged, reversed_axes) in ORIENTATIONS.items():
        if not field.same_extent(other.transposed() if exchanged else other):
            continue
        # Undone in reverse order.
        values = ulm.values
        values = values[::-1] if "y" in reversed_axes else values
        values = values[:, ::-1] if "x" in reversed_axes else values
        values = values.T if exchanged else values
        correlations[name] = _peak(
            _correlations(detail, _ulm_detail(values, _kind(ulm), shape, step))
        )[2]
    plain = next(iter(ORIENTATIONS))
    best = max(correlations, key=lambda name: correlations[name], default=plain)
    beaten = correlations.get(best, 0.0) >= max(RELATED, CLEARLY * correlations.get(plain, 0.0))
    return (best if beaten else plain), correlations


def _steps_um(grid: Grid) -> tuple[float, float]:
    (height, width), (rows, columns) = grid.extent_mm, grid.shape
    return 1000.0 * height / rows, 1000.0 * width / columns


def _kind(scan: xr.DataArray) -> str:
    return str(scan.attrs.get("values", "linear"))


def _fus_detail(fus: xr.DataArray, grid: Grid) -> Array:
    values, kind = fus.values, _kind(fus)
    if values.min() == values.max():
        return np.zeros(grid.shape)
    if kind != "db" and not (values > 0).any():
        values = values - values.min()  # no power at all, but still an image
    return _without_shading(resample(log_power(values, kind), grid.shape), _steps_um(grid))


def _ulm_detail(
    values: npt.NDArray[np.floating], kind: str, shape: Shape, step: tuple[float, float]
) -> Array:
    power = 10.0 ** (values / 10.0) if kind == "db" else np.maximum(values, 0.0)
    sigma = [width / 2.355 / side for width, side in zip(PSF_UM, step, strict=True)]
    seen = gaussian_filter(bin_counts(power, shape).astype(np.float64), sigma)
    return _without_shading(np.log(seen + FLOOR * seen.mean() + 1e-12), step)


def _without_shading(image: npt.NDArray[np.floating], step: tuple[float, float]) -> Array:
    whole = np.asarray(image, dtype=np.float64)
    return whole - gaussian_filter(whole, [DETAIL_UM / side for side in step])


def _correlations(fus: Array, ulm: Array) -> Array:
    """(2r + 1, 2c + 1) correlations of the inner part of fUS with ULM, shifted up to r, c."""
    from skimage.feature import match_template

    reach = [min(round(SEARCH_UM / GRID_UM), side // 4) for side in fus.shape]
    inner = fus[reach[0] : fus.shape[0] - reach[0], reach[1] : fus.shape[1] - reach[1]]
    if inner.std() == 0.0 or ulm.std() == 0.0:
        return np.zeros((2 * reach[0] + 1, 2 * reach[1] + 1))
    return np.asarray(match_template(ulm, inner), dtype=np.float64)


def _peak(correlations: Array) -> tuple[float, float, float]:
    """Shift of the highest correlation (pixels, by a parabola through its neighbours), and it."""
    at = np.unravel_index(int(correlations.argmax()), correlations.shape)
    places = []
    for axis, n in enumerate(correlations.shape):
        line = np.moveaxis(correlations, axis, 0)[:, at[1 - axis]]
        i = int(at[axis])
        place = float(i - n // 2)
        if 0 < i < n - 1:
            before, here, after = line[i - 1 : i + 2]
            bend = before - 2.0 * here + after
            place += 0.5 * (before - after) / bend if bend < 0 else 0.0
        places.append(float(place))
    return places[0], places[1], float(correlations[at])


def _second(correlations: Array, step: tuple[float, float]) -> float:
    """Highest local maximum that is not the peak itself; 0 if there is none."""
    rows, columns = np.indices(correlations.shape)
    top = np.unravel_index(int(correlations.argmax()), correlations.shape)
    far = np.hypot((rows - top[0]) * step[0], (columns - top[1]) * step[1]) > APART_UM
    peaks = far & (correlations == maximum_filter(correlations, 3, mode="nearest"))
    return max(0.0, float(correlations[peaks].max())) if peaks.any() else 0.0
