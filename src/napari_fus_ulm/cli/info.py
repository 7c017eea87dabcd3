"""Versions, device, and the bundled weights with their hashes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from napari_fus_ulm.cli.console import failing_politely, print_json

NAME = "info"
PACKAGES = ("napari", "numpy", "torch", "torchvision", "lpips", "xarray", "scikit-image", "npe2")


def command(
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show versions, device and weights."""
    with failing_politely(json):
        report = collect()
        if json:
            print_json(report)
            return
        print(f"napari-fus-ulm {report['version']} · Python {report['python']}")
        print(f"device {report['device']} · {report['precision']} · {report['threads']} threads")
        print(" · ".join(f"{name} {version}" for name, version in report["packages"].items()))
        for one in report["weights"]:
            print(f"\n{one['file']}  sha256 {one['sha256'][:16]}…  {one['megabytes']:.1f} MB")
            print(f"  {one['notes']}")


def collect() -> dict[str, Any]:
    """Everything a bug report needs, as plain data."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    import torch

    from napari_fus_ulm import __version__
    from napari_fus_ulm.generators.checkpoint import bundled, read_card, sha256
    from napari_fus_ulm.generators.device import choose_device, choose_precision

    device = choose_device()
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "missing"
    weights = []
    for path in bundled():
        card = read_card(path)
        weights.append(
            {
                "generator": card.generator,
                "file": path.name,
                "sha256": sha256(path),
                "megabytes": path.stat().st_size / 1e6,
                "pixel_um": card.pixel_um,
                "notes": card.notes,
                "metrics": card.metrics,
            }
        )
    return {
        "version": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": str(device),
        "precision": choose_precision("auto", device),
        "threads": torch.get_num_threads(),
        "packages": packages,
        "weights": weights,
    }
