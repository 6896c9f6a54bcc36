"""Training of a stack of teachers, and of the base network that they start from.

Every teacher has a block of 128 vehicles of its own airframe. They fly windows of some steps; every
window yields the exact derivative of each teacher's cost (see :mod:`~.teacher_window`) and one step of
Adam for each. There is no critic: the last state of a window counts more than once instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.quadrotor.distribution import RaptorSample, raptor_airframes
from ...envs.quadrotor.dynamics import (
    ACCELERATION,
    LINEAR_VELOCITY,
    ORIENTATION,
    POSITION,
    POWER,
    ROTOR_SPEED,
    STATE_ROWS,
    pack,
)
from ...envs.quadrotor.lanes import LANES
from .teacher_flight import (
    EPISODE_STEPS,
    LENGTH,
    MOVING,
    NOISE_PER_STEP,
    POSITION_COUNT,
    POSITION_LIMIT,
    POSITION_SUM,
    RESULT_ROWS,
    RETURN,
    TOLD,
    empty_fleet,
    fly_episodes,
)
from .teacher_network import (
    BASE_INPUTS,
    FEATURES,
    TEACHER_INPUTS,
    fold,
    initial_parameters,
    layout,
)
from .teacher_window import CostWeights, descend, empty_tape, fly_window
from .teachers_config import TeacherCostConfig, TeacherTrainingConfig

Array = NDArray[np.float32]
Float = NDArray[np.float64]

_NOISE_TABLE = 1 << 20
DEFAULT_REACH = 0.5
"""RAPTOR's distillation starts episodes within this many metres of the origin, along every axis."""


class Scores(NamedTuple):
    """Results of some episodes of each teacher, one row per teacher."""

    returns: Float
    """Mean return."""
    terminated: Float
    """Share that ended early."""
    offsets: Float
    """Mean position over the second half of the episodes whose reference rests (m), shape (count, 3)."""


class Vehicles:
    """The fleet of a stack of teachers and what its episodes start from.

    Args:
        sample: airframes, one per lane or one per block of :data:`~.lanes.LANES`.
        rng: where the numbers come from.
        noise: a table of standard normal numbers.
    """

    def __init__(self, sample: RaptorSample, rng: np.random.Generator, noise: Array) -> None:
        self.rng, self.noise = rng, noise
        frames = sample.airframes
        blocks = len(frames) // LANES
        self.count = len(frames)
        self.fleet = empty_fleet(blocks)
        everybody = np.arange(self.count)
        _put(self.fleet.airframes, everybody, 0, pack(frames))
        _put(self.fleet.conditions, everybody, POSITION_LIMIT, sample.position_threshold[None])
        _put(self.fleet.conditions, everybody, TOLD, features(sample).T)
        _put(self.fleet.loads, everybody, POWER, np.ones((4, self.count)))
        self.force = sample.disturbance_force_std / frames.mass
        self.reach = sample.max_position
        self.left = np.zeros(self.count, np.int64)

    def begin(self, vehicles: NDArray[np.int64], reach: Float) -> None:
        """Start episodes as RAPTOR does, within ``reach`` (m) of the origin."""
        count, rng = len(vehicles), self.rng
        states = np.zeros((STATE_ROWS, count))
        free = rng.random(count) >= 0.1
        states[POSITION : POSITION + 3] = rng.uniform(-1, 1, (3, count)) * reach * free
        axis = rng.normal(size=(3, count))
        axis /= np.linalg.norm(axis, axis=0)
        half = 0.5 * rng.uniform(0, 1, count) * free
        states[ORIENTATION] = np.cos(half)
        states[ORIENTATION + 1 : ORIENTATION + 4] = np.sin(half) * axis
        states[LINEAR_VELOCITY:ROTOR_SPEED] = rng.uniform(-1, 1, (6, count)) * free
        states[ROTOR_SPEED:] = rng.uniform(0, 0.5, (4, count))
        force = rng.normal(size=(3, count)) * self.force[vehicles]
        moving = rng.random(count) < 0.5
        fleet = self.fleet
        _put(fleet.states, vehicles, 0, states)
        _put(fleet.actions, vehicles, 0, 2 * states[ROTOR_SPEED:] - 1)
        _put(fleet.references, vehicles, 0, np.zeros((fleet.references.shape[1] // LANES, count)))
        _put(fleet.conditions, vehicles, MOVING, moving[None].astype(np.float64))
        _put(fleet.loads, vehicles, ACCELERATION, force)

    def begin_due(self, training: TeacherTrainingConfig) -> None:
        """Start new episodes for the vehicles whose episode is over or left RAPTOR's limits."""
        due = np.flatnonzero((self.left <= 0) | (self.fleet.ended.ravel() > 0))
        if not due.size:
            return
        wide = self.rng.random(due.size) < training.wide_starts
        self.begin(due, np.where(wide, self.reach[due], DEFAULT_REACH))
        self.left[due] = self.rng.integers(training.horizon, training.episode_steps + 1, due.size)

    def offsets(self, steps: int) -> NDArray[np.int64]:
        """Random places in the table of noise for each block and step."""
        last = len(self.noise) - NOISE_PER_STEP
        return self.rng.integers(0, last, (len(self.fleet.states), steps))


def noise_table() -> Array:
    """The table that all random references read; drawing every number anew would cost more than flying."""
    return np.random.default_rng(0).standard_normal(_NOISE_TABLE).astype(np.float32)


def features(sample: RaptorSample) -> Float:
    """What the base network is told of the airframes: numbers of size 1, shape ``(count, FEATURES)``."""
    frames = sample.airframes
    yaw = frames.torque_constants[:, 0] * frames.thrust_coefficients[:, 0].sum(axis=1)
    columns = [
        (frames.thrust_to_weight - 3.25) / 1.75,
        (frames.hover_throttle - 0.55) / 0.15,
        (frames.torque_to_inertia - 620) / 580,
        np.log(frames.torque_to_inertia / 250),
        np.log(yaw / frames.inertia[:, 2] / 150),
        (frames.rising_time_constants[:, 0] - 0.065) / 0.035,
        (frames.falling_time_constants[:, 0] - 0.165) / 0.135,
        np.log(sample.position_threshold / 2),
    ]
    assert len(columns) == FEATURES
    return np.stack(columns, axis=1)


def repeat(sample: RaptorSample) -> RaptorSample:
    """A block of vehicles for each airframe."""
    return take(sample, np.repeat(np.arange(len(sample.airframes)), LANES))


def take(sample: RaptorSample, rows: NDArray[np.int64]) -> RaptorSample:
    """Some rows of a sample."""
    return RaptorSample(
        airframes=sample.airframes.select(rows),
        disturbance_force_std=sample.disturbance_force_std[rows],
        position_threshold=sample.position_threshold[rows],
        max_position=sample.max_position[rows],
    )


def train_stack(
    flat: Array,
    vehicles: Vehicles,
    training: TeacherTrainingConfig,
    updates: int,
    on_update: Callable[[int, float], None] | None = None,
) -> None:
    """Train networks in place.

    Args:
        flat: flat vectors, one per block of vehicles, or a single one for all of them.
        vehicles: who flies.
        training: how.
        updates: steps of Adam.
        on_update: called with the number of updates done and the mean cost.
    """
    inputs = BASE_INPUTS if flat.shape[1] == layout(BASE_INPUTS).size else TEACHER_INPUTS
    at = layout(inputs)
    blocks = len(vehicles.fleet.states)
    gradients = np.zeros((blocks, at.size), np.float32)
    moments = np.zeros((2, *flat.shape), np.float32)
    tape = empty_tape(training.horizon, inputs)
    weights = _cost_weights(training.cost)
    for update in range(updates):
        vehicles.begin_due(training)
        fly_window(
            flat,
            at,
            vehicles.fleet,
            training.horizon,
            vehicles.noise,
            vehicles.offsets(training.horizon),
            weights,
            tape,
            gradients,
        )
        vehicles.left -= training.horizon
        part = gradients if len(flat) > 1 else gradients.mean(axis=0, keepdims=True)
        rate = _learning_rate(training, update / updates)
        descend(flat, part, moments[0], moments[1], update + 1, rate, training.gradient_clip)
        if on_update is not None:
            on_update(update + 1, float(vehicles.fleet.costs.mean()))


def _learning_rate(training: TeacherTrainingConfig, done: float) -> float:
    return training.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def _cost_weights(cost: TeacherCostConfig) -> CostWeights:
    return CostWeights(**{name: np.float32(getattr(cost, name)) for name in CostWeights._fields})


def score_stack(flat: Array, vehicles: Vehicles, reach: Float) -> Scores:
    """Fly one episode of RAPTOR's per vehicle, started within ``reach`` (m, one per vehicle)."""
    inputs = BASE_INPUTS if flat.shape[1] == layout(BASE_INPUTS).size else TEACHER_INPUTS
    blocks = len(vehicles.fleet.states)
    results = np.zeros((blocks, RESULT_ROWS * LANES), np.float32)
    vehicles.begin(np.arange(vehicles.count), reach)
    fly_episodes(
        flat,
        layout(inputs),
        vehicles.fleet,
        vehicles.noise,
        vehicles.offsets(EPISODE_STEPS),
        np.zeros(inputs * LANES, np.float32),
        results,
    )
    rows = results.reshape(blocks, RESULT_ROWS, LANES).astype(np.float64)
    conditions = vehicles.fleet.conditions.reshape(blocks, -1, LANES)
    ended = (rows[:, LENGTH] < EPISODE_STEPS) | (vehicles.fleet.ended.reshape(blocks, LANES) > 0)
    resting = conditions[:, MOVING] == 0
    sums = (rows[:, POSITION_SUM : POSITION_SUM + 3] * resting[:, None]).sum(axis=2)
    counts = (rows[:, POSITION_COUNT] * resting).sum(axis=1)
    return Scores(
        returns=rows[:, RETURN].mean(axis=1),
        terminated=ended.mean(axis=1),
        offsets=sums / np.maximum(counts, 1)[:, None],
    )


def train_base(
    training: TeacherTrainingConfig,
    seed: int,
    updates: int,
    on_update: Callable[[int, float], None] | None = None,
) -> Array:
    """A network that flies all airframes and is told which one; a flat vector of ``BASE_INPUTS``."""
    rng = np.random.default_rng([seed, 1 << 32])
    sample = raptor_airframes(rng, training.base_blocks * LANES)
    vehicles = Vehicles(sample, rng, noise_table())
    flat = initial_parameters(BASE_INPUTS, 1, sample.airframes.hover_throttle.mean(keepdims=True), rng)
    train_stack(flat, vehicles, training, updates, on_update)
    return flat[0]


def start_teachers(sample: RaptorSample, base: Array | None, rng: np.random.Generator) -> Array:
    """Flat vectors of fresh teachers: folded from the base network, or random without one."""
    if base is not None:
        return fold(base, features(sample))
    frames = sample.airframes
    return initial_parameters(TEACHER_INPUTS, len(frames), frames.hover_throttle, rng)


def _put(
    blocks: Array, vehicles: NDArray[np.int64], first_row: int, rows: NDArray[np.floating]
) -> None:
    """Write columns of values, ``(rows, vehicles)``, into their lanes from a row on."""
    view = blocks.reshape(len(blocks), -1, LANES)[:, first_row : first_row + len(rows)]
    view[vehicles // LANES, :, vehicles % LANES] = rows.T
