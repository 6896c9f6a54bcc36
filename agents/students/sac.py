"""The SAC student."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from ...policies.policy import Output
from .off_policy import OffPolicyStudent
from .replay import TaughtSAC
from .student import linear_layers


class SACStudent(OffPolicyStudent):
    """Soft actor-critic (Haarnoja et al. 2018), SB3's."""

    def _make_model(self, env: VecEnv) -> TaughtSAC:
        temperature = self.config.entropy_temperature
        return TaughtSAC(
            "MlpPolicy",
            env,
            ent_coef=temperature if temperature > 0 else "auto",
            **self._off_policy_arguments(),
        )

    @property
    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        model = self._model
        optimizers = {"actor": model.actor.optimizer, "critic": model.critic.optimizer}
        if model.ent_coef_optimizer is not None:
            optimizers["temperature"] = model.ent_coef_optimizer
        return optimizers

    def _actor(self) -> tuple[list[nn.Linear], Output]:
        actor = self._model.actor
        return [*linear_layers(actor.latent_pi), actor.mu], "tanh"

    def state_dict(self) -> dict[str, Any]:
        """As every off-policy student's, with the logarithm of the entropy's weight."""
        state = super().state_dict()
        if self._model.ent_coef_optimizer is not None:
            state["log_temperature"] = self._model.log_ent_coef.detach().numpy().copy()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """As every student's."""
        super().load_state_dict(state)
        if self._model.ent_coef_optimizer is not None:
            with torch.no_grad():
                self._model.log_ent_coef.copy_(torch.from_numpy(state["log_temperature"].copy()))
