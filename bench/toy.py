"""Episodes per second of the grid toy, and the time of an episode that each teacher takes on it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

import numpy as np

from ..curricula import TEACHERS, Teacher, make_teacher
from ..curricula.grid_toy import MAX_COMPETENCE, UNLOCKING_COMPETENCE, GridToy, teach
from ..curricula.registry import world_settings
from ..envs.tasks import Task
from .table import Measurement

PEER = "the same rules in plain Python"
PUBLISHED_OVERHEAD = {"random": 0.01, "riac": 0.75, "alp-gmm": 0.5, "covar-gmm": 0.4}
"""Milliseconds per episode of teachDeepRL's own files over 20,000 episodes of the same toy, measured once
on modern libraries; not measured again here."""
_WITHOUT = {"oracle"}  # has no steps for this world
_EPISODES = 20_000
_COMPILING_EPISODES = 600
_SUCCESS_RETURN = 0.75
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
    """Episodes per second on the 10 x 10 grid: of the toy alone, then milliseconds of each teacher.

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
    for name in TEACHERS:
        if name not in _WITHOUT:
            yield _overhead(name, seed)


def _overhead(name: str, seed: int) -> Measurement:
    """Time of one core per episode over a whole run of 20,000, the toy's own microsecond included."""
    toy = GridToy(cells=10, dimensions=2)
    warm_up = GridToy(cells=10, dimensions=2)
    teach(_make(name, seed, warm_up), warm_up, _COMPILING_EPISODES)
    teacher = _make(name, seed, toy)
    start = time.process_time()
    teach(teacher, toy, _EPISODES)
    taken = (time.process_time() - start) / _EPISODES * 1e3
    theirs = PUBLISHED_OVERHEAD.get(name)
    peer = "teachDeepRL, as once measured" if theirs else ""
    return Measurement(
        f"{name}, an episode", taken, "ms", peer, theirs, theirs / taken if theirs else None
    )


def _make(name: str, seed: int, toy: GridToy) -> Teacher:
    settings = world_settings(name, "eyas", _SUCCESS_RETURN, always=True)
    return make_teacher(name, toy.task_space, seed=seed, **settings)


def _playing(episode: Callable[[Task], float], tasks: Task) -> Callable[[], None]:
    turns = itertools.cycle(tasks)

    def chunk() -> None:
        for task in itertools.islice(turns, _CHUNK):
            episode(task)

    return chunk


def _rate(chunk: Callable[[], None], seconds: float) -> float:
    start = time.perf_counter()
    chunks = 0
    while (elapsed := time.perf_counter() - start) < seconds:
        chunk()
        chunks += 1
    return chunks * _CHUNK / elapsed
