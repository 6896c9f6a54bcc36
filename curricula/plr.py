"""Prioritized level replay on continuous boxes: keep the tasks that had most to teach, and replay them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..envs.tasks import Task, TaskSpace
from ..errors import InputError
from .checks import check_flag, check_integer, check_number
from .state import StateReader
from .teacher import Coordinates, Teacher, TeacherSettings, check_success_return

SAME = 1e9
"""Parts of a parameter's range that are told apart."""
SCORES = ("value_error", "max_monte_carlo", "learnability", "student")


@dataclass(frozen=True, kw_only=True)
class PLRSettings(TeacherSettings):
    """Settings of :class:`PLR`; the published values are DCD's for BipedalWalker."""

    score: str = "value_error"
    """What a task is worth: "value_error", by how much its return differs from those nearby;
    "max_monte_carlo", how far it fell short of the best one there; "learnability", p (1 - p) of
    successes there; "student", what the student tells, and "value_error" until it has told anything
    (published: its mean positive advantage)."""
    transform: str = "rank"
    """How scores become weights: "rank" or "power" (published: "rank")."""
    temperature: float = 0.3
    """Flattens the weights; towards 0 the best task takes all (published: 0.1)."""
    staleness: float = 0.3
    """Share of the weights that goes to tasks not seen for long, in [0, 1] (published: 0.5)."""
    replay_ratio: float = 0.7
    """Share of episodes that replay once the buffer is full enough, in [0, 1] (published: 0.5)."""
    ties_enter: bool = True
    """A new task may take the place of one with the same score, so that a buffer of tasks that all
    failed is not frozen (published: False)."""
    buffer: int = 250
    """Tasks kept (published: 1000)."""
    minimum_fill: float = 0.2
    """Share of the buffer that must be filled before anything is replayed (published: 0.5)."""
    neighbours: int = 5
    """Earlier episodes nearby that a score looks at."""
    history: int = 500
    """Episodes among which they are sought, the latest ones."""
    scout_new_tasks: bool = False
    """Only look at new tasks, so that the student learns from replayed ones alone (robust PLR)."""
    success_return: float | None = None
    """Return above which an episode is a success; "learnability" needs it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.score not in SCORES:
            raise InputError(f"score = {self.score!r} must be one of {', '.join(SCORES)}")
        if self.transform not in ("rank", "power"):
            raise InputError(f"transform = {self.transform!r} must be rank or power")
        check_number("temperature", self.temperature, 1e-3)
        check_number("staleness", self.staleness, 0.0, 1.0)
        check_number("replay_ratio", self.replay_ratio, 0.0, 1.0)
        check_flag("ties_enter", self.ties_enter)
        check_integer("buffer", self.buffer, 2)
        check_number("minimum_fill", self.minimum_fill, 0.0, 1.0)
        check_integer("neighbours", self.neighbours, 1)
        check_integer("history", self.history, self.neighbours)
        check_flag("scout_new_tasks", self.scout_new_tasks)
        if self.success_return is not None:
            check_number("success_return", self.success_return)


class PLR(Teacher):
    """Replays tasks in proportion to a score, or tries new ones.

    A new task is uniform in the box; it enters the buffer with its score, in place of the least
    promising one once the buffer is full. Replayed tasks are drawn from

        P = (1 - staleness) * P_score + staleness * P_age,

    P_score by rank (weight rank^(-1/temperature)) or power of the score, P_age in proportion to the
    episodes since a task was last seen. A task that is played again gets its new score.

    Source: Jiang, Grefenstette, Rocktäschel, "Prioritized level replay" (ICML 2021); facebookresearch
    level-replay and dcd, level_sampler.py. Scores from returns alone ("value_error", ...) are ours:
    the published ones need the student's values, which "student" gets through ``update_score``.
    """

    name = "plr"
    settings_type = PLRSettings
    presets: ClassVar[Mapping[str, TeacherSettings]] = {
        "eyas": PLRSettings(),
        "published": PLRSettings(
            score="student",
            temperature=0.1,
            ties_enter=False,
            staleness=0.5,
            replay_ratio=0.5,
            buffer=1000,
            minimum_fill=0.5,
        ),
    }

    def __init__(
        self, task_space: TaskSpace, *, seed: int, settings: TeacherSettings | None = None
    ) -> None:
        super().__init__(task_space, seed=seed, settings=settings)
        own, dimension = self.settings, task_space.dimension
        self.may_scout = own.scout_new_tasks
        self.wants_scores = own.score == "student"
        if own.score == "learnability":
            self._success = self._scaled(check_success_return(self.name, own.success_return))
        self._coordinates = Coordinates(task_space, normalised=True)
        self._tasks: NDArray[np.float64] = np.empty((own.buffer, dimension))
        self._scores: NDArray[np.float64] = np.zeros(own.buffer)
        self._seen: NDArray[np.int64] = np.zeros(own.buffer, dtype=np.int64)
        self._filled = 0
        self._rows: dict[bytes, int] = {}
        self._points: NDArray[np.float64] = np.empty((own.history, dimension))
        self._returns: NDArray[np.float64] = np.empty(own.history)
        self._remembered = 0
        self._told = False

    def scouts(self, task: Task) -> bool:
        """Whether it is a new task, where new ones are only looked at."""
        return bool(self.settings.scout_new_tasks and self._key(task) not in self._rows)

    def _sample(self) -> Task:
        own = self.settings
        ready = self._filled >= max(own.minimum_fill * own.buffer, 1)
        if ready and self._rng.random() < own.replay_ratio:
            return self._replayed()
        return self.task_space.sample(self._rng)

    def _replayed(self) -> Task:
        weights = np.cumsum(self._weights())
        row = int(np.searchsorted(weights, self._rng.random() * weights[-1], side="right"))
        return self._tasks[min(row, self._filled - 1)].copy()

    def _weights(self) -> NDArray[np.float64]:
        """Probabilities of replaying each task of the buffer, shape ``(filled,)``."""
        own, scores = self.settings, self._scores[: self._filled]
        if own.transform == "rank":
            ranks = np.empty(self._filled)
            ranks[np.argsort(-scores, kind="stable")] = np.arange(1.0, self._filled + 1.0)
            by_score = ranks ** (-1.0 / own.temperature)
        else:
            by_score = np.maximum(scores, 0.0)
            by_score = (by_score / max(by_score.max(), 1e-300)) ** (1.0 / own.temperature)
        total = by_score.sum()
        by_score = by_score / total if total > 0.0 else np.full(self._filled, 1.0 / self._filled)
        ages = (self.episodes - self._seen[: self._filled]).astype(np.float64)
        total = ages.sum()
        by_age = ages / total if total > 0.0 else by_score
        weights: NDArray[np.float64] = (1.0 - own.staleness) * by_score + own.staleness * by_age
        return weights

    def _update(self, task: Task, return_: float) -> None:
        # Rounded, or edits of one parent, equally far from it, would be sorted by their last bits.
        point = np.rint(self._coordinates.from_task(task) * SAME) / SAME
        row = self._rows.get(self._key(task))
        if not self._told:
            self._keep(task, self._judge(point, return_))
        elif row is not None:  # its score comes from the student
            self._seen[row] = self.episodes
        at = self._remembered % self.settings.history
        self._points[at], self._returns[at] = point, return_
        self._remembered += 1

    def _update_score(self, task: Task, score: float) -> None:
        if not self.wants_scores:
            return
        if not self._told:  # what stands there is in other units
            self._scores[: self._filled] = 0.0
            self._told = True
        self._keep(task, score)

    def _judge(self, point: NDArray[np.float64], return_: float) -> float:
        """The score of a task by what it and its neighbours earned."""
        known = min(self._remembered, self.settings.history)
        if known == 0:
            return 0.0
        apart = self._points[:known] - point
        distances = np.einsum("ij,ij->i", apart, apart)
        count = min(self.settings.neighbours, known)
        near = self._returns[np.argpartition(distances, count - 1)[:count]]
        if self.settings.score == "max_monte_carlo":
            return max(float(near.max()), return_) - return_
        if self.settings.score == "learnability":
            successes = float((near > self._success).sum() + (return_ > self._success))
            p = successes / (count + 1.0)
            return p * (1.0 - p)
        return abs(return_ - float(near.mean()))

    def _keep(self, task: Task, score: float) -> None:
        """Store a score; a new task must beat the one it takes the place of."""
        key = self._key(task)
        row = self._rows.get(key)
        if row is None:
            if self._filled < self.settings.buffer:
                row = self._filled
                self._filled += 1
            else:
                row = int(np.argmin(self._weights()))
                least = self._scores[row]
                if score < least or (score == least and not self.settings.ties_enter):
                    return
                del self._rows[self._key(self._tasks[row])]
            self._tasks[row] = task
            self._rows[key] = row
        self._scores[row] = score
        self._seen[row] = self.episodes

    def _key(self, task: Task) -> bytes:
        """Equal for tasks that are the same but for rounding, in any units."""
        return np.rint(self._coordinates.from_task(task) * SAME).astype(np.int64).tobytes()

    def describe(self) -> dict[str, Any]:
        """``teacher``, ``episodes``, ``buffer_tasks`` ``(filled, dimension)``, ``buffer_scores`` and
        ``mean_score``, their mean (0 when the buffer is empty).
        """  # noqa: D205
        scores = self._scores[: self._filled]
        return {
            "teacher": self.name,
            "episodes": self.episodes,
            "buffer_tasks": self._tasks[: self._filled].copy(),
            "buffer_scores": scores.copy(),
            "mean_score": float(scores.mean()) if self._filled else 0.0,
        }

    def _memory(self) -> dict[str, Any]:
        known = min(self._remembered, self.settings.history)
        return {
            "tasks": self._tasks[: self._filled].copy(),
            "scores": self._scores[: self._filled].copy(),
            "seen": self._seen[: self._filled].copy(),
            "points": self._points[:known].copy(),
            "returns": self._returns[:known].copy(),
            "remembered": self._remembered,
            "told": self._told,
        }

    def _remember(self, memory: StateReader) -> None:
        own, dimension = self.settings, self.task_space.dimension
        tasks = memory.array("tasks", (None, dimension))
        filled = len(tasks)
        if filled > own.buffer:
            raise InputError("teacher state: field memory/tasks holds more than the buffer")
        rows = {self._key(task): row for row, task in enumerate(tasks)}
        if len(rows) != filled:
            raise InputError("teacher state: field memory/tasks holds a task twice")
        scores = memory.array("scores", (filled,))
        seen = memory.array("seen", (filled,), np.int64)
        remembered = memory.integer("remembered", 0)
        told = memory.plain("told")
        if not isinstance(told, bool):
            raise InputError(f"teacher state: field memory/told = {told!r} must be True or False")
        known = min(remembered, own.history)
        points = memory.array("points", (known, dimension))
        returns = memory.array("returns", (known,))
        self._filled, self._rows, self._remembered, self._told = filled, rows, remembered, told
        self._tasks[:filled], self._scores[:filled], self._seen[:filled] = tasks, scores, seen
        self._points[:known], self._returns[:known] = points, returns


class RobustPLR(PLR):
    """PLR whose student learns from replayed tasks alone; new ones are only looked at.

    Source: Jiang et al., "Replay-guided adversarial environment design" (NeurIPS 2021); dcd.
    """

    name = "robust-plr"
    presets: ClassVar[Mapping[str, TeacherSettings]] = {
        "eyas": PLRSettings(scout_new_tasks=True),
        "published": PLRSettings(
            score="student",
            temperature=0.1,
            ties_enter=False,
            staleness=0.5,
            replay_ratio=0.5,
            buffer=1000,
            minimum_fill=0.5,
            scout_new_tasks=True,
        ),
    }
