"""A policy plays one episode on each of some tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..envs.batch import BatchEnv
from ..errors import InputError
from ..policies.policy import Policy


class Played(NamedTuple):
    """One episode on each task, in the order of the tasks."""

    returns: NDArray[np.float64]
    """Undiscounted returns, shape ``(tasks,)``."""
    lengths: NDArray[np.int64]
    """Steps, shape ``(tasks,)``."""


def play(
    make_batch: Callable[[int], BatchEnv],
    policy: Policy,
    tasks: ArrayLike,
    *,
    seed: int,
    copies: int = 256,
) -> Played:
    """Play one episode with the deterministic policy on each task.

    A task's episode depends on the task, its row number, ``seed`` and ``copies`` only: the same call
    gives the same episodes.

    Args:
        make_batch: builds a world of so many copies.
        policy: reads that world's observations.
        tasks: shape ``(tasks, dimension)``.
        seed: of the world's random streams.
        copies: how many to play side by side, at most.

    Raises:
        InputError: the policy does not fit the world, or a task is not in its space.
    """
    rows = np.asarray(tasks, dtype=np.float64)
    returns = np.zeros(len(rows))
    lengths = np.zeros(len(rows), dtype=np.int64)
    for block, first in enumerate(range(0, len(rows), copies)):
        part = rows[first : first + copies]
        batch = make_batch(len(part))
        seeds = np.random.SeedSequence([seed, block]).generate_state(1, dtype=np.uint64)
        played = play_batch(batch, policy, part, seed=int(seeds[0]))
        returns[first : first + len(part)] = played.returns
        lengths[first : first + len(part)] = played.lengths
    return Played(returns, lengths)


def play_batch(batch: BatchEnv, policy: Policy, tasks: ArrayLike, *, seed: int) -> Played:
    """Like :func:`play`, with one task for each copy of a batch there is already."""
    check_fit(batch, policy)
    returns = np.zeros(batch.num_envs)
    lengths = np.zeros(batch.num_envs, dtype=np.int64)
    waiting = np.ones(batch.num_envs, dtype=np.bool_)
    observations = batch.reset(seed=seed, tasks=tasks)
    while waiting.any():
        observations, _, _, _, episodes = batch.step(policy(observations))
        if episodes is None:
            continue
        first = waiting[episodes.copies]
        copies = episodes.copies[first]
        returns[copies] = episodes.returns[first]
        lengths[copies] = episodes.lengths[first]
        waiting[copies] = False
    return Played(returns, lengths)


def film(
    make_batch: Callable[[int], BatchEnv],
    policy: Policy,
    task: ArrayLike,
    *,
    seed: int,
    every: int = 1,
    frames: int = 1000,
) -> tuple[list[NDArray[np.uint8]], float]:
    """Pictures of one episode, and its return.

    Args:
        make_batch: builds a world of so many copies.
        policy: reads that world's observations.
        task: shape ``(dimension,)``.
        seed: of the world's random streams.
        every: a picture every so many steps.
        frames: pictures at most; the episode is still played to its end.

    Returns:
        pictures of shape ``(height, width, 3)``, and the undiscounted return.
    """
    batch = make_batch(1)
    check_fit(batch, policy)
    observations = batch.reset(seed=seed, tasks=task)
    pictures = [batch.render_copy(0)]
    step = 0
    while True:
        observations, _, _, _, episodes = batch.step(policy(observations), autoreset=False)
        step += 1
        if (step % every == 0 or episodes is not None) and len(pictures) < frames:
            pictures.append(batch.render_copy(0))
        if episodes is not None:
            return pictures, float(episodes.returns[0])


def check_fit(batch: BatchEnv, policy: Policy) -> None:
    """Refuse a policy that does not fit a world.

    Raises:
        InputError: names the sizes that differ.
    """
    world = (batch.observation_space.shape[0], batch.action_space.shape[0])
    sizes: Sequence[int] = (policy.observation_size, policy.action_size)
    if tuple(sizes) != world:
        raise InputError(
            f"the policy maps {sizes[0]} observations to {sizes[1]} actions, the world has {world[0]} and {world[1]}"
        )
