"""What the vehicles of a training fleet are and what they are asked to do.

Every vehicle flies one scenario after the other. A scenario is an airframe from a pool, the state of its
sensors and motors, a start, and a reference that stands still or moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...envs.quadrotor.airframe import Airframes
from ...envs.quadrotor.distribution import NOISE_SIGMAS, raptor_airframes, wide_airframes
from ...envs.quadrotor.dynamics import (
    ACCELERATION,
    ANGULAR_VELOCITY,
    LINEAR_VELOCITY,
    ORIENTATION,
    POSITION,
    POWER,
    ROTOR_SPEED,
    STATE_ROWS,
    pack,
)
from ...envs.quadrotor.lanes import LANES
from .fleet import (
    AMPLITUDE,
    CONDITION_ROWS,
    COSINE,
    DELAY,
    LIMIT_WEIGHT,
    LONGEST_DELAY,
    NOISE,
    POSITION_CLIP,
    POSITION_LIMIT,
    REFERENCE_ROWS,
    SINE,
    SPEED,
    SPEED_LIMIT,
    STEP_COSINE,
    STEP_SINE,
    VELOCITY_CLIP,
    WEIGHT,
    Fleet,
)
from .scenario_config import ScenarioConfig

Array = NDArray[np.float64]

_UNCLIPPED = 1e3
_REACH, _SPEED = 0.5, 1.0  # what a flight controller passes on of an error at most (m, m/s)


@dataclass(frozen=True)
class Pool:
    """Airframes to fly, with what their scenarios need."""

    airframes: Airframes
    rows: NDArray[np.float32]
    """As the equations read them, ``(rows, count)``."""
    hover: Array
    """Rotor speed at hover."""
    force_std: Array
    """Disturbance force per axis (N)."""
    position_threshold: Array
    """m."""
    weight: Array
    """How often each is to be drawn, adds up to 1."""

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Members, by weight."""
        return np.searchsorted(np.cumsum(self.weight)[:-1], rng.random(count)).astype(np.int64)

    def __len__(self) -> int:
        return len(self.hover)


def draw_pool(rng: np.random.Generator, count: int, config: ScenarioConfig) -> Pool:
    """Draw airframes, the configured share of them from the wide distribution."""
    wide_count = round(config.wide * count)
    parts, forces, thresholds = [], [], []
    if count > wide_count:
        sample = raptor_airframes(rng, count - wide_count)
        parts.append(sample.airframes)
        forces.append(sample.disturbance_force_std)
        thresholds.append(sample.position_threshold)
    if wide_count:
        others = wide_airframes(rng, wide_count)
        parts.append(others)
        spare = others.mass * np.minimum(others.thrust_to_weight - 1, 4)
        forces.append(0.3 * rng.uniform(0, 1, wide_count) * spare)
        thresholds.append(20 * others.rotor_distance)
    airframes = Airframes.concatenate(parts)
    weight = np.maximum(600 / airframes.torque_to_inertia, 1) ** config.hard
    return Pool(
        airframes=airframes,
        rows=pack(airframes),
        hover=airframes.hover_throttle,
        force_std=np.concatenate(forces),
        position_threshold=np.concatenate(thresholds),
        weight=weight / weight.sum(),
    )


def begin(
    fleet: Fleet,
    vehicles: NDArray[np.int64],
    pool: Pool,
    members: NDArray[np.int64],
    initial_hidden: NDArray[np.float32],
    config: ScenarioConfig,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Start new scenarios for some vehicles of the fleet.

    Args:
        fleet: where they fly.
        vehicles: which of them.
        pool: where the airframes come from.
        members: each one's airframe.
        initial_hidden: the policy's memory at the start.
        config: how to draw.
        rng: where the numbers come from.

    Returns:
        How many steps each scenario lasts.
    """
    count = len(vehicles)
    hover = pool.hover[members]
    recovery = rng.random(count) < config.recovery
    resting = ~recovery & (rng.random(count) < config.hover)
    moving = ~recovery & (rng.random(count) < config.moving)
    clipped = ~recovery & (rng.random(count) < config.clipped)
    realistic = ~recovery | (rng.random(count) < 0.1)

    references = draw_references(rng, count, moving)
    states = _starts(rng, count, hover, resting, clipped)
    # Every second vehicle starts relative to the reference's own velocity.
    along = references[SPEED : SPEED + 3] * references[COSINE : COSINE + 3]
    states[LINEAR_VELOCITY : LINEAR_VELOCITY + 3] += along * (rng.random(count) < 0.5)
    states[POSITION : POSITION + 3] += (
        references[AMPLITUDE : AMPLITUDE + 3] * references[SINE : SINE + 3]
    )

    conditions = np.zeros((CONDITION_ROWS, count))
    level = realistic * np.maximum(0.0, rng.uniform(-0.5 * config.noise, config.noise, count))
    conditions[NOISE : NOISE + 4] = level * np.array(NOISE_SIGMAS)[:, None]
    chances = np.array(config.delay) / sum(config.delay)
    late = realistic * rng.choice(LONGEST_DELAY + 1, size=count, p=chances)
    conditions[DELAY + late, np.arange(count)] = 1
    conditions[POSITION_CLIP] = np.where(clipped, _REACH, _UNCLIPPED)
    conditions[VELOCITY_CLIP] = np.where(clipped, _SPEED, _UNCLIPPED)
    threshold = pool.position_threshold[members]
    conditions[POSITION_LIMIT] = np.where(recovery, 0.85, 0.7) * threshold
    conditions[SPEED_LIMIT] = np.where(recovery, 1.7, 1.5)
    conditions[LIMIT_WEIGHT] = np.where(recovery, config.recovery_limit_weight, 0.5)
    conditions[WEIGHT] = 1

    loads = np.zeros((POWER + 4, count))
    force = rng.normal(size=(3, count)) * pool.force_std[members]
    pushed = rng.random(count) < config.force
    loads[ACCELERATION : ACCELERATION + 3] = np.where(pushed, force, 0) / pool.airframes.mass[members]
    weak = rng.random(count) < 0.2
    power = rng.uniform(0.85, 1, count) * rng.uniform(0.97, 1, (4, count))
    # What can hardly hover at full power keeps it.
    weak &= pool.airframes.thrust_to_weight[members] > 1.6
    loads[POWER:] = np.where(weak, power, 1)

    _put(fleet.airframes, vehicles, pool.rows[:, members])
    _put(fleet.loads, vehicles, loads)
    _put(fleet.conditions, vehicles, conditions)
    _put(fleet.references, vehicles, references)
    _put(fleet.states, vehicles, states)
    _put(fleet.actions, vehicles, 2 * states[ROTOR_SPEED : ROTOR_SPEED + 4] - 1)
    _put(fleet.hidden, vehicles, np.repeat(initial_hidden[:, None], count, axis=1))
    _put(fleet.fresh, vehicles, np.ones((1, count)))
    _put(fleet.history, vehicles, np.tile(_at_rest(states, references, clipped), (LONGEST_DELAY, 1)))
    longer = np.where(rng.random(count) < 0.1, 3, 1)
    return np.where(recovery, rng.integers(200, 501, count), rng.integers(300, 1001, count) * longer)


def draw_references(rng: np.random.Generator, count: int, moving: NDArray[np.bool_]) -> Array:
    """Figure-eights and other Lissajous curves of up to 1.5 m/s per axis; or standing still."""
    rows = np.zeros((REFERENCE_ROWS, count))
    frequency = rng.uniform(0.4, 2.6, (3, count))
    speed = rng.uniform(0, 1.2, (3, count)) * np.array([[1], [1], [0.5]])
    amplitude = np.minimum(speed / frequency, 1.5)
    eight = rng.random(count) < 0.5
    period = rng.uniform(4.5, 12, count)
    frequency[0] = np.where(eight, 2 * np.pi / period, frequency[0])
    frequency[1] = np.where(eight, 4 * np.pi / period, frequency[1])
    amplitude[0] = np.where(eight, 1.0, amplitude[0])
    amplitude[1] = np.where(eight, 0.5, amplitude[1])
    amplitude[2] = np.where(eight, 0.0, amplitude[2])
    swap = (rng.random(count) < 0.5) & eight
    frequency[:2, swap], amplitude[:2, swap] = frequency[1::-1, swap], amplitude[1::-1, swap]
    amplitude *= moving
    phase = rng.uniform(0, 2 * np.pi, (3, count))
    phase[1] = np.where(eight, 2 * phase[0], phase[1])
    phase[:2, swap] = phase[1::-1, swap]
    step = frequency * 0.01
    rows[SINE : SINE + 3], rows[COSINE : COSINE + 3] = np.sin(phase), np.cos(phase)
    rows[STEP_SINE : STEP_SINE + 3], rows[STEP_COSINE : STEP_COSINE + 3] = np.sin(step), np.cos(step)
    rows[AMPLITUDE : AMPLITUDE + 3], rows[SPEED : SPEED + 3] = amplitude, amplitude * frequency
    return rows


def _starts(
    rng: np.random.Generator,
    count: int,
    hover: Array,
    resting: NDArray[np.bool_],
    clipped: NDArray[np.bool_],
) -> Array:
    """l2f's initial states, a tenth of them tilted further; or hovering on or beside the reference."""
    states = np.zeros((STATE_ROWS, count))
    reach = np.where(clipped & (rng.random(count) < 0.3), 1.0, 0.5)
    states[POSITION : POSITION + 3] = rng.uniform(-1, 1, (3, count)) * reach
    axis = rng.normal(size=(3, count))
    axis /= np.linalg.norm(axis, axis=0)
    angle = rng.uniform(0, 1, count) * np.where(rng.random(count) < 0.1, np.pi / 2, 1.0)
    states[LINEAR_VELOCITY : LINEAR_VELOCITY + 3] = rng.uniform(-1, 1, (3, count))
    states[ANGULAR_VELOCITY : ANGULAR_VELOCITY + 3] = rng.uniform(-1, 1, (3, count))
    states[ROTOR_SPEED : ROTOR_SPEED + 4] = rng.uniform(0, 0.5, (4, count))
    angle[resting] = 0
    states[LINEAR_VELOCITY:ROTOR_SPEED, resting] = 0
    states[ROTOR_SPEED:, resting] = hover[resting]
    states[POSITION : POSITION + 3, resting & (rng.random(count) < 0.6)] = 0
    states[ORIENTATION] = np.cos(angle / 2)
    states[ORIENTATION + 1 : ORIENTATION + 4] = np.sin(angle / 2) * axis
    return states


def _at_rest(states: Array, references: Array, clipped: NDArray[np.bool_]) -> Array:
    """What the sensors would have shown before the start, had the vehicle been as it is then."""
    error = states[POSITION : POSITION + 3]
    error = error - references[AMPLITUDE : AMPLITUDE + 3] * references[SINE : SINE + 3]
    drift = states[LINEAR_VELOCITY : LINEAR_VELOCITY + 3]
    drift = drift - references[SPEED : SPEED + 3] * references[COSINE : COSINE + 3]
    error = np.where(clipped, np.clip(error, -_REACH, _REACH), error)
    drift = np.where(clipped, np.clip(drift, -_SPEED, _SPEED), drift)
    w, x, y, z = states[ORIENTATION : ORIENTATION + 4]
    matrix = np.stack(
        [
            1 - 2 * (y * y + z * z),
            2 * (x * y - w * z),
            2 * (x * z + w * y),
            2 * (x * y + w * z),
            1 - 2 * (x * x + z * z),
            2 * (y * z - w * x),
            2 * (x * z - w * y),
            2 * (y * z + w * x),
            1 - 2 * (x * x + y * y),
        ]
    )
    rates = states[ANGULAR_VELOCITY : ANGULAR_VELOCITY + 3]
    return np.concatenate([error, matrix, drift, rates])


def _put(blocks: NDArray[np.float32], vehicles: NDArray[np.int64], rows: NDArray[np.floating]) -> None:
    """Write columns of values, ``(rows, vehicles)``, into their lanes."""
    view = blocks.reshape(len(blocks), -1, LANES)
    view[vehicles // LANES, :, vehicles % LANES] = rows.T
