"""Flights to learn from: students or teachers fly, the teachers say what they would do.

Vehicles, references, reward and limits are those of the quadrotor world
(:mod:`~eyas.envs.quadrotor.flight`). Every visited state is recorded as what the student is shown and
what the vehicle's own teacher, which sees the truth, does there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.jit import kernel
from ...envs.quadrotor.flight import LARGEST_ACTION, add_noise, delay, fly, observe, wander
from ...envs.quadrotor.lanes import LANES, lane_loop
from ...envs.quadrotor.layout import (
    ACTION,
    BLOCK_ROWS,
    COMMAND,
    ENDED,
    OBSERVATION_DELAY,
    OBSERVED,
    REFERENCE,
    REWARD,
    SCRATCH_ROWS,
    SENSED,
    SHOWN_ACTION,
    WAITING,
)
from . import lane_teacher, teacher_set
from .fleet import AMPLITUDE, COSINE, REFERENCE_ROWS, SINE, SPEED, STEP_COSINE, STEP_SINE
from .lane_network import ACTIONS, GATE_ROWS, INPUT_ROWS, OBSERVATIONS, forward
from .lane_teacher import GROUP, GROUPS, teach

RECORDED = OBSERVATIONS + ACTIONS
"""Numbers per step of a record: what the student is shown, what the teacher does."""

# Rows of a block of curves: those of a window's references, and whether there is a curve at all.
CURVED = REFERENCE_ROWS
CURVE_ROWS = CURVED + 1

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)


class Flights(NamedTuple):
    """Vehicles in flight; the first axis counts blocks."""

    blocks: NDArray[np.float32]
    """The world's rows, see :mod:`~eyas.envs.quadrotor.layout`."""
    past: NDArray[np.float32]
    """What was sensed before, newest first, as far back as the longest delay reaches."""
    streams: NDArray[np.uint64]
    """Random streams, ``(blocks, LANES)``."""
    curves: NDArray[np.float32]
    offsets: NDArray[np.float32]
    """Positions that the student is shown as the origin; 3 rows."""
    hidden: NDArray[np.float32]
    teachers: NDArray[np.int64]
    """Row of the teacher of each group, ``(blocks, GROUPS)``."""
    records: NDArray[np.int64]
    """Where each lane's episode is recorded, ``(blocks, LANES)``; -1: nowhere."""
    flying: NDArray[np.float32]
    """1 until the episode ends, ``(blocks, LANES)``."""
    returns: NDArray[np.float32]
    lengths: NDArray[np.float32]
    """Steps, ``(blocks, LANES)``, as are the returns."""


class FlightSpace(NamedTuple):
    """Work space of one thread."""

    scratch: NDArray[np.float32]
    inputs: NDArray[np.float32]
    x: NDArray[np.float32]
    gates: NDArray[np.float32]
    hidden: NDArray[np.float32]
    actions: NDArray[np.float32]
    targets: NDArray[np.float32]
    teacher_inputs: NDArray[np.float32]
    first_layer: NDArray[np.float32]
    second_layer: NDArray[np.float32]
    outputs: NDArray[np.float32]


def empty_flights(blocks: int, hidden: int, slots: int) -> Flights:
    """Vehicles that are still to be placed, with room for delays of up to ``slots`` steps."""

    def rows(count: int) -> NDArray[np.float32]:
        return np.zeros((blocks, count * LANES), np.float32)

    return Flights(
        blocks=rows(BLOCK_ROWS),
        past=rows(slots * SENSED),
        streams=np.zeros((blocks, LANES), np.uint64),
        curves=rows(CURVE_ROWS),
        offsets=rows(3),
        hidden=rows(hidden),
        teachers=np.zeros((blocks, GROUPS), np.int64),
        records=np.full((blocks, LANES), -1, np.int64),
        flying=rows(1),
        returns=rows(1),
        lengths=rows(1),
    )


def empty_flight_space(hidden: int) -> FlightSpace:
    """Work space for one thread."""

    def rows(count: int, width: int = LANES) -> NDArray[np.float32]:
        return np.zeros(count * width, np.float32)

    return FlightSpace(
        scratch=rows(SCRATCH_ROWS),
        inputs=rows(INPUT_ROWS),
        x=rows(hidden),
        gates=rows(4 * GATE_ROWS),
        hidden=rows(hidden),
        actions=rows(ACTIONS),
        targets=rows(ACTIONS),
        teacher_inputs=rows(lane_teacher.INPUT_ROWS, GROUP),
        first_layer=rows(teacher_set.HIDDEN, GROUP),
        second_layer=rows(teacher_set.HIDDEN, GROUP),
        outputs=rows(teacher_set.ACTIONS, GROUP),
    )


@lane_loop
def _copy(source, target, count):
    for i in range(count):
        target[i] = source[i]


@lane_loop
def _show_values(block, scratch):
    """Turn the errors that are shown into positions and velocities."""
    shown, reference = scratch[OBSERVED * LANES :], block[REFERENCE * LANES :]
    for i in range(3 * LANES):
        shown[i] += reference[i]
        shown[12 * LANES + i] += reference[3 * LANES + i]


@lane_loop
def _read(block, scratch, offsets, inputs):
    """What the student reads."""
    shown, last = scratch[OBSERVED * LANES :], block[SHOWN_ACTION * LANES :]
    for i in range(3 * LANES):
        inputs[i] = shown[i] - offsets[i]
    for i in range(3 * LANES, SENSED * LANES):
        inputs[i] = shown[i]
    for i in range(ACTIONS * LANES):
        inputs[SENSED * LANES + i] = last[i]


@lane_loop
def _record(inputs, targets, records, flying, data, step):
    for lane in range(LANES):
        row = records[lane]
        if row >= 0 and flying[lane] > _HALF:
            for k in range(OBSERVATIONS):
                data[row, step, k] = inputs[k * LANES + lane]
            for k in range(ACTIONS):
                data[row, step, OBSERVATIONS + k] = targets[k * LANES + lane]


@lane_loop
def _act(actions, largest, scratch):
    """Give the actions to reward and motors; what is no number becomes 0."""
    asked, command = scratch[ACTION * LANES :], scratch[COMMAND * LANES :]
    for i in range(ACTIONS * LANES):
        a = actions[i]
        a = a if a == a else _ZERO
        a = largest if a > largest else a
        a = -largest if a < -largest else a
        asked[i] = a
        command[i] = a


@lane_loop
def _curve(curves, block):
    """Advance the curves and put the references of their vehicles there."""
    for axis in range(3):
        sine, cosine = curves[(SINE + axis) * LANES :], curves[(COSINE + axis) * LANES :]
        ds, dc = curves[(STEP_SINE + axis) * LANES :], curves[(STEP_COSINE + axis) * LANES :]
        amplitude, speed = curves[(AMPLITUDE + axis) * LANES :], curves[(SPEED + axis) * LANES :]
        curved = curves[CURVED * LANES :]
        position = block[(REFERENCE + axis) * LANES :]
        velocity = block[(REFERENCE + 3 + axis) * LANES :]
        for lane in range(LANES):
            s, c = sine[lane], cosine[lane]
            s2, c2 = s * dc[lane] + c * ds[lane], c * dc[lane] - s * ds[lane]
            on = curved[lane] > _HALF
            sine[lane], cosine[lane] = s2, c2
            position[lane] = amplitude[lane] * s2 if on else position[lane]
            velocity[lane] = speed[lane] * c2 if on else velocity[lane]


@lane_loop
def _tally(scratch, flying, returns, lengths):
    """Count a step; returns how many go on flying."""
    left = _ZERO
    reward, ended = scratch[REWARD * LANES :], scratch[ENDED * LANES :]
    for lane in range(LANES):
        on = flying[lane] > _HALF
        # A sum, not a product: the reward of whoever ended long ago may be no number.
        returns[lane] += reward[lane] if on else _ZERO
        lengths[lane] += _ONE if on else _ZERO
        now = _ONE if on & (ended[lane] < _HALF) else _ZERO
        flying[lane] = now
        left += now
    return left


@lane_loop
def _fly_block(
    parameters, at, weights, flights, b, steps, by_teacher, errors, noisy, rules, space, data
):
    block, past, streams = flights.blocks[b], flights.past[b], flights.streams[b]
    hidden, scratch = flights.hidden[b], space.scratch
    largest = rules[LARGEST_ACTION]
    observe(block, scratch, rules)
    for step in range(steps):
        for group in range(GROUPS):
            lane = group * GROUP
            teach(
                weights[flights.teachers[b, group]],
                scratch[OBSERVED * LANES + lane :],
                space.teacher_inputs,
                space.first_layer,
                space.second_layer,
                space.outputs,
                space.targets[lane:],
            )
        if not errors:
            _show_values(block, scratch)
        if past.size:
            _copy(scratch[OBSERVED * LANES :], scratch[WAITING * LANES :], SENSED * LANES)
            delay(block, scratch, past, SENSED, OBSERVATION_DELAY, WAITING, OBSERVED)
        if noisy:
            add_noise(block, scratch, streams)
        _read(block, scratch, flights.offsets[b], space.inputs)
        forward(parameters, at, space.inputs, space.x, space.gates, hidden, space.hidden, space.actions)
        _copy(space.hidden, hidden, at.hidden * LANES)
        _record(space.inputs, space.targets, flights.records[b], flights.flying[b], data, step)
        _act(space.targets if by_teacher else space.actions, largest, scratch)
        fly(block, scratch, rules)
        wander(block, streams)
        _curve(flights.curves[b], block)
        observe(block, scratch, rules)
        if _tally(scratch, flights.flying[b], flights.returns[b], flights.lengths[b]) < _HALF:
            break


@kernel
def fly_and_record(
    parameters: NDArray[np.float32],
    at: object,
    weights: NDArray[np.float32],
    flights: Flights,
    blocks: NDArray[np.int64],
    steps: int,
    by_teacher: bool,
    errors: bool,
    noisy: bool,
    rules: NDArray[np.float32],
    space: FlightSpace,
    data: NDArray[np.float32],
) -> None:
    """Fly some blocks until all their episodes have ended, and record what is to be learnt from them.

    Args:
        parameters: the student's flat vector.
        at: its layout.
        weights: the teachers' flat vectors, ``(teachers, lane_teacher.SIZE)``.
        flights: the vehicles; flown in place.
        blocks: which blocks.
        steps: the longest episode.
        by_teacher: whether the teachers fly, not the student.
        errors: whether the student is shown errors, not positions and velocities.
        noisy: whether any vehicle's observations have noise.
        rules: of reward and limits, with errors in the view (:func:`~..envs.quadrotor.episode.rules_array`).
        space: work space.
        data: ``(episodes, steps, RECORDED)``; written as long as an episode lasts.
    """
    for b in blocks:
        _fly_block(
            parameters, at, weights, flights, b, steps, by_teacher, errors, noisy, rules, space, data
        )
