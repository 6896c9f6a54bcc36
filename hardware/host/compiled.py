"""An exported policy, compiled by this computer's compiler and called from Python."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ...errors import InputError
from ..code.generate import Generated
from .compilers import STANDARD, WARNINGS, Compiler, find_compiler

Array = NDArray[np.float32]
Status = NDArray[np.uint32]
States = NDArray[np.uint8]
"""States of the C as bytes, shape ``(count, state size)``."""

_BATCH = Path(__file__).with_name("batch.c")


class CompiledPolicy:
    """The C of an exported policy, with the methods of its reference; a pilot for flights.

    The library is loaded and its files are deleted at once.

    Args:
        generated: the exported policy.
        compiler: None for the first one found.
        flags: of the optimiser; they come after the language standard and the warnings.

    Raises:
        InputError: there is no compiler, or its libraries cannot be loaded here.
        CompilationError: the compiler refused the code.
    """

    def __init__(
        self, generated: Generated, compiler: Compiler | None = None, flags: Sequence[str] = ("-O2",)
    ) -> None:
        self.compiler = compiler or find_compiler()
        self.network = generated.network
        self._initial = generated.reference.initial_state(1)
        self.memory_type = self._initial.dtype
        with tempfile.TemporaryDirectory(prefix="eyas-") as name:
            folder = Path(name)
            sources = [*write_sources(generated, folder), "host-batch.c"]
            (folder / "host-batch.c").write_text(_BATCH.read_text())
            arguments = [STANDARD, *WARNINGS, "-fPIC", *flags, "-shared", *sources, "-o", "policy.so"]
            self.compiler.run(arguments, folder)
            try:
                self._library = ctypes.CDLL(str(folder / "policy.so"))
            except OSError as error:
                raise InputError(
                    f"{' '.join(self.compiler.command)} makes no library for this computer: {error}"
                ) from None
        for function in ("state_size", "weights_crc", "selftest"):
            getattr(self._library, f"Batch_{function}").restype = ctypes.c_uint32

    @property
    def state_size(self) -> int:
        """Bytes of the state in the C."""
        return int(self._library.Batch_state_size())

    def weights_crc(self) -> int:
        """CRC-32 of the constants, computed by the C."""
        return int(self._library.Batch_weights_crc())

    def selftest(self) -> int:
        """0 if the C finds itself as it was generated; see the header for other numbers."""
        return int(self._library.Batch_selftest())

    def initial_state(self, count: int) -> NDArray[Any]:
        """The memory at the start of ``count`` episodes, shape ``(count, memory size)``."""
        return np.repeat(self._initial, count, axis=0)

    def step(self, observations: Array, memory: NDArray[Any]) -> tuple[Array, NDArray[Any]]:
        """Actions, shape ``(count, actions)``, and the new memories; see :meth:`evaluate`."""
        actions, after, _ = self.evaluate(observations, memory)
        return actions, after

    def evaluate(self, observations: Array, memory: NDArray[Any]) -> tuple[Array, NDArray[Any], Status]:
        """Call ``NAME_step`` once for each of many states.

        Args:
            observations: any float32 numbers, also NaN, shape ``(count, observation size)``.
            memory: shape ``(count, memory size)``; it is not changed.

        Returns:
            actions, the new memories, and the status bits, shape ``(count,)``.

        Raises:
            InputError: an array has another shape or type.
        """
        observations, memory = self._check(observations, memory)
        actions, status = self._results(len(observations))
        after = np.empty_like(memory)
        self._call("step", len(observations), observations, memory, after, actions, status)
        return actions, after, status

    def peek(self, observations: Array, memory: NDArray[Any]) -> tuple[Array, Status]:
        """Call ``NAME_peek`` once for each of many states; arguments as in :meth:`evaluate`."""
        observations, memory = self._check(observations, memory)
        actions, status = self._results(len(observations))
        self._call("peek", len(observations), observations, memory, actions, status)
        return actions, status

    def reset(self, count: int) -> States:
        """States as ``NAME_reset`` leaves them, for :meth:`control`."""
        states = np.zeros((count, self.state_size), np.uint8)
        self._call("reset", count, states)
        return states

    def memory(self, states: States) -> NDArray[Any]:
        """What states remember, shape ``(count, memory size)``."""
        memory = np.empty((len(states), self.network.memory_size), self.memory_type)
        self._call("memory", len(states), self._states(states), memory)
        return memory

    def control(
        self, states: States, now_us: int | Status, sampled_us: int | Status, observations: Array
    ) -> tuple[Array, Status]:
        """Call ``NAME_control`` once for each of many states, which it changes.

        Args:
            states: of :meth:`reset`.
            now_us: microseconds modulo 2^32, one for all or shape ``(count,)``.
            sampled_us: of the observations, the same.
            observations: shape ``(count, observation size)``.

        Returns:
            actions and status bits.

        Raises:
            InputError: an array has another shape or type.
        """
        count = len(self._states(states))
        observations = self._fit("observations", observations, self.network.observation_size, count)
        actions, status = self._results(count)
        times = [
            np.ascontiguousarray(np.broadcast_to(np.asarray(time, np.uint32), (count,)))
            for time in (now_us, sampled_us)
        ]
        self._call("control", count, states, *times, observations, actions, status)
        return actions, status

    def _check(self, observations: Array, memory: NDArray[Any]) -> tuple[Array, NDArray[Any]]:
        count = len(observations)
        observations = self._fit("observations", observations, self.network.observation_size, count)
        memory = self._fit("memory", memory, self.network.memory_size, count, self.memory_type)
        return observations, memory

    def _fit(
        self, name: str, array: NDArray[Any], size: int, count: int, kind: DTypeLike = np.float32
    ) -> NDArray[Any]:
        if array.shape != (count, size) or array.dtype != kind:
            raise InputError(
                f"{name} has shape {array.shape} and type {array.dtype}, expected ({count}, {size})"
                f" and {np.dtype(kind)}"
            )
        return np.ascontiguousarray(array)

    def _states(self, states: States) -> States:
        fits = states.dtype == np.uint8 and states.ndim == 2 and states.shape[1] == self.state_size
        if not (fits and states.flags.c_contiguous and states.ctypes.data % 4 == 0):
            raise InputError("states must be an array that reset() has given, in one piece")
        return states

    def _results(self, count: int) -> tuple[Array, Status]:
        return np.empty((count, self.network.action_size), np.float32), np.empty(count, np.uint32)

    def _call(self, function: str, count: int, *arrays: NDArray[Any]) -> None:
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        getattr(self._library, f"Batch_{function}")(ctypes.c_uint32(count), *pointers)


def write_sources(generated: Generated, folder: Path) -> list[str]:
    """Write an exported policy and ``policy-names.h``, which gives its names, into a folder.

    Returns:
        the names of the policy's sources.
    """
    for name, text in generated.files.items():
        (folder / name).write_text(text)
    (folder / "policy-names.h").write_text(_names(generated))
    return [name for name in generated.files if name.endswith(".c")]


def _names(generated: Generated) -> str:
    """Names of a policy that do not depend on it, so that one C file serves all policies.

    A policy's own names have small letters or capitals, never both: these cannot clash with them, nor
    can a file's name with a hyphen.
    """
    name, upper = generated.name, generated.name.upper()
    kind = generated.reference.initial_state(1).dtype
    number = "float" if kind == np.float32 else f"{kind.name}_t"
    lines = [
        f'#include "{name}.h"',
        f"typedef {number} PolicyNumber;",
        f"#define PolicyMemory {generated.network.memory_size}u",
        f"#define PolicyState {name}_state",
        f"#define PolicyReset {name}_reset",
        f"#define PolicyStep {name}_step",
        f"#define PolicyPeek {name}_peek",
        f"#define PolicyControl {name}_control",
        f"#define PolicyWeightsCrc {name}_weights_crc",
        f"#define PolicySelftest {name}_selftest",
        f"#define PolicyObservations {upper}_OBSERVATIONS",
        f"#define PolicyActions {upper}_ACTIONS",
        f"#define PolicyPeriod {upper}_PERIOD_US",
        f"#define PolicyStaleAge {upper}_STALE_US",
        f"#define PolicyNonfinite {upper}_NONFINITE_INPUT",
        f"#define PolicySaturated {upper}_SATURATED_INPUT",
        f"#define PolicyMemoryReset {upper}_MEMORY_RESET",
        f"#define PolicyStale {upper}_STALE",
        f"#define PolicyCommitted {upper}_COMMITTED",
    ]
    return "\n".join(lines) + "\n"
