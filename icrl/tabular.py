"""Tabular Q-learning in the dark rooms, compiled: the source of learning histories that costs seconds.

Every history is an independent run from an empty table. Of its episodes only every n-th is kept, which
gives short histories that still go from nothing to mastery (Laskin et al. 2022, section 4.3).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bounds import check
from ..envs.dark.rules import (
    ACTIONS,
    aims_of,
    best_action,
    find_room,
    maximum_returns,
    move,
)
from ..envs.jit import kernel
from ..envs.random import integer, uniform
from ..errors import InputError
from .histories import Histories


@dataclass(frozen=True, kw_only=True)
class QLearning:
    """Epsilon-greedy Q-learning; epsilon falls linearly."""

    episodes: int = 500
    """Episodes of a run."""
    keep_every: int = 10
    """Of these every n-th goes into the history."""
    learning_rate: float = 0.3
    """Of the table."""
    gamma: float = 0.9
    """Discount per step."""
    first_epsilon: float = 1.0
    """Share of random actions in the first episode, in [0, 1]."""
    last_epsilon: float = 0.0
    """In the last one."""
    initial_value: float = 0.0
    """Of the table's entries; above 0 it explores on its own."""
    random_share: float = 0.0
    """Share of histories whose every action is uniformly random (LHF's noisy setting: 0.3)."""

    def __post_init__(self) -> None:
        check(self)
        if self.episodes < 1 or self.keep_every < 1 or self.episodes < self.keep_every:
            raise InputError(
                f"episodes = {self.episodes} and keep_every = {self.keep_every} must be at least 1,"
                " and keep_every no more than episodes"
            )
        for name in ("first_epsilon", "last_epsilon", "random_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InputError(f"{name} = {getattr(self, name)} must be in [0, 1]")


def collect_q_learning(
    room_name: str,
    tasks: NDArray[np.float64],
    *,
    histories_per_task: int,
    seed: int,
    settings: QLearning | None = None,
) -> Histories:
    """Learning histories of independent runs of Q-learning.

    Args:
        room_name: a name from :data:`~eyas.envs.dark.rules.ROOMS`.
        tasks: shape ``(tasks, dimension)``.
        histories_per_task: runs on each.
        seed: every run's stream is derived from it.
        settings: of the learner.

    Raises:
        InputError: an unknown room, no tasks or no histories.
    """
    settings = settings or QLearning()
    room = find_room(room_name)
    rows = np.atleast_2d(np.asarray(tasks, dtype=np.float64))
    if len(rows) == 0 or histories_per_task < 1:
        raise InputError(
            f"{len(rows)} tasks with {histories_per_task} histories each; both must be at least 1"
        )
    count = len(rows) * histories_per_task
    task_of = np.repeat(np.arange(len(rows)), histories_per_task)
    kept = settings.episodes // settings.keep_every
    length = kept * room.horizon
    states = np.random.SeedSequence(seed).generate_state(count, np.uint64).astype(np.uint64)
    random_count = round(settings.random_share * histories_per_task)
    place = np.tile(np.arange(histories_per_task), len(rows))
    random_only = place >= histories_per_task - random_count
    observations = np.empty((count, length, 2), dtype=np.int8)
    following = np.empty_like(observations)
    actions, optimal = np.empty((2, count, length), dtype=np.int8)
    rewards = np.empty((count, length), dtype=np.float32)
    run_q_learning(
        room.kind,
        room.size,
        room.horizon,
        np.array(room.start, dtype=np.int64),
        aims_of(room, rows)[task_of],
        states,
        random_only,
        settings.keep_every,
        kept,
        settings.learning_rate,
        settings.gamma,
        settings.first_epsilon,
        settings.last_epsilon,
        settings.initial_value,
        observations,
        actions,
        rewards,
        following,
        optimal,
    )
    ended = np.zeros((count, length), dtype=np.bool_)
    ended[:, room.horizon - 1 :: room.horizon] = True
    arrays: dict[str, NDArray[Any]] = {
        "observations": observations.reshape(-1, 2),
        "actions": actions.reshape(-1),
        "rewards": rewards.reshape(-1),
        "next_observations": following.reshape(-1, 2),
        "ended": ended.reshape(-1),
        "optimal_actions": optimal.reshape(-1),
        "offsets": np.arange(count + 1) * length,
        "task_of": task_of,
        "tasks": rows,
        "maximum_returns": maximum_returns(room, rows),
    }
    return Histories(
        arrays,
        {"name": "dark-room", "room": room_name},
        {"name": "q-learning", **asdict(settings)},
        {"seed": seed, "horizon": room.horizon, "random_histories": random_count},
    )


@kernel
def run_q_learning(
    kind: int,
    size: int,
    horizon: int,
    start: NDArray[np.int64],
    aims: NDArray[np.int64],
    random_state: NDArray[np.uint64],
    random_only: NDArray[np.bool_],
    keep_every: int,
    kept: int,
    learning_rate: float,
    gamma: float,
    first_epsilon: float,
    last_epsilon: float,
    initial_value: float,
    observations: NDArray[np.int8],
    actions: NDArray[np.int8],
    rewards: NDArray[np.float32],
    following: NDArray[np.int8],
    optimal: NDArray[np.int8],
) -> None:
    """Run every history; arrays as in :func:`collect_q_learning`, one row per history.

    The learner sees the stage (key taken or not) besides the cell; the history shows the cell alone.
    The end of an episode is its time limit, so values are bootstrapped across it.
    """
    state = np.zeros(3, dtype=np.int64)
    table = np.empty((3 * size * size, ACTIONS))
    episodes = kept * keep_every
    for run in range(len(aims)):
        table[:] = initial_value
        at = 0
        for episode in range(episodes):
            share = episode / max(episodes - 1, 1)
            epsilon = first_epsilon + share * (last_epsilon - first_epsilon)
            if random_only[run]:
                epsilon = 1.0
            keep = (episode + 1) % keep_every == 0
            state[0], state[1], state[2] = start[0], start[1], 0
            for _ in range(horizon):
                row = (state[2] * size + state[0]) * size + state[1]
                action = choose(table[row], epsilon, random_state, run)
                if keep:
                    observations[run, at, 0] = state[0]
                    observations[run, at, 1] = state[1]
                    optimal[run, at] = best_action(kind, size, aims[run], state)
                reward = move(kind, size, aims[run], state, action)
                following_row = (state[2] * size + state[0]) * size + state[1]
                target = reward + gamma * table[following_row].max()
                table[row, action] += learning_rate * (target - table[row, action])
                if keep:
                    actions[run, at] = action
                    rewards[run, at] = reward
                    following[run, at, 0] = state[0]
                    following[run, at, 1] = state[1]
                    at += 1


@kernel
def choose(
    values: NDArray[np.float64], epsilon: float, random_state: NDArray[np.uint64], run: int
) -> int:
    """An epsilon-greedy action; ties are broken at random."""
    if uniform(random_state, run, 0.0, 1.0) < epsilon:
        return integer(random_state, run, 0, ACTIONS)
    best = values.max()
    ties = 0
    chosen = 0
    for action in range(ACTIONS):
        if values[action] == best:
            ties += 1
            if integer(random_state, run, 0, ties) == 0:
                chosen = action
    return chosen
