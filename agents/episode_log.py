"""Every episode of a run, compactly: what the figures are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..envs.batch import Episodes
from ..errors import InputError


class EpisodeLog:
    """Tasks, returns, lengths and end times of all episodes, in arrays that grow by doubling.

    ``len(log)`` is the number of episodes. A 2-D task takes 24 bytes per episode.
    """

    def __init__(self, task_dimension: int) -> None:
        self._count = 0
        self._columns: dict[str, NDArray[Any]] = {
            "tasks": np.empty((1024, task_dimension), dtype=np.float32),
            "returns": np.empty(1024, dtype=np.float32),
            "lengths": np.empty(1024, dtype=np.int32),
            "steps": np.empty(1024, dtype=np.int64),
        }

    def __len__(self) -> int:
        return self._count

    @property
    def tasks(self) -> NDArray[np.float32]:
        """Shape ``(episodes, task dimension)``, in task units."""
        return self._columns["tasks"][: self._count]

    @property
    def returns(self) -> NDArray[np.float32]:
        """Undiscounted returns, shape ``(episodes,)``."""
        return self._columns["returns"][: self._count]

    @property
    def lengths(self) -> NDArray[np.int32]:
        """Steps of each episode, shape ``(episodes,)``."""
        return self._columns["lengths"][: self._count]

    @property
    def steps(self) -> NDArray[np.int64]:
        """Environment steps of the whole run when each episode ended, shape ``(episodes,)``."""
        return self._columns["steps"][: self._count]

    def append(self, episodes: Episodes, step: int) -> None:
        """Add the episodes that ended after ``step`` environment steps of the run."""
        first, last = self._count, self._count + len(episodes.copies)
        while last > len(self._columns["steps"]):
            self._columns = {
                name: np.concatenate([column, np.empty_like(column)])
                for name, column in self._columns.items()
            }
        self._columns["tasks"][first:last] = episodes.tasks
        self._columns["returns"][first:last] = episodes.returns
        self._columns["lengths"][first:last] = episodes.lengths
        self._columns["steps"][first:last] = step
        self._count = last

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Copies of the columns."""
        return {name: column[: self._count].copy() for name, column in self._columns.items()}

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over the episodes of :meth:`state_dict`.

        Raises:
            InputError: a column is missing, or has another shape or type.
        """
        columns = {}
        for name, own in self._columns.items():
            given = state.get(name)
            if given is None or given.dtype != own.dtype or given.shape[1:] != own.shape[1:]:
                raise InputError(f"episode log: column {name} is missing or not of type {own.dtype}")
            columns[name] = given
        counts = {len(column) for column in columns.values()}
        if len(counts) != 1:
            raise InputError("episode log: the columns have different lengths")
        self._count = counts.pop()
        self._columns = {
            name: np.concatenate([column, np.empty((1024, *column.shape[1:]), dtype=column.dtype)])
            for name, column in columns.items()
        }
