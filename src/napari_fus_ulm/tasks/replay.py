"""Repeating the run of a record."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import xarray as xr

from napari_fus_ulm.errors import OverwriteError, RecordError, UserError
from napari_fus_ulm.inference.events import Finished, Notice, Progress
from napari_fus_ulm.io.atomic import written_together
from napari_fus_ulm.plausible import GIVEN
from napari_fus_ulm.selection import as_times, turned
from napari_fus_ulm.tasks.events import Saved, last_of, noting
from napari_fus_ulm.tasks.laying import laid
from napari_fus_ulm.tasks.record import (
    WHERE,
    Record,
    Source,
    record_beside,
    settings_of,
    write_record,
)
from napari_fus_ulm.tasks.targets import (
    prepare_target,
    record_path,
    replaceable,
    replaced_sentence,
)
from napari_fus_ulm.tasks.task import FolderTask, Task


def task_of(name: str) -> Task | FolderTask:
    """Return the task of a record."""
    module, _, constant = WHERE[name].partition(".")
    task: Task | FolderTask = getattr(import_module(f"napari_fus_ulm.tasks.{module}"), constant)
    return task


def take(source: Source) -> xr.DataArray:
    """Read an image from its source: a file, a phantom, or the run that made it.

    Raises
    ------
    RecordError
        If it has no source that can be read again; the sentence names it.
    ScanError
        If the file is missing or damaged, or has no such part.
    """
    scan = _whole(source)
    if source.spacing is not None:
        scan = scan.assign_attrs({GIVEN: True})
    if source.leading == "time":
        scan = as_times(scan)
    scan = turned(scan, source.depth or "y", source.flip or "")
    if source.laid_mm is not None:
        scan = laid(scan, (source.laid_mm[0], source.laid_mm[1]))
    scan = source.part.of(scan)
    return scan if source.values is None else scan.assign_attrs(values=source.values)


def _whole(source: Source) -> xr.DataArray:
    if source.made_by is not None:
        return _made(source.made_by, source.layer)
    if source.simulated is not None:
        from napari_fus_ulm.phantom import simulate_pair

        pair = simulate_pair(source.simulated)
        return pair.ulm if source.modality == "ulm" else pair.fus
    if not source.path:
        raise RecordError(
            f"“{source.layer}” has no file; save it, and write its path into the record."
        )
    from napari_fus_ulm.io import read, read_one

    how: dict[str, Any] = {"modality": source.modality, "spacing": source.spacing}
    if not source.image:
        return read_one(source.path, **how)
    images = read(source.path, **how)
    if source.image >= len(images):
        raise RecordError(
            f"{source.path} holds {len(images)} images; there is no image {source.image + 1}."
        )
    return images[source.image]


def _made(record: Record, name: str) -> xr.DataArray:
    if record.task != "enhance":
        raise RecordError(
            f"“{name}” was made by the task “{record.task}”; only the results of “enhance” can be "
            "made again as an input."
        )
    finished: Finished = last_of(run_of(record))
    return finished.enhancement.image


def run_of(record: Record) -> Iterator[Any]:
    """Return the events of a record's run; the last one is the result. Writes nothing.

    Raises
    ------
    RecordError
        If its inputs or settings are not those of its task.
    """
    task = task_of(record.task)
    if isinstance(task, FolderTask):
        raise RecordError(f"The task “{record.task}” works in a folder; see `replay`.")
    try:
        task.check(record.inputs)
    except UserError as error:
        raise RecordError(str(error)) from error
    settings = settings_of(task.settings, record.settings)
    takes = {name: partial(take, source) for name, source in record.inputs.items()}
    return noting(task.run, takes, settings)


def replay(record: Record, out: Path) -> Iterator[Any]:
    """Repeat the run of a record, write its files, and the record beside them.

    Parameters
    ----------
    record : Record
    out : Path
        A folder; or the file, where the task writes one.

    Yields
    ------
    The events of the task, then `Saved` for every file.
    """
    task = task_of(record.task)
    if isinstance(task, FolderTask):
        yield from task.run(settings_of(task.settings, record.settings), out)
        yield from note(record, out)
        return
    target = target_of(record, out)
    result: Any = None
    for event in checked(record, target, run_of(record)):
        result = event
        if isinstance(event, Progress | Notice):
            yield event
    yield from save(record, result, target)


def checked(record: Record, target: Path, events: Iterator[Any]) -> Iterator[Any]:
    """Check before the work of a run that its files can and may be written.

    Parameters
    ----------
    record : Record
        Of the run that is to be done.
    target : Path
        A folder, or the file where the task writes one.
    events : iterator
        The work.

    Yields
    ------
    A `Notice` where results of an earlier run will be replaced, then the events.

    Raises
    ------
    UserError
        See `prepare_target`.
    """
    task = task_of(record.task)
    assert isinstance(task, Task)
    if sentence := replaced_sentence(prepare_target(task, target, _files_read(record))):
        yield Notice(sentence)
    yield from events


def save(record: Record, result: Any, target: Path) -> Iterator[Saved]:
    """Write the files of a result and its record.

    Parameters
    ----------
    record : Record
        What made the result.
    result : object
        The last event of its task.
    target : Path
        A folder, or the file where the task writes one.
    """
    task = task_of(record.task)
    assert isinstance(task, Task)  # folder tasks have written their files already
    replaceable(task, target)
    with written_together():
        paths = task.save(result, target)
        paths.append(write_record(record_path(task, target), record.with_outputs(paths)))
    for path in paths:
        yield Saved(path)


def save_image(
    image: xr.DataArray, target: Path, record: Record | None, *, confirmed: bool = False
) -> str:
    """Write one image of a result, and the record that makes it again.

    Parameters
    ----------
    image : xarray.DataArray
    target : Path
        Ends in one of `napari_fus_ulm.io.SUFFIXES_WRITE`.
    record : Record or None
        What made the image, where that is known.
    confirmed : bool
        Whether somebody wants ``target`` replaced if it exists.

    Returns
    -------
    str
        The file's name.

    Raises
    ------
    ScanError
        If it cannot be written.
    OverwriteError
        If it is the recording that the image was made of, or something else would be replaced.
    """
    from napari_fus_ulm.io import write

    if record is not None:
        task = task_of(record.task)
        assert isinstance(task, Task)
        replaceable(task, target, _files_read(record), confirmed=confirmed)
    elif target.exists() and not confirmed:
        raise OverwriteError(f"“{target.name}” exists in {target.parent}; choose another name.")
    with written_together():
        written = write(target, image)
        if record is not None:
            write_record(record_beside(written), record.with_outputs([written]))
    return written.name


def _files_read(record: Record) -> list[Path]:
    return [Path(one.path) for one in record.inputs.values() if one.path]


def note(record: Record, folder: Path) -> Iterator[Saved]:
    """Write the record of a task that works in a folder, when it has ended.

    Parameters
    ----------
    record : Record
    folder : Path
    """
    task = task_of(record.task)
    assert isinstance(task, FolderTask)
    paths = task.written(folder)
    for path in [*paths, write_record(record_path(task, folder), record.with_outputs(paths))]:
        yield Saved(path)


def target_of(record: Record, out: Path) -> Path:
    """Return where a task writes, given ``out``: a folder, or a file in it."""
    from napari_fus_ulm.io import SUFFIXES_WRITE

    task = task_of(record.task)
    if isinstance(task, FolderTask) or not task.file:
        return out
    files = (*SUFFIXES_WRITE, ".png", ".svg", ".pdf", ".csv")
    if out.name.lower().endswith(files) and not out.is_dir():
        return out
    return out / (record.outputs[0] if record.outputs else task.file)
