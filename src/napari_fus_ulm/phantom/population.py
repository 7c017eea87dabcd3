"""A population of simulated animals, streamed to disk as a cohort.

One task is one animal: its planes share a slab of vessels. Everything of an animal follows from
its own seed, and every process works with one thread, so the arrays do not depend on how many
processes there are. A plane is complete when its vessel tree, the last of its files, is there.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from napari_fus_ulm.cohort.description import pair_name, write_cohort_description
from napari_fus_ulm.cohort.table import DESCRIPTION, PairFiles, write_pairs_table
from napari_fus_ulm.errors import CohortError, SettingsError
from napari_fus_ulm.io import SUFFIXES_WRITE
from napari_fus_ulm.io.atomic import check_writable, sweep
from napari_fus_ulm.io.own_json import read_object
from napari_fus_ulm.phantom.files import write_phantom
from napari_fus_ulm.phantom.pair import simulate_animal
from napari_fus_ulm.phantom.params import PhantomParams
from napari_fus_ulm.phantom.processes import in_processes, interrupted

STUDY_SEED = 920_000_000
"""First animal of the study's cohort; no training run and no other report uses these seeds."""
STUDY_SIDES = (("train", 29), ("validation", 1), ("test", 5))
"""The study's split by animal, in the order of the animals. They are drawn independently of each
other, so their order is random."""
STUDY_ANIMALS = sum(number for _, number in STUDY_SIDES)
MOST_ANIMALS = 10**7
TABLE_ANIMALS, TABLE_SECONDS = 20, 10.0
"""``pairs.csv`` is updated after this many animals, or this much time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationSettings:
    """Which animals are simulated.

    Parameters
    ----------
    animals : int
        Number of animals.
    planes : int
        Sections of each animal, 0.5 mm apart.
    seed : int
        Seed of the first animal; the others follow. Training runs on phantoms use seeds below
        900,000,000.
    suffix : str
        Format of the images, see `napari_fus_ulm.io.write`.
    study : bool
        Write the sides of the study's split.
    params : PhantomParams, optional
        Centre of the population; a typical rat by default.
    vary : bool
        Draw every animal's own parameters.

    Raises
    ------
    ValueError
        If a value is outside its range; the sentence names the setting.
    """

    animals: int = 1
    planes: int = 1
    seed: int = 0
    suffix: str = ".nii.gz"
    study: bool = False
    params: PhantomParams | None = None
    vary: bool = True

    def __post_init__(self) -> None:
        for name, low, high in (
            ("animals", 1, MOST_ANIMALS),
            ("planes", 1, 16),
            ("seed", 0, 2**62),
        ):
            if not low <= getattr(self, name) <= high:
                raise SettingsError(
                    f"{name} is {getattr(self, name)}; it must lie between {low} and {high}."
                )
        if self.suffix not in SUFFIXES_WRITE:
            raise SettingsError(
                f"suffix is “{self.suffix}”; choose one of {', '.join(SUFFIXES_WRITE)}."
            )

    def side(self, number: int) -> str:
        """The side of the split of animal ``number`` (from 0), "" outside the study's cohort."""
        if not self.study:
            return ""
        for side, size in STUDY_SIDES:
            if number < size:
                return side
            number -= size
        return ""

    def fixed(self) -> dict[str, Any]:
        """What must be the same in a run that continues; JSON-able."""
        settings = asdict(self)
        del settings["animals"]
        # As it reads when it comes back from a file.
        plain: dict[str, Any] = json.loads(json.dumps(settings))
        return plain


def study_settings(*, planes: int = 1, suffix: str = ".nii.gz") -> PopulationSettings:
    """The study's cohort: 35 animals, 29 to train on, 1 to tune on, 5 to test on."""
    return PopulationSettings(
        animals=STUDY_ANIMALS, planes=planes, seed=STUDY_SEED, suffix=suffix, study=True
    )


@dataclass(frozen=True, slots=True)
class PlanesReady:
    """``done`` of ``total`` planes are complete."""

    done: int
    total: int


def simulate_population(
    folder: Path, settings: PopulationSettings, *, workers: int = 2
) -> Generator[PlanesReady, None, None]:
    """Simulate a population into a cohort's folder, continuing where an earlier run stopped.

    Planes that are complete are not written again, whether the table lists them or not.
    ``pairs.csv`` is updated now and then, see :data:`TABLE_ANIMALS`, and lists exactly
    the complete planes at the end, also when the iteration is stopped; that waits for the planes in
    progress.

    Parameters
    ----------
    folder : Path
        Empty, new, or of an earlier run with the same settings (``animals`` may differ; if it is
        smaller, the other animals stay, and stay listed).
    settings : PopulationSettings
    workers : int
        Processes, one thread each.

    Yields
    ------
    PlanesReady
        First what is already there, then one an animal.

    Raises
    ------
    CohortError
        If the folder holds something else.
    ProcessEndedError
        If a simulating process was ended from outside.
    ScanError, OSError
        If a file cannot be written.
    """
    before = _check_folder(folder, settings)
    check_writable(folder)
    listed = max(settings.animals, before)
    total = settings.animals * settings.planes

    def write_table() -> None:
        write_pairs_table(folder, complete_pairs(folder, settings, listed))

    _describe(folder, settings, listed)
    write_table()
    there = [len(_planes_there(folder, settings, n)) for n in range(settings.animals)]
    done = sum(there)
    yield PlanesReady(done, total)
    tasks = [(folder, settings, n) for n, planes in enumerate(there) if planes < settings.planes]
    if not tasks:
        return
    unlisted, listed_at = 0, time.monotonic()
    try:
        with closing(in_processes(_write_animal, tasks, workers=workers)) as written:
            for number in written:
                done += len(_planes_there(folder, settings, number)) - there[number]
                unlisted += 1
                # Not after every animal: of thousands, the whole table is long.
                if unlisted >= TABLE_ANIMALS or time.monotonic() - listed_at >= TABLE_SECONDS:
                    write_table()
                    unlisted, listed_at = 0, time.monotonic()
                yield PlanesReady(done, total)
    finally:
        write_table()
        _describe(folder, settings, listed)


def complete_pairs(folder: Path, settings: PopulationSettings, animals: int) -> list[PairFiles]:
    """The pairs of the first ``animals`` animals whose files are all there, in their order."""
    there = (re.fullmatch(r"sub-(\d{1,8})", path.name) for path in folder.iterdir())
    numbers = sorted({int(name[1]) - 1 for name in there if name})
    numbers = [number for number in numbers if 0 <= number < animals]
    planes = ((number, plane) for number in numbers for plane in range(settings.planes))
    return [pair for of in planes if _is_there(pair := pair_files(folder, settings, *of))]


def animal_name(number: int) -> str:
    """``sub-01`` onwards for animals 0 onwards."""
    return f"sub-{number + 1:02d}"


def pair_files(folder: Path, settings: PopulationSettings, number: int, plane: int) -> PairFiles:
    """Where the files of a plane are or will be."""
    animal = animal_name(number)
    name = pair_name(animal, _plane_in_names(settings, plane))
    return PairFiles(
        name,
        animal,
        folder / animal / "angio" / f"{name}_pwd{settings.suffix}",
        folder / animal / "ulm" / f"{name}_ulm{settings.suffix}",
        settings.side(number),
        folder / animal / "truth" / f"{name}_vessels.npz",
    )


def _is_there(pair: PairFiles) -> bool:
    return all(path and path.is_file() for path in (pair.vessels, pair.fus, pair.ulm))


def _plane_in_names(settings: PopulationSettings, plane: int) -> int | None:
    return plane + 1 if settings.planes > 1 else None


def _planes_there(folder: Path, settings: PopulationSettings, number: int) -> set[int]:
    planes = range(settings.planes)
    return {plane for plane in planes if _is_there(pair_files(folder, settings, number, plane))}


# ---------------------------------------------------------------- the folder


def _check_folder(folder: Path, settings: PopulationSettings) -> int:
    """Return how many animals the folder was started with, 0 if new; refuse a foreign folder."""
    if not folder.exists() or not any(_visible(folder)):
        return 0
    stored = _stored_settings(folder)
    if stored is None:
        raise CohortError(
            f"{folder} is not empty and holds no simulated cohort; choose a new folder."
        )
    before = stored.pop("animals", 0)
    if not isinstance(before, int) or not 0 <= before <= MOST_ANIMALS:
        raise CohortError(
            f"{folder / DESCRIPTION} says that the cohort has {_short(before)} animals, which is "
            "impossible; restore the file, or choose a new folder."
        )
    if stored != settings.fixed():
        differing = sorted(k for k, v in settings.fixed().items() if stored.get(k) != v)
        raise CohortError(
            f"{folder} holds a cohort that was simulated with other settings "
            f"({', '.join(f'{key}: {_short(stored.get(key))}' for key in differing)}); use the "
            "same settings to continue it, or choose a new folder."
        )
    return before


def _visible(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if not path.name.startswith("."))


def _short(value: Any) -> str:
    return "other" if isinstance(value, Mapping) else str(value)


def _stored_settings(folder: Path) -> dict[str, Any] | None:
    try:
        (maker, *_) = read_object(folder / DESCRIPTION)["GeneratedBy"]
        settings = maker["Settings"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(settings) if isinstance(settings, dict) and "planes" in settings else None


def _planes(settings: PopulationSettings) -> str:
    return "1 plane" if settings.planes == 1 else f"{settings.planes} planes"


def _describe(folder: Path, settings: PopulationSettings, animals: int) -> None:
    last = settings.seed + animals - 1
    about = (
        f"Simulated coronal sections, not recordings: {animals} animals (seeds {settings.seed} to "
        f"{last}), {_planes(settings)} each. Training runs on phantoms use seeds below "
        "900,000,000: what was trained on an animal must not be tested on it."
    )
    if settings.study:
        about += " Sides by animal: " + ", ".join(f"{n} {side}" for side, n in STUDY_SIDES) + "."
    write_cohort_description(
        folder,
        complete_pairs(folder, settings, animals),
        name=f"simulated animals from seed {settings.seed}, {_planes(settings)} each",
        about=about,
        settings={"animals": animals, **settings.fixed()},
    )


def _write_animal(folder: Path, settings: PopulationSettings, number: int) -> int:
    """Simulate one animal and write its missing planes; stop between planes if interrupted."""
    there = _planes_there(folder, settings, number)
    animal = animal_name(number)
    for written in (folder / animal).glob("*/"):
        sweep(written, older_than_s=0.0)  # nobody else writes this animal
    if there == set(range(settings.planes)):
        return number
    for pair in simulate_animal(
        settings.seed + number, settings.planes, settings.params, vary=settings.vary
    ):
        if pair.plane not in there:
            write_phantom(
                folder,
                pair,
                animal=animal,
                plane=_plane_in_names(settings, pair.plane),
                split=settings.side(number),
                suffix=settings.suffix,
            )
        if interrupted():
            break
    return number
