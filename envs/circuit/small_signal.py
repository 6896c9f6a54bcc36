"""Small-signal analyses of one design: capacitances, the response over frequency, and noise.

At each frequency one transposed solution ``A^T y = e`` of ``A = G + j w C`` gives everything: the
response to any input is ``b^T y``, and a noise current between two nodes reaches the output as the
difference of their ``y`` (the adjoint method). ``LANES`` frequencies are solved side by side.
"""

from __future__ import annotations

import math

from ..jit import inner
from .elimination import INVERT, MULTIPLY
from .mosfet import (
    AF,
    BETA,
    FLICKER,
    GAMMA,
    LAMBDA,
    THERMAL_NOISE,
    channel,
    junction,
    junction_capacitance,
    meyer,
)

LANES = 32
_SMALL_RATIO = 0.12  # up to here the series below has all digits
_SMALLEST_DENSITY = 1e-38  # ngspice's floor under a logarithm


@inner
def _add_capacitance(matrix, a, b, value):
    matrix[a, a] += value
    matrix[b, b] += value
    matrix[a, b] -= value
    matrix[b, a] -= value


@inner
def capacitances(structure, values, devices, v, matrix, table):
    """Fill the capacitance matrix, without what closes the loop, and the operating-point table.

    ``table`` has a row of 20 numbers for each transistor: id, ibs, ibd, vgs, vds, vbs, vth, vdsat, vod,
    beta, gam_eff, gm, gds, gmb, cdtot, cgtot, cstot, cbtot, cgs, cgd.
    """
    for i in range(structure.size):
        for j in range(structure.size):
            matrix[i, j] = 0.0
    for m in range(structure.mosfets.shape[0]):
        d, g, s, b = (
            structure.mosfets[m, 0],
            structure.mosfets[m, 1],
            structure.mosfets[m, 2],
            structure.mosfets[m, 3],
        )
        sign = structure.mosfets[m, 4]
        p, row = devices[m], table[m]
        vgs, vds, vbs = sign * (v[g] - v[s]), sign * (v[d] - v[s]), sign * (v[b] - v[s])
        state = channel(p, vgs, vds, vbs)
        ibs, _ = junction(p, vbs)
        ibd, _ = junction(p, vbs - vds)
        cgs, cgd, cgb = meyer(p, vgs, vds, state)
        cbs = junction_capacitance(p, vbs)
        cbd = junction_capacitance(p, vbs - vds)
        _add_capacitance(matrix, g, s, cgs)
        _add_capacitance(matrix, g, d, cgd)
        _add_capacitance(matrix, g, b, cgb)
        _add_capacitance(matrix, b, s, cbs)
        _add_capacitance(matrix, b, d, cbd)
        row[0] = (state.current if state.forward else -state.current) - ibd
        row[1], row[2] = ibs, ibd
        row[3], row[4], row[5] = vgs, vds, vbs
        row[6], row[7], row[8] = state.von, state.vdsat, vgs - state.von
        row[9], row[10] = p[BETA] * (1.0 + p[LAMBDA] * vds), p[GAMMA]
        row[11], row[12], row[13] = state.gm, state.gds, state.gmb
        row[14], row[15] = cgd + cbd, cgs + cgd + cgb
        row[16], row[17] = cgs + cbs, cbd + cbs + cgb
        row[18], row[19] = cgs, cgd
    for k in range(structure.capacitors.shape[0]):
        if structure.capacitors[k, 2] == 0:
            _add_capacitance(
                matrix,
                structure.capacitors[k, 0],
                structure.capacitors[k, 1],
                values[structure.first[2] + k],
            )
    for k in range(structure.inductors.shape[0]):
        if structure.inductors[k, 3] == 0:
            branch = structure.inductors[k, 2]
            matrix[branch, branch] -= values[structure.first[3] + k]


@inner
def close_loop(structure, values, matrix):
    """Add the inductors and capacitors that close the loop for direct current."""
    for k in range(structure.capacitors.shape[0]):
        if structure.capacitors[k, 2] != 0:
            _add_capacitance(
                matrix,
                structure.capacitors[k, 0],
                structure.capacitors[k, 1],
                values[structure.first[2] + k],
            )
    for k in range(structure.inductors.shape[0]):
        if structure.inductors[k, 3] != 0:
            branch = structure.inductors[k, 2]
            matrix[branch, branch] -= values[structure.first[3] + k]


@inner
def inputs(structure, conductances, capacitance, real, imaginary):
    """The right-hand sides ``b = real + j w imaginary`` of all inputs, a row each."""
    unknowns = structure.unknowns
    for q in range(real.shape[0]):
        for i in range(unknowns):
            total, total_c = structure.input_currents[q, i], 0.0
            for k in range(structure.input_known.shape[1]):
                amplitude = structure.input_known[q, k]
                if amplitude != 0.0:
                    total -= conductances[i, unknowns + k] * amplitude
                    total_c -= capacitance[i, unknowns + k] * amplitude
            real[q, i] = total
            imaginary[q, i] = total_c


@inner
def noise_sources(structure, values, devices, table, nodes, white, flicker, temperature_noise):
    """Every noise current: its two nodes, its white density, and its flicker density at 1 Hz (A^2/Hz).

    Thermal noise of a channel is ``4 k T 2/3 gm`` in all regions; flicker is SPICE's formula as
    ngspice up to 42 has it, ``KF |I|^AF / (f W L Cox^2)``. ``temperature_noise`` is ``4 k T``.
    """
    count = structure.mosfets.shape[0]
    for m in range(count):
        nodes[m, 0], nodes[m, 1] = structure.mosfets[m, 0], structure.mosfets[m, 2]
        white[m] = devices[m, THERMAL_NOISE] * abs(table[m, 11])
        if devices[m, FLICKER] > 0.0:
            current = max(abs(table[m, 0]), _SMALLEST_DENSITY)
            flicker[m] = devices[m, FLICKER] * math.exp(devices[m, AF] * math.log(current))
        else:
            flicker[m] = 0.0
    for r in range(structure.resistors.shape[0]):
        nodes[count + r, 0] = structure.resistors[r, 0]
        nodes[count + r, 1] = structure.resistors[r, 1]
        white[count + r] = temperature_noise / values[structure.first[1] + r]
        flicker[count + r] = 0.0


@inner
def load(program, conductances, capacitance, output, unknowns, omega, work):
    """Put ``A`` and ``e`` of each lane's frequency into the slots."""
    given = program.row.shape[0]
    for k in range(given):
        g = conductances[program.row[k], program.column[k]]
        c = capacitance[program.row[k], program.column[k]]
        for lane in range(LANES):
            work[k, 0, lane] = g
            work[k, 1, lane] = omega[lane] * c
    for k in range(given, program.slots):
        for lane in range(LANES):
            work[k, 0, lane] = 0.0
            work[k, 1, lane] = 0.0
    for side in range(2):
        if output[side] < unknowns:
            slot = program.right[output[side]]
            for lane in range(LANES):
                work[slot, 0, lane] = 1.0 - 2.0 * side


@inner
def run(operations, work):
    """Carry out the elimination program in all lanes."""
    for k in range(operations.shape[0]):
        kind, t, a, b = operations[k, 0], operations[k, 1], operations[k, 2], operations[k, 3]
        if kind == INVERT:
            for lane in range(LANES):
                x, y = work[t, 0, lane], work[t, 1, lane]
                scale = 1.0 / (x * x + y * y)
                work[t, 0, lane] = x * scale
                work[t, 1, lane] = -y * scale
        elif kind == MULTIPLY:
            for lane in range(LANES):
                x, y = work[t, 0, lane], work[t, 1, lane]
                p, q = work[a, 0, lane], work[a, 1, lane]
                work[t, 0, lane] = x * p - y * q
                work[t, 1, lane] = x * q + y * p
        else:
            for lane in range(LANES):
                p, q = work[a, 0, lane], work[a, 1, lane]
                u, w = work[b, 0, lane], work[b, 1, lane]
                work[t, 0, lane] -= p * u - q * w
                work[t, 1, lane] -= p * w + q * u


@inner
def largest_residual(program, conductances, capacitance, output, omega, lane, work, sums):
    """How far ``A^T y`` is from ``e`` in one lane, relative to the sizes of what is summed.

    ``sums`` is scratch, shape ``(unknowns, 3)``.
    """
    sums[:] = 0.0
    for side in range(2):
        if output[side] < sums.shape[0]:
            sums[output[side], 0] = 2.0 * side - 1.0
            sums[output[side], 2] = 1.0
    for k in range(program.row.shape[0]):
        i, j = program.row[k], program.column[k]
        y_re, y_im = work[program.solution[i], 0, lane], work[program.solution[i], 1, lane]
        g, c = conductances[i, j], omega[lane] * capacitance[i, j]
        sums[j, 0] += g * y_re - c * y_im
        sums[j, 1] += g * y_im + c * y_re
        sums[j, 2] += (abs(g) + abs(c)) * (abs(y_re) + abs(y_im))
    worst = 0.0
    for j in range(sums.shape[0]):
        error = abs(sums[j, 0]) + abs(sums[j, 1])
        if not math.isfinite(error):
            return math.inf
        if error > worst * sums[j, 2]:
            worst = error / sums[j, 2]
    return worst


@inner
def solve_pivoted(conductances, capacitance, output, unknowns, program, omega, lane, work, dense):
    """The transposed system of one lane again, by dense elimination with partial pivoting."""
    for i in range(unknowns):
        for j in range(unknowns):
            dense[j, i] = complex(conductances[i, j], omega[lane] * capacitance[i, j])
        dense[i, unknowns] = 0.0
    if output[0] < unknowns:
        dense[output[0], unknowns] += 1.0
    if output[1] < unknowns:
        dense[output[1], unknowns] -= 1.0
    for k in range(unknowns):
        pivot = k
        for i in range(k + 1, unknowns):
            if abs(dense[i, k]) > abs(dense[pivot, k]):
                pivot = i
        if not abs(dense[pivot, k]) > 1e-300:
            return False
        for j in range(k, unknowns + 1):
            dense[k, j], dense[pivot, j] = dense[pivot, j], dense[k, j]
        for i in range(k + 1, unknowns):
            factor = dense[i, k] / dense[k, k]
            for j in range(k + 1, unknowns + 1):
                dense[i, j] -= factor * dense[k, j]
    for k in range(unknowns - 1, -1, -1):
        total = dense[k, unknowns]
        for j in range(k + 1, unknowns):
            total -= dense[k, j] * dense[j, unknowns]
        dense[k, unknowns] = total / dense[k, k]
    for i in range(unknowns):
        work[program.solution[i], 0, lane] = dense[i, unknowns].real
        work[program.solution[i], 1, lane] = dense[i, unknowns].imag
    return True


@inner
def transfer_power(program, a, b, unknowns, work, power):
    """|y_a - y_b|^2 in all lanes."""
    if a < unknowns and b < unknowns:
        s, t = program.solution[a], program.solution[b]
        for lane in range(LANES):
            x, y = work[s, 0, lane] - work[t, 0, lane], work[s, 1, lane] - work[t, 1, lane]
            power[lane] = x * x + y * y
    elif a < unknowns or b < unknowns:
        s = program.solution[a if a < unknowns else b]
        for lane in range(LANES):
            x, y = work[s, 0, lane], work[s, 1, lane]
            power[lane] = x * x + y * y
    else:
        for lane in range(LANES):
            power[lane] = 0.0


@inner
def integrate(density, slope, frequency, log_ratio, total):
    """Add the integral of one source's density from each lane's left neighbour to the lane.

    Between neighbours a density is a power law. With ``a = S1 f1``, ``b = S2 f2`` and
    ``z = (b - a) / (b + a)`` its integral is ``log(f2 / f1) (b - a) / log(b / a)``, which is
    ``log(f2 / f1) (a + b) / 2 / (1 + z^2/3 + z^4/5 + ...)``: no digits are lost near 1/f, where ``a``
    and ``b`` are equal. The series is short where neighbours differ little, which is nearly always.
    ``density[0]`` and ``frequency[0]`` are the left neighbour of lane 0; ``slope`` is scratch.

    Source: ngspice's ``ninteg.c``; the same law, without its loss of very steep intervals.
    """
    steep = 0
    for lane in range(LANES):
        a, b = density[lane] * frequency[lane], density[lane + 1] * frequency[lane + 1]
        z = (b - a) / (b + a + 1e-300)
        slope[lane] = z
        steep += 1 if abs(z) > _SMALL_RATIO else 0
    if steep == 0:
        for lane in range(LANES):
            a, b = density[lane] * frequency[lane], density[lane + 1] * frequency[lane + 1]
            q = slope[lane] * slope[lane]
            series = 1.0 + q * (1.0 / 3 + q * (1.0 / 5 + q * (1.0 / 7 + q * (1.0 / 9 + q * (1.0 / 11 + q * (
                1.0 / 13 + q * (1.0 / 15)))))))  # fmt: skip
            total[lane] += 0.5 * log_ratio * (a + b) / series
    else:
        for lane in range(LANES):
            a = max(density[lane], _SMALLEST_DENSITY) * frequency[lane]
            b = max(density[lane + 1], _SMALLEST_DENSITY) * frequency[lane + 1]
            if abs(slope[lane]) > _SMALL_RATIO and a > 0.0:
                total[lane] += log_ratio * (b - a) / math.log(b / a)
            else:
                q = slope[lane] * slope[lane]
                total[lane] += 0.5 * log_ratio * (a + b) / (1.0 + q * (1.0 / 3 + q * (1.0 / 5 + q * (
                    1.0 / 7 + q * (1.0 / 9 + q * (1.0 / 11 + q * (1.0 / 13 + q * (1.0 / 15))))))))  # fmt: skip


@inner
def invert_pole_matrix(structure, conductances, capacitance, shift, work, matrix):
    """Write ``(G + shift C)^-1 C``; its eigenvalues are ``1 / (shift - pole)``. False if singular.

    Source: the pencil ``(-G, C)`` shifted and inverted, so that a singular ``C`` does no harm.
    """
    n = structure.unknowns
    for i in range(n):
        for j in range(n):
            work[i, j] = conductances[i, j] + shift * capacitance[i, j]
            matrix[i, j] = capacitance[i, j]
    for k in range(n):
        pivot = k
        for i in range(k + 1, n):
            if abs(work[i, k]) > abs(work[pivot, k]):
                pivot = i
        if not abs(work[pivot, k]) > 1e-300:
            return False
        for j in range(n):
            work[k, j], work[pivot, j] = work[pivot, j], work[k, j]
            matrix[k, j], matrix[pivot, j] = matrix[pivot, j], matrix[k, j]
        inverse = 1.0 / work[k, k]
        for i in range(n):
            if i == k:
                continue
            factor = work[i, k] * inverse
            if factor != 0.0:
                for j in range(k, n):
                    work[i, j] -= factor * work[k, j]
                for j in range(n):
                    matrix[i, j] -= factor * matrix[k, j]
    for i in range(n):
        inverse = 1.0 / work[i, i]
        for j in range(n):
            matrix[i, j] *= inverse
    return True
