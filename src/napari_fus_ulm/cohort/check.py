"""What is wrong with a folder of pairs, in plain words, before hours of training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from napari_fus_ulm.cohort.corrected import corrected
from napari_fus_ulm.cohort.correction import read_correction
from napari_fus_ulm.cohort.description import read_tree
from napari_fus_ulm.cohort.splits import animal_key, same_images
from napari_fus_ulm.cohort.table import SIDES, PairFiles, survey
from napari_fus_ulm.errors import CohortError, ScanError, UserError
from napari_fus_ulm.grid import Grid, check_same_extent
from napari_fus_ulm.registration.orientation import RELATED, orientation, register
from napari_fus_ulm.scan import SMALLEST_SIDE

Level = Literal["error", "warning", "note"]

FUS_PIXEL_UM = (30.0, 400.0)
ULM_PIXEL_UM = (2.0, 60.0)
"""Pixel sizes outside these are usually a wrong unit."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or worth knowing.

    Attributes
    ----------
    level : {"error", "warning", "note"}
        An error makes training or evaluation fail, or its numbers meaningless; a warning makes
        them worse; a note is for information.
    pair : str
        Name of the pair; "" where the whole folder is meant.
    sentence : str
        What, which file, and what to do.
    """

    level: Level
    pair: str
    sentence: str


@dataclass(frozen=True, slots=True)
class PairChecked:
    """``done`` of ``total`` pairs have been looked at."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Checked:
    """The end: how many pairs of how many animals the folder lists."""

    pairs: int
    animals: int


CheckEvent = Finding | PairChecked | Checked


def check_cohort(folder: Path) -> Iterator[CheckEvent]:
    """Look for everything that is wrong with a folder of pairs.

    Parameters
    ----------
    folder : Path
        See :func:`napari_fus_ulm.cohort.table.read_cohort`.

    Yields
    ------
    Finding, PairChecked
        As they are found.
    Checked
        Last.
    """
    pairs, faults = survey(folder)
    for fault in faults:
        yield Finding("error", fault.pair, fault.sentence)
    yield from _about_sides(pairs)
    yield from _about_copies(pairs)
    for done, pair in enumerate(pairs, start=1):
        yield from check_pair(pair)
        yield PairChecked(done, len(pairs))
    yield Checked(len(pairs), len({animal_key(pair.animal) for pair in pairs}))


def check_pair(pair: PairFiles) -> Iterator[Finding]:
    """Look for everything that is wrong with the two images of a pair, and with its vessel tree."""
    yield from _about_vessels(pair)
    scans: list[xr.DataArray] = []
    broken = False
    for path, modality in ((pair.fus, "fus"), (pair.ulm, "ulm")):
        scan = _read(path, modality)
        findings = [_finding(pair, *finding) for finding in _about_image(scan, path, modality)]
        yield from findings
        broken |= any(finding.level == "error" for finding in findings)
        if isinstance(scan, xr.DataArray):
            scans.append(scan)
    if len(scans) < 2:
        return
    if pair.correction is not None and not broken:
        try:
            applied = corrected(scans[0], scans[1], read_correction(pair))
        except CohortError as error:
            yield _finding(pair, "error", str(error))
            return
        scans = [applied.fus, applied.ulm]
        left = (
            "" if applied.share == 1.0 else f"; {100.0 * applied.share:.0f} % of the field is left"
        )
        yield _finding(pair, "note", f"Read corrected: {applied.correction}{left}.")
    about = None
    if all(scan.ndim == 2 and min(scan.shape) >= SMALLEST_SIDE for scan in scans):
        about = _about_fields(pair, *scans)
    if about is not None:
        yield about
        broken |= about.level == "error"
    if not broken:
        yield from _about_registration(pair, *scans)


def _finding(pair: PairFiles, level: Level, sentence: str) -> Finding:
    return Finding(level, pair.name, sentence)


# ---------------------------------------------------------------- the list


def _about_sides(pairs: Sequence[PairFiles]) -> Iterator[Finding]:
    if not pairs:
        return
    without = [pair for pair in pairs if not pair.split]
    if len(without) == len(pairs):
        yield Finding(
            "note",
            "",
            "No pair has a split, so all are trained on; for an evaluation, write train, "
            "validation or test into the column “split” of pairs.csv, or have splits drawn.",
        )
        return
    for pair in without:
        yield Finding(
            "warning",
            pair.name,
            "The pair has no split although others have one, so it is not used; write train, "
            "validation or test into its column “split”.",
        )
    for side in SIDES:
        if not any(pair.split == side for pair in pairs):
            yield Finding(
                "warning", "", f"No pair is on the {side} side; put at least one animal there."
            )
    sides_of: dict[str, set[str]] = {}
    for pair in pairs:
        if pair.split:
            sides_of.setdefault(animal_key(pair.animal), set()).add(pair.split)
    for pair in pairs:
        sides = sides_of.pop(animal_key(pair.animal), set())
        if len(sides) > 1:
            yield Finding(
                "error",
                pair.name,
                f"The animal {pair.animal} is on two sides of the split "
                f"({' and '.join(side for side in SIDES if side in sides)}); put all its pairs on "
                "one side.",
            )


def _about_copies(pairs: Sequence[PairFiles]) -> Iterator[Finding]:
    for first, original, pair, copy in same_images(pairs):
        where = "the same pair" if first is pair else f"pair {first.name}"
        yield Finding(
            "error",
            pair.name,
            f"{copy} has the same content as {original} of {where}; put the right file there, or "
            "delete the copy.",
        )


def _about_vessels(pair: PairFiles) -> Iterator[Finding]:
    if pair.vessels is None:
        return
    try:
        read_tree(pair.vessels)
    except UserError as error:
        fault = str(error).removesuffix(".")
        yield _finding(
            pair,
            "error",
            f"{fault}: put the right file there, or leave its column “vessels” empty.",
        )


# ---------------------------------------------------------------- one image


def _read(path: Path, modality: str) -> xr.DataArray | ScanError:
    from napari_fus_ulm.io import read

    try:
        scans = read(path, modality=modality)
    except ScanError as error:
        return error
    if len(scans) > 1:
        return ScanError(f"It holds {len(scans)} images; save the one to use in a file of its own.")
    return scans[0].squeeze(drop=True)


def _about_image(
    scan: xr.DataArray | ScanError, path: Path, modality: str
) -> Iterator[tuple[Level, str]]:
    if isinstance(scan, ScanError):
        yield "error", f"{path}: {scan}"
        return
    if scan.ndim != 2:
        yield (
            "error",
            f"{path} has the shape {' × '.join(map(str, scan.shape))}; one 2-D plane was "
            "expected: save one slice, or the mean over time, per file.",
        )
        return
    if min(scan.shape) < SMALLEST_SIDE:
        yield (
            "error",
            f"{path} is {scan.shape[0]} × {scan.shape[1]} pixels; at least {SMALLEST_SIDE} × "
            f"{SMALLEST_SIDE} are needed.",
        )
        return
    yield from _about_values(scan, path, modality)
    if scan.attrs.get("generated"):
        yield (
            "error",
            f"{path} is marked as generated, not measured; put the measured image there.",
        )
    if not scan.attrs["spacing_known"]:
        yield (
            "error",
            f"{path} stores no pixel size; save it as NIfTI or OME-TIFF with its pixel size.",
        )


def _about_values(scan: xr.DataArray, path: Path, modality: str) -> Iterator[tuple[Level, str]]:
    values = scan.values
    wrong = int(values.size - np.isfinite(values).sum())
    kind = scan.attrs["values"]
    if wrong:
        yield (
            "error",
            f"{path} has {wrong} of {values.size} pixels that are NaN or infinite; replace them "
            "(for instance by 0).",
        )
    elif values.min() == values.max():
        yield (
            "error",
            f"{path} is {values.flat[0]:g} everywhere; put the right file there.",
        )
    elif kind == "display" or (modality == "ulm" and kind not in ("linear", "unknown")):
        linear = "linear power Doppler" if modality == "fus" else "bubble counts"
        what = "8-bit grey levels of a picture" if kind == "display" else f"{kind} values"
        yield "warning", f"{path} holds {what}; use the {linear} it was made from if you have it."
    elif kind == "linear" and values.min() < 0:
        yield (
            "warning",
            f"{path} holds negative values down to {values.min():g}, which neither power nor "
            "counts can be; check whether something was subtracted, or a logarithm taken.",
        )


# ---------------------------------------------------------------- both images


def _about_fields(pair: PairFiles, fus: xr.DataArray, ulm: xr.DataArray) -> Finding | None:
    """Return the finding that explains most about pixel sizes and fields of view."""
    if not (fus.attrs["spacing_known"] and ulm.attrs["spacing_known"]):
        return None
    pixels = {"fus": _pixel_um(fus), "ulm": _pixel_um(ulm)}
    if pixels["ulm"] > pixels["fus"]:
        return _finding(
            pair,
            "error",
            f"{pair.ulm} has pixels of {pixels['ulm']:.4g} µm and {pair.fus} of "
            f"{pixels['fus']:.4g} µm, but ULM is the finer one: the two files are swapped, or a "
            "pixel size is wrong.",
        )
    fields = Grid.of(fus), Grid.of(ulm)
    same = fields[0].same_extent(fields[1])
    for path, kind, limits in (
        (pair.fus, "fus", FUS_PIXEL_UM),
        (pair.ulm, "ulm", ULM_PIXEL_UM),
    ):
        if not limits[0] <= pixels[kind] <= limits[1]:
            return _finding(
                pair,
                "warning" if same else "error",
                f"{path} has pixels of {pixels[kind]:.4g} µm; {limits[0]:g} to {limits[1]:g} µm "
                f"were expected of {'fUS' if kind == 'fus' else 'ULM'}: check the unit.",
            )
    if same:
        return None
    if fields[0].same_extent(fields[1].transposed()):
        return _finding(
            pair,
            "error",
            f"{pair.ulm} is {_size(ulm)} and {pair.fus} {_size(fus)} (width × height): one of them "
            "is stored with its two axes exchanged; transpose it.",
        )
    try:
        check_same_extent(*fields)
    except UserError as error:
        return _finding(pair, "error", f"{pair.fus} and {pair.ulm}: {error}")
    return None


def _pixel_um(scan: xr.DataArray) -> float:
    return 1000.0 * Grid.of(scan).pixel_mm


def _size(scan: xr.DataArray) -> str:
    height, width = Grid.of(scan).extent_mm
    return f"{width:.3f} × {height:.3f} mm"


def _about_registration(pair: PairFiles, fus: xr.DataArray, ulm: xr.DataArray) -> Iterator[Finding]:
    turned, correlations = orientation(fus, ulm)
    plain = next(iter(correlations))
    if turned != plain:
        yield _finding(
            pair,
            "error",
            f"{pair.ulm} seems to be {turned} relative to {pair.fus} (correlation "
            f"{correlations[turned]:.2f}, as it is {correlations[plain]:.2f}); turn one of them.",
        )
        return
    registration = register(fus, ulm)
    if registration.correlation < RELATED:
        yield _finding(
            pair,
            "warning",
            f"{pair.fus} and {pair.ulm} hardly resemble each other (correlation "
            f"{registration.correlation:.2f}); check that they show the same section of the same "
            "animal.",
        )
    elif not registration.sure:
        yield _finding(
            pair,
            "note",
            f"How well {pair.fus} and {pair.ulm} are registered cannot be determined: two shifts "
            "fit about equally well; overlay the two images to check.",
        )
    elif registration.distance_um > (pixel := _pixel_um(fus)):
        yield _finding(
            pair,
            "warning",
            f"{pair.ulm} lies {_direction(registration.down_um, registration.right_um)} of where "
            f"{pair.fus} has it, which is more than one fUS pixel ({pixel:.0f} µm); register the "
            "two.",
        )


def _direction(down_um: float, right_um: float) -> str:
    """For instance “120 µm below and 40 µm to the left”."""
    down = f"{abs(down_um):.0f} µm {'below' if down_um > 0 else 'above'}"
    right = f"{abs(right_um):.0f} µm to the {'right' if right_um > 0 else 'left'}"
    return f"{down} and {right}"
