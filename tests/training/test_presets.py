"""Every generator through the same loop, with its presets and single arguments."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from napari_fus_ulm.errors import TrainingError
from napari_fus_ulm.generators.checkpoint import load_generator, read_card, read_tensors
from napari_fus_ulm.training.loop import Saved, train_events
from napari_fus_ulm.training.run import CHECKPOINT, WEIGHTS, arguments
from napari_fus_ulm.training.settings import TrainSettings

SMALL = {
    "diffusion": {"widths": [8, 8, 8], "blocks": [1, 1, 1]},
    "pix2pix": {"widths": [8, 8], "critic_width": 4},
    # From the first step on, so that the critic takes part.
    "mhvae": {"widths": [8, 8], "latents": [4, 8], "head_blocks": 1, "adversarial_from": 0.0},
}


def stop_after(events: object, step: int) -> None:
    for event in events:  # type: ignore[attr-defined]
        if isinstance(event, Saved) and event.step == step:
            return


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.slow
def test_every_generator_trains_and_resumes_to_the_last_bit(
    name: str, settings: TrainSettings, tmp_path: Path
) -> None:
    settings = dataclasses.replace(settings, generator=name, model=SMALL[name], learning_rate=None)
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    list(train_events(settings, whole))
    stop_after(train_events(settings, halves), 2)
    list(train_events(settings, halves, resume=True))
    one, other = (read_tensors(folder / CHECKPOINT) for folder in (whole, halves))
    assert [k for k in one if k != "seconds" and not torch.equal(one[k], other[k])] == []
    assert (name != "diffusion") == any(k.startswith("adversary.") for k in one)
    model, card = load_generator(halves / WEIGHTS)
    assert (model.name, card.generator) == (name, name)
    assert json.loads(json.dumps(card.training["settings"]["model"])) == SMALL[name]


def test_arguments_go_over_the_presets() -> None:
    assert arguments(TrainSettings()) == {}
    assert arguments(TrainSettings(preset="poster")) == {"edges": "l1"}
    both = TrainSettings(preset="poster", model={"edges": "quadratic", "edge_weight": 0.0})
    assert arguments(both) == {"edges": "quadratic", "edge_weight": 0.0}
    with pytest.raises(TrainingError, match="diffusion has no preset “magic”; available: poster"):
        arguments(TrainSettings(preset="magic"))


def test_fine_tuning_may_change_a_loss_but_not_the_network(
    settings: TrainSettings, tmp_path: Path
) -> None:
    first = dataclasses.replace(settings, model=SMALL["diffusion"], steps=1)
    list(train_events(first, tmp_path / "first"))
    init = str(tmp_path / "first" / WEIGHTS)
    tuned = dataclasses.replace(settings, init=init, model={"edge_weight": 0.0}, steps=1)
    list(train_events(tuned, tmp_path / "tuned"))
    config = read_card(tmp_path / "tuned" / WEIGHTS).config
    assert (config["edge_weight"], config["widths"]) == (0.0, [8, 8, 8])
    wider = dataclasses.replace(tuned, model={"widths": [16, 16, 16]})
    with pytest.raises(TrainingError, match="changes the network's shape"):
        list(train_events(wider, tmp_path / "wider"))
    other = dataclasses.replace(settings, generator="pix2pix", init=init)
    with pytest.raises(TrainingError, match="weights of diffusion, not of pix2pix"):
        list(train_events(other, tmp_path / "other"))


def test_a_run_of_an_earlier_version_is_resumed(settings: TrainSettings, tmp_path: Path) -> None:
    """Its settings.json lacks what was added since, which had the default then."""
    settings = dataclasses.replace(settings, model=SMALL["diffusion"], steps=1)
    list(train_events(settings, tmp_path / "run"))
    path = tmp_path / "run" / "settings.json"
    stored = json.loads(path.read_text())
    del stored["without_position"], stored["preset"]
    path.write_text(json.dumps(stored))
    list(train_events(dataclasses.replace(settings, steps=2), tmp_path / "run", resume=True))
    assert int(read_tensors(tmp_path / "run" / CHECKPOINT)["step"]) == 2


def test_position_can_be_withheld_from_every_patch(
    settings: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_fus_ulm.generators.diffusion import ConditionalDiffusion

    seen: list[float] = []
    real = ConditionalDiffusion.training_loss

    def watched(self: ConditionalDiffusion, batch, rng, **more):  # type: ignore[no-untyped-def]
        seen.append(float(batch.position.abs().max()))
        return real(self, batch, rng, **more)

    monkeypatch.setattr(ConditionalDiffusion, "training_loss", watched)
    for share in (1.0, 0.0):
        seen.clear()
        one = dataclasses.replace(
            settings, model=SMALL["diffusion"], without_position=share, steps=2
        )
        list(train_events(one, tmp_path / str(share)))
        assert [value > 0.0 for value in seen] == [share == 0.0] * 2
