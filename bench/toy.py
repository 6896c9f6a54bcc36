"""Episodes per second of the grid toy and of the teachers on it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

import numpy as np

from ..curricula import make_teacher
from ..curricula.grid_toy import MAX_COMPETENCE, UNLOCKING_COMPETENCE, GridToy
from ..curricula.toy import REFERENCE_TEACHERS
from ..envs.tasks import Task
from .table import Measurement

PEER = "the same rules in plain Python"
_TASKS = 4096
_CHUNK = 200  # episodes between two looks at the clock


class PythonGrid:
    """The rules of :class:`~eyas.curricula.grid_toy.GridToy` written without a compiler."""

    def __init__(self, cells: int, dimensions: int) -> None:
        self.cells = cells
        self.dimensions = dimensions
        self.competence: dict[tuple[int, ...], int] = {}

    def episode(self, task: Task) -> float:
        """Learn one episode; its return, in [0, 1]."""
        cell = tuple(min(int(x * self.cells), self.cells - 1) for x in task[: self.dimensions])
        lower = itertools.product(*((i, i - 1) if i > 0 else (i,) for i in cell))
        learnt = self.competence.get(cell, 0)
        if not any(cell) or any(
            self.competence.get(other, 0) >= UNLOCKING_COMPETENCE for other in lower if other != cell
        ):
            learnt = min(learnt + 1, MAX_COMPETENCE)
            self.competence[cell] = learnt
        return learnt / MAX_COMPETENCE


def measure(seconds: float, seed: int) -> Iterator[Measurement]:
    """Episodes per second on the 10 x 10 grid: of the toy alone, then of each teacher with it.

    Args:
        seconds: wall time for each figure.
        seed: of the tasks and the teachers.
    """
    toy = GridToy(cells=10, dimensions=2)
    tasks = toy.task_space.sample(np.random.default_rng(seed), _TASKS)
    toy.episode(tasks[0])  # compiles
    ours = _rate(_playing(toy.episode, tasks), seconds)
    theirs = _rate(_playing(PythonGrid(10, 2).episode, tasks), seconds)
    yield Measurement("grid 10 x 10", ours, "episodes/s", PEER, theirs, ours / theirs)
    for name in REFERENCE_TEACHERS:
        yield Measurement(f"{name} on the grid", _rate(_teaching(name, seed), seconds), "episodes/s")


def _playing(episode: Callable[[Task], float], tasks: Task) -> Callable[[], None]:
    turns = itertools.cycle(tasks)

    def chunk() -> None:
        for task in itertools.islice(turns, _CHUNK):
            episode(task)

    return chunk


def _teaching(name: str, seed: int) -> Callable[[], None]:
    toy = GridToy(cells=10, dimensions=2)
    teacher = make_teacher(name, toy.task_space, seed=seed)

    def chunk() -> None:
        for _ in range(_CHUNK):
            task = teacher.sample()
            teacher.update(task, toy.episode(task))

    return chunk


def _rate(chunk: Callable[[], None], seconds: float) -> float:
    start = time.perf_counter()
    chunks = 0
    while (elapsed := time.perf_counter() - start) < seconds:
        chunk()
        chunks += 1
    return chunks * _CHUNK / elapsed
