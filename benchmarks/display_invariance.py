"""How nearly one scene gives one result, however its power Doppler was stored.

    python benchmarks/display_invariance.py 5

The power of held-out phantoms is handed over linear, in decibels, after a root, and as 8-bit
display values (40 dB, and with a gamma besides), each declared as what it is. Prints how far the
result of each lies from that of the linear power, and what that does to its error against the ULM.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.cohort.seeds import TEST_SEED
from napari_fus_ulm.grey.reference import reference_on_grid
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.inference.enhance import enhance
from napari_fus_ulm.inference.settings import EnhanceSettings, Mode
from napari_fus_ulm.phantom import simulate_pair

Array = npt.NDArray[np.float64]
DYNAMIC_DB = 40.0


def decibels(power: Array) -> Array:
    """Decibels below the largest value."""
    return np.asarray(10.0 * np.log10(np.maximum(power, 1e-12) / power.max()))


def displayed(power: Array, gamma: float = 1.0) -> Array:
    """8-bit grey levels of the uppermost 40 dB."""
    grey = np.clip(1.0 + decibels(power) / DYNAMIC_DB, 0.0, 1.0) ** gamma
    return np.asarray(np.rint(255.0 * grey))


STORED: dict[str, tuple[str, Callable[[Array], Array]]] = {
    "decibels": ("db", decibels),
    "square root": ("sqrt", np.sqrt),
    "cube root": ("cbrt", np.cbrt),
    "8-bit, 40 dB": ("display", displayed),
    "8-bit, 40 dB, gamma 0.7": ("display", lambda power: displayed(power, 0.7)),
    "8-bit, 40 dB, gamma 1.4": ("display", lambda power: displayed(power, 1.4)),
}
"""What a file holds, as the settings call it, and how it is made of power."""


def stored(fus: xr.DataArray, values: str, make: Callable[[Array], Array]) -> xr.DataArray:
    """The same scan with other numbers."""
    stored = fus.copy(data=make(fus.values.astype(np.float64)).astype(np.float32))
    stored.attrs = {**fus.attrs, "values": values, "values_guessed": False}
    return stored


def main() -> None:
    """Print a table for Accurate and Detailed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print("| stored as | mode | r with that of linear | MSE to it | MSE to the ULM, ratio |")
    print("| --- | --- | ---: | ---: | ---: |")
    scenes = [simulate_pair(seed) for seed in range(TEST_SEED, TEST_SEED + count)]
    modes: tuple[Mode, ...] = ("accurate", "detailed")
    for mode in modes:
        settings = EnhanceSettings(mode=mode)
        linear = [enhance(pair.fus, settings).image for pair in scenes]
        truths = [
            reference_on_grid(pair.ulm, Grid.of(image))
            for pair, image in zip(scenes, linear, strict=True)
        ]
        for name, (values, make) in STORED.items():
            rows = []
            for pair, plain, truth in zip(scenes, linear, truths, strict=True):
                other = enhance(stored(pair.fus, values, make), settings).image.values
                same = plain.values
                rows.append(
                    (
                        np.corrcoef(same.ravel(), other.ravel())[0, 1],
                        np.square(same - other).mean(),
                        np.square(other - truth).mean() / np.square(same - truth).mean(),
                    )
                )
            r, mse, ratio = np.mean(rows, axis=0)
            print(f"| {name} | {mode} | {r:.3f} | {mse:.5f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
