"""Pictures that are not fUS, made in code: what the light beside the input has to notice.

Every kind is a function of a random generator and of one recording of a simulated section (shown
as it would be, larger is brighter), and gives an image. Photographs are those that scikit-image
brings along; nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

Floats = npt.NDArray[np.float64]
Random = np.random.Generator
Kind = Callable[[Random, Floats], Floats]

PHOTOGRAPHS = (
    *("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "moon.png"),
    *("rocket.jpg", "hubble_deep_field.jpg", "motorcycle_left.png", "clock_motion.png"),
)
TEXTURES = ("brick.png", "grass.png", "gravel.png")
MICROGRAPHS = ("ihc.png", "cell.png", "microaneurysms.png")
GRAPHICS = ("logo.png", "horse.png", "color.png")
TEXT = ("page.png", "text.png")


@lru_cache(maxsize=32)
def _bundled(name: str) -> Floats:
    from skimage import data

    colours = Image.open(Path(data.__file__).parent / name).convert("RGB")
    return np.rint(np.asarray(colours, np.float64) @ (0.299, 0.587, 0.114))


def _scaled(image: Floats, rows: int, columns: int) -> Floats:
    smaller = rows < image.shape[0]
    how = Image.Resampling.BOX if smaller else Image.Resampling.BICUBIC
    picture = Image.fromarray(image.astype(np.float32)).resize((columns, rows), how)
    return np.asarray(picture, np.float64)


def _part(rng: Random, image: Floats) -> Floats:
    """A part of a picture, half of the time at its own size, else shrunk to that of fUS."""
    share = rng.uniform(0.5, 1.0)
    rows, columns = (max(32, int(n * share)) for n in image.shape)
    top, left = (
        int(rng.integers(n - m + 1)) for n, m in zip(image.shape, (rows, columns), strict=True)
    )
    part = image[top : top + rows, left : left + columns]
    factor = min(1.0, rng.uniform(90, 250) / max(part.shape)) if rng.random() < 0.5 else 1.0
    rows, columns = (max(32, round(n * factor)) for n in part.shape)
    return part if factor == 1.0 else np.rint(_scaled(part, rows, columns))


def _of_files(names: tuple[str, ...], rng: Random, fus: Floats) -> Floats:
    return _part(rng, _bundled(names[int(rng.integers(len(names)))]))


def _shape(rng: Random) -> tuple[int, int]:
    return int(rng.integers(70, 160)), int(rng.integers(80, 200))


def _coordinates(rng: Random) -> tuple[Floats, Floats]:
    rows, columns = _shape(rng)
    y, x = np.mgrid[:rows, :columns]
    return y.astype(np.float64), x.astype(np.float64)


def noise(rng: Random, fus: Floats, slope: float = 0.0) -> Floats:
    """Noise whose power falls with frequency to the power of ``slope``."""
    rows, columns = _shape(rng)
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None])
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal((rows, columns))) * frequency ** (-0.5 * slope)
    drawn = np.fft.irfft2(spectrum, (rows, columns))
    return np.asarray(drawn - drawn.min() + 0.01)


def gamma_noise(rng: Random, fus: Floats) -> Floats:
    """Power of independent pixels: a recording without anything in it, without a probe."""
    return rng.gamma(2.0, 1.0, _shape(rng))


def smooth_noise(rng: Random, fus: Floats) -> Floats:
    """White noise that was blurred."""
    return ndimage.gaussian_filter(rng.standard_normal(_shape(rng)), rng.uniform(1.0, 4.0)) + 5.0


def b_mode(rng: Random, fus: Floats) -> Floats:
    """An anatomical ultrasound image: fully developed speckle of tissues, 60 dB."""
    y, x = _coordinates(rng)
    size = rng.uniform(0.5, 1.2)
    real, imaginary = (
        ndimage.gaussian_filter(rng.standard_normal(y.shape), (size, 2.0 * size)) for _ in range(2)
    )
    field = ndimage.gaussian_filter(rng.standard_normal(y.shape), 12.0)
    tissue = np.digitize(field / field.std(), [-1.0, -0.3, 0.4, 1.1])
    level = np.array([0.05, 0.3, 0.6, 1.0, 2.5])[rng.permutation(5)][tissue]
    across = x / x.max() - 0.5
    for _ in range(3):
        layer = y / y.max() - rng.uniform() - 0.3 * rng.normal() * across**2
        level = np.where(np.abs(layer) < 0.015, 6.0, level)
    cyst = ((y / y.max() - rng.uniform(0.2, 0.8)) / 0.15) ** 2 + (
        (across - rng.uniform(-0.3, 0.3)) / 0.1
    ) ** 2
    echo = np.hypot(real, imaginary) * np.where(cyst < 1.0, 0.02, level)
    return np.rint(255.0 * np.clip(1.0 + np.log10(echo / echo.max() + 1e-9) / 3.0, 0.0, 1.0))


def tomogram(rng: Random, fus: Floats) -> Floats:
    """Discs in an ellipse, as a phantom of computed tomography."""
    y, x = _coordinates(rng)
    rows, columns = y.shape
    image = np.where(
        ((y / rows - 0.5) / 0.45) ** 2 + ((x / columns - 0.5) / 0.42) ** 2 < 1.0, 0.3, 0.0
    )
    for _ in range(10):
        centre, radius = rng.uniform(0.25, 0.75, 2), rng.uniform(2.0, 14.0)
        inside = (y - centre[0] * rows) ** 2 + (x - centre[1] * columns) ** 2 < radius**2
        image[inside] = rng.uniform(0.1, 1.0)
    image = ndimage.gaussian_filter(image, 0.6) + 0.02 * rng.standard_normal(y.shape)
    return np.asarray(np.maximum(image, 0.0))


def checkerboard(rng: Random, fus: Floats) -> Floats:
    """Squares, sometimes with noise on them."""
    y, x = _coordinates(rng)
    size = int(rng.integers(3, 16))
    return (y // size + x // size) % 2 * 200.0 + 20.0 + rng.choice([0.0, 5.0]) * rng.random(y.shape)


def gradient(rng: Random, fus: Floats) -> Floats:
    """A ramp or a cone."""
    y, x = _coordinates(rng)
    if rng.random() < 0.5:
        return np.hypot(y - 0.5 * y.max(), x - 0.5 * x.max()) + 1.0
    angle = rng.uniform(0.0, 0.5 * np.pi)
    return np.asarray(np.cos(angle) * y + np.sin(angle) * x + 1.0)


def stripes(rng: Random, fus: Floats) -> Floats:
    """A sine in any direction."""
    y, x = _coordinates(rng)
    angle = rng.uniform(0.0, np.pi)
    return np.asarray(
        128.0 + 100.0 * np.sin((np.cos(angle) * y + np.sin(angle) * x) * rng.uniform(0.1, 1.2))
    )


def blobs(rng: Random, fus: Floats) -> Floats:
    """Round spots."""
    rows, columns = _shape(rng)
    image = np.zeros((rows, columns))
    image[rng.integers(0, rows, 40), rng.integers(0, columns, 40)] = rng.uniform(0.2, 1.0, 40)
    return np.asarray(ndimage.gaussian_filter(image, rng.uniform(2.0, 5.0)) + 1e-4)


def histology(rng: Random, fus: Floats) -> Floats:
    """Dark nuclei in bright tissue."""
    y, x = _coordinates(rng)
    field = ndimage.gaussian_filter(rng.standard_normal(y.shape), 1.2)
    image = 220.0 - 15.0 * field / field.std()
    for _ in range(150):
        centre, radius = rng.uniform(0.0, 1.0, 2) * y.shape, rng.uniform(1.5, 3.5)
        image[(y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2] = rng.uniform(60.0, 120.0)
    return np.rint(np.clip(ndimage.gaussian_filter(image, 0.7), 0.0, 255.0))


def layers_of_a_retina(rng: Random, fus: Floats) -> Floats:
    """Optical coherence tomography: speckled layers."""
    y, _ = _coordinates(rng)
    surface = ndimage.gaussian_filter1d(rng.standard_normal(y.shape[1]), 20.0)
    depth = y - 0.25 * len(y) - 6.0 * surface / surface.std()
    below = np.exp(-depth / (0.4 * len(y))) * (1.0 + 0.6 * np.sin(depth / rng.uniform(3.0, 7.0)))
    return np.asarray(np.where(depth < 0, 0.03, below) * rng.gamma(1.5, 1.0 / 1.5, y.shape) + 1e-3)


def mask(rng: Random, fus: Floats) -> Floats:
    """Two values."""
    return (fus > np.percentile(fus, rng.uniform(50.0, 90.0))).astype(np.float64)


def inverted(rng: Random, fus: Floats) -> Floats:
    """Vessels dark on bright."""
    return np.asarray(fus.max() - fus)


def screenshot(rng: Random, fus: Floats, colours: str = "gray") -> Floats:
    """A figure of a recording with axes, a title and a colour bar."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 3), dpi=int(rng.integers(60, 100)))
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    shown = axes.imshow(fus, cmap=colours, extent=(0.0, 12.0, 8.0, 0.0))
    figure.colorbar(shown)
    axes.set(xlabel="x (mm)", ylabel="z (mm)", title="rat 01")
    canvas.draw()
    return np.rint(np.asarray(canvas.buffer_rgba(), np.float64)[..., :3] @ (0.299, 0.587, 0.114))


def upside_down(rng: Random, fus: Floats) -> Floats:
    """A recording with depth from bottom to top."""
    return fus[::-1]


KINDS: Mapping[str, Kind] = {
    "photographs": partial(_of_files, PHOTOGRAPHS),
    "textures (brick, grass, gravel)": partial(_of_files, TEXTURES),
    "micrographs": partial(_of_files, MICROGRAPHS),
    "retina (fundus)": partial(_of_files, ("retina.jpg",)),
    "drawings": partial(_of_files, GRAPHICS),
    "text": partial(_of_files, TEXT),
    "white noise": noise,
    "noise, 1/f": partial(noise, slope=1.0),
    "noise, 1/f²": partial(noise, slope=2.0),
    "noise, 1/f³": partial(noise, slope=3.0),
    "Gamma noise": gamma_noise,
    "blurred noise": smooth_noise,
    "B-mode": b_mode,
    "tomogram of discs": tomogram,
    "checkerboard": checkerboard,
    "gradient": gradient,
    "stripes": stripes,
    "round spots": blobs,
    "histology": histology,
    "layers (OCT)": layers_of_a_retina,
    "mask": mask,
    "inverted fUS": inverted,
    "screenshot": screenshot,
    "screenshot in colours": partial(screenshot, colours="jet"),
}
"""Kinds by name. ULM maps, generated images and sections upside down are made elsewhere."""
