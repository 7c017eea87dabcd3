"""Sample data: a simulated pair, so that the plugin can be tried without a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fus_ulm._napari.layers import LayerData, scan_to_layer

if TYPE_CHECKING:
    import xarray as xr

SEED = 910_000_007
"""One of the seeds that no training run uses; the section that ``napari-fus-ulm demo`` shows."""


def phantom_pair() -> list[LayerData]:
    """Simulate power Doppler and ULM of one rat section, lying on each other.

    Returns
    -------
    list of layer data tuples
        "phantom power Doppler" above "phantom ULM".
    """
    from napari_fus_ulm.phantom import simulate_pair

    pair = simulate_pair(SEED)
    ulm, fus = from_corner(pair.ulm), from_corner(pair.fus)
    return [
        scan_to_layer(ulm, name="phantom ULM"),
        scan_to_layer(fus, name="phantom power Doppler"),
    ]


def from_corner(scan: xr.DataArray) -> xr.DataArray:
    """Move a scan so that the outer corner of its first pixel lies at (0, 0).

    Images of one field of view and different pixels then lie on each other; with their first
    pixel centres at (0, 0) they would not.
    """
    moved = {}
    for dim, name in (("j", "y"), ("i", "x")):
        step = float(scan[name][1] - scan[name][0])
        centres = (scan[name].values - float(scan[name][0])) + step / 2
        moved[name] = (dim, centres, scan[name].attrs)
    return scan.assign_coords(moved)
