"""A scene: all of a section that stays the same when it is recorded again.

Power Doppler of one section differs from probe to probe and from day to day; its vessels do not. A
scene keeps the ULM counts, the blood volume and the capillary bed on fine grids, and what the skull
lets through; `napari_fus_ulm.phantom.recording` makes any number of recordings of it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.errors import CohortError
from napari_fus_ulm.grey.intensity import ULM_HIGH
from napari_fus_ulm.grey.resampling import area_mean
from napari_fus_ulm.io.atomic import arrays_writer, write_file
from napari_fus_ulm.phantom.anatomy import anatomy_of
from napari_fus_ulm.phantom.bubbles import ULM_PIXEL, bubble_counts
from napari_fus_ulm.phantom.doppler import blood_volume, capillary_bed
from napari_fus_ulm.phantom.pair import grow_animal
from napari_fus_ulm.phantom.params import PhantomParams

Array = npt.NDArray[np.float32]

SCENE_PIXEL = 20.0
"""Grid of blood volume and bed, µm: finer than the point spread function of a 40 MHz probe."""
MOST = 6e4
"""Counts and densities above this are clipped (float16 ends there)."""
TOP_PIXELS = (10.0, 20.0, 40.0)
"""Pixel sizes at which the brightest count of a scene is known, µm."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What does not change between recordings of one section.

    Attributes
    ----------
    counts : (2h, 2w) array
        ULM: bubbles per pixel of 10 µm; those of a map that was moved are not whole ones.
    vessels : (h, w) array
        Blood volume that passes the clutter filter, on pixels of :data:`SCENE_PIXEL` µm; mean 1.
    bed : (h, w) array
        Capillary bed, smooth; mean 1.
    brain : (h, w) array
        Share of tissue that is brain, 0 to 1.
    loss_rows, loss_columns : (h,), (w,) arrays
        Share of the power that attenuation and skull let through; their product counts.
    haze : (h,) array
        Profile of the clutter under the skull; 1 at its strongest.
    tops : (3,) array
        Count that becomes grey 1 on pixels of :data:`TOP_PIXELS`.
    placed : bool
        Whether a place in the frame says where in a brain it is (phantoms: a whole section).
    """

    counts: Array
    vessels: Array
    bed: Array
    brain: Array
    loss_rows: Array
    loss_columns: Array
    haze: Array
    tops: Array
    placed: bool

    def top(self, pixel_um: float) -> float:
        """Count that becomes grey 1 on pixels of any size, µm."""
        logged = np.interp(np.log(pixel_um), np.log(TOP_PIXELS), np.log(self.tops))
        return float(np.exp(logged))


def phantom_scene(seed: int, params: PhantomParams | None = None, *, vary: bool = True) -> Scene:
    """The scene of a simulated animal; its ULM is that of `simulate_pair` of the same arguments."""
    grown = grow_animal(seed, params=params, vary=vary)
    params, vessels = grown.params, grown.slab.seen_from(0.0)
    rng = np.random.default_rng([seed, 0])
    counts = bubble_counts(rng, vessels, params, grown.skull)
    shape = counts.shape[0] // 2, counts.shape[1] // 2
    anatomy = anatomy_of(params)
    y, x = (np.asarray((np.arange(n) + 0.5) * SCENE_PIXEL, dtype=np.float64) for n in shape)
    below = np.clip(y - anatomy.top, 0.0, None)
    xx, yy = np.meshgrid(x, y)
    return make_scene(
        counts=counts,
        vessels=blood_volume(rng, vessels, params, shape, SCENE_PIXEL),
        bed=capillary_bed(rng, anatomy, grown.tissue, x, y, SCENE_PIXEL),
        brain=1.0 / (1.0 + np.exp(-np.clip(anatomy.below(xx, yy) / 100.0, -30.0, 30.0))),
        loss_rows=10.0 ** (-0.1 * params.attenuation_db_mm * below / 1000.0),
        loss_columns=grown.skull(x),
        haze=np.exp(-np.clip(y - anatomy.top + 300.0, 0.0, None) / 900.0),
        placed=True,
    )


def make_scene(
    *,
    counts: npt.NDArray[np.floating],
    vessels: npt.NDArray[np.floating],
    bed: npt.NDArray[np.floating],
    brain: npt.NDArray[np.floating],
    loss_rows: npt.NDArray[np.floating],
    loss_columns: npt.NDArray[np.floating],
    haze: npt.NDArray[np.floating],
    placed: bool,
) -> Scene:
    """Normalise the parts of a scene; counts are cropped to an even shape."""
    height, width = vessels.shape
    even_counts = np.clip(counts[: 2 * height, : 2 * width], 0.0, MOST).astype(np.float32)
    return Scene(
        counts=even_counts,
        vessels=_mean_one(vessels),
        bed=_mean_one(bed),
        brain=brain.astype(np.float32),
        loss_rows=loss_rows.astype(np.float32),
        loss_columns=loss_columns.astype(np.float32),
        haze=haze.astype(np.float32),
        tops=np.array([_top(even_counts, pixel) for pixel in TOP_PIXELS], np.float32),
        placed=placed,
    )


def _mean_one(image: npt.NDArray[np.floating]) -> Array:
    return np.asarray(image / max(float(image.mean()), 1e-12), dtype=np.float32)


def _top(counts: Array, pixel_um: float) -> float:
    """See :func:`napari_fus_ulm.grey.intensity.ulm_to_grey`."""
    n = round(pixel_um / ULM_PIXEL)
    shape = counts.shape[0] // n, counts.shape[1] // n
    binned = area_mean(counts[: shape[0] * n, : shape[1] * n], shape) * n**2
    positive = binned[binned > 0]
    return float(np.percentile(positive, ULM_HIGH)) if positive.size else 1.0


HALVED = ("counts", "vessels", "bed", "brain")
"""Fields that are kept as float16: half the disk, and a thousandth is more than enough."""


def write_scene(path: Path, scene: Scene) -> Path:
    """Write a scene as ``.npz``; not compressed, because it is read often."""
    parts = {one.name: np.asarray(getattr(scene, one.name)) for one in fields(scene)}
    parts |= {name: np.minimum(parts[name], MOST).astype(np.float16) for name in HALVED}
    return write_file(path, arrays_writer(parts, compressed=False))


@lru_cache(maxsize=64)
def read_scene(path: Path) -> Scene:
    """Read a scene that :func:`write_scene` wrote; the last ones stay in memory."""
    try:
        with np.load(path, allow_pickle=False) as file:
            parts = {name: file[name] for name in file.files}
        parts |= {name: parts[name].astype(np.float32) for name in HALVED}
        parts["placed"] = bool(parts["placed"])
        return Scene(**parts)
    except MemoryError:
        raise
    except Exception as error:  # NumPy raises all kinds of errors on a damaged file
        raise CohortError(
            f"The scene {path} is damaged; delete it, and it will be made again."
        ) from error
