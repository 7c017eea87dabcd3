"""Another recording of the same vessels: power Doppler as users' scanners and pictures give it.

Real power Doppler has grain of 1 % to 60 %, a background from a twentieth of the vessels' signal
to six times it, probes of 15 to 40 MHz, shading, haze, dark or masked outsides, and often it
arrives as a picture. A model that has seen one of these only fails on the others (Billot et al.
2023, "SynthSeg"; Chollet et al. 2024, arXiv:2407.01419), so `RecordingParams.draw` takes ranges
that are wider than reality, and `record` makes the recording.

**Visible targets.** The ULM of a scene holds vessels that a recording cannot show; who is taught to
draw them learns to invent. A target's log count is therefore multiplied by the *visibility* of
vessels at its place,

    c⁴ / (c⁴ + k⁴),   c = vessels' signal / √(grain² + steps²),

all as expected at the recording's own resolution: the grain is the standard deviation of speckle,
of a grainy bed and of the noise floor; the steps are what a display cannot tell apart (one grey
step, and :data:`LEAST_CONTRAST` of the level), without limit below the black level. k is
:data:`BARELY_SEEN`. The step is steep: a target holds a vessel or does not, since a target full of
half-bright vessels teaches a sampler to draw faint and smooth ones. Where nothing is recorded (a
masked outside, a missing side, hidden vessels) the target is black.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import affine_transform, gaussian_filter, gaussian_filter1d

from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.phantom.scene import SCENE_PIXEL, Scene

Array = npt.NDArray[np.float32]
Pair = tuple[float, float]

SOUND_MM_US = 1.5
"""Speed of sound, mm/µs: at 15 MHz the wavelength is 100 µm."""
BARELY_SEEN = 0.3
"""Contrast over grain at which half of a vessel's log count stays in the target. A vessel runs over
about ten native pixels: the eye sees one whose signal is a third of a single pixel's grain."""
LEAST_CONTRAST = 0.015
"""Share of the level that nobody tells apart."""

Kind = Literal["linear", "sqrt", "db", "display"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingParams:
    """How one recording is made. The defaults are a clean average at 15 MHz.

    Parameters
    ----------
    frequency_mhz : float
        Centre frequency of the probe.
    magnified : float
        Size of the section beside that of the scene.
    pixel : tuple of float
        Axial and lateral pixel, wavelengths.
    psf : tuple of float
        Axial and lateral full width at half maximum of the point spread function at the top,
        wavelengths.
    psf_growth : float
        Relative widening of the point spread function from top to bottom.
    sidelobes : float
        Power in the lateral sidelobes and the tail of the point spread function, a share.
    crop : tuple of float
        Top, bottom, left and right edge of the frame, shares of the section.
    bed : float
        Mean signal of the capillary bed over that of the vessels.
    bed_grain, bed_grain_px : float
        Log standard deviation and size (native pixels) of the bed's grain: unresolved vessels.
    pedestal : float
        Uniform clutter over the mean signal.
    haze : float
        Clutter under the skull over the mean signal.
    shading : float
        Log standard deviation of a smooth gain.
    grain : float
        Coefficient of variation of the speckle.
    grain_px : tuple of float
        Axial and lateral correlation of the speckle (standard deviation, native pixels).
    floor_db : float
        Noise floor at the top below the mean signal.
    floor_growth_db : float
        Growth of the noise floor from top to bottom.
    floor_grain : float
        Coefficient of variation of the noise floor.
    outside : float
        Share of the signal outside the brain that is shown; 0 masks it.
    missing_side : {-1, 0, 1}
        Side of which nothing is recorded; 0 for none.
    hidden : float
        Share of the section whose vessels are not there for power Doppler; at 1 there is none.
    hidden_level : float
        Share of the signal that hidden vessels keep.
    values : {"linear", "sqrt", "db", "display"}
        What the numbers of the recording are: power, its root in 8 bits, decibels in 8 bits, or the
        grey levels of a picture in decibels.
    range_db : float
        Range of a display below its brightest level; what is darker is black.
    grey_levels : int
        Steps of a display.
    """

    frequency_mhz: float = 15.0
    magnified: float = 1.0
    pixel: Pair = (1.0, 1.1)
    psf: Pair = (1.1, 1.4)
    psf_growth: float = 0.4
    sidelobes: float = 0.05
    crop: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 1.0)
    bed: float = 1.0
    bed_grain: float = 0.0
    bed_grain_px: float = 0.7
    pedestal: float = 0.0
    haze: float = 0.1
    shading: float = 0.0
    grain: float = 0.06
    grain_px: Pair = (0.45, 0.6)
    floor_db: float = 18.0
    floor_growth_db: float = 6.0
    floor_grain: float = 0.06
    outside: float = 1.0
    missing_side: int = 0
    hidden: float = 0.0
    hidden_level: float = 0.0
    values: Kind = "linear"
    range_db: float = 40.0
    grey_levels: int = 256

    def __post_init__(self) -> None:
        for name, low, high in (
            ("frequency_mhz", 5.0, 60.0),
            ("magnified", 0.2, 5.0),
            ("bed", 0.0, 100.0),
            ("grain", 0.0, 1.0),
            ("floor_grain", 0.0, 1.0),
            ("hidden", 0.0, 1.0),
            ("range_db", 5.0, 120.0),
            ("grey_levels", 2, 65536),
        ):
            if not low <= getattr(self, name) <= high:
                raise SettingsError(
                    f"{name} is {getattr(self, name)}; it must lie between {low} and {high}."
                )

    @property
    def wavelength_um(self) -> float:
        """Wavelength of the probe, µm."""
        return 1000.0 * SOUND_MM_US / self.frequency_mhz

    def draw(self, rng: np.random.Generator) -> RecordingParams:
        """Draw another recording, over what users bring (whatever the values are here)."""

        def log_uniform(low: float, high: float) -> float:
            return float(np.exp(rng.uniform(np.log(low), np.log(high))))

        def sometimes(chance: float, value: float, otherwise: float = 0.0) -> float:
            return value if rng.random() < chance else otherwise

        axial_psf = log_uniform(0.65, 1.6)
        emptied = rng.random()  # a negative control, one recording in ten
        hidden = 1.0 if emptied < 0.05 else float(sometimes(0.2, rng.uniform(0.1, 0.9)))
        hidden = float(rng.uniform(0.8, 0.98)) if 0.05 <= emptied < 0.1 else hidden
        values: tuple[Kind, ...] = ("linear", "sqrt", "db", "display")
        return dataclasses.replace(
            self,
            # Most probes have about 15 MHz; the rest of the range is that of finer ones.
            frequency_mhz=float(sometimes(0.1, log_uniform(15.0, 40.0), rng.uniform(13.0, 18.0))),
            magnified=log_uniform(0.8, 1.25),
            pixel=(float(rng.uniform(0.9, 1.1)), float(rng.uniform(0.9, 1.25))),
            psf=(axial_psf, axial_psf * float(rng.uniform(0.95, 1.7))),
            psf_growth=float(rng.uniform(0.0, 0.7)),
            sidelobes=float(sometimes(0.6, rng.uniform(0.0, 0.25))),
            crop=_draw_crop(rng),
            bed=log_uniform(0.05, 6.0),
            bed_grain=float(sometimes(0.3, rng.uniform(0.2, 1.3))),
            bed_grain_px=float(rng.uniform(0.5, 0.9)),
            pedestal=float(sometimes(0.3, log_uniform(0.02, 2.0))),
            haze=float(sometimes(0.5, rng.uniform(0.0, 0.5))),
            shading=float(sometimes(0.5, rng.uniform(0.1, 0.8))),
            grain=log_uniform(0.05, 0.6) if rng.random() < 0.25 else log_uniform(0.01, 0.15),
            grain_px=(float(rng.uniform(0.3, 0.6)), float(rng.uniform(0.4, 0.8))),
            floor_db=float(rng.uniform(8.0, 40.0)),
            floor_growth_db=float(rng.uniform(0.0, 9.0)),
            floor_grain=log_uniform(0.01, 0.6),
            outside=float(sometimes(0.35, sometimes(0.5, rng.uniform(0.0, 0.3)), 1.0)),
            missing_side=int(sometimes(0.04, float(rng.choice([-1, 1])))),
            hidden=hidden,
            hidden_level=float(sometimes(0.5, rng.uniform(0.0, 0.3))),
            values=values[int(rng.choice(4, p=[0.5, 0.2, 0.15, 0.15]))],
            range_db=float(rng.uniform(20.0, 60.0)),
            grey_levels=int(rng.choice([128, 256])),
        )


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording of a scene.

    Attributes
    ----------
    power : (rows, columns) array
        As recorded: linear, or what the display made of it; see ``values``.
    values : str
        See :class:`RecordingParams`.
    visibility : (rows, columns) array
        Of vessels, 0 to 1; see the module's rule.
    origin : tuple of float
        Top and left edge of the frame in the scene, µm of the scene.
    pixel : tuple of float
        Rows and columns of the recording, µm of the scene.
    """

    power: Array
    values: Kind
    visibility: Array
    origin: Pair
    pixel: Pair


def record(scene: Scene, params: RecordingParams, rng: np.random.Generator) -> Recording:
    """Make one recording of a scene.

    Parameters
    ----------
    scene : Scene
    params : RecordingParams
        Lengths in them count in wavelengths, so a probe of twice the frequency sees the section
        twice as large.
    rng : numpy.random.Generator
        Of speckle, noise, the bed's grain, and which vessels are hidden.
    """
    grid = _grid(scene, params)
    vessels, bed = _signals(scene, params, grid, rng)
    brain, haze = grid.sample(scene.brain), grid.sample_rows(scene.haze)
    level = max(float(vessels.mean()), 1e-9) if params.hidden < 1.0 else 1.0
    bed = bed * (params.bed * level / max(float(bed.mean()), 1e-9))
    grain_of_bed = _log_normal(rng, bed.shape, params.bed_grain, params.bed_grain_px)
    shown = brain + (1.0 - brain) * params.outside
    gain = shown * _one_side(params.missing_side, bed.shape)
    gain = gain * _shading(rng, bed.shape, params.shading)
    vessels, bed = vessels * gain, bed * gain
    mean = float((vessels + bed).mean())
    # A masked outside shows nothing at all, a missing side its noise.
    clutter = mean * (params.pedestal + params.haze * haze[:, None]) * shown
    floor = mean * _floor(params, len(bed))[:, None] * (shown if params.outside == 0.0 else 1.0)
    smooth = vessels + bed + clutter
    power = (vessels + bed * grain_of_bed + clutter) * _speckle(
        rng, bed.shape, params.grain, params.grain_px
    ) + floor * _speckle(rng, bed.shape, params.floor_grain, params.grain_px)
    sd = np.sqrt(
        (params.grain * smooth) ** 2
        + (params.floor_grain * floor) ** 2
        + (np.expm1(min(params.bed_grain, 1.0)) * bed) ** 2
    )
    black = _black(power, params)
    seen = visibility(vessels, smooth + floor, sd, black)
    return Recording(_displayed(power, params, black), params.values, seen, grid.origin, grid.pixel)


def visibility(vessels: Array, level: Array, sd: Array, black: float) -> Array:
    """Share of a log count that stays in the target; see the module's rule.

    Parameters
    ----------
    vessels, level, sd : (rows, columns) arrays
        Expected signal of the vessels, of everything, and its grain.
    black : float
        Power at and below which the display is black.
    """
    steps = LEAST_CONTRAST * level + 2.0 * np.clip(black - level, 0.0, None)
    contrast = (vessels / BARELY_SEEN) ** 4
    hiding = (sd**2 + steps**2) ** 2
    return np.asarray(contrast / np.maximum(contrast + hiding, 1e-24), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Grid:
    """The native pixels of a recording in its scene: shape, then µm of the scene."""

    shape: tuple[int, int]
    origin: Pair
    pixel: Pair

    def sample(self, image: Array) -> Array:
        """Values of an image on the scene's grid at the centres of the pixels."""
        step = [p / SCENE_PIXEL for p in self.pixel]
        first = [
            (o + 0.5 * p) / SCENE_PIXEL - 0.5 for o, p in zip(self.origin, self.pixel, strict=True)
        ]
        return np.asarray(
            affine_transform(image, step, first, output_shape=self.shape, order=1, mode="nearest"),
            dtype=np.float32,
        )

    def sample_rows(self, profile: Array) -> Array:
        """The same of a profile over depth."""
        depth = self.origin[0] + (np.arange(self.shape[0]) + 0.5) * self.pixel[0]
        rows = np.interp(depth / SCENE_PIXEL - 0.5, np.arange(len(profile)), profile)
        return np.asarray(rows, dtype=np.float32)


def _grid(scene: Scene, params: RecordingParams) -> _Grid:
    height, width = (n * SCENE_PIXEL for n in scene.vessels.shape)
    top, bottom, left, right = params.crop
    unit = params.wavelength_um / params.magnified
    sides = (bottom - top) * height, (right - left) * width
    rows, columns = (
        max(8, round(side / (unit * p))) for side, p in zip(sides, params.pixel, strict=True)
    )
    return _Grid(
        (rows, columns), (top * height, left * width), (sides[0] / rows, sides[1] / columns)
    )


def _signals(
    scene: Scene, params: RecordingParams, grid: _Grid, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Vessels and bed on the native pixels, at the probe's resolution and through the skull."""
    loss = scene.loss_rows[:, None] * scene.loss_columns
    volume = scene.vessels * loss
    if params.hidden > 0.0:
        volume = volume * _hiding(rng, volume.shape, params)
    unit = params.wavelength_um / params.magnified / SCENE_PIXEL
    near, far = (
        gaussian_filter(volume, [g * fwhm * unit / 2.355 for fwhm in params.psf], truncate=3.0)
        for g in (1.0, 1.0 + params.psf_growth)
    )
    share = np.linspace(0.0, 1.0, len(near), dtype=np.float32)[:, None]
    seen = grid.sample(near + share * (far - near))
    if params.sidelobes > 0.0:
        seen = _with_sidelobes(seen, params)
    return seen, grid.sample(scene.bed * loss)


def _with_sidelobes(image: Array, params: RecordingParams) -> Array:
    """Add the first lateral sidelobes and a tail to a main lobe that is there already."""
    width = params.psf[1] / params.pixel[1]
    away = 1.4 * width
    columns = np.arange(image.shape[1], dtype=np.float64)
    lobes = np.zeros_like(image)
    for side in (-away, away):
        lobes += 0.5 * affine_transform(image, [1.0, 1.0], [0.0, side], order=1, mode="nearest")
    tail = gaussian_filter1d(image, min(3.0 * width, 0.2 * len(columns)), axis=1)
    share = params.sidelobes
    return np.asarray((1.0 - share) * image + 0.6 * share * lobes + 0.4 * share * tail)


def _hiding(rng: np.random.Generator, shape: tuple[int, int], params: RecordingParams) -> Array:
    """1 where vessels are, ``hidden_level`` where they are hidden: patches of about 1 mm."""
    if params.hidden >= 1.0:
        return np.zeros(shape, np.float32)
    field = _smooth_field(rng, shape, 600.0 / SCENE_PIXEL)
    edge = np.quantile(field, params.hidden)
    kept = 1.0 / (1.0 + np.exp(-np.clip((field - edge) / 0.15, -30.0, 30.0)))
    return np.asarray(params.hidden_level + (1.0 - params.hidden_level) * kept, np.float32)


def _smooth_field(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> Array:
    """A Gaussian random field of standard deviation 1, drawn coarsely where it is smooth."""
    step = max(1.0, 0.5 * sigma)
    coarse = [max(4, round(n / step)) for n in shape]
    field = gaussian_filter(
        rng.standard_normal(coarse, dtype=np.float32), sigma / step, mode="reflect"
    )
    field = (field - field.mean()) / max(float(field.std()), 1e-6)
    if list(shape) == coarse:
        return np.asarray(field)
    zoomed = affine_transform(
        field,
        [(c - 1) / max(n - 1, 1) for c, n in zip(coarse, shape, strict=True)],
        output_shape=shape,
        order=1,
        mode="nearest",
    )
    return np.asarray(zoomed, dtype=np.float32)


def _log_normal(rng: np.random.Generator, shape: tuple[int, int], sd: float, sigma: float) -> Array:
    """A log-normal field of mean 1; ones where ``sd`` is 0."""
    if sd <= 0.0:
        return np.ones(shape, np.float32)
    field = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma)
    return np.asarray(np.exp(sd * field / field.std() - 0.5 * sd**2), dtype=np.float32)


def _shading(rng: np.random.Generator, shape: tuple[int, int], sd: float) -> Array:
    if sd <= 0.0:
        return np.ones(shape, np.float32)
    field = _smooth_field(rng, shape, float(rng.uniform(8.0, 25.0)))
    return np.asarray(np.exp(sd * field), dtype=np.float32)


def _one_side(missing: int, shape: tuple[int, int]) -> Array:
    """1 on the side that is recorded, 0 on the missing one, over a soft midline."""
    if not missing:
        return np.ones(shape, np.float32)
    x = np.linspace(-1.0, 1.0, shape[1], dtype=np.float32)
    return np.broadcast_to(1.0 / (1.0 + np.exp(missing * x / 0.04)), shape)


def _floor(params: RecordingParams, rows: int) -> Array:
    """Noise floor over the mean signal, from top to bottom."""
    db = np.linspace(0.0, params.floor_growth_db, rows, dtype=np.float32) - params.floor_db
    return np.asarray(10.0 ** (0.1 * db), dtype=np.float32)


def _speckle(rng: np.random.Generator, shape: tuple[int, int], cv: float, sigma: Pair) -> Array:
    """Correlated Gamma speckle of mean 1 (Wilson-Hilferty, as in `phantom.doppler`)."""
    z = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma, mode="wrap")
    z /= z.std()
    k = 1.0 / max(cv, 1e-3) ** 2
    return np.asarray(np.clip(1.0 - 1.0 / (9.0 * k) + z / (3.0 * np.sqrt(k)), 0.01, None) ** 3)


def _black(power: Array, params: RecordingParams) -> float:
    """Power below which a display is black; 0 for linear recordings."""
    if params.values == "linear":
        return 0.0
    return float(np.percentile(power, 99.7)) * float(10.0 ** (-0.1 * params.range_db))


def _displayed(power: Array, params: RecordingParams, black: float) -> Array:
    """What is handed on: power, or grey levels between black and the brightest."""
    if params.values == "linear":
        return np.asarray(power, dtype=np.float32)
    white = max(float(np.percentile(power, 99.7)), 1e-9)
    if params.values == "sqrt":
        low = np.sqrt(black)
        grey = (np.sqrt(np.maximum(power, black)) - low) / (np.sqrt(white) - low)
    else:
        grey = np.log(np.maximum(power, black) / black) / np.log(white / black)
    steps = params.grey_levels - 1
    levels = np.rint(np.clip(grey, 0.0, 1.0) * steps)
    if params.values == "db":
        return np.asarray(levels * (params.range_db / steps), dtype=np.float32)
    return np.asarray(levels, dtype=np.float32)


def _draw_crop(rng: np.random.Generator) -> tuple[float, float, float, float]:
    """The whole section, or for a third of the recordings a window of more than half of a side."""
    if rng.random() < 0.65:
        return 0.0, 1.0, 0.0, 1.0
    rows, columns = rng.uniform(0.5, 1.0, 2)
    top, left = rng.random() * (1.0 - rows), rng.random() * (1.0 - columns)
    return float(top), float(top + rows), float(left), float(left + columns)
