"""Loops over the lanes of a block that make one step of the world: reward, dynamics, reference, view.

Reward, references and observations are those of rl-tools' l2f (``environments/l2f``) with RAPTOR's
parameters; see ``docs/quadrotor.md``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .dynamics import (
    ANGULAR_VELOCITY,
    LINEAR_VELOCITY,
    ORIENTATION,
    POSITION,
    ROTOR_SPEED,
    TIME_STEP,
    clip,
    four,
    load_airframe,
    put_four,
    put_three,
    rotation,
    runge_kutta,
    three,
)
from .lane_random import advance_stream, normal_pair, stream_bits
from .lanes import LANES, lane_loop, lanewise
from .layout import (
    ACCELERATION,
    ACTION,
    AGE,
    COMMAND,
    ENDED,
    FADING,
    LANGEVIN,
    LAST_ACTION,
    MOVING,
    NOISE,
    OBSERVED,
    POSITION_LIMIT,
    POWER,
    REFERENCE,
    REWARD,
    SENSED,
    SHOWN_ACTION,
    STATE,
)

Block = NDArray[np.float32]
"""Flat block of rows, see :mod:`~eyas.envs.quadrotor.layout`."""

Three = tuple[float, float, float]
Four = tuple[float, float, float, float]

_ZERO, _HALF, _ONE, _TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
_NO_TORQUE = (_ZERO, _ZERO, _ZERO)
_LOST = np.float32(1e7)  # more than all clipped components together
LEAST_POWER = np.float32(0.3)
"""Rotors do not fade below this fraction of their thrust."""

# Entries of the array of rules, one float32 each.
CONSTANT, POSITION_COST, YAW_COST, VELOCITY_COST, RATE_COST, CHANGE_COST, ENDING = range(7)
VELOCITY_LIMIT, RATE_LIMIT, FOLLOWS, SEES_ERRORS, POSITION_CLIP, VELOCITY_CLIP, LARGEST_ACTION = range(
    7, 14
)
RULES = 14

# Langevin references (rl-tools, parameters/default.h): friction, stiffness, noise, low-pass filter.
_GAMMA_STEP, _OMEGA2_STEP = np.float32(1.0 * TIME_STEP), np.float32(2.0**2 * TIME_STEP)
_SIGMA_STEP = np.float32(0.5 * TIME_STEP**0.5)
_ALPHA, _KEEP, _STEP = np.float32(0.01), np.float32(0.99), np.float32(TIME_STEP)

# acos(x) = sqrt(1 - x) * polynomial in x for x in [0, 1] (Abramowitz and Stegun 4.4.46), to 2e-8.
_ARCCOSINE = tuple(
    np.float32(c)
    for c in (
        -0.0012624911, 0.0066700901, -0.0170881256, 0.0308918810,
        -0.0501743046, 0.0889789874, -0.2145988016, 1.5707963050,
    )
)  # fmt: skip


@lanewise
def yaw_angle(q_z: float) -> float:
    """l2f's orientation error, ``2 acos(1 - |q_z|)`` (rad)."""
    d = abs(q_z)
    d = _ONE if d > _ONE else d
    x = _ONE - d
    series = _ARCCOSINE[0]
    series = series * x + _ARCCOSINE[1]
    series = series * x + _ARCCOSINE[2]
    series = series * x + _ARCCOSINE[3]
    series = series * x + _ARCCOSINE[4]
    series = series * x + _ARCCOSINE[5]
    series = series * x + _ARCCOSINE[6]
    series = series * x + _ARCCOSINE[7]
    return _TWO * np.sqrt(d) * series


@lanewise
def _distance(a: Three, b: Three) -> float:
    x, y, z = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return np.sqrt(x * x + y * y + z * z)


@lanewise
def _three_if(sound: bool, a: Three) -> Three:
    return (
        a[0] if sound else _ZERO,
        a[1] if sound else _ZERO,
        a[2] if sound else _ZERO,
    )


@lanewise
def _turned_if(sound: bool, q: Four) -> Four:
    return (
        q[0] if sound else _ONE,
        q[1] if sound else _ZERO,
        q[2] if sound else _ZERO,
        q[3] if sound else _ZERO,
    )


@lane_loop
def fly(block: Block, scratch: Block, rules: Block) -> None:
    """Reward of the state and the action, then one step of the dynamics."""
    constant, position_cost, yaw_cost = rules[CONSTANT], rules[POSITION_COST], rules[YAW_COST]
    velocity_cost, rate_cost, change_cost = rules[VELOCITY_COST], rules[RATE_COST], rules[CHANGE_COST]
    for lane in range(LANES):
        p = three(block, STATE + POSITION, lane)
        q = four(block, STATE + ORIENTATION, lane)
        v = three(block, STATE + LINEAR_VELOCITY, lane)
        w = three(block, STATE + ANGULAR_VELOCITY, lane)
        r = four(block, STATE + ROTOR_SPEED, lane)
        action = four(scratch, ACTION, lane)
        last = four(block, LAST_ACTION, lane)
        c0, c1, c2, c3 = (
            action[0] - last[0],
            action[1] - last[1],
            action[2] - last[2],
            action[3] - last[3],
        )
        scratch[REWARD * LANES + lane] = constant - (
            position_cost * _distance(p, three(block, REFERENCE, lane))
            + yaw_cost * yaw_angle(q[3])
            + velocity_cost * _distance(v, three(block, REFERENCE + 3, lane))
            + rate_cost * _distance(w, _NO_TORQUE)
            + change_cost * np.sqrt(c0 * c0 + c1 * c1 + c2 * c2 + c3 * c3)
        )
        power = four(block, POWER, lane)
        p, q, v, w, r = runge_kutta(
            p,
            q,
            v,
            w,
            r,
            four(scratch, COMMAND, lane),
            load_airframe(block, lane),
            three(block, ACCELERATION, lane),
            _NO_TORQUE,
            power,
        )
        # Spinning faster than the step can follow ends in NaN, which must not reach a learner.
        lost = abs(p[0]) + abs(p[1]) + abs(p[2]) + abs(v[0]) + abs(v[1]) + abs(v[2])
        lost += abs(w[0]) + abs(w[1]) + abs(w[2])
        turned = q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]
        sound = (lost < _LOST) & (turned > _HALF)
        scratch[ENDED * LANES + lane] = _ZERO if sound else _ONE
        put_three(block, STATE + POSITION, lane, _three_if(sound, p))
        put_four(block, STATE + ORIENTATION, lane, _turned_if(sound, q))
        put_three(block, STATE + LINEAR_VELOCITY, lane, _three_if(sound, v))
        put_three(block, STATE + ANGULAR_VELOCITY, lane, _three_if(sound, w))
        put_four(block, STATE + ROTOR_SPEED, lane, r)
        put_four(block, LAST_ACTION, lane, action)
        put_four(block, SHOWN_ACTION, lane, action)
        fading = four(block, FADING, lane)
        faded = (
            clip(power[0] - fading[0], LEAST_POWER, _ONE),
            clip(power[1] - fading[1], LEAST_POWER, _ONE),
            clip(power[2] - fading[2], LEAST_POWER, _ONE),
            clip(power[3] - fading[3], LEAST_POWER, _ONE),
        )
        put_four(block, POWER, lane, faded)
        block[AGE * LANES + lane] += _ONE


@lanewise
def _langevin_axis(
    x: float, v: float, x_raw: float, v_raw: float, normal: float
) -> tuple[float, float, float, float]:
    v_raw += _SIGMA_STEP * normal - _GAMMA_STEP * v_raw - _OMEGA2_STEP * x_raw
    x_raw += v_raw * _STEP
    v = _ALPHA * v_raw + _KEEP * v
    return x + v * _STEP, v, x_raw, v_raw


@lane_loop
def wander(block: Block, streams: NDArray[np.uint64]) -> None:
    """Advance the Langevin references of the copies that have one."""
    for lane in range(LANES):
        moving = block[MOVING * LANES + lane]
        state = advance_stream(streams[lane])
        n0, n1 = normal_pair(stream_bits(state))
        state = advance_stream(state)
        n2, _ = normal_pair(stream_bits(state))
        streams[lane] = state
        x, v = three(block, REFERENCE, lane), three(block, REFERENCE + 3, lane)
        x_raw, v_raw = three(block, LANGEVIN, lane), three(block, LANGEVIN + 3, lane)
        a = _langevin_axis(x[0], v[0], x_raw[0], v_raw[0], moving * n0)
        b = _langevin_axis(x[1], v[1], x_raw[1], v_raw[1], moving * n1)
        c = _langevin_axis(x[2], v[2], x_raw[2], v_raw[2], moving * n2)
        put_three(block, REFERENCE, lane, (a[0], b[0], c[0]))
        put_three(block, REFERENCE + 3, lane, (a[1], b[1], c[1]))
        put_three(block, LANGEVIN, lane, (a[2], b[2], c[2]))
        put_three(block, LANGEVIN + 3, lane, (a[3], b[3], c[3]))


@lane_loop
def follow(block: Block, table: NDArray[np.float32]) -> None:
    """Take the references from a trajectory; ``table`` has a row (position, velocity) per step."""
    last = table.shape[0] - 1
    for lane in range(LANES):
        row = min(int(block[AGE * LANES + lane]), last)
        for k in range(6):
            block[(REFERENCE + k) * LANES + lane] = table[row, k]


@lanewise
def sense(
    block: Block, scratch: Block, lane: int, sees: float, p_clip: float, v_clip: float
) -> tuple[Three, Three, Three, Three, Three]:
    """Write what one copy observes, without noise or delay.

    Returns its position, linear and angular velocity, and the reference's position and velocity.

    ``sees`` is 1 where position and velocity are shown relative to the reference, else 0.
    """
    p = three(block, STATE + POSITION, lane)
    v = three(block, STATE + LINEAR_VELOCITY, lane)
    w = three(block, STATE + ANGULAR_VELOCITY, lane)
    p_ref, v_ref = three(block, REFERENCE, lane), three(block, REFERENCE + 3, lane)
    x, y, z = rotation(four(block, STATE + ORIENTATION, lane))
    seen_p = (
        clip(p[0] - sees * p_ref[0], -p_clip, p_clip),
        clip(p[1] - sees * p_ref[1], -p_clip, p_clip),
        clip(p[2] - sees * p_ref[2], -p_clip, p_clip),
    )
    seen_v = (
        clip(v[0] - sees * v_ref[0], -v_clip, v_clip),
        clip(v[1] - sees * v_ref[1], -v_clip, v_clip),
        clip(v[2] - sees * v_ref[2], -v_clip, v_clip),
    )
    r = four(block, STATE + ROTOR_SPEED, lane)
    put_three(scratch, OBSERVED, lane, seen_p)
    put_three(scratch, OBSERVED + 3, lane, x)
    put_three(scratch, OBSERVED + 6, lane, y)
    put_three(scratch, OBSERVED + 9, lane, z)
    put_three(scratch, OBSERVED + 12, lane, seen_v)
    put_three(scratch, OBSERVED + 15, lane, w)
    put_four(scratch, OBSERVED + SENSED, lane, four(block, SHOWN_ACTION, lane))
    rescaled = (_TWO * r[0] - _ONE, _TWO * r[1] - _ONE, _TWO * r[2] - _ONE, _TWO * r[3] - _ONE)
    put_four(scratch, OBSERVED + SENSED + 4, lane, rescaled)
    return p, v, w, p_ref, v_ref


@lanewise
def _within(a: Three, limit: float) -> bool:
    """Whether no component is larger; False for NaN."""
    return (abs(a[0]) <= limit) & (abs(a[1]) <= limit) & (abs(a[2]) <= limit)


@lane_loop
def observe(block: Block, scratch: Block, rules: Block) -> None:
    """Write the observations, and end the episodes that left their limits."""
    velocity_limit, rate_limit, follows = rules[VELOCITY_LIMIT], rules[RATE_LIMIT], rules[FOLLOWS]
    sees, p_clip, v_clip = rules[SEES_ERRORS], rules[POSITION_CLIP], rules[VELOCITY_CLIP]
    ending = rules[ENDING]
    for lane in range(LANES):
        p, v, w, p_ref, v_ref = sense(block, scratch, lane, sees, p_clip, v_clip)
        e = p[0] - follows * p_ref[0], p[1] - follows * p_ref[1], p[2] - follows * p_ref[2]
        d = v[0] - follows * v_ref[0], v[1] - follows * v_ref[1], v[2] - follows * v_ref[2]
        alive = (
            _within(e, block[POSITION_LIMIT * LANES + lane])
            & _within(d, velocity_limit)
            & _within(w, rate_limit)
            & (scratch[ENDED * LANES + lane] == _ZERO)
        )
        reward = scratch[REWARD * LANES + lane]
        scratch[REWARD * LANES + lane] = reward if alive else ending
        scratch[ENDED * LANES + lane] = _ZERO if alive else _ONE


@lane_loop
def add_noise(block: Block, scratch: Block, streams: NDArray[np.uint64]) -> None:
    """Add noise to what all copies sense."""
    for row in range(0, SENSED, 2):
        # Rows of the deviations of this pair of numbers.
        a, b = (NOISE + noise_kind(row)) * LANES, (NOISE + noise_kind(row + 1)) * LANES
        for lane in range(LANES):
            i = (OBSERVED + row) * LANES + lane
            state = advance_stream(streams[lane])
            streams[lane] = state
            first, second = normal_pair(stream_bits(state))
            scratch[i] += block[a + lane] * first
            scratch[i + LANES] += block[b + lane] * second


@lanewise
def noise_kind(row: int) -> int:
    """Which deviation: 0 position, 1 rotation matrix, 2 linear velocity, 3 angular velocity."""
    return 0 if row < 3 else 1 if row < 12 else 2 if row < 15 else 3


@lane_loop
def delay(
    block: Block, scratch: Block, store: Block, rows: int, late: int, source: int, target: int
) -> None:
    """Put what these rows of the scratch were some steps ago into other rows of it.

    Args:
        block: its row ``late`` holds the steps.
        scratch: ``rows`` rows from ``source`` on are overwritten as well.
        store: flat, slots of ``rows`` rows, the newest first; moves on by one step.
        rows: how many.
        late: row of the block.
        source: row of the scratch.
        target: row of the scratch; must not overlap the source.
    """
    size = rows * LANES
    for i in range(size):
        scratch[target * LANES + i] = scratch[source * LANES + i]
    for slot in range(store.size // size):
        steps = np.float32(slot)
        for row in range(rows):
            old, new, out = slot * size + row * LANES, (source + row) * LANES, (target + row) * LANES
            for lane in range(LANES):
                older = store[old + lane]
                store[old + lane] = scratch[new + lane]
                scratch[new + lane] = older
                chosen = scratch[out + lane]
                scratch[out + lane] = older if block[late * LANES + lane] > steps else chosen
