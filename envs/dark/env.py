"""The dark rooms as a world."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ..batch import BatchEnv
from ..jit import kernel
from .rules import ACTIONS, aims_of, best_action, find_room, move, task_space


class DarkBatch(BatchEnv):
    """N dark rooms: the agent knows where it is, but not where the goal is.

    ## Task

    ``darkroom`` and ``darkroom-large``: ``goal_x``, ``goal_y`` (cells). ``darkroom-permuted``:
    ``permutation``, which of the 120 orders of the actions holds; the goal is the far corner.
    ``dark-key-to-door``: ``key_x``, ``key_y``, ``door_x``, ``door_y``. Values are rounded.

    ## Observation

    float32, shape ``(2,)``: x and y, whole numbers in [0, size - 1].

    ## Action

    ``Discrete(5)``: x + 1, x - 1, y + 1, y - 1, stay. Walls stop moves.

    ## Reward

    1 in every step that ends at the goal; in Key-to-Door 1 for the key, once, and then 1 for the door,
    once.

    ## Episodes

    20 steps (``darkroom``) or 50, always in full, from the middle (``darkroom-permuted``: from the
    corner at 0, 0). The end is a truncation.

    Source: Laskin et al. (2022), in the settings of Son et al. (DICP, 2025), which LHF follows.

    Args:
        num_envs: copies.
        room: a name from ``ROOMS``.

    Raises:
        InputError: no such room, or fewer than one copy.
    """

    def __init__(self, num_envs: int, *, room: str = "darkroom") -> None:
        self.room = find_room(room)
        last = float(self.room.size - 1)
        # A discrete action is a whole number in the same float32 array that other worlds' actions use.
        super().__init__(
            num_envs,
            task_space(self.room),
            gymnasium.spaces.Box(0.0, last, shape=(2,), dtype=np.float32),
            gymnasium.spaces.Discrete(ACTIONS),  # type: ignore[arg-type]
            self.room.horizon,
        )
        self._aims = aims_of(self.room, self.tasks)
        self._states = np.zeros((num_envs, 3), dtype=np.int64)

    def _reset_copies(self, copies: NDArray[np.int64]) -> None:
        self._aims[copies] = aims_of(self.room, self.tasks[copies])
        self._states[copies] = (*self.room.start, 0)
        self.observations[copies] = self._states[copies, :2]

    def _advance(self, actions: NDArray[np.float32]) -> None:
        room = self.room
        whole = np.clip(np.asarray(actions), 0, ACTIONS - 1).astype(np.int64)
        advance(room.kind, room.size, self._aims, self._states, whole, self.rewards, self.observations)
        self.terminated[:] = False

    def optimal_actions(self) -> NDArray[np.int64]:
        """What would be best now in every copy, shape ``(num_envs,)``."""
        actions = np.empty(self.num_envs, dtype=np.int64)
        best_actions(self.room.kind, self.room.size, self._aims, self._states, actions)
        return actions

    def _state_arrays(self) -> dict[str, NDArray[Any]]:
        return {"aims": self._aims, "states": self._states}


@kernel
def advance(
    kind: int,
    size: int,
    aims: NDArray[np.int64],
    states: NDArray[np.int64],
    actions: NDArray[np.int64],
    rewards: NDArray[np.float32],
    observations: NDArray[np.float32],
) -> None:
    """One step of every copy."""
    for copy in range(len(states)):
        rewards[copy] = move(kind, size, aims[copy], states[copy], actions[copy])
        observations[copy, 0] = states[copy, 0]
        observations[copy, 1] = states[copy, 1]


@kernel
def best_actions(
    kind: int,
    size: int,
    aims: NDArray[np.int64],
    states: NDArray[np.int64],
    actions: NDArray[np.int64],
) -> None:
    """The optimal action of every copy."""
    for copy in range(len(states)):
        actions[copy] = best_action(kind, size, aims[copy], states[copy])
