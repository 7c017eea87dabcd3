"""The rows that need no generator: the input, simple baselines, and chance."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy import ndimage

from napari_fus_ulm.cohort.splits import animal_key
from napari_fus_ulm.errors import EvaluationError
from napari_fus_ulm.evaluation.deconvolution import fit_deconvolution
from napari_fus_ulm.evaluation.methods import (
    INPUT,
    SHIFTED,
    ULM,
    Fitted,
    Method,
    Pairs,
    fit_mapped,
)
from napari_fus_ulm.evaluation.pairs import EvaluationPair, Grey
from napari_fus_ulm.evaluation.ridges import difference_of_gaussians, fit_ridges, hessian
from napari_fus_ulm.grey.intensity_map import apply_monotone_map
from napari_fus_ulm.grey.resampling import resample
from napari_fus_ulm.registration.orientation import register

DECONVOLVED, HESSIAN, DOG, ATLAS, OTHER = "rl", "hessian", "dog", "atlas", "other"
INPUT_TITLE = "input (bicubic, mapped)"


def baselines() -> tuple[Method, ...]:
    """The rows with which every generator is compared."""
    mapped = "passed through one monotone intensity map fitted on the training pairs"
    return (
        Method(
            INPUT, INPUT_TITLE, f"The fUS image, cubic interpolation, {mapped}.", _fit_input, True
        ),
        Method(
            DECONVOLVED,
            "Richardson–Lucy (mapped)",
            "Deconvolution of the linear power Doppler with a Gaussian point spread function whose "
            f"size and number of iterations were tuned on the validation pairs, {mapped}.",
            fit_deconvolution,
            True,
        ),
        Method(
            HESSIAN,
            "Hessian ridges (mapped)",
            "The largest negative curvature of the interpolated fUS image at one scale, which was "
            f"tuned on the validation pairs, {mapped}.",
            partial(fit_ridges, hessian),
            True,
        ),
        Method(
            DOG,
            "difference of Gaussians (mapped)",
            "The interpolated fUS image less its surround at one scale, which was "
            f"tuned on the validation pairs, {mapped}.",
            partial(fit_ridges, difference_of_gaussians),
            True,
        ),
        Method(
            ATLAS,
            "mean training image (mapped)",
            "The mean of the training pairs' ULM in logarithmic grey levels, stretched to the "
            f"field of view (fUS is not used), {mapped} (each training image against the mean "
            "of the others).",
            _fit_atlas,
            True,
            animals=2,
        ),
        Method(
            OTHER,
            "another animal's ULM",
            "The ULM of the first training pair as it is, stretched to the field of view: what "
            "a sharp but wrong picture reaches by chance and shared anatomy.",
            _fit_other,
            True,
        ),
    )


def the_ulm() -> Method:
    """The ULM itself as a row, judged against the simulated vessels."""
    return Method(
        ULM,
        "the ULM itself",
        "What ULM shows of the simulated vessels.",
        lambda train, validation: Fitted(lambda pair: pair.truth),
    )


def the_shifted_ulm() -> Method:
    """The ULM where fUS has it as a row: what a perfect answer to fUS alone would score."""
    return Method(
        SHIFTED,
        "the ULM where fUS has it (shifted)",
        "The ULM moved to where its section lies in the fUS image (registered by a translation; "
        "linear interpolation), judged as all other rows are: what a perfect answer in the fUS "
        "image's coordinates would score. A blurred picture may "
        "have a smaller MSE and a higher precision.",
        lambda train, validation: Fitted(where_fus_has_it),
    )


def where_fus_has_it(pair: EvaluationPair) -> Grey:
    """The ULM's grey levels, moved by the translation that registers the pair's two scans."""
    registration = register(pair.fus, pair.ulm)
    if registration.correlation <= 0.0:  # an empty image cannot be registered
        return pair.truth
    # What lies at (y, x) in fUS lies at (y + down, x + right) in the ULM, so the ULM moves back.
    back = [
        -um / (1000.0 * step)
        for um, step in zip(
            (registration.down_um, registration.right_um), pair.grid.spacing_mm, strict=True
        )
    ]
    moved = ndimage.shift(pair.truth, back, order=1, mode="nearest")
    return np.asarray(np.clip(moved, 0.0, 1.0), np.float32)


def input_by_card(table: Sequence[float], card: str) -> Method:
    """The input through the map that a weights card stores, where there are no training pairs."""

    def picture(pair: EvaluationPair) -> Grey:
        return apply_monotone_map(pair.condition, list(table))

    return Method(
        INPUT,
        INPUT_TITLE,
        "The fUS image, cubic interpolation, passed through the monotone intensity map that the "
        f"card {card} stores (there are no training pairs to fit one on).",
        lambda train, validation: Fitted(picture),
    )


def _fit_input(train: Pairs, validation: Pairs) -> Fitted:
    table = fit_mapped(lambda pair: pair.condition, train)
    return Fitted(lambda pair: apply_monotone_map(pair.condition, table))


def _fit_atlas(train: Pairs, validation: Pairs) -> Fitted:
    """The mean of the training images, and its map fitted with each image left out of its mean."""
    if len({animal_key(pair.animal) for pair in train}) < 2:
        raise EvaluationError("The mean training image needs two training animals or more.")
    first = train[0].truth.shape
    total = np.sum([resample(pair.truth, first) for pair in train], axis=0, dtype=np.float64)

    def without(animal: str) -> Grey:
        left_out = [pair for pair in train if animal_key(pair.animal) == animal_key(animal)]
        part = np.sum([resample(pair.truth, first) for pair in left_out], axis=0, dtype=np.float64)
        return np.asarray((total - part) / (len(train) - len(left_out)), np.float32)

    def on(image: Grey, pair: EvaluationPair) -> Grey:
        return np.clip(resample(image, pair.truth.shape), 0.0, 1.0)

    table = fit_mapped(lambda pair: on(without(pair.animal), pair), train)
    mean = np.asarray(total / len(train), np.float32)
    return Fitted(lambda pair: apply_monotone_map(on(mean, pair), table))


def _fit_other(train: Pairs, validation: Pairs) -> Fitted:
    other = train[0]
    return Fitted(
        lambda pair: np.clip(resample(other.truth, pair.truth.shape), 0.0, 1.0),
        f"that of {other.name}",
    )
