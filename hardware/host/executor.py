"""The executor of the exported C in numpy: what ``NAME_control`` does, for many states at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..code.generate import Generated
from ..reference import MEMORY_RESET

Array = NDArray[np.float32]
Status = NDArray[np.uint32]

STALE, COMMITTED = np.uint32(8), np.uint32(16)
_MOST_AVERAGED = 1000


class ReferenceExecutor:
    """Steps at the policy's rate, looks ahead between them, refuses old samples.

    Args:
        generated: the exported policy.
        count: how many states.
    """

    def __init__(self, generated: Generated, count: int) -> None:
        network = generated.network
        self._reference = generated.reference
        self._previous = network.previous_action
        self._fallback = generated.fallback
        self._period = np.uint32(round(1e6 / network.rate_hz))
        self._stale = np.uint32(generated.stale_us)
        self._action = np.tile(generated.fallback, (count, 1))
        self._committed = np.zeros(count, np.uint32)
        self._averaged = np.zeros(count, np.uint32)
        self._started = np.zeros(count, np.bool_)
        self.memory = self._reference.initial_state(count)
        """Shape ``(count, memory size)``."""

    def control(self, now_us: Status, sampled_us: Status, observations: Array) -> tuple[Array, Status]:
        """Actions and status bits; times have shape ``(count,)``."""
        period, count = self._period, len(now_us)
        age = now_us - sampled_us
        fresh = ~(age + self._stale > np.uint32(2) * self._stale)
        self._started &= fresh
        since = now_us - self._committed + period // np.uint32(16)
        anew = fresh & (~self._started | (since > self._stale))
        self.memory[anew] = self._reference.initial_state(count)[anew]
        self._action[anew] = self._fallback
        self._started |= anew
        self._averaged[anew] = 0
        self._committed = np.where(anew, now_us - period, self._committed)
        since = np.where(anew, period, since)
        due = fresh & (since >= period)
        shown = observations.copy()
        if self._previous is not None:
            shown[:, self._previous :] = self._action
        actions, after, status = self._reference.evaluate(shown, self.memory)
        self.memory[due] = after[due]
        on_grid = since < np.uint32(2) * period
        grid = np.where(on_grid, self._committed + period, now_us)
        self._committed = np.where(due, grid, self._committed)
        self._averaged[due] = 0
        number = (self._averaged + np.uint32(1)).astype(np.float32)[:, None]
        mean = self._action + (actions - self._action) / number
        # After a step the mean begins anew, whatever it was.
        mean = np.where(number == 1, actions, mean)
        self._action[fresh] = mean[fresh]
        self._averaged[fresh & (self._averaged < _MOST_AVERAGED)] += 1
        status = status | MEMORY_RESET * anew | COMMITTED * due
        return (
            np.where(fresh[:, None], actions, self._fallback),
            np.where(fresh, status, STALE).astype(np.uint32),
        )
