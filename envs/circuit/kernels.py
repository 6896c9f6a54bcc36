"""Many designs, one after the other: operating point, poles' matrix, response, noise, readings."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..jit import inlined, inner, kernel
from .conditions import BOLTZMANN
from .mosfet import DEVICE_PARAMETERS, fill_device
from .operating_point import evaluate, operating_point
from .readings import (
    GAIN,
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

_CUT_OFF, _SATURATION, _TRIODE, _REVERSED = ord("C"), ord("S"), ord("T"), ord("s") - ord("S")


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


class Workspace(NamedTuple):
    """Scratch of one call; frequencies are padded to whole blocks of ``LANES``."""

    devices: Numbers
    matrix: Numbers
    residual: Numbers
    trial: Numbers
    conductances: Numbers
    capacitance: Numbers
    dense: NDArray[np.complex128]
    right_real: Numbers
    right_imaginary: Numbers
    nodes: NDArray[np.int64]
    white: Numbers
    flicker: Numbers
    last: Numbers
    """Each source's white and flicker density at the last frequency of the block before."""
    slots: Numbers
    sums: Numbers
    power: Numbers
    density: Numbers
    slope: Numbers
    interval: Numbers
    around: Numbers
    """The frequencies of a block, after the last one of the block before."""
    frequency: Numbers
    omega: Numbers
    response_real: Numbers
    response_imaginary: Numbers
    squared: Numbers
    total_density: Numbers


@inner
def usable(structure, values):
    """Whether all element values are finite and sizes and resistances positive."""
    good = True
    for k in range(values.shape[0]):
        good = good and math.isfinite(values[k]) and (k >= structure.first[2] or values[k] > 0.0)
    return good


@inner
def fill_devices(structure, cards, values, mismatch, devices):
    """The numbers of all transistors of a design."""
    for m in range(structure.mosfets.shape[0]):
        fill_device(
            devices[m], cards[structure.mosfets[m, 5]], values[2 * m], values[2 * m + 1],
            mismatch[m, 0], mismatch[m, 1],
        )  # fmt: skip


@inner
def read_operating_point(structure, values, v, residual, table, regions, row):
    """Power, regions, and whether all transistors are saturated."""
    row[POWER] = 0.0
    for k in range(structure.supplies.shape[0]):
        source = structure.supplies[k]
        branch, known = structure.voltages[source, 2], structure.voltages[source, 3]
        current = v[branch] if known < 0 else residual[known]
        row[POWER] += abs(values[structure.first[7] + source] * current)
    row[SATURATED] = 1.0
    for m in range(structure.mosfets.shape[0]):
        vds, vdsat = table[m, 4], table[m, 7]
        region = _CUT_OFF if vdsat <= 0.0 else (_SATURATION if abs(vds) >= vdsat else _TRIODE)
        regions[m] = region + (_REVERSED if vds < 0.0 else 0)
        if regions[m] != _SATURATION:
            row[SATURATED] = 0.0


@inlined
def respond(structure, program, w, begin):
    """Solve one block of frequencies and find the response to every input; False if singular."""
    unknowns = structure.unknowns
    omega = w.omega[begin : begin + LANES]
    load(program, w.conductances, w.capacitance, structure.output, unknowns, omega, w.slots)
    run(program.operations, w.slots)
    for lane in range(0, LANES, LANES - 1):
        error = largest_residual(
            program, w.conductances, w.capacitance, structure.output, omega, lane, w.slots, w.sums
        )
        if not error < _WORST_RESIDUAL:
            for each in range(LANES):
                if not solve_pivoted(
                    w.conductances, w.capacitance, structure.output, unknowns, program, omega, each,
                    w.slots, w.dense,
                ):  # fmt: skip
                    return False
            break
    for q in range(w.squared.shape[0]):
        real, imaginary = w.response_real[q], w.response_imaginary[q]
        for lane in range(LANES):
            real[begin + lane] = 0.0
            imaginary[begin + lane] = 0.0
        for i in range(unknowns):
            b, c = w.right_real[q, i], w.right_imaginary[q, i]
            if b == 0.0 and c == 0.0:
                continue
            slot = program.solution[i]
            for lane in range(LANES):
                x, y, wc = w.slots[slot, 0, lane], w.slots[slot, 1, lane], omega[lane] * c
                real[begin + lane] += b * x - wc * y
                imaginary[begin + lane] += b * y + wc * x
        for lane in range(LANES):
            x, y = real[begin + lane], imaginary[begin + lane]
            w.squared[q, begin + lane] = x * x + y * y
    return True


@inlined
def add_noise(structure, program, w, begin, log_ratio):
    """Noise of one block of frequencies: densities and integrals between neighbours."""
    for lane in range(LANES):
        w.interval[lane] = 0.0
        w.total_density[begin + lane] = 0.0
        w.around[lane + 1] = w.frequency[begin + lane]
    for k in range(w.nodes.shape[0]):
        transfer_power(program, w.nodes[k, 0], w.nodes[k, 1], structure.unknowns, w.slots, w.power)
        for part in range(2):
            level = w.white[k] if part == 0 else w.flicker[k]
            if level == 0.0:
                continue
            if part == 0:
                for lane in range(LANES):
                    w.density[lane + 1] = level * w.power[lane]
            else:
                for lane in range(LANES):
                    w.density[lane + 1] = level * w.power[lane] / w.around[lane + 1]
            for lane in range(LANES):
                w.total_density[begin + lane] += w.density[lane + 1]
            w.density[0] = w.last[k, part] if begin > 0 else w.density[1]
            w.last[k, part] = w.density[LANES]
            integrate(w.density, w.slope, w.around, log_ratio, w.interval)
    w.around[0] = w.around[LANES]


@inlined
def analyse(structure, program, w, row):
    """Response and noise of a design whose matrices are there; fills its readings. False if singular."""
    points = structure.frequencies.shape[0]
    log_ratio = math.log(w.frequency[1] / w.frequency[0])
    output_total, input_total = 0.0, 0.0
    for begin in range(0, w.frequency.shape[0], LANES):
        if not respond(structure, program, w, begin):
            return False
        add_noise(structure, program, w, begin, log_ratio)
        for lane in range(LANES):
            if 0 < begin + lane < points:
                output_total += w.interval[lane]
                input_total += w.interval[lane] / w.squared[INPUT_NOISE, begin + lane]
    read(
        w.frequency, w.response_real[INPUT_SIGNAL], w.response_imaginary[INPUT_SIGNAL],
        w.squared[INPUT_SIGNAL], w.total_density, w.squared[INPUT_NOISE], points, row,
    )  # fmt: skip
    row[ONOISE_TOTAL] = math.sqrt(output_total)
    row[INOISE_TOTAL] = math.sqrt(input_total)
    row[IRN_RMS] = row[ONOISE_TOTAL] / row[GAIN]
    for q in range(INPUT_NOISE + 1, w.squared.shape[0]):
        largest = 0.0
        for i in range(points):
            largest = max(largest, w.squared[q, i])
        place = IRN_RMS + 1 + 2 * (q - INPUT_NOISE - 1)
        row[place] = math.sqrt(w.squared[q, 0])
        row[place + 1] = math.sqrt(largest)
    return True


@inner
def simulate_one(structure, program, cards, kelvin, mismatch, values, start, pole_shift, w, n, output):
    """Simulate design ``n`` and return its status."""
    row, v, table = output.metrics[n], output.voltages[n], output.devices[n]
    for k in range(row.shape[0]):
        row[k] = math.nan
    if not usable(structure, values):
        return BAD_DESIGN
    fill_devices(structure, cards, values, mismatch, w.devices)
    if operating_point(structure, values, w.devices, start, v, w.trial, w.matrix, w.residual) < 0:
        return NO_OPERATING_POINT
    evaluate(structure, values, w.devices, v, 1.0, 0.0, w.conductances, w.residual)
    capacitances(structure, values, w.devices, v, w.capacitance, table)
    read_operating_point(structure, values, v, w.residual, table, output.regions[n], row)
    if output.pole_matrices.shape[0] > 0 and not invert_pole_matrix(
        structure, w.conductances, w.capacitance, pole_shift, w.matrix, output.pole_matrices[n]
    ):
        return SINGULAR
    close_loop(structure, values, w.capacitance)
    inputs(structure, w.conductances, w.capacitance, w.right_real, w.right_imaginary)
    noise_sources(
        structure, values, w.devices, table, w.nodes, w.white, w.flicker, 4.0 * BOLTZMANN * kelvin
    )
    if not analyse(structure, program, w, row):
        return SINGULAR
    if output.response.shape[0] > 0:
        for i in range(structure.frequencies.shape[0]):
            output.response[n, i] = complex(
                w.response_real[INPUT_SIGNAL, i], w.response_imaginary[INPUT_SIGNAL, i]
            )
            output.densities[n, 0, i] = w.total_density[i]
            output.densities[n, 1, i] = w.squared[INPUT_NOISE, i]
    finite = math.isfinite(row[IRN_RMS]) and math.isfinite(row[POWER]) and math.isfinite(row[GAIN_DB])
    return OK if finite else NOT_FINITE


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
    transistors, size, unknowns = structure.mosfets.shape[0], structure.size, structure.unknowns
    points, queries = structure.frequencies.shape[0], structure.input_currents.shape[0]
    sources = transistors + structure.resistors.shape[0]
    padded = (points + LANES - 1) // LANES * LANES
    frequency = np.empty(padded)
    frequency[:points] = structure.frequencies
    frequency[points:] = structure.frequencies[points - 1]
    w = Workspace(
        np.zeros((transistors, DEVICE_PARAMETERS)), np.zeros((size, size)), np.zeros(size), np.zeros(size),
        np.zeros((size, size)), np.zeros((size, size)),
        np.zeros((unknowns, unknowns + 1), dtype=np.complex128), np.zeros((queries, unknowns)),
        np.zeros((queries, unknowns)), np.zeros((sources, 2), dtype=np.int64), np.zeros(sources),
        np.zeros(sources), np.zeros((sources, 2)), np.zeros((program.slots, 2, LANES)),
        np.zeros((unknowns, 3)), np.zeros(LANES), np.zeros(LANES + 1), np.zeros(LANES), np.zeros(LANES),
        np.zeros(LANES + 1), frequency, 2.0 * math.pi * frequency, np.zeros((queries, padded)),
        np.zeros((queries, padded)), np.zeros((queries, padded)), np.zeros(padded),
    )  # fmt: skip
    for n in range(values.shape[0]):
        output.status[n] = simulate_one(
            structure, program, cards, kelvin, mismatch[n % mismatch.shape[0]], values[n], start,
            pole_shift, w, n, output,
        )  # fmt: skip


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


@kernel
def operating_points(structure, cards, mismatch, values, start, status, voltages):
    """Operating points alone, from one common start: fill ``status`` and ``voltages``."""
    count, transistors, size = values.shape[0], structure.mosfets.shape[0], structure.size
    devices = np.zeros((transistors, DEVICE_PARAMETERS))
    trial, residual, matrix = np.zeros(size), np.zeros(size), np.zeros((size, size))
    for n in range(count):
        fill_devices(structure, cards, values[n], mismatch[n % mismatch.shape[0]], devices)
        found = operating_point(
            structure, values[n], devices, start, voltages[n], trial, matrix, residual
        )
        status[n] = OK if found >= 0 else NO_OPERATING_POINT
