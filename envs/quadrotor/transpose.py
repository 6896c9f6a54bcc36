"""Turning rows of lanes into rows of observations, sixteen copies at a time.

A loop over single numbers took as long as the dynamics; LLVM finds the shuffles only if they are written.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .lanes import LANES

TILE = 16
"""Rows and lanes of a tile."""


@intrinsic
def store_tile(context: Any, rows: Any, at: Any, table: Any, to: Any, width: Any) -> Any:
    """Copy sixteen rows of sixteen lanes into sixteen rows of a table.

    Args:
        context: the compiler's.
        rows: flat block, float32; the tile's first row and lane is its element ``at``.
        at: index into ``rows``.
        table: float32, C-contiguous, of ``width`` columns; written from its flat index ``to`` on.
        to: index into ``table``.
        width: columns of ``table``, 16 or more.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        source = context.make_array(kinds[0])(context, builder, arguments[0]).data
        target = context.make_array(kinds[2])(context, builder, arguments[2]).data
        vector = ir.VectorType(ir.FloatType(), TILE)

        def address(base: Any, index: Any) -> Any:
            return builder.bitcast(builder.gep(base, [index]), vector.as_pointer())

        def shuffle(a: Any, b: Any, order: list[int]) -> Any:
            mask = ir.Constant(ir.VectorType(ir.IntType(32), TILE), order)
            return builder.shuffle_vector(a, b, mask)

        def index(base: Any, step: Any, count: int) -> Any:
            return builder.add(base, builder.mul(step, ir.Constant(step.type, count)))

        lanes = ir.Constant(arguments[1].type, LANES)
        tile = [
            builder.load(address(source, index(arguments[1], lanes, k)), align=4) for k in range(TILE)
        ]
        # Swap ever smaller off-diagonal squares; the second vector's lanes count from TILE on.
        for size in (8, 4, 2, 1):
            upper = [j if not j & size else TILE + j - size for j in range(TILE)]
            lower = [j + size if not j & size else TILE + j for j in range(TILE)]
            for k in range(TILE):
                if not k & size:
                    a, b = tile[k], tile[k + size]
                    tile[k], tile[k + size] = shuffle(a, b, upper), shuffle(a, b, lower)
        for k in range(TILE):
            builder.store(tile[k], address(target, index(arguments[3], arguments[4], k)), align=4)
        return context.get_dummy_value()

    return types.void(rows, types.int64, table, types.int64, types.int64), generate
