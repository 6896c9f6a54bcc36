"""CURROT's two cheap task spaces as worlds to train in: the point mass's gates and the ring maze.

Both have two fixed test sets. ``grid`` covers what can be done, from easy to hard, and is what teachers
are compared on: most of them are never told of a target, so the fair question is how much of the space
their students master. ``target`` is the distribution of hard tasks that CURROT's experiments end with and
test on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..envs.maze.env import INNER, OUTER, MazeBatch
from ..envs.maze.env import TASK_SPACE as MAZE_SPACE
from ..envs.point_mass.env import REACH, PointMassBatch
from ..envs.point_mass.env import TASK_SPACES as POINT_MASS_SPACES
from ..envs.tasks import TaskSpace
from ..errors import InputError
from .world import TEST_SEED, World

TEST_SETS = ("grid", "target")
TARGET_TASKS = 50
"""Tasks of a set called ``target``."""

GATE_WIDTHS = (0.5, 1.0, 2.0, 4.0, 8.0)
FRICTIONS = (0.0, 2.0, 4.0)
POINT_MASS_MASTERED = 50.0
"""Three times :data:`~eyas.envs.point_mass.env.BEST_BEFORE_GATE`, so the gate was passed, and early
enough to be at the goal for half the episode or so. A hand-written controller (in front of the gate first,
then through it) returns 69 to 90 on every task of the grid and 66 to 90 with friction. CURROT's threshold
of 4 is of returns discounted by 0.95; the controller reaches it with about 65."""

MAZE_TOLERANCES = (0.05, 0.3, 1.0)
MAZE_MASTERED = -199.5
"""The goal was reached: that returns -199 at least, anything else -200."""


def point_mass_world(*, friction: bool = False, test_set: str = "grid") -> World:
    """The point mass and its gates.

    Args:
        friction: a third parameter of the task.
        test_set: ``grid``: nine gate positions, -4 to 4, times widths 0.5, 1, 2, 4 and 8 (times frictions
            0, 2 and 4), 45 (135) tasks; widths double because what counts is how often the gate fits into
            the spread of the paths. ``target``: 50 gates near x = 3 and x = -3 (standard deviation 0.01)
            of width 0.5 or a little more (where the draw is narrower, it is clipped).

    Raises:
        InputError: no such test set.
    """
    _check_test_set(test_set)
    space = POINT_MASS_SPACES[friction]
    grid = test_set == "grid"
    easy: dict[str, float] = {"gate_position": 0.0, "gate_width": 4.0}
    return World(
        title="point mass through a gate" + (" with friction" if friction else ""),
        make_batch=lambda num_envs: PointMassBatch(num_envs, friction=friction),
        test_tasks=_gate_grid(friction) if grid else _gate_target(space),
        mastered_return=POINT_MASS_MASTERED,
        showcase={
            "easy": space.validate(easy),
            "middle": space.validate({"gate_position": 2.0, "gate_width": 1.5}),
            "hard": space.validate({"gate_position": 3.0, "gate_width": 0.5}),
        },
        description={
            "world": "point-mass",
            "friction": friction,
            "test_set": test_set,
            "rate_hz": PointMassBatch.render_fps,
            "task_space": space_layout(space),
            "observation": [
                {"name": "x", "unit": "1"},
                {"name": "velocity_x", "unit": "1/s"},
                {"name": "y", "unit": "1"},
                {"name": "velocity_y", "unit": "1/s"},
                *task_layout(space),
            ],
            "action": [{"name": "force_x", "unit": "10"}, {"name": "force_y", "unit": "10"}],
        },
    )


def maze_world(*, test_set: str = "grid") -> World:
    """The ring maze.

    Args:
        test_set: ``grid``: 24 goals along the middle of the corridor, 2 apart, each with tolerances 0.05, 0.3
            (a step) and 1 (half the corridor), 72 tasks. ``target``: 50 goals uniform in the ring with
            tolerance 0.05, as CURROT tests.

    Raises:
        InputError: no such test set.
    """
    _check_test_set(test_set)
    return World(
        title="ring maze with a sparse goal",
        make_batch=MazeBatch,
        test_tasks=_ring_grid() if test_set == "grid" else _ring_target(),
        mastered_return=MAZE_MASTERED,
        showcase={
            "easy": MAZE_SPACE.validate([-6.0, 0.0, 2.0]),
            "middle": MAZE_SPACE.validate([6.0, -6.0, 1.0]),
            "hard": MAZE_SPACE.validate([6.0, 6.0, 0.05]),
        },
        description={
            "world": "sparse-maze",
            "test_set": test_set,
            "rate_hz": MazeBatch.render_fps,
            "task_space": space_layout(MAZE_SPACE),
            "observation": [
                {"name": "x", "unit": "1"},
                {"name": "y", "unit": "1"},
                *task_layout(MAZE_SPACE),
            ],
            "action": [{"name": "step_x", "unit": "0.3"}, {"name": "step_y", "unit": "0.3"}],
        },
    )


def space_layout(space: TaskSpace) -> list[dict[str, Any]]:
    """A task space as a policy file has it."""
    return [{"name": p.name, "low": p.low, "high": p.high, "unit": p.unit} for p in space.parameters]


def task_layout(space: TaskSpace) -> list[dict[str, str]]:
    """The part of an observation that is the task itself."""
    return [{"name": p.name, "unit": p.unit} for p in space.parameters]


def _check_test_set(name: str) -> None:
    if name not in TEST_SETS:
        raise InputError(f"test_set = {name!r} is unknown; choose from {', '.join(TEST_SETS)}")


def _gate_grid(friction: bool) -> NDArray[np.float64]:
    axes = [np.arange(-REACH, REACH + 1), np.array(GATE_WIDTHS)]
    if friction:
        axes.append(np.array(FRICTIONS))
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def _gate_target(space: TaskSpace) -> NDArray[np.float64]:
    """CURROT's two modes, half of the tasks each; friction, which its target has not, is uniform."""
    rng = np.random.default_rng(TEST_SEED)
    tasks = space.sample(rng, TARGET_TASKS)
    tasks[:, 0] = np.where(np.arange(TARGET_TASKS) % 2, -3.0, 3.0)
    tasks[:, 1] = 0.5
    tasks[:, :2] += rng.normal(0.0, 0.01, (TARGET_TASKS, 2))
    return space.clip(tasks)


def _ring_grid() -> NDArray[np.float64]:
    middle = (OUTER + INNER) / 2
    along = np.arange(-middle, middle, 2.0)
    side = np.stack([along, np.full(along.size, -middle)], axis=1)
    turns = [np.array([[c, -s], [s, c]]) for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1))]
    goals = np.concatenate([side @ turn.T for turn in turns])
    rows = [np.column_stack([goals, np.full(len(goals), t)]) for t in MAZE_TOLERANCES]
    return np.concatenate(rows)


def _ring_target() -> NDArray[np.float64]:
    rng = np.random.default_rng(TEST_SEED)
    goals = rng.uniform(-OUTER, OUTER, (20 * TARGET_TASKS, 2))
    goals = goals[np.abs(goals).max(axis=1) >= INNER][:TARGET_TASKS]
    return np.column_stack([goals, np.full(len(goals), MAZE_TOLERANCES[0])])
