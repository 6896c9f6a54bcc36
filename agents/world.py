"""What a training job has to know of a world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..envs.batch import BatchEnv
from ..envs.tasks import Task, TaskSpace


@dataclass(frozen=True, kw_only=True)
class World:
    """A family of tasks to train on, and how to test it."""

    title: str
    """For headings, like "walker on stump tracks"."""
    make_batch: Callable[[int], BatchEnv]
    """Builds so many copies."""
    test_tasks: NDArray[np.float64]
    """The fixed test set, shape ``(tasks, task dimension)``."""
    mastered_return: float
    """A task is mastered by an episode that returns more than this."""
    showcase: Mapping[str, Task]
    """Tasks to film, by what they show ("easy", ...)."""
    teacher_space: TaskSpace | None = None
    """What a teacher chooses from, if not the batch's own task space."""
    realise: Callable[[Task], Task] | None = None
    """What a task of ``teacher_space`` means in the batch."""
    description: Mapping[str, Any]
    """JSON values that go into the policy file: the world and its options, ``rate_hz``, and the
    layout of observations and actions."""


TEST_SEED = 4222
"""Of the world's random streams in a test; the same for all runs, so that all face the same tracks."""
