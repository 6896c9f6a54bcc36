"""Lanes: how the quadrotor's kernels are laid out so that the compiler vectorises them.

Copies are kept in blocks of :data:`LANES`. A block is one flat float32 array of rows: element
``row * LANES + lane``. A loop over the lanes with straight-line arithmetic becomes SIMD code (sixteen
copies per instruction with AVX-512), because the distance of any two elements of a block is a
constant that the compiler knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])

LANES = 128
"""Copies per block."""

# Sums may be reordered and multiply-adds fused; NaN and infinity keep their meaning, so that guards work.
_ARITHMETIC = {"contract", "reassoc", "nsz", "arcp"}


def lanewise(function: Function) -> Function:
    """Compile scalar arithmetic that is merged into the loop over lanes that calls it."""
    compiled: Function = numba.njit(
        _nrt=False, nogil=True, error_model="numpy", fastmath=_ARITHMETIC, forceinline=True
    )(function)
    return compiled


def lane_loop(function: Function) -> Function:
    """Compile a function that loops over the lanes of a block."""
    compiled: Function = numba.njit(_nrt=False, nogil=True, error_model="numpy", fastmath=_ARITHMETIC)(
        function
    )
    return compiled


def block_count(count: int) -> int:
    """Blocks that hold ``count`` copies."""
    return -(-count // LANES)


def to_blocks(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lay out ``(rows, count)`` as blocks ``(blocks, rows * LANES)``; spare lanes repeat the last copy."""
    row_count, count = rows.shape
    blocks = block_count(count)
    padded = np.empty((row_count, blocks * LANES), np.float32)
    padded[:, :count] = rows
    padded[:, count:] = rows[:, -1:]
    return np.ascontiguousarray(
        padded.reshape(row_count, blocks, LANES).transpose(1, 0, 2).reshape(blocks, row_count * LANES)
    )


def from_blocks(blocks: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Undo :func:`to_blocks`: shape ``(rows, count)``."""
    row_count = blocks.shape[1] // LANES
    rows = blocks.reshape(-1, row_count, LANES).transpose(1, 0, 2).reshape(row_count, -1)
    return np.ascontiguousarray(rows[:, :count])
