"""The protocols of an evaluation: recovery, hover, step, figure-eight, noise and delay.

P0 is the training episode of RAPTOR (rl-tools/raptor); the figure-eight and its clipped errors are
those of its integration into PX4 (``mc_raptor``). Everything is scored on the true state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .flight import (
    HOVER_SECONDS,
    PER_SECOND,
    RAMP_SECONDS,
    Flight,
    Pilot,
    figure_eight,
    fly,
    step_reference,
)
from .simulator import STEP_SECONDS, Array, Simulator

RECOVERY_SECONDS, HOVERING_SECONDS, LONG_SECONDS = 5, 10, 60
SCORED_SECONDS = 5
"""The end of a hover that counts."""
HOVER_CRASH, EIGHT_CRASH = 5.0, 2.0
"""Farther from the reference is a crash (m)."""
SETTLED = 0.15
"""A step has settled when the error stays below this (m)."""
LAPS, SCORED_LAPS = 3, 2

Progress = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of everybody; arrays have shape ``(flights, vehicles)``."""

    failed: NDArray[np.bool_]
    """Ended early (P0) or crashed (the others)."""
    error: NDArray[np.float64]
    """Of the part that counts (m); NaN where the flight failed."""
    length: NDArray[np.float64] | None = None
    """P0: steps until it ended."""
    settling: NDArray[np.float64] | None = None
    """P1b: seconds after which the error stays below 0.15 m, at most those of the flight; NaN where
    it failed."""
    hidden: Array
    """The policy's memories at the end, shape ``(flights, vehicles, hidden)``."""

    def select(self, vehicles: NDArray[np.bool_]) -> Outcome:
        """What became of some of the vehicles."""
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, array in values.items():
            values[name] = None if array is None else array[:, vehicles]
        return Outcome(**values)

    def summary(self) -> dict[str, Any]:
        """Shares and quantiles over all flights, those of errors over the ones that did not fail."""
        survived = self.error[~self.failed]
        values: dict[str, Any] = {"flights": self.failed.size, "failed": float(self.failed.mean())}
        if self.length is not None:
            values["length"] = float(self.length.mean())
        values["error"] = _quantiles(survived)
        if self.settling is not None:
            values["settling"] = _quantiles(self.settling[~self.failed])
        return values


def _quantiles(values: NDArray[np.float64]) -> dict[str, float | None]:
    if not len(values):
        return {"median": None, "mean": None, "p90": None, "p99": None}
    median, p90, p99 = np.quantile(values, (0.5, 0.9, 0.99)).tolist()
    return {"median": median, "mean": float(values.mean()), "p90": p90, "p99": p99}


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What a protocol is flown with."""

    force_std: NDArray[np.float64]
    """Deviation of P0's disturbance force per axis (N), shape ``(vehicles,)``."""
    position_limit: NDArray[np.float64]
    """P0 ends where a coordinate exceeds this (m), shape ``(vehicles,)``."""
    seeds: int = 4
    """Initial states of P0 per vehicle."""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One row of the table."""

    title: str
    seconds: float
    """Of a flight."""
    run: Callable[[Simulator, Pilot, Conditions, Progress], Outcome]
    flights: Callable[[Conditions], int] = lambda conditions: 1
    """How many per vehicle."""

    def steps(self, conditions: Conditions) -> int:
        """Steps of 10 ms it takes."""
        return self.flights(conditions) * round(self.seconds * PER_SECOND)


def _recovery(force: bool) -> Callable[[Simulator, Pilot, Conditions, Progress], Outcome]:
    """P0: fly from a random state to the origin; fail on leaving l2f's limits."""

    def run(simulator: Simulator, pilot: Pilot, conditions: Conditions, progress: Progress) -> Outcome:
        steps = RECOVERY_SECONDS * PER_SECOND
        failed: list[NDArray[np.bool_]] = []
        error: list[NDArray[np.float64]] = []
        length: list[NDArray[np.float64]] = []
        hidden: list[Array] = []
        for seed in range(conditions.seeds):
            # l2f gives copy i the stream seed + i.
            count = len(simulator.airframes)
            simulator.start_recovery(seed * count, conditions.force_std if force else None)
            flight = fly(
                simulator, pilot, steps, position_limit=conditions.position_limit, progress=progress
            )
            assert flight.outside is not None
            ended = flight.outside[1:]
            first = np.where(ended.any(axis=0), ended.argmax(axis=0) + 1, steps)
            failed.append(np.asarray(ended.any(axis=0)))
            length.append(first.astype(np.float64))
            error.append(flight.errors[-PER_SECOND:].mean(axis=0, dtype=np.float64))
            hidden.append(flight.hidden)
        return _outcome(failed, error, length=np.array(length), hidden=np.array(hidden))

    return run


def _hover(
    seconds: int, noisy: bool = False, delay: int = 0
) -> Callable[[Simulator, Pilot, Conditions, Progress], Outcome]:
    """P1: stay where it hovers."""

    def run(simulator: Simulator, pilot: Pilot, conditions: Conditions, progress: Progress) -> Outcome:
        simulator.start_hover()
        flight = fly(
            simulator,
            pilot,
            seconds * PER_SECOND,
            noise=np.random.default_rng(0) if noisy else None,
            delay=delay,
            progress=progress,
        )
        return _scored(flight, SCORED_SECONDS * PER_SECOND, HOVER_CRASH)

    return run


def _step(simulator: Simulator, pilot: Pilot, conditions: Conditions, progress: Progress) -> Outcome:
    """P1b: a step of the reference by 0.5 m along x, y and z."""
    simulator.start_hover()
    steps = HOVERING_SECONDS * PER_SECOND
    flight = fly(simulator, pilot, steps, reference=step_reference, clip=True, progress=progress)
    outcome = _scored(flight, SCORED_SECONDS * PER_SECOND, HOVER_CRASH)
    outer = ~(flight.errors[::-1] < SETTLED)
    # The first state after the last one outside.
    last = np.where(outer.any(axis=0), steps - outer.argmax(axis=0) + 1, 0)
    settling = np.minimum(last, steps)[None] * STEP_SECONDS
    return replace(outcome, settling=np.where(outcome.failed, np.nan, settling))


def _eight(period: float) -> Callable[[Simulator, Pilot, Conditions, Progress], Outcome]:
    """P2: a figure-eight, three laps, the last two count."""

    def run(simulator: Simulator, pilot: Pilot, conditions: Conditions, progress: Progress) -> Outcome:
        simulator.start_hover()
        steps = round(_eight_seconds(period) * PER_SECOND)
        reference = figure_eight(period)
        flight = fly(simulator, pilot, steps, reference=reference, clip=True, progress=progress)
        return _scored(flight, round(SCORED_LAPS * period * PER_SECOND), EIGHT_CRASH)

    return run


def _eight_seconds(period: float) -> float:
    return HOVER_SECONDS + RAMP_SECONDS + LAPS * period


def _scored(flight: Flight, last: int, crash: float) -> Outcome:
    """The root mean square of the last errors; whoever was ever farther away crashed."""
    failed = np.asarray(~(flight.errors <= crash).all(axis=0))
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.square(flight.errors[-last:], dtype=np.float64).mean(axis=0)
    return _outcome([failed], [np.sqrt(squares)], hidden=flight.hidden[None])


def _outcome(
    failed: Sequence[NDArray[np.bool_]],
    error: Sequence[NDArray[np.float64]],
    **others: Any,
) -> Outcome:
    lost = np.array(failed)
    return Outcome(failed=lost, error=np.where(lost, np.nan, np.array(error)), **others)


PROTOCOLS: Mapping[str, Protocol] = {
    "P0": Protocol(
        title="recovery with force",
        seconds=RECOVERY_SECONDS,
        run=_recovery(force=True),
        flights=lambda conditions: conditions.seeds,
    ),
    "P0 no force": Protocol(
        title="recovery without force",
        seconds=RECOVERY_SECONDS,
        run=_recovery(force=False),
        flights=lambda conditions: conditions.seeds,
    ),
    "P1": Protocol(title="hover 10 s", seconds=HOVERING_SECONDS, run=_hover(HOVERING_SECONDS)),
    "P1b": Protocol(title="step of 0.87 m", seconds=HOVERING_SECONDS, run=_step),
    "P1c": Protocol(title="hover 60 s", seconds=LONG_SECONDS, run=_hover(LONG_SECONDS)),
    "P2 5.5 s": Protocol(
        title="figure-eight, 5.5 s a lap", seconds=_eight_seconds(5.5), run=_eight(5.5)
    ),
    "P2 10 s": Protocol(title="figure-eight, 10 s a lap", seconds=_eight_seconds(10), run=_eight(10)),
    "P3 10 ms": Protocol(
        title="hover, noise and 10 ms delay",
        seconds=HOVERING_SECONDS,
        run=_hover(HOVERING_SECONDS, noisy=True, delay=1),
    ),
    "P3 20 ms": Protocol(
        title="hover, noise and 20 ms delay",
        seconds=HOVERING_SECONDS,
        run=_hover(HOVERING_SECONDS, noisy=True, delay=2),
    ),
    "P3 30 ms": Protocol(
        title="hover, noise and 30 ms delay",
        seconds=HOVERING_SECONDS,
        run=_hover(HOVERING_SECONDS, noisy=True, delay=3),
    ),
}
"""All rows, in the order of the table."""
QUICK = tuple(name for name in PROTOCOLS if name not in ("P0 no force", "P1c"))
"""The rows of a quick evaluation."""
