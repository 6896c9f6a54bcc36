"""Policies for quadrotors: the shipped one and those of files."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from .quadrotor_metadata import ACTION_SIZE, OBSERVATION_SIZE
from .recurrent_policy import RecurrentPolicy, load_recurrent_policy

SHIPPED = Path(__file__).with_name("foundation_policy.safetensors")
"""The policy that comes with the program."""


def load_quadrotor_policy(path: Path) -> RecurrentPolicy:
    """Read a policy that maps a quadrotor's 22 observations to 4 actions.

    Raises:
        InputError: the file cannot be read, or the policy has other sizes.
    """
    policy = load_recurrent_policy(path)
    sizes = (policy.observation_size, policy.action_size)
    if sizes != (OBSERVATION_SIZE, ACTION_SIZE):
        raise InputError(
            f"{path} maps {sizes[0]} observations to {sizes[1]} actions, a quadrotor has"
            f" {OBSERVATION_SIZE} and {ACTION_SIZE}"
        )
    return policy
