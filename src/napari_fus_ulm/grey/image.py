"""Grey levels of any image, together with the grid they lie on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.grey.intensity import fus_to_grey
from napari_fus_ulm.grey.reference import binned_reference
from napari_fus_ulm.grid import Grid

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class GreyImage:
    """Grey levels in [0, 1], and where their pixels lie.

    Attributes
    ----------
    grey : array of the grid's shape
    grid : Grid
    """

    grey: Array
    grid: Grid

    def scan(self) -> xr.DataArray:
        """Return the grey levels with the coordinates of their pixels."""
        coords = self.grid.coords()
        return xr.DataArray(self.grey, dims=("j", "i"), coords=coords, attrs={"values": "grey"})


def grey_image(scan: xr.DataArray, pixel_um: float) -> GreyImage:
    """Grey levels of any 2-D image on a grid of about ``pixel_um``, as it would be shown."""
    grid = Grid.of(scan).with_pixel_um(pixel_um)
    values = str(scan.attrs.get("values", "unknown"))
    if scan.attrs.get("modality") == "fus" and values != "grey":
        scan = scan.copy(data=fus_to_grey(scan.values, values)).assign_attrs(values="grey")
    return GreyImage(binned_reference(scan, grid.shape), grid)


def measured_image(scan: xr.DataArray, pixel_um: float) -> GreyImage:
    """Grey levels of a 2-D image as they are measured and reviewed.

    A generated image keeps its grey levels and its pixels. Power Doppler is interpolated to
    ``pixel_um``, as every row of an evaluation that starts from it is; a ULM map is binned to that,
    but never made finer than it is.
    """
    field = Grid.of(scan)
    if scan.attrs.get("values") == "grey":
        grey = np.asarray(np.clip(scan.values, 0.0, 1.0), np.float32)
        return GreyImage(grey, field.with_shape(field.shape))
    if scan.attrs.get("modality") == "fus":
        return grey_image(scan, pixel_um)
    return grey_image(scan, max(pixel_um, 1000.0 * field.pixel_mm))
