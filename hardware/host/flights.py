"""Exported policies over unseen airframes: what the arithmetic costs in metres."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...envs.quadrotor.evaluation.flight import Pilot
from ...envs.quadrotor.evaluation.own_simulator import OwnSimulator
from ...envs.quadrotor.evaluation.protocols import PROTOCOLS, Progress
from ..code.generate import Generated
from .compiled import CompiledPolicy
from .compilers import find_compilers
from .worlds import FLIGHTS, UNSEEN_SEED, unseen

COUNT = 1024


def pilot_of(generated: Generated) -> Pilot:
    """The compiled C; its reference, which has the same bits, where there is no compiler."""
    compilers = find_compilers()
    return CompiledPolicy(generated, compilers[0]) if compilers else generated.reference


def total_steps(pilots: int) -> int:
    """Steps that :func:`fly_unseen` flies with every vehicle."""
    _, conditions = unseen(1)
    return pilots * sum(PROTOCOLS[name].steps(conditions) for name in FLIGHTS)


def fly_unseen(
    pilots: Mapping[str, Pilot],
    count: int = COUNT,
    seed: int = UNSEEN_SEED,
    progress: Progress = lambda steps: None,
) -> dict[str, dict[str, Any]]:
    """Fly recovery (once each), hover and figure-eight with every vehicle and every pilot.

    Args:
        pilots: policies of quadrotors by name; all fly the same vehicles from the same states.
        count: vehicles.
        seed: of the vehicles.
        progress: is told the steps done.

    Returns:
        JSON values by pilot: ``recovery_failed`` (share), ``recovery_error`` (m, mean over the last
        second: median), ``hover_median`` and ``hover_p99`` (m, root mean square over the last 5 s),
        ``eight_rmse`` (m, two laps of 5.5 s: median), ``eight_p99``, and ``crashes``, the flights of hover
        and figure-eight that went astray, of ``flights``. Errors are those of flights that did not
        fail; None where all did.
    """
    sample, conditions = unseen(count, seed)
    simulator = OwnSimulator(sample.airframes)
    figures = {}
    for name, pilot in pilots.items():
        recovery, hover, eight = (
            PROTOCOLS[protocol].run(simulator, pilot, conditions, progress) for protocol in FLIGHTS
        )
        recovered, hovered, lapped = (flown.summary() for flown in (recovery, hover, eight))
        figures[name] = {
            "recovery_failed": recovered["failed"],
            "recovery_error": recovered["error"]["median"],
            "hover_median": hovered["error"]["median"],
            "hover_p99": hovered["error"]["p99"],
            "eight_rmse": lapped["error"]["median"],
            "eight_p99": lapped["error"]["p99"],
            "crashes": int(hover.failed.sum() + eight.failed.sum()),
            "flights": hovered["flights"] + lapped["flights"],
        }
    return figures
