"""MazeBatch: N ring mazes, each with a goal that only pays when it is reached."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..batch import BatchEnv
from ..jit import inner, kernel
from ..plan_view import PlanView
from ..random import uniform
from ..tasks import Parameter, TaskSpace

OUTER, INNER = 7.0, 5.0
"""The ring is what lies within the outer square and not within the inner one (half their sides)."""
REACH = 9.0
"""Goals may be this far out, so also in or beyond the outer wall."""
MAX_STEP = 0.3
STEPS = 200
TASK_SPACE = TaskSpace(
    (
        Parameter("goal_x", -REACH, REACH, 6.0, "1"),
        Parameter("goal_y", -REACH, REACH, 6.0, "1"),
        Parameter("tolerance", 0.05, 18.0, 1.0, "1", "the goal is reached closer than this"),
    )
)


def is_feasible(tasks: ArrayLike) -> NDArray[np.bool_]:
    """Whether goals lie in the ring (any leading shape); whether they can be reached at all is more.

    A goal within a wall can still be reached if the tolerance is larger than its distance to the ring.
    """
    goals = np.asarray(tasks, dtype=np.float64)[..., :2]
    largest = np.abs(goals).max(axis=-1)
    return np.asarray((largest <= OUTER) & (largest >= INNER))


def distance_to_ring(tasks: ArrayLike) -> NDArray[np.float64]:
    """From each goal to the nearest place where the agent can be; 0 in the ring."""
    goals = np.abs(np.asarray(tasks, dtype=np.float64)[..., :2])
    outside = np.hypot(*np.moveaxis(np.maximum(goals - OUTER, 0.0), -1, 0))
    return np.asarray(np.maximum(outside, INNER - goals.max(axis=-1)).clip(0.0))


class MazeBatch(BatchEnv):
    """N agents in a square ring that have to find a goal.

    ## Description
    A corridor of width 2 leads around a square wall. The agent starts in the lower left corner and is
    paid for nothing but being at the goal, which the task places anywhere, in walls too (seven places in
    ten). What makes it learnable is the tolerance: a goal of tolerance 18 is reached by nearly any step,
    one of 0.05 only by who knows the way, up to 25 units or 82 steps long.

    ## Task
    ``goal_x`` and ``goal_y`` -9 to 9, ``tolerance`` 0.05 to 18.

    ## Action space
    ``Box(-1, 1, (2,))``: step in x and y in units of 0.3; longer ones than 0.3 are shortened to that.
    Walls stop the part of a step that would enter them.

    ## Observation space
    float32, shape ``(5,)``: x, y, then the task, unscaled.

    ## Reward
    -1 for a step, 0 for the one that ends closer to the goal than the tolerance. An episode that reaches
    it with step n returns 1 - n, at least -199; one that does not -200.

    ## Starting state
    Uniform in the corner [-7, -5] x [-7, -5].

    ## Episode end
    Terminated at the goal. Truncated after 200 steps.

    Source: Klink et al. (2022), ``deep_sprl/environments/maze.py``.

    ## Arguments
    Args:
        num_envs: copies N, at least 1.

    Raises:
        InputError: fewer than one copy.

    ## Version history
    v0: first version.
    """

    render_modes: ClassVar[tuple[str, ...]] = ("rgb_array", "human")
    render_fps: ClassVar[int] = 20

    def __init__(self, num_envs: int = 1) -> None:
        super().__init__(
            num_envs,
            TASK_SPACE,
            gymnasium.spaces.Box(-REACH, 2 * REACH, (5,), np.float32),
            gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32),
            STEPS,
        )
        self.positions = np.zeros((num_envs, 2))
        """x and y, shape ``(num_envs, 2)``."""

    def _reset_copies(self, copies: NDArray[np.int64]) -> None:
        start(copies, self.positions, self.random_state)
        self.observations[copies, :2] = self.positions[copies]
        self.observations[copies, 2:] = self.tasks[copies]

    def _advance(self, actions: NDArray[np.float32]) -> None:
        actions = np.ascontiguousarray(actions, dtype=np.float32)
        advance(self.positions, self.tasks, actions, self.observations, self.rewards, self.terminated)

    def _state_arrays(self) -> dict[str, NDArray[Any]]:
        return {"positions": self.positions}

    def render_copy(self, copy: int = 0) -> NDArray[np.uint8]:
        """Ring, goal with its tolerance, and agent from above, uint8, shape ``(400, 400, 3)``."""
        goal_x, goal_y, tolerance = self.tasks[copy]
        view = PlanView(REACH)
        view.rectangle(-REACH, -REACH, REACH, REACH, "wall")
        view.rectangle(-OUTER, -OUTER, OUTER, OUTER, "ground")
        view.disc(goal_x, goal_y, tolerance, "area")
        view.rectangle(-INNER, -INNER, INNER, INNER, "wall")
        view.disc(goal_x, goal_y, 0.25, "goal")
        x, y = self.positions[copy]
        view.disc(x, y, 0.25, "agent")
        return view.picture


@kernel
def start(
    copies: NDArray[np.int64], positions: NDArray[np.float64], random_state: NDArray[np.uint64]
) -> None:
    """Put copies into the lower left corner."""
    for copy in copies:
        positions[copy, 0] = uniform(random_state, copy, -OUTER, -INNER)
        positions[copy, 1] = uniform(random_state, copy, -OUTER, -INNER)


@kernel
def advance(
    positions: NDArray[np.float64],
    tasks: NDArray[np.float64],
    actions: NDArray[np.float32],
    observations: NDArray[np.float32],
    rewards: NDArray[np.float32],
    terminated: NDArray[np.bool_],
) -> None:
    """One step of every copy."""
    for copy in range(len(positions)):
        step_x = min(max(np.float64(actions[copy, 0]), -1.0), 1.0)
        step_y = min(max(np.float64(actions[copy, 1]), -1.0), 1.0)
        scale = MAX_STEP / max(1.0, math.sqrt(step_x * step_x + step_y * step_y))
        x, y = positions[copy, 0], positions[copy, 1]
        new_x = min(max(x + scale * step_x, -OUTER), OUTER)
        new_y = min(max(y + scale * step_y, -OUTER), OUTER)
        if abs(new_x) < INNER and abs(new_y) < INNER:
            new_x = _stopped(x, new_x)
            new_y = _stopped(y, new_y)
        positions[copy, 0] = new_x
        positions[copy, 1] = new_y
        away = math.sqrt((tasks[copy, 0] - new_x) ** 2 + (tasks[copy, 1] - new_y) ** 2)
        there = away < tasks[copy, 2]
        rewards[copy] = 0.0 if there else -1.0
        terminated[copy] = there
        observations[copy, 0] = new_x
        observations[copy, 1] = new_y


@inner
def _stopped(old: float, new: float) -> float:
    """A coordinate that would enter the inner wall stays at its side."""
    if old <= -INNER and new > -INNER:
        return -INNER
    if old >= INNER and new < INNER:
        return INNER
    return new
