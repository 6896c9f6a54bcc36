"""Impulses of a small mixed complementarity problem: projected Gauss-Seidel with subspace steps.

Rows are motors, limits, contact normals and frictions; ``v = matrix @ impulse + bias`` are their
speeds. Each impulse lies between its bounds, a friction's bounds follow from its normal's impulse,
and a row whose impulse is strictly inside has speed zero. Gauss-Seidel finds quickly which rows are
inside but crawls from there, because motors and friction pull the same light legs; so the rows
inside are then solved exactly, as one linear system (Silcowitz, Niebe and Erleben, "A nonsmooth
nonlinear conjugate gradient method / Projected Gauss-Seidel subspace minimization method for
interactive rigid body dynamics", 2010).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..jit import inner

F = np.float32
ZERO, ONE = F(0), F(1)
CONVERGED = F(1e-4)
"""Largest change of an impulse in a pass at which the solver stops (N s)."""
REGULARISED = F(1.0 + 1e-4)
"""Factor on the diagonal of subspace systems: two feet on the ground hold each other twice."""
PASSES = 3
"""Gauss-Seidel passes between subspace steps."""

Float = NDArray[np.float32]


class Impulses(NamedTuple):
    """M rows, of which the first few are in use."""

    matrix: Float
    """(M, M): speed of each row per unit impulse of each row."""
    bias: Float
    """(M,): speeds without impulses, minus the targets."""
    impulse: Float
    """(M,)."""
    speed: Float
    """(M,): speeds with the impulses as they are."""
    mass: Float
    """(M,): impulse per unit speed of each row alone."""
    low: Float
    """(M,): smallest impulse; unused for friction."""
    high: Float
    """(M,): largest impulse; for friction the coefficient."""
    normal: NDArray[np.int32]
    """(M,): for friction the row of the normal, else -1."""
    kept: Float
    """(M,): impulses before a subspace step."""
    system: Float
    """(M, M + 1): the linear system of a subspace step."""
    free: NDArray[np.int32]
    """(M,): rows of that system."""


def empty_impulses(rows: int) -> Impulses:
    """Room for so many rows."""
    f4 = np.float32
    return Impulses(
        matrix=np.zeros((rows, rows), f4),
        bias=np.zeros(rows, f4),
        impulse=np.zeros(rows, f4),
        speed=np.zeros(rows, f4),
        mass=np.zeros(rows, f4),
        low=np.zeros(rows, f4),
        high=np.zeros(rows, f4),
        normal=np.full(rows, -1, np.int32),
        kept=np.zeros(rows, f4),
        system=np.zeros((rows, rows + 1), f4),
        free=np.zeros(rows, np.int32),
    )


@inner
def _pass(count: int, rows: Impulses) -> float:
    """One projected Gauss-Seidel pass; returns the largest change of an impulse."""
    matrix, impulse, speed = rows.matrix, rows.impulse, rows.speed
    change = ZERO
    for r in range(count):
        before = impulse[r]
        after = before - speed[r] * rows.mass[r]
        n = rows.normal[r]
        if n >= 0:
            most = rows.high[r] * impulse[n]
            after = max(-most, min(after, most))
        else:
            after = max(rows.low[r], min(after, rows.high[r]))
        step = after - before
        if step != ZERO:
            impulse[r] = after
            change = max(change, abs(step))
            for k in range(count):
                speed[k] += step * matrix[r, k]
    return change


@inner
def _find_speeds(count: int, rows: Impulses) -> None:
    """Speeds of all rows from scratch."""
    for r in range(count):
        total = rows.bias[r]
        for k in range(count):
            total += rows.matrix[r, k] * rows.impulse[k]
        rows.speed[r] = total


@inner
def _free_system(count: int, rows: Impulses) -> int:
    """The linear system of the rows strictly inside their bounds; returns its size."""
    matrix, impulse, system, free = rows.matrix, rows.impulse, rows.system, rows.free
    size = 0
    for r in range(count):
        n = rows.normal[r]
        if n >= 0:
            inside = abs(impulse[r]) < rows.high[r] * impulse[n]
        else:
            inside = rows.low[r] < impulse[r] < rows.high[r]
        if inside:
            free[size] = r
            size += 1
    for a in range(size):
        r = free[a]
        for b in range(size):
            system[a, b] = matrix[r, free[b]]
        system[a, a] *= REGULARISED
        system[a, size] = -rows.speed[r]
    # Sliding friction follows its normal.
    for b in range(size):
        n = free[b]
        for t in range(count):
            most = rows.high[t] * impulse[n]
            if rows.normal[t] == n and impulse[t] != ZERO and abs(impulse[t]) >= most:
                share = rows.high[t] if impulse[t] > ZERO else -rows.high[t]
                for a in range(size):
                    system[a, b] += share * matrix[free[a], t]
    return size


@inner
def _solve_system(size: int, system: Float) -> bool:
    """Gaussian elimination; the solution replaces the last column. False if it is singular."""
    for p in range(size):
        pivot = system[p, p]
        if abs(pivot) < F(1e-9):
            return False
        inverse = ONE / pivot
        for a in range(p + 1, size):
            factor = system[a, p] * inverse
            if factor != ZERO:
                for b in range(p + 1, size + 1):
                    system[a, b] -= factor * system[p, b]
    for p in range(size - 1, -1, -1):
        value = system[p, size]
        for b in range(p + 1, size):
            value -= system[p, b] * system[b, size]
        system[p, size] = value / system[p, p]
    return True


@inner
def _subspace_step(count: int, rows: Impulses) -> None:
    """Solve the rows strictly inside their bounds exactly, then clip to the bounds."""
    impulse, system, free = rows.impulse, rows.system, rows.free
    size = _free_system(count, rows)
    if not _solve_system(size, system):
        return
    for a in range(size):
        impulse[free[a]] += system[a, size]
    # Normals first, so that the friction's bounds are the new ones.
    for r in range(count):
        if rows.normal[r] < 0:
            impulse[r] = max(rows.low[r], min(impulse[r], rows.high[r]))
    for r in range(count):
        n = rows.normal[r]
        if n >= 0:
            most = rows.high[r] * impulse[n]
            impulse[r] = max(-most, min(impulse[r], most))
    _find_speeds(count, rows)


@inner
def solve_impulses(count: int, rounds: int, rows: Impulses) -> int:
    """Improve the impulses from where they are; returns the passes made."""
    for r in range(count):
        rows.mass[r] = ONE / rows.matrix[r, r]
    _find_speeds(count, rows)
    change = ZERO
    for _ in range(PASSES):
        change = _pass(count, rows)
        if change < CONVERGED:
            return PASSES
    passes = PASSES
    for _ in range(rounds):
        for r in range(count):
            rows.kept[r] = rows.impulse[r]
        _subspace_step(count, rows)
        after = _pass(count, rows)
        passes += 1
        if after > change:
            # A step that made things worse is taken back.
            for r in range(count):
                rows.impulse[r] = rows.kept[r]
            _find_speeds(count, rows)
        else:
            change = after
            if change < CONVERGED:
                break
        for _p in range(PASSES - 1):
            change = _pass(count, rows)
            passes += 1
        if change < CONVERGED:
            break
    return passes
