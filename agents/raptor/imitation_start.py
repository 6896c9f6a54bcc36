"""Placing vehicles for an epoch of imitation: who flies with which noise, from where, along what."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...envs.quadrotor import kernels
from ...envs.quadrotor.distribution import NOISE_SIGMAS, ideal_conditions
from ...envs.quadrotor.dynamics import LINEAR_VELOCITY, POSITION
from ...envs.quadrotor.episode import LIMITS, REWARDS, STARTS, rules_array
from ...envs.quadrotor.lanes import LANES
from ...envs.quadrotor.layout import (
    MOVING,
    REFERENCE,
    STATE,
    VEHICLE_NOISE,
    VEHICLE_OBSERVATION_DELAY,
    VEHICLE_POSITION_LIMIT,
    VEHICLE_REACH,
)
from ...envs.quadrotor.vehicles import vehicle_table
from .fleet import AMPLITUDE, COSINE, REFERENCE_ROWS, SINE, SPEED
from .imitation_config import Recipe
from .imitation_flight import CURVED, Flights
from .lane_teacher import GROUP, GROUPS
from .scenarios import draw_references
from .teacher_set import Teachers

Array = NDArray[np.float32]


def groups_per_teacher(recipe: Recipe) -> int:
    """Groups of lanes that a teacher's episodes take."""
    return -(-recipe.episodes // GROUP)


def blocks_needed(recipe: Recipe, teachers: int) -> int:
    """Blocks that this many teachers' episodes take."""
    return -(-teachers * groups_per_teacher(recipe) // GROUPS)


def flight_rules(recipe: Recipe) -> Array:
    """RAPTOR's reward and limits; these follow the reference where the student does."""
    limits = LIMITS["relative" if recipe.errors else "raptor"]
    return rules_array(REWARDS["raptor"], limits, True, None, recipe.clip_actions)


def vehicles_of(teachers: Teachers) -> Array:
    """One row of the world's table of vehicles per teacher."""
    count = len(teachers)
    table = vehicle_table(teachers.airframes, ideal_conditions(count, teachers.disturbance_force_std))
    table[:, VEHICLE_POSITION_LIMIT] = teachers.position_threshold
    table[:, VEHICLE_REACH] = teachers.max_position
    return table


def place(
    flights: Flights,
    chosen: NDArray[np.int64],
    vehicles: Array,
    offsets: NDArray[np.float64],
    initial_hidden: Array,
    recipe: Recipe,
    rng: np.random.Generator,
) -> None:
    """Put the vehicles of some teachers at the start of their episodes.

    Episode ``j`` of the ``i``-th chosen teacher is recorded as number ``i * recipe.episodes + j``.

    Args:
        flights: overwritten.
        chosen: the teachers, one row each; a teacher may come more than once.
        vehicles: rows of all teachers.
        offsets: of all teachers (m), shape ``(count, 3)``.
        initial_hidden: the student's memory at the start.
        recipe: how to draw.
        rng: where the numbers come from.
    """
    per, blocks = groups_per_teacher(recipe), len(flights.blocks)
    owners = np.zeros(blocks * GROUPS, np.int64)
    owners[: len(chosen) * per] = np.repeat(chosen, per)
    flights.teachers[:] = owners.reshape(blocks, GROUPS)
    _number_records(flights, len(chosen), recipe.episodes, per)
    flights.flying[:] = flights.records >= 0
    flights.returns[:], flights.lengths[:] = 0, 0
    flights.streams[:] = rng.integers(0, 2**64, flights.streams.shape, dtype=np.uint64)
    flights.hidden.reshape(blocks, -1, LANES)[:] = initial_hidden[:, None]

    count = blocks * LANES
    owner = np.repeat(owners, GROUP)
    rows = vehicles[owner]
    if recipe.noise:
        level = np.maximum(0.0, rng.uniform(-0.5 * recipe.noise, recipe.noise, count))
        rows[:, VEHICLE_NOISE : VEHICLE_NOISE + 4] = level[:, None] * np.array(NOISE_SIGMAS)
    shares = np.array(recipe.delay) / sum(recipe.delay)
    rows[:, VEHICLE_OBSERVATION_DELAY] = rng.choice(len(shares), size=count, p=shares)
    subtracted = offsets[owner] if recipe.offsets else np.zeros((count, 3))
    _lanes(flights.offsets)[:] = _split(subtracted.T, blocks)

    hovering = rng.random(count) < recipe.hover
    for name, some in (("raptor", ~hovering), ("hover", hovering)):
        copies = np.flatnonzero(some)
        kernels.reset(
            copies,
            copies.copy(),
            rows,
            STARTS[name].as_array(0.0),
            flight_rules(recipe),
            np.zeros((0, 6), np.float32),
            False,
            flights.blocks,
            np.zeros((blocks, 0), np.float32),
            flights.past,
            flights.streams.reshape(-1),
            np.zeros((count, 0), np.float32),
        )
    kind = rng.random(count)
    wandering = kind < recipe.wandering
    _lanes(flights.blocks)[:, MOVING] = wandering.reshape(blocks, LANES)
    curved = ~wandering & (kind < recipe.wandering + recipe.curves)
    _curve(flights, curved, rng)


def _number_records(flights: Flights, teachers: int, episodes: int, per: int) -> None:
    numbers = np.full((teachers, per * GROUP), -1, np.int64)
    numbers[:, :episodes] = np.arange(teachers * episodes).reshape(teachers, episodes)
    flights.records[:] = -1
    flights.records.reshape(-1)[: numbers.size] = numbers.reshape(-1)


def _curve(flights: Flights, curved: NDArray[np.bool_], rng: np.random.Generator) -> None:
    """Let some vehicles follow curves; their starts move along with the curve's."""
    blocks = len(flights.blocks)
    rows = np.zeros((CURVED + 1, len(curved)))
    rows[:REFERENCE_ROWS] = draw_references(rng, len(curved), curved)
    rows[CURVED] = curved
    _lanes(flights.curves)[:] = _split(rows, blocks)
    position = curved * rows[AMPLITUDE : AMPLITUDE + 3] * rows[SINE : SINE + 3]
    velocity = curved * rows[SPEED : SPEED + 3] * rows[COSINE : COSINE + 3]
    lanes = _lanes(flights.blocks)
    for row, values in ((POSITION, position), (LINEAR_VELOCITY, velocity)):
        lanes[:, STATE + row : STATE + row + 3] += _split(values, blocks)
    reference = np.concatenate([position, velocity])
    lanes[:, REFERENCE : REFERENCE + 6] += _split(reference, blocks)


def _lanes(blocks: Array) -> Array:
    """A view of blocks, shape ``(blocks, rows, LANES)``."""
    return blocks.reshape(len(blocks), -1, LANES)


def _split(rows: NDArray[np.float64], blocks: int) -> Array:
    """Rows of all copies, ``(rows, count)``, as ``(blocks, rows, LANES)``."""
    return rows.reshape(len(rows), blocks, LANES).transpose(1, 0, 2).astype(np.float32)
