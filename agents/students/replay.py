"""The replay buffer of SAC and TD3 without what a teacher only wanted to look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3 import SAC, TD3
from stable_baselines3.common.buffers import ReplayBuffer

from ...errors import InputError


class TaughtReplay(ReplayBuffer):
    """SB3's replay buffer that does not store transitions of scouting episodes.

    SB3 writes one transition of every copy at a time. Those to learn from wait here until there are
    as many as copies; which copy a stored transition came from is of no account.

    Without :meth:`follow`, or as long as nothing is scouted, it is SB3's buffer to the last bit.
    """

    _scouting: NDArray[np.bool_] | None = None
    _waiting: list[tuple[Any, ...]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting = []

    def follow(self, scouting: NDArray[np.bool_]) -> None:
        """Follow a curriculum.

        Args:
            scouting: whether each copy's running episode only looks, shape ``(copies,)``; changed in
                place by the curriculum where episodes end.
        """
        self._scouting = scouting
        self._looks_now = scouting.copy()

    def add(  # noqa: D102 - SB3's
        self,
        obs: NDArray[Any],
        next_obs: NDArray[Any],
        action: NDArray[Any],
        reward: NDArray[Any],
        done: NDArray[Any],
        infos: list[dict[str, Any]],
    ) -> None:
        if self._scouting is None:
            super().add(obs, next_obs, action, reward, done, infos)
            return
        looks = self._looks_now.copy()  # as it was before the step
        self._looks_now[:] = self._scouting
        if not looks.any() and not self._waiting:
            super().add(obs, next_obs, action, reward, done, infos)
            return
        for copy in np.flatnonzero(~looks):
            timeout = bool(infos[copy].get("TimeLimit.truncated", False))
            row = (obs[copy], next_obs[copy], action[copy], reward[copy], done[copy])
            self._waiting.append((*(np.array(value) for value in row), timeout))
            if len(self._waiting) == self.n_envs:
                self._store_waiting()

    def _store_waiting(self) -> None:
        *columns, timeouts = zip(*self._waiting, strict=True)
        obs, next_obs, action, reward, done = (np.stack(column) for column in columns)
        infos = [{"TimeLimit.truncated": timeout} for timeout in timeouts]
        super().add(obs, next_obs, action, reward, done, infos)
        self._waiting = []

    def waiting_state(self) -> dict[str, NDArray[Any]]:
        """What waits, one array per column; nothing if nothing waits."""
        columns = zip(*self._waiting, strict=True)
        return {f"column{i}": np.stack(column) for i, column in enumerate(columns)}

    def load_waiting_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from :meth:`waiting_state`.

        Raises:
            InputError: the columns do not fit each other or this buffer.
        """
        columns = [state[f"column{i}"].copy() for i in range(len(state))]
        lengths = {len(column) for column in columns}
        if columns and (len(columns) != 6 or len(lengths) != 1 or lengths.pop() >= self.n_envs):
            raise InputError("the saved replay buffer holds waiting transitions that do not fit")
        self._waiting = list(zip(*columns, strict=True))


class TaughtSAC(SAC):
    """SB3's SAC that does not learn as long as there is nothing to learn from."""

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """The updates after a step, unless the replay buffer is empty."""
        if self.replay_buffer is not None and self.replay_buffer.size() > 0:
            super().train(gradient_steps, batch_size)


class TaughtTD3(TD3):
    """SB3's TD3 that does not learn as long as there is nothing to learn from."""

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """The updates after a step, unless the replay buffer is empty."""
        if self.replay_buffer is not None and self.replay_buffer.size() > 0:
            super().train(gradient_steps, batch_size)
