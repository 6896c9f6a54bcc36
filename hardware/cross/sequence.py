"""Observations that every target makes by itself, and the hash of what the policy answers to them.

The twin is ``bare_metal/sequence.h``. Whole numbers only until the last exact scaling, so that the
observations themselves are the same bits everywhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..code.generate import Reference
from ..network import Network

_MOST_STEPS, _LEAST_STEPS = 200, 8
_PARAMETER_STEPS = 1_000_000
SEED = 0x9E3779B9
_WORD = 0xFFFF_FFFF
_NOT_FINITE = 0x7F80_0000


def steps_of(network: Network) -> int:
    """How many steps are hashed and counted: 200, fewer for a network of more than 5,000 numbers.

    A core without floating point is then done within seconds.
    """
    return max(_LEAST_STEPS, min(_MOST_STEPS, _PARAMETER_STEPS // network.parameter_count))


def observations(size: int, steps: int) -> NDArray[np.float32]:
    """The sequence, shape ``(steps, size)``.

    Multiples of 2^-22 in [-2, 2); in about every eighth step one number is any pattern of 32 bits, half
    of these times NaN or Inf.
    """
    random = SEED

    def draw() -> int:
        nonlocal random
        random ^= random << 13 & _WORD
        random ^= random >> 17
        random ^= random << 5 & _WORD
        return random

    words = np.empty((steps, size), np.uint32)
    for row in words:
        drawn = np.array([draw() >> 8 for _ in range(size)], np.float32)
        row[:] = (drawn * np.float32(2.0**-22) - np.float32(2)).view(np.uint32)
        choice = draw()
        if choice & 7 == 0:
            row[(choice >> 4) % size] = draw() | (_NOT_FINITE if choice & 8 else 0)
    return words.view(np.float32)


def fnv1a(data: bytes, start: int = 2166136261) -> int:
    """The 32-bit FNV-1a hash (draft-eastlake-fnv) of some bytes, continued from ``start``."""
    value = start
    for byte in data:
        value = (value ^ byte) * 16777619 & _WORD
    return value


def expected_hash(reference: Reference) -> int:
    """The hash of actions, status and memory over all steps, as every target must find it."""
    memory, answers, network = reference.initial_state(1), bytearray(), reference.network
    for row in observations(network.observation_size, steps_of(network)):
        actions, memory, status = reference.evaluate(row[None], memory)
        answers += actions.astype("<f4").tobytes() + status.astype("<u4").tobytes()
        answers += memory.astype(memory.dtype.newbyteorder("<")).tobytes()
    return fnv1a(bytes(answers))
