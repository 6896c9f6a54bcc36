"""The adjoint method on one design: from weights on curve points to derivatives by element values.

A metric changes with the matrices ``G`` and ``C`` of the small-signal circuit. With ``A = G + j w C``, the
forward solution ``A x = b`` and the transposed one ``A^T y = e``, the response ``z`` changes by
``dz = -y^T dA x``; a noise source between two nodes with ``t = y_a - y_b`` reaches the output with power
``|t|^2``, which changes by ``-2 Re(conj(t) y^T dA A^-1 u)``. So all that a metric needs of a frequency is
one matrix ``-y r^T``, where ``r`` sums up forward solutions. Its real parts are collected over frequencies
(:class:`Bars`), contracted with the derivatives of what each transistor stamps, and led back through the
operating point by one transposed solution of the Jacobian.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..jit import inner
from .gradients_device import (
    BY_LENGTH,
    BY_VB,
    BY_VD,
    BY_VG,
    BY_WIDTH,
    CBD,
    CBS,
    CGB,
    CGD,
    CGS,
    CURRENT,
    DRAIN_CURRENT,
    GBD,
    GBS,
    GDS,
    GM,
    GMB,
    QUANTITIES,
    device_derivatives,
)
from .linear_solver import solve
from .mosfet import AF, FLICKER, THERMAL_NOISE, channel

Numbers = NDArray[np.float64]


class Bars(NamedTuple):
    """Derivatives of each metric by what the circuit is made of at its operating point."""

    conductance: Numbers
    """By the entries of G, shape ``(metrics, size, size)``; of C likewise."""
    capacitance: Numbers
    white: Numbers
    """By the white density of each noise source, shape ``(metrics, sources)``; by its flicker at 1 Hz."""
    flicker: Numbers


@inner
def solve_forward(structure, conductances, capacitance, omega, lu, order, drive, noise, full):
    """Write the forward solution of all inputs and noise currents together to ``full``.

    Args:
        structure: of the topology.
        conductances: G, ``size`` squared.
        capacitance: C.
        omega: rad/s.
        lu: factored ``A`` of the unknowns.
        order: its row exchanges.
        drive: factor of each input, complex.
        noise: currents injected into the nodes, complex, ``size`` numbers.
        full: complex, ``size`` numbers, known nodes included.
    """
    unknowns, size = structure.unknowns, structure.size
    for i in range(size):
        full[i] = noise[i] if i < unknowns else 0.0
    for q in range(structure.input_currents.shape[0]):
        if drive[q] == 0.0:
            continue
        for i in range(unknowns):
            full[i] += drive[q] * structure.input_currents[q, i]
        for k in range(structure.input_known.shape[1]):
            full[unknowns + k] += drive[q] * structure.input_known[q, k]
    for k in range(unknowns, size):
        if full[k] != 0.0:
            for i in range(unknowns):
                full[i] -= complex(conductances[i, k], omega * capacitance[i, k]) * full[k]
    solve(lu, order, full, unknowns)


@inner
def collect(structure, conductance_bar, capacitance_bar, omega, y, full):
    """Add ``-Re(y r^T)`` and ``-Re(j w y r^T)`` to a metric's bars."""
    for i in range(structure.unknowns):
        for j in range(structure.size):
            product = y[i] * full[j]
            conductance_bar[i, j] -= product.real
            capacitance_bar[i, j] += omega * product.imag


@inner
def _contracted(bar, a, b, c, d):
    """Derivative by a conductance that carries ``g (v_c - v_d)`` from a to b."""
    return bar[a, c] - bar[a, d] - bar[b, c] + bar[b, d]


@inner
def frame(structure, m, v):
    """Drain, gate, source and bulk of a transistor, exchanged if it is reversed, and its sign."""
    d, g = structure.mosfets[m, 0], structure.mosfets[m, 1]
    s, b = structure.mosfets[m, 2], structure.mosfets[m, 3]
    sign = structure.mosfets[m, 4]
    if sign * (v[d] - v[s]) >= 0.0:
        return d, g, s, b, sign, True
    return s, g, d, b, sign, False


@inner
def fill_derivatives(structure, values, cards, devices, v, derivatives):
    """The derivatives of all transistors, shape ``(transistors, QUANTITIES, COLUMNS)``."""
    for m in range(structure.mosfets.shape[0]):
        d, g, s, b, sign, forward = frame(structure, m, v)
        device_derivatives(
            devices[m], cards[structure.mosfets[m, 5]], values[2 * m], values[2 * m + 1], forward,
            sign * (v[g] - v[s]), sign * (v[d] - v[s]), sign * (v[b] - v[s]), derivatives[m],
        )  # fmt: skip


@inner
def exact_jacobian(structure, devices, v, derivatives, conductances, jacobian):
    """The derivatives of the currents themselves.

    They differ from G where a bulk is forward biased: there SPICE's gmb is not the current's derivative.
    """
    for i in range(structure.size):
        for j in range(structure.size):
            jacobian[i, j] = conductances[i, j]
    for m in range(structure.mosfets.shape[0]):
        d, g, s, b, sign, _ = frame(structure, m, v)
        if sign * (v[b] - v[s]) > 0.0:
            vgs, vds, vbs = sign * (v[g] - v[s]), sign * (v[d] - v[s]), sign * (v[b] - v[s])
            excess = derivatives[m, CURRENT, BY_VB] - channel(devices[m], vgs, vds, vbs).gmb
            jacobian[d, b] += excess
            jacobian[d, s] -= excess
            jacobian[s, b] -= excess
            jacobian[s, s] += excess


@inner
def lead_back_devices(
    structure, values, v, devices, table, derivatives, bars, row, weights, voltage_bar, value_bar
):
    """Lead what the transistors stamp and their noise back to their voltages and sizes.

    Args:
        structure: of the topology.
        values: element values of the design.
        v: voltages of all nodes.
        devices: numbers of the transistors.
        table: their operating points, see :func:`.small_signal.capacitances`.
        derivatives: of :func:`fill_derivatives`.
        bars: of all metrics.
        row: which metric.
        weights: scratch, QUANTITIES numbers.
        voltage_bar: derivatives by all node voltages; added to.
        value_bar: derivatives by all element values; added to.
    """
    conductance, capacitance = bars.conductance[row], bars.capacitance[row]
    for m in range(structure.mosfets.shape[0]):
        d, g, s, b, sign, _ = frame(structure, m, v)
        p = devices[m]
        weights[CURRENT] = 0.0
        weights[GM] = _contracted(conductance, d, s, g, s) + bars.white[row, m] * p[THERMAL_NOISE]
        weights[GDS] = _contracted(conductance, d, s, d, s)
        weights[GMB] = _contracted(conductance, d, s, b, s)
        weights[GBD] = _contracted(conductance, b, d, b, d)
        weights[GBS] = _contracted(conductance, b, s, b, s)
        weights[CGS] = _contracted(capacitance, g, s, g, s)
        weights[CGD] = _contracted(capacitance, g, d, g, d)
        weights[CGB] = _contracted(capacitance, g, b, g, b)
        weights[CBD] = _contracted(capacitance, b, d, b, d)
        weights[CBS] = _contracted(capacitance, b, s, b, s)
        weights[DRAIN_CURRENT] = 0.0
        current = table[m, 0]
        if bars.flicker[row, m] != 0.0 and p[FLICKER] > 0.0 and current != 0.0:
            density = bars.flicker[row, m] * p[FLICKER] * math.exp(p[AF] * math.log(abs(current)))
            weights[DRAIN_CURRENT] = p[AF] * density / current
            value_bar[2 * m] -= density / values[2 * m]
            value_bar[2 * m + 1] -= density / values[2 * m + 1]
        by_vg, by_vd, by_vb = 0.0, 0.0, 0.0
        for quantity in range(QUANTITIES):
            weight = weights[quantity]
            if weight != 0.0:
                by_vg += weight * derivatives[m, quantity, BY_VG]
                by_vd += weight * derivatives[m, quantity, BY_VD]
                by_vb += weight * derivatives[m, quantity, BY_VB]
                value_bar[2 * m] += weight * derivatives[m, quantity, BY_WIDTH]
                value_bar[2 * m + 1] += weight * derivatives[m, quantity, BY_LENGTH]
        voltage_bar[g] += sign * by_vg
        voltage_bar[d] += sign * by_vd
        voltage_bar[b] += sign * by_vb
        voltage_bar[s] -= sign * (by_vg + by_vd + by_vb)


@inner
def lead_back_elements(structure, values, temperature_noise, bars, row, value_bar):
    """Lead the stamps and the noise of the linear elements back to their values."""
    conductance, capacitance, first = bars.conductance[row], bars.capacitance[row], structure.first
    transistors = structure.mosfets.shape[0]
    for r in range(structure.resistors.shape[0]):
        a, b = structure.resistors[r, 0], structure.resistors[r, 1]
        value = values[first[1] + r]
        weight = _contracted(conductance, a, b, a, b)
        weight += bars.white[row, transistors + r] * temperature_noise
        value_bar[first[1] + r] -= weight / (value * value)
    for k in range(structure.capacitors.shape[0]):
        a, b = structure.capacitors[k, 0], structure.capacitors[k, 1]
        value_bar[first[2] + k] += _contracted(capacitance, a, b, a, b)
    for k in range(structure.inductors.shape[0]):
        branch = structure.inductors[k, 2]
        value_bar[first[3] + k] -= capacitance[branch, branch]
    for k in range(structure.vccs.shape[0]):
        a, b = structure.vccs[k, 0], structure.vccs[k, 1]
        value_bar[first[5] + k] += _contracted(
            conductance, a, b, structure.vccs[k, 2], structure.vccs[k, 3]
        )
    for k in range(structure.vcvs.shape[0]):
        branch = structure.vcvs[k, 4]
        value_bar[first[6] + k] -= conductance[branch, structure.vcvs[k, 2]]
        value_bar[first[6] + k] += conductance[branch, structure.vcvs[k, 3]]


@inner
def lead_back_currents(structure, values, v, derivatives, jacobian, multiplier, voltage_bar, value_bar):
    """Lead the operating point back to the element values.

    The sums of currents vanish at the unknowns whatever the values, so a value moves the metric by less the
    multipliers times the currents that it adds.

    Args:
        structure: of the topology.
        values: element values of the design.
        v: voltages of all nodes.
        derivatives: of :func:`fill_derivatives`.
        jacobian: of the currents by the voltages.
        multiplier: of each node's sum of currents, ``size`` numbers; of a known node, less the metric's
            derivative by the current that its source delivers.
        voltage_bar: the metric's derivatives by all voltages.
        value_bar: derivatives by all element values; added to.
    """
    first = structure.first
    for m in range(structure.mosfets.shape[0]):
        d, _, s, _, sign, _ = frame(structure, m, v)
        weight = sign * (multiplier[d] - multiplier[s])
        value_bar[2 * m] -= weight * derivatives[m, CURRENT, BY_WIDTH]
        value_bar[2 * m + 1] -= weight * derivatives[m, CURRENT, BY_LENGTH]
    for r in range(structure.resistors.shape[0]):
        a, b = structure.resistors[r, 0], structure.resistors[r, 1]
        value = values[first[1] + r]
        value_bar[first[1] + r] += (multiplier[a] - multiplier[b]) * (v[a] - v[b]) / (value * value)
    for k in range(structure.currents.shape[0]):
        a, b = structure.currents[k, 0], structure.currents[k, 1]
        value_bar[first[4] + k] -= multiplier[a] - multiplier[b]
    for k in range(structure.vccs.shape[0]):
        a, b, c, d = (
            structure.vccs[k, 0],
            structure.vccs[k, 1],
            structure.vccs[k, 2],
            structure.vccs[k, 3],
        )
        value_bar[first[5] + k] -= (multiplier[a] - multiplier[b]) * (v[c] - v[d])
    for k in range(structure.vcvs.shape[0]):
        control = v[structure.vcvs[k, 2]] - v[structure.vcvs[k, 3]]
        value_bar[first[6] + k] += multiplier[structure.vcvs[k, 4]] * control
    for k in range(structure.voltages.shape[0]):
        branch, known = structure.voltages[k, 2], structure.voltages[k, 3]
        if branch >= 0:
            value_bar[first[7] + k] += multiplier[branch]
        else:
            total = voltage_bar[known]
            for i in range(structure.unknowns):
                total -= multiplier[i] * jacobian[i, known]
            value_bar[first[7] + k] += structure.voltages[k, 4] * total
