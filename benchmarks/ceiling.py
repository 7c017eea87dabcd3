"""What one power Doppler image allows: real ULM maps, recorded by the model and restored.

    python benchmarks/ceiling.py MAPS ../shared/data/rat_pair/score.py --weights WEIGHTS…

MAPS is a folder of ULM maps (with their pixel sizes). Each becomes scenes; every scene is recorded
as several kinds of recordings at 15 MHz, which *Accurate* and *Detailed* of each weights restore.
The score is that of the real pair (`score.py`), against the scene's ULM. Weights that did not
learn from the maps give a lower bound of what one image allows, weights that did an upper one:
the truth of a real pair lies beside them, never far above.
"""

import argparse
import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import xarray as xr
from real_images import grey, load_rule, made

from napari_fus_ulm.generators.checkpoint import BUNDLED, bundled_weights
from napari_fus_ulm.output.tables import markdown_table, number
from napari_fus_ulm.phantom.recording import RecordingParams, record
from napari_fus_ulm.phantom.scene import Scene, read_scene
from napari_fus_ulm.scan import make_scan
from napari_fus_ulm.training.data import map_tasks, phantom_tasks, prepare_scene
from napari_fus_ulm.training.streams import RecordedFrame

Array = npt.NDArray[np.float32]

PHANTOM = 910000401
"""Seed of the phantom whose vessels stand for those that ULM missed; nothing learnt from it."""
PIXEL_UM = 20.0
RECORDINGS = {
    "clean": RecordingParams(),
    "grainy": RecordingParams(grain=0.2),
    "background three times the vessels": RecordingParams(bed=3.0),
    "both": RecordingParams(grain=0.2, bed=3.0),
}
MEASURES = ("r", "ssim", "lpips", "cldice", "recall", "precision")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("maps", type=Path)
    parser.add_argument("rule", type=Path)
    parser.add_argument("--weights", type=Path, action="append")
    parser.add_argument("-n", type=int, default=6, help="scenes")
    options = parser.parse_args()
    rule = load_rule(options.rule)
    judge = rule.trunk(BUNDLED / "alexnet_features.safetensors")
    weights = options.weights or [bundled_weights("diffusion")]
    rows: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    with TemporaryDirectory() as folder:
        scenes = map_tasks(options.maps, options.n, [PHANTOM], Path(folder))
        for task in (*phantom_tasks([PHANTOM], Path(folder)), *scenes):
            prepare_scene(task)
        for task in scenes:
            for kind, params in RECORDINGS.items():
                recording, truth = recorded(read_scene(task.path), params, task.number)
                for name, image in restored(recording, weights).items():
                    level = rule.resize(image, truth.shape, order=1, anti_aliasing=False)
                    scores = rule.score(level, truth, judge)
                    rows[kind, name].append([scores[m] for m in MEASURES])
    print(
        markdown_table(
            ("recording", "restored by", *MEASURES),
            [
                (kind, name, *(number(v, 3) for v in np.mean(scores, axis=0)))
                for (kind, name), scores in rows.items()
            ],
        )
    )


def recorded(scene: Scene, params: RecordingParams, seed: int) -> tuple[xr.DataArray, Array]:
    """One recording as a scan, and all of the scene's ULM on the generator's grid."""
    recording = record(scene, params, np.random.default_rng(seed))
    whole = dataclasses.replace(recording, visibility=np.ones_like(recording.visibility))
    frame = RecordedFrame.of(scene, whole, PIXEL_UM)
    spacing = tuple(side / 1000.0 for side in recording.pixel)
    scan = make_scan(
        recording.power,
        spacing=spacing,
        modality="fus",
        values_kind=recording.values,
        native_um=100.0,
    )
    return scan, frame.window(0, 0, frame.shape).ulm


def restored(scan: xr.DataArray, weights: Sequence[Path]) -> dict[str, Array]:
    """Bicubic interpolation of the grey levels, and what each weights make of the scan."""
    images = {"bicubic": grey(scan)}
    for path in weights:
        for mode, image in made(scan, path).items():
            images[f"{path.parent.name} {mode}"] = image
    return images


if __name__ == "__main__":
    main()
