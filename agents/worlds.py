"""Worlds by name, for comparisons: tracks, TeachMyAgent's challenges and what else has a task space.

A name of :data:`WORLDS` gives a :class:`~eyas.agents.world.World`. TeachMyAgent's challenges (Romac et al.,
"TeachMyAgent: a benchmark for automatic curriculum learning in deep RL", ICML 2021) are Stump Tracks
with another space for the teacher; all are tested on the same 10 x 10 grid of the original range.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from ..envs.tasks import Parameter, Task, TaskSpace
from ..errors import InputError
from .world import World

_PIECES = 4
"""Pieces into which "rugged" cuts each dimension."""


def find_world(name: str, *, threads: int = 1, seed: int = 0) -> World:
    """The world called ``name``.

    Args:
        name: a key of :data:`WORLDS`.
        threads: that share the copies, where the world can use more than one; 0 takes all cores.
        seed: of what a world draws once for all, the order of the pieces in "rugged".

    Raises:
        InputError: there is no such world.
    """
    if name not in WORLDS:
        raise InputError(f"unknown world {name!r}; known are {', '.join(WORLDS)}")
    return WORLDS[name](threads, seed)


def _tracks(terrain: str) -> Callable[[int, int], World]:
    def make(threads: int, seed: int) -> World:
        from .walker_world import walker_world

        return walker_world(terrain, "default", "fast", threads)

    return make


def _stump_tracks_on_the_grid(threads: int) -> World:
    from ..envs.walker.test_sets import make_test_set

    return dataclasses.replace(
        _tracks("stump-tracks")(threads, 0), test_tasks=make_test_set("stump-tracks-grid")
    )


def _heights(title: str, low: float, high: float) -> Callable[[int, int], World]:
    """Stump Tracks whose heights come from another range."""

    def make(threads: int, seed: int) -> World:
        world = _stump_tracks_on_the_grid(threads)
        height, spacing = _parameters(world)
        space = TaskSpace((dataclasses.replace(height, low=low, high=high), spacing))
        return dataclasses.replace(
            world, title=f"walker, {title}", teacher_space=space, realise=lambda task: task
        )

    return make


def _rugged(threads: int, seed: int) -> World:
    """Stump Tracks whose dimensions are cut into pieces and put together in another order."""
    world = _stump_tracks_on_the_grid(threads)
    space = TaskSpace(_parameters(world))
    rng = np.random.default_rng(seed)
    orders = np.array([rng.permutation(_PIECES) for _ in range(space.dimension)])

    def realise(task: Task) -> Task:
        place = np.minimum(space.normalise(task), np.nextafter(1.0, 0.0)) * _PIECES
        piece = place.astype(int)
        moved = orders[np.arange(space.dimension), piece] + (place - piece)
        return space.denormalise(moved / _PIECES)

    return dataclasses.replace(
        world, title="walker, rugged difficulty", teacher_space=space, realise=realise
    )


def _point_mass(threads: int, seed: int) -> World:
    from .small_worlds import point_mass_world

    return point_mass_world()


def _maze(threads: int, seed: int) -> World:
    from .small_worlds import maze_world

    return maze_world()


def _quadrotor(threads: int, seed: int) -> World:
    from .control_worlds import quadrotor_world

    return quadrotor_world()


def _circuit(threads: int, seed: int) -> World:
    from .control_worlds import circuit_world

    return circuit_world(threads=threads)


def _parameters(world: World) -> tuple[Parameter, ...]:
    return world.make_batch(1).task_space.parameters


WORLDS: dict[str, Callable[[int, int], World]] = {
    "stump-tracks": _tracks("stump-tracks"),
    "hexagon-tracks": _tracks("hexagon-tracks"),
    "obstacle-course": _tracks("obstacle-course"),
    "original": lambda threads, seed: _stump_tracks_on_the_grid(threads),
    "mostly-unfeasible": _heights("mostly unfeasible tracks", 0.0, 9.0),
    "mostly-trivial": _heights("mostly trivial tracks", -3.0, 3.0),
    "rugged": _rugged,
    "point-mass": _point_mass,
    "maze": _maze,
    "quadrotor": _quadrotor,
    "circuit": _circuit,
}
"""Every world by name; called with the number of threads and a seed."""
