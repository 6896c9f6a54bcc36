"""One flight of many quadrotors under a recurrent policy: references, clipping, noise, delay, limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .simulator import (
    ANGULAR_VELOCITY,
    LINEAR_VELOCITY,
    POSITION,
    PREVIOUS_ACTION,
    ROTATION,
    STEP_SECONDS,
    Array,
    Simulator,
)

PER_SECOND = round(1 / STEP_SECONDS)
POSITION_CLIP = 0.5
"""Bound of each component of the position error that the policy is shown on references (m)."""
VELOCITY_CLIP = 1.0
"""The same for the velocity error (m/s)."""
NOISE = ((POSITION, 0.01), (ROTATION, 0.01), (LINEAR_VELOCITY, 0.05), (ANGULAR_VELOCITY, 0.1))
"""Standard deviations of P3's noise: m, 1, m/s, rad/s."""
LINEAR_VELOCITY_LIMIT = 2.0
"""P0 ends where a component of the velocity exceeds this (m/s)."""
ANGULAR_VELOCITY_LIMIT = 35.0
"""The same for the angular velocity (rad/s)."""
HOVER_SECONDS, RAMP_SECONDS = 3, 3
"""A figure-eight's first phases."""


class Pilot(Protocol):
    """What flies: a :class:`RecurrentPolicy` or anything with the same two methods."""

    def initial_state(self, count: int) -> Array:
        """Memories at the start of ``count`` flights."""

    def step(self, observations: Array, hidden: Array) -> tuple[Array, Array]:
        """Actions, shape ``(count, 4)``, and the new memories, after 22 observations each."""


Reference = Callable[[float], tuple[Sequence[float], Sequence[float]]]
"""Position (m) and velocity (m/s) to follow at a time (s)."""


@dataclass(frozen=True, kw_only=True)
class Flight:
    """What was flown; time is the first axis and counts ``steps + 1`` states."""

    errors: Array
    """Distance from the reference (m), shape ``(steps + 1, count)``."""
    outside: NDArray[np.bool_] | None
    """Whether l2f would have ended the episode, same shape; None where nobody asked."""
    hidden: Array
    """The policy's memories at the end, shape ``(count, hidden)``."""


def fly(
    simulator: Simulator,
    pilot: Pilot,
    steps: int,
    *,
    reference: Reference | None = None,
    clip: bool = False,
    noise: np.random.Generator | None = None,
    delay: int = 0,
    position_limit: NDArray[np.float64] | None = None,
    progress: Callable[[int], None] = lambda steps: None,
) -> Flight:
    """Fly on from the simulator's present state.

    Args:
        simulator: has just been started.
        pilot: starts with an empty memory; its actions are clipped to [-1, 1].
        steps: of 10 ms.
        reference: what to follow; None for the origin.
        clip: show errors of at most 0.5 m and 1 m/s per component.
        noise: add :data:`NOISE`, drawn here; None for no noise.
        delay: steps by which the policy sees everything late but its own previous action.
        position_limit: watch the limits of P0; this is the one of each coordinate (m), shape
            ``(count,)``. None for no limits.
        progress: is told the steps done, now and then.
    """
    count = len(simulator.airframes)
    errors = np.empty((steps + 1, count), np.float32)
    outside = None if position_limit is None else np.zeros((steps + 1, count), np.bool_)
    hidden = pilot.initial_state(count)
    # One buffer per step of delay, used in turn.
    late = [np.empty((count, PREVIOUS_ACTION.stop), np.float32) for _ in range(delay + 1)]
    noise_row = np.zeros(PREVIOUS_ACTION.start, np.float32)
    for part, deviation in NOISE:
        noise_row[part] = deviation
    with np.errstate(invalid="ignore", over="ignore"):  # whoever crashed may fly to infinity
        for step in range(steps + 1):
            truth = simulator.observe()
            seen = late[step % (delay + 1)]
            seen[:] = truth
            if reference is not None:
                position, velocity = reference(step * STEP_SECONDS)
                seen[:, POSITION] -= np.asarray(position, np.float32)
                seen[:, LINEAR_VELOCITY] -= np.asarray(velocity, np.float32)
            np.sqrt(np.square(seen[:, POSITION]).sum(axis=1), out=errors[step])
            if outside is not None and position_limit is not None:
                outside[step] = _outside(truth, position_limit[:, None])
            if step == steps:
                break
            if noise is not None:
                drawn = noise.standard_normal((count, len(noise_row)), dtype=np.float32)
                drawn *= noise_row
                seen[:, : len(noise_row)] += drawn
            if clip:
                np.clip(seen[:, POSITION], -POSITION_CLIP, POSITION_CLIP, out=seen[:, POSITION])
                np.clip(
                    seen[:, LINEAR_VELOCITY],
                    -VELOCITY_CLIP,
                    VELOCITY_CLIP,
                    out=seen[:, LINEAR_VELOCITY],
                )
            shown = late[max(step - delay, 0) % (delay + 1)]
            shown[:, PREVIOUS_ACTION] = truth[:, PREVIOUS_ACTION]
            actions, hidden = pilot.step(shown, hidden)
            simulator.step(np.clip(actions, np.float32(-1), np.float32(1), out=actions))
            if step % PER_SECOND == PER_SECOND - 1:
                progress(PER_SECOND)
    progress(steps % PER_SECOND)
    return Flight(errors=errors, outside=outside, hidden=hidden)


def _outside(truth: Array, position_limit: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether a component of position, velocity or angular velocity is over its limit, or NaN."""
    inside = (np.abs(truth[:, POSITION]) <= position_limit).all(axis=1)
    inside &= (np.abs(truth[:, LINEAR_VELOCITY]) <= LINEAR_VELOCITY_LIMIT).all(axis=1)
    inside &= (np.abs(truth[:, ANGULAR_VELOCITY]) <= ANGULAR_VELOCITY_LIMIT).all(axis=1)
    return np.asarray(~inside)


def figure_eight(period: float) -> Reference:
    """Fly x = sin(phase), y = sin(2 phase) / 2 (m) after 3 s of hover and 3 s of rising phase speed.

    Args:
        period: of a lap at full speed (s).
    """
    full_speed = 2 * math.pi / period

    def at(time: float) -> tuple[Sequence[float], Sequence[float]]:
        ramp = min(max(time - HOVER_SECONDS, 0.0), RAMP_SECONDS)
        after = max(time - HOVER_SECONDS - RAMP_SECONDS, 0.0)
        phase = full_speed * (ramp * ramp / (2 * RAMP_SECONDS) + after)
        speed = full_speed * ramp / RAMP_SECONDS
        position = (math.sin(phase), math.sin(2 * phase) / 2, 0.0)
        velocity = (speed * math.cos(phase), speed * math.cos(2 * phase), 0.0)
        return position, velocity

    return at


def step_reference(time: float) -> tuple[Sequence[float], Sequence[float]]:
    """0.5 m to every side of where the flight starts."""
    return (0.5, 0.5, 0.5), (0.0, 0.0, 0.0)
