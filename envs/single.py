"""One copy of a world as a ``gymnasium.Env``."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .batch import BatchEnv
from .window import Window

Array = NDArray[np.float32]


def task_of(options: dict[str, Any] | None) -> Any:
    """The value of ``options["task"]``, or None; any other option is refused.

    Raises:
        InputError: an option this world does not have.
    """
    if not options:
        return None
    unknown = [name for name in options if name != "task"]
    if unknown:
        raise InputError(f"unknown reset option {unknown[0]!r}; this world has: task")
    return options["task"]


def check_render_mode(batch: BatchEnv, render_mode: str | None) -> None:
    """Refuse a render mode that the world does not have.

    Raises:
        InputError: it is not one of ``batch.render_modes``.
    """
    if render_mode is not None and render_mode not in batch.render_modes:
        allowed = ", ".join(batch.render_modes) or "none"
        raise InputError(f"render_mode = {render_mode!r} is not one of this world's: {allowed}")


class SingleEnv(gymnasium.Env[Array, Array]):
    """A :class:`~eyas.envs.batch.BatchEnv` of one copy with Gymnasium's interface.

    ``reset(seed=..., options={"task": ...})`` takes a task as a vector or as a mapping from
    parameter names to values (missing ones take their defaults); the task stays for later resets
    until another one is given. Without a seed the first reset draws one, later resets go on with
    the same random stream. ``info["task"]`` is the running task, float64, shape ``(dimension,)``.

    Args:
        batch: the world; its ``num_envs`` must be 1.
        render_mode: None or one of ``batch.render_modes``; ``human`` shows every step in a window,
            ``rgb_array`` makes :meth:`render` return uint8 pictures, shape ``(height, width, 3)``.

    Raises:
        InputError: more than one copy, or a render mode that the world does not have.
    """

    metadata: dict[str, Any] = {"render_modes": [], "render_fps": 50}  # noqa: RUF012

    def __init__(self, batch: BatchEnv, render_mode: str | None = None) -> None:
        if batch.num_envs != 1:
            raise InputError(f"a single environment needs num_envs = 1, got {batch.num_envs}")
        check_render_mode(batch, render_mode)
        self.batch = batch
        self.task_space = batch.task_space
        self.observation_space = batch.observation_space
        self.action_space = batch.action_space
        self.render_mode = render_mode
        # Gymnasium reads it from the instance as well; each world has its own.
        self.metadata = {
            "render_modes": list(batch.render_modes),
            "render_fps": batch.render_fps,
        }
        self._window = Window(type(batch).__name__, batch.render_fps)
        self._seeded = False
        self._ended = True
        self._info: dict[str, Any] = {}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Start an episode; see the class for ``seed`` and ``options``.

        Raises:
            InputError: the task is not in the task space, or the option is unknown.
        """
        super().reset(seed=seed)
        task = task_of(options)
        if task is not None:
            self.batch.set_next_tasks(self.task_space.validate(task))
        if seed is None and not self._seeded:
            seed = int(self.np_random.integers(2**63))
        self._seeded = True
        observation = self.batch.reset(seed=seed)[0].copy()
        self._ended = False
        self._info = {"task": self.batch.tasks[0].copy()}
        if self.render_mode == "human":
            self._window.show(self.batch.render_copy(0))
        return observation, dict(self._info)

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """One step; the observation of an ended episode is its true last one.

        Raises:
            InputError: the episode has ended, or the action has the wrong shape or is not finite.
        """
        if self._ended:
            raise InputError("step was called before reset; call reset to start an episode")
        values = np.asarray(action, dtype=np.float32)
        if values.shape != self.action_space.shape:
            raise InputError(f"action has shape {values.shape}, expected {self.action_space.shape}")
        if not np.isfinite(values).all():
            raise InputError(f"action {values.tolist()} must be finite")
        observations, rewards, terminated, truncated, episodes = self.batch.step(
            values[np.newaxis], autoreset=False
        )
        self._ended = episodes is not None
        if self.render_mode == "human":
            self._window.show(self.batch.render_copy(0))
        return (
            observations[0].copy(),
            float(rewards[0]),
            bool(terminated[0]),
            bool(truncated[0]),
            dict(self._info),
        )

    def set_task(self, task: Any) -> None:
        """Set the task of the coming resets, as ``reset(options={"task": task})`` does.

        Raises:
            InputError: the task is not in the task space.
        """
        self.batch.set_next_tasks(self.task_space.validate(task))

    def render(self) -> NDArray[np.uint8] | None:  # type: ignore[override]
        """The picture in mode ``rgb_array``; in mode ``human`` the window is drawn by ``step``."""
        if self.render_mode == "rgb_array":
            return self.batch.render_copy(0)
        return None

    def close(self) -> None:
        """Close the window, if there is one."""
        self._window.close()
