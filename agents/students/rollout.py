"""PPO's rollout with what a teacher asks for: transitions that only look, and scores of tasks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.type_aliases import RolloutBufferSamples

Score = Callable[[NDArray[np.float64], float], None]


class TaughtRollout(RolloutBuffer):
    """SB3's rollout buffer that leaves out scouting episodes and scores tasks.

    Transitions of episodes that the teacher only wanted to see (``Teacher.scouts``) count as steps
    and enter the advantages of nothing but themselves; no gradient is taken on them. For a teacher
    that listens, every piece of an episode in the rollout is scored by its mean positive advantage
    (DCD's "positive value loss").

    Without :meth:`follow` it is SB3's buffer to the last bit.
    """

    _scouting: NDArray[np.bool_] | None = None
    _tasks: NDArray[np.float64]
    _score: Score | None = None

    def follow(
        self, scouting: NDArray[np.bool_], tasks: NDArray[np.float64], score: Score | None
    ) -> None:
        """Follow a curriculum.

        Args:
            scouting: whether each copy's running episode only looks, shape ``(copies,)``; changed in
                place by the curriculum where episodes end.
            tasks: of the running episodes, shape ``(copies, dimension)``; changed in place.
            score: called with a task and its score after each rollout; None if nobody listens.
        """
        self._scouting, self._tasks, self._score = scouting, tasks, score
        self._looks_now = scouting.copy()
        self._tasks_now = tasks.copy()
        self._looks = np.zeros((self.buffer_size, self.n_envs), dtype=np.bool_)
        wanted = self.buffer_size if score is not None else 0
        self._tasks_then = np.zeros((wanted, *tasks.shape))

    def add(self, *args: Any, **kwargs: Any) -> None:
        """Store one step of all copies; what each was for is as it was before the step."""
        if self._scouting is not None:
            self._looks[self.pos] = self._looks_now
            self._looks_now[:] = self._scouting
            if self._score is not None:
                self._tasks_then[self.pos] = self._tasks_now
                self._tasks_now[:] = self._tasks
        super().add(*args, **kwargs)

    def compute_returns_and_advantage(self, last_values: torch.Tensor, dones: NDArray[Any]) -> None:
        """SB3's, then the scores."""
        super().compute_returns_and_advantage(last_values, dones)
        if self._score is None:
            return
        positive = np.maximum(self.advantages, 0.0)
        for copy in range(self.n_envs):
            firsts = np.flatnonzero(self.episode_starts[:, copy])
            bounds = np.unique(np.concatenate([[0], firsts, [self.buffer_size]]))
            for first, end in itertools.pairwise(bounds):
                self._score(self._tasks_then[first, copy], float(positive[first:end, copy].mean()))

    @property
    def learns(self) -> bool:
        """Whether there is any transition to learn from."""
        return self._scouting is None or not self._looks.all()

    def get(self, batch_size: int | None = None) -> Generator[RolloutBufferSamples, None, None]:
        """SB3's minibatches, of the transitions to learn from alone."""
        if self._scouting is None or not self._looks.any():
            yield from super().get(batch_size)
            return
        if not self.generator_ready:
            for name in ("observations", "actions", "values", "log_probs", "advantages", "returns"):
                setattr(self, name, self.swap_and_flatten(getattr(self, name)))
            self.generator_ready = True
        rows = np.flatnonzero(~self._looks.T.reshape(-1))  # copy by copy, as SB3 flattens
        rows = np.random.permutation(rows)  # noqa: NPY002 - SB3 draws from the global generator
        size = batch_size or len(rows)
        for first in range(0, len(rows), size):
            yield self._get_samples(rows[first : first + size])


class TaughtPPO(PPO):
    """SB3's PPO; a rollout of nothing but scouting changes nothing."""

    def train(self) -> None:
        """One update, if there is anything to learn from."""
        buffer = self.rollout_buffer
        if not isinstance(buffer, TaughtRollout) or buffer.learns:
            super().train()
