"""BatchEnv: the native form of every fast world."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import gymnasium
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .tasks import TaskSpace


class Episodes(NamedTuple):
    """The episodes that ended in one step, one row each."""

    copies: NDArray[np.int64]
    """Which copies of the world they ran in, shape ``(count,)``."""
    tasks: NDArray[np.float64]
    """Their tasks, shape ``(count, task dimension)``."""
    returns: NDArray[np.float64]
    """Undiscounted sums of rewards, shape ``(count,)``."""
    lengths: NDArray[np.int64]
    """Steps taken, shape ``(count,)``."""


class BatchEnv(ABC):
    """N copies of a world, stepped by one compiled call.

    ``step`` advances every copy. Copies whose episode ended are then reset in place (same-step
    autoreset): their row of ``observations`` is the first observation of the next episode, and the
    true last observation is in the same row of ``final_observations``. The next episode's task is
    the copy's row of ``next_tasks``. ``on_episodes``, if set, is called with the episodes that
    ended, after they ended and before the copies are reset, so that whoever runs a curriculum can
    write ``next_tasks`` for exactly these copies.

    All arrays below are owned by the environment and overwritten by the next call; copy what is to
    be kept.

    Attributes:
        observations: float32, shape ``(num_envs, observation size)``.
        rewards: float32, shape ``(num_envs,)``.
        terminated: bool, shape ``(num_envs,)``; the world ended the episode.
        truncated: bool, shape ``(num_envs,)``; the time limit ended it. Never both.
        final_observations: like ``observations``; only rows that just ended are meaningful.
        tasks: float64, shape ``(num_envs, task dimension)``; the tasks now running.
        next_tasks: the same, for the episodes to come.
        episode_returns: float64, shape ``(num_envs,)``; sums of rewards of the running episodes.
        episode_lengths: int64, shape ``(num_envs,)``; steps of the running episodes.
    """

    render_modes: ClassVar[tuple[str, ...]] = ()
    render_fps: ClassVar[int] = 50

    def __init__(
        self,
        num_envs: int,
        task_space: TaskSpace,
        observation_space: gymnasium.spaces.Box,
        action_space: gymnasium.spaces.Box,
        max_episode_steps: int,
    ) -> None:
        if num_envs < 1:
            raise InputError(f"num_envs = {num_envs} must be at least 1")
        self.num_envs = num_envs
        self.task_space = task_space
        self.observation_space = observation_space
        self.action_space = action_space
        self.max_episode_steps = max_episode_steps
        self.on_episodes: Callable[[Episodes], None] | None = None
        observation_size = observation_space.shape[0]
        self.observations = np.zeros((num_envs, observation_size), dtype=np.float32)
        self.final_observations = np.zeros_like(self.observations)
        self.rewards = np.zeros(num_envs, dtype=np.float32)
        self.terminated = np.zeros(num_envs, dtype=np.bool_)
        self.truncated = np.zeros(num_envs, dtype=np.bool_)
        self.tasks = np.tile(task_space.default, (num_envs, 1))
        self.next_tasks = self.tasks.copy()
        self.episode_returns = np.zeros(num_envs, dtype=np.float64)
        self.episode_lengths = np.zeros(num_envs, dtype=np.int64)
        self.random_state = np.zeros(num_envs, dtype=np.uint64)
        self.seed(0)

    # What a world implements ------------------------------------------------------------------

    @abstractmethod
    def _reset_copies(self, copies: NDArray[np.int64]) -> None:
        """Start new episodes in these copies with ``tasks``; write ``observations``."""

    @abstractmethod
    def _advance(self, actions: NDArray[np.float32]) -> None:
        """One step of all copies.

        Writes ``observations`` (without resets), ``rewards`` and ``terminated``.
        """

    @abstractmethod
    def _state_arrays(self) -> dict[str, NDArray[Any]]:
        """Every array of the world's own state, by name; used to save and restore it."""

    def render_copy(self, copy: int = 0) -> NDArray[np.uint8]:
        """A picture of one copy, shape ``(height, width, 3)``."""
        raise InputError(f"{type(self).__name__} cannot be rendered")

    # What everybody uses ----------------------------------------------------------------------

    def seed(self, seed: int) -> None:
        """Give every copy its own random stream, derived from ``seed``."""
        sequence = np.random.SeedSequence(seed)
        self.random_state[:] = sequence.generate_state(self.num_envs, dtype=np.uint64)

    def reset(self, seed: int | None = None, tasks: ArrayLike | None = None) -> NDArray[np.float32]:
        """Start a new episode in every copy and return ``observations``.

        Args:
            seed: new random streams if given; otherwise the streams go on.
            tasks: one task for all, shape ``(d,)``, or one each, shape ``(num_envs, d)``; they
                also become ``next_tasks``. Without it every copy takes its row of ``next_tasks``.

        Raises:
            InputError: a task is not in the task space.
        """
        if tasks is not None:
            self.set_next_tasks(tasks)
        if seed is not None:
            self.seed(seed)
        self._begin(np.arange(self.num_envs))
        self.terminated[:] = False
        self.truncated[:] = False
        self.rewards[:] = 0
        return self.observations

    def set_next_tasks(self, tasks: ArrayLike) -> None:
        """Check and set the tasks of the coming episodes, shape ``(d,)`` or ``(num_envs, d)``."""
        rows = np.asarray(tasks, dtype=np.float64)
        if rows.ndim == 1:
            self.next_tasks[:] = self.task_space.validate(rows)
            return
        if rows.shape != self.next_tasks.shape:
            raise InputError(f"tasks have shape {rows.shape}, expected {self.next_tasks.shape}")
        self.next_tasks[:] = [self.task_space.validate(row) for row in rows]

    def step(
        self,
        actions: NDArray[np.float32],
        autoreset: bool = True,
        restart: NDArray[np.int64] | None = None,
    ) -> tuple[
        NDArray[np.float32],
        NDArray[np.float32],
        NDArray[np.bool_],
        NDArray[np.bool_],
        Episodes | None,
    ]:
        """Advance every copy by one step.

        Args:
            actions: float32, shape ``(num_envs, action size)``; clipped to the action space.
            autoreset: start the next episode at once where one ended. Without it the caller must
                reset before the next step, or name the ended copies in its ``restart``.
            restart: copies that spend this step starting their next episode (next-step autoreset):
                their actions are ignored, their rewards are 0 and their flags False.

        Returns:
            ``observations``, ``rewards``, ``terminated``, ``truncated`` and the episodes that
            ended in this step, or None if none did.
        """
        self._advance(actions)
        if restart is not None and restart.size:
            # The compiled call steps every copy; what it did to a finished episode is overwritten.
            self._begin(restart)
            self.rewards[restart] = 0
            self.terminated[restart] = False
            self.episode_lengths[restart] = -1
        self.episode_returns += self.rewards
        self.episode_lengths += 1
        np.greater_equal(self.episode_lengths, self.max_episode_steps, out=self.truncated)
        self.truncated &= ~self.terminated
        ended = self.terminated | self.truncated
        if not ended.any():
            return self.observations, self.rewards, self.terminated, self.truncated, None
        copies = np.flatnonzero(ended)
        episodes = Episodes(
            copies,
            self.tasks[copies],
            self.episode_returns[copies],
            self.episode_lengths[copies],
        )
        self.final_observations[copies] = self.observations[copies]
        if self.on_episodes is not None:
            self.on_episodes(episodes)
        if autoreset:
            self._begin(copies)
        return self.observations, self.rewards, self.terminated, self.truncated, episodes

    def _begin(self, copies: NDArray[np.int64]) -> None:
        self.tasks[copies] = self.next_tasks[copies]
        self.episode_returns[copies] = 0
        self.episode_lengths[copies] = 0
        self._reset_copies(copies)

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Copies of all arrays that define what happens next."""
        return {name: array.copy() for name, array in self._all_arrays().items()}

    def load_state_dict(self, state: dict[str, NDArray[Any]]) -> None:
        """Continue exactly from :meth:`state_dict`.

        Raises:
            InputError: an array is missing or has another shape or type.
        """
        arrays = self._all_arrays()
        for name, array in arrays.items():
            if name not in state:
                raise InputError(f"world state lacks the array {name!r}")
            given = state[name]
            if given.shape != array.shape or given.dtype != array.dtype:
                raise InputError(
                    f"world state array {name!r} has shape {given.shape} and type {given.dtype},"
                    f" expected {array.shape} and {array.dtype}"
                )
        for name, array in arrays.items():
            array[...] = state[name]

    def _all_arrays(self) -> dict[str, NDArray[Any]]:
        common: dict[str, NDArray[Any]] = {
            "observations": self.observations,
            "tasks": self.tasks,
            "next_tasks": self.next_tasks,
            "episode_returns": self.episode_returns,
            "episode_lengths": self.episode_lengths,
            "random_state": self.random_state,
        }
        return common | {f"world.{name}": array for name, array in self._state_arrays().items()}
