"""Guesses where the file does not say: modality, transform of the values, lengths."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.io.formats import stem_of
from napari_fus_ulm.scan import ASSUMED_PIXEL_MM, ASSUMED_ULM_PIXEL_MM, Modality, ValuesKind

GUESS_SAMPLE = 1_000_000
"""Pixels from which the kind of values is guessed."""


_ULM = re.compile(r"ulm(?![a-z])|(?<![a-z])ulm|matout|locali[sz]ation")
_FUS = re.compile(r"(?<![a-z])(pwd|fusi?|cbv|angio)(?![a-z])|doppler")
# Whole words, or glued to one side: "ratULM" but not "bulma", "counts" but not "accounts".
_OF_A_MAP = re.compile(r"(?<![a-z])(tracks?|counts?)(?![a-z])")
_ENTITY = re.compile(r"(?<![a-z0-9])[a-z]+-[a-z0-9+-]+(?=_)")
"""A label in a BIDS name, such as ``task-track_``: what a person called it, not what it is."""


def modality_of(path: Path) -> Modality:
    """Guess the modality from a file's name (BIDS suffix ``_pwd``: power Doppler) and folder."""
    stem = stem_of(path).lower()
    if stem.startswith("sub-"):
        stem = _ENTITY.sub("", stem)
    folder = path.parent.name.lower()
    if _ULM.search(folder) and _FUS.search(folder):  # "fus-ulm-study" holds both
        folder = ""
    for text in (stem, folder):
        if _ULM.search(text):
            return "ulm"
        if _FUS.search(text):
            return "fus"
        if _OF_A_MAP.search(text):
            return "ulm"
    return "unknown"


def guess_values(image: npt.NDArray[Any]) -> ValuesKind:
    """Guess which transform an image's numbers went through.

    Returns
    -------
    {"display", "db", "linear"}
        "display" for 8-bit grey levels (also divided by 255), "db" when the maximum is about 0
        and the rest is far below, otherwise "linear". A square or cube root cannot be
        distinguished from linear data: ask.
    """
    if image.dtype == np.uint8:
        return "display"
    if image.dtype.kind not in "buif":
        return "linear"
    flat = image.reshape(-1)
    # The extremes of everything, the rest from a sample: a film has a hundred million pixels.
    with np.errstate(invalid="ignore"):  # a signalling NaN
        sample = np.asarray(flat[:: max(1, flat.size // GUESS_SAMPLE)], dtype=float)
    finite = sample[np.isfinite(sample)]
    if finite.size == 0:
        return "linear"
    extremes = np.array([np.fmin.reduce(flat), np.fmax.reduce(flat)], dtype=float)
    known = extremes[np.isfinite(extremes)]
    low, high = min(finite.min(), *known), max(finite.max(), *known)
    if high <= 1.0 and low < -5.0:
        return "db"
    if low >= 0:
        for white in (255.0, 1.0):
            with np.errstate(over="ignore"):
                levels = finite * (255.0 / white)
            # 200 of 255: a picture uses its range; counts that stay small are not a picture.
            if 200 / 255 * white <= high <= white and np.allclose(
                levels, levels.round(), atol=1e-3
            ):
                return "display" if np.unique(levels.round()).size > 2 else "linear"
    return "linear"


def guess_kind(values: npt.NDArray[Any], modality: str) -> str:
    """Guess the transform of a file's values; bubble counts are small integers too."""
    guess = guess_values(values)
    counts = modality == "ulm" and guess == "display" and values.dtype != np.uint8
    return "linear" if counts else guess


def length_in_mm(number: float) -> float | None:
    """Read a bare pixel size as m, mm or µm, whichever makes it one of ultrasound.

    Pixels between 2 µm and 2 mm have disjoint ranges in the three units.
    """
    factor = factor_to_mm([number])
    return None if factor is None else number * factor


def factor_to_mm(numbers: npt.ArrayLike) -> float | None:
    """Return the factor by which pixel sizes of one unit become those of ultrasound in mm."""
    sizes = np.asarray(numbers, dtype=float)
    for factor in (1.0, 1e3, 1e-3):
        if sizes.size and (sizes * factor >= 2e-3).all() and (sizes * factor < 2.0).all():
            return factor
    return None


def assumed_pixel(modality: str) -> float:
    """Return the in-plane pixel (mm) to assume for an image whose file stores none."""
    return ASSUMED_ULM_PIXEL_MM if modality == "ulm" else ASSUMED_PIXEL_MM
