"""N copies of a world as a Stable-Baselines3 ``VecEnv``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from ..envs.batch import BatchEnv, Episodes
from ..errors import InputError


class BatchVecEnv(VecEnv):
    """A :class:`~eyas.envs.batch.BatchEnv` with Stable-Baselines3's interface.

    A step costs one compiled call and no Python loop over copies: only where an episode ended is a
    fresh info dict filled, with ``terminal_observation``, ``TimeLimit.truncated``, ``episode``
    (``r`` and ``l``, which feed SB3's own statistics) and ``task``. All other copies get an empty
    dict of their own, the same one every time.

    The world overwrites its arrays in place, while SB3 keeps the observations of step t
    (``_last_obs``, and the torch tensor that shares their memory) until after step t + 1 and adds
    the bootstrap value of truncated episodes to the rewards in place. Observations, rewards and
    flags are therefore copied once per step; for 256 copies of 24 float32 that is under a
    microsecond, as cheap as alternating between two buffers would be.

    Args:
        batch: the world.
        render_mode: None or one of ``batch.render_modes``.
    """

    def __init__(self, batch: BatchEnv, render_mode: str | None = None) -> None:
        if render_mode is not None and render_mode not in batch.render_modes:
            allowed = ", ".join(batch.render_modes) or "none"
            raise InputError(f"render_mode = {render_mode!r} is not one of this world's: {allowed}")
        self.batch = batch
        self.metadata: dict[str, Any] = {
            "render_modes": list(batch.render_modes),
            "render_fps": batch.render_fps,
        }
        self._render_mode = render_mode
        self._actions = np.zeros((batch.num_envs, *batch.action_space.shape), dtype=np.float32)
        self._no_infos: list[dict[str, Any]] = [{} for _ in range(batch.num_envs)]
        super().__init__(batch.num_envs, batch.observation_space, batch.action_space)

    def reset(self) -> VecEnvObs:
        """Start a new episode in every copy; options of :meth:`set_options` may name its task."""
        # SB3 hands out one seed per copy, counted from the first; the world spawns its own streams.
        seed = self._seeds[0]
        for copy, options in enumerate(self._options):
            if "task" in options:
                self.set_next_task(options["task"], copy)
        self._reset_seeds()
        self._reset_options()
        observations = self.batch.reset(seed=seed).copy()
        self.reset_infos = [{"task": task} for task in self.batch.tasks.copy()]
        return observations

    def step_async(self, actions: NDArray[np.float32]) -> None:
        """Remember the actions of the coming :meth:`step_wait`, shape ``(num_envs, size)``."""
        self._actions[...] = actions

    def step_wait(self) -> VecEnvStepReturn:
        """One step of every copy; see the class for the infos."""
        observations, rewards, terminated, truncated, episodes = self.batch.step(self._actions)
        infos = self._no_infos.copy()
        if episodes is not None:
            self._fill_infos(infos, episodes)
        return observations.copy(), rewards.copy(), terminated | truncated, infos

    def _fill_infos(self, infos: list[dict[str, Any]], episodes: Episodes) -> None:
        copies = episodes.copies
        final = self.batch.final_observations[copies]
        truncated = self.batch.truncated[copies]
        for row, copy in enumerate(copies):
            infos[copy] = {
                "terminal_observation": final[row],
                "TimeLimit.truncated": bool(truncated[row]),
                "episode": {"r": float(episodes.returns[row]), "l": int(episodes.lengths[row])},
                "task": episodes.tasks[row],
            }

    def set_next_task(self, task: Any, copy: int) -> None:
        """Set the task (a vector or a mapping) of one copy's next episode.

        Raises:
            InputError: the task is not in the task space.
        """
        self.batch.next_tasks[copy] = self.batch.task_space.validate(task)

    def render_copy(self, copy: int) -> NDArray[np.uint8]:
        """A picture of one copy, shape ``(height, width, 3)``."""
        return self.batch.render_copy(copy)

    def get_images(self) -> list[NDArray[np.uint8] | None]:
        """A picture of every copy."""
        return [self.batch.render_copy(copy) for copy in range(self.num_envs)]

    def close(self) -> None:
        """Nothing to release."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of the world, once per copy.

        An array with one row per copy (``tasks``, ``episode_returns``, ...) gives each copy its row.

        Raises:
            AttributeError: the world has no such attribute.
        """
        copies = self._copies(indices)
        if attr_name == "render_mode":
            return [self._render_mode] * len(copies)
        value = getattr(self.batch, attr_name)
        if isinstance(value, np.ndarray) and value.ndim and len(value) == self.num_envs:
            return [value[copy].copy() for copy in copies]
        return [value] * len(copies)

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of the world for all copies.

        Raises:
            InputError: for some copies only, as they share one world; ``next_tasks`` can be set for
                some copies with ``env_method("set_next_task", ...)``.
            AttributeError: the world has no such attribute.
        """
        if len(self._copies(indices)) != self.num_envs:
            raise InputError(f"attribute {attr_name} belongs to all copies; it cannot be set for some")
        if isinstance(getattr(self.batch, attr_name), np.ndarray):
            getattr(self.batch, attr_name)[...] = value
        else:
            setattr(self.batch, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call ``set_next_task(task)`` or ``render_copy()`` for each copy.

        Raises:
            AttributeError: any other method, since copies are rows of one world and not objects.
        """
        methods: dict[str, Callable[..., Any]] = {
            "set_next_task": self.set_next_task,
            "render_copy": self.render_copy,
            "render": self.render_copy,
        }
        if method_name not in methods:
            known = ", ".join(methods)
            raise AttributeError(f"the copies have no method {method_name!r}; they have: {known}")
        copies = self._copies(indices)
        return [methods[method_name](*method_args, copy=copy, **method_kwargs) for copy in copies]

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """False for every copy: rows of a batch wear no wrappers."""
        return [False] * len(self._copies(indices))

    def _copies(self, indices: VecEnvIndices) -> list[int]:
        if indices is None:
            return list(range(self.num_envs))
        if isinstance(indices, Iterable):
            return list(indices)
        return [indices]
