"""How precisely the shift of a pair is estimated, and how well mirrored images are recognised.

    python benchmarks/registration.py [--animals 10]

Phantoms without misregistration, whose ULM is moved by a known amount of 0 to 200 µm;
and, for how far unrelated images correlate, the fUS image of one animal beside the ULM of another.
"""

from __future__ import annotations

import argparse
import dataclasses

import numpy as np
import xarray as xr

from napari_fus_ulm.cohort.seeds import VALIDATION_SEED
from napari_fus_ulm.phantom import PhantomPair, PhantomParams, simulate_pair
from napari_fus_ulm.registration.orientation import orientation, register
from napari_fus_ulm.scan import extent_of, make_scan, spacing_of

SHIFTS_UM = ((0, 0), (50, -100), (-120, 30), (200, 0), (0, -200), (-140, 140), (80, 80))


def registered_pair(seed: int) -> PhantomPair:
    """An animal of the population whose two recordings are registered exactly."""
    drawn = PhantomParams().draw(np.random.default_rng(seed))
    exact = dataclasses.replace(drawn, shift_um=0.0, warp_um=0.0)
    return simulate_pair(seed, exact, vary=False)


def moved(ulm: xr.DataArray, down_um: float, right_um: float) -> xr.DataArray:
    """The image moved by whole pixels; what comes in from outside is black."""
    steps = {
        dim: round(by / 1000.0 / step)
        for dim, by, step in zip("ji", (down_um, right_um), spacing_of(ulm), strict=True)
    }
    return ulm.copy(data=ulm.shift(steps, fill_value=0.0).values)


def unrelated(fus: xr.DataArray, ulm: xr.DataArray) -> xr.DataArray:
    """Another animal's ULM as if it had the field of view of the fUS image."""
    spacing = [side / n for side, n in zip(extent_of(fus), ulm.shape, strict=True)]
    return make_scan(ulm.values, spacing=spacing, modality="ulm", values_kind="linear")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--animals", type=int, default=10)
    animals = parser.parse_args().animals
    pairs = [registered_pair(VALIDATION_SEED + n) for n in range(animals)]
    errors, added, heights, seconds, sure = [], [], [], [], []
    for pair in pairs:
        start = register(pair.fus, pair.ulm)
        for down, right in SHIFTS_UM:
            registration = register(pair.fus, moved(pair.ulm, down, right))
            errors.append(np.hypot(registration.down_um - down, registration.right_um - right))
            added.append(
                np.hypot(
                    registration.down_um - start.down_um - down,
                    registration.right_um - start.right_um - right,
                )
            )
            heights.append(registration.correlation)
            seconds.append(registration.second)
            sure.append(registration.sure)
    print(f"{animals} animals, {len(SHIFTS_UM)} shifts of 0 to 200 µm each")
    for name, values, unit in (
        ("error of the shift", errors, "µm"),
        ("error of the added shift alone", added, "µm"),
        ("correlation at the peak", heights, ""),
        ("second peak, share of the first", seconds, ""),
    ):
        low, middle, high = np.percentile(values, [0, 50, 90])
        print(f"{name}: median {middle:.2f}, 90 % below {high:.2f}, least {low:.2f} {unit}")
    print(f"sure: {sum(sure)} of {len(sure)}")
    recognised = {"as it is": 0, "mirrored left to right": 0, "upside down": 0}
    for pair in pairs:
        for name, flipped in (
            ("as it is", pair.ulm.values),
            ("mirrored left to right", pair.ulm.values[:, ::-1]),
            ("upside down", pair.ulm.values[::-1]),
        ):
            recognised[name] += orientation(pair.fus, pair.ulm.copy(data=flipped))[0] == name
    print(
        "orientation recognised rightly:",
        *(f"{name} {n}/{animals};" for name, n in recognised.items()),
    )
    others = [
        register(one.fus, unrelated(one.fus, other.ulm))
        for one in pairs
        for other in pairs
        if one is not other
    ]
    strangers = np.array([one.correlation for one in others])
    print(
        f"unrelated images: correlation median {np.median(strangers):.2f}, "
        f"99 % below {np.percentile(strangers, 99):.2f}, most {strangers.max():.2f}; "
        f"called sure {sum(one.sure for one in others)} of {len(others)}"
    )


if __name__ == "__main__":
    main()
