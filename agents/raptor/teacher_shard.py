"""One shard: some teachers from their airframes to their returns, a unit of work that stands alone."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.quadrotor.distribution import RaptorSample, raptor_airframes
from .teacher_network import to_weights
from .teacher_set import Teachers
from .teacher_training import (
    DEFAULT_REACH,
    Vehicles,
    noise_table,
    repeat,
    score_stack,
    start_teachers,
    take,
    train_stack,
)
from .teachers_config import TeachersConfig


class ShardTask(NamedTuple):
    """What a worker has to know."""

    config: TeachersConfig
    shard: int
    base: NDArray[np.float32] | None
    """The base network's flat vector; None without warm starts."""


def shard_sample(config: TeachersConfig, shard: int) -> RaptorSample:
    """The airframes of a shard; they depend on the seed, the shard and its full size alone."""
    sample = raptor_airframes(np.random.default_rng([config.seed, shard]), config.shard)
    left = min(config.shard, config.count - shard * config.shard)
    return take(sample, np.arange(left))


def train_shard(task: ShardTask, on_update: Callable[[int, float], None] | None = None) -> Teachers:
    """Train and test the teachers of a shard.

    The result depends on the task alone, not on who else works.

    Args:
        task: what to do.
        on_update: called with the number of updates done and the mean cost.
    """
    config, shard = task.config, task.shard
    start = time.process_time()
    sample = shard_sample(config, shard)
    count = len(sample.airframes)
    rng = np.random.default_rng([config.seed, shard, 1])
    vehicles = Vehicles(repeat(sample), rng, noise_table())
    flat = start_teachers(sample, task.base, rng)
    train_stack(flat, vehicles, config.training, config.updates, on_update)
    # Other numbers than in training: new starts, forces and references.
    test = Vehicles(repeat(sample), np.random.default_rng([config.seed, shard, 2]), vehicles.noise)
    near = score_stack(flat, test, np.full(test.count, DEFAULT_REACH))
    wide = score_stack(flat, test, test.reach)
    first = shard * config.shard
    names = tuple(f"raptor-{config.seed}-{first + row}" for row in range(count))
    return Teachers(
        airframes=dataclasses.replace(sample.airframes, names=names),
        weights=to_weights(flat),
        disturbance_force_std=sample.disturbance_force_std,
        position_threshold=sample.position_threshold,
        max_position=sample.max_position,
        returns=near.returns,
        terminated=near.terminated,
        wide_returns=wide.returns,
        wide_terminated=wide.terminated,
        offsets=near.offsets,
        seconds=np.full(count, (time.process_time() - start) / count),
    )
