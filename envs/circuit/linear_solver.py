"""Dense elimination with partial pivoting, kept, for real and complex matrices of a few unknowns."""

from __future__ import annotations

from ..jit import inner


@inner
def factor(matrix, order, count):
    """Factor the leading square of ``matrix`` in place; ``order`` keeps the row exchanges.

    Returns:
        False if the matrix is singular.
    """
    for k in range(count):
        pivot, largest = k, abs(matrix[k, k])
        for i in range(k + 1, count):
            size = abs(matrix[i, k])
            if size > largest:
                pivot, largest = i, size
        if not largest > 1e-300:
            return False
        order[k] = pivot
        if pivot != k:
            for j in range(count):
                matrix[k, j], matrix[pivot, j] = matrix[pivot, j], matrix[k, j]
        inverse = 1.0 / matrix[k, k]
        for i in range(k + 1, count):
            if matrix[i, k] != 0.0:
                ratio = matrix[i, k] * inverse
                matrix[i, k] = ratio
                for j in range(k + 1, count):
                    matrix[i, j] -= ratio * matrix[k, j]
    return True


@inner
def solve(matrix, order, vector, count):
    """Solve ``A x = vector`` in place, with what :func:`factor` left."""
    for k in range(count):
        pivot = order[k]
        if pivot != k:
            vector[k], vector[pivot] = vector[pivot], vector[k]
    for i in range(1, count):
        total = vector[i]
        for j in range(i):
            total -= matrix[i, j] * vector[j]
        vector[i] = total
    for i in range(count - 1, -1, -1):
        total = vector[i]
        for j in range(i + 1, count):
            total -= matrix[i, j] * vector[j]
        vector[i] = total / matrix[i, i]


@inner
def solve_transposed(matrix, order, vector, count):
    """Solve ``A^T x = vector`` in place, with what :func:`factor` left."""
    for i in range(count):
        total = vector[i]
        for j in range(i):
            total -= matrix[j, i] * vector[j]
        vector[i] = total / matrix[i, i]
    for i in range(count - 2, -1, -1):
        total = vector[i]
        for j in range(i + 1, count):
            total -= matrix[j, i] * vector[j]
        vector[i] = total
    for k in range(count - 1, -1, -1):
        pivot = order[k]
        if pivot != k:
            vector[k], vector[pivot] = vector[pivot], vector[k]
