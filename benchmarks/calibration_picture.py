"""Real and simulated recordings in one display, for a person who knows the field.

    python benchmarks/calibration_picture.py calibration.png --real ../shared/data

Above: a rat's and a mouse's power Doppler and a mouse's ULM. Below: power Doppler and ULM of three
simulated animals. All are grey levels as a generator sees them (logarithm between percentiles, on
pixels of 20 µm), cropped or filled up with black to one field of view from the top. The picture
shows pixels of the real recordings: mind their licences before passing it on.
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.grey.pair import prepare_pair
from napari_fus_ulm.output.figures import Colours, Panel, draw_panels, save_figure
from napari_fus_ulm.phantom import simulate_pair
from napari_fus_ulm.phantom.calibration.real import (
    MAPS,
    POWER,
    count_map,
    grey_map,
    grey_picture,
    power_picture,
)
from napari_fus_ulm.phantom.calibration.run import CALIBRATION_SEED
from napari_fus_ulm.phantom.calibration.statistics import TEXTURE_UM

FIELD_MM = (8.0, 10.0)


def framed(grey: npt.NDArray[np.floating], title: str, colours: Colours = "grey") -> Panel:
    """Crop or fill up an image to the field of view, centred from side to side."""
    rows, columns = (round(1000.0 * side / TEXTURE_UM) for side in FIELD_MM)
    left = (columns - grey.shape[1]) // 2
    full = np.pad(grey, ((0, max(0, rows - grey.shape[0])), (max(0, left), max(0, left + 1))))
    start = max(0, -left)
    return Panel(full[:rows, start : start + columns], FIELD_MM, title, colours)


def main() -> None:
    """Draw three rows of three panels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=CALIBRATION_SEED)
    options = parser.parse_args()
    pictures = {name: grey_picture(power_picture(options.real / f)) for name, f in POWER.items()}
    name, file = next(iter(MAPS.items()))
    real = [framed(grey, f"real {of}, power Doppler") for of, grey in pictures.items()]
    real.append(framed(grey_map(count_map(options.real / file)), f"real {name}, ULM", "hot"))
    fus, ulm = [], []
    for seed in range(options.seed, options.seed + 3):
        pair = simulate_pair(seed)
        ready = prepare_pair(pair.fus, pair.ulm, TEXTURE_UM)
        fus.append(framed(ready.fus, f"simulated {seed}, power Doppler"))
        ulm.append(framed(ready.ulm, f"simulated {seed}, ULM", "hot"))
    save_figure(options.out, draw_panels([real, fus, ulm]))


if __name__ == "__main__":
    main()
