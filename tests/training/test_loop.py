"""The loop: resumed bit-exactly, stopped safely, and refused where it would mix two runs."""

import csv
import dataclasses
import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_fus_ulm import generators
from napari_fus_ulm.cohort.seeds import VALIDATION_PHANTOMS, VALIDATION_SEED
from napari_fus_ulm.errors import SettingsError, TrainingError
from napari_fus_ulm.generators.checkpoint import load_generator, read_card, read_tensors
from napari_fus_ulm.generators.diffusion import ConditionalDiffusion
from napari_fus_ulm.io.atomic import write_tensors
from napari_fus_ulm.phantom import PhantomParams
from napari_fus_ulm.phantom.scene import Scene, phantom_scene
from napari_fus_ulm.training import data, run
from napari_fus_ulm.training.data import PairReady
from napari_fus_ulm.training.loop import WARM_UP, Saved, StepDone, rate, train_events
from napari_fus_ulm.training.run import CHECKPOINT, WEIGHTS
from napari_fus_ulm.training.settings import TrainSettings
from napari_fus_ulm.training.validation import Validated, past_losses

pytestmark = pytest.mark.usefixtures("tiny_network")


def stop_after(events: Iterator[object], step: int) -> None:
    """Consume events up to the checkpoint of a step, then stop as a user who cancels does."""
    for event in events:
        if isinstance(event, Saved) and event.step == step:
            return
    raise AssertionError(f"no checkpoint at step {step}")


def state(folder: Path) -> dict[str, torch.Tensor]:
    tensors = read_tensors(folder / CHECKPOINT)
    del tensors["seconds"]
    return tensors


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_resumed_run_is_the_uninterrupted_one_to_the_last_bit(
    settings: TrainSettings, tmp_path: Path, precision: str
) -> None:
    settings = dataclasses.replace(settings, precision=precision)
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    list(train_events(settings, whole))
    stop_after(train_events(settings, halves), 2)
    torch.manual_seed(987)  # a new process does not share the old one's random state
    np.random.seed(987)  # noqa: NPY002
    list(train_events(settings, halves, resume=True))
    one, other = state(whole), state(halves)
    assert one.keys() == other.keys()
    assert {name.split(".")[0] for name in one} == {"step", "model", "average", "optimiser"}
    different = [name for name in one if not torch.equal(one[name], other[name])]
    assert different == []
    for_use, same = (read_tensors(folder / WEIGHTS) for folder in (whole, halves))
    assert all(torch.equal(tensor, same[name]) for name, tensor in for_use.items())
    assert int(one["step"]) == 4


def test_every_step_changes_the_weights(settings: TrainSettings, tmp_path: Path) -> None:
    """Without this the test above would pass on a loop that does nothing."""
    events = train_events(settings, tmp_path / "run")
    stop_after(events, 2)
    before = state(tmp_path / "run")
    stop_after(events, 3)
    after = state(tmp_path / "run")
    for part in ("model.", "average.", "optimiser."):
        assert any(
            not torch.equal(before[name], after[name]) for name in before if name.startswith(part)
        )


def test_another_seed_is_another_run(settings: TrainSettings, tmp_path: Path) -> None:
    for seed in (0, 1):
        one = dataclasses.replace(settings, seed=seed, steps=1)
        list(train_events(one, tmp_path / str(seed)))
    assert (tmp_path / "0" / WEIGHTS).read_bytes() != (tmp_path / "1" / WEIGHTS).read_bytes()


def test_a_run_tells_how_far_it_is(settings: TrainSettings, tmp_path: Path) -> None:
    events = list(train_events(settings, tmp_path / "run"))
    assert events[0] == PairReady(2, 2)
    steps = [event for event in events if isinstance(event, StepDone)]
    assert [(event.step, event.steps) for event in steps] == [(n, 4) for n in (1, 2, 3, 4)]
    assert all(set(event.losses) == {"loss", "v", "edges"} for event in steps)
    assert all(event.patches_per_second > 0 for event in steps)
    assert all(0.0 <= event.waiting < 1.0 for event in steps)
    assert events[-1] == Saved(4, tmp_path / "run")
    with (tmp_path / "run" / "losses.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2", "3", "4"]
    assert float(rows[2]["loss"]) == pytest.approx(steps[2].losses["loss"], rel=1e-4)


def test_checkpoints_wait_for_their_time_but_the_last_does_not(
    settings: TrainSettings, tmp_path: Path
) -> None:
    rare = dataclasses.replace(settings, checkpoint_minutes=60.0)
    saved = [e for e in train_events(rare, tmp_path / "run") if isinstance(e, Saved)]
    assert [event.step for event in saved] == [4]


def test_the_weights_are_used_as_they_are(settings: TrainSettings, tmp_path: Path) -> None:
    list(train_events(settings, tmp_path / "run"))
    model, card = load_generator(tmp_path / "run" / WEIGHTS)
    assert model.config()["widths"] == [8, 8, 8]
    average = state(tmp_path / "run")
    for name, value in model.state_dict().items():
        assert torch.equal(value, average[f"average.{name}"].half().float())
    training = card.training
    assert training["steps"] == 4
    assert training["patches"] == 8
    assert training["phantom_trained"] is True  # the folder's pairs are simulated
    assert training["device"] == "cpu"
    assert TrainSettings(**training["settings"]) == settings
    assert training["field_mm"] == [[2.0, 2.0], [2.4, 2.4]]
    assert (np.diff(training["input_map"]) >= 0).all()
    assert card.pixel_um == settings.pixel_um
    stored = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert TrainSettings(**stored) == settings


def test_the_average_lags_behind_the_weights(settings: TrainSettings, tmp_path: Path) -> None:
    list(train_events(settings, tmp_path / "run"))
    tensors = state(tmp_path / "run")
    name = "net.first.weight"
    torch.manual_seed(settings.seed)
    start = ConditionalDiffusion((8, 8, 8), (1, 1, 1)).state_dict()[name]
    gone = (tensors[f"model.{name}"] - start).norm()
    followed = (tensors[f"average.{name}"] - start).norm()
    assert 0.0 < followed < gone


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint(
    settings: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = ConditionalDiffusion.training_loss, []

    def failing(
        self: ConditionalDiffusion, *args: object, **more: object
    ) -> dict[str, torch.Tensor]:
        calls.append(1)
        losses = real(self, *args, **more)  # type: ignore[arg-type]
        return {k: v * (np.nan if len(calls) == 3 else 1.0) for k, v in losses.items()}

    monkeypatch.setattr(ConditionalDiffusion, "training_loss", failing)
    with pytest.raises(TrainingError, match=r"loss became nan at step 2; .* Try a lower learning"):
        list(train_events(settings, tmp_path / "run"))
    checkpoint = state(tmp_path / "run")
    assert int(checkpoint["step"]) == 2
    assert all(torch.isfinite(value).all() for value in checkpoint.values())
    load_generator(tmp_path / "run" / WEIGHTS)
    # The third call is over: the run can continue where it stopped.
    list(train_events(settings, tmp_path / "run", resume=True))
    assert int(state(tmp_path / "run")["step"]) == 4


def test_a_folder_with_a_run_is_not_overwritten(settings: TrainSettings, tmp_path: Path) -> None:
    list(train_events(settings, tmp_path / "run"))
    before = (tmp_path / "run" / CHECKPOINT).read_bytes()
    with pytest.raises(TrainingError, match=r"already holds a run\. Resume it"):
        list(train_events(settings, tmp_path / "run"))
    assert (tmp_path / "run" / CHECKPOINT).read_bytes() == before


def test_other_settings_are_refused_by_name(settings: TrainSettings, tmp_path: Path) -> None:
    list(train_events(dataclasses.replace(settings, steps=1), tmp_path / "run"))
    changed = dataclasses.replace(settings, learning_rate=0.1, batch=4)
    with pytest.raises(TrainingError, match=r"other settings: batch, learning_rate\."):
        list(train_events(changed, tmp_path / "run", resume=True))
    # More steps, another rhythm, other workers and another device are the same run.
    more = dataclasses.replace(settings, steps=2, checkpoint_minutes=9.0, workers=1, device="cpu")
    list(train_events(more, tmp_path / "run", resume=True))
    assert int(state(tmp_path / "run")["step"]) == 2


def test_there_must_be_something_to_resume(settings: TrainSettings, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(TrainingError, match="no run to resume"):
        list(train_events(settings, folder, resume=True))
    assert not folder.exists()


def test_a_damaged_checkpoint_is_named(settings: TrainSettings, tmp_path: Path) -> None:
    list(train_events(settings, tmp_path / "run"))
    path = tmp_path / "run" / CHECKPOINT
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(TrainingError, match=r"checkpoint\.safetensors is not a complete"):
        list(train_events(settings, tmp_path / "run", resume=True))


def test_a_run_without_weights_yet_is_resumed(settings: TrainSettings, tmp_path: Path) -> None:
    """It was killed between its first checkpoint and its first weights."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    list(train_events(settings, whole))
    stop_after(train_events(settings, cut), 1)
    (cut / WEIGHTS).unlink()
    (cut / WEIGHTS).with_suffix(".json").unlink()
    list(train_events(settings, cut, resume=True))
    once, resumed = read_tensors(whole / WEIGHTS), read_tensors(cut / WEIGHTS)
    assert all(torch.equal(once[name], resumed[name]) for name in once)


def test_fine_tuning_starts_from_given_weights(settings: TrainSettings, tmp_path: Path) -> None:
    list(train_events(settings, tmp_path / "first"))
    start = load_generator(tmp_path / "first" / WEIGHTS)[0].state_dict()
    tuned = dataclasses.replace(
        settings, init=str(tmp_path / "first" / WEIGHTS), learning_rate=1e-9, steps=1
    )
    list(train_events(tuned, tmp_path / "second"))
    model = state(tmp_path / "second")
    for name, value in start.items():
        assert torch.allclose(model[f"model.{name}"], value, atol=1e-6)


def test_a_fine_tuned_run_resumes_with_the_network_it_began_with(
    settings: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(train_events(settings, tmp_path / "first"))
    tuned = dataclasses.replace(settings, init=str(tmp_path / "first" / WEIGHTS), steps=1)
    list(train_events(tuned, tmp_path / "second"))
    monkeypatch.setattr(run, "build", generators.build)  # whose default is far larger
    list(train_events(dataclasses.replace(tuned, steps=2), tmp_path / "second", resume=True))
    assert int(state(tmp_path / "second")["step"]) == 2


def test_a_share_of_the_first_weights_is_kept(settings: TrainSettings, tmp_path: Path) -> None:
    list(train_events(settings, tmp_path / "first"))
    begun = dataclasses.replace(settings, init=str(tmp_path / "first" / WEIGHTS), seed=1)
    list(train_events(begun, tmp_path / "free"))
    kept = dataclasses.replace(begun, keep_init=0.75)
    stop_after(train_events(kept, tmp_path / "kept"), 2)
    list(train_events(kept, tmp_path / "kept", resume=True))
    first, free, mixed = (
        read_tensors(tmp_path / name / WEIGHTS) for name in ("first", "free", "kept")
    )
    for name, one in mixed.items():
        expected = 0.75 * first[name].float() + 0.25 * free[name].float()
        assert torch.allclose(one.float(), expected, atol=2e-3)
    assert any(not torch.equal(free[name], first[name]) for name in free)
    # Training itself goes the same way: only what is judged and saved is mixed.
    assert all(
        torch.equal(one, state(tmp_path / "kept")[name])
        for name, one in state(tmp_path / "free").items()
    )


def test_what_belongs_together_is_asked_for_together(settings: TrainSettings) -> None:
    with pytest.raises(SettingsError, match="keep_init needs weights to start from"):
        dataclasses.replace(settings, keep_init=0.5)
    with pytest.raises(SettingsError, match="phantom_share belongs to pairs"):
        dataclasses.replace(settings, pairs=None, phantom_share=0.5)


def test_the_loss_falls(settings: TrainSettings, tmp_path: Path) -> None:
    longer = dataclasses.replace(settings, steps=60, checkpoint_minutes=60.0, batch=4)
    losses = [
        event.losses["v"]
        for event in train_events(longer, tmp_path / "run")
        if isinstance(event, StepDone)
    ]
    # Single bright patches distort a mean.
    assert np.median(losses[-20:]) < 0.9 * np.median(losses[:10])


def test_the_learning_rate_warms_up_stays_and_falls() -> None:
    steps = 6000
    rates = np.array([rate(step, steps) for step in range(steps)])
    assert rates[0] == 1 / WARM_UP
    assert (np.diff(rates[:WARM_UP]) > 0).all()
    assert (rates[WARM_UP : int(0.8 * steps)] == 1.0).all()
    last = rates[int(0.8 * steps) :]
    assert (np.diff(last[1:]) < 0).all()
    assert 0.0 < last[-1] < 0.002
    assert last[len(last) // 2] == pytest.approx(0.5, abs=0.01)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seeds of the phantoms that are simulated, which are small ones."""
    seeds: list[int] = []
    small = PhantomParams(width_mm=2.4, depth_mm=2.0)

    def quick(seed: int) -> Scene:
        seeds.append(seed)
        return phantom_scene(seed, small, vary=False)

    monkeypatch.setattr(data, "phantom_scene", quick)
    return seeds


def test_a_run_on_phantoms_prepares_them_first(
    settings: TrainSettings, tmp_path: Path, drawn: list[int]
) -> None:
    chosen = dataclasses.replace(settings, pairs=None, phantoms=2, seed=3, steps=1, workers=1)
    events = list(train_events(chosen, tmp_path / "run"))
    held_out = [VALIDATION_SEED + n for n in range(VALIDATION_PHANTOMS)]
    assert drawn == [3_000_000, 3_000_001, *held_out]
    assert events[:7] == [PairReady(n, 6) for n in range(7)]
    assert [e.best for e in events if isinstance(e, Validated)] == [True]
    training = read_card(tmp_path / "run" / WEIGHTS).training
    assert training["phantom_trained"] is True
    assert training["data"] == "recordings drawn of 2 simulated coronal sections"
    assert training["field_mm"] == [[2.0, 2.0], [2.4, 2.4]]
    more = dataclasses.replace(chosen, steps=2)
    again = list(train_events(more, tmp_path / "run", resume=True))
    assert drawn == [3_000_000, 3_000_001, *held_out]  # not simulated again
    assert again[0] == PairReady(6, 6)
    assert [step for step, _ in past_losses(tmp_path / "run")] == [1, 2]


def test_a_run_on_maps_is_resumed_to_the_last_bit(
    settings: TrainSettings, tmp_path: Path, maps_folder: Path, drawn: list[int]
) -> None:
    chosen = dataclasses.replace(
        settings,
        pairs=None,
        ulm=str(maps_folder),
        ulm_share=0.6,
        ulm_scenes=2,
        phantoms=1,
        workers=1,
        steps=3,
        flip=True,
    )
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    list(train_events(chosen, whole))
    stop_after(train_events(chosen, halves), 1)
    list(train_events(chosen, halves, resume=True))
    one, other = state(whole), state(halves)
    assert [name for name in one if not torch.equal(one[name], other[name])] == []
    training = read_card(whole / WEIGHTS).training
    assert training["data"].endswith(f"and of the ULM maps in {maps_folder.name}")
    assert drawn[0] == 0


def test_a_run_on_pairs_and_phantoms_remembers_both(
    settings: TrainSettings, tmp_path: Path, drawn: list[int]
) -> None:
    chosen = dataclasses.replace(
        settings, phantoms=1, phantom_share=0.5, seed=4, steps=3, workers=1
    )
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    list(train_events(chosen, whole))
    stop_after(train_events(chosen, halves), 1)
    list(train_events(chosen, halves, resume=True))
    one, other = state(whole), state(halves)
    assert [name for name in one if not torch.equal(one[name], other[name])] == []
    assert drawn[0] == 4_000_000
    training = read_card(whole / WEIGHTS).training
    assert [4_000_000, 4_000_001] in training["phantom_seeds"]
    assert len(training["animals"]) == 2
    assert training["data"].endswith("and recordings drawn of 1 simulated coronal sections")


def test_pairs_and_maps_are_not_mixed(settings: TrainSettings, maps_folder: Path) -> None:
    with pytest.raises(ValueError, match="Choose pairs or ULM maps"):
        dataclasses.replace(settings, ulm=str(maps_folder))


def killed_at(call: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process seem to be killed before the given rename from now on."""
    replace, calls = os.replace, itertools.count(1)

    def rename(*names: Path) -> None:
        if next(calls) >= call:
            raise KeyboardInterrupt
        replace(*names)

    monkeypatch.setattr(os, "replace", rename)


def test_a_run_that_is_killed_between_any_two_files_goes_on(
    settings: TrainSettings, tmp_path: Path
) -> None:
    short = dataclasses.replace(settings, steps=2, precision="float32")
    list(train_events(short, tmp_path / "whole"))
    expected = read_tensors(tmp_path / "whole" / WEIGHTS)
    losses = (tmp_path / "whole" / "losses.csv").read_text()
    for call in itertools.count(1):
        folder = tmp_path / str(call)
        with pytest.MonkeyPatch.context() as patch:
            killed_at(call, patch)
            try:
                list(train_events(short, folder))
                break
            except KeyboardInterrupt:
                pass
        if (folder / WEIGHTS).exists():
            load_generator(folder / WEIGHTS)
        list(train_events(short, folder, resume=(folder / "settings.json").exists()))
        _, card = load_generator(folder / WEIGHTS)
        assert card.training["steps"] == 2, call
        assert (folder / "losses.csv").read_text() == losses, call
        found = read_tensors(folder / WEIGHTS)
        assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items()), call
    assert call > 8


@pytest.mark.parametrize("name", ["settings.json", "weights.safetensors", "losses.csv"])
def test_a_folder_with_files_of_others_is_refused(
    settings: TrainSettings, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text('{"my": "own"}')
    with pytest.raises(TrainingError, match=name.replace(".", r"\.")):
        list(train_events(settings, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_checkpoint_that_is_not_finite_or_of_another_model_is_refused(
    settings: TrainSettings, tmp_path: Path
) -> None:
    short = dataclasses.replace(settings, steps=1)
    list(train_events(short, tmp_path))
    tensors = read_tensors(tmp_path / CHECKPOINT)
    name = next(name for name in tensors if name.startswith("model."))
    for damaged in (tensors[name] * float("nan"), tensors[name].flatten()[:1].clone()):
        write_tensors(tmp_path / CHECKPOINT, {**tensors, name: damaged})
        with pytest.raises(TrainingError, match=r"Nothing to resume in .*checkpoint\.safetensors"):
            list(train_events(short, tmp_path, resume=True))
