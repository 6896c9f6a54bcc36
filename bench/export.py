"""The shipped policy as C: decisions per second here, instructions on emulated microcontrollers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..envs.quadrotor.evaluation.flight import Pilot
from ..hardware.code.generate import NUMBER_FORMATS, generate
from ..hardware.cross.matrix import TargetReport, run_matrix
from ..hardware.host.compiled import CompiledPolicy
from ..hardware.host.torch_policy import TorchPolicy
from ..hardware.importers.files import load_network
from ..policies.quadrotor_policy import SHIPPED, load_quadrotor_policy
from .table import Measurement
from .walker import ROUNDS, Steps, interleaved, one_core

LEVELS = ("-O2", "-O3", "-Os")
NUMPY = "numpy, eyas.policies"
_TORCH = "torch, one core"


def measure(seconds: float, seed: int) -> Iterator[Measurement]:
    """Decisions per CPU-second on this computer, and what one costs on a microcontroller.

    The C decides for one vehicle after the other. PyTorch and numpy decide for all vehicles at once,
    so with many of them their interpreter costs nothing.

    Args:
        seconds: CPU time for each figure of this computer; instructions are counted, not timed.
        seed: of observations.
    """
    network = load_network(SHIPPED)
    exports = {form: generate(network, "policy", form) for form in NUMBER_FORMATS}
    rng = np.random.default_rng(seed)
    pilots: dict[str, Pilot] = {form: CompiledPolicy(made) for form, made in exports.items()}
    pilots |= {_TORCH: TorchPolicy(network), NUMPY: load_quadrotor_policy(SHIPPED)}
    for vehicles in (1, 1024):
        limit = network.input.limit
        observations = (limit * rng.uniform(-0.5, 0.5, (vehicles, len(limit)))).astype(np.float32)
        with one_core():
            runners: dict[Any, Steps] = {
                name: _decide(pilot, observations) for name, pilot in pilots.items()
            }
            rates = interleaved(runners, seconds / ROUNDS)
        for form in NUMBER_FORMATS:
            for peer in (_TORCH, NUMPY):
                yield Measurement(
                    name=f"C, {form}, called from Python for {vehicles} vehicle(s)",
                    value=rates[form],
                    unit="decisions/s",
                    peer=peer,
                    peer_value=rates[peer],
                    ratio=rates[form] / rates[peer],
                )
    for form, made in exports.items():
        for report in run_matrix(made, opt_levels=LEVELS):
            yield from _figures(form, report)


def _decide(pilot: Pilot, observations: Any) -> Steps:
    memory = pilot.initial_state(len(observations))

    def run() -> int:
        nonlocal memory
        _, memory = pilot.step(observations, memory)
        return len(observations)

    return run


def _figures(form: str, report: TargetReport) -> Iterator[Measurement]:
    name = f"{report.title}, {form}, {report.opt_level}"
    if report.step is not None:
        yield Measurement(name=name, value=report.step.mean, unit="instructions/decision")
    if report.modelled is not None:
        yield Measurement(name=name, value=report.modelled.cycles, unit="modelled cycles/decision")
    if report.figures is not None:
        yield Measurement(name=name, value=report.figures.flash_with_helpers, unit="B of flash")
    if "step" in report.stack:
        yield Measurement(name=name, value=report.stack["step"], unit="B of stack")
