"""What a run is trained on: scenes of phantoms and of ULM maps, or a laboratory's own pairs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from napari_fus_ulm.cohort.corrected import read_pair
from napari_fus_ulm.cohort.splits import training_files
from napari_fus_ulm.cohort.table import PairFiles
from napari_fus_ulm.errors import CohortError, UserError
from napari_fus_ulm.grey.pair import PreparedPair, prepare_pair
from napari_fus_ulm.grey.reference import check_reference
from napari_fus_ulm.phantom.processes import in_processes
from napari_fus_ulm.phantom.scene import phantom_scene, read_scene, write_scene
from napari_fus_ulm.phantom.ulm_maps import UlmMap, map_scene, read_maps
from napari_fus_ulm.plausible import check_size
from napari_fus_ulm.scan import check_image


@dataclass(frozen=True, slots=True)
class PairReady:
    """``done`` of ``total`` training pairs are ready."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class SceneTask:
    """A scene to be prepared: of a phantom, or of a real map with a phantom's unseen vessels.

    Attributes
    ----------
    path : Path
        Where it is kept.
    seed : int
        Of the phantom.
    maps : Path or None
        Folder of ULM maps; None makes the phantom's own scene.
    number : int
        Of the scene of a map: the maps take turns.
    """

    path: Path
    seed: int
    maps: Path | None = None
    number: int = 0


def phantom_tasks(seeds: Iterable[int], folder: Path) -> list[SceneTask]:
    """The scenes of simulated animals."""
    return [SceneTask(folder / f"phantom_{seed:09d}.npz", seed) for seed in seeds]


def map_tasks(maps: Path, n: int, phantoms: Sequence[int], folder: Path) -> list[SceneTask]:
    """``n`` scenes of the ULM maps in a folder, with vessels of these phantoms."""
    return [
        SceneTask(folder / f"map_{k:05d}.npz", phantoms[k % len(phantoms)], maps, k)
        for k in range(n)
    ]


def prepare_scene(task: SceneTask) -> None:
    """Make a scene and store it, if it does not exist yet. Scenes of phantoms come first."""
    if task.path.exists():
        return
    if task.maps is None:
        write_scene(task.path, phantom_scene(task.seed))
        return
    (unseen,) = phantom_tasks([task.seed], task.path.parent)
    maps = _maps(task.maps)
    random = np.random.default_rng([task.seed, task.number])
    scene = map_scene(maps[task.number % len(maps)], read_scene(unseen.path), random)
    write_scene(task.path, scene)


@lru_cache(maxsize=1)
def _maps(folder: Path) -> list[UlmMap]:
    return read_maps(folder)


def prepare_scenes(tasks: Sequence[SceneTask], workers: int) -> Iterator[PairReady]:
    """Make the scenes that are missing, on ``workers`` processes.

    Raises
    ------
    CohortError
        If a ULM map cannot be used.
    """
    missing = [task for task in tasks if not task.path.exists()]
    done = len(tasks) - len(missing)
    yield PairReady(done, len(tasks))
    if not missing:
        return
    if workers < 2:
        for task in missing:
            prepare_scene(task)
            done += 1
            yield PairReady(done, len(tasks))
        return
    with closing(in_processes(prepare_scene, [(one,) for one in missing], workers=workers)) as made:
        for _ in made:
            done += 1
            yield PairReady(done, len(tasks))


def load_files(files: Iterable[PairFiles], pixel_um: float) -> list[PreparedPair]:
    """Prepare pairs of files.

    Raises
    ------
    ValueError
        If an image cannot be used: the sentence names the file.
    """
    return [_prepare_files(pair, pixel_um) for pair in files]


def load_folder(folder: Path, pixel_um: float) -> list[PreparedPair]:
    """Prepare the pairs of a folder that may be trained on.

    Raises
    ------
    ValueError
        See :func:`~napari_fus_ulm.cohort.splits.training_files`; or if an image cannot be used:
        the sentence names the file.
    """
    return load_files(training_files(folder), pixel_um)


def _prepare_files(files: PairFiles, pixel_um: float) -> PreparedPair:
    """Check and prepare the pair of two files."""
    pair = read_pair(files)
    current = files.fus
    try:
        check_image(pair.fus)
        check_size(pair.fus, in_cohort=True)
        current = files.ulm
        check_reference(pair.ulm)
        return prepare_pair(pair.fus, pair.ulm, pixel_um)
    except UserError as error:
        raise CohortError(f"{current}: {error}") from error
