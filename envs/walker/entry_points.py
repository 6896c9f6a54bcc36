"""What ``gymnasium.make`` and ``gymnasium.make_vec`` call for the walker."""

from __future__ import annotations

from typing import Any

from ..gym_vector import GymVectorEnv
from ..single import SingleEnv
from .env import WalkerBatch


def make_walker(render_mode: str | None = None, **options: Any) -> SingleEnv:
    """One walker; ``options`` are those of :class:`~eyas.envs.walker.env.WalkerBatch`."""
    return SingleEnv(WalkerBatch(1, **options), render_mode=render_mode)


def make_walkers(
    num_envs: int,
    autoreset_mode: str = "NextStep",
    render_mode: str | None = None,
    **options: Any,
) -> GymVectorEnv:
    """Many walkers; ``options`` are those of :class:`~eyas.envs.walker.env.WalkerBatch`."""
    return GymVectorEnv(
        WalkerBatch(num_envs, **options), autoreset_mode=autoreset_mode, render_mode=render_mode
    )
