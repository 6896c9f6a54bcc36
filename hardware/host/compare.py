"""Word for word: the exported C against the reference arithmetic, and both against PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.quadrotor.evaluation.flight import Pilot
from ..code.generate import Generated
from ..network import Network
from .compiled import CompiledPolicy
from .executor import ReferenceExecutor
from .worlds import drive, random_memories, random_observations

Array = NDArray[np.float32]

COPIES, STEPS, VEHICLES = 32, 1000, 16


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The first word that differs."""

    sequence: str
    step: int
    what: str
    """actions, memory, status or look ahead."""
    index: tuple[int, ...]
    """Of the copy and, but for a status, of the number."""
    expected: str
    """The reference's word, hexadecimal."""
    found: str

    def __str__(self) -> str:
        where = ", ".join(str(i) for i in self.index)
        return (
            f"{self.what}[{where}] at step {self.step} of {self.sequence}:"
            f" expected {self.expected}, found {self.found}"
        )


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How many words were compared, and which differ."""

    words: Mapping[str, int]
    """Compared, by sequence."""
    differing: int
    first: Difference | None

    @property
    def total(self) -> int:
        """Words compared."""
        return sum(self.words.values())

    @property
    def equal(self) -> bool:
        """Whether all bits are the same."""
        return self.differing == 0


def compare(
    generated: Generated,
    compiled: CompiledPolicy,
    *,
    steps: int = STEPS,
    copies: int = COPIES,
    vehicles: int = VEHICLES,
    seed: int = 0,
) -> Comparison:
    """Compare all bits of actions, memories and status.

    Sequences: ``random`` (numbers in range, beyond the limits, special ones, random words), ``memory``
    (the same with memories of all kinds), ``closed loop`` (flights over unseen airframes for a policy
    of quadrotors, otherwise a random linear world) and ``executor`` (``NAME_control`` at random times).

    Args:
        generated: the exported policy with its reference.
        compiled: the same, compiled.
        steps: of each random sequence.
        copies: states in each random sequence.
        vehicles: in the closed loop.
        seed: of everything random.
    """
    network = generated.network
    ledger = _Ledger()
    rngs = np.random.default_rng(seed).spawn(3)
    pair = _Pair(generated.reference, compiled, ledger, "random")
    memory = pair.initial_state(copies)
    for _ in range(steps):
        _, memory = pair.step(random_observations(network, rngs[0], copies), memory)
    if network.memory_size:
        _memories(generated, compiled, ledger, steps, copies, rngs[1])
    drive(network, _Pair(generated.reference, compiled, ledger, "closed loop"), vehicles, seed)
    _executor(generated, compiled, ledger, steps, copies, rngs[2])
    return Comparison(words=ledger.words, differing=ledger.differing, first=ledger.first)


@dataclass(frozen=True, kw_only=True)
class LargestDifference:
    """Largest ``|difference|`` of actions along a closed loop."""

    decision: float | None
    """Given the same observation and the same memory; None where the memories are of another kind."""
    flight: float
    """Given the same observations, each with its own memory: roundings add up."""


def largest_differences(
    network: Network,
    leader: Pilot,
    others: Mapping[str, Pilot],
    *,
    count: int = VEHICLES,
    seed: int = 0,
) -> dict[str, LargestDifference]:
    """How far other pilots are from the one that decides, by name.

    Args:
        network: of all of them.
        leader: acts.
        others: see the same observations.
        count: vehicles.
        seed: of vehicles or of the world.
    """
    watch = _Watch(leader, others)
    drive(network, watch, count, seed)
    return {
        name: LargestDifference(decision=watch.decision.get(name), flight=watch.flight[name])
        for name in others
    }


class _Ledger:
    """Counts words, and remembers the first that differs."""

    def __init__(self) -> None:
        self.words: dict[str, int] = {}
        self.differing = 0
        self.first: Difference | None = None

    def check(
        self, sequence: str, step: int, what: str, expected: NDArray[Any], found: NDArray[Any]
    ) -> None:
        word = np.dtype(f"u{expected.dtype.itemsize}")
        wanted = np.ascontiguousarray(expected).view(word)
        given = np.ascontiguousarray(found).view(word)
        self.words[sequence] = self.words.get(sequence, 0) + wanted.size
        differs = wanted != given
        self.differing += int(differs.sum())
        if self.first is None and differs.any():
            index = tuple(np.argwhere(differs)[0].tolist())
            digits = 2 * word.itemsize
            self.first = Difference(
                sequence=sequence,
                step=step,
                what=what,
                index=index,
                expected=f"{wanted[index]:0{digits}x}",
                found=f"{given[index]:0{digits}x}",
            )


class _Pair:
    """Flies as the reference does, and compares the C on the same observations."""

    def __init__(
        self, reference: Any, compiled: CompiledPolicy, ledger: _Ledger, sequence: str
    ) -> None:
        self._reference, self._compiled = reference, compiled
        self._ledger, self._sequence = ledger, sequence
        self._steps = 0

    def initial_state(self, count: int) -> NDArray[Any]:
        self._memory = self._compiled.initial_state(count)
        return self._reference.initial_state(count)

    def step(self, observations: Array, memory: NDArray[Any]) -> tuple[Array, NDArray[Any]]:
        actions, after, status = self._reference.evaluate(observations, memory)
        ahead, ahead_status = self._compiled.peek(observations, self._memory)
        found, self._memory, found_status = self._compiled.evaluate(observations, self._memory)
        for what, expected, given in (
            ("actions", actions, found),
            ("memory", after, self._memory),
            ("status", status, found_status),
            ("look ahead", actions, ahead),
            ("status of the look ahead", status, ahead_status),
        ):
            self._ledger.check(self._sequence, self._steps, what, expected, given)
        self._steps += 1
        return actions, after


def _memories(
    generated: Generated,
    compiled: CompiledPolicy,
    ledger: _Ledger,
    steps: int,
    copies: int,
    rng: np.random.Generator,
) -> None:
    """One step from memories of all kinds."""
    for step in range(steps):
        memory = random_memories(generated, rng, copies)
        observations = random_observations(generated.network, rng, copies)
        expected = generated.reference.evaluate(observations, memory)
        found = compiled.evaluate(observations, memory)
        for what, wanted, given in zip(("actions", "memory", "status"), expected, found, strict=True):
            ledger.check("memory", step, what, wanted, given)


def _executor(
    generated: Generated,
    compiled: CompiledPolicy,
    ledger: _Ledger,
    steps: int,
    copies: int,
    rng: np.random.Generator,
) -> None:
    """Calls at every rate, samples of every age, on clocks that wrap."""
    network = generated.network
    executor, states = ReferenceExecutor(generated, copies), compiled.reset(copies)
    period, stale = round(1e6 / network.rate_hz), generated.stale_us
    early = period - period // 16
    pauses = np.array([0, 1, period // 4, period // 2, early - 1, early, period, 3 * period, stale + 1])
    ages = np.array([0, 1, period // 2, period, stale, stale + 1, 2**31, 2**32 - 1])
    likely = np.array([0.4, 0.1, 0.1, 0.3, 0.04, 0.02, 0.02, 0.02])
    now = rng.integers(0, 2**32, copies, dtype=np.uint32)
    for step in range(steps):
        now = now + rng.choice(pauses, copies).astype(np.uint32)
        sampled = now - rng.choice(ages, copies, p=likely).astype(np.uint32)
        observations = random_observations(network, rng, copies)
        expected = executor.control(now, sampled, observations)
        found = compiled.control(states, now, sampled, observations)
        ledger.check("executor", step, "actions", expected[0], found[0])
        ledger.check("executor", step, "status", expected[1], found[1])
        ledger.check("executor", step, "memory", executor.memory, compiled.memory(states))


class _Watch:
    """Flies as one pilot does, and asks others what they would do."""

    def __init__(self, leader: Pilot, others: Mapping[str, Pilot]) -> None:
        self._leader, self._others = leader, others
        self.flight: dict[str, float] = {}
        self.decision: dict[str, float] = {}

    def initial_state(self, count: int) -> NDArray[Any]:
        self._memories = {name: pilot.initial_state(count) for name, pilot in self._others.items()}
        return self._leader.initial_state(count)

    def step(self, observations: Array, memory: NDArray[Any]) -> tuple[Array, NDArray[Any]]:
        actions, after = self._leader.step(observations, memory)
        for name, pilot in self._others.items():
            own = self._memories[name]
            other, self._memories[name] = pilot.step(observations, own)
            _note(self.flight, name, actions, other)
            if own.dtype == memory.dtype == np.float32:
                _note(self.decision, name, actions, pilot.step(observations, memory)[0])
        return actions, after


def _note(largest: dict[str, float], name: str, actions: Array, other: Array) -> None:
    difference = float(np.abs(other.astype(np.float64) - actions).max())
    known = largest.get(name, 0.0)
    # A NaN is the largest difference of all.
    largest[name] = known if difference <= known else difference
