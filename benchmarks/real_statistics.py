"""Measure the real recordings again and keep the numbers (never pixels) in the package.

    python benchmarks/real_statistics.py ../shared/data

`napari-fus-ulm simulate --calibration` holds phantoms against these numbers.
"""

import argparse
from pathlib import Path

import napari_fus_ulm.phantom.calibration
from napari_fus_ulm.io.atomic import write_text
from napari_fus_ulm.phantom.calibration.real import STORED, as_json, measure_real


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    target = Path(napari_fus_ulm.phantom.calibration.__path__[0]) / STORED
    write_text(target, as_json(measure_real(folder)))
    print(target)


if __name__ == "__main__":
    main()
