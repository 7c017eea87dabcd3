"""Fidelity of a picture to its reference: MSE, SSIM, PSNR and LPIPS.

All four reward sharpness or smoothness as well as anatomy; read them together with measures of
vessels, never alone.
"""

from __future__ import annotations

import functools
import math
import threading
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.errors import MeasureError, SettingsError
from napari_fus_ulm.interruption import give_way, giving_way
from napari_fus_ulm.libraries import collecting_later, load_triton_apart
from napari_fus_ulm.output.tables import csv_text, markdown_table, number

if TYPE_CHECKING:
    import torch

SSIM_SIGMA = 1.5
"""Standard deviation in pixels of SSIM's Gaussian window (Wang 2004)."""

SSIM_SMALLEST = 11
"""Side in pixels of SSIM's window, hence of the smallest image it can judge."""

LPIPS_SMALLEST = 31
"""Side in pixels of the smallest image that leaves AlexNet's last layer one value."""

_LPIPS_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """How near a picture is to its reference.

    Parameters
    ----------
    mse : float
        Mean squared error on grey levels in [0, 1]; 0 is best.
    ssim : float
        Structural similarity, -1 to 1; 1 is best.
    psnr : float
        Peak signal-to-noise ratio in dB for a peak of 1, infinite for equal images.
    lpips : float
        Learned perceptual distance, 0 is best; NaN where it was not requested.
    """

    mse: float
    ssim: float
    psnr: float
    lpips: float = math.nan

    def as_dict(self) -> dict[str, float | None]:
        """Return the measures by name, ready for JSON.

        JSON knows no infinity and no NaN: the PSNR of equal images and an LPIPS that was not
        requested are None.
        """
        return {
            name: value if math.isfinite(value) else None for name, value in asdict(self).items()
        }


def fidelity(image: npt.ArrayLike, reference: npt.ArrayLike, *, lpips: bool = True) -> Fidelity:
    """Measure how near a picture is to its reference.

    MSE, SSIM and PSNR are scikit-image's, in double precision with ``data_range=1``. SSIM is as
    in Wang et al., IEEE TIP 13(4), 2004: a Gaussian window of sigma 1.5 (11×11 pixels) and
    population covariances (``gaussian_weights=True, sigma=1.5, use_sample_covariance=False``).

    Parameters
    ----------
    image, reference : array of shape (rows, columns)
        Grey levels in [0, 1], the same shape, at least 31×31 pixels (11×11 without LPIPS).
    lpips : bool
        Measure LPIPS too; the first time this imports torch and builds a network (seconds), after
        that it takes about a tenth of a second for 512×512 pixels.

    Returns
    -------
    Fidelity
        The four measures.

    Raises
    ------
    ValueError
        If the images differ in shape, are not two-dimensional, are too small, hold NaN or
        infinite values, or leave [0, 1].
    """
    picture, truth = _checked(image, reference, LPIPS_SMALLEST if lpips else SSIM_SMALLEST)
    from skimage.metrics import (
        mean_squared_error,
        peak_signal_noise_ratio,
        structural_similarity,
    )

    with np.errstate(divide="ignore"):  # equal images have an infinite PSNR, which is no error
        psnr = peak_signal_noise_ratio(truth, picture, data_range=1.0)
    return Fidelity(
        mse=float(mean_squared_error(truth, picture)),
        ssim=float(
            structural_similarity(
                truth,
                picture,
                data_range=1.0,
                gaussian_weights=True,
                sigma=SSIM_SIGMA,
                use_sample_covariance=False,
            )
        ),
        psnr=float(psnr),
        lpips=_lpips_of(picture, truth) if lpips else math.nan,
    )


def lpips_distance(image: npt.ArrayLike, reference: npt.ArrayLike) -> float:
    """Return the LPIPS distance of two grey images (AlexNet trunk, version 0.1).

    The measure of Zhang et al., CVPR 2018, by the ``lpips`` package, on the CPU in float32. Grey
    levels go from [0, 1] to [-1, 1] and are repeated to three channels. The trunk ships with this
    package: nothing is downloaded.

    Parameters
    ----------
    image, reference : array of shape (rows, columns)
        Grey levels in [0, 1], the same shape, at least 31×31 pixels.

    Returns
    -------
    float
        The distance, 0 for equal images; symmetric in its arguments.

    Raises
    ------
    ValueError
        As `fidelity` does.
    """
    return _lpips_of(*_checked(image, reference, LPIPS_SMALLEST))


def mean_and_sd(rows: Iterable[Fidelity]) -> tuple[Fidelity, Fidelity]:
    """Return the mean and the sample standard deviation (n - 1) of each measure over images.

    The standard deviation of a single image is NaN, and so is that of a measure that is infinite
    for one of the images.

    Raises
    ------
    ValueError
        If there are no images.
    """
    values = np.array([[getattr(row, name) for name in _NAMES] for row in rows], dtype=np.float64)
    if values.size == 0:
        raise MeasureError("There is no image to average over; give at least one.")
    with np.errstate(invalid="ignore"):
        mean = values.mean(axis=0)
        sd = values.std(axis=0, ddof=1) if len(values) > 1 else np.full_like(mean, math.nan)
    return _from_values(mean), _from_values(sd)


def table(rows: Mapping[str, Fidelity], fmt: Literal["markdown", "csv"] = "markdown") -> str:
    """Return a table with a row per name and a column per measure.

    Parameters
    ----------
    rows : mapping of str to Fidelity
        The measures by the name of what was measured, in the order to show.
    fmt : {"markdown", "csv"}
        Markdown is rounded for reading; CSV keeps every digit for further work. A measure without
        a value is "–" in Markdown and empty in CSV; an infinite one is "∞" and "inf".

    Raises
    ------
    ValueError
        If the format is neither of the two.
    """
    if fmt == "csv":
        lines = ([name, *(getattr(row, key) for key in _NAMES)] for name, row in rows.items())
        return csv_text([["name", *_NAMES], *lines])
    if fmt == "markdown":
        cells = (
            [name, *(number(getattr(row, key), digits) for key, digits in _DIGITS.items())]
            for name, row in rows.items()
        )
        head = ["", "MSE ↓", "SSIM ↑", "PSNR (dB) ↑", "LPIPS ↓"]
        return markdown_table(head, cells) + "\n"
    raise SettingsError(f"The table's format is “{fmt}”; it must be markdown or csv.")


_NAMES = tuple(field.name for field in fields(Fidelity))
_DIGITS = {"mse": 4, "ssim": 3, "psnr": 2, "lpips": 3}


def _from_values(values: npt.NDArray[np.float64]) -> Fidelity:
    return Fidelity(**dict(zip(_NAMES, values.tolist(), strict=True)))


def _checked(
    image: npt.ArrayLike, reference: npt.ArrayLike, smallest: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return both images in double precision, or say in a sentence what is wrong with them."""
    picture, truth = np.asarray(image, np.float64), np.asarray(reference, np.float64)
    if picture.shape != truth.shape:
        raise MeasureError(
            f"The image has shape {picture.shape} and its reference {truth.shape}; bring both to "
            "the same pixel grid first."
        )
    if picture.ndim != 2:
        raise MeasureError(
            f"Fidelity is measured on one grey plane, but the images have shape {picture.shape}; "
            "give one two-dimensional plane of each."
        )
    if min(picture.shape) < smallest:
        raise MeasureError(
            f"The images are {picture.shape[0]}×{picture.shape[1]} pixels; these measures need at "
            f"least {smallest}×{smallest}."
        )
    for name, values in (("image", picture), ("reference", truth)):
        if not np.isfinite(values).all():
            raise MeasureError(f"The {name} holds NaN or infinite values; replace or crop them.")
        # One part in a million is rounding in float32; more is an image on another scale.
        if values.min() < -1e-6 or values.max() > 1 + 1e-6:
            raise MeasureError(
                f"The {name} spans {values.min():.4g} to {values.max():.4g}; bring its grey levels "
                "to [0, 1] first."
            )
    return picture, truth


def _lpips_of(picture: npt.NDArray[np.float64], truth: npt.NDArray[np.float64]) -> float:
    import torch

    give_way()
    network = _lpips_network()
    pair = (
        torch.from_numpy(values.astype(np.float32)).mul(2).sub(1).expand(1, 3, -1, -1)
        for values in (picture, truth)
    )
    with torch.inference_mode():
        return float(network(*pair))


def _lpips_network() -> torch.nn.Module:
    """Return the one network of this process; other threads wait until it is built."""
    with _LPIPS_LOCK:
        return _build_lpips()


@functools.cache
def _build_lpips() -> torch.nn.Module:
    import torch

    load_triton_apart()
    with collecting_later(), warnings.catch_warnings():
        # lpips requests an untrained AlexNet from torchvision in a deprecated way.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"torchvision\.")
        import lpips

        # The untrained trunk draws random numbers; a training run in this process must not notice.
        with torch.random.fork_rng(devices=[]):
            network: torch.nn.Module = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    trunk: Any = network.net
    trunk.load_state_dict(_trunk_weights(), strict=True)
    return giving_way(network.requires_grad_(False).eval())


def _trunk_weights() -> dict[str, torch.Tensor]:
    """Return the shipped AlexNet convolutions under the names that lpips gives them."""
    from safetensors.torch import load

    path = resources.files("napari_fus_ulm") / "weights" / "alexnet_features.safetensors"
    features = load(path.read_bytes())
    layers = (0, 3, 6, 8, 10)
    return {
        f"slice{position}.{layer}.{kind}": features[f"features.{layer}.{kind}"]
        for position, layer in enumerate(layers, start=1)
        for kind in ("weight", "bias")
    }
