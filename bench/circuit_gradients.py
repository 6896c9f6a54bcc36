"""What gradients and step responses cost, beside one simulation of the same designs."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ..envs.circuit.gradients import differentiable_metrics, metric_gradients
from ..envs.circuit.simulator import Simulator
from ..envs.circuit.topology import find_topology
from ..envs.circuit.transient import Pulse, step_response
from .circuit import Run, Spent, interleaved, random_designs
from .table import Measurement
from .walker import ROUNDS, one_core

SIMULATION = "simulation (op, AC, noise)"
TOPOLOGIES = ("two-stage-tia", "three-stage-tia", "two-stage-opamp")
STEPS = {
    "two-stage-tia": (Pulse("iin", 10e-6, rise_time=5e-12), 1e-9),
    "two-stage-opamp": (Pulse("vcm", 0.2, initial=0.8, rise_time=1e-9), 1e-6),
}
"""Step responses that are measured: the pulse, and how long it is followed (s)."""
_TOTALS = ("onoise_total", "inoise_total", "irn_rms")
_BATCH = 512


def measure_gradients(seconds: float, seed: int) -> Iterator[Measurement]:
    """Designs per CPU-second with gradients by all variables, and with a step response; one core.

    The ratio is to a simulation alone: 0.5 means that a gradient costs as much as two simulations.

    Args:
        seconds: Time for each figure, by the clock.
        seed: Of the designs.
    """
    for name in TOPOLOGIES:
        topology = find_topology(name)
        simulator = Simulator(topology)
        designs = random_designs(topology, _BATCH, seed)
        every = differentiable_metrics(topology)
        points = tuple(metric for metric in every if metric not in _TOTALS)
        choices = {
            "gradients of gain, f3db and power": ("gain", "f3db", "power"),
            f"gradients of {len(points)} metrics, all but totals of noise": points,
            f"gradients of all {len(every)} metrics": every,
        }

        def gradient(
            metrics: tuple[str, ...], simulator: Simulator = simulator, designs: object = designs
        ) -> Run:
            return _timed(_BATCH, lambda: metric_gradients(simulator, designs, metrics))  # type: ignore[arg-type]

        runs = {label: gradient(metrics) for label, metrics in choices.items()}
        runs[SIMULATION] = _timed(_BATCH, lambda s=simulator, d=designs: s.simulate(d, poles=False))
        if name in STEPS:
            pulse, stop = STEPS[name]
            few = designs[:8]
            runs[f"step response over {stop:g} s"] = _timed(
                len(few), lambda s=simulator, d=few, p=pulse, t=stop: step_response(s, d, p, t)
            )
        with one_core():
            cpu, _ = interleaved(runs, seconds / ROUNDS)
        for label in runs:
            if label != SIMULATION:
                yield Measurement(
                    name=f"{name}, {label}",
                    value=cpu[label],
                    unit="designs/s",
                    peer=SIMULATION,
                    peer_value=cpu[SIMULATION],
                    ratio=cpu[label] / cpu[SIMULATION],
                )


def _timed(designs: int, call: object) -> Run:
    """A run that is compiled and warm."""
    assert callable(call)
    call()

    def run() -> Spent:
        cpu, wall = time.process_time(), time.perf_counter()
        call()
        return Spent(designs, time.process_time() - cpu, time.perf_counter() - wall)

    return run
