"""Charges and fluxes of a transient analysis: what every capacitance and inductor adds to the equations.

Every capacitance is a branch whose current follows from its charge: ``i = 2/h (q - q_last) - i_last``.
Junctions have their charge as a function of the voltage. Meyer's gate capacitances have none: as in SPICE
(``mos1load.c``) the charge grows by the mean of the present and the last capacitance times the change of
the voltage.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..jit import inner
from .mosfet import (
    FC,
    JUNCTION_BOTTOM,
    JUNCTION_SIDE,
    MJ,
    MJSW,
    PB,
    channel,
    junction_capacitance,
    meyer,
)

Numbers = NDArray[np.float64]


class State(NamedTuple):
    """Every charge at the last accepted time, and as the present trial has it.

    Branches: gate-source, gate-drain, gate-bulk, bulk-drain, bulk-source of each transistor, then the
    capacitors.
    """

    voltage: Numbers
    current: Numbers
    charge: Numbers
    capacitance: Numbers
    trial_voltage: Numbers
    trial_current: Numbers
    trial_charge: Numbers
    trial_capacitance: Numbers
    coil_current: Numbers
    coil_voltage: Numbers


@inner
def junction_charge(p, v):
    """Charge (C) of a bulk junction at ``v``: the integral of its capacitance from 0."""
    pb, fc = p[PB], p[FC]
    below = min(v, fc * pb)
    log = math.log(1.0 - below / pb)
    charge = 0.0
    for side in range(2):
        grading = p[MJSW] if side == 1 else p[MJ]
        amount = p[JUNCTION_SIDE] if side == 1 else p[JUNCTION_BOTTOM]
        charge += amount * pb * (1.0 - math.exp((1.0 - grading) * log)) / (1.0 - grading)
    if v > below:  # a straight line from there
        charge += (v - below) * 0.5 * (junction_capacitance(p, below) + junction_capacitance(p, v))
    return charge


@inner
def _stamp(matrix, residual, a, b, current, conductance):
    residual[a] += current
    residual[b] -= current
    matrix[a, a] += conductance
    matrix[b, b] += conductance
    matrix[a, b] -= conductance
    matrix[b, a] -= conductance


@inner
def _meyer_branch(state, k, voltage, capacitance, rate, memory):
    """The branch's trial state and conductance for Meyer's rule."""
    state.trial_voltage[k] = voltage
    state.trial_capacitance[k] = capacitance
    mean = 0.5 * (capacitance + state.capacitance[k])
    state.trial_current[k] = rate * mean * (voltage - state.voltage[k]) - memory * state.current[k]
    return rate * mean


@inner
def _charge_branch(state, k, voltage, charge, rate, memory):
    """The branch's trial state where the charge is known."""
    state.trial_voltage[k] = voltage
    state.trial_charge[k] = charge
    state.trial_current[k] = rate * (charge - state.charge[k]) - memory * state.current[k]


@inner
def add_charges(structure, values, devices, v, state, rate, memory, matrix, residual):
    """Add the currents of all capacitances and the voltages of all inductors to the nodal equations.

    Args:
        structure: of the topology.
        values: element values.
        devices: numbers of the transistors.
        v: voltages.
        state: of the charges; its trial is filled.
        rate: 2 / h for the trapezoidal rule, 1 / h for backward Euler, 0 at the operating point.
        memory: 1 for the trapezoidal rule, 0 for backward Euler.
        matrix: added to.
        residual: added to.
    """
    for m in range(structure.mosfets.shape[0]):
        d, g = structure.mosfets[m, 0], structure.mosfets[m, 1]
        s, b = structure.mosfets[m, 2], structure.mosfets[m, 3]
        sign = structure.mosfets[m, 4]
        p, k = devices[m], 5 * m
        vgs, vds, vbs = sign * (v[g] - v[s]), sign * (v[d] - v[s]), sign * (v[b] - v[s])
        cgs, cgd, cgb = meyer(p, vgs, vds, channel(p, vgs, vds, vbs))
        conductance = _meyer_branch(state, k, v[g] - v[s], cgs, rate, memory)
        _stamp(matrix, residual, g, s, state.trial_current[k], conductance)
        conductance = _meyer_branch(state, k + 1, v[g] - v[d], cgd, rate, memory)
        _stamp(matrix, residual, g, d, state.trial_current[k + 1], conductance)
        conductance = _meyer_branch(state, k + 2, v[g] - v[b], cgb, rate, memory)
        _stamp(matrix, residual, g, b, state.trial_current[k + 2], conductance)
        _charge_branch(state, k + 3, vbs - vds, sign * junction_charge(p, vbs - vds), rate, memory)
        conductance = rate * junction_capacitance(p, vbs - vds)
        _stamp(matrix, residual, b, d, state.trial_current[k + 3], conductance)
        _charge_branch(state, k + 4, vbs, sign * junction_charge(p, vbs), rate, memory)
        conductance = rate * junction_capacitance(p, vbs)
        _stamp(matrix, residual, b, s, state.trial_current[k + 4], conductance)
    for c in range(structure.capacitors.shape[0]):
        k = 5 * structure.mosfets.shape[0] + c
        if structure.capacitors[c, 2] != 0:
            continue  # it only closes the loop for direct current: open here
        a, b = structure.capacitors[c, 0], structure.capacitors[c, 1]
        capacitance = values[structure.first[2] + c]
        _charge_branch(state, k, v[a] - v[b], capacitance * (v[a] - v[b]), rate, memory)
        _stamp(matrix, residual, a, b, state.trial_current[k], rate * capacitance)
    for c in range(structure.inductors.shape[0]):
        if structure.inductors[c, 3] != 0:
            continue  # a short
        branch = structure.inductors[c, 2]
        inductance = values[structure.first[3] + c]
        residual[branch] += memory * state.coil_voltage[c]
        residual[branch] -= rate * inductance * (v[branch] - state.coil_current[c])
        matrix[branch, branch] -= rate * inductance


@inner
def accept(structure, v, state):
    """The trial becomes the state."""
    for k in range(state.voltage.shape[0]):
        state.voltage[k] = state.trial_voltage[k]
        state.current[k] = state.trial_current[k]
        state.charge[k] = state.trial_charge[k]
        state.capacitance[k] = state.trial_capacitance[k]
    for c in range(structure.inductors.shape[0]):
        state.coil_current[c] = v[structure.inductors[c, 2]]
        state.coil_voltage[c] = v[structure.inductors[c, 0]] - v[structure.inductors[c, 1]]
