"""Sign-off: the sized design in ngspice, which shares no code with our simulator."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ...envs.circuit.results import Results
from ...envs.circuit.spec import Spec, metric_units
from ...errors import InputError
from .assessment import SIZED, Assessment
from .columns import json_value
from .simulators import make_simulator

TOLERANCE = 1e-6
"""Largest relative difference of a metric (of dB, degrees and pure numbers: difference)."""
_ABSOLUTE = frozenset({"dB", "deg", "1"})


@dataclass(frozen=True)
class Comparison:
    """One metric by both simulators."""

    name: str
    ours: float
    theirs: float
    difference: float
    """Relative, or absolute for dB, degrees and pure numbers; infinite if only one has a value."""

    @property
    def agrees(self) -> bool:
        """Whether they are the same but for rounding."""
        return self.difference <= TOLERANCE


@dataclass(frozen=True)
class SignOff:
    """What ngspice says."""

    skipped: str = ""
    """Why it was not asked; empty if it was."""
    reason: str = "ok"
    """Why it could not simulate the design."""
    comparisons: tuple[Comparison, ...] = ()
    score: float = math.nan
    """Of its metrics."""
    reached: bool = False
    """Whether the design reaches the spec by its metrics."""

    @property
    def agrees(self) -> bool:
        """Whether it simulated the design and finds what we find."""
        return bool(self.comparisons) and all(entry.agrees for entry in self.comparisons)

    @property
    def passed(self) -> bool:
        """Whether it agrees, and the design reaches the spec."""
        return self.agrees and self.reached

    @property
    def sentence(self) -> str:
        """The verdict."""
        if self.skipped:
            return f"Sign-off skipped: {self.skipped}"
        if self.reason != "ok":
            return f"Sign-off FAILED: ngspice cannot simulate the design: {self.reason}"
        worst = max(self.comparisons, key=lambda entry: entry.difference)
        if not self.agrees:
            wrong = next(entry for entry in self.comparisons if not entry.agrees)
            return (
                f"Sign-off FAILED: {wrong.name} is {wrong.theirs:.6g} in ngspice, {wrong.ours:.6g} here"
            )
        agreement = (
            f"ngspice agrees in all {len(self.comparisons)} metrics, at worst to"
            f" {worst.difference:.1e} ({worst.name})"
        )
        if not self.reached:
            return f"Sign-off FAILED: {agreement}, but the spec is not reached"
        return f"Sign-off passed: {agreement}, and the spec is reached"

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        if self.skipped:
            return {"passed": None, "skipped": self.skipped}
        return {
            "passed": self.passed,
            "agrees": self.agrees,
            "reached": self.reached,
            "status": self.reason,
            "score": json_value(self.score),
            "metrics": {
                entry.name: {
                    "ours": json_value(entry.ours),
                    "ngspice": json_value(entry.theirs),
                    "difference": json_value(entry.difference),
                }
                for entry in self.comparisons
            },
        }


def sign_off(assessment: Assessment) -> SignOff:
    """Simulate the design in ngspice, by the program, and compare every metric.

    Where ngspice is missing, the reason is in the result.
    """
    spec = assessment.spec
    if not assessment.works:
        return SignOff(skipped=f"the design cannot be simulated: {assessment.results.reason(SIZED)}")
    try:
        twin = make_simulator(spec.topology, "ngspice")
    except InputError as error:
        return SignOff(skipped=str(error))
    return compare(spec, assessment.results, twin.simulate(assessment.design[None]))


def compare(spec: Spec, ours: Results, theirs: Results) -> SignOff:
    """Compare the first rows of our results and of ngspice's."""
    if theirs.status[0]:
        return SignOff(reason=theirs.reason(0))
    units = metric_units(spec.topology)
    comparisons = []
    for name in ours.metric_names:
        a, b = float(ours.column(name)[0]), float(theirs.column(name)[0])
        floor = 1.0 if units[name] in _ABSOLUTE else 1e-300
        if math.isnan(a) and math.isnan(b):
            difference = 0.0
        elif math.isfinite(a) and math.isfinite(b):
            difference = abs(a - b) / max(abs(a), abs(b), floor)
        else:
            difference = math.inf
        comparisons.append(Comparison(name, a, b, difference))
    scores, feasible = spec.score(theirs)
    reached = bool(spec.reached(scores, feasible)[0])
    return SignOff(comparisons=tuple(comparisons), score=float(scores[0]), reached=reached)
