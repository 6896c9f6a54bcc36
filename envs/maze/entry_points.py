"""What ``gymnasium.make`` and ``gymnasium.make_vec`` call for the maze."""

from __future__ import annotations

from typing import Any

from ..gym_vector import GymVectorEnv
from ..single import SingleEnv
from .env import MazeBatch


def make_maze(render_mode: str | None = None, **options: Any) -> SingleEnv:
    """One; ``options`` are those of :class:`~eyas.envs.maze.env.MazeBatch`."""
    return SingleEnv(MazeBatch(1, **options), render_mode=render_mode)


def make_mazes(
    num_envs: int, autoreset_mode: str = "NextStep", render_mode: str | None = None, **options: Any
) -> GymVectorEnv:
    """Many; ``options`` are those of :class:`~eyas.envs.maze.env.MazeBatch`."""
    return GymVectorEnv(
        MazeBatch(num_envs, **options), autoreset_mode=autoreset_mode, render_mode=render_mode
    )
