"""What a sized design is worth: beside the nominal design, at all corners, and with mismatch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.circuit.conditions import pvt_corners
from ...envs.circuit.monte_carlo import CornerResults, MonteCarlo, monte_carlo, simulate_corners
from ...envs.circuit.results import Results
from ...envs.circuit.simulator import Simulator
from ...envs.circuit.spec import Spec
from ...envs.circuit.transient import StepResponse
from .columns import columns_of, json_value, row_of
from .step import small_step

SAMPLES = 1000
"""Of mismatch."""
_SEED = 20_240_501
SIZED, NOMINAL = 0, 1
"""Rows of :attr:`Assessment.results`."""


@dataclass(frozen=True)
class Assessment:
    """One design under one spec."""

    spec: Spec
    results: Results
    """The design and the nominal one, with spectra and poles."""
    scores: NDArray[np.float64]
    """Of both."""
    reached: NDArray[np.bool_]
    """Whether they reach the spec."""
    corners: CornerResults
    """The design at every process, supply and temperature."""
    corners_reached: NDArray[np.bool_]
    """Shape ``(corners,)``."""
    mismatch: MonteCarlo
    """The design with random mismatch."""
    step: StepResponse | None
    """Of both designs; None if the design has no bandwidth."""

    @property
    def design(self) -> NDArray[np.float64]:
        """Shape ``(variables,)``."""
        return self.results.designs[SIZED]

    @property
    def works(self) -> bool:
        """Whether the design could be simulated at all."""
        return not self.results.status[SIZED]

    @property
    def reference(self) -> str:
        """What the nominal design is: L2DC's human one, or a plausible start that nobody published."""
        return "human" if "L2DC" in self.spec.topology.citation else "nominal"

    def worst(self, metric: str) -> tuple[float, str]:
        """The worst value of a metric of the spec over the corners, and the corner's name.

        A corner that has no value of it, or where the simulation failed, is the worst.
        """
        values = self.corners.column(metric)[:, 0].astype(np.float64)
        goal = next(m.goal for m in self.spec.metrics if m.name == metric)
        if np.ptp(values) == 0:
            return float(values[0]), "all"
        badness = np.where(np.isnan(values), np.inf, -values if goal == "maximise" else values)
        place = int(np.argmax(badness))
        return float(values[place]), self.corners.corners[place].name

    def as_json(self) -> dict[str, Any]:
        """Everything but the spectra."""
        names = self.results.topology.names
        columns = columns_of(self.results)
        metrics = list(dict.fromkeys(metric.name for metric in self.spec.metrics))
        mean, deviation = self.mismatch.mean[0], self.mismatch.standard_deviation[0]
        rows = {"sized": SIZED, "nominal": NOMINAL}
        return {
            "score": float(self.scores[SIZED]),
            "reached": bool(self.reached[SIZED]),
            "nominal_score": float(self.scores[NOMINAL]),
            "nominal_reached": bool(self.reached[NOMINAL]),
            "design": dict(zip(names, map(float, self.design), strict=True)),
            "metrics": {
                who: {"status": self.results.reason(row)}
                | {name: json_value(value) for name, value in row_of(columns, row).items()}
                for who, row in rows.items()
            },
            "poles": [
                [float(pole.real), float(pole.imag)] for pole in finite_poles(self.results, SIZED)
            ],
            "corners": [
                {
                    "corner": corner.name,
                    "reached": bool(self.corners_reached[place]),
                    **{
                        name: json_value(float(self.corners.column(name)[place, 0])) for name in metrics
                    },
                }
                for place, corner in enumerate(self.corners.corners)
            ],
            "mismatch": {
                "samples": self.mismatch.count,
                "passed": int(self.mismatch.passed[0]),
                "yield": float(self.mismatch.yields[0]),
                "interval": self.mismatch.yield_interval()[0].tolist(),
                "mean": _named(self.mismatch, mean, metrics),
                "standard_deviation": _named(self.mismatch, deviation, metrics),
            },
            "step": None
            if self.step is None
            else {
                "rise_time": json_value(float(self.step.rise_time()[SIZED])),
                "overshoot": json_value(float(self.step.overshoot()[SIZED])),
                "settling_time": json_value(float(self.step.settling_time()[SIZED])),
            },
        }


def assess(spec: Spec, design: NDArray[np.float64], simulator: Simulator) -> Assessment:
    """Simulate a design alone and beside the nominal one, at 45 corners, and 1,000 times with mismatch.

    Args:
        spec: what it is judged by.
        design: shape ``(variables,)``.
        simulator: ours, of the spec's topology.
    """

    def reached(results: Results) -> NDArray[np.bool_]:
        return spec.reached(*spec.score(results)) & (results.status == 0)

    both = np.stack([design, spec.topology.nominal])
    results = simulator.simulate(both, spectra=True)
    corners = simulate_corners(simulator, design, pvt_corners())
    return Assessment(
        spec=spec,
        results=results,
        scores=spec.score(results)[0],
        reached=reached(results),
        corners=corners,
        corners_reached=corners.feasible(reached)[:, 0],
        mismatch=monte_carlo(simulator, design, SAMPLES, _SEED, meets=reached),
        step=small_step(simulator, both, results),
    )


def finite_poles(results: Results, row: int) -> NDArray[np.complex128]:
    """The poles of one design (rad/s), in order of their size."""
    assert results.poles is not None
    poles = results.poles[row]
    poles = poles[np.isfinite(poles)]
    return np.asarray(poles[np.argsort(np.abs(poles))])


def _named(
    mismatch: MonteCarlo, values: NDArray[np.float64], metrics: list[str]
) -> dict[str, float | None]:
    places = {name: mismatch.results.metric_names.index(name) for name in metrics}
    return {name: json_value(float(values[place])) for name, place in places.items()}
