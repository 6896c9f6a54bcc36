"""A world small enough to learn in seconds: a point on a line drives to a goal and stays in a lane.

The task is (distance of the goal, strength of the wind); the return of an episode that gets there is
about 100, and the farther and windier the goal the harder it is within the time limit.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from eyas.envs.batch import BatchEnv
from eyas.envs.tasks import Parameter, TaskSpace

TASK_SPACE = TaskSpace(
    (
        Parameter("distance", 0.5, 6.0, 2.0, "m", "distance of the goal"),
        Parameter("wind", 0.0, 1.5, 0.0, "m/s", "wind against the point"),
    )
)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class PointWorld(BatchEnv):
    """Observation: distance left, position, wind. Action: speed in m/s. 10 steps per second."""

    render_modes = ("rgb_array", "human")
    render_fps = 10

    def __init__(self, num_envs: int = 1, max_episode_steps: int = 40) -> None:
        super().__init__(
            num_envs,
            TASK_SPACE,
            gymnasium.spaces.Box(-20.0, 20.0, (3,), np.float32),
            gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32),
            max_episode_steps,
        )
        self.position = np.zeros(num_envs)

    def _uniform(self, copies: NDArray[np.int64]) -> NDArray[np.float64]:
        self.random_state[copies] += GOLDEN
        z = self.random_state[copies]
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / 2.0**53

    def _observe(self, copies: NDArray[np.int64]) -> None:
        self.observations[copies, 0] = self.tasks[copies, 0] - self.position[copies]
        self.observations[copies, 1] = self.position[copies]
        self.observations[copies, 2] = self.tasks[copies, 1]

    def _reset_copies(self, copies: NDArray[np.int64]) -> None:
        self.position[copies] = 0.2 * self._uniform(copies) - 0.1
        self._observe(copies)

    def _advance(self, actions: NDArray[np.float32]) -> None:
        speed = 3.0 * np.clip(actions[:, 0], -1, 1).astype(np.float64) - self.tasks[:, 1]
        before = np.abs(self.tasks[:, 0] - self.position)
        self.position += 0.1 * speed
        after = np.abs(self.tasks[:, 0] - self.position)
        there = after < 0.2
        lost = self.position < -2.0
        self.rewards[:] = 50 * (before - after) / self.tasks[:, 0] + 50 * there - 50 * lost
        self.terminated[:] = there | lost
        self._observe(np.arange(self.num_envs))

    def _state_arrays(self) -> dict[str, NDArray[Any]]:
        return {"position": self.position}

    def render_copy(self, copy: int = 0) -> NDArray[np.uint8]:
        picture = np.full((40, 160, 3), 255, np.uint8)
        goal = int(np.clip(20 + 20 * self.tasks[copy, 0], 0, 159))
        here = int(np.clip(20 + 20 * self.position[copy], 2, 157))
        picture[:, goal] = (0, 160, 0)
        picture[18:23, here - 2 : here + 3] = (200, 0, 0)
        return picture
