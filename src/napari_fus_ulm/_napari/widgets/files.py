"""Asking for files to open and to save."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_fus_ulm import io
from napari_fus_ulm.tasks.record import Record, record_beside, write_record

if TYPE_CHECKING:
    from napari.layers import Image

SAVE_AS = {
    "OME-TIFF (*.ome.tif)": ".ome.tif",
    "NIfTI (*.nii.gz)": ".nii.gz",
    "NumPy (*.npy)": ".npy",
}


def ask_open(parent: QWidget, *, folder: bool) -> Path | None:
    """Let the user choose a file or a folder to open."""
    if folder:
        path = QFileDialog.getExistingDirectory(parent, "Open a folder of images")
    else:
        kinds = " ".join(f"*{suffix}" for suffix in io.SUFFIXES_READ)
        path, _ = QFileDialog.getOpenFileName(parent, "Open an image", "", f"Images ({kinds})")
    return Path(path) if path else None


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
    ScanError
        If it cannot be written.
    """
    stem = "".join(c if c.isalnum() or c in "-_×" else " " for c in layer.name)
    path, kind = QFileDialog.getSaveFileName(
        parent, "Save the result", "_".join(stem.split()) + ".ome.tif", ";;".join(SAVE_AS)
    )
    if not path:
        return ""
    if io.suffix_of(path, io.SUFFIXES_WRITE) is None:
        path += SAVE_AS.get(kind, ".ome.tif")
    written = io.write(path, layer.metadata["xarray"])
    if (stored := layer.metadata.get("napari_fus_ulm", {}).get("record")) is not None:
        record = Record.from_mapping(stored).with_outputs([written])
        write_record(record_beside(written), record)
    return f"Saved as {written.name}."
