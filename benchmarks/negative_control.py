"""A section without vessels: how much do weights draw there?

    python benchmarks/negative_control.py ../shared/data --weights WEIGHTS…

The vessels of a real power Doppler image are smoothed away (a Gaussian of 0.4 mm) while grain of
the same strength stays: speckle drawn anew, as strong as the image's pixels scatter about a
Gaussian of one pixel (median). Any vessel drawn there is false. Printed is the length of drawn
centrelines over the area, mm/mm², of the image itself and of the smoothed one, by the project's
rule of what is a vessel.
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr
from real_images import PICTURES, made, picture
from scipy.ndimage import gaussian_filter

from napari_fus_ulm.generators.checkpoint import bundled_weights
from napari_fus_ulm.io import read_one
from napari_fus_ulm.metrics.vessels import vessel_mask
from napari_fus_ulm.output.tables import markdown_table, number
from napari_fus_ulm.phantom.calibration.statistics import length_density

Array = npt.NDArray[np.float32]

SMOOTH_PX = 4.0
"""Standard deviation that leaves no vessel, native pixels of about 0.1 mm."""
GRAIN_PX = 1.0
SPECKLE_PX = 0.5
PIXEL_UM = 20.0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, action="append")
    options = parser.parse_args()
    pair = read_one(options.data / "rat_pair" / "power_doppler.tif", modality="fus").squeeze()
    scans = {"rat pair": pair}
    for name in ("rat", "mouse"):
        file, shape = PICTURES[name]
        scans[name] = picture(options.data / file, shape)
    rows = []
    for weights in options.weights or [bundled_weights("diffusion")]:
        for name, scan in scans.items():
            drawn, false = made(scan, weights), made(emptied(scan), weights)
            for mode in drawn:
                lengths = drawn_length(drawn[mode]), drawn_length(false[mode])
                rows.append(
                    (
                        f"{weights.parent.name} {mode}",
                        name,
                        number(lengths[0], 2),
                        number(lengths[1], 2),
                        number(100.0 * lengths[1] / lengths[0], 0),
                    )
                )
    head = ("weights", "image", "drawn, mm/mm²", "drawn without vessels, mm/mm²", "%")
    print(markdown_table(head, rows))


def emptied(scan: xr.DataArray) -> xr.DataArray:
    """The image without its vessels: its smooth level under grain as strong as its own."""
    values = np.asarray(scan.values, dtype=np.float64)
    scatter = values / np.maximum(gaussian_filter(values, GRAIN_PX), 1e-9) - 1.0
    strength = 1.4826 * float(np.median(np.abs(scatter - np.median(scatter))))
    noise = gaussian_filter(np.random.default_rng(0).normal(size=values.shape), SPECKLE_PX)
    grain = np.maximum(1.0 + strength * noise / noise.std(), 0.0)
    return scan.copy(data=(gaussian_filter(values, SMOOTH_PX) * grain).astype(np.float32))


def drawn_length(image: Array) -> float:
    """Length of the drawn centrelines over the area, mm/mm²."""
    return length_density(vessel_mask(image, PIXEL_UM / 1000.0), PIXEL_UM)


if __name__ == "__main__":
    main()
