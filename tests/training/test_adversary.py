"""The critic learns by itself, judges without being changed, and resumes to the last bit."""

import copy

import pytest
import torch

from napari_fus_ulm.errors import TrainingError
from napari_fus_ulm.generators.adversarial import (
    Kind,
    Norm,
    PatchCritic,
    critic_loss,
    generator_loss,
)
from napari_fus_ulm.generators.base import Adversary
from napari_fus_ulm.generators.checkpoint import read_tensors
from napari_fus_ulm.io.atomic import write_tensors
from napari_fus_ulm.training.adversary import OptimisedCritic

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def opponent(
    seed: int = 0,
    width: int = 4,
    *,
    norm: Norm = "instance",
    kind: Kind = "lsgan",
    learning_rate: float = 2e-4,
) -> OptimisedCritic:
    torch.manual_seed(seed)
    return OptimisedCritic(PatchCritic(width, norm, kind), learning_rate)


def batch(seed: int = 0) -> Batch:
    """Images that are bright where they are real and dark where they are not."""
    rng = torch.Generator().manual_seed(seed)
    fus, real, fake = (torch.rand(2, 1, 32, 32, generator=rng) for _ in range(3))
    return fus, real, fake - 1.0


def weights(adversary: OptimisedCritic) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in adversary.critic.parameters()]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> list[bool]:
    return [torch.equal(a, b) for a, b in zip(one, other, strict=True)]


@pytest.mark.parametrize("kind", ["lsgan", "vanilla"])
def test_learning_changes_the_critic_and_nothing_else(kind: Kind) -> None:
    adversary: Adversary = opponent(kind=kind)
    assert isinstance(adversary, OptimisedCritic)
    fus, real, fake = batch()
    generated = fake.clone().requires_grad_(True)  # as a generator's output, attached to it
    before, inputs = weights(adversary), [x.clone() for x in (fus, real, fake)]
    critic = copy.deepcopy(adversary.critic)
    loss = adversary.learn(fus, real, generated)
    expected = critic_loss(critic(fus, real), critic(fus, fake), kind)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)  # before the step
    assert not loss.requires_grad
    assert not any(same(before, weights(adversary)))
    assert generated.grad is None
    assert all(same(inputs, [fus, real, fake]))
    assert all(parameter.grad is None for parameter in adversary.critic.parameters())


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("kind", ["lsgan", "vanilla"])
def test_fooling_reaches_the_image_and_leaves_nothing_in_the_critic(norm: Norm, kind: Kind) -> None:
    adversary = opponent(norm=norm, kind=kind)
    fus, real, fake = batch()
    adversary.learn(fus, real, fake)
    generated = fake.clone().requires_grad_(True)
    before = {name: value.clone() for name, value in adversary.state().items()}
    loss = adversary.fool(fus, generated)
    loss.backward()
    assert loss.item() == pytest.approx(generator_loss(adversary.critic(fus, fake), kind).item())
    assert generated.grad is not None
    assert generated.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in adversary.critic.parameters())
    after = adversary.state()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    # Frozen for the judgement only: it can learn again.
    frozen = weights(adversary)
    adversary.learn(fus, real, generated)
    assert not any(same(frozen, weights(adversary)))


@pytest.mark.parametrize("kind", ["lsgan", "vanilla"])
def test_it_learns_to_tell_real_from_fake(kind: Kind) -> None:
    adversary = opponent(width=8, kind=kind, norm="none", learning_rate=2e-3)
    losses = [float(adversary.learn(*batch(seed))) for seed in range(40)]
    assert losses[-1] < 0.2 * losses[0]
    fus, real, fake = batch(99)
    with torch.no_grad():
        assert adversary.fool(fus, fake) > 2 * adversary.fool(fus, real)


def test_a_gradient_left_by_others_is_not_learnt_from() -> None:
    one, other = opponent(), opponent()
    fus, real, fake = batch()
    for parameter in other.critic.parameters():
        parameter.grad = torch.full_like(parameter, 1e3)
    one.learn(fus, real, fake)
    other.learn(fus, real, fake)
    assert all(same(weights(one), weights(other)))


def test_the_rate_scales_the_step() -> None:
    moved = []
    for rate in (0.0, 0.5, 1.0):
        adversary = opponent()
        before = weights(adversary)
        adversary.rate = rate
        adversary.learn(*batch())
        after = weights(adversary)
        moved.append(
            torch.cat([(a - b).flatten() for a, b in zip(after, before, strict=True)]).abs().max()
        )
    assert moved[0] == 0.0
    assert moved[2].item() == pytest.approx(2e-4, rel=1e-2)  # Adam's first step is its rate
    assert moved[1].item() == pytest.approx(1e-4, rel=1e-2)


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("steps", [0, 3])
def test_a_resumed_critic_goes_on_to_the_last_bit(
    tmp_path, norm: Norm, precision: str, steps: int
) -> None:
    def learn(adversary: OptimisedCritic, seeds: range) -> None:
        for seed in seeds:
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                adversary.learn(*batch(seed))

    whole, first, second = opponent(norm=norm), opponent(norm=norm), opponent(7, norm=norm)
    learn(whole, range(6))
    learn(first, range(steps))
    assert not all(same(weights(first), weights(second)))
    write_tensors(tmp_path / "critic.safetensors", first.state())
    second.load(read_tensors(tmp_path / "critic.safetensors"))
    learn(second, range(steps, 6))
    one, other = whole.state(), second.state()
    assert one.keys() == other.keys()
    assert {name.split(".")[0] for name in one} == {"weights", "optimiser"}
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_a_loaded_state_is_a_copy() -> None:
    first, second = opponent(), opponent(1)
    first.learn(*batch())
    second.load(first.state())
    before = {name: value.clone() for name, value in first.state().items()}
    second.learn(*batch(1))
    assert all(torch.equal(before[name], value) for name, value in first.state().items())


def test_a_state_from_before_the_first_step_takes_the_optimiser_back() -> None:
    fresh, used = opponent(), opponent()
    state = {name: value.clone() for name, value in fresh.state().items()}
    used.learn(*batch())
    used.load(state)
    used.learn(*batch(1))
    fresh.learn(*batch(1))
    assert all(same(weights(fresh), weights(used)))


def test_a_critic_of_another_shape_is_refused() -> None:
    with pytest.raises(TrainingError, match="critic has another shape"):
        opponent(width=8).load(opponent(width=4).state())


def test_within_one_autocast_it_judges_with_the_weights_after_the_step() -> None:
    """Autocast keeps the bfloat16 copy of a weight until it ends; that copy would be stale."""
    once, apart = opponent(learning_rate=0.05), opponent(learning_rate=0.05)
    fus, real, fake = batch()
    with torch.autocast("cpu", torch.bfloat16):
        for _ in range(2):
            once.learn(fus, real, fake)
        together = once.fool(fus, fake)
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16):
            apart.learn(fus, real, fake)
    with torch.autocast("cpu", torch.bfloat16):
        separate = apart.fool(fus, fake)
    assert all(same(weights(once), weights(apart)))
    assert torch.equal(together, separate)
    assert {value.dtype for value in weights(once)} == {torch.float32}
