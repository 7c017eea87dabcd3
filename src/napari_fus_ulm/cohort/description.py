"""Writes the files of a pair and the description of a cohort; reads vessel trees."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.cohort.table import DESCRIPTION, PairFiles
from napari_fus_ulm.errors import CohortError
from napari_fus_ulm.io.atomic import json_writer, text_writer, write_files

BIDS_VERSION = "1.10.0"
TREE = ("points", "radii", "speed", "first")
"""Arrays in the file of a simulated vessel tree."""

_README = """\
{name}

{about}

pairs.csv         one line for each pair: name, animal, split, and the files
participants.tsv  the animals
sub-XX/angio/     power Doppler, linear (fUSI-BIDS' name for a static image)
sub-XX/ulm/       ULM, bubble counts, over the same field of view
{truth}
All pairs of an animal are on one side of a split (train, validation, test).
Check the folder with:  napari-fus-ulm pairs check FOLDER
"""


def write_pair(
    folder: Path,
    fus: xr.DataArray,
    ulm: xr.DataArray,
    *,
    animal: str,
    plane: int | None = None,
    split: str = "",
    suffix: str = ".nii.gz",
) -> PairFiles:
    """Write the two images of a pair into a cohort's layout.

    Parameters
    ----------
    folder : Path
        The cohort.
    fus, ulm : xarray.DataArray
        2-D scans over one field of view.
    animal : str
        ``sub-`` and letters or digits, as in BIDS.
    plane : int, optional
        Number of the plane, where an animal has several.
    split : {"", "train", "validation", "test"}
    suffix : str
        Format of the images, see `napari_fus_ulm.io.write`.

    Raises
    ------
    CohortError
        If the animal's name cannot be that of a folder.
    ScanError
        If a file cannot be written.
    """
    from napari_fus_ulm.io import write

    name = pair_name(animal, plane)
    paths = {
        kind: folder / animal / place / f"{name}_{kind}{suffix}"
        for kind, place in (("pwd", "angio"), ("ulm", "ulm"))
    }
    for kind, scan in (("pwd", fus), ("ulm", ulm)):
        paths[kind].parent.mkdir(parents=True, exist_ok=True)
        write(paths[kind], scan)
    return PairFiles(name, animal, paths["pwd"], paths["ulm"], split)


def read_tree(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read the arrays of a simulated vessel tree, see :data:`TREE`.

    They are those of :class:`napari_fus_ulm.phantom.vessels.Vessels`.

    Raises
    ------
    CohortError
        If the file is not one; the sentence names it.
    """
    wrong = f"{path} is not a vessel tree: "
    expected = f"; {', '.join(TREE)} in a NumPy .npz file were expected."
    try:
        with np.load(path, allow_pickle=False) as archive:
            lacking = [name for name in TREE if name not in archive]
            tree = {name: archive[name] for name in TREE if name not in lacking}
    except FileNotFoundError as error:
        raise CohortError(f"{wrong}there is no such file.") from error
    except MemoryError:
        raise
    except Exception as error:
        # NumPy raises all kinds of errors on a damaged file, and suggests unpickling it.
        raise CohortError(f"{wrong}it cannot be read{expected}") from error
    if lacking:
        raise CohortError(f"{wrong}it lacks {', '.join(lacking)}{expected}")
    if not _fits(**tree):
        raise CohortError(f"{wrong}its arrays do not fit together{expected}")
    return tree


def _fits(
    points: npt.NDArray[Any],
    radii: npt.NDArray[Any],
    speed: npt.NDArray[Any],
    first: npt.NDArray[Any],
) -> bool:
    """Whether the arrays of a tree have the kinds and lengths of one, without NaN."""
    count = len(points) if points.ndim else 0
    shapes = [array.shape for array in (points, radii, speed)]
    if shapes != [(count, 3), (count,), (count,)] or first.ndim != 1 or not len(first):
        return False
    if any(array.dtype.kind not in "fiu" for array in (points, radii, speed)):
        return False
    whole = first.dtype.kind in "iu" and first[0] == 0 and first[-1] == count
    finite = all(np.isfinite(array).all() for array in (points, radii, speed))
    return bool(whole and finite and (np.diff(first.astype(np.int64)) >= 0).all())


def pair_name(animal: str, plane: int | None) -> str:
    """Return the part of the file names that a pair's files share.

    Raises
    ------
    CohortError
        If the animal's name is not ``sub-`` and letters or digits.
    """
    if not re.fullmatch(r"sub-[A-Za-z0-9]+", animal):
        raise CohortError(
            f"An animal cannot be called “{animal}” here; “sub-” and letters or digits were "
            "expected, for instance sub-01."
        )
    return animal if plane is None else f"{animal}_acq-plane{plane}"


def write_cohort_description(
    folder: Path,
    pairs: Iterable[PairFiles],
    *,
    name: str,
    about: str,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write ``dataset_description.json``, ``README`` and ``participants.tsv``.

    Parameters
    ----------
    folder : Path
        The cohort.
    pairs : iterable of PairFiles
    name : str
        Name of the cohort. Two cohorts whose animals have equal names but are not the same need
        different ones (for instance with the seed).
    about : str
        What it is, for the person who reads it; of simulated animals, that they are simulated.
    settings : mapping, optional
        What reproduces it; JSON-able.
    """
    from napari_fus_ulm import __version__

    known = tuple(pairs)
    maker: dict[str, Any] = {
        "Name": "napari-fus-ulm",
        "Version": __version__,
        "Description": about,
    }
    if settings:
        maker["Settings"] = dict(settings)
    description = {
        "Name": name,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "raw",
        "GeneratedBy": [maker],
    }
    simulated = any(pair.vessels for pair in known)
    truth = "sub-XX/truth/     the simulated vessels that both were made from\n" * simulated
    planes: dict[str, list[PairFiles]] = {}
    for pair in known:
        planes.setdefault(pair.animal, []).append(pair)
    rows = [
        f"{a}\t{len(of_animal)}\t{of_animal[0].split or 'n/a'}" for a, of_animal in planes.items()
    ]
    participants = "\n".join(["participant_id\tplanes\tsplit", *rows]) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    write_files(
        {
            folder / DESCRIPTION: json_writer(description),
            folder / "README": text_writer(_README.format(name=name, about=about, truth=truth)),
            folder / "participants.tsv": text_writer(participants),
        }
    )
