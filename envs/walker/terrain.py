"""Terrain families: what a task means on the ground."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ...errors import InputError
from ..tasks import TaskSpace
from . import grid_terrain, gymnasium_terrain, hexagon_tracks, obstacle_course, stump_tracks
from .ground import START_PAD_STEPS, TERRAIN_STEP


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


STUMP_TRACKS = Terrain(
    name="stump-tracks",
    task_space=stump_tracks.TASK_SPACE,
    max_edges=stump_tracks.MAX_EDGES,
    max_polygons=stump_tracks.MAX_POLYGONS,
    max_episode_steps=2000,
    generate=stump_tracks.generate,
)
HEXAGON_TRACKS = Terrain(
    name="hexagon-tracks",
    task_space=hexagon_tracks.TASK_SPACE,
    max_edges=hexagon_tracks.MAX_EDGES,
    max_polygons=hexagon_tracks.MAX_POLYGONS,
    max_episode_steps=2000,
    generate=hexagon_tracks.generate,
)
PLAIN = Terrain(
    name="plain",
    task_space=gymnasium_terrain.TASK_SPACE,
    max_edges=grid_terrain.MAX_EDGES,
    max_polygons=0,
    max_episode_steps=1600,
    generate=gymnasium_terrain.generate_plain,
)
HARDCORE = Terrain(
    name="hardcore",
    task_space=gymnasium_terrain.TASK_SPACE,
    max_edges=grid_terrain.MAX_EDGES,
    max_polygons=grid_terrain.MAX_POLYGONS,
    max_episode_steps=2000,
    generate=gymnasium_terrain.generate_hardcore,
)
OBSTACLE_COURSE = Terrain(
    name="obstacle-course",
    task_space=obstacle_course.TASK_SPACE,
    max_edges=grid_terrain.MAX_EDGES,
    max_polygons=grid_terrain.MAX_POLYGONS,
    max_episode_steps=2000,
    generate=obstacle_course.generate,
)

TERRAINS: dict[str, Terrain] = {
    terrain.name: terrain
    for terrain in (STUMP_TRACKS, HEXAGON_TRACKS, PLAIN, HARDCORE, OBSTACLE_COURSE)
}
"""Every family by its name."""

_LEGACY_GENERATE = {
    STUMP_TRACKS.name: stump_tracks.generate_legacy,
    HEXAGON_TRACKS.name: hexagon_tracks.generate_legacy,
}


def make_terrain(name: str, legacy: bool = False) -> Terrain:
    """The family with this name.

    Args:
        name: a key of :data:`TERRAINS`.
        legacy: with teachDeepRL's quirks; only its own two families have any.

    Raises:
        InputError: there is no such family.
    """
    if name not in TERRAINS:
        raise InputError(f"terrain = {name!r} is not one of: {', '.join(TERRAINS)}")
    terrain = TERRAINS[name]
    if legacy and name in _LEGACY_GENERATE:
        return replace(terrain, generate=_LEGACY_GENERATE[name])
    return terrain


def start_pad_steps(width: float) -> int:
    """Flat start for a body of this width (m), in grid steps; the body starts over its middle.

    TeachMyAgent's rule (parametric_continuous_stump_tracks.py), rounded up to the grid.
    """
    return max(START_PAD_STEPS, math.ceil(width / TERRAIN_STEP + 5))
