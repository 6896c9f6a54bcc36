"""What the numbers that a quadrotor policy reads and commands mean, as its file says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RATE_HZ = 100
"""Decisions per second."""
OBSERVATION_SIZE = 22
ACTION_SIZE = 4
OBSERVATION: tuple[dict[str, Any], ...] = (
    {
        "name": "position error",
        "size": 3,
        "unit": "m",
        "frame": "world, FLU",
        "of": "p - p_reference",
        "limit": 2.0,
    },
    {
        "name": "rotation matrix",
        "size": 9,
        "unit": "1",
        "frame": "body to world, row by row",
        "of": "attitude relative to the reference yaw",
        "limit": 1.01,
    },
    {
        "name": "linear velocity error",
        "size": 3,
        "unit": "m/s",
        "frame": "world, FLU",
        "of": "v - v_reference",
        "limit": 4.0,
    },
    {
        "name": "angular velocity",
        "size": 3,
        "unit": "rad/s",
        "frame": "body, FLU",
        "of": "w",
        "limit": 32.0,
    },
    {
        "name": "previous action",
        "size": 4,
        "unit": "1",
        "frame": "rotors",
        "of": "the last command, clipped to [-1, 1]",
        "limit": 1.0,
    },
)
"""Layout of the 22 observations, in order (rl-tools/raptor, ``post_training/environment.h``).

``limit`` is the largest size of each number of a part, in its unit: an exported policy saturates what
is beyond, in simulation nothing does."""
ACTION = {
    "name": "rotor set-points",
    "size": 4,
    "unit": "1",
    "low": -1.0,
    "high": 1.0,
    "of": "-1 is the lowest and 1 the highest speed of a motor; clip before use",
    "order": ["front right", "back right", "back left", "front left"],
}


def describe(
    *, command: str, revision: str, evaluation: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The metadata of a policy file, JSON values only.

    Args:
        command: the command line that trained the policy.
        revision: of the program that trained it.
        evaluation: the table of ``eyas raptor evaluate --json``; None where there is none yet.
    """
    return {
        "world": "quadrotor",
        "rate_hz": RATE_HZ,
        "observation": [dict(part) for part in OBSERVATION],
        "action": dict(ACTION),
        "command": command,
        "revision": revision,
        "evaluation": dict(evaluation) if evaluation is not None else {},
    }
