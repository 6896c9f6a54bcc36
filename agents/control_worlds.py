"""Quadrotor airframes and circuit specifications as worlds to train in."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..envs.circuit.env import CircuitBatch
from ..envs.circuit.spec import Spec, find_spec
from ..envs.quadrotor.env import QuadrotorBatch
from ..envs.quadrotor.task_airframes import TASK_SPACE
from ..envs.tasks import Task
from .small_worlds import space_layout
from .world import TEST_SEED, World

TEST_TASKS = 50
"""Tasks of each test set, drawn uniformly with a fixed seed."""
QUADROTOR_RATE = 100
"""Decisions per second."""
QUADROTOR_MASTERED = 500.0
"""One of 1.5 per step, over a whole episode. On 200 uniform airframes the foundation policy, which
remembers and so adapts, returns 681 in the median, 625 at the 5th percentile and more than this on 98 %;
rotors at half speed return at most 18, random actions less than -99."""

_SLACK = 1e-5
"""Room for the rounding of float32 rewards."""


def quadrotor_world() -> World:
    """Quadrotors whose airframe is the task: mass, thrust, agility, rotors, a disturbance.

    The student sees position, attitude and velocities, not the airframe; a network without memory has to
    find a policy that suits them all. The teacher chooses from :data:`TASK_SPACE`, nine parameters; the
    test set are 50 of its airframes, drawn uniformly.
    """
    return World(
        title="quadrotor of any airframe",
        make_batch=QuadrotorBatch,
        test_tasks=TASK_SPACE.sample(np.random.default_rng(TEST_SEED), TEST_TASKS),
        mastered_return=QUADROTOR_MASTERED,
        showcase={
            "easy": TASK_SPACE.validate({}),
            "middle": TASK_SPACE.validate({"size": 0.5, "torque_to_inertia": 900.0}),
            "hard": TASK_SPACE.validate(
                {"size": 0.3, "thrust_to_weight": 1.8, "torque_to_inertia": 1100.0}
            ),
        },
        description={
            "world": "quadrotor",
            "reference": "position",
            "rate_hz": QUADROTOR_RATE,
            "task_space": space_layout(TASK_SPACE),
            "observation": [
                *_named("position", "m", "xyz"),
                *_named("rotation", "1", [f"{row}{column}" for row in "xyz" for column in "xyz"]),
                *_named("linear_velocity", "m/s", "xyz"),
                *_named("angular_velocity", "rad/s", "xyz"),
                *_named("last_action", "1", "0123"),
            ],
            "action": _named("rotor_speed", "-1 at rest, 1 at full speed", "0123"),
        },
    )


def circuit_world(spec: str = "two-stage-opamp", *, threads: int = 1) -> World:
    """A circuit to be sized for limits that the teacher chooses.

    Actions and episodes are those of the spec's authors: AutoCkt's are 30 moves from the middle of all
    ranges, L2DC's five designs, GCN-RL's one. The test set are 50 tasks of the spec, drawn uniformly,
    some of which no design may reach. Mastered is a task whose limits were met (for AutoCkt within its
    tolerance, at any step; otherwise by the last design).

    Args:
        spec: a name from :data:`~eyas.envs.circuit.spec.SPECS`.
        threads: of the simulator.

    Raises:
        InputError: there is no such spec.
    """
    wanted = find_spec(spec)
    incremental = wanted.scoring == "autockt"
    action = "incremental" if incremental else "absolute"

    def make_batch(num_envs: int) -> CircuitBatch:
        return CircuitBatch(num_envs, spec=wanted, action=action, threads=threads)

    batch, space = make_batch(1), wanted.task_space
    unit = "1/5 of its range" if incremental else "of its range, -1 lowest, 1 highest"
    return World(
        title=f"circuit {spec}",
        make_batch=make_batch,
        test_tasks=space.sample(np.random.default_rng(TEST_SEED), TEST_TASKS),
        mastered_return=reached_return(wanted),
        showcase=_no_pictures(),
        description={
            "world": "circuit",
            "spec": spec,
            "action_kind": action,
            "rate_hz": 1,
            "task_space": space_layout(space),
            "observation": [
                {"name": f"{name}_{number}", "unit": "standard deviation"}
                for name, block in batch.observer.blocks.items()
                for number in range(block.stop - block.start)
            ],
            "action": [{"name": name, "unit": unit} for name in batch.problem.names],
        },
    )


def reached_return(spec: Spec) -> float:
    """What only an episode that meets the spec's limits returns more than, by its scoring.

    AutoCkt's pays at most 0 per step and 10 for the spec, so more than 0 tells that it was reached, and
    not after a long series of bad designs. L2DC's returns the last score, negative where a limit is
    violated. GCN-RL's score lies below minus the number of minimised metrics there.
    """
    if spec.scoring == "autockt":
        return 0.0
    if spec.scoring == "l2dc":
        return -_SLACK
    minimised = sum(
        metric.goal == "minimise" and metric.low is not None and metric.high is not None
        for metric in spec.metrics
    )
    return -minimised - _SLACK


def _no_pictures() -> dict[str, Task]:
    """A circuit has nothing to film."""
    return {}


def _named(what: str, unit: str, parts: Any) -> list[dict[str, str]]:
    return [{"name": f"{what}_{part}", "unit": unit} for part in parts]
