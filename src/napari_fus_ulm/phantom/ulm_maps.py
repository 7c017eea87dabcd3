"""Real ULM maps as geometry: a map in, scenes out, without any fUS.

A map's counts say where vessels are and, roughly, how much blood they hold. A scene made of it
shows the map turned, magnified, bent and mirrored; its blood volume is a power of the counts under
a slow log-normal modulation, with vessels that ULM did not see from a phantom and a capillary bed;
its ULM is the same map, often thinned as a shorter recording would have it. Counts are thinned by
scaling, subtracting and clipping, never by a draw per pixel: tracks stay continuous.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import affine_transform, gaussian_filter, map_coordinates, zoom

from napari_fus_ulm.errors import CohortError, UserError
from napari_fus_ulm.grey.resampling import area_mean, bin_counts, resample
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.phantom.bubbles import ULM_PIXEL
from napari_fus_ulm.phantom.scene import SCENE_PIXEL, Scene, make_scene

Array = npt.NDArray[np.float32]

MAGNIFIED = (0.9, 1.8)
"""Range of the magnification of a map in a scene."""
TURNED = 0.2
"""Standard deviation of its rotation, rad."""
BENT_UM = 80.0
"""Smooth displacement (standard deviation)."""
CENTRE_UM = 300.0
"""Movement of the map in its scene, beyond the room that is left (standard deviation)."""
OFFSET_UM = 15.0
"""Misregistration of power Doppler and ULM (standard deviation, along each axis)."""
COUNT_POWERS = (0.55, 1.0)
"""Blood volume is the counts to a power in this range."""


@dataclass(frozen=True, slots=True)
class UlmMap:
    """A ULM map in bubbles.

    Attributes
    ----------
    counts : (height, width) array
    pixel_um : float
    density : bool
        The numbers were a density; bubbles were estimated.
    """

    counts: Array
    pixel_um: float
    density: bool


def read_maps(folder: Path) -> list[UlmMap]:
    """Read all ULM maps of a folder, in the order of their names.

    Raises
    ------
    CohortError
        If there is none, or one cannot be used; the sentence names the file.
    """
    from napari_fus_ulm.io import images_in

    if not folder.is_dir():
        raise CohortError(f"There is no folder {folder} with ULM maps.")
    files = images_in(folder)
    if not files:
        raise CohortError(
            f"The folder {folder} holds no ULM map; put images of counts or densities there."
        )
    return [_read_map(path) for path in files]


def _read_map(path: Path) -> UlmMap:
    from napari_fus_ulm.io import read_one

    try:
        scan = read_one(path, modality="ulm").squeeze()
    except UserError as error:
        raise CohortError(f"{path}: {error}") from error
    image = np.nan_to_num(np.asarray(scan.values, dtype=np.float32))
    if image.ndim != 2 or image.max(initial=0.0) <= 0.0:
        raise CohortError(f"{path}: a ULM map is one image with some positive counts.")
    if not scan.attrs.get("spacing_known", True):
        raise CohortError(
            f"{path}: the file does not store its pixel size; save the map again with it, for "
            "instance as OME-TIFF or NIfTI."
        )
    height, width = Grid.of(scan).spacing_mm
    if abs(height - width) > 0.02 * width:
        side = min(height, width)
        shape = round(image.shape[0] * height / side), round(image.shape[1] * width / side)
        image, width = np.maximum(resample(image, shape), 0.0), side
    positive = np.maximum(image, 0.0)
    unit, density = bubble_unit(positive)
    return UlmMap((positive / unit).astype(np.float32), 1000.0 * width, density)


def bubble_unit(image: Array) -> tuple[float, bool]:
    """What stands for one bubble, and whether that is an estimate.

    Counts begin at 1. Of a density or a normalised map the 10th percentile of the positive values
    is taken: what is fainter are the tails of its smoothing.
    """
    positive = image[image > 0]
    low, tenth = (float(v) for v in np.percentile(positive, [1.0, 10.0]))
    return (1.0, False) if low == 1.0 else (max(tenth, 1e-12), True)


def map_scene(ulm: UlmMap, unseen: Scene, rng: np.random.Generator) -> Scene:
    """Draw one scene of a map.

    Parameters
    ----------
    ulm : UlmMap
    unseen : Scene
        Of a phantom: its vessels stand for those that ULM did not see.
    rng : numpy.random.Generator
    """
    height, width = (round(1000.0 * rng.uniform(*side) / SCENE_PIXEL) for side in ((6, 9), (7, 12)))
    counts = _placed(ulm, (2 * height, 2 * width), rng)
    tissue = _tissue(counts, (height, width))
    volume = _blood_volume(counts, rng)
    other = np.maximum(resample(unseen.vessels, (height, width)), 0.0)
    other *= rng.uniform(0.0, 0.5) * volume.mean() / max(float(other.mean()), 1e-9)
    top = int(np.argmax(tissue.mean(axis=1) > 0.2))
    below = np.clip((np.arange(height) - top) * SCENE_PIXEL, 0.0, None)
    return make_scene(
        counts=thinned(counts, _share_kept(ulm, rng)),
        vessels=volume + other * (0.2 + tissue),
        bed=_bed(tissue, rng),
        brain=np.clip(2.5 * tissue, 0.0, 1.0),
        loss_rows=10.0 ** (-0.1 * rng.uniform(-0.6, 0.8) * below / 1000.0),
        loss_columns=np.ones(width),
        haze=np.exp(-below / 900.0),
        placed=False,
    )


def thinned(counts: Array, share: float) -> Array:
    """Counts of a shorter recording: ``share`` of them, less what then falls below one bubble."""
    return np.asarray(np.maximum(counts * share - (1.0 - share), 0.0), dtype=np.float32)


def _share_kept(ulm: UlmMap, rng: np.random.Generator) -> float:
    """Of a density the faintest level is noise, so it is always thinned."""
    if ulm.density:
        return float(np.exp(rng.uniform(np.log(0.08), np.log(0.5))))
    return 1.0 if rng.random() < 0.5 else float(np.exp(rng.uniform(np.log(0.2), 0.0)))


def _placed(ulm: UlmMap, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """The map on a scene's grid of counts: magnified, turned, mirrored, bent and moved."""
    magnified = float(np.exp(rng.uniform(*np.log(MAGNIFIED))))
    step = ULM_PIXEL / magnified
    image, pixel = ulm.counts, ulm.pixel_um
    if step > 1.3 * pixel:  # tracks must not fall between the samples
        n = round(step / pixel + 0.2)
        binned = image.shape[0] // n, image.shape[1] // n
        image = bin_counts(image[: binned[0] * n, : binned[1] * n], binned)
        pixel *= n
    angle, side = rng.normal(0.0, TURNED), rng.choice([-1.0, 1.0])
    along = ((np.arange(n, dtype=np.float32) + 0.5 - 0.5 * n) * step for n in shape)
    y, x = np.meshgrid(*along, indexing="ij")
    room = [max(0.0, n * pixel - m * step) for n, m in zip(image.shape, shape, strict=True)]
    centre = [
        0.5 * n * pixel + rng.uniform(-0.5, 0.5) * r + rng.normal(0.0, CENTRE_UM)
        for n, r in zip(image.shape, room, strict=True)
    ]
    rows = centre[0] + np.cos(angle) * y - np.sin(angle) * x + _bend(rng, shape)
    columns = centre[1] + side * (np.sin(angle) * y + np.cos(angle) * x) + _bend(rng, shape)
    moved = map_coordinates(
        image, [rows / pixel - 0.5, columns / pixel - 0.5], order=1, mode="constant"
    )
    # Wider pixels hold more bubbles; finer ones see the same tracks pass.
    return np.asarray(moved * max(1.0, (step / pixel) ** 2), dtype=np.float32)


def _bend(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    coarse = gaussian_filter(rng.normal(size=(16, 16)), 1.5)
    coarse *= BENT_UM / coarse.std()
    factors = [(16 - 1) / (n - 1) for n in shape]
    return np.asarray(
        affine_transform(coarse, factors, output_shape=shape, order=3, mode="nearest"),
        dtype=np.float32,
    )


def _tissue(counts: Array, shape: tuple[int, int]) -> Array:
    """How densely ULM fills the tissue around, 0 to 1 (smooth)."""
    filled = gaussian_filter(area_mean((counts > 0.5).astype(np.float32), shape), 250 / SCENE_PIXEL)
    return np.asarray(np.clip(filled / max(float(np.percentile(filled, 95)), 1e-6), 0.0, 1.0))


def _blood_volume(counts: Array, rng: np.random.Generator) -> Array:
    volume = counts ** rng.uniform(*COUNT_POWERS)
    volume = area_mean(volume, (counts.shape[0] // 2, counts.shape[1] // 2))
    away = rng.normal(0.0, OFFSET_UM / SCENE_PIXEL, 2)
    volume = affine_transform(volume, [1.0, 1.0], away, order=1, mode="constant")
    slow = _log_field(rng, volume.shape, float(rng.uniform(100.0, 600.0)))
    return np.asarray(volume * np.exp(rng.uniform(0.3, 1.0) * slow), dtype=np.float32)


def _bed(tissue: Array, rng: np.random.Generator) -> Array:
    texture = sum(
        strength * _log_field(rng, tissue.shape, scale)
        for scale, strength in ((100.0, 0.12), (300.0, 0.25), (900.0, 0.4))
    )
    return np.asarray((0.15 + tissue) * np.exp(texture), dtype=np.float32)


def _log_field(rng: np.random.Generator, shape: tuple[int, ...], scale_um: float) -> Array:
    """A smooth field of standard deviation 1, drawn on a grid of half its scale."""
    step = max(1.0, 0.5 * scale_um / SCENE_PIXEL)
    coarse = [max(6, round(n / step)) for n in shape]
    field = gaussian_filter(rng.normal(size=coarse), 2.0)
    field = (field - field.mean()) / field.std()
    factors = [n / c for n, c in zip(shape, coarse, strict=True)]
    grown = zoom(field, factors, order=1, mode="nearest", grid_mode=True)
    return np.asarray(grown[: shape[0], : shape[1]], dtype=np.float32)
