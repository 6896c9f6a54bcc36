"""The default sizing agent: critics that learn every metric, and an actor that climbs through them.

Off-policy and model-based: all designs simulated so far teach the critics (:mod:`.agent_critic`) each metric
of the spec. The score of predicted metrics has gradients towards the sizes (:mod:`.agent_objective`), so
the actor (:mod:`.agent_actor`), which sees the operating points of the best designs and the spec, learns
to refine them without further simulations; its proposals and random neighbours are climbed to the end
inside a trust region around the best design, moved on the technology's grid one step at a time, and
the most promising of them are simulated: some judged cautiously, some neutrally, some optimistically.
No gradient of the simulator is used, so that any simulator will do.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import qmc

from ...envs.circuit.problem import Evaluation, SizingProblem
from ...envs.circuit.results import DEVICE_COLUMNS
from ...errors import InputError
from .agent_actor import Actor, operating_points
from .agent_critic import Adam, Critic, GaussianCritic, NetworkCritic
from .agent_objective import PENALTY, Objective

Array = NDArray[np.float64]


@dataclass(frozen=True)
class AgentSettings:
    """What can be left out, for ablations; the defaults are the agent."""

    critic: Literal["gaussian", "network"] = "gaussian"
    actor: Literal["attention", "independent", "none"] = "attention"
    """Independent: components do not see each other. None: random neighbours alone."""


FIRST = 24
"""Designs spread over the box before anything is learnt."""
BATCH = 12
"""Designs of an iteration."""
NEAREST = 350
"""Designs that the critics learn from: those nearest to the best one."""
STARTS = 48
"""Points that are climbed from in an iteration."""
ELITES = 16
"""Best designs that the actor refines."""
CAUTIONS = (-1.0, 0.0, 0.5)
"""Standard deviations that limits are tightened by; the optimistic ones explore."""
PATIENCE = 12
"""Iterations without an improvement after which a narrowed search has converged and starts elsewhere."""
MODEL_SIMULATIONS = 2000
"""After so many simulations the budget is spent by the cheap search."""
REACH, LEAST_REACH, GREATEST_REACH = 0.4, 0.01, 0.6
"""Half the edge of the trust region at the start, and its bounds (of the box's edge, log scale)."""
CHEAP_BATCH = 250
"""Designs of an iteration of the cheap search."""
CHEAP_PARENTS = 20
"""Best designs that the cheap search starts from."""

_ARRAYS = ("_designs", "_metrics", "_scores", "_elites", "_points")
_COUNTERS = ("_start", "_reach", "_failures", "_successes", "_stale", "_fits")


class AgentSizer:
    """The sizer called ``eyas``.

    Three phases: designs spread over the box; model-based refinement, restarted elsewhere when it has
    converged; from then on, if there is budget left, large batches of random steps on the grid around the
    best designs, which cost no model.

    Args:
        problem: what is sized.
        seed: of everything that is random.
        budget: unused: the agent does the same first 1,000 simulations whatever comes after them.
        settings: for ablations.
    """

    def __init__(
        self,
        problem: SizingProblem,
        seed: int,
        budget: int,
        settings: AgentSettings | None = None,
    ) -> None:
        torch.set_num_threads(1)  # the tensors are small
        self.problem = problem
        self.settings = AgentSettings() if settings is None else settings
        self.objective = Objective(problem)
        self._rng = np.random.default_rng(seed)
        self._critic = self._new_critic()
        metrics = len(self.objective.names)
        attention = self.settings.actor == "attention"
        self._actor = Actor(problem, 2 * metrics, self._rng, attention=attention)
        self._grid = np.array([problem.topology.variables[column].step for column in problem.columns])
        self._unit = np.empty((0, problem.dimension))
        self._designs = np.empty((0, len(problem.topology.variables)))
        self._metrics = np.empty((0, metrics))
        self._scores = np.empty(0)
        self._elites = np.empty(0, np.int64)
        transistors = len(problem.topology.netlist.transistors)
        self._points = np.empty((0, transistors, len(DEVICE_COLUMNS)), np.float32)
        self._seen: set[bytes] = set()
        self._start = 0  # of the present search among the designs
        self._reach = REACH
        self._failures = self._successes = self._stale = self._fits = 0
        # Of the present iteration.
        self._bounds = (torch.zeros(problem.dimension), torch.ones(problem.dimension))
        self._penalty = PENALTY

    # The sizer's interface --------------------------------------------------------------------

    def ask(self) -> Array:
        """Points to simulate next, shape ``(n, dimension)``."""
        if len(self._scores) == self._start:
            sampler = qmc.Sobol(self.problem.dimension, rng=self._rng)
            points = sampler.random(2 ** math.ceil(math.log2(FIRST)))
            return np.asarray(points[:FIRST])
        if len(self._scores) >= MODEL_SIMULATIONS:
            return self._cheap()
        return self._refine()

    def tell(self, evaluation: Evaluation) -> None:
        """Take the outcome of the last ``ask``."""
        before = self._scores[self._start :].max(initial=-np.inf)
        told = len(self._scores)
        unit = self.problem.unit(evaluation.designs)  # where the grid has moved the points to
        self._unit = np.concatenate([self._unit, unit])
        self._designs = np.concatenate([self._designs, evaluation.designs])
        self._metrics = np.concatenate([self._metrics, self.objective.observe(evaluation.results)])
        self._scores = np.concatenate([self._scores, evaluation.scores])
        self._seen.update(self._key(design) for design in evaluation.designs)
        self._keep_elites(operating_points(evaluation.results), told)
        if told > self._start:
            self._adapt(bool(evaluation.scores.max() > before + 1e-3 * abs(before)))

    def state(self) -> dict[str, Any]:
        """All it takes to go on later."""
        counters = {name: getattr(self, name) for name in _COUNTERS}
        arrays = {name: np.array(getattr(self, name)) for name in _ARRAYS}
        return {
            **{name.strip("_"): value for name, value in (counters | arrays).items()},
            "critic": self._critic.state(),
            "actor": self._actor.vector(),
            "random": json.dumps(self._rng.bit_generator.state),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state`.

        Raises:
            InputError: the state is of another sizer or problem.
        """
        try:
            shapes = [np.shape(state["designs"])[1:], np.shape(state["metrics"])[1:]]
            if shapes != [self._designs.shape[1:], self._metrics.shape[1:]]:
                raise InputError(
                    f"the saved designs and metrics have shapes {shapes}, which are another problem's"
                )
            for name in _ARRAYS:
                setattr(self, name, np.array(state[name.strip("_")]))
            for name in _COUNTERS:
                setattr(self, name, state[name.strip("_")])
            self._critic.restore(np.asarray(state["critic"]))
            self._actor.load(np.asarray(state["actor"]))
            self._rng.bit_generator.state = json.loads(state["random"])
        except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
            raise InputError(f"the saved state is not one of the sizer eyas ({error})") from error
        self._unit = self.problem.unit(self._designs)
        self._seen = {self._key(design) for design in self._designs}

    # One iteration ----------------------------------------------------------------------------

    def _keep_elites(self, points: NDArray[np.float32], told: int) -> None:
        """Remember the operating points of the best designs of the present search."""
        rows = np.concatenate([self._elites, np.arange(told, len(self._scores))])
        points = np.concatenate([self._points, points])
        best = np.argsort(-self._scores[rows], kind="stable")[:ELITES]
        self._elites, self._points = rows[best], points[best]

    def _adapt(self, improved: bool) -> None:
        """Widen the trust region after successes, narrow it after failures; start elsewhere at the end."""
        self._successes = self._successes + 1 if improved else 0
        self._failures = 0 if improved else self._failures + 1
        self._stale = 0 if improved else self._stale + 1
        if self._successes >= 2:
            self._reach, self._successes = min(self._reach * 1.5, GREATEST_REACH), 0
        if self._failures >= 3:
            self._reach, self._failures = max(self._reach / 1.6, LEAST_REACH), 0
        model = len(self._scores) < MODEL_SIMULATIONS
        if model and self._stale >= PATIENCE and self._reach <= 2 * LEAST_REACH:
            self._start, self._reach = len(self._scores), REACH
            self._failures = self._successes = self._stale = 0
            self._elites, self._points = self._elites[:0], self._points[:0]

    def _refine(self) -> Array:
        """The most promising designs of the trust region around the best one."""
        best = self._elites[0]
        centre = self._unit[best]
        distances = np.abs(self._unit - centre).max(axis=1)
        near = np.argsort(distances, kind="stable")[:NEAREST]
        steps = 40 if self._fits == 0 else 8 if len(near) < 120 or self._fits % 3 == 0 else 0
        self._critic.fit(self._unit[near], self._filled(near), steps)
        self._fits += 1
        low, high = np.clip(centre - self._reach, 0, 1), np.clip(centre + self._reach, 0, 1)
        self._bounds = torch.tensor(low), torch.tensor(high)
        point = torch.tensor(centre[None])
        with torch.no_grad():
            mean, deviation = self._critic.predict(point)
            reward, _ = self.objective.judge(point, mean, deviation, torch.zeros(1))
        self._penalty = PENALTY * max(1.0, abs(float(reward[0])))

        caution = np.tile(CAUTIONS, STARTS // len(CAUTIONS))
        climbed = self._climb(np.clip(self._starts(centre), low, high), caution)
        designs = self._move_on_grid(self.problem.designs(climbed), caution)
        values = self._value(self.problem.unit(designs), caution)
        return self._choose(designs, values, caution, centre)

    def _cheap(self) -> Array:
        """Steps on the grid from the best designs of all: a few variables, or all of them, at once."""
        parents = self._designs[np.argsort(-self._scores, kind="stable")[:CHEAP_PARENTS]]
        columns, dimension = self.problem.columns, self.problem.dimension
        chosen: dict[bytes, Array] = {}
        for _ in range(10):
            designs = parents[self._rng.integers(0, len(parents), CHEAP_BATCH)]
            share = self._rng.choice([1 / dimension, 2 / dimension, 1.0], (CHEAP_BATCH, 1))
            moved = self._rng.random((CHEAP_BATCH, dimension)) < share
            width = 2.0 ** self._rng.integers(0, 5, (CHEAP_BATCH, 1))
            step = np.round(width * self._rng.standard_normal((CHEAP_BATCH, dimension)))
            designs[:, columns] += moved * step * self._grid
            for design in self.problem.topology.snap(designs):
                key = self._key(design)
                if key not in self._seen and len(chosen) < CHEAP_BATCH:
                    chosen[key] = design
            if len(chosen) == CHEAP_BATCH:
                break
        if not chosen:  # every neighbour is known
            return self._rng.random((CHEAP_BATCH, dimension))
        return self.problem.unit(np.array(list(chosen.values())))

    def _filled(self, rows: NDArray[np.int64]) -> Array:
        """Metrics of some designs; what is missing counts as the worst seen among them."""
        metrics = self._metrics[rows].copy()
        for column in range(metrics.shape[1]):
            missing = np.isnan(metrics[:, column])
            if missing.any():
                known = metrics[~missing, column]
                sign = self.objective.direction[column]
                worst = 0.0 if not len(known) else float(sign * np.min(sign * known))
                metrics[missing, column] = worst
        return metrics

    def _starts(self, centre: Array) -> Array:
        """Where to climb from: the actor's refinements of the best designs, and random neighbours."""
        dimension = self.problem.dimension
        chosen = self._rng.choice(self._elites[:8], STARTS)
        noise = self._rng.standard_normal((STARTS, dimension)) * self._rng.random((STARTS, 1))
        starts = self._unit[chosen] + 0.4 * self._reach * noise
        wide = STARTS // 4
        starts[:wide] = centre + self._rng.uniform(-self._reach, self._reach, (wide, dimension))
        if self.settings.actor != "none":
            proposals = self._act()
            starts[wide : wide + len(proposals)] = proposals
        return starts

    def _act(self) -> Array:
        """Improve the actor through the critics on the elites, then let it refine them."""
        unit = torch.tensor(self._unit[self._elites])
        metrics = torch.tensor(self._filled(self._elites))
        spread = metrics.std(dim=0, correction=0) + 1e-6
        standard = (metrics - metrics.mean(dim=0)) / spread
        shown = torch.cat([standard, self.objective.slack(metrics)], dim=1).float().clamp(-10, 10)
        points = torch.tensor(self._points)
        caution = torch.zeros(len(unit), dtype=torch.float64)
        low, high = self._bounds
        optimizer = Adam(list(self._actor.parameters()))
        for _ in range(20):
            change = self._actor(unit.float(), points, shown).double()
            moved = (unit + self._reach * change).clamp(low, high)
            optimizer.step(-self._torch_value(moved, caution).mean(), 3e-3)
        with torch.no_grad():
            change = self._actor(unit.float(), points, shown).double()
        return np.asarray((unit + self._reach * change).clamp(low, high).numpy())

    def _torch_value(self, unit: torch.Tensor, caution: torch.Tensor) -> torch.Tensor:
        mean, deviation = self._critic.predict(unit)
        reward, violation = self.objective.judge(unit, mean, deviation, caution)
        return reward - self._penalty * violation

    def _value(self, unit: Array, caution: Array) -> Array:
        with torch.no_grad():
            return np.asarray(self._torch_value(torch.tensor(unit), torch.tensor(caution)).numpy())

    def _climb(self, starts: Array, caution: Array, steps: int = 40) -> Array:
        """Ascend the predicted value from every start, inside the trust region."""
        low, high = self._bounds
        unit = torch.tensor(starts, requires_grad=True)
        cautions = torch.tensor(caution)
        optimizer = Adam([unit])
        for step in range(steps):
            rate = 0.15 * self._reach * (1 - step / steps) + 1e-4
            optimizer.step(-self._torch_value(unit, cautions).sum(), rate)
            with torch.no_grad():
                unit.copy_(torch.maximum(torch.minimum(unit, high), low))
        return np.asarray(unit.detach().numpy())

    def _move_on_grid(self, designs: Array, caution: Array, rounds: int = 2) -> Array:
        """Take the best step of one variable on the grid, to designs not simulated yet."""
        problem = self.problem
        columns, dimension = problem.columns, problem.dimension
        moves = np.concatenate([np.zeros((1, dimension)), np.eye(dimension), -np.eye(dimension)])
        rows = np.arange(len(designs))
        for _ in range(rounds):
            near = np.repeat(designs[:, None], len(moves), axis=1)
            near[:, :, columns] += moves * self._grid
            flat = problem.topology.snap(near.reshape(-1, designs.shape[1]))
            values = self._value(problem.unit(flat), np.repeat(caution, len(moves)))
            values[[self._key(design) in self._seen for design in flat]] = -np.inf
            best = values.reshape(len(designs), -1).argmax(axis=1)
            designs = flat.reshape(near.shape)[rows, best]
        return designs

    def _choose(self, designs: Array, values: Array, caution: Array, centre: Array) -> Array:
        """The best of each degree of caution in turn, none twice; random neighbours if they run out."""
        groups = [
            sorted(np.flatnonzero(caution == degree), key=lambda row: -values[row])
            for degree in CAUTIONS
        ]
        chosen: dict[bytes, Array] = {}
        while len(chosen) < BATCH and any(groups):
            for group in groups:
                while group and len(chosen) < BATCH:
                    design = designs[group.pop(0)]
                    key = self._key(design)
                    if key not in self._seen and key not in chosen:
                        chosen[key] = design
                        break
        points = list(self.problem.unit(np.array(list(chosen.values())))) if chosen else []
        while len(points) < BATCH:
            noise = 0.3 * self._reach * self._rng.standard_normal(self.problem.dimension)
            points.append(np.clip(centre + noise, 0, 1))
        return np.array(points)

    def _key(self, design: Array) -> bytes:
        return np.round(design[self.problem.columns], 6).tobytes()

    def _new_critic(self) -> Critic:
        dimension, metrics = self.problem.dimension, len(self.objective.names)
        if self.settings.critic == "network":
            return NetworkCritic(dimension, metrics, self._rng)
        return GaussianCritic(dimension, metrics)
