"""What the SAC and TD3 students share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from .replay import TaughtReplay
from .rollout import Score
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
            "replay_buffer_class": TaughtReplay,
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

    def follow(
        self, scouting: NDArray[np.bool_], tasks: NDArray[np.float64], score: Score | None
    ) -> None:
        """See :meth:`~eyas.agents.students.replay.TaughtReplay.follow`.

        Gradient steps go on meanwhile, on what is stored. Nobody scores tasks: there are no
        advantages here, so a teacher that listens goes by returns.
        """
        self._model.replay_buffer.follow(scouting)

    def state_dict(self) -> dict[str, Any]:
        """As every student's, with the filled part of the replay buffer."""
        buffer = self._model.replay_buffer
        filled = buffer.buffer_size if buffer.full else buffer.pos
        arrays = {name: getattr(buffer, name)[:filled] for name in REPLAY_ARRAYS}
        replay = {"position": buffer.pos, "full": buffer.full, "arrays": arrays}
        if waiting := buffer.waiting_state():
            replay["waiting"] = waiting
        return super().state_dict() | {"replay": replay}

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
        buffer.load_waiting_state(replay.get("waiting", {}))
        buffer.pos, buffer.full = int(replay["position"]), bool(replay["full"])
