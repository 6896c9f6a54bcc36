"""CircuitBatch: N copies of a circuit to be sized."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..batch import BatchEnv
from .observation import CLIP, Observer
from .problem import Evaluation, Simulates, SizingProblem
from .simulator import Simulator
from .spec import DEFAULT, Spec, choose_spec
from .topology import Topology, find_topology

ACTIONS = ("absolute", "incremental")
"""What an action does: name all sizes anew, or move them."""
STARTS = ("middle", "nominal", "random")
"""The design that an episode of incremental actions starts from."""
REACH = 0.2
"""An incremental action of 1 moves a size by this part of its range."""
BONUS = 10.0
"""AutoCkt's reward for reaching the spec, in place of the score."""
STEPS = {"l2dc": 5, "autockt": 30, "gcn-rl": 1}
"""Designs that an episode simulates, as published, by the spec's scoring."""


class CircuitBatch(BatchEnv):
    """N circuits whose sizes have to meet a spec.

    ## Description
    The topology is fixed and its sizes are chosen. Every step simulates the design of each copy (operating
    point, AC, noise and poles, as ngspice does) and scores it under the spec. The task is the vector of
    the spec's varying limits (:attr:`.Spec.task_space`), so a teacher can move from easy specifications
    to hard ones. Devices that match share their variables in the netlist and so stay matched.

    ## Action space
    ``Box(-1, 1, (d,))``, a number for each free variable, in the order of ``problem.names``;
    :func:`~.components.components` tells which component each belongs to. ``absolute`` (L2DC's "pointed"
    form): -1 is the variable's lower bound, 1 its upper one, on a logarithmic scale. ``incremental``: 1
    moves the variable up by a fifth of that range. Either way the design that is simulated lies on the
    technology's grid; increments add up unrounded.

    ## Observation space
    ``Box(-10, 10)``, float32, of the last design: for each transistor 22 numbers (NMOS, PMOS, and the 20
    of its operating point as HSPICE prints it), the node voltages, all metrics, the limits of the task on
    the scale of their metrics, the free variables from -1 to 1. ``observer.blocks`` tells where each block
    is. Numbers are normalised with the statistics of random designs (:mod:`.observation`); a failed
    simulation leaves zeros in the blocks that it should have filled.

    ## Reward
    By the spec's scoring. ``l2dc``: the score less that of the step before, 0 before the first step, so
    that the return is the last score. ``autockt``: the score, or 10 where it is at least -0.02.
    ``gcn-rl``: the score.

    ## Starting state
    Absolute: nothing is simulated yet, the observation is zero but for the limits. Incremental: the middle
    of every range (nobody's knowledge), the nominal design, or a random one; it is simulated and observed,
    but not rewarded. Random ones follow from the seed.

    ## Episode end
    Terminated where AutoCkt's score reaches the spec. Truncated after the published number of steps: 5
    (L2DC), 30 (AutoCkt), 1 (GCN-RL). One step is the single-step form.

    ## Arguments
    Args:
        num_envs: copies N, at least 1.
        topology: a topology or the name of one; by default the spec's.
        spec: a spec, the name of one that comes along or a YAML file; by default the topology's.
        free: names of the free variables; by default ``topology.sizing``.
        action: ``absolute`` or ``incremental``.
        start: of incremental actions: ``middle``, ``nominal`` or ``random``.
        threads: of the simulator.
        simulator: another one than the native, such as ngspice.
        max_episode_steps: designs per episode, at least 1.

    Raises:
        InputError: an option is unknown or out of its range, or the spec is not the topology's.

    ## Version history
    v0: first version.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        topology: str | Topology | None = None,
        spec: str | Path | Spec | None = None,
        free: Sequence[str] = (),
        action: str = "absolute",
        start: str = "middle",
        threads: int = 1,
        simulator: Simulates | None = None,
        max_episode_steps: int | None = None,
    ) -> None:
        for name, value, allowed in (("action", action, ACTIONS), ("start", start, STARTS)):
            if value not in allowed:
                raise InputError(f"{name} = {value!r} is unknown; choose from {', '.join(allowed)}")
        circuit, wanted = choose(topology, spec)
        steps = STEPS[wanted.scoring] if max_episode_steps is None else max_episode_steps
        if steps < 1:
            raise InputError(f"max_episode_steps = {steps} must be at least 1")
        if simulator is None:
            simulator = Simulator(circuit, threads=threads)
        self.problem = SizingProblem(circuit, wanted, free, simulator)
        self.spec = wanted
        self.observer = Observer(wanted, self.problem.dimension)
        self.evaluation: Evaluation | None = None
        """Of the last step's designs, a row for each copy; None before the first step."""
        self._incremental = action == "incremental"
        self._start = start
        size = self.problem.dimension
        self._unit = np.full((max(num_envs, 1), size), 0.5)
        self._scores = np.zeros(max(num_envs, 1))
        super().__init__(
            num_envs,
            wanted.task_space,
            gymnasium.spaces.Box(-CLIP, CLIP, (self.observer.size,), np.float32),
            gymnasium.spaces.Box(-1.0, 1.0, (size,), np.float32),
            steps,
        )

    # What BatchEnv asks for -------------------------------------------------------------------

    def _reset_copies(self, copies: NDArray[np.int64]) -> None:
        self._scores[copies] = 0
        unit = np.full((len(copies), self.problem.dimension), 0.5)
        results = None
        if self._incremental and len(copies):
            if self._start == "nominal":
                unit[:] = self.problem.unit(self.problem.topology.nominal[np.newaxis])
            elif self._start == "random":
                for row, copy in enumerate(copies):
                    rng = np.random.default_rng(int(self.random_state[copy]))
                    unit[row] = rng.random(self.problem.dimension)
                    self.random_state[copy] = rng.integers(2**64, dtype=np.uint64)
            results = self.problem.simulator.simulate(self.problem.designs(unit))
        limits = self.spec.limits(len(copies), self.tasks[copies])
        self._unit[copies] = unit
        self.observations[copies] = self.observer.observe(results, limits, unit)

    def _advance(self, actions: NDArray[np.float32]) -> None:
        moves = np.clip(np.asarray(actions, dtype=np.float64), -1.0, 1.0)
        if moves.shape != self._unit.shape:
            raise InputError(f"actions have shape {moves.shape}, expected {self._unit.shape}")
        if self._incremental:
            self._unit[:] = np.clip(self._unit + REACH * moves, 0.0, 1.0)
        else:
            self._unit[:] = (moves + 1) / 2
        evaluation = self.problem.evaluate(self._unit, self.tasks)
        scores = evaluation.scores
        if self.spec.scoring == "autockt":
            self.terminated[:] = self.spec.reached(scores, evaluation.feasible)
            self.rewards[:] = np.where(self.terminated, BONUS, scores)
        else:
            self.terminated[:] = False
            self.rewards[:] = scores - self._scores if self.spec.scoring == "l2dc" else scores
        self._scores[:] = scores
        self.evaluation = evaluation
        limits = self.spec.limits(self.num_envs, self.tasks)
        self.observations[:] = self.observer.observe(evaluation.results, limits, self._unit)

    def _state_arrays(self) -> dict[str, NDArray[Any]]:
        return {"unit": self._unit, "scores": self._scores}


def choose(topology: str | Topology | None, spec: str | Path | Spec | None) -> tuple[Topology, Spec]:
    """A topology and its spec where either may be missing; both missing is the two-stage TIA.

    Raises:
        InputError: one of them does not exist, or no spec of the topology's name comes along.
    """
    circuit = find_topology(topology) if isinstance(topology, str) else topology
    if spec is None:
        spec = circuit.name if circuit is not None else DEFAULT
    wanted = choose_spec(spec)
    return (wanted.topology if circuit is None else circuit), wanted
