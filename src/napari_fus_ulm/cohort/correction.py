"""What has to be done to the recordings of a pair so that both show one field.

A correction is stored beside the pair, in ``corrections/NAME.json`` of the cohort's folder; the
recordings stay as they are. Whoever reads the pair (training, evaluation, the check) reads it
corrected: see :func:`napari_fus_ulm.cohort.corrected.read_pair`.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from napari_fus_ulm.cohort.table import PairFiles, correction_path, fingerprint
from napari_fus_ulm.errors import CohortError
from napari_fus_ulm.io.atomic import write_json
from napari_fus_ulm.io.own_json import entry, read_object
from napari_fus_ulm.registration.orientation import ORIENTATIONS

Spacing = tuple[float, float]
Matrix = tuple[tuple[float, float, float], tuple[float, float, float]]

AS_IT_IS = next(iter(ORIENTATIONS))
FORMAT = 1
LARGEST_MM = 100.0
"""Of a shift: what is farther apart shows no common field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """How the recordings of a pair are read.

    Applied in this order: pixel sizes, then turned, then moved.

    Parameters
    ----------
    fus_spacing_mm, ulm_spacing_mm : tuple of float or None
        Pixel size (down, right) instead of the file's.
    ulm_turned : str
        What happened to the ULM, one of ``ORIENTATIONS``; it is undone.
    matrix : tuple of tuple of float or None
        2×3, mm: takes a place (down, right) of the ULM to where it belongs, counted from the
        centre of the fUS image's field, as in
        :class:`~napari_fus_ulm.registration.registered.Registered`.
    method : str
        How the matrix was found, in words.
    residual_um : float or None
        What the method leaves, where it says so.

    Raises
    ------
    CohortError
        If a value cannot be.
    """

    fus_spacing_mm: Spacing | None = None
    ulm_spacing_mm: Spacing | None = None
    ulm_turned: str = AS_IT_IS
    matrix: Matrix | None = None
    method: str = ""
    residual_um: float | None = None

    def __post_init__(self) -> None:
        for name in ("fus_spacing_mm", "ulm_spacing_mm"):
            spacing = getattr(self, name)
            if spacing is not None and not all(0.0 < step < 10.0 for step in spacing):
                raise CohortError(f"{name} is {spacing}; two lengths in mm were expected.")
        if self.ulm_turned not in ORIENTATIONS:
            raise CohortError(
                f"ulm_turned is “{self.ulm_turned}”; choose one of {', '.join(ORIENTATIONS)}."
            )
        if self.matrix is not None and not _moves(self.matrix):
            raise CohortError("The matrix is not one that could move an image onto another.")

    @property
    def changes(self) -> bool:
        """Whether anything is done at all."""
        return self != Correction(method=self.method, residual_um=self.residual_um)

    def __str__(self) -> str:
        """What is done, in words."""
        parts = []
        for what, spacing in (("fUS", self.fus_spacing_mm), ("ULM", self.ulm_spacing_mm)):
            if spacing is not None:
                down, right = (1000.0 * step for step in spacing)
                parts.append(f"pixels of the {what} are {down:.4g} × {right:.4g} µm (down × right)")
        if self.ulm_turned != AS_IT_IS:
            parts.append(f"the ULM is {self.ulm_turned}, which is undone")
        if self.matrix is not None:
            parts.append(f"the ULM is {_in_words(self.matrix)}")
        by = f" ({self.method})" if self.method and self.matrix is not None else ""
        return "; ".join(parts) + by if parts else "nothing is changed"


def read_correction(pair: PairFiles) -> Correction:
    """The correction of a pair; one that changes nothing where there is none.

    Raises
    ------
    CohortError
        If it cannot be read, or was made for other files than those that are there now.
    """
    path = pair.correction
    if path is None:
        return Correction()
    try:
        content = read_object(path)
        fields = {name: content.get(name) for name in Correction.__dataclass_fields__}
        made_for = entry(content, "made_for", dict)
        correction = Correction(
            fus_spacing_mm=_floats(fields["fus_spacing_mm"], 2),
            ulm_spacing_mm=_floats(fields["ulm_spacing_mm"], 2),
            ulm_turned=str(fields["ulm_turned"]),
            matrix=_matrix(fields["matrix"]),
            method=str(fields["method"] or ""),
            residual_um=None if fields["residual_um"] is None else float(fields["residual_um"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CohortError(
            f"The correction {path} cannot be used ({error}); make it again, or delete it."
        ) from error
    for kind, file in (("fus", pair.fus), ("ulm", pair.ulm)):
        if made_for.get(kind) != fingerprint(file):
            raise CohortError(
                f"The correction {path} was made for another file than today's {file}; make it "
                "again, or delete it."
            )
    return correction


def write_correction(folder: Path, pair: PairFiles, correction: Correction) -> Path:
    """Store how a pair is read from now on; one that changes nothing is removed.

    Parameters
    ----------
    folder : Path
        Of the cohort.
    pair : PairFiles
    correction : Correction

    Returns
    -------
    Path
        Where it is, or was.
    """
    path = correction_path(folder, pair.name)
    if not correction.changes:
        path.unlink(missing_ok=True)
        return path
    path.parent.mkdir(exist_ok=True)
    made_for = {"fus": fingerprint(pair.fus), "ulm": fingerprint(pair.ulm)}
    return write_json(path, {"format": FORMAT, **asdict(correction), "made_for": made_for})


def _floats(value: Any, n: int) -> Any:
    if value is None:
        return None
    numbers = tuple(float(one) for one in value)
    if len(numbers) != n:
        raise ValueError(f"{n} numbers were expected")
    return numbers


def _matrix(value: Any) -> Any:
    if value is None:
        return None
    if len(value) != 2:
        raise ValueError("two rows were expected")
    return tuple(_floats(row, 3) for row in value)


def _moves(matrix: Matrix) -> bool:
    (a, b, down), (c, d, right) = matrix
    finite = all(math.isfinite(one) for row in matrix for one in row)
    return finite and 0.25 < a * d - b * c < 4.0 and max(abs(down), abs(right)) <= LARGEST_MM


def _in_words(matrix: Matrix) -> str:
    """For instance “moved by 0.12 mm up and 0.05 mm right, turned by 2.1° clockwise”."""
    (a, b, down), (c, d, right) = matrix
    words = (
        f"moved by {abs(down):.3f} mm {'down' if down >= 0 else 'up'} and {abs(right):.3f} mm "
        f"{'right' if right >= 0 else 'left'}"
    )
    turn = math.degrees(math.atan2(b, d))
    if abs(turn) >= 0.05:
        words += f", turned by {abs(turn):.1f}° {'clockwise' if turn > 0 else 'anticlockwise'}"
    scale = math.sqrt(a * d - b * c)
    if abs(scale - 1.0) >= 0.002:
        words += f", scaled by {scale:.3f}"
    return words
