"""Pictures of one section that an expert compares, brought to one view.

What could distinguish the pictures other than vessels is removed: pixel size, number of grey levels
and display range are equal, and pictures of different fields of view are refused. What may still
give an origin away: the blur of a power Doppler image; the
texture (single bubbles in a ULM map, the smoothness of a generator, tiles); a picture that was
resampled to the common grid beside one that was already on it; empty background; and a reader who
knows the section.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.errors import ReviewError, UserError
from napari_fus_ulm.grey.resampling import resample
from napari_fus_ulm.grid import Grid, check_same_extent

if TYPE_CHECKING:
    import xarray as xr

Kind = Literal["generated", "ulm", "fus"]
Levels = npt.NDArray[np.uint8]
Spacing = tuple[float, float]

BLACK, WHITE = 1.0, 99.7
"""Percentiles of every picture that are shown black and white."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One picture of a section.

    Attributes
    ----------
    name : str
        Of the method; equal names in different cases are one method.
    image : array of shape (rows, columns)
        Grey levels in [0, 1].
    kind : {"generated", "ulm", "fus"}
        ``"ulm"`` is the real ULM, a control among generated pictures.
    pixel_mm : tuple of float, or float
        Down and across; one number for square pixels.

    Raises
    ------
    ValueError
        If one of them is invalid.
    """

    name: str
    image: npt.NDArray[np.floating]
    kind: Kind
    pixel_mm: Spacing | float

    def __post_init__(self) -> None:
        image = np.asarray(self.image)
        if not self.name.strip():
            raise ReviewError("A candidate without a name cannot be reported; give it a name.")
        if self.kind not in get_args(Kind):
            raise ReviewError(
                f"{self.name} has the kind “{self.kind}”; available: {', '.join(get_args(Kind))}."
            )
        if image.ndim != 2 or not (image.size and image.min() >= 0.0 and image.max() <= 1.0):
            raise ReviewError(
                f"The picture of {self.name} must be 2-D with grey levels from 0 to 1; scale it "
                "first."
            )
        if not min(self.step_mm) > 0.0:
            raise ReviewError(f"The pixel of {self.name} must be larger than 0 mm.")

    @property
    def step_mm(self) -> Spacing:
        """Pixel size down and across, mm."""
        if isinstance(self.pixel_mm, tuple):
            return self.pixel_mm
        return self.pixel_mm, self.pixel_mm

    @property
    def grid(self) -> Grid:
        """The picture's pixels; the section's position is not stored."""
        rows, columns = self.image.shape
        return Grid(shape=(rows, columns), spacing_mm=self.step_mm)

    @property
    def extent_mm(self) -> Spacing:
        """Height and width, mm."""
        return self.grid.extent_mm


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One section and the pictures of it.

    Attributes
    ----------
    name : str
    candidates : tuple of Candidate
        Of one field of view (half a fUS pixel is tolerated), with different names.
    animal : str
        Whose section it is; by default the case's name.
    """

    name: str
    candidates: tuple[Candidate, ...]
    animal: str = ""

    def __post_init__(self) -> None:
        names = [one.name for one in self.candidates]
        if len(set(names)) < len(names):
            raise ReviewError(f"{self.name}: two candidates have the same name; rename one.")
        for one in self.candidates[1:]:
            try:
                check_same_extent(self.candidates[0].grid, one.grid, names[0], one.name)
            except UserError as error:
                raise ReviewError(f"{self.name}: {error}") from error

    @property
    def owner(self) -> str:
        """The animal, or the case where none is given."""
        return self.animal or self.name


def shown(case: Case, *, control: bool) -> Case:
    """Return the case as it is judged: with the real ULM only as a control."""
    candidates = tuple(one for one in case.candidates if control or one.kind != "ulm")
    return dataclasses.replace(case, candidates=candidates)


def one_view(case: Case) -> dict[str, Levels]:
    """Bring the pictures of a case to one grid and one display range.

    The grid is the coarsest of the generated and ULM pictures, so that none of these is sharper
    by its pixels alone. Power Doppler, whose pixels are several times larger, is interpolated: its
    grid would remove from the others the detail that is judged. Each picture is stretched between
    its own :data:`BLACK` and :data:`WHITE` percentiles, which hides its range and gain, and
    rounded to 256 levels, which hides the type of its file. The shape of its histogram stays.

    Returns
    -------
    dict of str to array of shape (rows, columns), uint8
        By the candidate's name.
    """
    sharp = [one for one in case.candidates if one.kind != "fus"] or case.candidates
    shape = (min(one.image.shape[0] for one in sharp), min(one.image.shape[1] for one in sharp))
    return {one.name: _levels(resample(one.image, shape)) for one in case.candidates}


def _levels(image: npt.NDArray[np.floating]) -> Levels:
    black, white = np.percentile(image, [BLACK, WHITE])
    stretched = np.clip((image - black) / max(white - black, 1e-6), 0.0, 1.0)
    return np.asarray(np.round(255.0 * stretched), np.uint8)


# ---------------------------------------------------------------- from files


def read_cases(
    sources: Mapping[str, tuple[Kind, Path]], *, spacing: float | None = None
) -> tuple[Case, ...]:
    """Read a case for every name that all folders share; of single files, one case.

    Parameters
    ----------
    sources : mapping
        Name of each candidate to its kind and to its file, or its folder of files of equal names
        (NAME or NAME_enhanced). The animal is ``sub-XX`` where a name begins so, as in BIDS.
    spacing : float, optional
        Pixel size in mm for files that store none.

    Raises
    ------
    ValueError
        If files have no partner, are not pictures of one plane and one field of view, or an image
        marked as generated is given as a real one.
    """
    from napari_fus_ulm.cohort.table import animal_of
    from napari_fus_ulm.evaluation.compare import matched
    from napari_fus_ulm.io.formats import stem_of

    if len(sources) < 2:
        raise ReviewError("At least two candidates are needed; give another file or folder.")
    first, *others = (path for _, path in sources.values())
    partners = [matched(first, other) for other in others]
    cases = []
    for row in zip(*partners, strict=True):
        files = [row[0][0], *(partner for _, partner in row)]
        name = stem_of(files[0]).removesuffix("_enhanced")
        labels = [(who, kind) for who, (kind, _) in sources.items()]
        candidates = _candidates([*zip(labels, files, strict=True)], spacing)
        cases.append(Case(name, candidates, animal_of(name)))
    return tuple(cases)


def _candidates(
    files: Sequence[tuple[tuple[str, Kind], Path]], spacing: float | None
) -> tuple[Candidate, ...]:
    """Pictures of one section; counts are binned to the generated pictures' pixels, then logged."""
    from napari_fus_ulm.grey.image import measured_image
    from napari_fus_ulm.scan import spacing_of

    scans = [_read(path, kind, spacing) for (_, kind), path in files]
    pixels = {
        kind: 1000.0 * max(spacing_of(scan))
        for ((_, kind), _), scan in zip(files, scans, strict=True)
    }
    finest_um = pixels.get("generated") or pixels.get("ulm") or pixels["fus"]
    candidates = []
    for ((name, kind), _), scan in zip(files, scans, strict=True):
        picture = measured_image(scan, finest_um)
        grey = np.clip(picture.grey, 0.0, 1.0)
        candidates.append(Candidate(name, grey, kind, picture.grid.spacing_mm))
    return tuple(candidates)


def _read(path: Path, kind: Kind, spacing: float | None) -> xr.DataArray:
    from napari_fus_ulm.io import read_one
    from napari_fus_ulm.scan import check_image

    modality = "fus" if kind == "fus" else "ulm"
    scan = read_one(path, modality=modality).squeeze(drop=True)
    if not scan.attrs["spacing_known"]:
        if spacing is None:
            raise ReviewError(f"{path.name} stores no pixel size; give --spacing in mm.")
        scan = read_one(path, modality=modality, spacing=spacing).squeeze(drop=True)
    if kind != "generated" and scan.attrs.get("generated"):
        raise ReviewError(f"{path.name} is marked as generated; it cannot be a real {kind}.")
    check_image(scan)
    return scan
