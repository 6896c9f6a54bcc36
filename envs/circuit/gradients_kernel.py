"""Gradients of many designs, one after the other: the loops around :mod:`.gradients_adjoint`."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..jit import inner, kernel
from .conditions import BOLTZMANN
from .gradients_adjoint import (
    Bars,
    collect,
    exact_jacobian,
    fill_derivatives,
    lead_back_currents,
    lead_back_devices,
    lead_back_elements,
    solve_forward,
)
from .gradients_device import COLUMNS, QUANTITIES
from .gradients_metrics import MOST_POINTS, Points, add_point, add_points, interval_weights
from .gradients_sweep import INPUT_TOTAL, OUTPUT_TOTAL, Sweep, sweep_totals
from .linear_solver import factor, solve, solve_transposed
from .mosfet import DEVICE_PARAMETERS, fill_device
from .operating_point import evaluate
from .readings import GAIN, INOISE_TOTAL, IRN_RMS, ONOISE_TOTAL, POWER
from .small_signal import LANES, capacitances, close_loop, noise_sources
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


@inner
def add_power(structure, values, v, residual, jacobian, multiplier, voltage_bar, value_bar):
    """The power that the supplies deliver."""
    for k in range(structure.supplies.shape[0]):
        source = structure.supplies[k]
        voltage = values[structure.first[7] + source]
        branch, known = structure.voltages[source, 2], structure.voltages[source, 3]
        current = v[branch] if known < 0 else residual[known]
        sign = 1.0 if voltage * current >= 0.0 else -1.0
        value_bar[structure.first[7] + source] += sign * current
        if known < 0:
            voltage_bar[branch] += sign * voltage
        else:
            multiplier[known] = -sign * voltage
            for j in range(structure.size):
                voltage_bar[j] += sign * voltage * jacobian[known, j]


@inner
def add_metric(structure, circuit, points, m, code, response, power, log_power, densities, row):
    """Add the points that a metric hangs on; False if it does not exist here."""
    if code == POWER:
        return True
    if code <= IRN_RMS:
        return add_points(
            points, m, code, structure.frequencies, response, power, log_power, densities[0], densities[1],
            row,
        )  # fmt: skip
    query, largest = 2 + (code - IRN_RMS - 1) // 2, (code - IRN_RMS - 1) % 2 == 1
    place = largest_response(structure, circuit, query) if largest else 0
    if place >= 0:
        add_point(points, m, place, query, row[code], 0.0, 0.0)
    return place >= 0


@inner
def add_integrals(codes, row, extra, value_bars):
    """The metrics that are roots of integrals of the noise."""
    for m in range(codes.shape[0]):
        integral, scale = -1, 0.0
        if codes[m] == ONOISE_TOTAL:
            integral, scale = OUTPUT_TOTAL, 0.5 / row[ONOISE_TOTAL]
        elif codes[m] == IRN_RMS:
            integral, scale = OUTPUT_TOTAL, 0.5 / (row[ONOISE_TOTAL] * row[GAIN])
        elif codes[m] == INOISE_TOTAL:
            integral, scale = INPUT_TOTAL, 0.5 / row[INOISE_TOTAL]
        if integral >= 0:
            for k in range(extra.shape[1]):
                value_bars[m, k] += scale * extra[integral, k]


@kernel
def gradients(
    structure,
    plan,
    cards,
    kelvin,
    mismatch,
    values,
    voltages,
    response,
    densities,
    metrics,
    codes,
    value_bars,
):
    """Derivatives of metrics by the element values, design by design.

    Args:
        structure: of the topology.
        plan: of its sweeps over frequency.
        cards: rows of CARD_NUMBERS, one per model.
        kelvin: temperature of the noise of resistors.
        mismatch: shape ``(n or 1, transistors, 2)``.
        values: element values, a row per design.
        voltages: operating points of all nodes, shape ``(n, size)``; branch currents may be missing.
        response: over frequency, shape ``(n, F)``.
        densities: squared noise density of the output, then squared response to the noise reference,
            shape ``(n, 2, F)``.
        metrics: all readings and disturbances of each design, NaN where it failed.
        codes: which of them are asked for.
        value_bars: what is filled, shape ``(n, codes, values)``; NaN where there is no gradient.
    """
    count, transistors, size = values.shape[0], structure.mosfets.shape[0], structure.size
    unknowns, grid = structure.unknowns, structure.frequencies
    sources, asked = transistors + structure.resistors.shape[0], codes.shape[0]
    rows = asked + 2
    devices, derivatives = (
        np.zeros((transistors, DEVICE_PARAMETERS)),
        np.zeros((transistors, QUANTITIES, COLUMNS)),
    )
    table, weights = np.zeros((transistors, 20)), np.zeros(QUANTITIES)
    v, residual, multiplier = np.zeros(size), np.zeros(size), np.zeros(size)
    jacobian, order = np.zeros((size, size)), np.zeros(unknowns, dtype=np.int64)
    lu = np.zeros((unknowns, unknowns))
    circuit = Circuit(
        conductances=np.zeros((size, size)),
        capacitance=np.zeros((size, size)),
        nodes=np.zeros((sources, 2), dtype=np.int64),
        white=np.zeros(sources),
        flicker=np.zeros(sources),
        lu=np.zeros((2, unknowns, unknowns), dtype=np.complex128),
        order=np.zeros((2, unknowns), dtype=np.int64),
        y=np.zeros((2, size), dtype=np.complex128),
        drive=np.zeros(structure.input_currents.shape[0], dtype=np.complex128),
        injected=np.zeros(size, dtype=np.complex128),
        full=np.zeros(size, dtype=np.complex128),
    )
    bars = Bars(
        conductance=np.zeros((rows, size, size)),
        capacitance=np.zeros((rows, size, size)),
        white=np.zeros((rows, sources)),
        flicker=np.zeros((rows, sources)),
    )
    voltage_bar, extra = np.zeros((rows, size)), np.zeros((2, values.shape[1]))
    points = Points(
        count=np.zeros(1, dtype=np.int64),
        place=np.zeros((MOST_POINTS * asked, 3), dtype=np.int64),
        weight=np.zeros((MOST_POINTS * asked, 3)),
    )
    power, log_power = np.zeros(grid.shape[0]), np.zeros(grid.shape[0])
    density, interval = np.zeros((2, sources, 2)), np.zeros((2, 2, sources, 2))
    blocks, entries = (grid.shape[0] + LANES - 1) // LANES, plan.rows.shape[0]
    padded = np.full(blocks * LANES, grid[-1])
    padded[: grid.shape[0]] = grid
    sweep = Sweep(
        slots=np.zeros((blocks, plan.program.slots + unknowns, 2, LANES)),
        frequency=padded,
        omega=2.0 * math.pi * padded,
        density=np.zeros((sources, 2, blocks * LANES)),
        weights=np.zeros((2, sources, 2, blocks * LANES)),
        totals=np.zeros(blocks * LANES),
        drive=np.zeros((2, LANES)),
        bars=np.zeros((2, entries, 2, LANES)),
        sums=np.zeros((unknowns, 3)),
    )
    totals, wanted = np.zeros(2), np.zeros(2, dtype=np.bool_)
    for m in range(asked):
        if codes[m] in (ONOISE_TOTAL, IRN_RMS):
            wanted[OUTPUT_TOTAL] = True
        if codes[m] == INOISE_TOTAL:
            wanted[INPUT_TOTAL] = True
    for n in range(count):
        value_bars[n, :, :] = math.nan
        row = metrics[n]
        if not math.isfinite(row[GAIN]):
            continue
        for m in range(transistors):
            fill_device(
                devices[m], cards[structure.mosfets[m, 5]], values[n, 2 * m], values[n, 2 * m + 1],
                mismatch[n % mismatch.shape[0], m, 0], mismatch[n % mismatch.shape[0], m, 1],
            )  # fmt: skip
        v[:] = voltages[n]
        # The equations are linear in the currents of branches: one Newton step finds them.
        evaluate(structure, values[n], devices, v, 1.0, 0.0, circuit.conductances, residual)
        lu[:, :] = circuit.conductances[:unknowns, :unknowns]
        if not factor(lu, order, unknowns):
            continue
        solve(lu, order, residual, unknowns)
        v[:unknowns] -= residual[:unknowns]
        evaluate(structure, values[n], devices, v, 1.0, 0.0, circuit.conductances, residual)
        capacitances(structure, values[n], devices, v, circuit.capacitance, table)
        close_loop(structure, values[n], circuit.capacitance)
        temperature_noise = 4.0 * BOLTZMANN * kelvin
        noise_sources(
            structure, values[n], devices, table, circuit.nodes, circuit.white, circuit.flicker,
            temperature_noise,
        )  # fmt: skip
        fill_derivatives(structure, values[n], cards, devices, v, derivatives)
        exact_jacobian(structure, devices, v, derivatives, circuit.conductances, jacobian)
        lu[:, :] = jacobian[:unknowns, :unknowns]
        if not factor(lu, order, unknowns):
            continue
        bars.conductance[:, :, :] = 0.0
        bars.capacitance[:, :, :] = 0.0
        bars.white[:, :] = 0.0
        bars.flicker[:, :] = 0.0
        for i in range(grid.shape[0]):
            z = response[n, i]
            power[i] = z.real * z.real + z.imag * z.imag
        points.count[0] = 0
        for m in range(asked):
            if add_metric(
                structure,
                circuit,
                points,
                m,
                codes[m],
                response[n],
                power,
                log_power,
                densities[n],
                row,
            ):
                value_bars[n, m, :] = 0.0
        good = collect_points(structure, circuit, bars, points, densities[n, 0], asked)
        if (
            good
            and (wanted[0] or wanted[1])
            and not sweep_totals(structure, circuit, bars, densities[n, 1], asked, wanted, plan, sweep)
        ):
            interval[:, :, :, :] = 0.0
            good = collect_integrals(
                structure, circuit, bars, densities[n, 1], asked, wanted, density, interval, totals
            )
        if not good:
            value_bars[n, :, :] = math.nan
            continue
        voltage_bar[:, :] = 0.0
        extra[:, :] = 0.0
        for m in range(rows):
            if m >= asked and not wanted[m - asked]:
                continue
            value_bar = value_bars[n, m] if m < asked else extra[m - asked]
            multiplier[:] = 0.0
            if m < asked and codes[m] == POWER:
                add_power(
                    structure, values[n], v, residual, jacobian, multiplier, voltage_bar[m], value_bar
                )
            else:
                lead_back_devices(
                    structure, values[n], v, devices, table, derivatives, bars, m, weights, voltage_bar[m],
                    value_bar,
                )  # fmt: skip
                lead_back_elements(structure, values[n], temperature_noise, bars, m, value_bar)
            multiplier[:unknowns] = voltage_bar[m, :unknowns]
            solve_transposed(lu, order, multiplier, unknowns)
            lead_back_currents(
                structure, values[n], v, derivatives, jacobian, multiplier, voltage_bar[m], value_bar
            )
        add_integrals(codes, row, extra, value_bars[n])
