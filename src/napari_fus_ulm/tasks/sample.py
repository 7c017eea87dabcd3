"""The sample pair: simulated beforehand, since a viewer cannot wait for seconds.

``sample_pair.npz`` holds what `simulate_pair` gives for `DEMO_SEED`. Where that changes, write the
file again::

    python -c "from napari_fus_ulm.tasks import sample; sample.write()"
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

FILE = Path(__file__).with_name("sample_pair.npz")


@dataclass(frozen=True, slots=True, eq=False)
class SamplePair:
    """Power Doppler and ULM counts of one simulated rat section, laid on each other."""

    fus: xr.DataArray
    ulm: xr.DataArray


def sample_pair() -> SamplePair:
    """Read the pair."""
    with np.load(FILE) as stored:
        fus, ulm = (_scan_of(stored, kind) for kind in ("fus", "ulm"))
    return SamplePair(fus, ulm)


def write(path: Path = FILE) -> None:
    """Simulate the pair and write it; counts are whole numbers, which take less room so."""
    from napari_fus_ulm.cohort.seeds import DEMO_SEED
    from napari_fus_ulm.phantom import simulate_pair

    pair = simulate_pair(DEMO_SEED)
    parts: dict[str, Any] = {"fus": pair.fus.values, "ulm": pair.ulm.values.astype(np.uint16)}
    for kind, scan in (("fus", pair.fus), ("ulm", pair.ulm)):
        axes = {axis: scan[axis].attrs for axis in "yx"}
        words = {"name": scan.name, "attrs": scan.attrs, "axes": axes}
        parts |= {f"{kind}_{axis}": scan[axis].values for axis in "yx"}
        parts[f"{kind}_words"] = np.array(json.dumps(words))
    np.savez_compressed(path, **parts)


def _scan_of(stored: Any, kind: str) -> xr.DataArray:
    words = json.loads(str(stored[f"{kind}_words"]))
    axes = {
        axis: (dim, stored[f"{kind}_{axis}"], words["axes"][axis])
        for dim, axis in zip("ji", "yx", strict=True)
    }
    pixels = stored[kind].astype(np.float32)
    return xr.DataArray(pixels, axes, ("j", "i"), name=words["name"], attrs=words["attrs"])
