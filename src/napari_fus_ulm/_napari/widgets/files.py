"""Asking for files to open and to save."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_fus_ulm import io
from napari_fus_ulm._napari.layers.results import record_of_result
from napari_fus_ulm.tasks.replay import save_image

if TYPE_CHECKING:
    from napari.layers import Image

SAVE_AS = {
    "OME-TIFF (*.ome.tif)": ".ome.tif",
    "NIfTI (*.nii.gz)": ".nii.gz",
    "NumPy (*.npy)": ".npy",
}


def ask_open(parent: QWidget | None, *, folder: bool) -> Path | None:
    """Let the user choose a file or a folder to open."""
    if folder:
        path = QFileDialog.getExistingDirectory(parent, "Open a folder of images")
    else:
        path, _ = QFileDialog.getOpenFileName(parent, "Open an image", "", _images())
    return Path(path) if path else None


def ask_open_several(parent: QWidget) -> list[Path]:
    """Let the user choose files to open; none when cancelled."""
    paths, _ = QFileDialog.getOpenFileNames(parent, "Open images", "", _images())
    return [Path(path) for path in paths]


def _images() -> str:
    return f"Images ({' '.join(f'*{suffix}' for suffix in io.SUFFIXES_READ)})"


def ask_and_save(parent: QWidget, layer: Image) -> str:
    """Let the user choose where a result goes, and write it with the record that makes it again.

    Parameters
    ----------
    parent : QWidget
    layer : napari.layers.Image
        With the result as ``metadata["xarray"]``.

    Returns
    -------
    str
        What was done, in a sentence; empty when the user cancelled.

    Raises
    ------
    UserError
        If it cannot be written, would replace a file that is no result, or its record is damaged.
    """
    stem = "".join(c if c.isalnum() or c in "-_×" else " " for c in layer.name)
    path, kind = QFileDialog.getSaveFileName(
        parent, "Save the result", "_".join(stem.split()) + ".ome.tif", ";;".join(SAVE_AS)
    )
    if not path:
        return ""
    # The dialog has asked about this very name, not about one with a suffix added.
    confirmed = io.suffix_of(path, io.SUFFIXES_WRITE) is not None
    target = Path(path if confirmed else path + SAVE_AS.get(kind, ".ome.tif"))
    record = record_of_result(layer)
    return f"Saved as {save_image(layer.metadata['xarray'], target, record, confirmed=confirmed)}."
