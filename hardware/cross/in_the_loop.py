"""Flights of the quadrotor world that an emulated microcontroller steers."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.quadrotor.airframe import Airframes
from ...envs.quadrotor.evaluation.own_simulator import OwnSimulator
from ...envs.quadrotor.evaluation.protocols import PROTOCOLS, Conditions
from ...envs.quadrotor.evaluation.simulator import ACTION_SIZE, OBSERVATION_SIZE
from ...errors import InputError
from ..code.generate import Generated
from .build import compile_policy, link_program, write_sources
from .emulator import qemu_command
from .targets import TARGETS
from .tools import CrossError

Array = NDArray[np.float32]

MOST_VEHICLES = 256
"""Whose questions and answers fit into a pipe each, so that nobody waits for the other."""
LOOP_PROTOCOLS = ("P1", "P2 5.5 s")
"""Hover and figure-eight."""
_POLL_MS = 200


class EmulatedPilot:
    """A policy on an emulated microcontroller that answers through named pipes.

    The memories are the microcontroller's: those that come back are copies, and what is handed to
    :meth:`step` must be the last copy. It is a context manager.

    Args:
        generated: the export.
        vehicles: whose memories it keeps, 1 to 256.
        target: a name of :data:`.targets.TARGETS` that QEMU runs.
        opt_level: ``-O2``, ``-O3`` or ``-Os``.
        patience: seconds after which an answer counts as lost.

    Raises:
        InputError: there are too many vehicles, or there is no such target.
        CrossError: a tool is missing, or the program cannot be built or started.
    """

    def __init__(
        self,
        generated: Generated,
        vehicles: int,
        *,
        target: str = "cortex-m4f",
        opt_level: str = "-O2",
        patience: float = 10.0,
    ) -> None:
        if not 1 <= vehicles <= MOST_VEHICLES:
            raise InputError(f"vehicles = {vehicles} is not a whole number from 1 to {MOST_VEHICLES}")
        emulated = [name for name, made in TARGETS.items() if made.machine is not None]
        if target not in emulated:
            raise InputError(f"target = {target!r} is none of {', '.join(emulated)}")
        chosen = TARGETS[target]
        reason = chosen.missing()
        if reason is not None:
            raise CrossError(f"{chosen.title}: {reason}")
        self.title = chosen.title
        self.seconds = 0.0
        """Spent on questions and answers so far."""
        self._reference, self._vehicles, self._patience = generated.reference, vehicles, patience
        initial = self._reference.initial_state(vehicles)
        self._answer = np.dtype(
            [
                ("action", "<f4", generated.network.action_size),
                ("status", "<u4"),
                ("memory", initial.dtype.newbyteorder("<"), initial.shape[1]),
            ]
        )
        self._memory, self._reset = initial, True
        self._temporary = TemporaryDirectory(prefix="eyas-loop-")
        self._pipes: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None
        try:
            folder = Path(self._temporary.name)
            write_sources(generated, folder)
            compile_policy(generated, chosen, opt_level, folder)
            defines = (f"-DVEHICLES={vehicles}u",)
            program = link_program(generated, chosen, folder, "in_the_loop.c", defines)
            self._start(qemu_command(chosen, program), folder)
        except BaseException:
            self.close()
            raise

    def initial_state(self, count: int) -> NDArray[Any]:
        """Start ``count`` new flights; the memories they start with.

        Raises:
            InputError: it is another number than that of the vehicles.
        """
        if count != self._vehicles:
            raise InputError(f"count = {count} is not the {self._vehicles} vehicles of this emulator")
        self._memory, self._reset = self._reference.initial_state(count), True
        return self._memory

    def step(self, observations: Array, hidden: NDArray[Any]) -> tuple[Array, NDArray[Any]]:
        """Actions and copies of the new memories; see :meth:`evaluate`."""
        actions, memory, _ = self.evaluate(observations, hidden)
        return actions, memory

    def evaluate(
        self, observations: Array, hidden: NDArray[Any]
    ) -> tuple[Array, NDArray[Any], NDArray[np.uint32]]:
        """Ask once for every vehicle.

        Args:
            observations: shape ``(vehicles, observation size)``.
            hidden: what the last call, or :meth:`initial_state`, returned.

        Returns:
            actions, copies of the memories, and status words.

        Raises:
            InputError: the observations have another shape, or the memories are others than those that
                the microcontroller has.
            CrossError: the emulator ended or does not answer.
        """
        expected = (self._vehicles, self._reference.network.observation_size)
        if observations.shape != expected:
            raise InputError(f"observations have the shape {observations.shape}, expected {expected}")
        if hidden.tobytes() != self._memory.tobytes():
            raise InputError("the memories handed to the emulator are not those that it keeps")
        began = time.perf_counter()
        question = np.uint32(self._reset).astype("<u4").tobytes() + observations.astype("<f4").tobytes()
        self._reset = False
        os.write(self._pipes[0], question)
        answers = np.frombuffer(self._receive(self._vehicles * self._answer.itemsize), self._answer)
        self.seconds += time.perf_counter() - began
        self._memory = answers["memory"].astype(hidden.dtype)
        status = answers["status"].astype(np.uint32)
        return answers["action"].astype(np.float32), self._memory, status

    def close(self) -> None:
        """End the emulator and delete its files."""
        for pipe in self._pipes:
            os.close(pipe)
        self._pipes = []
        if self._process is not None:
            try:
                self._process.wait(0.5)  # the end of the pipe ends the program
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._temporary.cleanup()

    def __enter__(self) -> EmulatedPilot:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _start(self, command: list[str], folder: Path) -> None:
        paths = (folder / "in.fifo", folder / "out.fifo")
        for path in paths:
            os.mkfifo(path)
        # For both directions, or opening would wait for an emulator that may never come.
        self._pipes.append(os.open(paths[0], os.O_RDWR | os.O_CLOEXEC))
        self._pipes.append(os.open(paths[1], os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        self._messages = folder / "messages.txt"
        with self._messages.open("wb") as messages:
            try:
                self._process = subprocess.Popen(
                    command,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=messages,
                )
            except OSError as error:
                raise CrossError(f"{command[0]} cannot be run: {error.strerror}") from None

    def _receive(self, count: int) -> bytes:
        assert self._process is not None
        data, deadline = b"", time.monotonic() + self._patience
        poll = select.poll()
        poll.register(self._pipes[1], select.POLLIN)
        while len(data) < count:
            if poll.poll(_POLL_MS):
                with suppress(BlockingIOError):
                    data += os.read(self._pipes[1], count - len(data))
            if len(data) < count and self._process.poll() is not None:
                said = self._messages.read_text(errors="replace").strip() or "it said nothing"
                status = self._process.returncode
                raise CrossError(f"{self.title}: the emulator ended with status {status}: {said}")
            if len(data) < count and time.monotonic() > deadline:
                raise CrossError(f"{self.title}: no answer within {self._patience:g} s")
        return data


@dataclass(frozen=True, kw_only=True)
class LoopReport:
    """What the flights of an emulated microcontroller were like."""

    title: str
    vehicles: int
    flights: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By protocol: flights, share that failed, quantiles of the errors (m)."""
    steps: int = 0
    """Decisions, all vehicles together."""
    differences: int = 0
    """Of those, how many differ from the reference arithmetic in a bit of action, memory or status."""
    steps_per_second: float = 0.0
    """Decisions per second of waiting for the emulator."""
    skipped: str | None = None
    """Why nobody flew: a tool is missing."""


class _Compared:
    """A pilot that flies by the emulator and counts where the reference would have answered otherwise."""

    def __init__(self, pilot: EmulatedPilot, generated: Generated) -> None:
        self._pilot, self._reference = pilot, generated.reference
        self.steps = self.differences = 0

    def initial_state(self, count: int) -> NDArray[Any]:
        return self._pilot.initial_state(count)

    def step(self, observations: Array, hidden: NDArray[Any]) -> tuple[Array, NDArray[Any]]:
        expected = self._reference.evaluate(observations, hidden)
        found = self._pilot.evaluate(observations, hidden)
        same = np.ones(len(observations), np.bool_)
        for a, b in zip(expected, found, strict=True):
            words = np.ascontiguousarray(a).view(f"u{a.itemsize}")
            others = np.ascontiguousarray(b).view(f"u{b.itemsize}")
            same &= (words == others).reshape(len(same), -1).all(axis=1)
        self.steps += len(same)
        self.differences += int(np.count_nonzero(~same))
        return found[0], found[1]


def fly_in_the_loop(
    generated: Generated,
    airframes: Airframes,
    protocols: Sequence[str] = LOOP_PROTOCOLS,
    *,
    target: str = "cortex-m4f",
    opt_level: str = "-O2",
) -> LoopReport:
    """Fly quadrotors by an emulated microcontroller, and compare every decision with the reference.

    Args:
        generated: the export of a policy of 22 observations and 4 actions.
        airframes: who flies, all at a time; at most 256.
        protocols: hovers and figure-eights by their names in ``PROTOCOLS``.
        target: a name of :data:`.targets.TARGETS` that QEMU runs.
        opt_level: ``-O2``, ``-O3`` or ``-Os``.

    Raises:
        InputError: the policy is not for quadrotors, there are too many vehicles, or there is no such
            target or protocol.
        CrossError: the program cannot be built, or the emulator ends or does not answer.
    """
    sizes = (generated.network.observation_size, generated.network.action_size)
    if sizes != (OBSERVATION_SIZE, ACTION_SIZE):
        raise InputError(
            f"the policy maps {sizes[0]} observations to {sizes[1]} actions, a quadrotor has"
            f" {OBSERVATION_SIZE} and {ACTION_SIZE}"
        )
    allowed = [name for name in PROTOCOLS if not name.startswith("P0")]
    for name in protocols:
        if name not in allowed:
            raise InputError(f"protocol = {name!r} is none of {', '.join(allowed)}")
    count = len(airframes)
    if target in TARGETS and (reason := TARGETS[target].missing()) is not None:
        return LoopReport(title=TARGETS[target].title, vehicles=count, skipped=reason)
    # P0's alone; the hovers and figure-eights ask for none.
    conditions = Conditions(force_std=np.zeros(count), position_limit=np.full(count, np.inf))
    simulator = OwnSimulator(airframes)
    with EmulatedPilot(generated, count, target=target, opt_level=opt_level) as pilot:
        compared = _Compared(pilot, generated)
        flights = {
            name: PROTOCOLS[name].run(simulator, compared, conditions, lambda steps: None).summary()
            for name in protocols
        }
        return LoopReport(
            title=pilot.title,
            vehicles=count,
            flights=flights,
            steps=compared.steps,
            differences=compared.differences,
            steps_per_second=compared.steps / pilot.seconds,
        )
