"""L2DC ("Learning to Design Circuits", Wang et al. 2018): DDPG over the components of a circuit.

As published: an actor that reads the components in sequence and emits their parameters, off-policy
updates from a replay memory, truncated-normal exploration that decays exponentially, episodes of several
refinements without discount, and the gain in score as the reward. Sizes and rates were not published;
they are in :class:`L2DCSettings`. Three things are ours; without them the agent found no feasible design:

- **Scores as quantiles.** Infeasible designs differ by thousandths, a feasible one is worth 2 to 10 and
  a failed simulation -5. The critic sees the normal quantile of a score's rank among all so far.
- **Values without their past.** As the reward is the gain in score and nothing is discounted, the value
  of an action is the final score less the last one. The critic learns the former alone; and as the agent
  does not see how many refinements are left, each counts as the last one with a chance of 1 in ``steps``.
- **Inverted gradients** (Hausknecht and Stone 2016) keep the actions in their ranges, where the
  outputs of a squashing function would get stuck at the bounds.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from torch import nn

from ...envs.circuit.problem import Evaluation, SizingProblem
from ...errors import InputError
from ..torch_state import load_module, load_optimizer, module_state, optimizer_state
from .l2dc_memory import Memory
from .l2dc_network import Actor, Critic, Observer


@dataclass(frozen=True, kw_only=True)
class L2DCSettings:
    """What the paper leaves open, but for the steps, which are its authors' default."""

    steps: int = 5
    """Designs in an episode."""
    episodes: int = 32
    """Run side by side: a round of simulations."""
    hidden: int = 64
    """Size of the recurrent units."""
    warm_up: int = 960
    """Simulations with uniformly random actions at the start; at most a fifth of the budget."""
    updates: int = 8
    """Gradient steps after each round, that is one for four simulations."""
    minibatch: int = 64
    actor_rate: float = 1e-3
    critic_rate: float = 2e-3
    """Of Adam."""
    target_rate: float = 0.01
    """How far the target networks move towards the networks with each gradient step."""
    first_noise: float = 0.5
    last_noise: float = 0.02
    """Standard deviation of the exploration, of half a range, after warm-up and at the end."""


class L2DCSizer:
    """The published agent on many episodes side by side.

    Args:
        problem: what is sized.
        seed: of weights, exploration and minibatches.
        budget: simulations over which the exploration decays, and all that it can be told.
        settings: sizes and rates; None: the defaults.

    Raises:
        InputError: the budget is below 1.
    """

    def __init__(
        self,
        problem: SizingProblem,
        seed: int,
        budget: int,
        settings: L2DCSettings | None = None,
    ) -> None:
        if budget < 1:
            raise InputError(f"a budget of {budget} simulations must be at least 1")
        torch.set_num_threads(1)  # the tensors are small
        self.settings = settings = settings or L2DCSettings()
        self._rng = np.random.default_rng(seed)
        self._observer = Observer(problem)
        self._budget = budget
        self._warm_up = min(settings.warm_up, budget // 5)
        layout = self._observer.layout
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(self._rng.integers(2**63)))
            self._actor = Actor(layout, settings.hidden)
            self._critic = Critic(layout, settings.hidden)
        self._target_actor, self._target_critic = copy.deepcopy((self._actor, self._critic))
        self._actor_optimizer = torch.optim.Adam(self._actor.parameters(), settings.actor_rate)
        self._critic_optimizer = torch.optim.Adam(self._critic.parameters(), settings.critic_rate)
        self._memory = Memory(budget, settings.episodes, layout)
        self._step = 0
        self._seen = self._observer.blank(settings.episodes)

    @property
    def noise(self) -> float:
        """Standard deviation of the exploration now."""
        done = (self._memory.count - self._warm_up) / max(self._budget - self._warm_up, 1)
        first, last = self.settings.first_noise, self.settings.last_noise
        return float(first * (last / first) ** np.clip(done, 0.0, 1.0))

    def ask(self) -> NDArray[np.float64]:
        """The next design of every episode, shape ``(episodes, dimension)``."""
        if self._memory.count < self._warm_up:
            shape = (self.settings.episodes, len(self._observer.layout.component))
            actions = self._rng.uniform(-1, 1, shape)
        else:
            with torch.no_grad():
                means = self._actor(*(torch.from_numpy(seen) for seen in self._seen))
            actions = truncated_normal(self._rng, means.clamp(-1, 1).double().numpy(), self.noise)
        self._actions = actions.astype(np.float32)
        return (self._actions.astype(np.float64) + 1) / 2

    def tell(self, evaluation: Evaluation) -> None:
        """Remember what the designs scored, and learn."""
        after = self._observer.observe(evaluation)
        self._memory.add(self._actions, evaluation.scores, after, first=self._step == 0)
        self._step = (self._step + 1) % self.settings.steps
        self._seen = self._observer.blank(len(self._actions)) if self._step == 0 else after
        if self._memory.count >= self._warm_up:
            for _ in range(self.settings.updates):
                self._learn()

    def _learn(self) -> None:
        """A gradient step of the critic, one of the actor, and the targets after them."""
        batch = self._memory.draw(self._rng, self.settings.minibatch)
        with torch.no_grad():
            follows = self._target_actor(*batch.after).clamp(-1, 1)
            ahead = self._target_critic(*batch.after, follows)
            values = torch.lerp(ahead, batch.scores, 1 / self.settings.steps)
        error = nn.functional.smooth_l1_loss(self._critic(*batch.before, batch.actions), values)
        self._critic_optimizer.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        self._critic_optimizer.step()

        actions = self._actor(*batch.before)
        chosen = actions.detach().requires_grad_()
        value = self._critic(*batch.before, chosen).mean()
        (slope,) = torch.autograd.grad(value, chosen)
        self._actor_optimizer.zero_grad()
        actions.backward(-inverted(slope, chosen.detach()))
        self._actor_optimizer.step()

        with torch.no_grad():
            for own, target in (
                (self._actor, self._target_actor),
                (self._critic, self._target_critic),
            ):
                for weights, slow in zip(own.parameters(), target.parameters(), strict=True):
                    slow.lerp_(weights, self.settings.target_rate)

    def state(self) -> dict[str, Any]:
        """Networks, optimizers, memory, the place in the episodes, and the generator's state."""
        return {
            "networks": {name: module_state(network) for name, network in self._networks.items()},
            "optimizers": {
                "actor": optimizer_state(self._actor_optimizer),
                "critic": optimizer_state(self._critic_optimizer),
            },
            "memory": self._memory.state(),
            "step": self._step,
            "rng": self._rng.bit_generator.state,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from such a state.

        Raises:
            InputError: it is of another circuit, budget or settings.
        """
        for name, network in self._networks.items():
            load_module(network, state["networks"][name])
        load_optimizer(self._actor_optimizer, state["optimizers"]["actor"])
        load_optimizer(self._critic_optimizer, state["optimizers"]["critic"])
        self._memory.restore(state["memory"])
        self._step = int(state["step"])
        episodes = self.settings.episodes
        self._seen = self._observer.blank(episodes)
        if self._step:
            last = slice(self._memory.count - episodes, self._memory.count)
            self._seen = self._memory.local[last], self._memory.shared[last]
        self._rng.bit_generator.state = state["rng"]

    @property
    def _networks(self) -> dict[str, nn.Module]:
        return {
            "actor": self._actor,
            "critic": self._critic,
            "target_actor": self._target_actor,
            "target_critic": self._target_critic,
        }


def inverted(slope: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    """A gradient that shrinks as an action nears the bound it points to, and turns round beyond it.

    Args:
        slope: of the value along the actions, any shape.
        actions: where; the ranges are -1 to 1.
    """
    room = torch.where(slope > 0, 1 - actions, 1 + actions)
    return slope * room.clamp(max=2) / 2


def truncated_normal(
    rng: np.random.Generator, means: NDArray[np.float64], deviation: float
) -> NDArray[np.float64]:
    """Samples of normal distributions cut to [-1, 1].

    Args:
        rng: where they come from.
        means: within [-1, 1], any shape.
        deviation: of the distributions before they are cut, above 0.
    """
    low, high = ndtr((-1 - means) / deviation), ndtr((1 - means) / deviation)
    quantiles = ndtri(low + rng.random(means.shape) * (high - low))
    return np.clip(means + deviation * quantiles, -1.0, 1.0)
