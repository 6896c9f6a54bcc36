"""The child process that runs libngspice: jobs come in on standard input, vectors go out.

A crash of the library ends this process alone. A job is one line of JSON: ``circuit``, the deck's lines,
and ``steps``, each ``[name, commands, vectors]``. The answer is one line of JSON with ``plots`` (step, then
vector, then ``[is complex, length]``), ``said`` (what ngspice printed) and ``seconds`` (CPU time of the
process so far), followed by the numbers of all vectors in that order.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import os
import sys
import time
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_NAMES = ("libngspice.so.0", "libngspice.so", "libngspice.dylib", "ngspice.dll")
_KEPT_LINES = 400  # of what ngspice prints in one job

_Text = ctypes.c_char_p
_Integer = ctypes.c_int
_Pointer = ctypes.c_void_p
_Boolean = ctypes.c_bool


class _Complex(ctypes.Structure):
    _fields_ = (("real", ctypes.c_double), ("imaginary", ctypes.c_double))


class _Vector(ctypes.Structure):
    """``vector_info`` of sharedspice.h."""

    _fields_ = (
        ("name", _Text),
        ("type", _Integer),
        ("flags", ctypes.c_short),
        ("real", ctypes.POINTER(ctypes.c_double)),
        ("complex", ctypes.POINTER(_Complex)),
        ("length", _Integer),
    )


_SendChar = ctypes.CFUNCTYPE(_Integer, _Text, _Integer, _Pointer)
_SendStat = ctypes.CFUNCTYPE(_Integer, _Text, _Integer, _Pointer)
_ControlledExit = ctypes.CFUNCTYPE(_Integer, _Integer, _Boolean, _Boolean, _Integer, _Pointer)
_BackgroundRunning = ctypes.CFUNCTYPE(_Integer, _Boolean, _Integer, _Pointer)


def load() -> ctypes.CDLL | None:
    """The shared library, or None where it is not installed."""
    found = ctypes.util.find_library("ngspice")
    for name in (*((found,) if found else ()), *_NAMES):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


class Ngspice:
    """The library, initialised; there can be one in a process.

    Args:
        library: From :func:`load`.
        answers: Where the answer goes if ngspice ends the process in the middle of a job.
    """

    def __init__(self, library: ctypes.CDLL, answers: BinaryIO) -> None:
        self.said: list[str] = []
        self._library, self._answers = library, answers
        library.ngGet_Vec_Info.restype = ctypes.POINTER(_Vector)
        library.ngSpice_CurPlot.restype = _Text
        library.ngSpice_AllVecs.restype = ctypes.POINTER(_Text)
        # The library keeps the callbacks: they must live as long as it does.
        self._callbacks = (
            _SendChar(self._print), _SendStat(lambda *_: 0), _ControlledExit(self._exit), None, None,
            _BackgroundRunning(lambda *_: 0), None,
        )  # fmt: skip
        library.ngSpice_Init(*self._callbacks)
        self.command("set noinit")

    def command(self, text: str) -> None:
        """Run one command of ngspice's language."""
        self._library.ngSpice_Command(text.encode())

    def circuit(self, lines: list[str]) -> bool:
        """Load a deck; false if ngspice refuses it."""
        before = len(self.said)
        encoded = [line.encode() for line in [*lines, ".end"]]
        array = (_Text * (len(encoded) + 1))(*encoded, None)
        failed = self._library.ngSpice_Circ(array)
        refused = any("circuit not parsed" in line.lower() for line in self.said[before:])
        return not failed and not refused

    @property
    def plot(self) -> str:
        """Name of the current plot, such as ``"ac1"``."""
        return self._library.ngSpice_CurPlot().decode()

    def vector(self, name: str) -> NDArray[Any] | None:
        """A copy of a vector of the current plot; None where there is none."""
        found = self._library.ngGet_Vec_Info(name.encode())
        if not found or found.contents.length < 1:
            return None
        vector = found.contents
        if vector.flags & 1:
            return np.ctypeslib.as_array(vector.real, (vector.length,)).copy()
        pointer = ctypes.cast(vector.complex, ctypes.POINTER(ctypes.c_double))
        return np.ctypeslib.as_array(pointer, (2 * vector.length,)).view(np.complex128).copy()

    def all_vectors(self) -> list[str]:
        """Names of the vectors of the current plot."""
        names = self._library.ngSpice_AllVecs(self.plot.encode())
        found: list[str] = []
        while names[len(found)]:
            found.append(names[len(found)].decode())
        return found

    def _print(self, text: bytes, *_: Any) -> int:
        if len(self.said) < _KEPT_LINES:
            line = text.decode("utf-8", "replace")
            self.said.append(line.removeprefix("stderr ").removeprefix("stdout "))
        return 0

    def _exit(self, status: int, *_: Any) -> int:
        """Ngspice wants to end the program; its state is lost, so this process does end."""
        answer(self._answers, {}, [*self.said, f"Error: ngspice gave up with exit status {status}"])
        os._exit(1)


def run(ngspice: Ngspice, circuit: list[str], steps: list[Any]) -> dict[str, dict[str, NDArray[Any]]]:
    """Carry out one job; a step that fails is missing from the result."""
    plots: dict[str, dict[str, NDArray[Any]]] = {}
    if not ngspice.circuit(circuit):
        return plots
    for name, commands, vectors in steps:
        before = ngspice.plot
        for command in commands:
            ngspice.command(command)
        if commands and ngspice.plot == before:
            continue  # the analysis failed and left no plot
        read = {vector: ngspice.vector(vector) for vector in vectors or ngspice.all_vectors()}
        kept = {vector: values for vector, values in read.items() if values is not None}
        if len(kept) == len(read):
            plots[name] = kept
    ngspice.command("remcirc")
    ngspice.command("destroy all")
    return plots


def answer(stream: BinaryIO, plots: dict[str, dict[str, NDArray[Any]]], said: list[str]) -> None:
    """Write the answer to one job."""
    shapes = {
        step: {name: [bool(np.iscomplexobj(values)), len(values)] for name, values in plot.items()}
        for step, plot in plots.items()
    }
    header = {"plots": shapes, "said": said, "seconds": time.process_time()}
    stream.write(json.dumps(header).encode() + b"\n")
    for plot in plots.values():
        for values in plot.values():
            stream.write(values.tobytes())
    stream.flush()


def main() -> int:
    """Answer jobs until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    # The library also prints past its callbacks; that must not get among the answers.
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    library = load()
    if library is None:
        return 1
    ngspice = Ngspice(library, answers)
    for line in sys.stdin.buffer:
        ngspice.said = []
        asked = json.loads(line)
        plots = run(ngspice, asked["circuit"], asked["steps"])
        answer(answers, plots, ngspice.said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
