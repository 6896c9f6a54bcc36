"""Specifications of an op-amp that the goal-conditioned policy reaches, and designs simulated for each."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from ..agents.sizing.goal_policy import load_goal_policy
from ..agents.sizing.goal_world import MOST, Drawing, GoalWorld
from .table import Measurement
from .walker import one_core

SPECIFICATIONS = 500
"""As many as AutoCkt's test of its transimpedance amplifier had; its op-amp's had 1,000."""
AUTOCKT = "AutoCkt (published)"
AUTOCKT_REACHED, AUTOCKT_SIMULATIONS = 96.3, 27.0
"""Settaluri et al. 2020, two-stage op-amp with another process's transistors."""


def measure(seconds: float, seed: int) -> Iterator[Measurement]:
    """How many unseen specifications the policy that comes along reaches, and at what cost.

    A specification is reached when every limit is met (AutoCkt tolerates a score of -0.02). Next to
    AutoCkt's own distribution stands a harder one with a hundredth of the supply current, much of which
    no sizing of this circuit reaches; and the share of AutoCkt's that one fixed design reaches: the
    policy's own for the most demanding specification.

    Args:
        seconds: unused: the number of specifications is fixed, so that shares can be compared.
        seed: of the specifications.
    """
    policy, world = load_goal_policy(), GoalWorld()
    with one_core():
        world.simulate(np.full((1, world.problem.dimension), 0.5))  # compiles
        drawings: tuple[tuple[Drawing, str], ...] = (
            ("autockt", "AutoCkt's specifications"),
            ("tight", "a hundredth of the supply current"),
        )
        for drawing, name in drawings:
            tasks = world.draw(SPECIFICATIONS, seed, drawing)
            start = time.perf_counter()
            outcome = world.size(policy, tasks, np.random.default_rng(seed), MOST)
            elapsed = time.perf_counter() - start
            reached = 100 * float(outcome.reached.mean())
            simulations = float(outcome.simulations.mean())
            peer = drawing == "autockt"
            yield Measurement(
                name=f"{name}, reached",
                value=reached,
                unit="%",
                peer=AUTOCKT if peer else "",
                peer_value=AUTOCKT_REACHED if peer else None,
                ratio=reached / AUTOCKT_REACHED if peer else None,
            )
            yield Measurement(
                name=f"{name}, simulations each",
                value=simulations,
                unit="simulations",
                peer=AUTOCKT if peer else "",
                peer_value=AUTOCKT_SIMULATIONS if peer else None,
                ratio=AUTOCKT_SIMULATIONS / simulations if peer else None,
            )
            yield Measurement(
                name=f"{name}, rate", value=SPECIFICATIONS / elapsed, unit="specifications/s"
            )
        yield Measurement(
            name="AutoCkt's specifications, reached by one fixed design",
            value=100 * fixed_design_reaches(world, seed),
            unit="%",
        )


def fixed_design_reaches(world: GoalWorld, seed: int) -> float:
    """The share of AutoCkt's specifications that a single design meets, without any agent's adapting.

    The design is what the policy makes of the greatest gain and bandwidth with twice the least current.
    """
    task = np.log10([[400.0, 25e6, 2 * 0.18e-3]])
    outcome = world.size(load_goal_policy(), task, np.random.default_rng(seed))
    tasks = world.draw(SPECIFICATIONS, seed)
    metrics = np.tile(world.simulate(outcome.unit), (len(tasks), 1))
    return float(world.rate(metrics, tasks)[1].mean())
