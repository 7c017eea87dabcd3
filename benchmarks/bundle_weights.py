"""Take the weights of a finished training run into the package, with measured metrics on the card.

    python benchmarks/bundle_weights.py runs/diffusion-v1 --phantoms 10

The metrics are those of ``napari-fus-ulm evaluate --phantoms N``.
"""

import argparse
import dataclasses
import json
import shutil
from pathlib import Path

from napari_fus_ulm.evaluation.harness import evaluate
from napari_fus_ulm.evaluation.methods import INPUT
from napari_fus_ulm.evaluation.phantoms import held_out, load_phantom, phantom_methods
from napari_fus_ulm.generators.checkpoint import BUNDLED, card_path, read_card, write_text
from napari_fus_ulm.metrics.fidelity import Fidelity, mean_and_sd
from napari_fus_ulm.pairs.baseline import fit_monotone_map
from napari_fus_ulm.training import data
from napari_fus_ulm.training.loop import MAP_PAIRS, field_mm
from napari_fus_ulm.training.run import WEIGHTS
from napari_fus_ulm.training.settings import SEED_BLOCK, TEST_SEED

NOTES = (
    "Trained on {sections} simulated coronal rodent sections only; it has seen no recording. "
    "Known failures: small vessels that power Doppler does not show are missed or invented, above "
    "all in Detailed; single vessels of dense tissue are not resolved; parts of an image without "
    "signal may fill with faint vessels. {note}Not for diagnosis."
)


def main() -> None:
    """Copy, measure, write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--phantoms", type=int, default=10)
    parser.add_argument("--note", default="", help="What else the card shall say of this run.")
    options = parser.parse_args()
    source = options.run / WEIGHTS
    card = read_card(source)
    settings = card.training["settings"]
    first = settings["seed"] * SEED_BLOCK
    seeds = range(first, first + settings["phantoms"])
    pairs = data.load_phantoms(seeds, card.pixel_um, options.run / "phantoms")
    card.training["field_mm"] = field_mm(pairs, card.pixel_um)
    card.training["input_map"] = fit_monotone_map(pairs[:MAP_PAIRS])
    begins = f" --init {settings['init']}" if settings["init"] else ""
    card.training["command"] = (
        f"napari-fus-ulm train --phantoms {settings['phantoms']} --steps {settings['steps']} "
        f"--seed {settings['seed']}{begins} -o {options.run}"
    )
    target = BUNDLED / f"{card.generator}.safetensors"
    shutil.copyfile(source, target)
    note = f"{options.note.strip()} " if options.note else ""
    notes = NOTES.format(sections=settings["phantoms"], note=note)
    card = dataclasses.replace(card, notes=notes, metrics={})
    write_card(target, card)
    metrics: dict[str, object] = {
        "on": f"{options.phantoms} held-out phantoms, seeds from {TEST_SEED}",
        "command": f"napari-fus-ulm evaluate --phantoms {options.phantoms}",
    }
    methods = phantom_methods([target])
    judged = evaluate([held_out(options.phantoms)], methods, load=load_phantom)
    for row in judged.rows:
        found = [one.scores.fidelity for one in judged.images if one.method == row.key]
        mean, sd = mean_and_sd(found)
        name = row.title if row.key == INPUT else row.key.rpartition("-")[2]
        metrics[name] = {"mean": rounded(mean), "sd": rounded(sd)}
    write_card(target, dataclasses.replace(card, metrics=metrics))
    print(json.dumps(metrics, indent=2))


def rounded(found: Fidelity) -> dict[str, float | None]:
    """Four digits are more than ten images support."""
    return {k: None if v is None else round(v, 4) for k, v in found.as_dict().items()}


def write_card(weights: Path, card: object) -> None:
    """Write the card beside its weights."""
    text = json.dumps(dataclasses.asdict(card), indent=2, ensure_ascii=False)  # type: ignore[call-overload]
    write_text(card_path(weights), text + "\n")


if __name__ == "__main__":
    main()
