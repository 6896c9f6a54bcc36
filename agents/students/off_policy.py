"""What the SAC and TD3 students share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ...errors import InputError
from .student import ACTIVATIONS, Student

REPLAY_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


class OffPolicyStudent(Student):
    """What SAC and TD3 share: a replay buffer, and updates after every step of all copies."""

    @property
    def steps_per_advance(self) -> int:
        """About 500 steps: the overhead of an advance does not count, a signal is soon heard."""
        return int(self._env.num_envs * math.ceil(500 / self._env.num_envs))

    def _off_policy_arguments(self) -> dict[str, Any]:
        config = self.config
        return self._common_arguments() | {
            "buffer_size": config.buffer,
            "learning_starts": config.learning_starts,
            "batch_size": config.minibatch,
            "tau": config.tau,
            "train_freq": 1,
            "gradient_steps": config.gradient_steps,
            "policy_kwargs": {
                "net_arch": list(config.hidden),
                "activation_fn": ACTIVATIONS[config.activation],
            },
        }

    def state_dict(self) -> dict[str, Any]:
        """As every student's, with the filled part of the replay buffer."""
        buffer = self._model.replay_buffer
        filled = buffer.buffer_size if buffer.full else buffer.pos
        arrays = {name: getattr(buffer, name)[:filled] for name in REPLAY_ARRAYS}
        return super().state_dict() | {
            "replay": {"position": buffer.pos, "full": buffer.full, "arrays": arrays}
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """As every student's."""
        super().load_state_dict(state)
        buffer, replay = self._model.replay_buffer, state["replay"]
        for name in REPLAY_ARRAYS:
            saved = replay["arrays"][name]
            if len(saved) > buffer.buffer_size:
                raise InputError(
                    f"the saved replay buffer holds {len(saved)} rows, this one only fewer"
                )
            getattr(buffer, name)[: len(saved)] = saved
        buffer.pos, buffer.full = int(replay["position"]), bool(replay["full"])
