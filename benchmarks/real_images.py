"""Judge weights on real images: numbers on the rat pair, pictures of the others to look at.

    python benchmarks/real_images.py ../shared/data --weights run/weights.safetensors -o OUT

The pair is scored by the rule of its own ``score.py``, beside bicubic interpolation. Pictures, one
a recording: input, *Accurate* and *Detailed* side by side. Weights never learn from these images.
"""

import argparse
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import xarray as xr
from PIL import Image

from napari_fus_ulm.generators.checkpoint import BUNDLED, bundled_weights, read_card
from napari_fus_ulm.grey.intensity import fus_to_grey
from napari_fus_ulm.grey.resampling import area_mean, resample
from napari_fus_ulm.inference.enhance import enhance
from napari_fus_ulm.io import read_one
from napari_fus_ulm.scan import make_scan

Array = npt.NDArray[np.float32]

PICTURES = {
    "rat": ("rat_power_doppler.png", (96, 96)),
    "rat-bubbles": ("rat_power_doppler_native.png", (63, 122)),
    "mouse": ("mouse_power_doppler.png", (85, 100)),
    "mouse-fine": ("mouse_power_doppler.png", (170, 200)),
}
"""Display-compressed pictures, and the sampling at which each is shown to the generator."""
MODES = ("accurate", "detailed")


def main() -> None:
    """Score and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, action="append")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--no-pictures", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rule = load_rule(options.data / "rat_pair" / "score.py")
    judge, truth = rule.trunk(BUNDLED / "alexnet_features.safetensors"), rule.reference()
    pair = read_one(options.data / "rat_pair" / "power_doppler.tif", modality="fus").squeeze()
    bicubic = np.cbrt(np.clip(resample(pair.values, rule.SHAPE), 0.0, None))
    rows = {"bicubic": rule.score(bicubic, truth, judge)}
    for weights in options.weights or [bundled_weights("diffusion")]:
        drawn = made(pair, weights)
        for mode, image in drawn.items():
            level = rule.resize(image, rule.SHAPE, order=1, anti_aliasing=False)
            rows[f"{weights.parent.name} {mode}"] = rule.score(level, truth, judge)
        save(options.out / f"{weights.parent.name}-pair.png", [grey(pair), *drawn.values(), truth])
        if options.no_pictures:
            continue
        for name, (file, shape) in PICTURES.items():
            scan = picture(options.data / file, shape)
            images = [grey(scan), *made(scan, weights).values()]
            save(options.out / f"{weights.parent.name}-{name}.png", images)
    for name, row in rows.items():
        print(f"{name:44s}", json.dumps(row), flush=True)
    (options.out / "scores.json").write_text(json.dumps(rows, indent=2) + "\n")


def load_rule(path: Path) -> ModuleType:
    """The module that scores the pair."""
    spec = importlib.util.spec_from_file_location("score", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def picture(path: Path, shape: tuple[int, int]) -> xr.DataArray:
    """A picture at native sampling, declared as pixels of 100 µm."""
    image = np.asarray(Image.open(path).convert("L"), dtype=np.float32)
    return make_scan(area_mean(image, shape), spacing=0.1, modality="fus", values_kind="display")


def made(scan: xr.DataArray, weights: Path) -> dict[str, Array]:
    """Results of the modes; grey levels."""
    card = read_card(weights)
    modes = MODES if card.generator != "pix2pix" else MODES[:1]
    return {
        mode: enhance(scan, generator=card.generator, weights=str(weights), mode=mode)
        .image.values.squeeze()
        .astype(np.float32)
        for mode in modes
    }


def grey(scan: xr.DataArray) -> Array:
    """The input as the generator sees it, five times as fine."""
    image = fus_to_grey(scan.values, str(scan.attrs.get("values", "linear")))
    return np.clip(resample(image, (5 * image.shape[0], 5 * image.shape[1])), 0.0, 1.0)


def save(path: Path, images: list[Array]) -> None:
    """Images of about one size side by side, as PNG."""
    shape = images[0].shape
    level = [np.clip(resample(np.asarray(i, np.float32), shape), 0.0, 1.0) for i in images]
    row = np.concatenate([np.pad(i, ((0, 0), (0, 6)), constant_values=0.5) for i in level], axis=1)
    Image.fromarray((row * 255).astype(np.uint8)).save(path)


if __name__ == "__main__":
    main()
