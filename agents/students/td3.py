"""The TD3 student."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.noise import VectorizedActionNoise
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from ...policies.policy import Output
from .off_policy import OffPolicyStudent
from .replay import TaughtTD3
from .student import linear_layers


class TD3Student(OffPolicyStudent):
    """Twin delayed DDPG (Fujimoto et al. 2018), SB3's."""

    def _make_model(self, env: VecEnv) -> TaughtTD3:
        size = (env.num_envs, *env.action_space.shape)  # type: ignore[misc]
        self._noise = GaussianNoise(size, self.config.exploration_noise)
        return TaughtTD3("MlpPolicy", env, action_noise=self._noise, **self._off_policy_arguments())

    @property
    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"actor": self._model.actor.optimizer, "critic": self._model.critic.optimizer}

    def _actor(self) -> tuple[list[nn.Linear], Output]:
        return linear_layers(self._model.actor.mu), "tanh"


class GaussianNoise(VectorizedActionNoise):
    """Independent normal noise for the actions of all copies in one draw.

    SB3's own draws once per copy in a Python loop. Like SB3's it draws from numpy's global
    generator, which the student saves.
    """

    def __init__(self, shape: tuple[int, ...], deviation: float) -> None:
        self._shape = shape
        self._deviation = deviation

    def __call__(self) -> NDArray[np.float32]:
        """Noise of shape ``(num_envs, action size)``, in units of half the action range."""
        return np.random.normal(0.0, self._deviation, self._shape).astype(np.float32)  # noqa: NPY002

    def reset(self, indices: Iterable[int] | None = None) -> None:
        """Nothing to reset: the noise has no memory."""
