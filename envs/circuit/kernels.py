"""Many designs, one after the other: operating point, poles' matrix, response, noise, readings."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..jit import kernel
from .conditions import BOLTZMANN
from .mosfet import DEVICE_PARAMETERS, fill_device
from .operating_point import evaluate, operating_point
from .readings import (
    GAIN_DB,
    INOISE_TOTAL,
    IRN_RMS,
    ONOISE_TOTAL,
    POWER,
    SATURATED,
    read,
)
from .small_signal import (
    LANES,
    capacitances,
    close_loop,
    inputs,
    integrate,
    invert_pole_matrix,
    largest_residual,
    load,
    noise_sources,
    run,
    solve_pivoted,
    transfer_power,
)
from .structure import INPUT_NOISE, INPUT_SIGNAL

Numbers = NDArray[np.float64]

OK, BAD_DESIGN, NO_OPERATING_POINT, SINGULAR, NOT_FINITE = range(5)
"""Status of a design; :data:`eyas.envs.circuit.results.REASONS` has the sentences."""
_WORST_RESIDUAL = 1e-11  # beyond it a frequency is solved again with pivoting


class Output(NamedTuple):
    """What the kernel fills, a row for each design; spectra and pole matrices may have no rows."""

    status: NDArray[np.uint8]
    metrics: Numbers
    voltages: Numbers
    """All of ``structure.size``."""
    devices: Numbers
    regions: NDArray[np.uint8]
    pole_matrices: Numbers
    response: NDArray[np.complex128]
    densities: Numbers
    """Squared noise density of the output, then squared response to the noise reference, ``(n, 2, F)``."""


@kernel
def operating_points(structure, cards, mismatch, values, start, status, voltages):
    """Operating points alone, from one common start: fill ``status`` and ``voltages``."""
    count, transistors, size = values.shape[0], structure.mosfets.shape[0], structure.size
    devices = np.zeros((transistors, DEVICE_PARAMETERS))
    trial, residual, matrix = np.zeros(size), np.zeros(size), np.zeros((size, size))
    for n in range(count):
        for m in range(transistors):
            fill_device(
                devices[m], cards[structure.mosfets[m, 5]], values[n, 2 * m], values[n, 2 * m + 1],
                mismatch[n % mismatch.shape[0], m, 0], mismatch[n % mismatch.shape[0], m, 1],
            )  # fmt: skip
        found = operating_point(
            structure, values[n], devices, start, voltages[n], trial, matrix, residual
        )
        status[n] = OK if found >= 0 else NO_OPERATING_POINT


@kernel
def simulate(structure, program, cards, kelvin, mismatch, values, start, pole_shift, output):
    """Simulate designs one after the other.

    Args:
        structure: of the topology.
        program: its elimination.
        cards: rows of CARD_NUMBERS, one per model.
        kelvin: temperature of the noise of resistors.
        mismatch: shape ``(n or 1, transistors, 2)``.
        values: element values, a row per design.
        start: voltages where Newton starts.
        pole_shift: of :func:`.small_signal.invert_pole_matrix` (rad/s).
        output: what is filled.
    """
    count, transistors, size = values.shape[0], structure.mosfets.shape[0], structure.size
    unknowns, points = structure.unknowns, structure.frequencies.shape[0]
    sources = transistors + structure.resistors.shape[0]
    queries = structure.input_currents.shape[0]
    blocks = (points + LANES - 1) // LANES
    devices = np.zeros((transistors, DEVICE_PARAMETERS))
    trial, residual = np.zeros(size), np.zeros(size)
    conductances, capacitance, scratch = (
        np.zeros((size, size)),
        np.zeros((size, size)),
        np.zeros((size, size)),
    )
    dense = np.zeros((unknowns, unknowns + 1), dtype=np.complex128)
    b_real, b_imaginary = np.zeros((queries, unknowns)), np.zeros((queries, unknowns))
    nodes = np.zeros((sources, 2), dtype=np.int64)
    white, flicker, last = np.zeros(sources), np.zeros(sources), np.zeros((sources, 2))
    work = np.zeros((program.slots, 2, LANES))
    power, sums = np.zeros(LANES), np.zeros((unknowns, 3))
    density, previous = np.zeros(LANES + 1), np.zeros(LANES)
    interval, around = np.zeros(LANES), np.zeros(LANES + 1)
    frequency = np.zeros(blocks * LANES)
    frequency[:points] = structure.frequencies
    frequency[points:] = structure.frequencies[points - 1]
    omega = 2.0 * math.pi * frequency
    out_re, out_im = np.zeros((queries, blocks * LANES)), np.zeros((queries, blocks * LANES))
    total_density, squared = np.zeros(blocks * LANES), np.zeros((queries, blocks * LANES))
    log_ratio = math.log(frequency[1] / frequency[0])
    for n in range(count):
        output.metrics[n, :] = math.nan
        row, v, table = output.metrics[n], output.voltages[n], output.devices[n]
        good = True
        for k in range(values.shape[1]):
            if not math.isfinite(values[n, k]):
                good = False
        for k in range(structure.first[2]):  # sizes of transistors, resistances
            if not values[n, k] > 0.0:
                good = False
        if not good:
            output.status[n] = BAD_DESIGN
            continue
        for m in range(transistors):
            fill_device(
                devices[m], cards[structure.mosfets[m, 5]], values[n, 2 * m], values[n, 2 * m + 1],
                mismatch[n % mismatch.shape[0], m, 0], mismatch[n % mismatch.shape[0], m, 1],
            )  # fmt: skip
        if operating_point(structure, values[n], devices, start, v, trial, scratch, residual) < 0:
            output.status[n] = NO_OPERATING_POINT
            continue
        evaluate(structure, values[n], devices, v, 1.0, 0.0, conductances, residual)
        capacitances(structure, values[n], devices, v, capacitance, table)
        row[POWER] = 0.0
        for k in range(structure.supplies.shape[0]):
            source = structure.supplies[k]
            voltage = values[n, structure.first[7] + source]
            branch, known = structure.voltages[source, 2], structure.voltages[source, 3]
            row[POWER] += abs(voltage * (v[branch] if known < 0 else residual[known]))
        row[SATURATED] = 1.0
        for m in range(transistors):
            vds, vdsat = table[m, 4], table[m, 7]
            region = 67 if vdsat <= 0.0 else (83 if abs(vds) >= vdsat else 84)  # C, S, T
            output.regions[n, m] = region + (32 if vds < 0.0 else 0)
            if output.regions[n, m] != 83:
                row[SATURATED] = 0.0
        if output.pole_matrices.shape[0] > 0:
            if not invert_pole_matrix(
                structure, conductances, capacitance, pole_shift, scratch, output.pole_matrices[n]
            ):
                output.status[n] = SINGULAR
                continue
        close_loop(structure, values[n], capacitance)
        inputs(structure, conductances, capacitance, b_real, b_imaginary)
        noise_sources(
            structure, values[n], devices, table, nodes, white, flicker, 4.0 * BOLTZMANN * kelvin
        )
        onoise_total, inoise_total, singular = 0.0, 0.0, False
        total_density[:] = 0.0
        for block in range(blocks):
            begin = block * LANES
            w = omega[begin : begin + LANES]
            load(program, conductances, capacitance, structure.output, unknowns, w, work)
            run(program.operations, work)
            for lane in range(0, LANES, LANES - 1):
                error = largest_residual(
                    program, conductances, capacitance, structure.output, w, lane, work, sums
                )
                if not error < _WORST_RESIDUAL:
                    for each in range(LANES):
                        if not solve_pivoted(
                            conductances, capacitance, structure.output, unknowns, program, w, each, work, dense,
                        ):  # fmt: skip
                            singular = True
                    break
            for q in range(queries):
                for lane in range(LANES):
                    out_re[q, begin + lane] = 0.0
                    out_im[q, begin + lane] = 0.0
                for i in range(unknowns):
                    b, c = b_real[q, i], b_imaginary[q, i]
                    if b == 0.0 and c == 0.0:
                        continue
                    slot = program.solution[i]
                    for lane in range(LANES):
                        x, y, wc = work[slot, 0, lane], work[slot, 1, lane], w[lane] * c
                        out_re[q, begin + lane] += b * x - wc * y
                        out_im[q, begin + lane] += b * y + wc * x
                for lane in range(LANES):
                    x, y = out_re[q, begin + lane], out_im[q, begin + lane]
                    squared[q, begin + lane] = x * x + y * y
            for lane in range(LANES):
                interval[lane] = 0.0
                around[lane + 1] = frequency[begin + lane]
            for k in range(sources):
                transfer_power(program, nodes[k, 0], nodes[k, 1], unknowns, work, power)
                for part in range(2):
                    level = white[k] if part == 0 else flicker[k]
                    if level == 0.0:
                        continue
                    density[0] = last[k, part]
                    if part == 0:
                        for lane in range(LANES):
                            density[lane + 1] = level * power[lane]
                    else:
                        for lane in range(LANES):
                            density[lane + 1] = level * power[lane] / around[lane + 1]
                    for lane in range(LANES):
                        total_density[begin + lane] += density[lane + 1]
                    if block == 0:
                        density[0] = density[1]
                    last[k, part] = density[LANES]
                    integrate(density, previous, around, log_ratio, interval)
            around[0] = frequency[begin + LANES - 1]
            for lane in range(LANES):
                if 0 < begin + lane < points:
                    onoise_total += interval[lane]
                    inoise_total += interval[lane] / squared[INPUT_NOISE, begin + lane]
        if singular:
            output.status[n] = SINGULAR
            continue
        read(
            frequency, out_re[INPUT_SIGNAL], out_im[INPUT_SIGNAL], squared[INPUT_SIGNAL], total_density,
            squared[INPUT_NOISE], points, row,
        )  # fmt: skip
        row[ONOISE_TOTAL] = math.sqrt(onoise_total)
        row[INOISE_TOTAL] = math.sqrt(inoise_total)
        row[IRN_RMS] = row[ONOISE_TOTAL] / math.sqrt(squared[INPUT_SIGNAL, 0])
        for q in range(2, queries):
            largest = 0.0
            for i in range(points):
                largest = max(largest, squared[q, i])
            row[IRN_RMS + 2 * q - 3] = math.sqrt(squared[q, 0])
            row[IRN_RMS + 2 * q - 2] = math.sqrt(largest)
        if output.response.shape[0] > 0:
            for i in range(points):
                output.response[n, i] = complex(out_re[INPUT_SIGNAL, i], out_im[INPUT_SIGNAL, i])
                output.densities[n, 0, i] = total_density[i]
                output.densities[n, 1, i] = squared[INPUT_NOISE, i]
        good = math.isfinite(row[IRN_RMS]) and math.isfinite(row[POWER]) and math.isfinite(row[GAIN_DB])
        output.status[n] = OK if good else NOT_FINITE


@kernel
def matrices(structure, cards, values, voltages):
    """The conductance and capacitance matrices of one design without mismatch, loop closed."""
    size, transistors = structure.size, structure.mosfets.shape[0]
    devices = np.zeros((transistors, DEVICE_PARAMETERS))
    conductances, capacitance = np.zeros((size, size)), np.zeros((size, size))
    residual, table = np.zeros(size), np.zeros((transistors, 20))
    for m in range(transistors):
        fill_device(
            devices[m], cards[structure.mosfets[m, 5]], values[2 * m], values[2 * m + 1], 0.0, 0.0
        )
    evaluate(structure, values, devices, voltages, 1.0, 0.0, conductances, residual)
    capacitances(structure, values, devices, voltages, capacitance, table)
    close_loop(structure, values, capacitance)
    return conductances, capacitance
