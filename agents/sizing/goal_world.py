"""Specifications of an op-amp as goals: how they are drawn, simulated and reached."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...envs.circuit.problem import SizingProblem
from ...envs.circuit.simulator import Simulator
from ...envs.circuit.spec import SIGNED, find_spec
from ...envs.tasks import Parameter, TaskSpace
from .goal_policy import GoalPolicy, policy_inputs

Array = NDArray[np.float64]

SPEC = "two-stage-opamp"
MOST = 30
"""Designs that may be tried for a specification, as in AutoCkt."""
TIGHT_CURRENT = 0.01
"""The harder set is AutoCkt's with the supply current in this proportion: 1 to 100 uA."""
_STUCK = 0.005  # noise added for each proposal in a row that was no better (of a variable's range)

Drawing = Literal["autockt", "tight"]


@dataclass(frozen=True)
class Outcome:
    """What became of some specifications."""

    reached: NDArray[np.bool_]
    """Whether a design met every limit, shape ``(n,)``."""
    simulations: NDArray[np.int64]
    """Designs simulated for each: up to the first that met all limits, else all that were tried."""
    ratings: Array
    """AutoCkt's score of the best design of each, 0 if reached, shape ``(n,)``."""
    unit: Array
    """The best design of each in the unit cube of the free variables, shape ``(n, dimension)``."""


class GoalWorld:
    """The op-amp and the limits that may be asked of it.

    Attributes:
        problem: the free variables, simulated by the native simulator.
        space: what a teacher chooses from: the limits that vary, as decimal logarithms.
    """

    def __init__(self) -> None:
        spec = find_spec(SPEC)
        topology = spec.topology
        self.spec = spec
        self.problem = SizingProblem(topology, spec, simulator=Simulator(topology))
        self._varying = [row for row, metric in enumerate(spec.metrics) if metric.vary is not None]
        self._names = [spec.metrics[row].name for row in self._varying]
        self._signs = np.array([1.0 if m.goal == "maximise" else -1.0 for m in spec.metrics])
        self._signed = np.array([metric.name in SIGNED for metric in spec.metrics])
        parameters = []
        # From the least of the harder set to the greatest of AutoCkt's.
        lowest, highest = self._ranges("tight"), self._ranges("autockt")
        for name, (least, _), (_, greatest) in zip(self._names, lowest, highest, strict=True):
            low, high = math.log10(least), math.log10(greatest)
            parameters.append(Parameter(f"log10_{name}", low, high, (low + high) / 2))
        self.space = TaskSpace(tuple(parameters))

    @property
    def inputs(self) -> int:
        """Length of a policy's input."""
        return len(self._names) + 1 + len(self.spec.metrics) + self.problem.dimension

    def draw(self, count: int, seed: int, drawing: Drawing = "autockt") -> Array:
        """Specifications as AutoCkt draws them, or harder ones: uniform in their ranges.

        Returns:
            Tasks of :attr:`space`, shape ``(count, dimension)``.
        """
        rng = np.random.default_rng(seed)
        low, high = np.array(self._ranges(drawing)).T
        return np.log10(rng.uniform(low, high, (count, len(low))))

    def _ranges(self, drawing: Drawing) -> list[tuple[float, float]]:
        """Lowest and highest limit of every metric that varies."""
        ranges = []
        for name, row in zip(self._names, self._varying, strict=True):
            vary = self.spec.metrics[row].vary
            assert vary is not None
            scale = TIGHT_CURRENT if drawing == "tight" and name == "power" else 1.0
            ranges.append((scale * vary[0], scale * vary[1]))
        return ranges

    def normalised(self, tasks: Array) -> Array:
        """Tasks as the policy sees them: 0 to 1 over the training range."""
        return (tasks - self.space.low) / (self.space.high - self.space.low)

    def limits(self, tasks: Array) -> Array:
        """The limits of all metrics of the spec, shape ``(n, metrics)``."""
        return self.spec.limits(len(tasks), 10.0**tasks)

    def simulate(self, unit: Array) -> Array:
        """Metrics of designs in the spec's order, shape ``(n, metrics)``; NaN if missing."""
        results = self.problem.simulator.simulate(self.problem.designs(unit))
        return self.spec.values(results)

    def slack(self, metrics: Array, limits: Array) -> Array:
        """Distances to the limits, positive where they hold; logarithms of ratios, or parts of the limit.

        The latter for metrics that can be negative (the phase margin). Same shape as ``metrics``.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log(metrics / limits)
        return np.asarray(self._signs * np.where(self._signed, metrics / limits - 1, ratio))

    def rate(self, metrics: Array, tasks: Array) -> tuple[Array, NDArray[np.bool_]]:
        """AutoCkt's scores and whether all limits are met, without its tolerance; ``(n,)`` each."""
        return self.spec.score_values(metrics, tasks=10.0**tasks)

    def size(
        self, policy: GoalPolicy, tasks: Array, rng: np.random.Generator, most: int = MOST
    ) -> Outcome:
        """Let a policy size the op-amp for specifications.

        It proposes a design from the specification alone; from then on it refines the best design so
        far from its simulated metrics. A proposal after ones that were no better has noise added.
        """
        count, dimension = len(tasks), self.problem.dimension
        limits, goals = self.limits(tasks), self.normalised(tasks)
        unit = np.full((count, dimension), 0.5)
        slack = np.zeros((count, len(self.spec.metrics)))
        ratings, stuck = np.full(count, -np.inf), np.zeros(count)
        reached, simulations = np.zeros(count, bool), np.zeros(count, np.int64)
        for attempt in range(most):
            rows = np.flatnonzero(~reached)
            if not rows.size:
                break
            simulated = np.full(rows.size, attempt > 0)
            inputs = policy_inputs(goals[rows], simulated, slack[rows], unit[rows])
            noise = _STUCK * stuck[rows, None] * rng.standard_normal((rows.size, dimension))
            proposed = np.clip(policy.propose(inputs, unit[rows]) + noise, 0.0, 1.0)
            metrics = self.simulate(proposed)
            scores, met = self.rate(metrics, tasks[rows])
            simulations[rows] += 1
            reached[rows] = met
            better = scores > ratings[rows]
            stuck[rows] = np.where(better, 0.0, stuck[rows] + 1)
            kept = rows[better]
            unit[kept], ratings[kept] = proposed[better], scores[better]
            slack[kept] = self.slack(metrics[better], limits[kept])
        return Outcome(reached, simulations, np.where(reached, 0.0, ratings), unit)


def evaluate_goals(
    policy: GoalPolicy, count: int, seed: int, drawing: Drawing = "autockt", most: int = MOST
) -> tuple[float, float]:
    """Test a policy on specifications that it has not seen.

    Args:
        policy: for the two-stage op-amp.
        count: specifications.
        seed: of the specifications and the noise.
        drawing: as AutoCkt draws them, or with :data:`TIGHT_CURRENT` of its supply current.
        most: designs that may be tried for each.

    Returns:
        The share of specifications reached (all limits met, without AutoCkt's tolerance of 0.02) and
        the mean number of designs simulated, those of missed specifications included.
    """
    world = GoalWorld()
    outcome = world.size(policy, world.draw(count, seed, drawing), np.random.default_rng(seed), most)
    return float(outcome.reached.mean()), float(outcome.simulations.mean())
