"""What ``gymnasium.make`` and ``gymnasium.make_vec`` call for the point mass."""

from __future__ import annotations

from typing import Any

from ..gym_vector import GymVectorEnv
from ..single import SingleEnv
from .env import PointMassBatch


def make_point_mass(render_mode: str | None = None, **options: Any) -> SingleEnv:
    """One; ``options`` are those of :class:`~eyas.envs.point_mass.env.PointMassBatch`."""
    return SingleEnv(PointMassBatch(1, **options), render_mode=render_mode)


def make_point_masses(
    num_envs: int, autoreset_mode: str = "NextStep", render_mode: str | None = None, **options: Any
) -> GymVectorEnv:
    """Many; ``options`` are those of :class:`~eyas.envs.point_mass.env.PointMassBatch`."""
    return GymVectorEnv(
        PointMassBatch(num_envs, **options), autoreset_mode=autoreset_mode, render_mode=render_mode
    )
