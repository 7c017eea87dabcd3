"""Colour pictures back to grey levels, where their colours are those of a known colour map.

The luminance of a colour map such as *jet* is dark at both ends: the brightest vessel would become
black. Only a picture whose colours lie on a known map can be undone.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.errors import ScanError

MAPS = (
    "gray", "hot", "jet", "viridis", "inferno", "magma", "plasma", "turbo", "cividis", "afmhot",
    "bone", "copper", "rainbow", "parula", "fire", "red", "green", "blue", "cyan", "magenta",
    "yellow",
)  # fmt: skip
"""Colour maps that are recognised; the last six ramp from black to one colour."""
_POINTS = {
    "red": ((0, 0, 0), (255, 0, 0)),
    "green": ((0, 0, 0), (0, 255, 0)),
    "blue": ((0, 0, 0), (0, 0, 255)),
    "cyan": ((0, 0, 0), (0, 255, 255)),
    "magenta": ((0, 0, 0), (255, 0, 255)),
    "yellow": ((0, 0, 0), (255, 255, 0)),
    # MATLAB's and ImageJ's, which matplotlib has not: colours at even steps.
    "parula": (
        (57, 40, 150), (15, 92, 221), (18, 125, 216), (6, 160, 205), (21, 177, 180),
        (89, 189, 140), (165, 190, 107), (225, 186, 82), (252, 206, 46), (249, 251, 14),
    ),
    "fire": (
        (0, 0, 0), (0, 0, 61), (1, 0, 96), (25, 0, 130), (49, 0, 165), (73, 0, 192), (98, 0, 220),
        (122, 0, 227), (146, 0, 210), (162, 0, 181), (173, 0, 151), (184, 0, 122), (195, 0, 93),
        (207, 14, 64), (217, 35, 35), (229, 57, 5), (240, 79, 0), (252, 101, 0), (255, 117, 0),
        (255, 133, 0), (255, 147, 0), (255, 161, 0), (255, 175, 0), (255, 190, 0), (255, 205, 35),
        (255, 219, 98), (255, 234, 160), (255, 248, 223), (255, 255, 255),
    ),
}  # fmt: skip
_NEAR = 30.0
"""Distance (of 255, in RGB) up to which a colour is taken for one of a map: JPEG blurs colours."""
_BRIGHT = 40.0
_EXPLAINED = 0.9
"""Share of the bright pixels that must have a map's colours; letters and lines may have others."""
_SAMPLE = 20_000


def luminance(picture: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return the brightness of a colour picture, on the scale it came with.

    Parameters
    ----------
    picture : array of shape (..., 2), (..., 3) or (..., 4)
        Grey and alpha, RGB, or RGB and alpha; alpha is laid over black.

    Returns
    -------
    array of shape (...), float32
        0–255 for 8-bit pictures. A grey picture saved in colour gives its grey levels exactly.
    """
    numbers = _over_black(picture)
    if _is_grey(numbers):
        return np.asarray(numbers[..., 0], dtype=np.float32)
    # Rec. 709 weights, as scikit-image's rgb2gray.
    return np.asarray(numbers @ [0.2125, 0.7154, 0.0721], dtype=np.float32)


def grey_levels(picture: npt.NDArray[Any], name: str) -> tuple[npt.NDArray[np.float32], str]:
    """Return the grey levels of a picture whose colours are grey or those of a known map.

    Parameters
    ----------
    picture : array of shape (..., 2), (..., 3) or (..., 4)
        See `luminance`.
    name : str
        What the sentences call it.

    Returns
    -------
    levels : array of shape (...), float32
        As they came where the picture is grey; else the place on the colour map, 0–255.
    note : str
        Which map was undone; empty where the picture is grey.

    Raises
    ------
    ScanError
        If the colours are those of no known map.
    """
    numbers = _over_black(picture)
    if _is_grey(numbers):
        return np.asarray(numbers[..., 0], dtype=np.float32), ""
    colours, where = _distinct(numbers * (255.0 / _white(picture)))
    counts = np.bincount(where, minlength=len(colours))
    found = _recognised(colours, counts)
    if found is None:
        raise ScanError(
            f"“{name}” is a picture in colours that are those of no known colour map "
            f"({', '.join(MAPS[:8])}, …), so its values cannot be told. Save the image in grey, or "
            "its numbers as TIFF or NPY; crop a screenshot to the image; save separate slices "
            "as a stack."
        )
    best, share = found
    others = f"; {100 * (1 - share):.1f} % of it has other colours" if share < 0.999 else ""
    if best == "gray":
        return luminance(picture), f"“{name}” is a grey picture saved in colours{others}."
    _, place = _tree(best).query(colours)
    levels = np.asarray(place[where].reshape(picture.shape[:-1]), dtype=np.float32)
    return levels, f"The colours of “{name}” were read as the colour map “{best}”{others}."


def _recognised(
    colours: npt.NDArray[np.float64], counts: npt.NDArray[np.int64]
) -> tuple[str, float] | None:
    """Return the map that explains colours best and the share of pixels that it does explain."""
    if len(colours) > _SAMPLE:
        most = np.argsort(counts)[-_SAMPLE:]
        colours, counts = colours[most], counts[most]
    # Nearly black pixels, which many maps have, say nothing about which it is.
    bright = colours.max(axis=1) > _BRIGHT
    telling = counts * bright if bright.any() else counts
    best: tuple[float, str, float] | None = None
    for name in MAPS:
        distance, _ = _tree(name).query(colours)
        near = distance <= _NEAR
        explained = float(telling[near].sum() / telling.sum())
        if explained < _EXPLAINED:
            continue
        badness = float((telling * np.minimum(distance, _NEAR)).sum() / telling.sum())
        if best is None or badness < best[0]:
            best = badness, name, float(counts[near].sum() / counts.sum())
    return None if best is None else (best[1], best[2])


@lru_cache(maxsize=len(MAPS))
def _tree(name: str) -> Any:
    """Return the 256 colours of a map for look-ups by colour."""
    from matplotlib import colormaps
    from scipy.spatial import KDTree

    steps = np.linspace(0.0, 1.0, 256)
    if name in _POINTS:
        points = np.array(_POINTS[name], dtype=float)
        at = np.linspace(0.0, 1.0, len(points))
        return KDTree(np.stack([np.interp(steps, at, one) for one in points.T], axis=1))
    return KDTree(255.0 * colormaps[name](steps)[:, :3])


def _distinct(
    numbers: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return the distinct colours of a picture (as 8-bit numbers) and which one each pixel has."""
    levels = np.clip(np.rint(numbers), 0, 255).astype(np.int64).reshape(-1, 3)
    codes, where = np.unique(levels @ np.array([65536, 256, 1]), return_inverse=True)
    colours = np.stack([codes // 65536, codes // 256 % 256, codes % 256], axis=1)
    return colours.astype(np.float64), where.reshape(-1)


def _over_black(picture: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    numbers = picture.astype(np.float64)
    if numbers.shape[-1] in (2, 4):
        numbers = numbers[..., :-1] * (numbers[..., -1:] / _white(picture))
    return numbers


def _white(picture: npt.NDArray[Any]) -> float:
    return float(np.iinfo(picture.dtype).max) if picture.dtype.kind in "ui" else 1.0


def _is_grey(numbers: npt.NDArray[np.float64]) -> bool:
    return numbers.shape[-1] == 1 or bool((numbers == numbers[..., :1]).all())
