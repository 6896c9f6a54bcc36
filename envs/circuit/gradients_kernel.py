"""Gradients of many designs, one after the other: the loops around :mod:`.gradients_adjoint`."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..jit import inner, kernel
from .conditions import BOLTZMANN
from .gradients_adjoint import (
    Bars,
    exact_jacobian,
    fill_derivatives,
    lead_back_currents,
    lead_back_devices,
    lead_back_elements,
)
from .gradients_device import COLUMNS, QUANTITIES
from .gradients_frequency import Circuit, collect_integrals, collect_points, largest_response
from .gradients_metrics import MOST_POINTS, Points, add_point, add_points
from .gradients_sweep import INPUT_TOTAL, OUTPUT_TOTAL, Sweep, sweep_totals
from .linear_solver import factor, solve, solve_transposed
from .mosfet import DEVICE_PARAMETERS, fill_device
from .operating_point import evaluate
from .readings import GAIN, INOISE_TOTAL, IRN_RMS, ONOISE_TOTAL, POWER
from .small_signal import LANES, capacitances, close_loop, noise_sources

Numbers = NDArray[np.float64]


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
