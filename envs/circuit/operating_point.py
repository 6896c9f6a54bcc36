"""The operating point: damped Newton on the nodal equations, then gmin and source stepping if it fails.

Vectors of voltages ``v`` have ``structure.size`` numbers: unknowns (node voltages, then branch currents),
known nodes, and ground, which is 0.
"""

from __future__ import annotations

import math

from ..jit import inner
from .mosfet import channel, junction

LARGEST_STEP = 0.5
"""No node voltage changes by more than this in one iteration (V)."""
TOLERANCE = 1e-11
"""The largest change of a node voltage in the last iteration (V)."""
_ITERATIONS = 60


@inner
def set_known(structure, values, scale, v):
    """Write the voltages of the known nodes, the sources scaled by ``scale``."""
    for s in range(structure.voltages.shape[0]):
        node = structure.voltages[s, 3]
        if node >= 0:
            v[node] = scale * values[structure.first[7] + s] * structure.voltages[s, 4]
    v[structure.size - 1] = 0.0


@inner
def _add(matrix, a, b, c, d, g):
    """A current ``g (v_c - v_d)`` from node a to node b."""
    matrix[a, c] += g
    matrix[a, d] -= g
    matrix[b, c] -= g
    matrix[b, d] += g


@inner
def evaluate(structure, values, devices, v, scale, shunt, matrix, residual):
    """Currents that leave each node and their derivatives.

    ``matrix`` is filled with the conductance matrix (``size`` squared: the small-signal G as well) and
    ``residual`` with the sums of currents; for known nodes that is what their source must deliver.
    """
    size, unknowns, first = structure.size, structure.unknowns, structure.first
    for i in range(size):
        residual[i] = 0.0
        for j in range(size):
            matrix[i, j] = 0.0
    for m in range(structure.mosfets.shape[0]):
        d, g, s, b = (
            structure.mosfets[m, 0],
            structure.mosfets[m, 1],
            structure.mosfets[m, 2],
            structure.mosfets[m, 3],
        )
        sign = structure.mosfets[m, 4]
        p = devices[m]
        vgs, vds, vbs = sign * (v[g] - v[s]), sign * (v[d] - v[s]), sign * (v[b] - v[s])
        state = channel(p, vgs, vds, vbs)
        ibs, gbs = junction(p, vbs)
        ibd, gbd = junction(p, vbs - vds)
        through = sign * (state.current if state.forward else -state.current)
        residual[d] += through - sign * ibd
        residual[s] += -through - sign * ibs
        residual[b] += sign * (ibs + ibd)
        if state.forward:
            _add(matrix, d, s, g, s, state.gm)
            _add(matrix, d, s, b, s, state.gmb)
        else:
            _add(matrix, d, s, g, d, -state.gm)
            _add(matrix, d, s, b, d, -state.gmb)
        _add(matrix, d, s, d, s, state.gds)
        _add(matrix, b, d, b, d, gbd)
        _add(matrix, b, s, b, s, gbs)
    for r in range(structure.resistors.shape[0]):
        a, b = structure.resistors[r, 0], structure.resistors[r, 1]
        conductance = 1.0 / values[first[1] + r]
        current = conductance * (v[a] - v[b])
        residual[a] += current
        residual[b] -= current
        _add(matrix, a, b, a, b, conductance)
    for k in range(structure.currents.shape[0]):
        current = scale * values[first[4] + k]
        residual[structure.currents[k, 0]] += current
        residual[structure.currents[k, 1]] -= current
    for k in range(structure.vccs.shape[0]):
        a, b, c, d = (
            structure.vccs[k, 0],
            structure.vccs[k, 1],
            structure.vccs[k, 2],
            structure.vccs[k, 3],
        )
        conductance = values[first[5] + k]
        current = conductance * (v[c] - v[d])
        residual[a] += current
        residual[b] -= current
        _add(matrix, a, b, c, d, conductance)
    for k in range(structure.inductors.shape[0]):
        _branch(structure.inductors[k, 0], structure.inductors[k, 1], structure.inductors[k, 2], 0.0, v,
                matrix, residual)  # fmt: skip
    for k in range(structure.vcvs.shape[0]):
        c, d, branch = structure.vcvs[k, 2], structure.vcvs[k, 3], structure.vcvs[k, 4]
        gain = values[first[6] + k]
        _branch(structure.vcvs[k, 0], structure.vcvs[k, 1], branch, gain * (v[c] - v[d]), v, matrix,
                residual)  # fmt: skip
        matrix[branch, c] -= gain
        matrix[branch, d] += gain
    for k in range(structure.voltages.shape[0]):
        branch = structure.voltages[k, 2]
        if branch >= 0:
            _branch(structure.voltages[k, 0], structure.voltages[k, 1], branch,
                    scale * values[first[7] + k], v, matrix, residual)  # fmt: skip
    for i in range(unknowns):
        if shunt > 0.0 and not _is_branch(structure, i):
            residual[i] += shunt * v[i]
            matrix[i, i] += shunt


@inner
def _is_branch(structure, i):
    branches = structure.inductors.shape[0] + structure.vcvs.shape[0]
    for k in range(structure.voltages.shape[0]):
        if structure.voltages[k, 2] >= 0:
            branches += 1
    return i >= structure.unknowns - branches


@inner
def _branch(a, b, branch, voltage, v, matrix, residual):
    """A branch whose current is an unknown and whose ends differ by ``voltage``."""
    residual[a] += v[branch]
    residual[b] -= v[branch]
    residual[branch] += v[a] - v[b] - voltage
    matrix[a, branch] += 1.0
    matrix[b, branch] -= 1.0
    matrix[branch, a] += 1.0
    matrix[branch, b] -= 1.0


@inner
def solve_dense(matrix, vector, unknowns):
    """Solve in place by elimination with partial pivoting; False if the matrix is singular."""
    for k in range(unknowns):
        pivot, largest = k, abs(matrix[k, k])
        for i in range(k + 1, unknowns):
            if abs(matrix[i, k]) > largest:
                pivot, largest = i, abs(matrix[i, k])
        if not largest > 1e-300:
            return False
        if pivot != k:
            for j in range(k, unknowns):
                matrix[k, j], matrix[pivot, j] = matrix[pivot, j], matrix[k, j]
            vector[k], vector[pivot] = vector[pivot], vector[k]
        inverse = 1.0 / matrix[k, k]
        for i in range(k + 1, unknowns):
            factor = matrix[i, k] * inverse
            if factor != 0.0:
                for j in range(k + 1, unknowns):
                    matrix[i, j] -= factor * matrix[k, j]
                vector[i] -= factor * vector[k]
    for k in range(unknowns - 1, -1, -1):
        total = vector[k]
        for j in range(k + 1, unknowns):
            total -= matrix[k, j] * vector[j]
        vector[k] = total / matrix[k, k]
    return True


@inner
def newton(structure, values, devices, v, scale, shunt, matrix, residual):
    """Iterate from ``v`` in place; returns whether it converged."""
    unknowns = structure.unknowns
    branches = structure.inductors.shape[0] + structure.vcvs.shape[0]
    for k in range(structure.voltages.shape[0]):
        if structure.voltages[k, 2] >= 0:
            branches += 1
    nodes = unknowns - branches
    set_known(structure, values, scale, v)
    for _ in range(_ITERATIONS):
        evaluate(structure, values, devices, v, scale, shunt, matrix, residual)
        if not solve_dense(matrix, residual, unknowns):
            return False
        largest = 0.0
        for i in range(nodes):
            largest = max(largest, abs(residual[i]))
        if not math.isfinite(largest):
            return False
        damping = min(1.0, LARGEST_STEP / largest) if largest > 0.0 else 1.0
        for i in range(unknowns):
            v[i] -= damping * residual[i]
        if largest < TOLERANCE:
            return True
    return False


@inner
def operating_point(structure, values, devices, start, v, trial, matrix, residual):
    """Find the operating point and write it to ``v``.

    Returns:
        0 by plain Newton from ``start``, 1 by stepping a shunt conductance at every node down to
        nothing, 2 by raising the sources from nothing, -1 if all of them failed.
    """
    size = structure.size
    for i in range(size):
        v[i] = start[i]
    if newton(structure, values, devices, v, 1.0, 0.0, matrix, residual):
        return 0
    for i in range(size):
        v[i] = 0.0
    shunt, factor = 1e-2, 10.0
    converged = newton(structure, values, devices, v, 1.0, shunt, matrix, residual)
    while converged and shunt > 1e-13:
        for i in range(size):
            trial[i] = v[i]
        if newton(structure, values, devices, trial, 1.0, shunt / factor, matrix, residual):
            shunt /= factor
            factor = min(10.0, factor * math.sqrt(factor))
            for i in range(size):
                v[i] = trial[i]
        else:
            factor = math.sqrt(math.sqrt(factor))
            converged = factor > 1.00005
    if converged and newton(structure, values, devices, v, 1.0, 0.0, matrix, residual):
        return 1
    for i in range(size):
        v[i] = 0.0
    scale, raised = 0.0, 1e-3
    while scale < 1.0 and raised > 1e-7:
        for i in range(size):
            trial[i] = v[i]
        target = min(1.0, scale + raised)
        if newton(structure, values, devices, trial, target, 0.0, matrix, residual):
            scale, raised = target, raised * 1.5
            for i in range(size):
                v[i] = trial[i]
        else:
            raised *= 0.25
    return 2 if scale >= 1.0 else -1
