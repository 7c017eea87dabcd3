"""The support map: how often a vessel drawn on such evidence was real, on phantoms.

Two logistic regressions of the evidence (:mod:`~napari_fus_ulm.diagnostics.evidence`), fitted on
phantoms against the simulated tree: one for what a result draws (*is a vessel there?*), stretch by
stretch, and one for where it draws nothing (*is one missing?*), pixel by pixel. Their weights, and
what they were fitted on, are in ``weights/support.json``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage, special

from napari_fus_ulm.diagnostics.evidence import Evidence, near_lines, stretches
from napari_fus_ulm.diagnostics.likelihood import STRANGE
from napari_fus_ulm.generators.checkpoint import BUNDLED
from napari_fus_ulm.interruption import give_way
from napari_fus_ulm.metrics.centrelines import length_map

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.uint8]

WEIGHTS = BUNDLED / "support.json"
SUPPORTED, UNLIKELY = 0.8, 0.5
"""Probabilities from which a stretch is called supported, and below which unlikely: half of what
is drawn at random in these phantoms lies on a vessel too, since the tissue is full of them."""
SUPPORTED_LABEL, UNCERTAIN_LABEL, UNLIKELY_LABEL, NOT_JUDGED_LABEL = 1, 2, 3, 4
CLASSES = ("supported", "uncertain", "unlikely", "not judged")


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic regression of standardised features.

    Attributes
    ----------
    names : tuple of str
        Of the maps that it weighs.
    mean, scale, weight : tuple of float
        One per name.
    intercept : float
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weight: tuple[float, ...]
    intercept: float

    def probability(self, features: npt.NDArray[np.floating]) -> Floats:
        """(n, number of names) features -> (n,) probabilities."""
        standard = (features - np.array(self.mean)) / np.array(self.scale)
        return np.asarray(
            special.expit(standard @ np.array(self.weight) + self.intercept), np.float32
        )


@dataclass(frozen=True, slots=True, eq=False)
class Support:
    """Support of a result by the evidence, (height, width) maps.

    Attributes
    ----------
    probability : array
        That a vessel is there, on the vessels that are drawn; NaN elsewhere, and where nothing is
        judged.
    classes : array of uint8
        0 where nothing is drawn, 1 supported, 2 uncertain, 3 unlikely, 4 not judged: drawn where
        the input is unlike the phantoms, about which a fit on phantoms says nothing.
    missing : array
        Probability that a vessel is there and not drawn; NaN on drawn ones, and where nothing is
        judged.
    strangeness : array
        Distance of the input from the phantoms; beyond
        :data:`napari_fus_ulm.diagnostics.likelihood.STRANGE` nothing is judged.
    length_mm : tuple of float
        Drawn centreline that is supported, uncertain, unlikely, not judged.
    """

    probability: Floats
    classes: Labels
    missing: Floats
    strangeness: Floats
    length_mm: tuple[float, float, float, float]

    @property
    def strange_share(self) -> float:
        """Share of the image that is unlike the phantoms."""
        return float(np.mean(self.strangeness > STRANGE))

    @property
    def sentence(self) -> str:
        """The map in words."""
        total = sum(self.length_mm)
        if not total:
            return "The result draws no vessel."
        parts = (
            f"{100 * mm / total:.0f} % {name}"
            for name, mm in zip(CLASSES, self.length_mm, strict=True)
            if mm >= 0.005 * total or name != CLASSES[-1]
        )
        text = f"Of {total:.0f} mm of drawn vessels: {', '.join(parts)}."
        if self.length_mm[-1] >= 0.005 * total:
            text += (
                f" Not judged: where the input is unlike anything learnt from, "
                f"{100 * self.strange_share:.0f} % of the image."
            )
        return text


def support(evidence: Evidence) -> Support:
    """Weigh the evidence of one result."""
    drawn, undrawn = regressions()
    pieces = stretches(evidence.lines, evidence.pixel_mm)
    shape = evidence.mask.shape
    strange = evidence.maps["strangeness"] > STRANGE
    probability = np.full(shape, np.nan, np.float32)
    classes = np.zeros(shape, np.uint8)
    if pieces.max():
        probabilities = drawn.probability(of_stretches(evidence, pieces, drawn.names))
        # Every pixel of a vessel belongs to the nearest stretch of its centreline.
        nearest = ndimage.distance_transform_edt(
            pieces == 0, return_distances=False, return_indices=True
        )
        everywhere = probabilities[pieces[tuple(nearest)] - 1]
        probability[evidence.mask] = everywhere[evidence.mask]
        classes[evidence.mask] = classified(everywhere[evidence.mask])
        # A fit on phantoms says nothing about an image that is unlike them.
        probability[strange] = np.nan
        classes[strange & evidence.mask] = NOT_JUDGED_LABEL
    missing = np.full(shape, np.nan, np.float32)
    far = undrawn_places(evidence) & ~strange
    columns = np.stack([evidence.maps[name][far] for name in undrawn.names], axis=1)
    missing[far] = undrawn.probability(columns)
    length = length_map(evidence.lines) * evidence.pixel_mm
    lengths = np.bincount(classes[evidence.lines], length[evidence.lines], len(CLASSES) + 1)
    return Support(
        probability,
        classes,
        missing,
        evidence.maps["strangeness"],
        (float(lengths[1]), float(lengths[2]), float(lengths[3]), float(lengths[4])),
    )


def classified(probability: npt.NDArray[np.floating]) -> Labels:
    """Supported, uncertain or unlikely, by probability."""
    return np.select(
        [probability >= SUPPORTED, probability >= UNLIKELY],
        [SUPPORTED_LABEL, UNCERTAIN_LABEL],
        UNLIKELY_LABEL,
    ).astype(np.uint8)


def of_stretches(
    evidence: Evidence, pieces: npt.NDArray[np.int32], names: tuple[str, ...]
) -> npt.NDArray[np.float64]:
    """Means of maps along each stretch, (stretches, names)."""
    numbers = np.arange(1, int(pieces.max()) + 1)
    columns = []
    for name in names:
        give_way()
        columns.append(ndimage.mean(evidence.maps[name], pieces, numbers))
    return np.stack(columns, axis=1)


def undrawn_places(evidence: Evidence) -> npt.NDArray[np.bool_]:
    """Pixels farther from every drawn centreline than the tolerance."""
    return ~near_lines(evidence.lines, evidence.pixel_mm)


@lru_cache(maxsize=1)
def regressions() -> tuple[Logistic, Logistic]:
    """Return the regressions for drawn and for undrawn places."""
    entries = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return _logistic(entries["drawn"]), _logistic(entries["undrawn"])


def _logistic(entry: dict[str, Any]) -> Logistic:
    return Logistic(
        tuple(entry["names"]),
        tuple(entry["mean"]),
        tuple(entry["scale"]),
        tuple(entry["weight"]),
        float(entry["intercept"]),
    )
