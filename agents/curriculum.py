"""A teacher at work on a batch: results go to it, next tasks come from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..curricula.teacher import Teacher
from ..envs.batch import BatchEnv, Episodes
from .episode_log import EpisodeLog


class Curriculum:
    """Connects a teacher with a batch of copies and keeps the log of episodes.

    The batch calls it where episodes end, before the copies are reset: the teacher is told every
    task and return exactly once, in the order of the copies, and then asked for the copies' next
    tasks. So a task that a teacher chooses because of an episode is the very next one that runs.

    Args:
        batch: its ``on_episodes`` is taken over.
        teacher: chooses from ``batch.task_space``.
        steps_done: gives the environment steps of the run so far, for the log.
    """

    def __init__(self, batch: BatchEnv, teacher: Teacher, steps_done: Callable[[], int]) -> None:
        self.batch = batch
        self.teacher = teacher
        self.log = EpisodeLog(batch.task_space.dimension)
        self._steps_done = steps_done
        batch.on_episodes = self._on_episodes

    def begin(self) -> None:
        """Let the teacher choose the first task of every copy; the batch is to be reset then."""
        for copy in range(self.batch.num_envs):
            self.batch.next_tasks[copy] = self.teacher.sample()

    def mean_of_last(self, count: int = 100) -> tuple[float, float]:
        """Mean return and mean length of the last episodes; NaN if there are none yet."""
        if not len(self.log):
            return float("nan"), float("nan")
        return float(self.log.returns[-count:].mean()), float(self.log.lengths[-count:].mean())

    def state_dict(self) -> dict[str, Any]:
        """The teacher's state and the log."""
        return {"teacher": self.teacher.state_dict(), "log": self.log.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state_dict`.

        Raises:
            InputError: the state does not fit this teacher or task space.
        """
        self.teacher.load_state_dict(state["teacher"])
        self.log.load_state_dict(state["log"])

    def _on_episodes(self, episodes: Episodes) -> None:
        for task, return_ in zip(episodes.tasks, episodes.returns.tolist(), strict=True):
            self.teacher.update(task, return_)
        for copy in episodes.copies:
            self.batch.next_tasks[copy] = self.teacher.sample()
        self.log.append(episodes, self._steps_done())
