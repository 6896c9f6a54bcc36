"""The n-D grid toy of teachDeepRL: a student without deep RL, to see a teacher work in seconds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..envs.jit import kernel
from ..envs.tasks import Task, TaskSpace
from .checks import check_integer
from .registry import make_teacher
from .teacher import Teacher

MAX_COMPETENCE = 100
"""Episodes after which a cell has nothing left to teach."""
UNLOCKING_COMPETENCE = 75
"""Competence at which a cell unlocks its successors; a cell above it counts as mastered."""
SCORE_EVERY = 1000
"""Episodes between two scores."""


class GridToy:
    """A grid of cells that are learnt one after the other, from the corner at the origin.

    A task is a point of [0, 1]^D. Its first ``dimensions`` components choose a cell; the others do
    nothing. An episode adds 1 to the cell's competence (at most 100) if the cell is the one at the
    origin or if one of its predecessors, the cells with some indices lower by one, has competence 75
    or more. The return is the cell's competence after that, divided by 100.

    Source: Portelas et al. (CoRL 2019), appendix; teachDeepRL toy_env.py.

    Args:
        cells: cells per dimension.
        dimensions: dimensions of the grid, at most 10.
        irrelevant_dimensions: components of a task that do nothing.

    Attributes:
        competence: episodes learnt in each cell, int64, shape ``(cells,) * dimensions``.
        task_space: the box of tasks, all parameters in [0, 1].
    """

    def __init__(self, *, cells: int = 10, dimensions: int = 2, irrelevant_dimensions: int = 0) -> None:
        check_integer("cells", cells, 1, 1000)
        check_integer("dimensions", dimensions, 1, 10)
        check_integer("irrelevant_dimensions", irrelevant_dimensions, 0)
        check_integer("cells ** dimensions", cells**dimensions, 1, 10**8)
        self.competence: NDArray[np.int64] = np.zeros((cells,) * dimensions, dtype=np.int64)
        names = [f"x{i + 1}" for i in range(dimensions)]
        names += [f"irrelevant{i + 1}" for i in range(irrelevant_dimensions)]
        self.task_space = TaskSpace.from_bounds({name: (0.0, 1.0) for name in names})
        self._cells = cells
        self._dimensions = dimensions
        self._flat = self.competence.reshape(-1)

    def episode(self, task: Task) -> float:
        """Learn one episode on a valid task of the task space; its return, in [0, 1]."""
        return learn(self._flat, self._cells, self._dimensions, task)

    def look(self, task: Task) -> float:
        """The return of an episode from which nothing is learnt, in [0, 1]."""
        indices = np.minimum((task[: self._dimensions] * self._cells).astype(int), self._cells - 1)
        return float(self.competence[tuple(indices)] / MAX_COMPETENCE)

    def score(self) -> float:
        """Percentage of mastered cells, those with a competence above 75."""
        return 100.0 * float(np.mean(self.competence > UNLOCKING_COMPETENCE))


@kernel
def learn(
    competence: NDArray[np.int64], cells: int, dimensions: int, task: NDArray[np.float64]
) -> float:
    """One episode: raises the competence of the task's cell, if it is unlocked; returns its return.

    Args:
        competence: the grid in C order, shape ``(cells ** dimensions,)``.
        cells: cells per dimension.
        dimensions: dimensions of the grid.
        task: values in [0, 1], shape ``(dimensions or more,)``.
    """
    cell = 0
    movable = 0  # dimensions in which there is a lower cell, one bit each
    for i in range(dimensions):
        index = min(int(task[i] * cells), cells - 1)
        cell = cell * cells + index
        if index > 0:
            movable |= 1 << i
    unlocked = movable == 0
    steps = movable
    while steps > 0 and not unlocked:
        predecessor = cell
        stride = 1
        for i in range(dimensions - 1, -1, -1):
            if steps >> i & 1:
                predecessor -= stride
            stride *= cells
        unlocked = competence[predecessor] >= UNLOCKING_COMPETENCE
        steps = (steps - 1) & movable  # the next subset of the movable dimensions
    if unlocked and competence[cell] < MAX_COMPETENCE:
        competence[cell] += 1
    return competence[cell] / MAX_COMPETENCE


def teach(teacher: Teacher, toy: GridToy, episodes: int) -> NDArray[np.float64]:
    """Let a teacher teach the toy.

    Returns:
        The score (percentage of mastered cells) before episodes 0, 1000, 2000, ... and after the
        last one, shape ``(ceil(episodes / 1000) + 1,)``.
    """
    check_integer("episodes", episodes, 1)
    scores = []
    for episode in range(episodes):
        if episode % SCORE_EVERY == 0:
            scores.append(toy.score())
        task = teacher.sample()
        learns = not teacher.scouts(task)
        teacher.update(task, toy.episode(task) if learns else toy.look(task))
    scores.append(toy.score())
    return np.array(scores)


def run_toy(
    teacher: str,
    *,
    cells: int = 10,
    dimensions: int = 2,
    irrelevant_dimensions: int = 0,
    episodes: int = 20_000,
    seed: int = 0,
    preset: str = "published",
    **overrides: Any,
) -> NDArray[np.float64]:
    """Teach a fresh toy with a fresh teacher that sees returns as they are (in [0, 1]).

    Args:
        teacher: name of the teacher.
        cells: cells per dimension.
        dimensions: dimensions of the grid.
        irrelevant_dimensions: components of a task that do nothing.
        episodes: how many to run, 1 or more.
        seed: seed of the teacher; the toy itself has no randomness.
        preset: settings of the teacher.
        **overrides: settings that differ from the preset.

    Returns:
        Scores as :func:`teach` gives them.

    Raises:
        InputError: unknown teacher, preset or setting, or a number out of range.
    """
    toy = GridToy(cells=cells, dimensions=dimensions, irrelevant_dimensions=irrelevant_dimensions)
    settings = {"return_range": None, **overrides}
    return teach(
        make_teacher(teacher, toy.task_space, seed=seed, preset=preset, **settings), toy, episodes
    )
