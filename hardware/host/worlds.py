"""What an exported policy is shown: random numbers of all kinds, and worlds that answer its actions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.quadrotor.distribution import RaptorSample, raptor_airframes
from ...envs.quadrotor.evaluation.flight import Pilot
from ...envs.quadrotor.evaluation.own_simulator import OwnSimulator
from ...envs.quadrotor.evaluation.protocols import PROTOCOLS, Conditions
from ...policies.quadrotor_metadata import ACTION_SIZE, OBSERVATION_SIZE
from .. import bounds
from ..code.generate import Generated
from ..fixed.reference import FixedReference
from ..network import Network

Array = NDArray[np.float32]

UNSEEN_SEED = 12345
"""Of the vehicles that nobody is trained on."""
FLIGHTS = ("P0", "P1", "P2 5.5 s")
"""Protocols of the closed loop: recovery, hover, figure-eight."""
_WALK_STEPS = 2000
_SPREAD = 3.0
"""Most observations are normalised: numbers that occur, where the limit says no less."""
_SPECIAL = np.array(
    [
        *(0x00000000, 0x80000000),  # +-0
        *(0x00000001, 0x807FFFFF, 0x00800000),  # denormal, and the smallest that is not
        *(0x7F7FFFFF, 0xFF7FFFFF),  # the largest
        *(0x7F800000, 0xFF800000),  # infinities
        *(0x7FC00000, 0x7F800001, 0xFFFFFFFF),  # NaN: quiet, signalling, all ones
    ],
    np.uint32,
).view(np.float32)


def is_quadrotor_policy(network: Network) -> bool:
    """Whether it flies quadrotors: their sizes, and a file that says so."""
    sizes = (network.observation_size, network.action_size) == (OBSERVATION_SIZE, ACTION_SIZE)
    return sizes and network.metadata.get("world") == "quadrotor"


def unseen(count: int, seed: int = UNSEEN_SEED) -> tuple[RaptorSample, Conditions]:
    """Vehicles of RAPTOR's distribution, and what their recovery is flown with, once each."""
    sample = raptor_airframes(np.random.default_rng(seed), count)
    conditions = Conditions(
        force_std=sample.disturbance_force_std, position_limit=sample.position_threshold, seeds=1
    )
    return sample, conditions


def random_observations(network: Network, rng: np.random.Generator, count: int) -> Array:
    """Numbers in range, beyond the limits, special ones and random words, shape ``(count, size)``.

    Half of the rows hold only what may occur; in every other row up to all numbers are of other kinds.
    """
    size = network.observation_size
    center, limit = network.input.center, network.input.limit
    spread = np.where(rng.random((count, 1)) < 0.5, np.minimum(limit, np.float32(_SPREAD)), limit)
    values = center + (spread * rng.uniform(-1, 1, (count, size))).astype(np.float32)
    sign = np.where(rng.random((count, size)) < 0.5, np.float32(-1), np.float32(1))
    factor = np.exp(rng.uniform(0, 70, (count, size))).astype(np.float32)
    neighbours = [np.nextafter(limit, np.float32(0)), limit, np.nextafter(limit, np.float32(np.inf))]
    edge = np.choose(rng.integers(0, 3, (count, size)), neighbours)
    words = rng.integers(0, 2**32, (count, size), dtype=np.uint32).view(np.float32)
    kinds = (values, center + sign * limit * factor, center + sign * edge)
    others = (rng.choice(_SPECIAL, (count, size)), words)
    share = np.where(rng.random((count, 1)) < 0.5, 0, rng.random((count, 1)) ** 2)
    chosen = np.where(rng.random((count, size)) < share, rng.integers(1, 5, (count, size)), 0)
    return np.choose(chosen, (*kinds, *others)).astype(np.float32)


def memory_limits(generated: Generated) -> NDArray[Any]:
    """What no number of the memory exceeds in magnitude, in its own type, shape ``(memory size,)``."""
    reference = generated.reference
    if isinstance(reference, FixedReference):
        return np.asarray(reference.fixed.memory_limit).astype(reference.initial_state(1).dtype)
    return bounds.memory_limits(generated.network)


def spare_bits(generated: Generated) -> NDArray[np.int64]:
    """The low bits that are 0 in each number of the memory, as masks, shape ``(memory size,)``."""
    reference = generated.reference
    if isinstance(reference, FixedReference):
        return np.where(reference.fixed.hidden, (1 << reference.fixed.memory_shift) - 1, 0)
    return np.zeros(generated.network.memory_size, np.int64)


def random_memories(generated: Generated, rng: np.random.Generator, count: int) -> NDArray[Any]:
    """Memories around their range, initial ones with one random word, and random words throughout."""
    start = generated.reference.initial_state(count)
    reach = 1.05 * memory_limits(generated).astype(np.float64)
    near = (reach ** rng.uniform(0, 1, (count, 1)) * rng.uniform(-1, 1, start.shape)).astype(
        start.dtype
    )
    if start.dtype != np.float32:
        near &= ~spare_bits(generated).astype(start.dtype)
    word = np.dtype(f"u{start.dtype.itemsize}")
    words = rng.integers(0, 2 ** (8 * word.itemsize), start.shape, dtype=word).view(start.dtype)
    one = rng.integers(0, start.shape[1], (count, 1)) == np.arange(start.shape[1])
    return np.choose(rng.integers(0, 3, (count, 1)), [near, np.where(one, words, start), words])


def drive(network: Network, pilot: Pilot, count: int, seed: int) -> None:
    """Let a pilot act in a closed loop: in the quadrotors' world, or in a random linear one.

    Args:
        network: says which world.
        pilot: is asked for its actions.
        count: vehicles, or copies of the linear world.
        seed: of vehicles or of the world.
    """
    if not is_quadrotor_policy(network):
        _walk(network, pilot, count, np.random.default_rng(seed))
        return
    sample, conditions = unseen(count, seed)
    simulator = OwnSimulator(sample.airframes)
    for name in FLIGHTS:
        PROTOCOLS[name].run(simulator, pilot, conditions, lambda steps: None)


def _walk(network: Network, pilot: Pilot, count: int, rng: np.random.Generator) -> None:
    """A stable world: observations decay, are pushed by the actions, and shaken."""
    center = network.input.center
    spread = np.minimum(network.input.limit, np.float32(_SPREAD))
    push = rng.normal(size=(network.action_size, network.observation_size)).astype(np.float32)
    half = np.float32(0.5) * (network.output.high - network.output.low)
    middle = network.output.low + half
    x: Array = np.zeros((count, network.observation_size), np.float32)
    memory = pilot.initial_state(count)
    for _ in range(_WALK_STEPS):
        actions, memory = pilot.step((center + spread * x).astype(np.float32), memory)
        noise = rng.normal(size=x.shape).astype(np.float32)
        x = (0.9 * x + 0.1 * (((actions - middle) / half) @ push + noise)).astype(np.float32)
