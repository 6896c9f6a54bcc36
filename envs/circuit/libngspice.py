"""ngspice as a shared library, in a child process: several times faster than the program.

The child (:mod:`.libngspice_worker`) is replaced after some hundred designs, because libngspice does not
give all its memory back, and whenever it dies or takes too long: that is a failed row and nothing more.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import subprocess
import sys
import time
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from .libngspice_worker import load
from .ngspice_job import Job, NgspiceError, Plot, complaint, usable

LIFETIME = 400
"""Jobs after which a child is replaced (it grows by about 10 MB in a thousand)."""
_PIECE = 1 << 16


class Library:
    """Runs designs in a child process that holds libngspice.

    Args:
        timeout: Of one design (s).
        lifetime: Designs after which the child is replaced.
    """

    def __init__(self, timeout: float, lifetime: int = LIFETIME) -> None:
        self.timeout, self.lifetime = timeout, lifetime
        self.cpu_seconds = 0.0
        """CPU time of the child after its last job (s)."""
        self._child: subprocess.Popen[bytes] | None = None
        self._done = 0
        self._said = ""

    def run(self, job: Job) -> dict[str, Plot]:
        """See :class:`.ngspice_job.Runner`."""
        if self._child is None or self._done >= self.lifetime:
            self.close()
            self._child, self._done = _start(), 0
        self._done += 1
        try:
            plots, said = self._exchange(json.dumps({"circuit": job.circuit, "steps": job.steps}))
        except BaseException:  # also an interrupt: an answer that nobody read would be the next one's
            self.close()
            raise
        self._said = complaint(said)
        return usable(plots, said)

    def complaint(self) -> str:
        """See :class:`.ngspice_job.Runner`."""
        return self._said

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()

    def _exchange(self, request: str) -> tuple[dict[str, Plot], list[str]]:
        child = self._child
        assert child is not None and child.stdin is not None
        deadline = time.monotonic() + self.timeout
        try:
            child.stdin.write(request.encode() + b"\n")
            child.stdin.flush()
        except OSError:
            raise NgspiceError(f"it crashed ({_ending(child)})") from None
        received = bytearray()
        while (end := received.find(b"\n")) < 0:
            self._receive(received, deadline)
        header = json.loads(received[:end])
        self.cpu_seconds = header["seconds"]
        del received[: end + 1]
        sizes = [
            (step, name, np.dtype(np.complex128 if is_complex else np.float64), length)
            for step, vectors in header["plots"].items()
            for name, (is_complex, length) in vectors.items()
        ]
        while len(received) < sum(kind.itemsize * length for _, _, kind, length in sizes):
            self._receive(received, deadline)
        plots: dict[str, Plot] = {step: {} for step in header["plots"]}
        place = 0
        for step, name, kind, length in sizes:
            values: NDArray[Any] = np.frombuffer(received, kind, length, place).copy()
            plots[step][name.lower()] = values
            place += kind.itemsize * length
        return plots, header["said"]

    def _receive(self, received: bytearray, deadline: float) -> None:
        """Add what has come, or raise if the child dies or the time is up."""
        child = self._child
        assert child is not None and child.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            if not selector.select(max(deadline - time.monotonic(), 0.0)):
                raise NgspiceError(f"it took longer than {self.timeout:g} s")
        piece = os.read(child.stdout.fileno(), _PIECE)
        if not piece:
            raise NgspiceError(f"it crashed ({_ending(child)})")
        received += piece


def _start() -> subprocess.Popen[bytes]:
    name = f"{__package__}.libngspice_worker"
    return subprocess.Popen(
        [sys.executable, "-m", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )


def _ending(child: subprocess.Popen[bytes]) -> str:
    try:
        status = child.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return "its pipe closed"
    return f"signal {-status}" if status < 0 else f"exit status {status}"


@cache
def library_version() -> int:
    """The version of the shared library, such as 39.

    Raises:
        InputError: it is not installed, or does not work.
    """
    if load() is None:
        raise InputError(
            "libngspice is not installed: there is no shared library 'libngspice' (apt install libngspice0)"
        )
    library = Library(timeout=20.0)
    library._child = _start()
    question = {"circuit": ["* its version", "r1 1 0 1"], "steps": [["version", ["version"], []]]}
    try:
        _, said = library._exchange(json.dumps(question))
    except NgspiceError as error:
        raise InputError(f"libngspice does not run: {error}") from None
    finally:
        library.close()
    version = re.search(r"ngspice-(\d+)", "\n".join(said))
    if version is None:
        raise InputError("libngspice does not tell its version")
    return int(version[1])
