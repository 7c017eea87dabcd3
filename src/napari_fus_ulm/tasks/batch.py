"""Many files, one after the other: what `napari-fus-ulm enhance IN…` and the *Batch* dock do.

One bad file of a night's work must not cost the others, and what is done stays done: a batch that
was stopped goes on where it was.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_fus_ulm.errors import RecordError, ScanError, SettingsError
from napari_fus_ulm.inference.events import Finished, Notice, Progress
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.tasks.record import Record, Source, read_record, settings_of
from napari_fus_ulm.tasks.targets import record_path, results_in

if TYPE_CHECKING:
    import xarray as xr

    from napari_fus_ulm.inference.enhancement import Enhancement

Outcome = Literal["done", "skipped", "failed"]
AS_TAKEN = ("values", "precision")
"""Settings whose “auto” a record replaces by what was taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSettings:
    """How every file is read, enhanced and written.

    Parameters
    ----------
    enhance : EnhanceSettings
    part : Source
        Which part of each file is used, and how it is read; name and path are the file's.
    gain : float or None
        Result pixels per native pixel, in place of the pixel size of ``enhance``.
    suffix : str
        Ending of the results, one of `napari_fus_ulm.io.SUFFIXES_WRITE`.
    only_fus : bool
        Refuse images that do not look like fUS.
    skip_done : bool
        Leave alone what was made with the same settings from the same file by this version.

    Raises
    ------
    SettingsError
        If there is no such ending.
    """

    enhance: EnhanceSettings = field(default_factory=EnhanceSettings)
    part: Source = field(default_factory=lambda: Source(layer="", time="mean"))
    gain: float | None = None
    suffix: str = ".ome.tif"
    only_fus: bool = False
    skip_done: bool = False

    def __post_init__(self) -> None:
        from napari_fus_ulm.io import SUFFIXES_WRITE

        if self.suffix not in SUFFIXES_WRITE:
            raise SettingsError(
                f"--suffix is “{self.suffix}”; it must be one of {', '.join(SUFFIXES_WRITE)}."
            )


@dataclass(frozen=True, slots=True)
class Job:
    """A file, and where its result is written."""

    path: Path
    target: Path


@dataclass(frozen=True, slots=True)
class Plan:
    """What a batch will do.

    Attributes
    ----------
    jobs : tuple of Job
    notes : tuple of str
        What was left out of folders.
    """

    jobs: tuple[Job, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Begun:
    """Job number ``number`` (from 0) begins."""

    number: int


@dataclass(frozen=True, slots=True, eq=False)
class Ended:
    """A job is over.

    Attributes
    ----------
    number : int
    outcome : {"done", "skipped", "failed"}
    sentence : str
        What was reached, or why not.
    files : tuple of Path
        What was written.
    seconds : float
    enhancement : Enhancement or None
    error : Exception or None
        Behind a failure.
    """

    number: int
    outcome: Outcome
    sentence: str
    files: tuple[Path, ...] = ()
    seconds: float = 0.0
    enhancement: Enhancement | None = None
    error: Exception | None = None


def plan(inputs: Sequence[Path], out: Path, suffix: str = ".ome.tif") -> Plan:
    """List the files of a batch, and where each result is written; never two to the same place.

    Parameters
    ----------
    inputs : sequence of Path
        Files, and folders of files; results of earlier runs in a folder are left out.
    out : Path
        A folder; or the file, for a single input.
    suffix : str

    Raises
    ------
    ScanError
        If a folder holds nothing to enhance.
    SettingsError
        If two results would have one name.
    """
    from napari_fus_ulm.io import SUFFIXES_WRITE
    from napari_fus_ulm.io.formats import stem_of

    files, notes = _files(inputs)
    if len(files) == 1 and out.name.lower().endswith(SUFFIXES_WRITE) and not out.is_dir():
        return Plan((Job(files[0], out),), notes)
    jobs = tuple(Job(path, out / f"{stem_of(path)}_enhanced{suffix}") for path in files)
    taken: dict[str, Path] = {}
    for job in jobs:
        other = taken.setdefault(str(job.target).casefold(), job.path)  # Windows takes A and a
        if other is not job.path:
            raise SettingsError(
                f"The results of {other} and {job.path} would both be {job.target}; "
                "enhance them separately."
            )
    return Plan(jobs, notes)


def _files(inputs: Sequence[Path]) -> tuple[list[Path], tuple[str, ...]]:
    from napari_fus_ulm.io import images_in

    files: list[Path] = []
    notes: list[str] = []
    for path in inputs:
        if not path.is_dir():
            files.append(path)
            continue
        inside = images_in(path)
        if not inside:
            raise ScanError(f"The folder {path} contains no image file that can be read.")
        results = results_in(path)
        recordings = [one for one in inside if one.name not in results]
        if len(recordings) < len(inside):
            names = ", ".join(one.name for one in inside if one.name in results)
            notes.append(f"Results of earlier runs in {path} are not enhanced again: {names}.")
        if not recordings:
            raise ScanError(f"The folder {path} contains results only, and no recording.")
        files += recordings
    return files, tuple(notes)


def batch_run(
    jobs: Sequence[Job], settings: BatchSettings
) -> Iterator[Begun | Progress | Notice | Ended]:
    """Enhance files one after the other; a failure ends its file only.

    Yields
    ------
    Begun, then Progress and Notice of that file, then Ended, for each job.

    Raises
    ------
    CheckpointError, SettingsError
        Before the first file, where weights or device are missing.
    """
    from napari_fus_ulm.tasks.catalogue import check_available
    from napari_fus_ulm.tasks.failures import failure_of

    check_available(settings.enhance)
    for number, job in enumerate(jobs):
        yield Begun(number)
        begun = time.monotonic()
        try:
            ended = yield from _one(number, job, settings)
        except Exception as error:
            ended = Ended(number, "failed", failure_of(error).sentence, error=error)
        yield replace(ended, seconds=time.monotonic() - begun)


def _one(
    number: int, job: Job, settings: BatchSettings
) -> Generator[Progress | Notice, None, Ended]:
    """Enhance one file and write its result."""
    from napari_fus_ulm.tasks.enhance import enhance_run, record_of
    from napari_fus_ulm.tasks.familiarity import refuse_unlike
    from napari_fus_ulm.tasks.replay import checked, save, take

    source = replace(settings.part, layer=job.path.name, path=str(job.path.absolute()))
    chosen = settings.enhance
    if settings.skip_done and settings.gain is None and is_done(job, source, chosen):
        return _skipped(number, job)
    scan = take(source)
    if settings.gain is not None:
        chosen = _with_gain(chosen, scan, settings.gain)
        if settings.skip_done and is_done(job, source, chosen):
            return _skipped(number, job)
    if scan.attrs.get("generated"):
        raise ScanError(
            f"“{job.path.name}” is a generated image, not a recording; enhance the recording that "
            "it was made from."
        )
    if settings.only_fus:
        refuse_unlike(scan)
    asked = Record.of("enhance", {"fus": source}, chosen)
    finished: Finished | None = None
    for event in checked(asked, job.target, enhance_run(lambda: scan, None, chosen)):
        if isinstance(event, Finished):
            finished = event
        elif isinstance(event, Progress | Notice):
            yield event
    assert finished is not None  # a run ends with its result
    result = finished.enhancement
    paths = tuple(one.path for one in save(record_of(result, source), finished, job.target))
    return Ended(number, "done", f"{result.reached}.", paths, enhancement=result)


def _skipped(number: int, job: Job) -> Ended:
    return Ended(number, "skipped", "Done already, with these settings.", (job.target,))


def is_done(job: Job, source: Source, settings: EnhanceSettings) -> bool:
    """Whether a result is there that the same run would make again.

    It is of the same part of the same file, with the same settings and version, and neither the
    file nor the weights have changed since.
    """
    from napari_fus_ulm import __version__
    from napari_fus_ulm.tasks.catalogue import card_of
    from napari_fus_ulm.tasks.enhance import ENHANCE

    path = record_path(ENHANCE, job.target)
    try:
        record = read_record(path)
        had = settings_of(EnhanceSettings, record.settings)
        written = os.path.getmtime(path)
        read = [job.path]
        if settings.weights is not None:
            read.append(card_of(settings)[1])
        fresh = all(os.path.getmtime(one) <= written for one in read)
    except (RecordError, OSError):
        return False
    wanted = settings.resolved()
    for name in AS_TAKEN:
        if getattr(wanted, name) == "auto":
            wanted = replace(wanted, **{name: getattr(had, name)})
    return (
        fresh
        and record.task == ENHANCE.name
        and record.version == __version__
        and record.inputs.get("fus") == source
        and had == wanted
        and job.target.name in record.outputs
        and all((path.parent / name).is_file() for name in record.outputs)
    )


def _with_gain(settings: EnhanceSettings, scan: xr.DataArray, gain: float) -> EnhanceSettings:
    from napari_fus_ulm.tasks.catalogue import card_of, pixels_um

    card, _ = card_of(settings)
    native, finest = pixels_um(scan, card.pixel_um, settings.native_um)
    pixel = native / gain
    # A gain is a round number: ×5 of 99 µm means the generator's 20 µm, not 19.8.
    if 0.95 * finest <= pixel < finest:
        pixel = finest
    return dataclasses.replace(settings, pixel_um=pixel)
