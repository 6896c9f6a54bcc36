"""The compiled calls of the quadrotor world: step, reset, privileged view."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..jit import inner, kernel
from ..random import integer, random_bits, uniform
from .airframe import GRAVITY
from .dynamics import AIRFRAME_ROWS, INVERSE_MASS, THRUST_0, THRUST_1, THRUST_2, put_three
from .flight import (
    LARGEST_ACTION,
    POSITION_CLIP,
    SEES_ERRORS,
    VELOCITY_CLIP,
    Block,
    add_noise,
    delay,
    fly,
    follow,
    noise_kind,
    observe,
    sense,
    wander,
)
from .lane_random import normal_pair
from .lanes import LANES
from .layout import (
    ACCELERATION,
    ACTION,
    ACTION_DELAY,
    AGE,
    COMMAND,
    ENDED,
    FADING,
    LANGEVIN,
    LAST_ACTION,
    MOVING,
    NOISE,
    OBSERVATION_DELAY,
    OBSERVED,
    POSITION_LIMIT,
    POWER,
    REFERENCE,
    REWARD,
    SCRATCH_ROWS,
    SENSED,
    SHOWN_ACTION,
    STATE,
    TEACHER_SIZE,
    VEHICLE_ACCELERATION,
    VEHICLE_ACTION_DELAY,
    VEHICLE_FADING,
    VEHICLE_NOISE,
    VEHICLE_OBSERVATION_DELAY,
    VEHICLE_POSITION_LIMIT,
    VEHICLE_REACH,
    WAITING,
)
from .transpose import TILE, store_tile

F = np.float32
Blocks = NDArray[np.float32]
"""Shape ``(blocks, rows * LANES)``."""
Streams = NDArray[np.uint64]

# Entries of the array of a start, one float64 each.
GUIDANCE, REACH, ANGLE, VELOCITY, RATES, ROTOR_LOW, ROTOR_HIGH, AT_HOVER, MOVES = range(9)
START = 9


@inner
def _take_actions(actions: NDArray[np.float32], first: int, largest: float, scratch: Block) -> None:
    """Rows of actions into lanes, undelayed for now; NaN from a policy that has diverged becomes 0."""
    for lane in range(min(LANES, actions.shape[0] - first)):
        for k in range(4):
            a = actions[first + lane, k]
            a = a if a == a else F(0)
            a = largest if a > largest else a
            a = -largest if a < -largest else a
            scratch[(ACTION + k) * LANES + lane] = a
            scratch[(COMMAND + k) * LANES + lane] = a


@inner
def _copy_rows(scratch: Block, rows: int, source: int, target: int) -> None:
    for i in range(rows * LANES):
        scratch[target * LANES + i] = scratch[source * LANES + i]


@inner
def _give_observations(scratch: Block, first: int, observations: NDArray[np.float32]) -> None:
    size = observations.shape[1]
    count = min(LANES, observations.shape[0] - first)
    whole = count - count % TILE
    for lane in range(0, whole, TILE):
        # Two tiles that overlap cover all columns.
        for column in (0, size - TILE):
            to = (first + lane) * size + column
            store_tile(scratch, (OBSERVED + column) * LANES + lane, observations, to, size)
    for lane in range(whole, count):
        for k in range(size):
            observations[first + lane, k] = scratch[(OBSERVED + k) * LANES + lane]


@kernel
def step(
    actions: NDArray[np.float32],
    rules: NDArray[np.float32],
    table: NDArray[np.float32],
    wanders: bool,
    noisy: bool,
    blocks: Blocks,
    queue: Blocks,
    past: Blocks,
    streams: Streams,
    observations: NDArray[np.float32],
    rewards: NDArray[np.float32],
    terminated: NDArray[np.bool_],
) -> None:
    """Advance all copies by one step.

    Writes observations, rewards and terminated, shape ``(num_envs, ...)``. ``table`` is a trajectory,
    or empty; ``queue`` and ``past`` have as many slots as the longest delays.
    """
    scratch = np.zeros(SCRATCH_ROWS * LANES, np.float32)
    for b in range(blocks.shape[0]):
        _step_block(
            b, actions, rules, table, wanders, noisy, blocks[b], queue[b], past[b],
            streams[b * LANES : (b + 1) * LANES], scratch, observations, rewards, terminated,
        )  # fmt: skip


@inner
def _step_block(
    b: int,
    actions: NDArray[np.float32],
    rules: NDArray[np.float32],
    table: NDArray[np.float32],
    wanders: bool,
    noisy: bool,
    block: Block,
    queue: Block,
    past: Block,
    streams: Streams,
    scratch: Block,
    observations: NDArray[np.float32],
    rewards: NDArray[np.float32],
    terminated: NDArray[np.bool_],
) -> None:
    first = b * LANES
    _take_actions(actions, first, rules[LARGEST_ACTION], scratch)
    if queue.size:
        _copy_rows(scratch, 4, ACTION, WAITING)
        delay(block, scratch, queue, 4, ACTION_DELAY, WAITING, COMMAND)
    fly(block, scratch, rules)
    if wanders:
        wander(block, streams)
    elif table.shape[0]:
        follow(block, table)
    observe(block, scratch, rules)
    # The teacher's view is the truth.
    if observations.shape[1] < TEACHER_SIZE:
        if past.size:
            _copy_rows(scratch, SENSED, OBSERVED, WAITING)
            delay(block, scratch, past, SENSED, OBSERVATION_DELAY, WAITING, OBSERVED)
        if noisy:
            add_noise(block, scratch, streams)
    _give_observations(scratch, first, observations)
    for lane in range(min(LANES, rewards.size - first)):
        rewards[first + lane] = scratch[REWARD * LANES + lane]
        terminated[first + lane] = scratch[ENDED * LANES + lane] != F(0)


@kernel
def reset(
    copies: NDArray[np.int64],
    chosen: NDArray[np.int64],
    vehicles: NDArray[np.float32],
    start: NDArray[np.float64],
    rules: NDArray[np.float32],
    table: NDArray[np.float32],
    noisy: bool,
    blocks: Blocks,
    queue: Blocks,
    past: Blocks,
    streams: Streams,
    observations: NDArray[np.float32],
) -> None:
    """Start new episodes in these copies; writes their observations.

    ``chosen`` has each one's row of ``vehicles``; where it is -1, one is drawn and written there. A copy's
    numbers come from its stream alone.
    """
    scratch = np.zeros(SCRATCH_ROWS * LANES, np.float32)
    for n in range(copies.size):
        i = copies[n]
        b, lane = i // LANES, i % LANES
        row = chosen[n]
        if row < 0:
            row = integer(streams, i, 0, vehicles.shape[0])
            chosen[n] = row
        _equip(lane, vehicles[row], blocks[b])
        _place(i, lane, vehicles[row], start, table, blocks[b], streams)
        _show(i, lane, rules, noisy, blocks[b], queue[b], past[b], scratch, streams, observations)


@inner
def _equip(lane: int, vehicle: NDArray[np.float32], block: Block) -> None:
    """Give a copy its airframe and conditions."""
    for k in range(AIRFRAME_ROWS):
        block[k * LANES + lane] = vehicle[k]
    for k in range(4):
        block[(NOISE + k) * LANES + lane] = vehicle[VEHICLE_NOISE + k]
        block[(FADING + k) * LANES + lane] = vehicle[VEHICLE_FADING + k]
        block[(POWER + k) * LANES + lane] = F(1)
    block[POSITION_LIMIT * LANES + lane] = vehicle[VEHICLE_POSITION_LIMIT]
    block[OBSERVATION_DELAY * LANES + lane] = vehicle[VEHICLE_OBSERVATION_DELAY]
    block[ACTION_DELAY * LANES + lane] = vehicle[VEHICLE_ACTION_DELAY]


@inner
def _place(
    i: int,
    lane: int,
    vehicle: NDArray[np.float32],
    start: NDArray[np.float64],
    table: NDArray[np.float32],
    block: Block,
    streams: Streams,
) -> None:
    """Draw a copy's initial state, reference and disturbance force."""
    guided = uniform(streams, i, 0.0, 1.0) < start[GUIDANCE]
    free = 0.0 if guided else 1.0
    reach = start[REACH] if start[REACH] >= 0 else float(vehicle[VEHICLE_REACH])
    on_table = table.shape[0] > 0
    for k in range(3):
        p_ref = table[0, k] if on_table else F(0)
        v_ref = table[0, 3 + k] if on_table else F(0)
        p = free * reach * uniform(streams, i, -1.0, 1.0)
        v = free * start[VELOCITY] * uniform(streams, i, -1.0, 1.0)
        w = free * start[RATES] * uniform(streams, i, -1.0, 1.0)
        block[(STATE + k) * LANES + lane] = p_ref + F(p)
        block[(STATE + 7 + k) * LANES + lane] = v_ref + F(v)
        block[(STATE + 10 + k) * LANES + lane] = w
        block[(REFERENCE + k) * LANES + lane] = p_ref
        block[(REFERENCE + 3 + k) * LANES + lane] = v_ref
        block[(LANGEVIN + k) * LANES + lane] = F(0)
        block[(LANGEVIN + 3 + k) * LANES + lane] = F(0)
    # An axis uniform on the sphere.
    height = uniform(streams, i, -1.0, 1.0)
    longitude = uniform(streams, i, 0.0, 2.0 * math.pi)
    half = 0.5 * free * start[ANGLE] * uniform(streams, i, 0.0, 1.0)
    sine, width = math.sin(half), math.sqrt(1.0 - height * height)
    block[(STATE + 3) * LANES + lane] = math.cos(half)
    block[(STATE + 4) * LANES + lane] = sine * width * math.cos(longitude)
    block[(STATE + 5) * LANES + lane] = sine * width * math.sin(longitude)
    block[(STATE + 6) * LANES + lane] = sine * height
    hover = _hover_speed(vehicle) if start[AT_HOVER] else 0.0
    for k in range(4):
        speed = uniform(streams, i, start[ROTOR_LOW], start[ROTOR_HIGH])
        speed = hover if start[AT_HOVER] else speed
        block[(STATE + 13 + k) * LANES + lane] = speed
        block[(SHOWN_ACTION + k) * LANES + lane] = 2.0 * speed - 1.0
        block[(LAST_ACTION + k) * LANES + lane] = F(0)
    block[MOVING * LANES + lane] = F(uniform(streams, i, 0.0, 1.0) < start[MOVES])
    block[AGE * LANES + lane] = F(0)
    deviation = vehicle[VEHICLE_ACCELERATION]
    x, y = normal_pair(random_bits(streams, i))
    z, _ = normal_pair(random_bits(streams, i))
    put_three(block, ACCELERATION, lane, (deviation * x, deviation * y, deviation * z))


@inner
def _hover_speed(vehicle: NDArray[np.float32]) -> float:
    """Common rotor speed at which all thrust is the weight."""
    c0, c1, c2 = 0.0, 0.0, 0.0
    for k in range(4):
        c0 += vehicle[THRUST_0 + k]
        c1 += vehicle[THRUST_1 + k]
        c2 += vehicle[THRUST_2 + k]
    c0 -= GRAVITY / vehicle[INVERSE_MASS]
    return -2.0 * c0 / (c1 + math.sqrt(c1 * c1 - 4.0 * c2 * c0))


@inner
def _show(
    i: int,
    lane: int,
    rules: NDArray[np.float32],
    noisy: bool,
    block: Block,
    queue: Block,
    past: Block,
    scratch: Block,
    streams: Streams,
    observations: NDArray[np.float32],
) -> None:
    """Write a copy's first observation; the delays begin as if it had always been there."""
    sense(block, scratch, lane, rules[SEES_ERRORS], rules[POSITION_CLIP], rules[VELOCITY_CLIP])
    for slot in range(past.size // (SENSED * LANES)):
        for k in range(SENSED):
            past[(SENSED * slot + k) * LANES + lane] = scratch[(OBSERVED + k) * LANES + lane]
    for slot in range(queue.size // (4 * LANES)):
        for k in range(4):
            queue[(4 * slot + k) * LANES + lane] = block[(SHOWN_ACTION + k) * LANES + lane]
    if noisy and observations.shape[1] < TEACHER_SIZE:
        for k in range(0, SENSED, 2):
            pair = normal_pair(random_bits(streams, i))
            for m in range(2):
                deviation = block[(NOISE + noise_kind(k + m)) * LANES + lane]
                scratch[(OBSERVED + k + m) * LANES + lane] += deviation * pair[m]
    for k in range(observations.shape[1]):
        observations[i, k] = scratch[(OBSERVED + k) * LANES + lane]


@kernel
def look(blocks: Blocks, rules: NDArray[np.float32], observations: NDArray[np.float32]) -> None:
    """Write what the copies would observe now, without noise or delay."""
    scratch = np.zeros(SCRATCH_ROWS * LANES, np.float32)
    for i in range(observations.shape[0]):
        b, lane = i // LANES, i % LANES
        sense(blocks[b], scratch, lane, rules[SEES_ERRORS], rules[POSITION_CLIP], rules[VELOCITY_CLIP])
        for k in range(observations.shape[1]):
            observations[i, k] = scratch[(OBSERVED + k) * LANES + lane]
