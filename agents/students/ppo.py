"""The PPO student."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from ...policies.policy import Output
from .rollout import Score, TaughtPPO, TaughtRollout
from .student import ACTIVATIONS, Student, linear_layers


class PPOStudent(Student):
    """Proximal policy optimisation (Schulman et al. 2017), SB3's."""

    def _make_model(self, env: VecEnv) -> PPO:
        config = self.config
        rollout = env.num_envs * config.n_steps
        return TaughtPPO(
            "MlpPolicy",
            env,
            n_steps=config.n_steps,
            rollout_buffer_class=TaughtRollout,
            batch_size=min(config.minibatch, rollout),
            n_epochs=config.epochs,
            gae_lambda=config.gae_lambda,
            clip_range=config.clip_range,
            ent_coef=config.entropy_coefficient,
            vf_coef=config.value_coefficient,
            max_grad_norm=config.gradient_clip,
            target_kl=config.target_kl or None,
            policy_kwargs={
                "net_arch": list(config.hidden),
                "activation_fn": ACTIVATIONS[config.activation],
                "log_std_init": config.initial_log_std,
            },
            **self._common_arguments(),
        )

    def follow(
        self, scouting: NDArray[np.bool_], tasks: NDArray[np.float64], score: Score | None
    ) -> None:
        """See :meth:`~eyas.agents.students.rollout.TaughtRollout.follow`."""
        self._model.rollout_buffer.follow(scouting, tasks, score)

    @property
    def steps_per_advance(self) -> int:
        """One rollout of all copies."""
        return int(self._env.num_envs * self.config.n_steps)

    @property
    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"policy": self._model.policy.optimizer}

    def _actor(self) -> tuple[list[nn.Linear], Output]:
        policy = self._model.policy
        return [*linear_layers(policy.mlp_extractor.policy_net), policy.action_net], "clip"
