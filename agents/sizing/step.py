"""The answer of a sized circuit to a small step of its input."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...envs.circuit.netlist import CurrentSource, VoltageSource
from ...envs.circuit.results import Results
from ...envs.circuit.simulator import Simulator
from ...envs.circuit.transient import Pulse, StepResponse, step_response

_OUTPUT_STEP = 0.01
"""V: small enough that the circuit stays linear."""
_PERIODS = 4.0
"""How long it is watched, in periods of the bandwidth."""


def small_step(
    simulator: Simulator, designs: NDArray[np.float64], results: Results
) -> StepResponse | None:
    """A step that moves the first design's output by some 10 mV.

    It is watched for four periods of that design's bandwidth (``ugbw`` of an op-amp, which the bench makes
    a follower, else ``f3db``).

    Args:
        simulator: ours.
        designs: shape ``(n, variables)``.
        results: of these designs.

    Returns:
        the response of all designs; None if the first has no bandwidth.
    """
    topology, bench = simulator.topology, simulator.topology.bench
    bandwidth = float(results.column("ugbw" if bench.unity_gain else "f3db")[0])
    gain = 1.0 if bench.closure else float(results.column("gain")[0])
    if not (math.isfinite(bandwidth) and math.isfinite(gain) and bandwidth > 0 and gain > 0):
        return None
    inputs = (bench.source, *bench.other_sources)
    pulses = [
        Pulse(element.name, _OUTPUT_STEP / gain * element.ac)
        for element in topology.netlist.elements
        if isinstance(element, VoltageSource | CurrentSource) and element.name in inputs
    ]
    return step_response(simulator, designs, pulses, _PERIODS / bandwidth)
