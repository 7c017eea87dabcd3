"""A task: its name, its settings, the images it takes, its work, and the files of its result."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import xarray as xr

from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.tasks.events import Take, last_of


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What a click or a command does.

    Calling it does the work: ``SUPPORT(settings, result=image, fus=power)`` returns the last
    event, which is the result.

    Parameters
    ----------
    name : str
        Of the task, and of its command.
    settings : type
        A frozen dataclass.
    inputs : tuple of str
        The images that it takes; none where their names are free.
    run : callable
        ``run(images, settings)`` with a callable for each image: an iterator of events that ends
        in the result.
    save : callable
        ``save(result, target)`` writes the files and returns their paths, the main one first.
    optional : tuple of str
        Those of ``inputs`` that may be left out.
    file : str
        Name of the file that is written; empty where a folder of files is.
    files : tuple of str
        Names of all files that may be written, in the folder; beside ``file`` with “{stem}” and
        “{suffix}” of its name.
    """

    name: str
    settings: type[Any]
    inputs: tuple[str, ...]
    run: Callable[[Mapping[str, Take], Any], Iterator[Any]]
    save: Callable[[Any, Path], list[Path]]
    optional: tuple[str, ...] = ()
    file: str = ""
    files: tuple[str, ...] = ()

    def __call__(
        self,
        settings: Any = None,
        *,
        images: Mapping[str, xr.DataArray] | None = None,
        **inputs: xr.DataArray,
    ) -> Any:
        """Do the work and return its last event.

        Parameters
        ----------
        settings : dataclass, optional
            The defaults without it.
        images : mapping of str to xarray.DataArray, optional
            Images with free names.
        **inputs : xarray.DataArray
            The images of ``inputs``.

        Raises
        ------
        SettingsError
            If an image is missing or is not of the task.
        """
        given = {**(images or {}), **inputs}
        self.check(given)
        takes = {name: partial(_itself, image) for name, image in given.items()}
        return last_of(self.run(takes, self.settings() if settings is None else settings))

    def check(self, given: Mapping[str, Any]) -> None:
        """Refuse inputs that are missing or not of the task.

        Raises
        ------
        SettingsError
            The sentence names them.
        """
        if not self.inputs:
            return
        missing = [one for one in self.inputs if one not in given and one not in self.optional]
        unknown = [one for one in given if one not in self.inputs]
        if missing or unknown:
            known = " and ".join(f"“{one}”" for one in self.inputs)
            raise SettingsError(
                f"The task “{self.name}” takes {known}; "
                + (f"missing: {', '.join(missing)}." if missing else "")
                + (f"unknown: {', '.join(unknown)}." if unknown else "")
            )


@dataclass(frozen=True, slots=True, eq=False)
class FolderTask:
    """A task that works in a folder and needs no images.

    Calling it, ``TRAIN(settings, folder)``, does all the work.

    Parameters
    ----------
    name : str
    settings : type
        A frozen dataclass.
    run : callable
        ``run(settings, folder)``: an iterator of events.
    files : tuple of str
        Files in the folder afterwards.
    """

    name: str
    settings: type[Any]
    run: Callable[[Any, Path], Iterator[Any]]
    files: tuple[str, ...]

    def __call__(self, settings: Any, folder: Path) -> list[Path]:
        """Do the work and return the files."""
        last_of(self.run(settings, folder))
        return self.written(folder)

    def written(self, folder: Path) -> list[Path]:
        """The files that exist."""
        return [folder / name for name in self.files if (folder / name).is_file()]


def _itself(image: xr.DataArray) -> xr.DataArray:
    return image


def changed(settings: Any) -> dict[str, Any]:
    """Return the settings that differ from the defaults, by name."""
    return {
        one.name: getattr(settings, one.name)
        for one in dataclasses.fields(settings)
        if getattr(settings, one.name) != _default(one)
    }


def _default(field: dataclasses.Field[Any]) -> Any:
    factory = field.default_factory
    return field.default if factory is dataclasses.MISSING else factory()
