"""Where results go, checked before the work: nothing but results of the same kind is replaced."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from napari_fus_ulm.errors import OverwriteError, RecordError
from napari_fus_ulm.tasks.record import Record, read_record, record_beside
from napari_fus_ulm.tasks.task import FolderTask, Task

RECORD = "record.json"
"""Name of the record in a folder that a task writes."""
RECORDS = "*_record.json"
"""Records beside single files."""


def record_path(task: Task | FolderTask, target: Path) -> Path:
    """Return where the record of a task's files belongs."""
    beside = isinstance(task, Task) and task.file
    return record_beside(target) if beside else target / RECORD


def prepare_target(task: Task, target: Path, inputs: Iterable[Path]) -> list[Path]:
    """Make the folder of a task's files, and check that they can and may be written.

    Parameters
    ----------
    task : Task
    target : Path
        A folder, or the file where the task writes one.
    inputs : iterable of Path
        Files that the task reads.

    Returns
    -------
    list of Path
        Files of an earlier run of the same task that will be replaced.

    Raises
    ------
    OverwriteError
        If a file is an input, or exists and is not known as a result of this task.
    ScanError
        If the folder is a file or cannot be written to.
    """
    from napari_fus_ulm.io.atomic import check_writable

    known = list(inputs)
    replaced = replaceable(task, target, known)
    check_writable(target.parent if task.file else target)
    return replaced


def replaceable(
    task: Task, target: Path, inputs: Iterable[Path] = (), *, confirmed: bool = False
) -> list[Path]:
    """Return the files of an earlier run that a task replaces; refuse any other.

    Parameters
    ----------
    task : Task
    target : Path
        A folder, or the file where the task writes one.
    inputs : iterable of Path
        Files that the task reads.
    confirmed : bool
        Whether somebody has been asked, and wants ``target`` itself replaced whatever it is.

    Raises
    ------
    OverwriteError
        The sentence names the file.
    """
    if task.file and target.is_dir():
        raise OverwriteError(f"“{target}” is a folder; give the name of a file in it.")
    known = list(inputs)
    written, record = _files_of(task, target), record_path(task, target)
    for path in (*written, record):
        if any(_same(path, one) for one in known):
            raise OverwriteError(
                f"“{path.name}” is a file that this run reads, and its result would replace it; "
                "choose another name or folder (-o)."
            )
    there = [path for path in written if os.path.lexists(path)]
    earlier = _own(record, task.name) if os.path.lexists(record) else None
    foreign = [path for path in there if earlier is None or not _lists(earlier, path)]
    if confirmed and target in foreign:
        foreign.remove(target)
    if os.path.lexists(record) and earlier is None:
        foreign.append(record)
    if foreign:
        raise OverwriteError(
            f"“{foreign[0].name}” exists in {foreign[0].parent} and is not known as a result of "
            f"“{task.name}” (its record would be {record.name}), so it is not overwritten; choose "
            "another name or folder (-o), or move it away."
        )
    return there


def replaced_sentence(paths: Iterable[Path]) -> str:
    """Say that results of an earlier run are replaced; empty where none are."""
    names = ", ".join(path.name for path in paths)
    return f"The results of an earlier run are replaced: {names}." if names else ""


def results_in(folder: Path) -> frozenset[str]:
    """Return the names of the files in a folder that records in it list as results."""
    names: set[str] = set()
    for path in (*folder.glob(RECORDS), folder / RECORD):
        try:
            names.update(read_record(path).outputs)
        except RecordError:
            continue
    return frozenset(names)


def _files_of(task: Task, target: Path) -> list[Path]:
    """All files that a task may write, with those that keep what a format cannot."""
    from napari_fus_ulm.io.formats import stem_of
    from napari_fus_ulm.io.side_information import sidecar_of

    if not task.file:
        return [target / name for name in task.files]
    stem = stem_of(target)
    suffix = target.name.removeprefix(stem)
    names = [one.format(stem=stem, suffix=suffix) for one in task.files]
    paths = [target.with_name(name) for name in names]
    if suffix.lower() in (".npy", ".nii", ".nii.gz"):
        paths += [sidecar_of(path) for path in paths]
    return paths


def _own(record: Path, task: str) -> Record | None:
    """The record of an earlier run of a task; None where the file is something else."""
    try:
        read = read_record(record)
    except RecordError:
        return None
    return read if read.task == task else None


def _lists(record: Record, path: Path) -> bool:
    """Whether a record lists a file, or the image whose side information it is."""
    from napari_fus_ulm.io.side_information import sidecar_of

    beside = {sidecar_of(Path(name)).name for name in record.outputs}
    return path.name in record.outputs or path.name in beside


def _same(one: Path, other: Path) -> bool:
    """Whether two paths are one file: links, hard links, “..” and, where it is so, capitals."""
    try:
        return one.samefile(other)
    except OSError:
        return False
