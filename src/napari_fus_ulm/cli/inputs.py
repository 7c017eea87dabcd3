"""Options that several commands share: which part of a file is used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.inference.settings import Box
from napari_fus_ulm.tasks.record import Source

if TYPE_CHECKING:
    import xarray as xr

Spacing = Annotated[
    str | None, typer.Option(help="Pixel size of the input in mm: 0.1 or 0.1,0.11 (y,x).")
]
Image = Annotated[int, typer.Option(help="Number of the image in the file.", min=1)]
Leading = Annotated[str, typer.Option(help="Axis of a stack: slice or time.")]
Depth = Annotated[str, typer.Option(help="Axis that is depth: y, x or z.")]
Flip = Annotated[str, typer.Option(help="Axes that run backwards: y, x or yx.")]
Time = Annotated[str, typer.Option(help="Frames: mean, all, or one from 1.")]
Region = Annotated[str, typer.Option(help="Only a region, mm: TOP,LEFT,HEIGHT,WIDTH.")]
Slice = Annotated[int, typer.Option(help="Slice, counted from 1.", min=1)]


def source_of(
    path: Path,
    modality: str | None = "fus",
    *,
    spacing: str | None = None,
    image: int = 1,
    leading: str = "slice",
    depth: str = "y",
    flip: str = "",
    slice: int | None = None,
    time: str = "mean",
) -> Source:
    """Return where an image comes from, with the options as they were given.

    Raises
    ------
    SettingsError
        If an option cannot be read; the sentence names it.
    """
    if leading not in ("slice", "time"):
        raise SettingsError(f"--leading is “{leading}”; it must be slice or time.")
    if depth not in ("y", "x", "z"):
        raise SettingsError(f"--depth is “{depth}”; it must be y, x or z.")
    if flip not in ("", "y", "x", "yx", "xy"):
        raise SettingsError(f"--flip is “{flip}”; it must be y, x or yx.")
    return Source(
        layer=path.name,
        path=str(path.absolute()),
        modality=modality,
        spacing=spacing_of(spacing),
        image=image - 1 or None,
        leading="time" if leading == "time" else None,
        depth=None if depth == "y" else depth,
        flip=flip or None,
        slice=None if slice is None else slice - 1,
        time=_times(time),
    )


def result_source(path: Path, slice: int = 1) -> Source:
    """Return where a result comes from: its slice, where it has several."""
    from napari_fus_ulm.tasks.replay import take

    whole = source_of(path, None)
    several = take(whole).sizes.get("k", 1) > 1
    return replace(whole, slice=slice - 1) if several else whole


def take_named(source: Source) -> xr.DataArray:
    """Read an image and name it after its file, for messages."""
    from napari_fus_ulm.tasks.replay import take

    return take(source).rename(Path(source.path).name)


def spacing_of(text: str | None) -> tuple[float, ...] | None:
    """Return a pixel size, (y, x) in mm."""
    if text is None:
        return None
    try:
        step = tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise SettingsError(f"--spacing is “{text}”; write 0.1 or 0.1,0.11 (mm).") from error
    return step * 2 if len(step) == 1 else step


def region_of(text: str) -> Box | None:
    """Return top, left, height and width in mm; None for all."""
    if not text:
        return None
    try:
        top, left, height, width = (float(part) for part in text.split(","))
    except ValueError as error:
        raise SettingsError(f"--region is “{text}”; write TOP,LEFT,HEIGHT,WIDTH in mm.") from error
    if height <= 0 or width <= 0:
        raise SettingsError(f"--region is “{text}”; its height and width must be above 0.")
    return top, left, height, width


def _times(text: str) -> int | str:
    if text in ("mean", "all"):
        return text
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError(f"--time is “{text}”; it must be mean, all, or a number from 1.")
    return int(text) - 1


def chosen(**options: Any) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in options.items() if value is not None}
