"""The vehicles of a training fleet as blocks of lanes, and the tape of a window of flight."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.quadrotor.dynamics import AIRFRAME_ROWS, LOAD_ROWS, ORIENTATION, STATE_ROWS
from ...envs.quadrotor.lanes import LANES
from .lane_network import ACTIONS, GATE_ROWS, INPUT_ROWS

# Rows of a block of conditions: what a vehicle's sensors and its cost are like.
NOISE = 0  # standard deviations: position (m), rotation matrix, linear velocity (m/s), angular velocity (rad/s)
DELAY = 4  # weights of the measurement now and one, two and three steps ago; they add up to 1
POSITION_CLIP, VELOCITY_CLIP = 8, 9  # what the policy sees of an error at most (m, m/s), per axis
POSITION_LIMIT, SPEED_LIMIT = 10, 11  # beyond these errors (m, m/s, per axis) the cost rises steeply
LIMIT_WEIGHT = 12  # how steeply
WEIGHT = 13  # of the vehicle in the cost; 0 for a spare lane
CONDITION_ROWS = 14

# Rows of a block of references: amplitude sin(phase) on each axis.
SINE, COSINE = 0, 3
STEP_SINE, STEP_COSINE = 6, 9  # of the phase's change per step
AMPLITUDE, SPEED = 12, 15  # m; m/s, amplitude times angular frequency
REFERENCE_ROWS = 18

MEASUREMENTS = 18
LONGEST_DELAY = 3
TARGET_ROWS = 6
"""Of a block of targets: position and velocity."""


class Fleet(NamedTuple):
    """The vehicles in flight, as blocks with the rows named in this module."""

    airframes: NDArray[np.float32]
    loads: NDArray[np.float32]
    conditions: NDArray[np.float32]
    references: NDArray[np.float32]
    states: NDArray[np.float32]
    history: NDArray[np.float32]
    """The last three measurements, oldest first."""
    hidden: NDArray[np.float32]
    actions: NDArray[np.float32]
    """The last ones."""
    costs: NDArray[np.float32]
    """Mean cost per step in the last window; one row."""
    lost: NDArray[np.float32]
    """1 where the vehicle got out of hand in the last window; one row."""
    fresh: NDArray[np.float32]
    """1 where the hidden state is the initial one; one row."""


class Tape(NamedTuple):
    """Work space of one thread: what the forward sweep leaves for the reverse sweep."""

    states: NDArray[np.float32]
    targets: NDArray[np.float32]
    measured: NDArray[np.float32]
    measured_bar: NDArray[np.float32]
    inputs: NDArray[np.float32]
    x: NDArray[np.float32]
    gates: NDArray[np.float32]
    hidden: NDArray[np.float32]
    actions: NDArray[np.float32]
    held: NDArray[np.float32]
    state_bar: NDArray[np.float32]
    hidden_bar: NDArray[np.float32]
    action_bar: NDArray[np.float32]
    """Cotangents of the action of the step and of the one before it."""
    input_bar: NDArray[np.float32]
    x_bar: NDArray[np.float32]
    slopes: NDArray[np.float32]


def empty_fleet(blocks: int, hidden: int) -> Fleet:
    """Vehicles without weight, at rest, that weigh 1 kg and have no rotors."""

    def rows(count: int) -> NDArray[np.float32]:
        return np.zeros((blocks, count * LANES), np.float32)

    fleet = Fleet(
        airframes=rows(AIRFRAME_ROWS),
        loads=rows(LOAD_ROWS),
        conditions=rows(CONDITION_ROWS),
        references=rows(REFERENCE_ROWS),
        states=rows(STATE_ROWS),
        history=rows(LONGEST_DELAY * MEASUREMENTS),
        hidden=rows(hidden),
        actions=rows(ACTIONS),
        costs=rows(1),
        lost=rows(1),
        fresh=rows(1),
    )
    fleet.states[:, ORIENTATION * LANES : (ORIENTATION + 1) * LANES] = 1
    return fleet


def empty_tape(steps: int, hidden: int) -> Tape:
    """Work space for windows of up to ``steps``."""

    def rows(times: int, count: int) -> NDArray[np.float32]:
        return np.zeros((times, count * LANES), np.float32)

    flat = (steps + LONGEST_DELAY) * MEASUREMENTS * LANES
    return Tape(
        states=np.zeros((steps + 1) * STATE_ROWS * LANES, np.float32),
        targets=rows(steps + 1, TARGET_ROWS),
        measured=np.zeros(flat, np.float32),
        measured_bar=np.zeros(flat, np.float32),
        inputs=rows(steps, INPUT_ROWS),
        x=rows(steps, hidden),
        gates=rows(steps, 4 * GATE_ROWS),
        hidden=rows(steps + 1, hidden),
        actions=rows(steps + 1, ACTIONS),
        held=rows(steps, 1),
        state_bar=np.zeros(STATE_ROWS * LANES, np.float32),
        hidden_bar=np.zeros(hidden * LANES, np.float32),
        action_bar=np.zeros(2 * ACTIONS * LANES, np.float32),
        input_bar=np.zeros(INPUT_ROWS * LANES, np.float32),
        x_bar=np.zeros(hidden * LANES, np.float32),
        slopes=np.zeros(4 * GATE_ROWS * LANES, np.float32),
    )
