"""The pairs a run is trained on: simulated ones, or a laboratory's own folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from napari_fus_ulm.cohort.splits import training_files
from napari_fus_ulm.cohort.table import PairFiles
from napari_fus_ulm.errors import CohortError, UserError
from napari_fus_ulm.grey.pair import PreparedPair, prepare_pair
from napari_fus_ulm.grey.reference import check_reference
from napari_fus_ulm.scan import check_image


@dataclass(frozen=True, slots=True)
class PairReady:
    """``done`` of ``total`` training pairs are there."""

    done: int
    total: int


def phantom_file(folder: Path, seed: int, pixel_um: float) -> Path:
    """Cache file of one phantom prepared at a pixel size."""
    return folder / f"phantom_{seed:09d}_{pixel_um:g}um.npy"


def prepare_phantom(seed: int, pixel_um: float, folder: Path) -> Path:
    """Simulate one phantom, prepare it, and keep it as float16 (2, height, width)."""
    from napari_fus_ulm.phantom import simulate_pair

    path = phantom_file(folder, seed, pixel_um)
    if not path.exists():
        pair = simulate_pair(seed)
        ready = prepare_pair(pair.fus, pair.ulm, pixel_um)
        partial = path.with_suffix(".part.npy")
        np.save(partial, np.stack([ready.fus, ready.ulm]).astype(np.float16))
        partial.rename(path)
    return path


def prepare_phantoms(
    seeds: Sequence[int], pixel_um: float, folder: Path, workers: int
) -> Iterator[PairReady]:
    """Simulate what is missing, on ``workers`` processes."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [seed for seed in seeds if not phantom_file(folder, seed, pixel_um).exists()]
    done = len(seeds) - len(missing)
    yield PairReady(done, len(seeds))
    if not missing:
        return
    if workers < 2:
        for seed in missing:
            prepare_phantom(seed, pixel_um, folder)
            done += 1
            yield PairReady(done, len(seeds))
        return
    # Spawned, not forked: a fork after torch has started threads may hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(prepare_phantom, seed, pixel_um, folder) for seed in missing]
        for future in waiting:
            future.result()
            done += 1
            yield PairReady(done, len(seeds))


def load_phantoms(seeds: Sequence[int], pixel_um: float, folder: Path) -> list[PreparedPair]:
    """Prepared phantoms, memory-mapped."""
    stacks = (np.load(phantom_file(folder, seed, pixel_um), mmap_mode="r") for seed in seeds)
    return [PreparedPair(stack[0], stack[1]) for stack in stacks]


def load_files(files: Iterable[PairFiles], pixel_um: float) -> list[PreparedPair]:
    """Prepare pairs of files.

    Raises
    ------
    ValueError
        If an image cannot be used: the sentence names the file.
    """
    return [_prepare_files(pair.fus, pair.ulm, pixel_um) for pair in files]


def load_folder(folder: Path, pixel_um: float) -> list[PreparedPair]:
    """Prepare the pairs of a folder that may be trained on.

    Raises
    ------
    ValueError
        See :func:`~napari_fus_ulm.cohort.splits.training_files`; or if an image cannot be used:
        the sentence names the file.
    """
    return load_files(training_files(folder), pixel_um)


def _prepare_files(fus_path: Path, ulm_path: Path, pixel_um: float) -> PreparedPair:
    """Check and prepare the pair of two files."""
    from napari_fus_ulm.io import read_one

    current = fus_path
    try:
        fus = read_one(fus_path, modality="fus").squeeze()
        check_image(fus)
        current = ulm_path
        ulm = read_one(ulm_path, modality="ulm").squeeze()
        check_reference(ulm)
        return prepare_pair(fus, ulm, pixel_um)
    except UserError as error:
        raise CohortError(f"{current}: {error}") from error
