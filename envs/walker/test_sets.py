"""Fixed sets of tasks on which walkers are compared.

A task counts as mastered when the return of one episode is above 230 (teachDeepRL, TeachMyAgent and
DCD alike). The tracks of a task are random, so even a fixed task differs from episode to episode.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..tasks import Task
from . import hexagon_tracks, stump_tracks

MASTERED_RETURN = 230.0
"""A task is mastered above this return."""
_SEED = 4222
_SIZE = 50


def _regenerated(high: Task) -> NDArray[np.float64]:
    # The legacy generator and its call order are part of the published sets.
    return np.random.RandomState(_SEED).uniform(0.0, high, (_SIZE, len(high)))


def stump_tracks_50() -> NDArray[np.float64]:
    """Test set of teachDeepRL for stump tracks, shape ``(50, 2)``.

    teachDRL/teachers/uniform_test_sets_generator.py with heights in [0, 3] and spacings in [0, 6].
    """
    return _regenerated(stump_tracks.TASK_SPACE.high)


def hexagon_tracks_50() -> NDArray[np.float64]:
    """Test set of teachDeepRL for hexagon tracks, shape ``(50, 12)``, from the same generator."""
    return _regenerated(hexagon_tracks.TASK_SPACE.high)


def stump_tracks_grid() -> NDArray[np.float64]:
    """Test set of TeachMyAgent for stump tracks: a 10 by 10 grid, shape ``(100, 2)``, rows by height."""
    height, spacing = (np.linspace(0.0, high, 10) for high in stump_tracks.TASK_SPACE.high)
    return np.stack(np.meshgrid(height, spacing, indexing="ij"), axis=-1).reshape(-1, 2)


TEST_SETS = {
    "stump-tracks-50": stump_tracks_50,
    "hexagon-tracks-50": hexagon_tracks_50,
    "stump-tracks-grid": stump_tracks_grid,
}
"""Every set of tasks by its name."""


@dataclass(frozen=True)
class NamedTask:
    """One published test setting."""

    terrain: str
    """Name of its family."""
    task: tuple[float, ...]
    """Its task."""


def _course(
    *,
    roughness: float = 0.0,
    pit_gap: tuple[float, float] = (0.0, 0.0),
    stump_height: tuple[float, float] = (0.0, 0.0),
    stair_height: tuple[float, float] = (0.0, 0.0),
    stair_steps: float = 1.0,
) -> NamedTask:
    task = (roughness, *pit_gap, *stump_height, *stair_height, stair_steps)
    return NamedTask("obstacle-course", task)


def _rose(
    roughness: float, stump_low: float, stump_high: float, gap_high: float, gap_low: float
) -> NamedTask:
    return _course(
        roughness=roughness, pit_gap=(gap_low, gap_high), stump_height=(stump_low, stump_high)
    )


DCD_TESTS: dict[str, NamedTask] = {
    "BipedalWalker-v3": NamedTask("plain", (1.0,)),
    "BipedalWalkerHardcore-v3": NamedTask("hardcore", (1.0,)),
    "Default": _course(),
    "Med-Roughness": _course(roughness=5.0),
    "High-Roughness": _course(roughness=9.0),
    "Med-StumpHeight": _course(stump_height=(2.0, 2.0)),
    "High-StumpHeight": _course(stump_height=(5.0, 5.0)),
    "Med-Stairs": _course(stair_height=(2.0, 2.0), stair_steps=5.0),
    "High-Stairs": _course(stair_height=(5.0, 5.0), stair_steps=9.0),
    "Med-PitGap": _course(pit_gap=(5.0, 5.0)),
    "Wide-PitGap": _course(pit_gap=(10.0, 10.0)),
    "Insane": _course(
        roughness=9.0,
        pit_gap=(10.0, 10.0),
        stump_height=(5.0, 5.0),
        stair_height=(5.0, 5.0),
        stair_steps=9.0,
    ),
    "POET-Rose-1a": _rose(5.6, 2.4, 2.82, 6.4, 4.48),
    "POET-Rose-1b": _rose(5.44, 1.8, 2.82, 6.72, 4.48),
    "POET-Rose-2a": _rose(7.2, 1.98, 2.82, 7.2, 5.6),
    "POET-Rose-2b": _rose(5.76, 2.16, 2.76, 7.2, 1.6),
    "POET-Rose-3a": _rose(5.28, 1.98, 2.76, 7.2, 4.8),
    "POET-Rose-3b": _rose(4.8, 2.4, 2.76, 4.48, 4.8),
}
"""DCD's test environments by the middle of their names (facebookresearch/dcd,
envs/bipedalwalker/walker_test_envs.py). Left out: XChal, which draws new settings every episode."""


def make_test_set(name: str) -> NDArray[np.float64]:
    """The tasks of a set, shape ``(tasks, task dimension)``.

    Args:
        name: a key of :data:`TEST_SETS`.

    Raises:
        InputError: there is no such set.
    """
    if name not in TEST_SETS:
        raise InputError(f"test set = {name!r} is not one of: {', '.join(TEST_SETS)}")
    return TEST_SETS[name]()
