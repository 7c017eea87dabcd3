"""Take the weights of a finished training run into the package, with measured metrics on the card.

    python benchmarks/bundle_weights.py runs/diffusion-v1 --phantoms 10

The metrics are those of ``napari-fus-ulm evaluate --phantoms N``. With ``--share`` the bundled
weights become a mean of those the run began with and those it ended with: a run on wide recordings
gains on them and loses a little on clean ones, and half-way keeps both (Wortsman et al. 2022,
"Robust fine-tuning of zero-shot models", arXiv:2109.01903).

    python benchmarks/bundle_weights.py src/napari_fus_ulm/weights/diffusion.safetensors

measures bundled weights again and writes nothing but their card.
"""

import argparse
import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from napari_fus_ulm.cohort.seeds import TEST_SEED
from napari_fus_ulm.evaluation.harness import evaluate
from napari_fus_ulm.evaluation.methods import INPUT
from napari_fus_ulm.evaluation.phantoms import held_out, load_phantom, phantom_methods
from napari_fus_ulm.generators.checkpoint import (
    BUNDLED,
    card_path,
    read_card,
    read_tensors,
    write_weights,
)
from napari_fus_ulm.io.atomic import write_json
from napari_fus_ulm.io.own_json import read_object
from napari_fus_ulm.metrics.fidelity import Fidelity, mean_and_sd
from napari_fus_ulm.training.run import CHECKPOINT, WEIGHTS
from napari_fus_ulm.training.settings import TrainSettings

NOTES = "Trained on {sections} simulated coronal rodent sections only; it has seen no recording. "
MAPS = (
    "Trained on simulated recordings of {sections} simulated coronal rodent sections and of three "
    "ULM maps of two mice; it has seen no fUS recording. "
)
UNTOLD = ("model", "flip", "checkpoint_minutes", "workers", "device")
"""Settings left out of a command: it mirrors phantoms by itself, and the rest changes no weight."""
OF_THE_TREE = ("tree_precision", "tree_recall")
"""How much of what is drawn is real, and how much of what is there is drawn."""
FAILURES = {
    "diffusion": (
        "Known failures: small vessels that power Doppler does not show are missed or invented, "
        "above all in Detailed; single vessels of dense tissue are not resolved; parts of an image "
        "without signal may fill with faint vessels. "
    ),
    "pix2pix": (
        "Known failures: it draws one picture and says nothing of what it is unsure of; small "
        "vessels that power Doppler does not show are missed or invented, with short or doubled "
        "strands; patches are blended, so a vessel may fade where two of them disagree. "
    ),
    "mhvae": (
        "Known failures: vessels that power Doppler leaves open are smoothed away, in every mode; "
        "the spread of its samples is far less than its error; small vessels are mostly missed. "
    ),
}


def main() -> None:
    """Copy, measure, write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--phantoms", type=int, default=10)
    parser.add_argument("--note", default="", help="What else the card shall say of this run.")
    parser.add_argument(
        "--share", type=float, default=1.0, help="Of the run; the rest is of --with."
    )
    parser.add_argument(
        "--with", dest="other", type=Path, help="Weights to mix in; by default those it began with."
    )
    parser.add_argument(
        "--last", action="store_true", help="The run's last average, not the best by validation."
    )
    options = parser.parse_args()
    if options.run.suffix == ".safetensors":
        card = read_object(card_path(options.run))
        card["metrics"] = measured(options.run, options.phantoms)
        write_json(card_path(options.run), card)
        return
    source = options.run / WEIGHTS
    card = read_card(source)
    settings = card.training["settings"]
    ended = read_tensors(source)
    if options.last:
        state = read_tensors(options.run / CHECKPOINT)
        ended = {name: state[f"average.{name}"] for name in ended}
        step, seconds = int(state["step"]), float(state["seconds"])
        card.training["steps"], card.training["patches"] = step, step * settings["batch"]
        card.training["minutes"] = round(seconds / 60.0, 1)
    card.training["command"] = command_of(settings, options.run)
    target = BUNDLED / f"{card.generator}.safetensors"
    other = options.other or (Path(settings["init"]) if options.share < 1.0 else source)
    began = read_tensors(other)
    weights = mixed(began, ended, options.share)
    note = f"{options.note.strip()} " if options.note else ""
    if options.share < 1.0:
        card.training["share_of_run"] = options.share
        note += (
            f"The weights are a mean: {100 * options.share:g} % of this run, the rest of those "
            f"in {other.name}. "
        )
    kind = MAPS if settings.get("ulm") else NOTES
    notes = kind.format(sections=settings["phantoms"]) + FAILURES[card.generator]
    notes += f"{note}Not for diagnosis."
    card = dataclasses.replace(card, notes=notes, metrics={})
    write_weights(target, weights, card)
    card = dataclasses.replace(card, metrics=measured(target, options.phantoms))
    write_weights(target, weights, card)


def measured(weights: Path, phantoms: int) -> dict[str, Any]:
    """What a card says of weights: likeness to the ULM, vessels against the simulated tree."""
    metrics: dict[str, Any] = {
        "on": f"{phantoms} held-out phantoms, seeds from {TEST_SEED}",
        "command": f"napari-fus-ulm evaluate --phantoms {phantoms}",
    }
    judged = evaluate([held_out(phantoms)], phantom_methods([weights]), load=load_phantom)
    for row in judged.rows:
        scores = [one.scores for one in judged.images if one.method == row.key]
        mean, sd = mean_and_sd([one.fidelity for one in scores])
        name = row.title if row.key == INPUT else row.key.rpartition("-")[2]
        trees = {
            part: np.array([one.as_dict()[part] for one in scores], float) for part in OF_THE_TREE
        }
        metrics[name] = {
            "mean": rounded(mean) | {part: round(x.mean(), 4) for part, x in trees.items()},
            "sd": rounded(sd) | {part: round(x.std(ddof=1), 4) for part, x in trees.items()},
        }
    print(json.dumps(metrics, indent=2))
    return metrics


def mixed(began: dict[str, Tensor], ended: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """The weighted mean of two sets of weights, as half floats."""
    return {n: began[n].float().lerp(t.float(), share).half() for n, t in ended.items()}


def command_of(settings: dict[str, Any], run: Path) -> str:
    """The command line that makes the run again: what differs from the defaults."""
    default = dataclasses.asdict(TrainSettings())
    words = ["napari-fus-ulm", "train"]
    for name, value in settings.items():
        if name in UNTOLD or value == default[name]:
            continue
        words += [f"--{name.replace('_', '-')}", str(value)]
    for name, value in settings.get("model", {}).items():
        words += ["--argument", f"{name}={json.dumps(value)}"]
    return shlex.join([*words, "-o", str(run)])


def rounded(fidelity: Fidelity) -> dict[str, float | None]:
    """Four digits are more than ten images support."""
    return {k: None if v is None else round(v, 4) for k, v in fidelity.as_dict().items()}


if __name__ == "__main__":
    main()
