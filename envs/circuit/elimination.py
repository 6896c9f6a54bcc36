"""The order of elimination: a sparse matrix turned once into a program that solves it for any values.

All designs and frequencies of a topology share one pattern of non-zeros, so pivots and fill-in are
chosen once (Markowitz's rule with threshold pivoting, on matrices of the nominal design) and written
down as a list of operations on numbered slots. Running it for many frequencies side by side is a loop
without branches. It solves the transposed system, ``A^T y = e``: one solution gives the response to
every source.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError

INVERT, MULTIPLY, SUBTRACT_PRODUCT = 0, 1, 2
_THRESHOLD = 1e-3  # a pivot may be this much smaller than the largest of its column


class Program(NamedTuple):
    """Operations on slots; the first slots are the matrix, the last ``unknowns`` the solution."""

    row: NDArray[np.int64]
    """Of each matrix slot that holds a given entry (fill-in slots follow and begin at 0)."""
    column: NDArray[np.int64]
    slots: int
    operations: NDArray[np.int64]
    """Rows of (kind, target, first, second)."""
    right: NDArray[np.int64]
    """Slot where the right-hand side of each unknown (column of A) enters."""
    solution: NDArray[np.int64]
    """Slot of each unknown's solution (row of A)."""


def compile_elimination(
    samples: NDArray[np.complex128], output: NDArray[np.int64], pattern: NDArray[np.bool_] | None = None
) -> Program:
    """Choose pivots and write the program.

    Args:
        samples: matrices at several frequencies, shape ``(count, n, n)``; what is zero in all of them
            is left out for good, unless the pattern has it.
        output: indices of the unknowns where ``e`` is not zero.
        pattern: entries that other designs may have, shape ``(n, n)``.

    Raises:
        InputError: the matrix is singular.
    """
    count = samples.shape[1]
    present = np.any(samples != 0, axis=0)
    pattern = present if pattern is None else present | pattern
    slot = {(int(i), int(j)): k for k, (i, j) in enumerate(np.argwhere(pattern))}
    given = len(slot)
    work = samples.copy()
    rows, columns = list(range(count)), list(range(count))
    order: list[tuple[int, int]] = []
    operations: list[tuple[int, int, int, int]] = []
    while rows:
        i, j = _pivot(work, pattern, rows, columns)
        rows.remove(i)
        columns.remove(j)
        order.append((i, j))
        pivot = slot[i, j]
        operations.append((INVERT, pivot, 0, 0))
        for r in rows:
            if not pattern[r, j]:
                continue
            operations.append((MULTIPLY, slot[r, j], pivot, 0))
            factor = work[:, r, j] / work[:, i, j]
            for c in columns:
                if pattern[i, c]:
                    if not pattern[r, c]:
                        pattern[r, c] = True
                        slot[r, c] = len(slot)
                    operations.append((SUBTRACT_PRODUCT, slot[r, c], slot[r, j], slot[i, c]))
                    work[:, r, c] -= factor * work[:, i, c]
    base = len(slot)
    filled = {k for k, (_, j) in enumerate(order) if j in output}
    for k, (i, j) in enumerate(order):  # U^T w = e, in the order of the pivots
        if k not in filled:
            continue
        operations.append((MULTIPLY, base + k, slot[i, j], 0))
        for later in range(k + 1, count):
            if pattern[i, order[later][1]]:
                operations.append((SUBTRACT_PRODUCT, base + later, slot[i, order[later][1]], base + k))
                filled.add(later)
    for k in range(count - 1, -1, -1):  # L^T y = w, backwards
        j = order[k][1]
        for later in range(k + 1, count):
            i = order[later][0]
            if pattern[i, j]:
                operations.append((SUBTRACT_PRODUCT, base + k, slot[i, j], base + later))
    places = sorted(slot, key=lambda place: slot[place])[:given]
    right, solution = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    for k, (i, j) in enumerate(order):
        right[j] = base + k
        solution[i] = base + k
    return Program(
        row=np.array([i for i, _ in places], dtype=np.int64),
        column=np.array([j for _, j in places], dtype=np.int64),
        slots=base + count,
        operations=np.array(operations, dtype=np.int64),
        right=right,
        solution=solution,
    )


def _pivot(
    work: NDArray[np.complex128], pattern: NDArray[np.bool_], rows: list[int], columns: list[int]
) -> tuple[int, int]:
    """The entry that fills in least among those large enough in their column at every frequency."""
    best: tuple[float, float] = (np.inf, 0.0)
    chosen: tuple[int, int] | None = None
    for j in columns:
        largest = np.max(np.abs(work[:, rows, j]), axis=1)
        across = sum(bool(pattern[i, j]) for i in rows) - 1
        for i in rows:
            sizes = np.abs(work[:, i, j])
            if not pattern[i, j] or np.any(sizes <= _THRESHOLD * largest):
                continue
            fill = across * (sum(bool(pattern[i, c]) for c in columns) - 1)
            quality = float(np.min(sizes / largest))
            if fill < best[0] or (fill == best[0] and quality > best[1]):
                best, chosen = (fill, quality), (i, j)
    if chosen is None:
        raise InputError(
            "the circuit's matrix is singular: is a node without a conductance to the others?"
        )
    return chosen
