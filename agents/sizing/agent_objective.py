"""A spec as something to climb: the reward and the violated limits of predicted metrics.

Scores jump where a limit is met, so no model learns them well; metrics are smooth in the logarithms of the
sizes. Hence the agent models metrics and computes the score from them, in a form that has gradients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...envs.circuit.expressions import Expression
from ...envs.circuit.problem import SizingProblem
from ...envs.circuit.results import Results
from ...envs.circuit.spec import SIGNED, MetricSpec

Array = NDArray[np.float64]

PENALTY = 6.0
"""Weight of a violation of one natural logarithm, in parts of the reward (of 1, if that is smaller)."""
_DECIBEL = math.log(10) / 20
_AREA = "area"


@dataclass(frozen=True)
class _Limit:
    column: int | None
    """Among the modelled metrics; None for the area."""
    sign: float
    value: float
    """On the modelled scale."""
    unit: float
    """What a violation of 1 is, on the modelled scale."""


class Objective:
    """Predicted metrics to reward and violation, in torch.

    The gate area is not modelled but computed from the sizes: it needs no simulation.

    Args:
        problem: its spec says what is wanted.
    """

    def __init__(self, problem: SizingProblem) -> None:
        self.spec = problem.spec
        names = dict.fromkeys(m.name for m in problem.spec.metrics if m.name != _AREA)
        if problem.spec.require_stable:
            names["zeta_min"] = None
        if not names:
            names["power"] = None  # a spec of the area alone: the critics still need something to learn
        self.names = tuple(names)
        """Modelled metrics."""
        self._signed = np.array([name in SIGNED for name in self.names])
        self._limits = [
            self._limit(metric) for metric in problem.spec.metrics if metric.limit is not None
        ]
        if problem.spec.require_stable:
            # Poles in the right half plane have a negative damping.
            self._limits.append(_Limit(self.names.index("zeta_min"), 1.0, 0.01, 0.1))
        goals = {metric.name: metric.goal for metric in problem.spec.metrics}
        self.direction = [-1.0 if goals.get(name) == "minimise" else 1.0 for name in self.names]
        """1 where more of a modelled metric is better, -1 where less is."""
        self._area = Expression(problem.topology.area)
        self._nominal = {
            name: float(value)
            for name, value in zip(problem.topology.names, problem.topology.nominal, strict=True)
        }
        self._free = problem.names
        # The map from unit to sizes, read off the problem's own (log or linear) without its grid.
        variables = [problem.topology.variables[column] for column in problem.columns]
        self._low = torch.tensor([variable.low for variable in variables], dtype=torch.float64)
        self._high = torch.tensor([variable.high for variable in variables], dtype=torch.float64)

    def observe(self, results: Results) -> Array:
        """The modelled metrics of simulated designs on the modelled scale, shape ``(n, len(names))``.

        Natural logarithms, but for metrics that can be zero or negative; NaN where missing.
        """
        columns = np.stack([results.column(name) for name in self.names], axis=1).astype(np.float64)
        columns[results.status != 0] = np.nan
        with np.errstate(divide="ignore", invalid="ignore"):
            logarithms = np.log(columns)
        values = np.where(self._signed, columns, logarithms)
        return np.where(np.isfinite(values), values, np.nan)

    def slack(self, metrics: torch.Tensor) -> torch.Tensor:
        """How far metrics ``(n, len(names))`` are on the good side of their limits; 0 without a limit."""
        slack = torch.zeros_like(metrics)
        for limit in self._limits:
            if limit.column is not None:
                distance = limit.sign * (metrics[:, limit.column] - limit.value) / limit.unit
                slack[:, limit.column] = distance
        return slack

    def judge(
        self, unit: torch.Tensor, mean: torch.Tensor, deviation: torch.Tensor, caution: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Reward and violation of predicted metrics.

        Args:
            unit: the designs, shape ``(n, dimension)``.
            mean: predicted metrics on the modelled scale, shape ``(n, len(names))``.
            deviation: their standard deviations, same shape.
            caution: how many of them each limit is tightened by, shape ``(n,)``; negative is optimism.

        Returns:
            What is earned if all limits hold, and by how much they are missed (0: not at all), ``(n,)``.
        """
        area = self.area(unit)
        violation = torch.zeros_like(area)
        for limit in self._limits:
            if limit.column is None:
                slack = limit.sign * (torch.log(area) - limit.value)
            else:
                slack = limit.sign * (mean[:, limit.column] - limit.value)
                slack = slack - caution * deviation[:, limit.column]
            violation = violation + torch.relu(-slack) / limit.unit
        reward = torch.zeros_like(area)
        for metric in self.spec.metrics:
            value = torch.log(area) if metric.name == _AREA else mean[:, self.names.index(metric.name)]
            reward = reward + self._earned(metric, value)
        return reward, violation

    def area(self, unit: torch.Tensor) -> torch.Tensor:
        """Gate area (um^2), shape ``(n,)``."""
        linear = self._low + unit * (self._high - self._low)
        logarithmic = self._low.clamp_min(1e-300) * torch.exp(
            unit * torch.log(self._high / self._low.clamp_min(1e-300))
        )
        sizes = torch.where(self._low == 0, linear, logarithmic)
        values: dict[str, Any] = dict(self._nominal)
        values |= {name: sizes[:, column] for column, name in enumerate(self._free)}
        return torch.as_tensor(self._area.evaluate(values)).expand(len(unit))

    def _limit(self, metric: MetricSpec) -> _Limit:
        assert metric.limit is not None
        sign = 1.0 if metric.goal == "maximise" else -1.0
        if metric.name == _AREA:
            return _Limit(None, sign, math.log(metric.limit), 1.0)
        column = self.names.index(metric.name)
        if metric.name not in SIGNED:
            return _Limit(column, sign, math.log(metric.limit), 1.0)
        unit = 1 / _DECIBEL if metric.name.endswith("_db") else abs(metric.limit)
        return _Limit(column, sign, metric.limit, unit)

    def _earned(self, metric: MetricSpec, value: torch.Tensor) -> torch.Tensor | float:
        signed = metric.name in SIGNED
        sign = 1.0 if metric.goal == "maximise" else -1.0
        if self.spec.scoring == "gcn-rl" and metric.low is not None and metric.high is not None:
            plain = value if signed else torch.exp(value)
            if metric.bound is not None:
                plain = sign * torch.clamp(sign * plain, max=sign * metric.bound)
            return sign * (plain - metric.low) / (metric.high - metric.low)
        if metric.target is None:
            return 0.0
        if signed:
            return value / metric.target
        if metric.scale == "log":
            return (value / math.log(metric.target)) ** sign
        return torch.exp((sign * (value - math.log(metric.target))).clamp(-5, 5))
