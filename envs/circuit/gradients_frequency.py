"""One design's solutions at single frequencies, and what its metrics need of them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..jit import inner
from .gradients_adjoint import collect, solve_forward
from .gradients_metrics import interval_weights
from .gradients_sweep import INPUT_TOTAL
from .linear_solver import factor, solve_transposed
from .structure import INPUT_NOISE

Numbers = NDArray[np.float64]


class Circuit(NamedTuple):
    """One design at its operating point, with room for the solution at a frequency."""

    conductances: Numbers
    capacitance: Numbers
    nodes: NDArray[np.int64]
    """The two nodes of each noise source."""
    white: Numbers
    flicker: Numbers
    lu: NDArray[np.complex128]
    """Factored ``A``, for two neighbouring frequencies; likewise what follows."""
    order: NDArray[np.int64]
    y: NDArray[np.complex128]
    """The transposed solution, ``size`` numbers, 0 at known nodes."""
    drive: NDArray[np.complex128]
    injected: NDArray[np.complex128]
    full: NDArray[np.complex128]


@inner
def solve_frequency(structure, circuit, omega, side):
    """Factor ``A`` at a frequency and find the transposed solution; False if singular."""
    unknowns = structure.unknowns
    lu, y = circuit.lu[side], circuit.y[side]
    for i in range(unknowns):
        for j in range(unknowns):
            lu[i, j] = complex(circuit.conductances[i, j], omega * circuit.capacitance[i, j])
    if not factor(lu, circuit.order[side], unknowns):
        return False
    for i in range(structure.size):
        y[i] = 0.0
    if structure.output[0] < unknowns:
        y[structure.output[0]] += 1.0
    if structure.output[1] < unknowns:
        y[structure.output[1]] -= 1.0
    solve_transposed(lu, circuit.order[side], y, unknowns)
    return True


@inner
def response_to(structure, circuit, omega, side, query):
    """The output's response to an input."""
    y, total = circuit.y[side], complex(0.0, 0.0)
    for i in range(structure.unknowns):
        given = complex(structure.input_currents[query, i], 0.0)
        for k in range(structure.input_known.shape[1]):
            amplitude = structure.input_known[query, k]
            if amplitude != 0.0:
                j = structure.unknowns + k
                given -= (
                    complex(circuit.conductances[i, j], omega * circuit.capacitance[i, j]) * amplitude
                )
        total += y[i] * given
    return total


@inner
def collect_frequency(structure, circuit, bars, omega, side, row):
    """Add what ``drive`` and ``injected`` say of one frequency to a metric's bars."""
    solve_forward(
        structure, circuit.conductances, circuit.capacitance, omega, circuit.lu[side], circuit.order[side],
        circuit.drive, circuit.injected, circuit.full,
    )  # fmt: skip
    collect(
        structure, bars.conductance[row], bars.capacitance[row], omega, circuit.y[side], circuit.full
    )


@inner
def inject(circuit, bars, row, source, frequency, side, white_weight, flicker_weight):
    """Weights on the densities at the output of one source: into the bars and the next solution."""
    a, b = circuit.nodes[source, 0], circuit.nodes[source, 1]
    t = circuit.y[side, a] - circuit.y[side, b]
    power = t.real * t.real + t.imag * t.imag
    bars.white[row, source] += white_weight * power
    bars.flicker[row, source] += flicker_weight * power / frequency
    level = white_weight * circuit.white[source] + flicker_weight * circuit.flicker[source] / frequency
    current = 2.0 * level * complex(t.real, -t.imag)
    circuit.injected[a] += current
    circuit.injected[b] -= current


@inner
def clear(circuit):
    """Nothing drives the circuit."""
    for q in range(circuit.drive.shape[0]):
        circuit.drive[q] = 0.0
    for i in range(circuit.injected.shape[0]):
        circuit.injected[i] = 0.0


@inner
def collect_points(structure, circuit, bars, points, output_noise, metrics):
    """Solve each frequency that has points once and add up its metrics; False if one is singular."""
    for first in range(points.count[0]):
        f = points.place[first, 0]
        if f < 0:
            continue
        frequency = structure.frequencies[f]
        omega = 2.0 * math.pi * frequency
        if not solve_frequency(structure, circuit, omega, 0):
            return False
        for metric in range(metrics):
            clear(circuit)
            noise, found = 0.0, False
            for k in range(first, points.count[0]):
                if points.place[k, 0] != f or points.place[k, 1] != metric:
                    continue
                points.place[k, 0] = -1 if k > first else f
                found = True
                query = points.place[k, 2]
                weight = complex(points.weight[k, 0], -points.weight[k, 1])
                circuit.drive[query] += weight / response_to(structure, circuit, omega, 0, query)
                noise += points.weight[k, 2] / output_noise[f]
            if not found:
                continue
            if noise != 0.0:
                for source in range(circuit.nodes.shape[0]):
                    inject(circuit, bars, metric, source, frequency, 0, noise, noise)
            collect_frequency(structure, circuit, bars, omega, 0, metric)
    return True


@inner
def collect_integrals(
    structure, circuit, bars, input_gain, first_row, wanted, density, weights, totals
):
    """The totals again, one frequency after the other with a choice of pivots; False where singular.

    For the rare designs for which :func:`.gradients_sweep.sweep_totals` gives up.

    Args:
        structure: of the topology.
        circuit: the design.
        bars: of all metrics; the integrals' rows begin at ``first_row``.
        input_gain: squared magnitude of the response to the noise reference.
        first_row: see above.
        wanted: whether each integral is asked for.
        density: scratch, shape ``(2 sides, sources, 2)``.
        weights: scratch, shape ``(2 integrals, 2 sides, sources, 2)``.
        totals: scratch, shape ``(2,)``.
    """
    points, sources = structure.frequencies.shape[0], circuit.nodes.shape[0]
    log_ratio = math.log(structure.frequencies[1] / structure.frequencies[0])
    for i in range(points + 1):
        side = i % 2
        if i < points:
            frequency = structure.frequencies[i]
            if not solve_frequency(structure, circuit, 2.0 * math.pi * frequency, side):
                return False
            totals[side] = 0.0
            for source in range(sources):
                t = (
                    circuit.y[side, circuit.nodes[source, 0]]
                    - circuit.y[side, circuit.nodes[source, 1]]
                )
                power = t.real * t.real + t.imag * t.imag
                density[side, source, 0] = circuit.white[source] * power
                density[side, source, 1] = circuit.flicker[source] * power / frequency
                for part in range(2):
                    area, left, right = 0.0, 0.0, 0.0
                    if i > 0:
                        area, left, right = interval_weights(
                            density[1 - side, source, part], density[side, source, part],
                            structure.frequencies[i - 1], frequency, log_ratio,
                        )  # fmt: skip
                    totals[side] += area
                    weights[0, 1 - side, source, part] += left
                    weights[0, side, source, part] = right
                    weights[1, 1 - side, source, part] += left / input_gain[i]
                    weights[1, side, source, part] = right / input_gain[i]
        if i > 0:
            _collect_swept(
                structure,
                circuit,
                bars,
                input_gain,
                first_row,
                wanted,
                weights,
                totals,
                i - 1,
                1 - side,
            )
    return True


@inner
def _collect_swept(
    structure, circuit, bars, input_gain, first_row, wanted, weights, totals, place, side
):
    """The weights of one frequency of the sweep, complete now that both neighbours are known."""
    frequency = structure.frequencies[place]
    omega = 2.0 * math.pi * frequency
    for integral in range(2):
        if not wanted[integral]:
            continue
        clear(circuit)
        row = first_row + integral
        for source in range(circuit.nodes.shape[0]):
            white, flicker = weights[integral, side, source, 0], weights[integral, side, source, 1]
            if white != 0.0 or flicker != 0.0:
                inject(circuit, bars, row, source, frequency, side, white, flicker)
        if integral == INPUT_TOTAL and place > 0:
            gain = response_to(structure, circuit, omega, side, INPUT_NOISE)
            circuit.drive[INPUT_NOISE] = -2.0 * totals[side] / (input_gain[place] * gain)
        collect_frequency(structure, circuit, bars, omega, side, row)


@inner
def largest_response(structure, circuit, query):
    """Where on the grid the response to an input is largest; -1 if a frequency is singular."""
    highest, place = -1.0, -1
    for i in range(structure.frequencies.shape[0]):
        omega = 2.0 * math.pi * structure.frequencies[i]
        if not solve_frequency(structure, circuit, omega, 0):
            return -1
        size = abs(response_to(structure, circuit, omega, 0, query))
        if size > highest:
            highest, place = size, i
    return place
