"""Seconds and memory of a 512×512 result of each generator, default settings, no ground truth.

    python benchmarks/speed.py

The first run loads the weights and is not counted; three are timed and the median printed. Memory
is the peak of the process beyond what it held once napari and torch were imported (Linux only).
"""

import statistics
import time
from pathlib import Path

import napari  # noqa: F401  (a viewer holds it anyway)
import numpy as np
import torch

from napari_fus_ulm import enhance, make_scan
from napari_fus_ulm.phantom import PhantomParams, simulate_pair

WAYS = (
    ("diffusion", "accurate"),
    ("diffusion", "detailed"),
    ("diffusion", "balanced"),
    ("pix2pix", "detailed"),
    ("mhvae", "accurate"),
)


def memory_gb(name: str) -> float:
    """A line of /proc/self/status (VmRSS: now, VmHWM: the peak), in GB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{name}:")[1].split()[0]) / 2**20


def main() -> None:
    """Print one line a generator and mode."""
    params = PhantomParams(width_mm=10.24, depth_mm=10.24, surface_um=600)
    power = simulate_pair(910_000_001, params, vary=False).fus.values
    spacing = [10.24 / n for n in power.shape]
    fus = make_scan(power, spacing=spacing, modality="fus", values_kind="linear")
    torch.zeros(1)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of the simulation
    before = memory_gb("VmRSS")
    for generator, mode in WAYS:
        enhance(fus, generator=generator, mode=mode)
        seconds = []
        for _ in range(3):
            begun = time.perf_counter()
            result = enhance(fus, generator=generator, mode=mode)
            seconds.append(time.perf_counter() - begun)
        shape = " × ".join(map(str, np.shape(result.image)))
        precision = result.provenance["precision"]
        print(
            f"{generator:9s} {mode:9s} {shape}  {statistics.median(seconds):6.2f} s  {precision}, "
            f"{torch.get_num_threads()} threads, peak {memory_gb('VmHWM') - before:.2f} GB more"
        )


if __name__ == "__main__":
    main()
