"""From recorded episodes to batches of rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.jit import kernel
from ...envs.quadrotor.lanes import LANES
from .lane_network import ACTIONS, OBSERVATIONS
from .sequence import Batch


class Packing(NamedTuple):
    """What lies where; arrays have shape ``(rows, steps)``."""

    episodes: NDArray[np.int32]
    """Which episode; -1 where there is nothing."""
    steps: NDArray[np.int32]
    """Which of its steps."""


def pack_rows(
    lengths: NDArray[np.int64], order: NDArray[np.int64], row_steps: int, *, straddle: bool
) -> Packing:
    """Lay episodes one behind the other into rows.

    Args:
        lengths: steps of each episode, at most ``row_steps``.
        order: the episodes to lay, one after the other.
        row_steps: length of a row.
        straddle: whether an episode that does not fit goes on in the next row, as in RAPTOR's
            post-training, where the last row is dropped unless it is full. Otherwise it begins in the
            next row.
    """
    chosen = lengths[order]
    if straddle:
        rows = int(chosen.sum()) // row_steps
        begins = np.cumsum(chosen) - chosen
        episodes = np.repeat(order, chosen)[: rows * row_steps]
        steps = (np.arange(chosen.sum()) - np.repeat(begins, chosen))[: rows * row_steps]
        shape = (rows, row_steps)
        return Packing(episodes.reshape(shape).astype(np.int32), steps.reshape(shape).astype(np.int32))
    places = np.empty((len(order), 2), np.int64)
    row, filled = 0, 0
    for number, length in enumerate(chosen.tolist()):
        if filled + length > row_steps:
            row, filled = row + 1, 0
        places[number] = row, filled
        filled += length
    rows = row + 1 if len(order) else 0
    packing = Packing(np.full((rows, row_steps), -1, np.int32), np.zeros((rows, row_steps), np.int32))
    within = np.arange(chosen.sum()) - np.repeat(np.cumsum(chosen) - chosen, chosen)
    at = np.repeat(places[:, 0], chosen), np.repeat(places[:, 1], chosen) + within
    packing.episodes[at] = np.repeat(order, chosen)
    packing.steps[at] = within
    return packing


@kernel
def fill_batch(
    data: NDArray[np.float32], packing: Packing, rows: NDArray[np.int64], batch: Batch
) -> None:
    """Copy rows into a batch; its other lanes get no weight.

    The memory starts anew at the first step of an episode and at the start of a row.

    Args:
        data: records, ``(episodes, steps, OBSERVATIONS + ACTIONS)``.
        packing: what lies where.
        rows: which rows, at most as many as the batch has lanes.
        batch: overwritten.
    """
    for t in range(batch.inputs.shape[1]):
        for i in range(batch.inputs.shape[0] * LANES):
            block, lane = i // LANES, i % LANES
            episode = packing.episodes[rows[i], t] if i < rows.size else -1
            step = packing.steps[rows[i], t] if i < rows.size else 0
            batch.weights[block, t, lane] = 1 if episode >= 0 else 0
            batch.fresh[block, t, lane] = 1 if episode < 0 or step == 0 or t == 0 else 0
            for k in range(OBSERVATIONS):
                seen = data[episode, step, k] if episode >= 0 else 0
                batch.inputs[block, t, k * LANES + lane] = seen
            for k in range(ACTIONS):
                wanted = data[episode, step, OBSERVATIONS + k] if episode >= 0 else 0
                batch.targets[block, t, k * LANES + lane] = wanted
