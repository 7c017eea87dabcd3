"""Whether an image can be as large as its metadata say.

A rodent brain is 5 to 30 mm wide, and a pixel of functional ultrasound measures 30 to 400 µm. An
image outside of that is most often one whose unit was lost on the way: it is asked about, once, in
words that a person can answer. A size that a person has given is believed, within reason.
"""

from __future__ import annotations

import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.scan import ASSUMED_PIXEL_MM, spacing_of, step_of

BRAIN_MM = (5.0, 30.0)
"""Width and depth of a section of a rodent's brain."""
PIXEL_MM = {"fus": (0.03, 0.4), "ulm": (0.002, 0.1)}
"""Pixels as they are recorded; interpolated ones are finer, and fill a field of a brain's size."""
SLICES_MM = (0.02, 5.0)
CROP_MM = 0.5, 2.0
"""The smallest crops that are worth enhancing: with pixels as they are recorded, and with finer
ones, which an image has that was interpolated."""
REASON = 2.5
"""A size that a person has given may be this many times outside of what a rodent's brain has."""
GIVEN = "spacing_given"
"""Attribute of a scan whose pixel size a person has given."""
UNITS = (1e-3, 1e3, 1e-6, 1e6)
"""Factors by which a size is wrong whose unit was mistaken: µm, mm and m for one another."""


def doubt(scan: xr.DataArray) -> str:
    """Ask about an image's size where it cannot be that of a rodent's brain; empty where it can.

    Parameters
    ----------
    scan : xarray.DataArray
        The sentence says how large it would be, not what it is called.
    """
    given = bool(scan.attrs.get(GIVEN, False))
    # The width first: it is what people know.
    for dim, wide in (("i", "wide"), ("j", "deep")):
        if not _possible(scan, dim, 1.0, given=given):
            n, step = scan.sizes[dim], step_of(scan, dim)
            return (
                f"The image would be {length(n * step)} {wide} ({n} pixels of {length(step)}). "
                f"How {wide} is it really?"
            )
    if scan.sizes.get("k", 1) > 1 and scan.attrs.get("slice_spacing_known", True):
        apart, slack = step_of(scan, "k"), REASON if given else 1.0
        if not SLICES_MM[0] / slack <= apart <= SLICES_MM[1] * slack:
            return f"The slices would be {length(apart)} apart. How far apart are they really?"
    return ""


def likely_factor(scan: xr.DataArray) -> float | None:
    """By what to multiply a doubtful size if only its unit was mistaken; None if that is not it."""
    for factor in UNITS:
        if all(_possible(scan, dim, factor, given=False) for dim in "ij"):
            return factor
    return None


def check_size(scan: xr.DataArray, *, in_cohort: bool = False) -> None:
    """Refuse an image whose size cannot be true, before anything is computed.

    Parameters
    ----------
    scan : xarray.DataArray
    in_cohort : bool
        It is one of many files, whose sizes nobody is asked for.

    Raises
    ------
    ScanError
        The sentence says what size it would have, and how to correct it.
    """
    question = doubt(scan)
    if not question:
        return
    named = f"“{scan.name}”: " if scan.name else ""
    limits = PIXEL_MM[_kind(scan)]
    said = "the size that was given" if scan.attrs.get(GIVEN, False) else "its pixel size"
    likely = (
        [ASSUMED_PIXEL_MM]
        if (factor := likely_factor(scan)) is None
        else [factor * step for step in spacing_of(scan)]
    )
    example = ",".join(dict.fromkeys(f"{step:.4g}" for step in likely))
    remedy = (
        f"{said} in the file (perhaps {example} mm)."
        if in_cohort
        else f"{said}: on the command line by --spacing in mm (such as --spacing {example}), in "
        "the viewer by ✎."
    )
    raise ScanError(
        f"{named}{question} A rodent's brain is {BRAIN_MM[0]:g} to {BRAIN_MM[1]:g} mm wide, with "
        f"pixels of {1e3 * limits[0]:g} to {1e3 * limits[1]:g} µm. Correct {remedy}"
    )


def length(mm: float) -> str:
    """Word a length in the unit in which a person would say it."""
    for factor, unit in ((1e-6, "km"), (1e-3, "m"), (1.0, "mm"), (1e3, "µm")):
        if mm * factor >= (1.0 if unit != "mm" else 0.5):
            return f"{mm * factor:.3g} {unit}"
    return f"{mm * 1e3:.3g} µm"


def _possible(scan: xr.DataArray, dim: str, factor: float, *, given: bool) -> bool:
    """Whether a plane can be that large along one axis."""
    step = factor * step_of(scan, dim)
    side, (finest, coarsest) = step * scan.sizes[dim], PIXEL_MM[_kind(scan)]
    slack = REASON if given else 1.0001  # a header's float32 is no doubt
    smallest = CROP_MM[0] if step >= finest / slack else CROP_MM[1]
    return smallest / slack <= side <= BRAIN_MM[1] * slack and step <= coarsest * slack


def _kind(scan: xr.DataArray) -> str:
    return "ulm" if scan.attrs.get("modality") == "ulm" else "fus"
