"""The walker as a world to train in: its test set, the tracks to film, its layout."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..envs.tasks import Task, TaskSpace
from ..envs.walker.bodies import Body
from ..envs.walker.bodies_teachmyagent import make_body
from ..envs.walker.env import WalkerBatch
from ..envs.walker.terrain import make_terrain
from ..envs.walker.test_sets import MASTERED_RETURN, TEST_SETS, make_test_set
from .world import TEST_SEED, World

RATE = 50
"""Decisions per second."""
TEST_TASKS = 50
"""Tasks of a test set that nobody has published."""

_SHOWCASE: dict[str, dict[str, dict[str, float]]] = {
    "stump-tracks": {
        "easy": {"stump_height": 0.3, "obstacle_spacing": 5.0},
        "middle": {"stump_height": 1.0, "obstacle_spacing": 3.5},
        "hard": {"stump_height": 1.8, "obstacle_spacing": 2.0},
    },
    "plain": {
        "easy": {"roughness": 1.0},
        "middle": {"roughness": 3.0},
        "hard": {"roughness": 6.0},
    },
    "hardcore": {
        "easy": {"roughness": 0.0},
        "middle": {"roughness": 1.0},
        "hard": {"roughness": 3.0},
    },
    "obstacle-course": {
        "easy": {},
        "middle": {"roughness": 3.0, "pit_gap_high": 2.0, "stump_height_high": 1.0},
        "hard": {
            "roughness": 5.0,
            "pit_gap_high": 5.0,
            "stump_height_high": 2.0,
            "stair_height_high": 2.0,
            "stair_steps": 5.0,
        },
    },
}


def walker_world(terrain: str, body: str, solver: str, threads: int) -> World:
    """The walker with this body on this family of tracks.

    Args:
        terrain: a name from ``TERRAINS``.
        body: a name from ``BODIES``.
        solver: "fast" or "box2d".
        threads: threads that share the copies; 0 takes all cores.

    Raises:
        InputError: one of them does not exist.
    """
    space = make_terrain(terrain).task_space
    shape = make_body(body)
    return World(
        title=f"{body} walker on {terrain}" if body != "default" else f"walker on {terrain}",
        make_batch=lambda num_envs: WalkerBatch(
            num_envs, terrain=terrain, body=body, solver=solver, threads=threads
        ),
        test_tasks=test_tasks(terrain, space),
        mastered_return=MASTERED_RETURN,
        showcase=_showcase(terrain, space),
        description=_description(terrain, body, solver, space, shape),
    )


def test_tasks(terrain: str, space: TaskSpace) -> NDArray[np.float64]:
    """The published test set of 50 tasks if there is one, else 50 tasks drawn with a fixed seed."""
    published = f"{terrain}-50"
    if published in TEST_SETS:
        return make_test_set(published)
    return space.sample(np.random.default_rng(TEST_SEED), TEST_TASKS)


def _showcase(terrain: str, space: TaskSpace) -> dict[str, Task]:
    if terrain in _SHOWCASE:
        return {name: space.validate(task) for name, task in _SHOWCASE[terrain].items()}
    shares = {"easy": 0.1, "middle": 0.4, "hard": 0.7}
    return {name: space.denormalise(np.full(space.dimension, share)) for name, share in shares.items()}


def _description(terrain: str, body: str, solver: str, space: TaskSpace, shape: Body) -> dict[str, Any]:
    return {
        "world": "walker",
        "terrain": terrain,
        "body": body,
        "solver": solver,
        "rate_hz": RATE,
        "task_space": [
            {"name": p.name, "low": p.low, "high": p.high, "unit": p.unit} for p in space.parameters
        ],
        "observation": _observation_layout(shape),
        "action": [
            {"name": joint.name, "unit": f"of {joint.torque:g} N m at {joint.speed:g} rad/s"}
            for joint in shape.joints
            if joint.motorised
        ],
    }


def _observation_layout(body: Body) -> list[dict[str, str]]:
    layout = [
        {"name": "hull_angle", "unit": "rad"},
        {"name": "hull_angular_velocity", "unit": "25 rad/s"},
        {"name": "hull_velocity_x", "unit": "8.33 m/s"},
        {"name": "hull_velocity_y", "unit": "12.5 m/s"},
    ]
    for joint in body.joints:
        if not joint.motorised:
            continue
        layout.append({"name": f"{joint.name}_angle", "unit": "rad"})
        layout.append({"name": f"{joint.name}_speed", "unit": f"{joint.speed:g} rad/s"})
        if joint.contact_part is not None:
            layout.append({"name": f"{joint.name}_contact", "unit": "0 or 1"})
    layout.extend({"name": f"lidar_{ray}", "unit": "5.33 m"} for ray in range(10))
    return layout
