"""What ``gymnasium.make`` and ``gymnasium.make_vec`` call for the dark rooms."""

from __future__ import annotations

from typing import Any

from ..gym_vector import GymVectorEnv
from ..single import SingleEnv
from .env import DarkBatch


def make_dark(render_mode: str | None = None, **options: Any) -> SingleEnv:
    """One room; ``options`` are those of :class:`~eyas.envs.dark.env.DarkBatch`."""
    return SingleEnv(DarkBatch(1, **options), render_mode=render_mode)


def make_darks(
    num_envs: int, autoreset_mode: str = "NextStep", render_mode: str | None = None, **options: Any
) -> GymVectorEnv:
    """Many rooms; ``options`` are those of :class:`~eyas.envs.dark.env.DarkBatch`."""
    return GymVectorEnv(
        DarkBatch(num_envs, **options), autoreset_mode=autoreset_mode, render_mode=render_mode
    )
