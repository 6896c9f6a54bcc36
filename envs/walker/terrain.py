"""Terrain families: what a task means on the ground."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..tasks import TaskSpace


@dataclass(frozen=True, kw_only=True)
class Terrain:
    """One family of tracks."""

    name: str
    task_space: TaskSpace
    max_edges: int
    """Room for edges per copy."""
    max_polygons: int
    """Room for polygons per copy."""
    max_episode_steps: int
    generate: Callable[..., Any]
    """Compiled ``generate(copies, tasks, random_state, pad_steps, ground)``: writes the geometry of
    these copies (int64 array) from their rows of ``tasks`` (float64, shape (N, d)), drawing from
    their rows of ``random_state`` (uint64, shape (N,)); ``pad_steps`` is the flat start in grid
    steps; ends with ``index_ground``."""
