"""Is this fUS at all? A traffic light from the image alone, before anything is generated from it.

A generator draws vessels into anything: noise, a photograph, a ULM map. The light compares an image
with recordings of simulated sections (`napari_fus_ulm.phantom.recording`) and with pictures that
are not fUS, by the measures of `napari_fus_ulm.inference.picture`: a logistic regression of few
measures and their squares, so that each can be too large or too small, and the ones that speak
against fUS give the reasons. Weights and limits are in ``weights/familiarity.json``, which
``benchmarks/familiarity.py fit`` writes; nothing depends on the generators.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.generators.checkpoint import BUNDLED
from napari_fus_ulm.inference.picture import SMALLEST, TEXTURE, measures, top_over_bottom
from napari_fus_ulm.scan import planes

Floats = npt.NDArray[np.float64]
Light = Literal["green", "yellow", "red"]

LIMITS = BUNDLED / "familiarity.json"
FARTHEST = 4.0
"""Interquartile ranges from the median at which a measure is cut off."""
FEWEST = 8
"""Different values below which an image is a mask or a drawing."""
PLANES = 3
"""Planes of a stack or series that are looked at: the first, the middle and the last."""
COUNTS = 0.2
"""Share of empty pixels without which thin lines are not those of a ULM map."""
LEAST_TO_TURN = 40
"""Pixels a side below which a window is too small to say what is up in it."""
FAR = 2.5
"""Interquartile ranges from the median beyond which a measure is named."""
TELLING = ("width", "fine", "peak", "line", "coherence", "edges", "tails", "coarse", "ridge")
"""The measures in the order in which they explain something to a person."""

TOO_LOW: dict[str, str] = {
    "fine": "it is smoother than a recording",
    "coarse": "it is smoother than a recording",
    "ridge": "dark lines stand out more than bright ones (inverted grey levels?)",
    "line": "it shows no lines",
    "tails": "nothing in it stands out from its surroundings",
    "edges": "nothing in it stands out from its surroundings",
    "coherence": "it shows no lines",
    "peak": "its spectrum is unusually even",
    "width": "it holds hardly any detail",
}
TOO_HIGH: dict[str, str] = {
    "fine": "neighbouring pixels differ as in noise",
    "coarse": "neighbouring pixels differ as in noise",
    "ridge": "it holds bright lines only",
    "line": "it has long straight edges or stripes",
    "tails": "it has hard edges",
    "edges": "it has hard edges",
    "coherence": "it has long straight edges or stripes",
    "peak": "a pattern repeats in it",
    "width": "it holds more detail than a probe records",
}


@dataclass(frozen=True, slots=True)
class Familiarity:
    """How far an image looks like fUS.

    Attributes
    ----------
    light : {"green", "yellow", "red"}
        Like fUS; unusual; not like fUS.
    reasons : tuple of str
        What is unusual, without a capital and a full stop; empty for green.
    measures : mapping of str to float
        Those of `napari_fus_ulm.inference.picture.measures`, and *likeness* (larger is more
        like fUS) and *upright* (negative: the bright surface is at the bottom).
    """

    light: Light
    reasons: tuple[str, ...]
    measures: Mapping[str, float]

    @property
    def sentence(self) -> str:
        """The light in a sentence; empty for green."""
        if self.light == "green":
            return ""
        head = (
            "This does not look like a fUS image"
            if self.light == "red"
            else "Unusual for a fUS image"
        )
        return f"{head}: {_listed(self.reasons)}."

    def as_dict(self) -> dict[str, Any]:
        """For a record: the light, and why."""
        return {"light": self.light, "sentence": self.sentence}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What was measured on recordings; see the module.

    Attributes
    ----------
    median, spread : mapping of str to float
        Of each measure in recordings.
    weight, square : mapping of str to float
        Of each standardised measure and of its square.
    intercept : float
    red, yellow : float
        Likeness below which the light is red or yellow.
    specks : float
        Share of thin bright pixels on an empty background above which an image is a ULM map.
    upright : array
        Weights of `napari_fus_ulm.inference.picture.top_over_bottom`.
    upside_down : float
        Below it, the image stands on its head.
    """

    median: Mapping[str, float]
    spread: Mapping[str, float]
    weight: Mapping[str, float]
    square: Mapping[str, float]
    intercept: float
    red: float
    yellow: float
    specks: float
    upright: Floats
    upside_down: float

    def standard(self, name: str, value: float) -> float:
        """A measure in interquartile ranges from the median of recordings."""
        return float(np.clip((value - self.median[name]) / self.spread[name], -FARTHEST, FARTHEST))

    def votes(self, values: Mapping[str, float]) -> dict[str, float]:
        """What each measure adds to the likeness, beyond what it adds at its best."""
        votes = {}
        for name in TEXTURE:
            z = self.standard(name, values[name])
            votes[name] = self.weight[name] * z + self.square[name] * z * z
        return votes


def familiarity(fus: xr.DataArray, limits: Limits | None = None) -> Familiarity:
    """Say whether a scan looks like fUS: the worst of up to three of its planes.

    Parameters
    ----------
    fus : xarray.DataArray
        A scan. What its metadata say counts too: *generated*, or a ULM map.
    limits : Limits, optional
        The bundled ones by default.
    """
    limits = limits or bundled_limits()
    every = [plane.values for _, plane in planes(fus)]
    numbers = sorted({0, len(every) // 2, len(every) - 1}) if every else []
    judged = [_of_plane(every[number], limits) for number in numbers[:PLANES]]
    worst = max(judged, key=lambda one: ("green", "yellow", "red").index(one.light))
    if fus.attrs.get("generated"):
        return Familiarity("red", ("it is generated, not measured",), worst.measures)
    if fus.attrs.get("modality") == "ulm" and worst.light != "red":
        reasons = ("its file or name says that it is ULM", *worst.reasons)
        return Familiarity("yellow", reasons, worst.measures)
    return worst


def _of_plane(image: npt.NDArray[np.floating], limits: Limits) -> Familiarity:
    image = np.asarray(image, np.float64)
    finite = np.isfinite(image)
    if not finite.any():
        return Familiarity("red", ("it has no finite pixel",), {})
    image = np.where(finite, image, image[finite].min())
    values = int(np.unique(image).size)
    if values < FEWEST:
        reason = "it is one value everywhere" if values == 1 else f"it has only {values} values"
        return Familiarity("red", (reason,), {"levels": float(values)})
    if min(image.shape) < SMALLEST:
        size = f"{image.shape[1]} × {image.shape[0]} pixels"
        return Familiarity("yellow", (f"{size} are too few to tell",), {"levels": float(values)})
    found = measures(image)
    votes = limits.votes(found)
    found["likeness"] = limits.intercept + sum(votes.values())
    found["upright"] = float(limits.upright @ top_over_bottom(image))
    reasons = tuple(_reasons(found, votes, limits))
    if found["zeros"] > COUNTS and found["specks"] > limits.specks:
        thin = "thin lines on an empty background, as in a ULM map"
        return Familiarity("red", (thin,), found)
    if found["likeness"] < limits.red:
        return Familiarity("red", reasons, found)
    if found["likeness"] < limits.yellow:
        return Familiarity("yellow", reasons, found)
    if found["upright"] < limits.upside_down and min(image.shape) >= LEAST_TO_TURN:
        return Familiarity(
            "yellow", ("it may be upside down (depth runs from top to bottom)",), found
        )
    return Familiarity("green", (), found)


def _reasons(
    values: Mapping[str, float], votes: Mapping[str, float], limits: Limits
) -> Iterator[str]:
    """What speaks against fUS, at most two clauses: what is far out, else the strongest votes."""
    standard = {name: limits.standard(name, values[name]) for name in votes}
    against = [name for name in TELLING if votes[name] < 0.0]
    far = [name for name in against if abs(standard[name]) > FAR]
    chosen = far or sorted(against, key=lambda name: votes[name])[:1]
    clauses = ((TOO_HIGH if standard[name] > 0 else TOO_LOW)[name] for name in chosen)
    return islice(dict.fromkeys(clauses), 2)


def _listed(reasons: tuple[str, ...]) -> str:
    return ", and ".join(reasons)


@lru_cache(maxsize=1)
def bundled_limits() -> Limits:
    """Return what ``benchmarks/familiarity.py fit`` has measured."""
    entry = json.loads(LIMITS.read_text(encoding="utf-8"))
    entry.pop("fitted_on", None)
    return Limits(**{**entry, "upright": np.array(entry["upright"])})
