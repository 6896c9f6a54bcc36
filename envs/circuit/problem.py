"""A sizing problem: the free variables of a topology as points of a unit cube, and what they score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from .spec import Spec
from .topology import Topology

if TYPE_CHECKING:
    from .results import Results

Array = NDArray[np.float64]


class Simulates(Protocol):
    """Whoever measures designs: the native simulator or ngspice."""

    def simulate(self, designs: Array) -> Results:
        """Measure designs, shape ``(n, variables)``."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """What came of n points."""

    unit: Array
    """The points, shape ``(n, dimension)``, in [0, 1]."""
    designs: Array
    """The designs they stand for, on the grid, shape ``(n, variables)``."""
    results: Results
    """Every metric and operating point."""
    scores: Array
    """Shape ``(n,)``; -5 where the simulation failed."""
    feasible: NDArray[np.bool_]
    """Whether all limits are met, shape ``(n,)``."""


class SizingProblem:
    """Find the sizes of a circuit that score best under a spec.

    A point of the unit cube stands for the free variables, each on a logarithmic scale between its bounds
    (linear where the lower bound is not positive), rounded to the technology's grid; the other variables keep their
    nominal values. Devices that match share their variables, so no point can unmatch them.

    Args:
        topology: the circuit.
        spec: what it has to reach; of the same topology.
        free: names of the free variables; by default ``topology.sizing``.
        simulator: the native one unless another is given.

    Raises:
        InputError: the spec is another topology's, or a free variable is unknown or named twice.
    """

    def __init__(
        self,
        topology: Topology,
        spec: Spec,
        free: Sequence[str] = (),
        simulator: Simulates | None = None,
    ) -> None:
        if spec.topology.name != topology.name:
            raise InputError(
                f"spec {spec.name} is for topology {spec.topology.name}, not {topology.name}"
            )
        self.topology = topology
        self.spec = spec
        self.names = tuple(free) or topology.sizing
        self.columns = np.array([topology.index(name) for name in self.names])
        """Places of the free variables in a design, shape ``(dimension,)``."""
        if len(set(self.names)) != len(self.names):
            raise InputError(f"free variables {', '.join(self.names)} must have different names")
        if simulator is None:
            from .simulator import Simulator

            simulator = Simulator(topology)
        self.simulator = simulator
        free_variables = [topology.variables[column] for column in self.columns]
        self._low = np.array([variable.low for variable in free_variables])
        self._high = np.array([variable.high for variable in free_variables])
        self._linear = self._low <= 0
        with np.errstate(divide="ignore", invalid="ignore"):
            self._log_low = np.where(self._linear, 0.0, np.log(self._low))
        self._log_range = np.log(self._high) - self._log_low

    @property
    def dimension(self) -> int:
        """The number of free variables."""
        return len(self.names)

    def designs(self, unit: ArrayLike) -> Array:
        """The designs of points, shape ``(n, variables)``; coordinates beyond [0, 1] are clipped.

        Raises:
            InputError: the points are not of shape ``(n, dimension)``, or a coordinate is NaN.
        """
        points = self._points(unit)
        linear = self._low + points * (self._high - self._low)
        values = np.where(self._linear, linear, np.exp(self._log_low + points * self._log_range))
        designs = np.tile(self.topology.nominal, (len(points), 1))
        snapped = designs.copy()
        snapped[:, self.columns] = values
        designs[:, self.columns] = self.topology.snap(snapped)[:, self.columns]
        return designs

    def unit(self, designs: ArrayLike) -> Array:
        """The points of designs ``(n, variables)``, shape ``(n, dimension)``, clipped to [0, 1]."""
        values = np.asarray(designs, dtype=np.float64)[:, self.columns]
        linear = (values - self._low) / (self._high - self._low)
        with np.errstate(divide="ignore", invalid="ignore"):
            logarithmic = (np.log(values) - self._log_low) / self._log_range
        return np.clip(np.where(self._linear, linear, logarithmic), 0.0, 1.0)

    def evaluate(self, unit: ArrayLike, tasks: ArrayLike | None = None) -> Evaluation:
        """Simulate and score points: n simulations.

        Args:
            unit: shape ``(n, dimension)``.
            tasks: limits for each point, shape ``(n, task dimension)``; without it the spec's own.
        """
        points = self._points(unit)
        designs = self.designs(points)
        results = self.simulator.simulate(designs)
        scores, feasible = self.spec.score(results, tasks)
        return Evaluation(points, designs, results, scores, feasible)

    def _points(self, unit: ArrayLike) -> Array:
        points = np.asarray(unit, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != self.dimension:
            raise InputError(f"points have shape {points.shape}, expected (n, {self.dimension})")
        if np.isnan(points).any():
            raise InputError("the coordinates of points must be numbers, not NaN")
        return np.clip(points, 0.0, 1.0)
