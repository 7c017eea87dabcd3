"""Evidence for and against a vessel at every pixel of a result, without a ground truth.

Five sources: samples that the diffusion generator draws from the same input (does the vessel come
back under other noise?), its conditional mean, the input itself (is there a ridge of power?), the
result blurred to the resolution of fUS and compared with the input, and a network that draws
nothing but estimates how often there is a vessel where the input looks like this. None of them is
a ground truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import ndimage, special

from napari_fus_ulm.declared import check_declared
from napari_fus_ulm.diagnostics.consistency import local_agreement
from napari_fus_ulm.diagnostics.likelihood import likelihood
from napari_fus_ulm.diagnostics.settings import Seed, Steps, Witnesses
from napari_fus_ulm.errors import MeasureError
from napari_fus_ulm.grey.condition import condition_grey
from napari_fus_ulm.grey.intensity import log_power
from napari_fus_ulm.grey.native import native_shape
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.inference.events import Finished, Notice, Progress
from napari_fus_ulm.inference.settings import EnhanceSettings, Sampler
from napari_fus_ulm.interruption import give_way
from napari_fus_ulm.io.guesses import guess_values
from napari_fus_ulm.metrics.centrelines import EIGHT, skeleton
from napari_fus_ulm.metrics.vessels import DEFAULT_RULE, VesselRule, vessel_mask

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

MAPS = (
    "drawn",
    "frequency",
    "mean",
    "spread",
    "accurate",
    "input",
    "ridge",
    "agreement",
    "backed",
    "visible",
    "strangeness",
)
SEED_SHIFT = 104_729
"""Added to the seed, so that no sample is the result itself."""
WITNESS_SAMPLER: Sampler = "ddim"
"""The samples are free ones whatever drew the result: samples held to the mean agree by
construction, and the weights of the support map were fitted on free ones."""
CELL_UM = 200.0
RIDGE_UM = 60.0
"""Standard deviation of the Gaussian for the input's ridges: about half of what fUS resolves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSettings:
    """How much evidence is gathered.

    Parameters
    ----------
    samples : int
        Independent samples, 2 to 64.
    steps : int
        Evaluations of each.
    seed : int
        Of the samples; they differ from those of a result with the same seed.
    rule : VesselRule
        What counts as a vessel.

    Raises
    ------
    SettingsError
        If there are too few samples or too many.
    """

    samples: Witnesses = 8
    steps: Steps = 4
    seed: Seed = 0
    rule: VesselRule = DEFAULT_RULE

    def __post_init__(self) -> None:
        check_declared(self)


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Maps on the result's grid, (height, width).

    Attributes
    ----------
    mask : array of bool
        Pixels that the result draws as vessels.
    lines : array of bool
        Their centrelines.
    maps : mapping
        By the names in :data:`MAPS`. *drawn*: grey levels of the result; *frequency*: share of the
        samples with a centreline within the tolerance; *mean* and *spread*: of the samples;
        *accurate*: the conditional mean; *input*: grey levels of the power Doppler; *ridge*: how
        far it stands out as a line; *agreement*: local correlation of the blurred result with it;
        *backed*, *visible* (as logits) and *strangeness*: see
        :class:`napari_fus_ulm.diagnostics.likelihood.Likelihood`.
    pixel_mm : float
    """

    mask: Mask
    lines: Mask
    maps: dict[str, Floats]
    pixel_mm: float


@dataclass(frozen=True, slots=True)
class EvidenceReady:
    """The last event."""

    evidence: Evidence


def evidence_events(
    result: xr.DataArray,
    fus: xr.DataArray,
    settings: EvidenceSettings | None = None,
    *,
    enhance_settings: EnhanceSettings | None = None,
) -> Iterator[Progress | Notice | EvidenceReady]:
    """Gather all evidence on one plane.

    Parameters
    ----------
    result : xarray.DataArray
        One plane of grey levels in [0, 1] over the extent of ``fus``, whatever drew it.
    fus : xarray.DataArray
        The power Doppler that it was made from, one plane.
    settings : EvidenceSettings, optional
    enhance_settings : EnhanceSettings, optional
        Device, precision, values and position of the samples; the rest is set here.

    Yields
    ------
    Progress, Notice, EvidenceReady

    Raises
    ------
    ValueError
        If one is not a plane.
    """
    from napari_fus_ulm.inference.enhance import enhance_events  # brings torch

    chosen = settings or EvidenceSettings()
    if result.ndim != 2 or fus.ndim != 2:
        raise MeasureError("Evidence is gathered on one plane; choose a slice or a time first.")
    shape = (result.shape[0], result.shape[1])
    pixel_mm = Grid.of(result).with_shape(shape).pixel_mm
    base = replace(
        enhance_settings or EnhanceSettings(),
        generator="diffusion",
        weights=None,
        region=None,
        steps=chosen.steps,
        sampler=WITNESS_SAMPLER,
    )
    runs = [replace(base, mode="accurate")]
    seeds = range(chosen.seed + SEED_SHIFT, chosen.seed + SEED_SHIFT + chosen.samples)
    runs += [replace(base, mode="detailed", seed=seed) for seed in seeds]
    images: list[Floats] = []
    for number, run in enumerate(runs):
        for event in enhance_events(fus, run):
            if isinstance(event, Progress):
                done, total = number * event.total + event.done, len(runs) * event.total
                yield Progress(done, total, f"sample {number + 1} of {len(runs)}")
            elif isinstance(event, Finished):
                images.append(on_shape(event.enhancement.image.values, shape))
    yield EvidenceReady(weigh(result.values, fus, images[0], images[1:], pixel_mm, chosen.rule))


def weigh(
    drawn: Floats,
    fus: xr.DataArray,
    accurate: Floats,
    samples: list[Floats],
    pixel_mm: float,
    rule: VesselRule = DEFAULT_RULE,
) -> Evidence:
    """Make the maps of a result, the conditional mean and the samples, all on one grid."""
    mask = vessel_mask(np.clip(drawn, 0.0, 1.0), pixel_mm, rule=rule)
    stack = np.stack(samples)
    grey = input_grey(fus, (drawn.shape[0], drawn.shape[1]))
    masks = [vessel_mask(one, pixel_mm, rule=rule) for one in samples]
    near = [near_lines(skeleton(one), pixel_mm, rule) for one in masks]
    sigma = rule.smooth_um / 1000.0 / pixel_mm

    def smooth(image: npt.NDArray[np.floating]) -> Floats:
        return np.asarray(ndimage.gaussian_filter(image, sigma), np.float32)

    maps = {
        "drawn": smooth(drawn),
        "frequency": np.asarray(np.mean(near, axis=0), np.float32),
        "mean": smooth(stack.mean(axis=0)),
        "spread": smooth(stack.std(axis=0, ddof=1)),
        "accurate": smooth(accurate),
        "input": grey,
        "ridge": ridge(grey, pixel_mm),
        "agreement": local_agreement(drawn, grey, pixel_mm),
        **_likely(grey, pixel_mm),
    }
    return Evidence(mask, skeleton(mask), maps, pixel_mm)


def _likely(grey: Floats, pixel_mm: float) -> dict[str, Floats]:
    likely = likelihood(grey, pixel_mm)
    sure = 1e-4

    def logit(image: Floats) -> Floats:
        return np.asarray(special.logit(np.clip(image, sure, 1.0 - sure)), np.float32)

    return {
        "backed": logit(likely.backed),
        "visible": logit(likely.visible),
        "strangeness": likely.strangeness,
    }


def near_lines(lines: Mask, pixel_mm: float, rule: VesselRule = DEFAULT_RULE) -> Mask:
    """Pixels within the rule's tolerance of a centreline."""
    give_way()
    if not lines.any():
        return np.zeros_like(lines)
    distance = ndimage.distance_transform_edt(~lines) * 1000.0 * pixel_mm
    return np.asarray(distance <= rule.tolerance_um + 1e-6)


def input_grey(fus: xr.DataArray, shape: tuple[int, int]) -> Floats:
    """Grey levels of the power Doppler on a grid, as a generator sees them."""
    values = str(fus.attrs.get("values", "unknown"))
    logged = log_power(fus.values, guess_values(fus.values) if values == "unknown" else values)
    return condition_grey(logged, native_shape(fus), shape)


def ridge(grey: Floats, pixel_mm: float, sigma_um: float = RIDGE_UM) -> Floats:
    """How far a bright line stands out: the largest negative curvature, times σ² (Lindeberg 1998).

    0 where the image curves upwards.
    """
    from skimage.feature import hessian_matrix, hessian_matrix_eigvals

    give_way()

    sigma = sigma_um / 1000.0 / pixel_mm
    hessian = hessian_matrix(grey, sigma=sigma, mode="nearest", use_gaussian_derivatives=True)
    least = hessian_matrix_eigvals(hessian)[-1]
    return np.asarray(np.maximum(-least, 0.0) * sigma**2, np.float32)


def on_shape(image: Floats, shape: tuple[int, int]) -> Floats:
    """An image of the same extent on another grid."""
    from napari_fus_ulm.grey.resampling import resample

    return np.clip(resample(image, shape), 0.0, 1.0) if image.shape != shape else image


# ---------------------------------------------------------------- stretches of vessel


def stretches(lines: Mask, pixel_mm: float, cell_um: float = CELL_UM) -> npt.NDArray[np.int32]:
    """Number the stretches of centrelines: between forks, and within one cell of a square grid.

    Parameters
    ----------
    lines : (height, width) array of bool
        One pixel wide.
    pixel_mm, cell_um : float

    Returns
    -------
    (height, width) array of int32
        0 where there is no centreline, and at forks.
    """
    around = ndimage.convolve(lines.astype(np.uint8), EIGHT.astype(np.uint8), mode="constant")
    whole, _ = ndimage.label(lines & (around <= 3), EIGHT)
    side = max(1, round(cell_um / 1000.0 / pixel_mm))
    height, width = lines.shape
    rows, columns = np.arange(height)[:, None] // side, np.arange(width)[None] // side
    cell = rows * (width // side + 1) + columns
    inside = whole > 0
    numbers = np.zeros(lines.shape, np.int32)
    pairs = np.stack([whole[inside], cell[inside]])
    if pairs.size:
        numbers[inside] = np.unique(pairs, axis=1, return_inverse=True)[1].ravel() + 1
    return numbers
