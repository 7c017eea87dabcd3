"""The npe2 reader: every format of `napari_fus_ulm.io` as image layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

LayerData = tuple[Any, dict[str, Any], str]
PathOrPaths = str | Path | Sequence[str | Path]


def get_reader(
    path: PathOrPaths | None = None,
) -> Callable[[PathOrPaths], list[LayerData]] | None:
    """Return a reader for a file, a folder, or several files to stack; None for other files.

    Parameters
    ----------
    path : str, Path or sequence of them
        The path or paths from napari. Its command palette gives none: the user is asked for a file.
    """
    if path is None:
        _ask_and_open()
        return None
    from napari_fus_ulm.io import suffix_of

    paths = _paths(path)
    if not paths:
        return None
    for one in paths:
        if one.is_dir():
            if len(paths) > 1 or not any(suffix_of(file) for file in one.iterdir()):
                return None
        elif suffix_of(one) is None:
            return None
    return read


def read(path: PathOrPaths) -> list[LayerData]:
    """Read a file, a folder, or several files; 2-D images of one shape become one stack.

    Raises
    ------
    ScanError
        A sentence that names the file; napari shows it.
    """
    from napari_fus_ulm import io
    from napari_fus_ulm._napari.layers.from_scan import scan_to_layer
    from napari_fus_ulm.errors import ScanError
    from napari_fus_ulm.io.folder import stack

    paths = _paths(path)
    scans = [scan for one in paths for scan in _named(io.read(one), one)]
    if len(paths) > 1 and len(scans) == len(paths):
        with suppress(ScanError):  # images of different shape: one layer each
            scans = [stack(scans, source=str(paths[0].parent), name=paths[0].parent.name)]
    return [scan_to_layer(scan) for scan in scans]


def _ask_and_open() -> None:
    """Let the user choose a file, and open it in the viewer."""
    from napari import current_viewer
    from qtpy.QtWidgets import QApplication

    from napari_fus_ulm._napari.widgets.files import ask_open

    viewer = current_viewer()
    chosen = ask_open(QApplication.activeWindow(), folder=False)
    if viewer is not None and chosen is not None:
        viewer.open(chosen, plugin="napari-fus-ulm")


def _named(scans: list[xr.DataArray], path: Path) -> list[xr.DataArray]:
    """Name a file's only image after the file, which the user may have renamed."""
    from napari_fus_ulm.io.formats import stem_of

    if len(scans) > 1:
        return scans
    name = stem_of(path)
    if scans[0].attrs.get("generated") and "generated" not in name:
        name += " (generated)"
    return [scans[0].rename(name)]


def _paths(path: PathOrPaths) -> list[Path]:
    several = [path] if isinstance(path, str | Path) else list(path)
    return [Path(one) for one in several]
