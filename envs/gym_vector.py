"""N copies of a world as a native ``gymnasium.vector.VectorEnv``."""

from __future__ import annotations

from typing import Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .batch import BatchEnv, Episodes
from .single import check_render_mode

Array: TypeAlias = NDArray[Any]


class GymVectorEnv(gymnasium.vector.VectorEnv[Array, Array, Array]):
    """A :class:`~eyas.envs.batch.BatchEnv` with Gymnasium's vector interface.

    Every step is one compiled call for all copies. ``metadata["autoreset_mode"]`` declares what
    happens where an episode ends:

    * ``NEXT_STEP`` (Gymnasium's and RLlib's default): the ending step returns the true last
      observation; the next step ignores the copy's action and returns the first observation of its
      next episode with reward 0.
    * ``SAME_STEP`` (the world's native form): the ending step returns the first observation of the
      next episode; the true last one is in ``infos["final_obs"]`` and what belongs to the ended
      episode in ``infos["final_info"]``.

    In the infos, ``"task"`` is the running task of every copy, shape ``(num_envs, dimension)``. A
    step in which episodes end also has ``"episode"`` with the arrays ``"r"`` (return, float64) and
    ``"l"`` (length, int64), as ``gymnasium.wrappers.vector.RecordEpisodeStatistics`` names them,
    and the mask ``"_episode"``; so that wrapper is neither needed nor possible. All arrays returned
    are the caller's own.

    Args:
        batch: the world.
        autoreset_mode: ``NEXT_STEP`` or ``SAME_STEP``, or the values ``"NextStep"``, ``"SameStep"``.
        render_mode: None or ``rgb_array``, with which :meth:`render` returns one picture per copy.

    Raises:
        InputError: another autoreset or render mode.
    """

    def __init__(
        self,
        batch: BatchEnv,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
    ) -> None:
        check_render_mode(batch, render_mode)
        if render_mode == "human":
            raise InputError(
                "render_mode = 'human' shows one copy only; use it with the single environment"
            )
        modes = {mode.value: mode for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP)}
        value = autoreset_mode.value if isinstance(autoreset_mode, AutoresetMode) else autoreset_mode
        if value not in modes:
            raise InputError(f"autoreset_mode = {value!r} is not one of: {', '.join(modes)}")
        self.batch = batch
        self.num_envs = batch.num_envs
        self.task_space = batch.task_space
        self.single_observation_space = batch.observation_space
        self.single_action_space = batch.action_space
        self.observation_space = batch_space(batch.observation_space, batch.num_envs)
        self.action_space = batch_space(batch.action_space, batch.num_envs)
        self.render_mode = render_mode
        self.metadata = {
            "autoreset_mode": modes[value],
            "render_modes": [mode for mode in batch.render_modes if mode != "human"],
            "render_fps": batch.render_fps,
        }
        self._same_step = modes[value] is AutoresetMode.SAME_STEP
        self._seeded = False
        self._started = False
        self._restart = np.empty(0, dtype=np.int64)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Start a new episode in every copy.

        Args:
            seed: one seed for the streams of all copies, or a list with a seed (or None: the stream
                goes on) for each copy. Without it the first reset draws one.
            options: ``{"task": task}`` (one for all, a vector or a mapping) or ``{"tasks": tasks}``
                (one each, shape ``(num_envs, dimension)``); they stay for the episodes that follow
                until other tasks are set.

        Raises:
            InputError: a wrong number of seeds, an unknown option or a task out of the space.
        """
        self._set_tasks(options)
        if isinstance(seed, (list, tuple)):
            self._seed_copies(list(seed))
        else:
            if seed is None and not self._seeded:
                seed = int(self.np_random.integers(2**63))
            super().reset(seed=seed)
            if seed is not None:
                self.batch.seed(seed)
        self._seeded = True
        self._started = True
        self._restart = np.empty(0, dtype=np.int64)
        observations = self.batch.reset().copy()
        return observations, self._task_info()

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """One step of every copy; see the class for the infos.

        Raises:
            InputError: before the first reset, or actions of the wrong shape or not finite.
        """
        if not self._started:
            raise InputError("step was called before reset; call reset to start the episodes")
        values = np.asarray(actions, dtype=np.float32)
        if values.shape != self.action_space.shape:
            raise InputError(f"actions have shape {values.shape}, expected {self.action_space.shape}")
        if not np.isfinite(values).all():
            raise InputError("actions must be finite")
        observations, rewards, terminated, truncated, episodes = self.batch.step(
            values, autoreset=self._same_step, restart=self._restart
        )
        infos = self._task_info()
        if episodes is not None:
            self._add_episodes(infos, episodes)
        if not self._same_step:
            self._restart = np.empty(0, dtype=np.int64) if episodes is None else episodes.copies
        return observations.copy(), rewards.copy(), terminated.copy(), truncated.copy(), infos

    def set_next_tasks(self, tasks: ArrayLike) -> None:
        """Set the tasks of the coming episodes, shape ``(dimension,)`` or ``(num_envs, dimension)``.

        Raises:
            InputError: a task is not in the task space.
        """
        self.batch.set_next_tasks(tasks)

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:  # type: ignore[override]
        """One picture per copy, each of shape ``(height, width, 3)``, in mode ``rgb_array``."""
        if self.render_mode != "rgb_array":
            return None
        return tuple(self.batch.render_copy(copy) for copy in range(self.num_envs))

    def _set_tasks(self, options: dict[str, Any] | None) -> None:
        for name, value in (options or {}).items():
            if name == "task":
                self.batch.set_next_tasks(self.task_space.validate(value))
            elif name == "tasks":
                if np.ndim(value) != 2:
                    raise InputError(f"option tasks has {np.ndim(value)} dimensions, expected 2")
                self.batch.set_next_tasks(value)
            else:
                raise InputError(f"unknown reset option {name!r}; this world has: task, tasks")

    def _seed_copies(self, seeds: list[int | None]) -> None:
        if len(seeds) != self.num_envs:
            raise InputError(f"got {len(seeds)} seeds for {self.num_envs} copies")
        if not self._seeded:
            self.batch.seed(int(self.np_random.integers(2**63)))
        for copy, seed in enumerate(seeds):
            if seed is not None:
                stream = np.random.SeedSequence(seed).generate_state(1, dtype=np.uint64)
                self.batch.random_state[copy] = stream[0]

    def _task_info(self) -> dict[str, Any]:
        return {"task": self.batch.tasks.copy(), "_task": np.ones(self.num_envs, dtype=np.bool_)}

    def _add_episodes(self, infos: dict[str, Any], episodes: Episodes) -> None:
        ended = np.zeros(self.num_envs, dtype=np.bool_)
        ended[episodes.copies] = True
        returns = np.zeros(self.num_envs, dtype=np.float64)
        returns[episodes.copies] = episodes.returns
        lengths = np.zeros(self.num_envs, dtype=np.int64)
        lengths[episodes.copies] = episodes.lengths
        infos["episode"] = {"r": returns, "l": lengths, "_r": ended, "_l": ended}
        infos["_episode"] = ended
        if not self._same_step:
            return
        final = np.full(self.num_envs, None, dtype=object)
        for copy in episodes.copies:
            final[copy] = self.batch.final_observations[copy].copy()
        tasks = np.zeros_like(self.batch.tasks)
        tasks[episodes.copies] = episodes.tasks
        infos["final_obs"], infos["_final_obs"] = final, ended
        infos["final_info"] = {
            "task": tasks,
            "_task": ended,
            "episode": infos["episode"],
            "_episode": ended,
        }
        infos["_final_info"] = ended
