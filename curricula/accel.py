"""ACCEL: replay the most promising tasks, and look at small changes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..envs.tasks import Task, TaskSpace
from ..errors import InputError
from .checks import check_integer, check_number
from .plr import PLR, PLRSettings
from .state import StateReader
from .teacher import TeacherSettings


@dataclass(frozen=True, kw_only=True)
class ACCELSettings(PLRSettings):
    """Settings of :class:`ACCEL`; the published values are DCD's for BipedalWalker."""

    scout_new_tasks: bool = True
    """Only look at new and edited tasks (published: True)."""
    replay_ratio: float = 0.8
    """Share of episodes that replay (published: 0.9)."""
    edits: int = 3
    """Changes made to a task, each of one parameter (published: 3)."""
    edit_size: float = 0.1
    """Size of a change as a share of the parameter's range (published: 0.04 for stumps, 0.2 of 5)."""
    batch: int = 16
    """Replayed episodes after which some are edited; as many children are made (published: 16)."""
    parents: int = 4
    """How many of them are edited (published: 4)."""
    edit: str = "score"
    """Which of them: "score", the best scores; "easiest", the highest returns, as the paper says;
    "hardest", the lowest, which DCD's sorting gives against its own comment (published)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("edits", self.edits, 1)
        check_number("edit_size", self.edit_size, 0.0, 1.0, exclude_low=True)
        check_integer("batch", self.batch, 1)
        check_integer("parents", self.parents, 1, self.batch)
        if self.edit not in ("score", "easiest", "hardest"):
            raise InputError(f"edit = {self.edit!r} must be score, easiest or hardest")


class ACCEL(PLR):
    """Robust PLR that also edits.

    After every ``batch`` replayed episodes, ``parents`` of their tasks are copied into ``batch``
    children; each child has ``edits`` parameters, drawn with repetition, moved by ``edit_size`` of
    their range up, down or not at all. Children are looked at like new tasks.

    Source: Parker-Holder et al., "Evolving curricula with regret-based environment design" (ICML
    2022); facebookresearch/dcd. The paper starts from easy tasks; here the first are uniform.
    """

    name = "accel"
    settings_type = ACCELSettings
    presets: ClassVar[Mapping[str, TeacherSettings]] = {
        "eyas": ACCELSettings(),
        "published": ACCELSettings(
            score="student",
            temperature=0.1,
            ties_enter=False,
            staleness=0.5,
            replay_ratio=0.9,
            buffer=1000,
            minimum_fill=0.5,
            edit_size=0.04,
            edit="hardest",
        ),
    }

    def __init__(
        self, task_space: TaskSpace, *, seed: int, settings: TeacherSettings | None = None
    ) -> None:
        super().__init__(task_space, seed=seed, settings=settings)
        dimension = task_space.dimension
        self._children: NDArray[np.float64] = np.empty((0, dimension))
        self._played: NDArray[np.float64] = np.empty((self.settings.batch, dimension))
        self._earned: NDArray[np.float64] = np.empty(self.settings.batch)
        self._played_count = 0

    def _sample(self) -> Task:
        if len(self._children):
            child, self._children = self._children[0], self._children[1:]
            return child.copy()
        return super()._sample()

    def _update(self, task: Task, return_: float) -> None:
        replayed = self._key(task) in self._rows
        super()._update(task, return_)
        if not replayed:
            return
        self._played[self._played_count], self._earned[self._played_count] = task, return_
        self._played_count += 1
        if self._played_count == self.settings.batch:
            self._edit()
            self._played_count = 0

    def _edit(self) -> None:
        own, rng = self.settings, self._rng
        worth = -self._earned if own.edit == "hardest" else self._earned
        if own.edit == "score":
            rows = [self._rows.get(self._key(task)) for task in self._played]
            worth = np.array([-np.inf if row is None else self._scores[row] for row in rows])
        order = np.argsort(-worth, kind="stable")
        parents = self._played[order[: own.parents]]
        children = parents[np.arange(own.batch) % own.parents].copy()
        ranges = self.task_space.high - self.task_space.low
        every = np.arange(own.batch)
        steps = np.zeros_like(children)
        for _ in range(own.edits):
            which = rng.integers(self.task_space.dimension, size=own.batch)
            steps[every, which] += rng.integers(-1, 2, size=own.batch)
        children += steps * own.edit_size * ranges
        self._children = np.concatenate([self._children, self.task_space.clip(children)])

    def _memory(self) -> dict[str, Any]:
        count = self._played_count
        return {
            **super()._memory(),
            "children": self._children.copy(),
            "played": self._played[:count].copy(),
            "earned": self._earned[:count].copy(),
        }

    def _remember(self, memory: StateReader) -> None:
        dimension = self.task_space.dimension
        children = memory.array("children", (None, dimension))
        played = memory.array("played", (None, dimension))
        if len(played) >= self.settings.batch:
            raise InputError("teacher state: field memory/played holds more than one batch")
        earned = memory.array("earned", (len(played),))
        super()._remember(memory)
        self._children, self._played_count = children, len(played)
        self._played[: len(played)], self._earned[: len(played)] = played, earned
