"""A critic with its own optimiser, which learns beside a generator and then judges it."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_fus_ulm.errors import TrainingError
from napari_fus_ulm.generators.adversarial import PatchCritic, critic_loss, generator_loss

LEARNING_RATE = 2e-4
BETAS = (0.5, 0.999)


class OptimisedCritic:
    """The adversary of a run: a critic, its Adam optimiser, and both losses.

    Parameters
    ----------
    critic : PatchCritic
        Trained in place, in its own precision (float32) or under an autocast around the call.
    learning_rate : float
        Peak. Isola et al. 2017, section 3.3: 2e-4 with momenta 0.5 and 0.999.
    betas : tuple of float

    Attributes
    ----------
    rate : float
        Share of the peak learning rate that the next steps take, for a loop with a schedule.
    """

    def __init__(
        self,
        critic: PatchCritic,
        learning_rate: float = LEARNING_RATE,
        betas: tuple[float, float] = BETAS,
    ) -> None:
        self.critic = critic.train().requires_grad_(True)
        self.learning_rate = learning_rate
        self.rate = 1.0
        self._optimiser = torch.optim.Adam(critic.parameters(), lr=learning_rate, betas=betas)

    def learn(self, fus: Tensor, real: Tensor, fake: Tensor) -> Tensor:
        """Take one step towards telling real from fake; return the loss before it (scalar).

        Parameters
        ----------
        fus, real, fake : (B, C, H, W) tensors
            In the generator's model units. No gradient reaches the maker of ``fake``.
        """
        with _uncached(fus):
            # Apart, as the authors do: a batch norm must not mix real and fake.
            real_logits, fake_logits = self.critic(fus, real), self.critic(fus, fake.detach())
            loss = critic_loss(real_logits, fake_logits, self.critic.kind)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for group in self._optimiser.param_groups:
            group["lr"] = self.learning_rate * self.rate
        self._optimiser.step()
        # Next comes `fool`, whose gradients are the generator's alone.
        self._optimiser.zero_grad(set_to_none=True)
        return loss.detach()

    def fool(self, fus: Tensor, fake: Tensor) -> Tensor:
        """Loss of the generator against the critic as it is (scalar); the critic gets no gradient.

        Parameters
        ----------
        fus, fake : (B, C, H, W) tensors
            In the generator's model units.
        """
        self.critic.requires_grad_(False)
        try:
            with _uncached(fus):
                return generator_loss(self.critic(fus, fake), self.critic.kind)
        finally:
            self.critic.requires_grad_(True)

    def state(self) -> dict[str, Tensor]:
        """All that a checkpoint needs to continue bit-exactly, by flat names.

        The tensors are the critic's own, not copies; ``rate`` follows from the loop's step.
        """
        tensors = {f"weights.{name}": value for name, value in self.critic.state_dict().items()}
        for name, parameter in self.critic.named_parameters():
            for key, value in self._optimiser.state.get(parameter, {}).items():
                tensors[f"optimiser.{name}|{key}"] = value
        return tensors

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take over the tensors of :meth:`state` (copied).

        Raises
        ------
        TrainingError
            If they belong to a critic of another shape.
        """
        weights = _part(tensors, "weights.")
        try:
            self.critic.load_state_dict(weights)
        except RuntimeError as error:
            raise TrainingError(
                "The checkpoint's critic has another shape than this run's. Resume with the "
                "generator and the version that the run was started with."
            ) from error
        self._optimiser.state.clear()
        for name, parameter in self.critic.named_parameters():
            state = _part(tensors, f"optimiser.{name}|")
            if state:  # before its first step there is none
                self._optimiser.state[parameter] = beside(parameter, state)


def beside(parameter: Tensor, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """An optimiser's state on its parameter's device; its count of steps stays on the CPU."""
    return {
        name: value if name == "step" else value.to(parameter.device)
        for name, value in state.items()
    }


def _uncached(like: Tensor) -> torch.autocast:
    """The autocast that is in force, without its store of cast weights.

    The store lives as long as the loop's autocast: after a step of the critic it would hold the
    weights from before.
    """
    device = like.device.type
    return torch.autocast(
        device,
        dtype=torch.get_autocast_dtype(device),
        enabled=torch.is_autocast_enabled(device),
        cache_enabled=False,
    )


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v.clone() for k, v in tensors.items() if k.startswith(prefix)}
