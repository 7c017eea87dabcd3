"""The width of one vessel in power Doppler, in a result and in ULM, along one line.

Widths are measured in amounts, not in the grey levels on the screen: in linear power for power
Doppler, in bubble counts for ULM, and in the counts that a result's log grey levels stand for. Both
amounts are proportional to flow, a point spread function is defined in them, and the full width
at half maximum (FWHM) then does not depend on how an image is displayed, as it would on a
logarithmic scale. A ULM is binned to the result's pixels first, so that the two are comparable.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import MeasureError
from napari_fus_ulm.grey.intensity import values_kind
from napari_fus_ulm.grey.resampling import bin_counts
from napari_fus_ulm.grid import Grid, check_same_extent
from napari_fus_ulm.metrics.widths import NoWidth, Width, fwhm

Floats = npt.NDArray[np.float64]
Point = tuple[float, float]

COUNTS = 300.0
"""Bubbles a pixel where the grey level of log counts is 1."""
WIDTH_UM = 60.0
"""Width of the band over which a profile is averaged; a single line of pixels is too noisy."""
STEP_UM = 5.0
"""Distance between samples, in all profiles."""
SAME_UM = 50.0
"""How far a vessel of the result may lie from the ULM's and still count as the same."""
NARROW = 0.8
"""Share of the ULM's width below which a vessel is drawn too narrow: an error, not resolution."""
WITHOUT_ULM = (
    "No ULM: how narrow a vessel is drawn says nothing about resolution; a generator draws narrow "
    "vessels everywhere."
)
_POWERS = {"linear": 1, "unknown": 1, "sqrt": 2, "cbrt": 3}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProfileComparison:
    """One vessel in two or three images.

    Parameters
    ----------
    distance_um : array of shape (samples,)
        From the line's start.
    fus, result, ulm : array of shape (samples,)
        Linear power and counts, in units of their own; ``ulm`` is None without one.
    fus_width, result_width, ulm_width : Width or NoWidth
        ``ulm_width`` is None without a ULM.
    gain : float or None
        Width in power Doppler / width in the result. Only where the ULM has the same vessel at
        the same place and no wider, power Doppler too, and there is no other vessel within its
        width.
    reason : str
        Why there is no gain, a sentence; empty where there is one, or no ULM.
    notes : tuple of str
        Notes on the values.
    """

    distance_um: Floats
    fus: Floats
    result: Floats
    ulm: Floats | None
    fus_width: Width | NoWidth
    result_width: Width | NoWidth
    ulm_width: Width | NoWidth | None
    gain: float | None
    reason: str
    notes: tuple[str, ...] = ()

    @property
    def curves(self) -> tuple[tuple[str, Floats, Width | NoWidth], ...]:
        """Name, values and width of each image."""
        curves: list[tuple[str, Floats, Width | NoWidth]] = [
            ("power Doppler", self.fus, self.fus_width),
            ("result", self.result, self.result_width),
        ]
        if self.ulm is not None and self.ulm_width is not None:
            curves.append(("ULM", self.ulm, self.ulm_width))
        return tuple(curves)

    @property
    def sentence(self) -> str:
        """The widths, and the gain or why there is none."""
        known = [f"{n} {w.fwhm_um:.0f} µm" for n, _, w in self.curves if isinstance(w, Width)]
        unknown = [(n, w.reason) for n, _, w in self.curves if isinstance(w, NoWidth)]
        if not known and len({reason for _, reason in unknown}) == 1:
            reason = unknown[0][1]
            return f"{reason[0].upper()}{reason[1:]}."
        widths = [f"Here: {', '.join(known)}"] if known else []
        if self.gain is not None:
            return f"{widths[0]}: {self._gained()}"
        sentences = [f"{part}." for part in widths]
        if self.ulm_width is None:
            why = [f"In {_called(name)} {reason}." for name, reason in unknown]
            return " ".join([*sentences, *why, WITHOUT_ULM])
        return " ".join([*sentences, f"No gain is stated: {self.reason}."])

    def _gained(self) -> str:
        assert self.gain is not None
        assert isinstance(self.result_width, Width)
        assert isinstance(self.ulm_width, Width)
        offset_um = abs(self.ulm_width.centre_um - self.result_width.centre_um)
        how = f"×{self.gain:.1f} finer than" if self.gain >= 1.05 else "no finer than"
        return f"{how} power Doppler, at a vessel that lies {offset_um:.0f} µm away in the ULM."


@dataclass(frozen=True, slots=True, eq=False)
class LinePlanes:
    """Images prepared for profiles along many lines.

    Parameters
    ----------
    planes : dict
        Spline coefficients of linear values, and the pixel size (down, right) in mm, by "fus",
        "result" and, if there is one, "ulm".
    notes : tuple of str
    """

    planes: dict[str, tuple[Floats, Point]]
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls, fus: xr.DataArray, result: xr.DataArray, ulm: xr.DataArray | None = None
    ) -> LinePlanes:
        """Prepare the planes.

        Parameters
        ----------
        fus : xarray.DataArray
            2-D power Doppler. Roots and decibels are made linear; 8-bit pictures are used as they
            are, with a note.
        result : xarray.DataArray
            2-D, grey levels of log counts in [0, 1] (``values`` "grey").
        ulm : xarray.DataArray, optional
            2-D; counts, or grey levels. All images cover the same field and are aligned by their
            corners.

        Raises
        ------
        ValueError
            If an image is not a plane, or does not cover the field of ``fus``.
        """
        from scipy.ndimage import spline_filter

        given = {"fus": fus, "result": result} | ({} if ulm is None else {"ulm": ulm})
        notes: list[str] = []
        planes: dict[str, tuple[Floats, Point]] = {}
        for name, scan in given.items():
            if scan.ndim != 2:
                raise MeasureError(
                    f"Profiles are compared in one plane; the {_NAMES[name]} has the axes "
                    f"{', '.join(map(str, scan.dims))}. Choose one slice and one time."
                )
            grid = Grid.of(scan)
            check_same_extent(Grid.of(fus), grid, _NAMES["fus"], _NAMES[name])
            values, spacing = _linear(scan), grid.spacing_mm
            if name == "ulm" and scan.shape[0] > result.shape[0]:
                grid = Grid.of(result)
                values = bin_counts(values, grid.shape).astype(np.float64)
                spacing = grid.spacing_mm
            if values_kind(scan) == "display":
                notes.append(
                    f"The {_NAMES[name]} is an 8-bit picture; its grey levels are used as they are."
                )
            finite = np.nan_to_num(np.asarray(values, np.float64))
            planes[name] = (spline_filter(finite, order=3, mode="nearest"), spacing)
        return cls(planes, tuple(notes))

    def along(
        self, start_mm: Point, end_mm: Point, *, width_um: float = WIDTH_UM
    ) -> ProfileComparison:
        """Compare the profiles along a line.

        Parameters
        ----------
        start_mm, end_mm : tuple of float
            Ends of the line, (down, right) from the outer corner.
        width_um : float
            Width of the band over which profiles are averaged.
        """
        line = _line(start_mm, end_mm, width_um, STEP_UM)
        at = line[0]
        profiles = {name: _sampled(values, line, mm) for name, (values, mm) in self.planes.items()}
        fine = fwhm(at, profiles["result"])
        near = fine.centre_um if isinstance(fine, Width) else None
        wide = fwhm(at, profiles["fus"], near_um=near)
        true = fwhm(at, profiles["ulm"], near_um=near) if "ulm" in profiles else None
        reason = "" if true is None else _why_not(wide, fine, true)
        gain = None
        if true is not None and isinstance(wide, Width) and isinstance(fine, Width) and not reason:
            gain = wide.fwhm_um / fine.fwhm_um
        return ProfileComparison(
            distance_um=at,
            fus=profiles["fus"],
            result=profiles["result"],
            ulm=profiles.get("ulm"),
            fus_width=wide,
            result_width=fine,
            ulm_width=true,
            gain=gain,
            reason=reason,
            notes=self.notes,
        )


def grid_words(result: xr.DataArray, fus: xr.DataArray) -> str:
    """Say how fine the result's grid is, and that this is not resolution."""
    fine, coarse = (1000.0 * Grid.of(scan).pixel_mm for scan in (result, fus))
    return (
        f"Grid: {fine:.3g} µm pixels, {coarse / fine:.2g}× finer than the input's {coarse:.3g} µm. "
        "That is a number of pixels, not a resolution."
    )


_NAMES = {"fus": "power Doppler", "result": "result", "ulm": "ULM"}


def _why_not(fus: Width | NoWidth, result: Width | NoWidth, ulm: Width | NoWidth) -> str:
    """Why no gain can be stated; empty where all three show one vessel, and only one."""
    for name, one in (("result", result), ("ULM", ulm), ("power Doppler", fus)):
        if isinstance(one, NoWidth):
            return f"in {_called(name)} {one.reason}"
    assert isinstance(fus, Width)
    assert isinstance(result, Width)
    assert isinstance(ulm, Width)
    offset_um = abs(result.centre_um - ulm.centre_um)
    if offset_um > SAME_UM:
        return f"the ULM's nearest vessel lies {offset_um:.0f} µm away, so it is not the same"
    if not fus.left_um <= ulm.centre_um <= fus.right_um:
        away = abs(fus.centre_um - ulm.centre_um)
        return f"the peak of power Doppler lies {away:.0f} µm away, so it is not the same vessel"
    for name, one in (("ULM", ulm), ("result", result)):
        within = sum(fus.left_um <= peak <= fus.right_um for peak in one.peaks_um)
        if within > 1:
            # A bundle is wide in itself, not for lack of resolution.
            return (
                f"where power Doppler shows one vessel, the {name} has {within}, so its width is "
                "not that of one vessel"
            )
    if result.fwhm_um < NARROW * ulm.fwhm_um:
        return "the result draws the vessel narrower than it is in the ULM, which is an error"
    return ""


def _called(name: str) -> str:
    return name if name == "power Doppler" else f"the {name}"


def _linear(scan: xr.DataArray) -> Floats:
    """Power or counts, up to a factor."""
    values, kind = np.asarray(scan.values, np.float64), values_kind(scan)
    if kind == "db":
        return np.asarray(10.0 ** (values / 10.0))
    if kind == "grey":
        return np.asarray(np.expm1(np.clip(values, 0.0, 1.0) * math.log1p(COUNTS)) / COUNTS)
    return np.asarray(np.maximum(values, 0.0) ** _POWERS.get(kind, 1))


def _line(start: Point, end: Point, width_um: float, step_um: float) -> tuple[Floats, Floats]:
    """Distances along a band, and the places (2, samples, lines) of its samples in mm."""
    first, way = np.asarray(start, np.float64), np.subtract(end, start)
    length = float(np.hypot(*way))
    samples = math.floor(1000.0 * length / step_um + 1e-6) + 1
    at: Floats = np.arange(samples, dtype=np.float64) * step_um
    along = way / max(length, 1e-12)
    lines = max(1, round(width_um / step_um))
    aside = (np.arange(lines) - (lines - 1) / 2) * step_um
    places = (
        first[:, None, None]
        + along[:, None, None] * at[None, :, None] / 1000.0
        + np.array([-along[1], along[0]])[:, None, None] * aside / 1000.0
    )
    return at, np.asarray(places, np.float64)


def _sampled(coefficients: Floats, line: tuple[Floats, Floats], pixel_mm: Point) -> Floats:
    from scipy.ndimage import map_coordinates

    places = line[1] / np.array(pixel_mm)[:, None, None]  # pixels are areas: the first spans 0 to 1
    values = map_coordinates(coefficients, places - 0.5, order=3, mode="nearest", prefilter=False)
    middle = places.mean(axis=2)
    shape = np.array(coefficients.shape)[:, None]
    inside = ((middle >= -1e-6) & (middle <= shape + 1e-6)).all(axis=0)
    return np.where(inside, values.mean(axis=1), np.nan)
