"""A teacher at work on a batch: results go to it, next tasks come from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..curricula.teacher import Teacher
from ..envs.batch import BatchEnv, Episodes
from ..envs.tasks import Task
from ..errors import InputError
from .episode_log import EpisodeLog

Realise = Callable[[Task], Task]
"""Makes the world's task of the teacher's."""


class Curriculum:
    """Connects a teacher with a batch of copies and keeps the log of episodes.

    The batch calls it where episodes end, before the copies are reset: the teacher is told every
    task and return exactly once, in the order of the copies, and then asked for the copies' next
    tasks. So a task that a teacher chooses because of an episode is the very next one that runs.

    Args:
        batch: its ``on_episodes`` is taken over.
        teacher: chooses from ``batch.task_space``, or from a space that ``realise`` maps to it.
        steps_done: gives the environment steps of the run so far, for the log.
        realise: what a task of the teacher means in the batch; None for the task itself.

    Attributes:
        tasks: what the teacher chose for the running episodes, shape ``(copies, dimension)``.
        scouting: whether they are only to be looked at, shape ``(copies,)``.
        scouted_steps: environment steps of scouting episodes that have ended.
    """

    def __init__(
        self,
        batch: BatchEnv,
        teacher: Teacher,
        steps_done: Callable[[], int],
        realise: Realise | None = None,
    ) -> None:
        self.batch = batch
        self.teacher = teacher
        dimension = teacher.task_space.dimension
        self.log = EpisodeLog(dimension)
        self.tasks: NDArray[np.float64] = np.zeros((batch.num_envs, dimension))
        self.scouting: NDArray[np.bool_] = np.zeros(batch.num_envs, dtype=np.bool_)
        self.scouted_steps = 0
        self._steps_done = steps_done
        self._realise = realise
        batch.on_episodes = self._on_episodes

    def begin(self) -> None:
        """Let the teacher choose the first task of every copy; the batch is to be reset then."""
        for copy in range(self.batch.num_envs):
            self._choose(copy)

    def mean_of_last(self, count: int = 100) -> tuple[float, float]:
        """Mean return and mean length of the last episodes; NaN if there are none yet."""
        if not len(self.log):
            return float("nan"), float("nan")
        return float(self.log.returns[-count:].mean()), float(self.log.lengths[-count:].mean())

    def state_dict(self) -> dict[str, Any]:
        """The teacher's state, the log and what runs now."""
        return {
            "teacher": self.teacher.state_dict(),
            "log": self.log.state_dict(),
            "tasks": self.tasks.copy(),
            "scouting": self.scouting.copy(),
            "scouted_steps": self.scouted_steps,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state_dict`.

        Raises:
            InputError: the state does not fit this teacher, task space or batch.
        """
        tasks, scouting = state["tasks"], state["scouting"]
        if tasks.shape != self.tasks.shape or scouting.shape != self.scouting.shape:
            raise InputError(
                f"the saved curriculum has tasks of shape {tasks.shape}, this run {self.tasks.shape}"
            )
        self.teacher.load_state_dict(state["teacher"])
        self.log.load_state_dict(state["log"])
        self.tasks[:], self.scouting[:] = tasks, scouting
        self.scouted_steps = int(state["scouted_steps"])

    def _choose(self, copy: int) -> None:
        task = self.teacher.sample()
        self.tasks[copy] = task
        self.scouting[copy] = self.teacher.scouts(task)
        self.batch.next_tasks[copy] = task if self._realise is None else self._realise(task)

    def _on_episodes(self, episodes: Episodes) -> None:
        ran = self.tasks[episodes.copies]
        self.scouted_steps += int(episodes.lengths[self.scouting[episodes.copies]].sum())
        for task, return_ in zip(ran, episodes.returns.tolist(), strict=True):
            self.teacher.update(task, return_)
        for copy in episodes.copies:
            self._choose(copy)
        self.log.append(episodes._replace(tasks=ran), self._steps_done())
