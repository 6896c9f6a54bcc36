"""All protocols over a set of unseen vehicles and over every named one, for one policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...envs.quadrotor.airframe import Airframes
from ...envs.quadrotor.distribution import RaptorSample, raptor_airframes
from ...envs.quadrotor.evaluation.flight import Pilot
from ...envs.quadrotor.evaluation.protocols import PROTOCOLS, Conditions, Outcome, Progress
from ...envs.quadrotor.evaluation.simulator import Simulator
from ...envs.quadrotor.named import NAMED
from .bins import failures_by_bin
from .probe import linear_probe

SEED = 12345
"""Of the vehicles that nobody is trained on."""
NAMED_COPIES = 128
"""Flights per named airframe where chance plays a part."""
NAMED_PROTOCOLS = ("P0 no force", "P1", "P2 5.5 s", "P2 10 s", "P3 10 ms")
NAMED_POSITION_LIMIT = 1.0
"""P0's limit for them (m): l2f's own, since RAPTOR sets another for sampled vehicles only."""
_RANDOM = ("P0 no force", "P3 10 ms")

MakeSimulator = Callable[[Airframes], Simulator]


def unseen(count: int, seed: int = SEED) -> RaptorSample:
    """Vehicles of RAPTOR's distribution to evaluate on."""
    return raptor_airframes(np.random.default_rng(seed), count)


def total_steps(names: Sequence[str], seeds: int, named: bool) -> int:
    """Steps that :func:`evaluate_unseen` and, if asked for, :func:`evaluate_named` fly."""
    conditions = Conditions(force_std=np.zeros(1), position_limit=np.ones(1), seeds=seeds)
    chosen = [*names, *(NAMED_PROTOCOLS if named else ())]
    return sum(PROTOCOLS[name].steps(conditions) for name in chosen)


def evaluate_unseen(
    pilot: Pilot,
    sample: RaptorSample,
    simulator: Simulator,
    names: Sequence[str],
    *,
    seeds: int,
    progress: Progress,
) -> dict[str, Any]:
    """Fly some protocols with vehicles of a distribution.

    Args:
        pilot: the policy.
        sample: the vehicles.
        simulator: of these vehicles.
        names: of the protocols.
        seeds: initial states of P0 per vehicle.
        progress: is told the steps done.

    Returns:
        JSON values: ``protocols`` by name, ``bins`` of failures, and ``probe``, the R^2 of the linear
        probe of the memories at the end of P0's flights for the thrust-to-weight ratio.
    """
    conditions = Conditions(
        force_std=sample.disturbance_force_std,
        position_limit=sample.position_threshold,
        seeds=seeds,
    )
    result: dict[str, Any] = {"protocols": {}, "bins": {}, "probe": None}
    for name in names:
        outcome = PROTOCOLS[name].run(simulator, pilot, conditions, progress)
        result["protocols"][name] = outcome.summary()
        result["bins"][name] = failures_by_bin(sample.airframes, outcome.failed)
        if name == "P0":
            result["probe"] = _probe(outcome, sample.airframes)
    return result


def _probe(outcome: Outcome, airframes: Airframes) -> float | None:
    return linear_probe(outcome.hidden, outcome.failed, airframes.thrust_to_weight)


def evaluate_named(
    pilot: Pilot, make_simulator: MakeSimulator, *, seeds: int, progress: Progress
) -> dict[str, dict[str, Any]]:
    """Fly :data:`NAMED_PROTOCOLS` with every named airframe.

    Returns:
        summaries by airframe and protocol.
    """
    once = Airframes.stack(list(NAMED.values()))
    often = once.select(np.repeat(np.arange(len(once)), NAMED_COPIES))
    result: dict[str, dict[str, Any]] = {name: {} for name in NAMED}
    for airframes in (once, often):
        simulator = make_simulator(airframes)
        count = len(airframes)
        limit = np.full(count, NAMED_POSITION_LIMIT)
        conditions = Conditions(force_std=np.zeros(count), position_limit=limit, seeds=seeds)
        for name in NAMED_PROTOCOLS:
            if (name in _RANDOM) == (airframes is once):
                continue
            outcome = PROTOCOLS[name].run(simulator, pilot, conditions, progress)
            owner = np.array(airframes.names)
            for airframe in NAMED:
                result[airframe][name] = outcome.select(owner == airframe).summary()
    return result
