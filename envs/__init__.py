"""Worlds. They know nothing of teachers or learners.

Importing this package registers their Gymnasium ids and compiles nothing::

    import gymnasium
    import eyas.envs

    env = gymnasium.make("eyas/Walker-v0", render_mode="rgb_array")
    envs = gymnasium.make_vec("eyas/Walker-v0", num_envs=64, autoreset_mode="SameStep")

====================================  ==========================================================
``eyas/Walker-v0``                    walker on stump tracks, task of 2 parameters
``eyas/WalkerHexagon-v0``             on hexagon tracks, 12 parameters
``eyas/WalkerPlain-v0``               on Gymnasium's plain terrain, 1 parameter
``eyas/WalkerHardcore-v0``            on Gymnasium's hardcore terrain, 1 parameter
``eyas/WalkerObstacleCourse-v0``      on DCD's roughness, pits, stumps and stairs, 8 parameters
``eyas/Quadrotor-v0``                 quadrotor whose airframe is the task, 9 parameters
``eyas/Circuit-v0``                   circuit to be sized, its spec's limits are the task
``eyas/DarkRoom-v0``                  grid with an unseen goal; the goal (or key and door) is the task
``eyas/PointMass-v0``                 point mass through a gate, task of 2 parameters (3 with friction)
``eyas/SparseMaze-v0``                ring maze whose goal only pays when reached, 3 parameters
====================================  ==========================================================

Walkers take the keywords of :class:`~eyas.envs.walker.env.WalkerBatch` (``body``, ``solver``,
``threads``, ...), quadrotors those of :class:`~eyas.envs.quadrotor.env.QuadrotorBatch` (``airframes``,
``reference``, ``conditions``, ...), circuits those of :class:`~eyas.envs.circuit.env.CircuitBatch`
(``topology``, ``spec``, ``action``, ...).
"""

from __future__ import annotations

import gymnasium

_WALKERS = {
    "eyas/Walker-v0": "stump-tracks",
    "eyas/WalkerHexagon-v0": "hexagon-tracks",
    "eyas/WalkerPlain-v0": "plain",
    "eyas/WalkerHardcore-v0": "hardcore",
    "eyas/WalkerObstacleCourse-v0": "obstacle-course",
}

for _id, _terrain in _WALKERS.items():
    if _id not in gymnasium.registry:
        gymnasium.register(
            id=_id,
            entry_point=f"{__name__}.walker.entry_points:make_walker",
            vector_entry_point=f"{__name__}.walker.entry_points:make_walkers",
            kwargs={"terrain": _terrain},
        )

if "eyas/Quadrotor-v0" not in gymnasium.registry:
    gymnasium.register(
        id="eyas/Quadrotor-v0",
        entry_point=f"{__name__}.quadrotor.entry_points:make_quadrotor",
        vector_entry_point=f"{__name__}.quadrotor.entry_points:make_quadrotors",
    )

if "eyas/Circuit-v0" not in gymnasium.registry:
    gymnasium.register(
        id="eyas/Circuit-v0",
        entry_point=f"{__name__}.circuit.entry_points:make_circuit",
        vector_entry_point=f"{__name__}.circuit.entry_points:make_circuits",
    )

if "eyas/DarkRoom-v0" not in gymnasium.registry:
    gymnasium.register(
        id="eyas/DarkRoom-v0",
        entry_point=f"{__name__}.dark.entry_points:make_dark",
        vector_entry_point=f"{__name__}.dark.entry_points:make_darks",
    )

if "eyas/PointMass-v0" not in gymnasium.registry:
    gymnasium.register(
        id="eyas/PointMass-v0",
        entry_point=f"{__name__}.point_mass.entry_points:make_point_mass",
        vector_entry_point=f"{__name__}.point_mass.entry_points:make_point_masses",
    )

if "eyas/SparseMaze-v0" not in gymnasium.registry:
    gymnasium.register(
        id="eyas/SparseMaze-v0",
        entry_point=f"{__name__}.maze.entry_points:make_maze",
        vector_entry_point=f"{__name__}.maze.entry_points:make_mazes",
    )
