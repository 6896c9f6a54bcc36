"""Gradients of the totals of noise: every frequency of the grid, many side by side.

The totals need the forward and the transposed solution at every frequency. The elimination's program
(:mod:`.elimination`) has factored the matrix for the transposed one; :func:`forward_operations` adds the
forward one on the same factors.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..jit import inner
from .elimination import INVERT, MULTIPLY, SUBTRACT_PRODUCT, Program
from .gradients_metrics import interval_weights
from .small_signal import LANES, largest_residual, load, run
from .structure import INPUT_NOISE, Structure

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]

OUTPUT_TOTAL, INPUT_TOTAL = 0, 1
"""The two integrals: of the noise at the output, and referred to the input."""
_WORST_RESIDUAL = 1e-11


class Plan(NamedTuple):
    """What all designs of a topology share."""

    program: Program
    forward: Indices
    """Operations of the forward solution."""
    enters: Indices
    """Slot where the forward right-hand side of each row enters."""
    leaves: Indices
    """Slot of each unknown's forward solution."""
    rows: Indices
    """Entries of the matrices that an element can stamp, rows of unknowns, columns of any node."""
    columns: Indices
    worst_residual: float
    """Beyond it a design needs elimination with a choice of pivots."""


class Sweep(NamedTuple):
    """Room for one design; frequencies are padded to whole blocks of lanes."""

    slots: Numbers
    """Shape ``(blocks, slots, 2, LANES)``."""
    frequency: Numbers
    omega: Numbers
    density: Numbers
    """Of each source and kind, shape ``(sources, 2, frequencies)``."""
    weights: Numbers
    """Of each integral by each density, shape ``(2, sources, 2, frequencies)``."""
    totals: Numbers
    """The integral over the interval that ends at each frequency."""
    drive: Numbers
    """Of the noise reference, shape ``(2, LANES)``."""
    bars: Numbers
    """Of each integral by each entry of G and C, by lane, shape ``(2, entries, 2, LANES)``."""
    sums: Numbers


def forward_operations(program: Program) -> tuple[Indices, Indices, Indices]:
    """The forward solution on the factors that the program leaves, in slots behind its own.

    Returns:
        operations: rows of (kind, target, first, second).
        enters: slot of the right-hand side of each row.
        leaves: slot of the solution of each unknown.
    """
    count = len(program.right)
    base = program.slots - count
    row, column = np.argsort(program.solution), np.argsort(program.right)
    place = {
        k: (int(i), int(j)) for k, (i, j) in enumerate(zip(program.row, program.column, strict=True))
    }
    for kind, target, first, second in program.operations.tolist():
        if kind == SUBTRACT_PRODUCT and target < base:
            place[target] = place[first][0], place[second][1]
    slot = {entry: k for k, entry in place.items()}
    operations = []
    for k in range(count):
        for later in range(k + 1, count):
            if (row[later], column[k]) in slot:
                factor = slot[row[later], column[k]]
                operations.append((SUBTRACT_PRODUCT, program.slots + later, factor, program.slots + k))
    for k in range(count - 1, -1, -1):
        for later in range(k + 1, count):
            if (row[k], column[later]) in slot:
                factor = slot[row[k], column[later]]
                operations.append((SUBTRACT_PRODUCT, program.slots + k, factor, program.slots + later))
        operations.append((MULTIPLY, program.slots + k, slot[row[k], column[k]], 0))
    assert INVERT in program.operations[:, 0]
    return (
        np.array(operations, dtype=np.int64).reshape(-1, 4),
        np.asarray(program.solution - base + program.slots),
        np.asarray(program.right - base + program.slots),
    )


def plan(structure: Structure, program: Program) -> Plan:
    """Prepare the sweeps of a topology."""
    stamped = np.zeros((structure.size, structure.size), dtype=bool)
    groups = (
        structure.mosfets[:, :4], structure.resistors[:, :2], structure.capacitors[:, :2],
        structure.inductors[:, :3], structure.vccs[:, :4], structure.vcvs[:, :5],
    )  # fmt: skip
    for group in groups:
        for nodes in group:
            stamped[np.ix_(nodes, nodes)] = True
    rows, columns = np.nonzero(stamped[: structure.unknowns])
    operations, enters, leaves = forward_operations(program)
    return Plan(
        program, operations, enters, leaves, rows.astype(np.int64), columns.astype(np.int64), _WORST_RESIDUAL
    )  # fmt: skip


@inner
def sweep_totals(structure, circuit, bars, input_gain, first_row, wanted, plan, sweep):
    """Add the integrals' derivatives to the bars, ``wanted`` two flags.

    Args:
        structure: of the topology.
        circuit: the design, see :class:`.gradients_kernel.Circuit`.
        bars: of all metrics; the integrals' rows begin at ``first_row``.
        input_gain: squared magnitude of the response to the noise reference.
        first_row: see above.
        wanted: whether each integral is asked for.
        plan: of the topology.
        sweep: scratch.

    Returns:
        False, with the bars untouched, where elimination without a choice of pivots is not exact.
    """
    for block in range(sweep.slots.shape[0]):
        if not _solve_block(structure, circuit, plan, sweep, block):
            return False
    _weigh(structure, circuit, input_gain, sweep)
    for integral in range(2):
        if not wanted[integral]:
            continue
        for k in range(plan.rows.shape[0]):
            for lane in range(LANES):
                sweep.bars[integral, k, 0, lane] = 0.0
                sweep.bars[integral, k, 1, lane] = 0.0
        row = first_row + integral
        for block in range(sweep.slots.shape[0]):
            _inject(structure, circuit, bars, row, integral, plan, sweep, block)
            for lane in range(LANES):
                sweep.drive[0, lane], sweep.drive[1, lane] = 0.0, 0.0
            if integral == INPUT_TOTAL:
                _drive(structure, circuit, plan, sweep, block)
            run(plan.forward, sweep.slots[block])
            _collect(structure, plan, sweep, block, sweep.bars[integral])
        for k in range(plan.rows.shape[0]):
            g, c = 0.0, 0.0
            for lane in range(LANES):
                g += sweep.bars[integral, k, 0, lane]
                c += sweep.bars[integral, k, 1, lane]
            bars.conductance[row, plan.rows[k], plan.columns[k]] -= g
            bars.capacitance[row, plan.rows[k], plan.columns[k]] += c
    return True


@inner
def _solve_block(structure, circuit, plan, sweep, block):
    """Factor one block, find its transposed solution and the densities of all sources."""
    program, work, begin = plan.program, sweep.slots[block], block * LANES
    omega = sweep.omega[begin : begin + LANES]
    load(
        program,
        circuit.conductances,
        circuit.capacitance,
        structure.output,
        structure.unknowns,
        omega,
        work,
    )
    run(program.operations, work)
    for lane in range(0, LANES, LANES - 1):
        error = largest_residual(
            program,
            circuit.conductances,
            circuit.capacitance,
            structure.output,
            omega,
            lane,
            work,
            sweep.sums,
        )
        if not error < plan.worst_residual:
            return False
    for source in range(circuit.nodes.shape[0]):
        for lane in range(LANES):
            sweep.density[source, 0, begin + lane] = 0.0
            sweep.density[source, 1, begin + lane] = 0.0
        a, b = circuit.nodes[source, 0], circuit.nodes[source, 1]
        for lane in range(LANES):
            t_re, t_im = _transfer(structure, program, work, a, b, lane)
            power = t_re * t_re + t_im * t_im
            sweep.density[source, 0, begin + lane] = circuit.white[source] * power
            sweep.density[source, 1, begin + lane] = (
                circuit.flicker[source] * power / sweep.frequency[begin + lane]
            )
    return True


@inner
def _transfer(structure, program, work, a, b, lane):
    """How a current from a to b reaches the output, in one lane."""
    re, im = 0.0, 0.0
    if a < structure.unknowns:
        re += work[program.solution[a], 0, lane]
        im += work[program.solution[a], 1, lane]
    if b < structure.unknowns:
        re -= work[program.solution[b], 0, lane]
        im -= work[program.solution[b], 1, lane]
    return re, im


@inner
def _weigh(structure, circuit, input_gain, sweep):
    """The derivatives of both integrals by all densities."""
    points = structure.frequencies.shape[0]
    log_ratio = np.log(structure.frequencies[1] / structure.frequencies[0])
    for i in range(sweep.totals.shape[0]):
        sweep.totals[i] = 0.0
    for source in range(circuit.nodes.shape[0]):
        for part in range(2):
            for i in range(sweep.totals.shape[0]):
                sweep.weights[OUTPUT_TOTAL, source, part, i] = 0.0
                sweep.weights[INPUT_TOTAL, source, part, i] = 0.0
            level = circuit.white[source] if part == 0 else circuit.flicker[source]
            if level == 0.0:
                continue
            for i in range(1, points):
                area, left, right = interval_weights(
                    sweep.density[source, part, i - 1], sweep.density[source, part, i],
                    sweep.frequency[i - 1], sweep.frequency[i], log_ratio,
                )  # fmt: skip
                inverse = 1.0 / input_gain[i]
                sweep.totals[i] += area
                sweep.weights[OUTPUT_TOTAL, source, part, i - 1] += left
                sweep.weights[OUTPUT_TOTAL, source, part, i] = right
                sweep.weights[INPUT_TOTAL, source, part, i - 1] += left * inverse
                sweep.weights[INPUT_TOTAL, source, part, i] = right * inverse
    for i in range(points):
        sweep.totals[i] /= input_gain[i]


@inner
def _inject(structure, circuit, bars, row, integral, plan, sweep, block):
    """The right-hand sides of one block: the weighted noise currents."""
    work, begin = sweep.slots[block], block * LANES
    for slot in range(plan.program.slots, work.shape[0]):
        for lane in range(LANES):
            work[slot, 0, lane] = 0.0
            work[slot, 1, lane] = 0.0
    for source in range(circuit.nodes.shape[0]):
        if circuit.white[source] == 0.0 and circuit.flicker[source] == 0.0:
            continue
        a, b = circuit.nodes[source, 0], circuit.nodes[source, 1]
        white, flicker = circuit.white[source], circuit.flicker[source]
        by_white, by_flicker = 0.0, 0.0
        for lane in range(LANES):
            t_re, t_im = _transfer(structure, plan.program, work, a, b, lane)
            power = t_re * t_re + t_im * t_im
            w = sweep.weights[integral, source, 0, begin + lane]
            f = sweep.weights[integral, source, 1, begin + lane] / sweep.frequency[begin + lane]
            by_white += w * power
            by_flicker += f * power
            level = 2.0 * (w * white + f * flicker)
            if a < structure.unknowns:
                work[plan.enters[a], 0, lane] += level * t_re
                work[plan.enters[a], 1, lane] -= level * t_im
            if b < structure.unknowns:
                work[plan.enters[b], 0, lane] -= level * t_re
                work[plan.enters[b], 1, lane] += level * t_im
        bars.white[row, source] += by_white
        bars.flicker[row, source] += by_flicker


@inner
def _drive(structure, circuit, plan, sweep, block):
    """Add the noise reference, weighted with what the integral loses where its gain grows."""
    work, begin, unknowns = sweep.slots[block], block * LANES, structure.unknowns
    for side in range(2):  # first the response to the reference, then its part of the right-hand side
        for i in range(unknowns):
            g, c = structure.input_currents[INPUT_NOISE, i], 0.0
            for k in range(structure.input_known.shape[1]):
                amplitude = structure.input_known[INPUT_NOISE, k]
                g -= circuit.conductances[i, unknowns + k] * amplitude
                c -= circuit.capacitance[i, unknowns + k] * amplitude
            if g == 0.0 and c == 0.0:
                continue
            y, x = plan.program.solution[i], plan.enters[i]
            for lane in range(LANES):
                b = sweep.omega[begin + lane] * c
                if side == 0:
                    sweep.drive[0, lane] += g * work[y, 0, lane] - b * work[y, 1, lane]
                    sweep.drive[1, lane] += g * work[y, 1, lane] + b * work[y, 0, lane]
                else:
                    work[x, 0, lane] += g * sweep.drive[0, lane] - b * sweep.drive[1, lane]
                    work[x, 1, lane] += g * sweep.drive[1, lane] + b * sweep.drive[0, lane]
        if side == 0:
            for lane in range(LANES):
                re, im = sweep.drive[0, lane], sweep.drive[1, lane]
                scale = -2.0 * sweep.totals[begin + lane] / (re * re + im * im)
                sweep.drive[0, lane] = scale * re
                sweep.drive[1, lane] = -scale * im


@inner
def _collect(structure, plan, sweep, block, bars):
    """Add ``y r^T`` of one block, real part for G and less the imaginary one times w for C."""
    work, begin, unknowns = sweep.slots[block], block * LANES, structure.unknowns
    for k in range(plan.rows.shape[0]):
        j, y = plan.columns[k], plan.program.solution[plan.rows[k]]
        if j < unknowns:
            x = plan.leaves[j]
            for lane in range(LANES):
                p, q = work[y, 0, lane], work[y, 1, lane]
                u, v = work[x, 0, lane], work[x, 1, lane]
                bars[k, 0, lane] += p * u - q * v
                bars[k, 1, lane] += sweep.omega[begin + lane] * (p * v + q * u)
        elif j < structure.size - 1:
            amplitude = structure.input_known[INPUT_NOISE, j - unknowns]
            if amplitude == 0.0:
                continue
            for lane in range(LANES):
                p, q = work[y, 0, lane], work[y, 1, lane]
                u, v = amplitude * sweep.drive[0, lane], amplitude * sweep.drive[1, lane]
                bars[k, 0, lane] += p * u - q * v
                bars[k, 1, lane] += sweep.omega[begin + lane] * (p * v + q * u)
