"""SFL, sampling for learnability: look at many tasks, train on those that are won now and then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..envs.tasks import Task, TaskSpace
from ..errors import InputError
from .checks import check_integer, check_number
from .state import StateReader
from .teacher import Coordinates, Teacher, TeacherSettings, check_success_return


@dataclass(frozen=True, kw_only=True)
class SFLSettings(TeacherSettings):
    """Settings of :class:`SFL`; the published values are those for JaxNav.

    There, scouting takes 5 million steps before every 6.6 million to learn from, 3e8 in all. The
    preset "published" keeps that proportion (0.76) and the share kept, at a fiftieth of the size, for
    budgets of thousands of episodes.
    """

    candidates: int = 100
    """Tasks looked at in a round (published: 5 x 1000, here 100)."""
    looks: int = 1
    """Episodes on each of them (published: as many as fit into 1000 steps, up to
    10; here 5)."""
    kept: int = 20
    """Of these the most learnable (published: 100, here 2)."""
    round_every: int = 300
    """Episodes that the student learns from between two rounds (published: 50 updates of 256 x 512
    steps; here 660)."""
    learnable_ratio: float = 0.8
    """Share of these drawn from the kept tasks, the others are uniform, in [0, 1] (published: 0.5)."""
    neighbours: int = 4
    """Candidates nearby whose successes count with a task's own; 0 for its own alone, which are
    then more than a handful (published: 0)."""
    success_return: float | None = None
    """Return above which an episode is a success."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("candidates", self.candidates, 2)
        check_integer("looks", self.looks, 1)
        check_integer("kept", self.kept, 1, self.candidates)
        check_integer("round_every", self.round_every, 1)
        check_number("learnable_ratio", self.learnable_ratio, 0.0, 1.0)
        check_integer("neighbours", self.neighbours, 0, self.candidates - 1)
        if self.success_return is not None:
            check_number("success_return", self.success_return)


class SFL(Teacher):
    """Trains on tasks of high learnability p (1 - p), where p is the rate of success.

    A round looks at ``candidates`` uniform tasks, ``looks`` episodes each, from which the
    student does not learn, and keeps the ``kept`` with the highest p (1 - p). Then the student trains
    for ``round_every`` episodes, on kept and on new uniform tasks.

    The looks are part of every budget here; the paper does not count them. With a few looks per task p is
    either 0 or 1, so the preset "eyas" counts the nearest candidates with a task's own.

    Source: Rutherford et al., "No regrets: investigating and improving regret approximations for
    curriculum discovery" (NeurIPS 2024); sampling-for-learnability.
    """

    name = "sfl"
    may_scout = True
    settings_type = SFLSettings
    presets: ClassVar[Mapping[str, TeacherSettings]] = {
        "eyas": SFLSettings(),
        "published": SFLSettings(
            candidates=100,
            looks=5,
            kept=2,
            round_every=660,
            learnable_ratio=0.5,
            neighbours=0,
        ),
    }

    def __init__(
        self, task_space: TaskSpace, *, seed: int, settings: TeacherSettings | None = None
    ) -> None:
        super().__init__(task_space, seed=seed, settings=settings)
        own, dimension = self.settings, task_space.dimension
        self._success = self._scaled(check_success_return(self.name, own.success_return))
        self._coordinates = Coordinates(task_space, normalised=True)
        self._candidates: NDArray[np.float64] = np.empty((0, dimension))
        self._wins: NDArray[np.int64] = np.zeros(own.candidates, dtype=np.int64)
        self._heard: NDArray[np.int64] = np.zeros(own.candidates, dtype=np.int64)
        self._asked = 0
        self._rows: dict[bytes, int] = {}
        self._learnable: NDArray[np.float64] = np.empty((0, dimension))
        self._learnability: NDArray[np.float64] = np.empty(0)
        self._trained = own.round_every  # the first round comes first

    def scouts(self, task: Task) -> bool:
        """Whether it is a candidate of the round that is going on."""
        return np.asarray(task, dtype=np.float64).tobytes() in self._rows

    def _sample(self) -> Task:
        own, rng = self.settings, self._rng
        if not len(self._candidates) and self._trained >= own.round_every:
            self._begin_round()
        if self._asked < len(self._candidates) * own.looks:
            self._asked += 1
            return self._candidates[(self._asked - 1) // own.looks].copy()
        if len(self._learnable) and rng.random() < own.learnable_ratio:
            return self._learnable[rng.integers(len(self._learnable))].copy()
        return self.task_space.sample(rng)

    def _begin_round(self) -> None:
        self._candidates = self.task_space.sample(self._rng, self.settings.candidates)
        self._rows = {task.tobytes(): row for row, task in enumerate(self._candidates)}
        self._wins[:] = 0
        self._heard[:] = 0
        self._asked = 0
        self._trained = 0

    def _update(self, task: Task, return_: float) -> None:
        own, row = self.settings, self._rows.get(task.tobytes())
        if row is None:
            self._trained += 1
        elif self._heard[row] < own.looks:
            self._wins[row] += return_ > self._success
            self._heard[row] += 1
        if len(self._candidates) == 0:
            return
        complete = self._heard.sum() == len(self._rows) * own.looks
        if complete or self._trained >= own.round_every:  # or results were lost
            self._end_round()

    def _end_round(self) -> None:
        own = self.settings
        wins, heard = self._wins.astype(np.float64), self._heard.astype(np.float64)
        if own.neighbours:
            points = self._coordinates.from_task(self._candidates)
            near = _nearest(points, own.neighbours + 1)  # itself among them
            wins, heard = wins[near].sum(axis=1), heard[near].sum(axis=1)
        rate = wins / np.maximum(heard, 1.0)
        learnability = rate * (1.0 - rate)
        best = np.argsort(-learnability, kind="stable")[: own.kept]
        best = best[learnability[best] > 0.0]
        self._learnable, self._learnability = self._candidates[best], learnability[best]
        self._candidates = self._candidates[:0]
        self._rows = {}
        self._trained = 0

    def describe(self) -> dict[str, Any]:
        """``teacher``, ``episodes``, ``buffer_tasks`` ``(kept, dimension)``, their learnability as
        ``buffer_scores`` and ``learnable``, how many there are.
        """  # noqa: D205
        return {
            "teacher": self.name,
            "episodes": self.episodes,
            "buffer_tasks": self._learnable.copy(),
            "buffer_scores": self._learnability.copy(),
            "learnable": len(self._learnable),
        }

    def _memory(self) -> dict[str, Any]:
        return {
            "candidates": self._candidates.copy(),
            "wins": self._wins.copy(),
            "heard": self._heard.copy(),
            "asked": self._asked,
            "learnable": self._learnable.copy(),
            "learnability": self._learnability.copy(),
            "trained": self._trained,
        }

    def _remember(self, memory: StateReader) -> None:
        own, dimension = self.settings, self.task_space.dimension
        candidates = memory.array("candidates", (None, dimension))
        if len(candidates) not in (0, own.candidates):
            raise InputError(f"teacher state: field memory/candidates holds {len(candidates)} tasks")
        wins = memory.array("wins", (own.candidates,), np.int64)
        heard = memory.array("heard", (own.candidates,), np.int64)
        if (wins < 0).any() or (wins > heard).any() or (heard > own.looks).any():
            raise InputError("teacher state: fields memory/wins and memory/heard contradict each other")
        asked = memory.integer("asked", 0, own.candidates * own.looks)
        learnable = memory.array("learnable", (None, dimension))
        learnability = memory.array("learnability", (len(learnable),))
        trained = memory.integer("trained", 0)
        self._candidates, self._wins, self._heard, self._asked = candidates, wins, heard, asked
        self._rows = {task.tobytes(): row for row, task in enumerate(candidates)}
        self._learnable, self._learnability, self._trained = learnable, learnability, trained


def _nearest(points: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Rows of the nearest points of each, itself first, shape ``(n, count)``."""
    from scipy.spatial import cKDTree

    rows: NDArray[np.int64] = cKDTree(points).query(points, k=count)[1].reshape(len(points), count)
    return rows
