"""The generators on real power Doppler, for docs/gallery.md.

    python docs/make_gallery.py ../shared/data

Enhances the power Doppler pictures of a folder with every bundled generator, draws them into
docs/images/gallery-*.png, and prints how well each agrees with its input, beside what the
ground truth reaches on simulated animals. The pictures show pixels of the recordings: mind their
licences.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.cohort.seeds import TEST_SEED
from napari_fus_ulm.diagnostics.consistency import consistency
from napari_fus_ulm.generators import entry
from napari_fus_ulm.generators.checkpoint import bundled, read_card
from napari_fus_ulm.grey.intensity import log_power
from napari_fus_ulm.grey.native import native_shape
from napari_fus_ulm.grey.reference import reference_on_grid
from napari_fus_ulm.grey.resampling import area_mean
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.inference.enhance import enhance
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.io.guesses import guess_values
from napari_fus_ulm.metrics.centrelines import length_map, skeleton
from napari_fus_ulm.metrics.vessels import vessel_mask
from napari_fus_ulm.output.figures import Box, Colours, Panel, cut_out, draw_panels, save_figure
from napari_fus_ulm.phantom import simulate_pair
from napari_fus_ulm.phantom.calibration.real import POWER, grey_picture, power_picture
from napari_fus_ulm.scan import extent_of

Grey = npt.NDArray[np.floating]

IMAGES = Path(__file__).parent / "images"
INSET_MM, DPI = 2.5, 150.0
INSETS_MM = {"rat": (1.4, 5.2), "mouse": (1.2, 5.0)}
"""Top left corner of the part that is enlarged."""
PHANTOMS = 10


def ways() -> Iterator[tuple[str, EnhanceSettings]]:
    """Every bundled generator; of the diffusion model all three modes."""
    for path in bundled():
        name = read_card(path).generator
        known = entry(name)
        for mode in ("accurate", "balanced", "detailed") if known.iterative else ("detailed",):
            title = f"{known.title} {mode.capitalize()}" if known.iterative else known.title
            yield title, EnhanceSettings(generator=name, mode=mode)  # type: ignore[arg-type]


def share_in_the_dark(grey: Grey, fus: xr.DataArray) -> float:
    """Share of the drawn centreline that lies in the darkest third of the input, 0 to 1."""
    power = area_mean(logged(fus), native_shape(fus))
    rows, columns = (
        np.minimum(np.arange(n) * m // n, m - 1)
        for n, m in zip(grey.shape, power.shape, strict=True)
    )
    dark = (power < np.quantile(power, 1 / 3))[np.ix_(rows, columns)]
    length = length_map(skeleton(vessel_mask(grey, 0.02)))
    return float(length[dark].sum() / max(length.sum(), 1e-9))


def logged(fus: xr.DataArray) -> Grey:
    """Logarithm of the power, whatever the file's values are."""
    values = str(fus.attrs.get("values", "unknown"))
    return log_power(fus.values, guess_values(fus.values) if values == "unknown" else values)


def draw(name: str, fus: xr.DataArray, made: dict[str, Grey]) -> None:
    """Input and every generator, and below them a part of each enlarged."""
    extent, (top, left) = extent_of(fus), INSETS_MM[name]
    images = {"power Doppler": grey_picture(fus), **made}
    box: Box = (top, left, INSET_MM, INSET_MM)
    whole, parts = [], []
    for title, image in images.items():
        colours: Colours = "hot" if title in made else "grey"
        whole.append(Panel(image, extent, title, colours, box))
        parts.append(Panel(cut_out(image, extent, box), (INSET_MM, INSET_MM), colours=colours))
    save_figure(IMAGES / f"gallery-{name}.png", draw_panels([whole, parts]), dpi=DPI)


def on_phantoms(count: int) -> dict[str, tuple[list[float], list[float]]]:
    """Consistency and share in the dark of the ground truth and of every generator."""
    agreements: dict[str, tuple[list[float], list[float]]] = {}
    for seed in range(TEST_SEED, TEST_SEED + count):
        pair = simulate_pair(seed)
        made = {title: enhance(pair.fus, settings).image for title, settings in ways()}
        truth = reference_on_grid(pair.ulm, Grid.of(next(iter(made.values()))))
        pictures = {"ground truth": truth} | {title: image.values for title, image in made.items()}
        for title, grey in pictures.items():
            first, second = agreements.setdefault(title, ([], []))
            first.append(consistency(grey, pair.fus))
            second.append(share_in_the_dark(grey, pair.fus))
    return agreements


def main() -> None:
    """Draw the pictures, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--phantoms", type=int, default=PHANTOMS)
    options = parser.parse_args()
    real: dict[str, dict[str, tuple[float, float]]] = {}
    for name, file in POWER.items():
        fus = power_picture(options.folder / file)
        made = {title: enhance(fus, settings).image.values for title, settings in ways()}
        draw(name, fus, made)
        real[name] = {
            title: (consistency(grey, fus), share_in_the_dark(grey, fus))
            for title, grey in made.items()
        }
    print(f"| | {' | '.join(real)} | {options.phantoms} phantoms |")
    print("| --- |" + " ---: |" * (len(real) + 1))
    for title, (agreeing, dark) in on_phantoms(options.phantoms).items():
        cells = [pair_of(*real[name][title]) if title in real[name] else "–" for name in real]
        print(f"| {title} | {' | '.join(cells)} | {spread(agreeing)}, {spread(dark, 100)} % |")


def pair_of(agreeing: float, dark: float) -> str:
    """One recording's cell."""
    return f"{agreeing:.2f}, {100 * dark:.0f} %"


def spread(values: list[float], factor: float = 1.0) -> str:
    """Mean ± standard deviation."""
    digits = 2 if factor == 1.0 else 0
    return f"{factor * np.mean(values):.{digits}f} ± {factor * np.std(values, ddof=1):.{digits}f}"


if __name__ == "__main__":
    main()
