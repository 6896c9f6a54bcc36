"""The rules of the dark rooms, compiled: one step, one optimal action, one reset.

A state is three whole numbers: x, y and the stage (0; in Key-to-Door 1 once the key was taken and 2 once
the door was opened). ``aims`` are five whole numbers per task, see :func:`aims_of`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from ..jit import inner
from ..tasks import Parameter, TaskSpace

ACTIONS = 5
"""x + 1, x - 1, y + 1, y - 1, stay."""
GOAL, PERMUTED, KEY_TO_DOOR = 0, 1, 2
PERMUTATIONS = np.array(list(itertools.permutations(range(ACTIONS))), dtype=np.int64)
"""What action each of the five stands for, shape ``(120, 5)``; row 0 leaves them alone."""


@dataclass(frozen=True)
class DarkRoom:
    """One of the rooms."""

    kind: int
    """GOAL, PERMUTED or KEY_TO_DOOR."""
    size: int
    """Cells of a side."""
    horizon: int
    """Steps of every episode; reaching a goal does not end it."""
    start: tuple[int, int]
    """Where every episode begins."""
    split_seed: int
    """Shuffles the tasks before they are split into training and test (DICP's seeds)."""
    train_share: float
    """Share of the tasks that are for training."""


ROOMS = {
    "darkroom": DarkRoom(GOAL, 9, 20, (4, 4), 0, 0.9),
    "darkroom-permuted": DarkRoom(PERMUTED, 9, 50, (0, 0), 4, 0.9),
    "darkroom-large": DarkRoom(GOAL, 15, 50, (7, 7), 0, 0.9),
    "dark-key-to-door": DarkRoom(KEY_TO_DOOR, 9, 50, (4, 4), 4, 0.95),
}
"""By name; the settings of DICP's code, which LHF follows."""


def find_room(name: str) -> DarkRoom:
    """The room called ``name``.

    Raises:
        InputError: there is none.
    """
    if name not in ROOMS:
        raise InputError(f"unknown dark room {name!r}; known are {', '.join(ROOMS)}")
    return ROOMS[name]


def task_space(room: DarkRoom) -> TaskSpace:
    """What a task of this room is; values are rounded to whole numbers."""
    if room.kind == PERMUTED:
        return TaskSpace((Parameter("permutation", 0.0, 119.0, 0.0, "1", "which of 120 orders"),))
    last, middle = float(room.size - 1), float(room.size // 2)
    names = ("key_x", "key_y", "door_x", "door_y") if room.kind == KEY_TO_DOOR else ("goal_x", "goal_y")
    return TaskSpace(tuple(Parameter(name, 0.0, last, middle, "cell") for name in names))


def all_tasks(room: DarkRoom) -> NDArray[np.float64]:
    """Every task of the room in row-major order, shape ``(tasks, dimension)``."""
    if room.kind == PERMUTED:
        return np.arange(len(PERMUTATIONS), dtype=np.float64)[:, None]
    numbers = 4 if room.kind == KEY_TO_DOOR else 2
    return np.array(list(itertools.product(range(room.size), repeat=numbers)), dtype=np.float64)


def split_tasks(room: DarkRoom) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Training and test tasks as DICP's code splits them: Python's shuffle, the last ones are the test."""
    import random

    tasks = all_tasks(room)
    order = list(range(len(tasks)))
    random.Random(room.split_seed).shuffle(order)
    cut = round(room.train_share * len(tasks))
    return tasks[order[:cut]], tasks[order[cut:]]


def aims_of(room: DarkRoom, tasks: ArrayLike) -> NDArray[np.int64]:
    """Whole numbers the kernels need, shape ``(count, 5)``: goal, or key and door, or the permutation."""
    rows = np.rint(np.atleast_2d(np.asarray(tasks, dtype=np.float64))).astype(np.int64)
    if room.kind == PERMUTED:
        return PERMUTATIONS[rows[:, 0]]
    aims = np.zeros((len(rows), ACTIONS), dtype=np.int64)
    aims[:, : rows.shape[1]] = rows
    return aims


def maximum_returns(room: DarkRoom, tasks: ArrayLike) -> NDArray[np.float64]:
    """The best return of an episode on each task, shape ``(count,)``."""
    aims = aims_of(room, tasks)
    start = np.array(room.start)
    if room.kind == KEY_TO_DOOR:
        to_key = np.maximum(np.abs(aims[:, :2] - start).sum(axis=1), 1)  # the key takes a step
        to_door = np.maximum(np.abs(aims[:, 2:4] - aims[:, :2]).sum(axis=1), 1)
        return 1.0 * (to_key <= room.horizon) + (to_key + to_door <= room.horizon)
    goals = np.full((len(aims), 2), room.size - 1) if room.kind == PERMUTED else aims[:, :2]
    distance = np.abs(goals - start).sum(axis=1)
    return np.clip(room.horizon + 1.0 - distance, 0.0, room.horizon)


@inner
def move(kind: int, size: int, aims: NDArray[np.int64], state: NDArray[np.int64], action: int) -> float:
    """One step of one room: changes ``state``, returns the reward."""
    if kind == PERMUTED:
        action = aims[action]
    if action == 0:
        state[0] = min(state[0] + 1, size - 1)
    elif action == 1:
        state[0] = max(state[0] - 1, 0)
    elif action == 2:
        state[1] = min(state[1] + 1, size - 1)
    elif action == 3:
        state[1] = max(state[1] - 1, 0)
    if kind == KEY_TO_DOOR:
        at = 2 * min(state[2], 1)
        if state[2] < 2 and state[0] == aims[at] and state[1] == aims[at + 1]:
            state[2] += 1
            return 1.0
        return 0.0
    if kind == PERMUTED:
        return 1.0 if state[0] == size - 1 and state[1] == size - 1 else 0.0
    return 1.0 if state[0] == aims[0] and state[1] == aims[1] else 0.0


@inner
def best_action(kind: int, size: int, aims: NDArray[np.int64], state: NDArray[np.int64]) -> int:
    """The optimal action as DICP and DPT label it: first along x, then along y, else stay."""
    if kind == PERMUTED:
        x, y = size - 1, size - 1
    else:
        at = 2 * min(state[2], 1)
        x, y = aims[at], aims[at + 1]
    action = 4
    if state[0] < x:
        action = 0
    elif state[0] > x:
        action = 1
    elif state[1] < y:
        action = 2
    elif state[1] > y:
        action = 3
    if kind == PERMUTED:
        for candidate in range(ACTIONS):
            if aims[candidate] == action:
                return candidate
    return action
