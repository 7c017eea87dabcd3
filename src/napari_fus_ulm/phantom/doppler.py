"""Power Doppler of the same vessels, rendered independently of the bubble counts.

It differs from blurred ULM by: blood volume instead of bubble flux, a log-normal
haematocrit per vessel, a clutter filter that removes slow and lateral flow, the capillary bed,
another elevation profile, speckle, noise, haze, shadows and misregistration.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, map_coordinates

from napari_fus_ulm.phantom.anatomy import Anatomy, anatomy_of
from napari_fus_ulm.phantom.params import PhantomParams
from napari_fus_ulm.phantom.skull import Transmission, transparent
from napari_fus_ulm.phantom.tissue import Tissue
from napari_fus_ulm.phantom.vessels import Vessels, smooth_displacement

GRID = 25.0
"""Grid on which blood volume is blurred, µm."""
LATERAL = 0.12
"""Share of the Doppler shift that flow across the beam still has: the beam's width, turbulence."""
Array = npt.NDArray[np.float64]


def power_doppler(
    rng: np.random.Generator,
    vessels: Vessels,
    params: PhantomParams,
    tissue: Tissue,
    skull: Transmission = transparent,
) -> npt.NDArray[np.float32]:
    """Render linear power Doppler on a grid of ``params.fus_pixel_um``.

    Returns
    -------
    (height, width) array
        Power, linear, positive; its mean over the image is 1.
    """
    anatomy = anatomy_of(params)
    fine = (round(params.depth_mm * 1000 / GRID), round(params.width_mm * 1000 / GRID))
    y, x = (np.asarray((np.arange(n) + 0.5) * GRID, dtype=np.float64) for n in fine)
    volume = blood_volume(rng, vessels, params, fine)
    bed = capillary_bed(rng, anatomy, tissue, x, y)
    blurred = _blur_with_depth(volume, params, y)
    signal = blurred + _bed_level(blurred, bed, params.background) * bed
    loss = 10 ** (-0.1 * params.attenuation_db_mm * np.clip(y - anatomy.top, 0, None) / 1000.0)
    signal *= loss[:, None] * skull(x)[None, :]
    mean = signal.mean()
    signal += mean * params.haze * np.exp(-np.clip(y - anatomy.top + 300, 0, None) / 900.0)[:, None]

    coarse = _sample(signal, params)
    coarse *= _gamma_field(rng, coarse.shape, params.effective_frames)
    rows = (np.arange(coarse.shape[0]) + 0.5) * fus_grid(params)[1][0] / 1000.0
    floor = mean * 10 ** (0.1 * (params.noise_db_mm * rows - params.noise_db))
    coarse += floor[:, None] * _gamma_field(rng, coarse.shape, params.effective_frames)
    return np.asarray(coarse / coarse.mean(), dtype=np.float32)


def blood_volume(
    rng: np.random.Generator,
    vessels: Vessels,
    p: PhantomParams,
    shape: tuple[int, int],
    grid: float = GRID,
) -> Array:
    """Blood volume that passes the clutter filter, per cell of ``grid`` µm."""
    owner = vessels.owner
    xyz = vessels.points.copy()
    size = 1000.0 * max(p.width_mm, p.depth_mm)
    direction = rng.uniform(0.0, 2 * np.pi)
    xyz[:, :2] += p.shift_um * np.array([np.cos(direction), np.sin(direction)])
    xyz[:, :2] += smooth_displacement(rng, xyz[:, :2], size, p.warp_um)
    axial = np.abs(vessels.tangents()[:, 1])
    doppler = vessels.speed * (LATERAL + (1.0 - LATERAL) * axial)
    passed = doppler**2 / (doppler**2 + p.clutter_speed_mm_s**2)
    sigma = p.fus_slice_um / 2.355
    seen = np.exp(-0.5 * ((xyz[:, 2] - p.out_of_plane_um) / sigma) ** 2)
    haematocrit = np.exp(rng.normal(0.0, p.haematocrit_sd, len(vessels.first) - 1))[owner]
    amount = vessels.radii**2 * passed * seen * haematocrit
    total = np.zeros(shape[0] * shape[1])
    spots = 3  # points spread over the lumen, so that wide vessels are wide
    for _ in range(spots):
        offset = rng.normal(0.0, 0.5, (len(xyz), 2)) * vessels.radii[:, None]
        column = np.floor((xyz[:, 0] + offset[:, 0]) / grid).astype(np.int64)
        row = np.floor((xyz[:, 1] + offset[:, 1]) / grid).astype(np.int64)
        inside = (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0])
        total += np.bincount(
            row[inside] * shape[1] + column[inside],
            weights=amount[inside] / spots,
            minlength=total.size,
        )
    return total.reshape(shape)


def capillary_bed(
    rng: np.random.Generator, a: Anatomy, tissue: Tissue, x: Array, y: Array, grid: float = GRID
) -> Array:
    """Relative density of capillaries: smooth texture, more in cortex, less in white matter."""
    xx, yy = np.meshgrid(x, y)
    below = a.below(xx, yy) / (1000.0 * a.scale)
    # The base is a ragged place; the surface is sharp.
    brain = 0.15 + 0.85 / (1.0 + np.exp((yy - a.base(xx)) / 200.0))
    density = np.where(below > 0, brain, 0.04)
    density *= 1.0 + rng.uniform(0.1, 0.7) * np.exp(-(((below - 0.7) / 0.7) ** 2))
    density *= np.where(a.in_callosum(xx, yy), rng.uniform(0.35, 0.7), 1.0)
    texture = 0.5 * np.log(tissue.density(xx, yy))
    for scale, strength in ((100.0, 0.12), (300.0, 0.25), (900.0, 0.4)):
        field = gaussian_filter(rng.normal(size=density.shape), scale / grid, mode="wrap")
        texture += strength * field / field.std()
    return gaussian_filter(density, 60.0 / grid) * np.exp(texture)


def _bed_level(vessels: Array, bed: Array, share: float) -> float:
    """Level at which the bed makes up ``share`` of the mean displayed (square-root) image."""
    low, high = 0.0, 1e3 * float(vessels.mean() / bed.mean())
    for _ in range(40):
        level = 0.5 * (low + high)
        drawn = np.sqrt(level * bed).mean() / np.sqrt(vessels + level * bed).mean()
        low, high = (level, high) if drawn < share else (low, level)
    return 0.5 * (low + high)


def _blur_with_depth(image: Array, p: PhantomParams, y: Array) -> Array:
    """Blur with a point spread function that widens with depth: blend of three fixed blurs."""
    depths = np.array([0.0, 0.5, 1.0]) * y[-1]
    blurred = []
    for depth in depths:
        growth = 1.0 + p.psf_growth_per_mm * depth / 1000.0
        sigma = [fwhm * growth / 2.355 / GRID for fwhm in p.psf_um]
        blurred.append(gaussian_filter(image, sigma))
    shares = [np.interp(y, depths, np.eye(3)[i])[:, None] for i in range(3)]
    return np.asarray(sum(s * b for s, b in zip(shares, blurred, strict=True)))


def fus_grid(p: PhantomParams) -> tuple[tuple[int, int], tuple[float, float]]:
    """Shape of the image and size of its pixels in µm: about those requested, filling the field."""
    extent = [10.0 * round(100.0 * side) for side in (p.depth_mm, p.width_mm)]
    rows, columns = (round(e / pixel) for e, pixel in zip(extent, p.fus_pixel_um, strict=True))
    return (rows, columns), (extent[0] / rows, extent[1] / columns)


def _sample(image: Array, p: PhantomParams) -> Array:
    shape, step = fus_grid(p)
    rows, columns = (
        (np.arange(n) + 0.5) * s / GRID - 0.5 for n, s in zip(shape, step, strict=True)
    )
    grid = np.meshgrid(rows, columns, indexing="ij")
    return np.asarray(map_coordinates(image, grid, order=1, mode="nearest"))


def _gamma_field(rng: np.random.Generator, shape: tuple[int, ...], frames: float) -> Array:
    """Spatially correlated Gamma speckle of mean 1 and coefficient of variation 1/√frames.

    The Wilson-Hilferty transformation of a correlated Gaussian field: (1 - 1/9k + z/3√k)³ is
    Gamma(k)/k distributed to good accuracy for k > 1.
    """
    z = gaussian_filter(rng.normal(size=shape), (0.45, 0.6), mode="wrap")
    z /= z.std()
    k = max(frames, 1.5)
    return np.asarray(np.clip(1.0 - 1.0 / (9.0 * k) + z / (3.0 * np.sqrt(k)), 0.0, None) ** 3)
