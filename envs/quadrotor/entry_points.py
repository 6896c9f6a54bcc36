"""What ``gymnasium.make`` and ``gymnasium.make_vec`` call for the quadrotor."""

from __future__ import annotations

from typing import Any

from ..gym_vector import GymVectorEnv
from ..single import SingleEnv
from .env import QuadrotorBatch


def make_quadrotor(render_mode: str | None = None, **options: Any) -> SingleEnv:
    """One quadrotor; ``options`` are those of :class:`~eyas.envs.quadrotor.env.QuadrotorBatch`."""
    return SingleEnv(QuadrotorBatch(1, **options), render_mode=render_mode)


def make_quadrotors(
    num_envs: int,
    autoreset_mode: str = "NextStep",
    render_mode: str | None = None,
    **options: Any,
) -> GymVectorEnv:
    """Many quadrotors; ``options`` are those of :class:`~eyas.envs.quadrotor.env.QuadrotorBatch`."""
    return GymVectorEnv(
        QuadrotorBatch(num_envs, **options), autoreset_mode=autoreset_mode, render_mode=render_mode
    )
