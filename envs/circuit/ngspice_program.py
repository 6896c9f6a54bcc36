"""Running the program ``ngspice``, one process for each design."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from .ngspice_job import Job, NgspiceError, Plot, complaint, usable

_TOTAL = re.compile(r"[vi]\(([io]noise_\w+)\)")


class Subprocess:
    """Runs ``ngspice -b``, once for each design, in a folder of its own that is then removed.

    Args:
        timeout: Of one design (s).
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self._said = ""

    def run(self, job: Job) -> dict[str, Plot]:
        """See :class:`Runner`."""
        with tempfile.TemporaryDirectory(prefix="eyas-ngspice-") as name:
            folder = Path(name)
            (folder / "circuit.cir").write_text("\n".join(_script(job)))
            command = [program(), "-n", "-b", "circuit.cir"]
            try:
                done = subprocess.run(
                    command, cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=self.timeout,
                    text=True, errors="replace", check=False,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                raise NgspiceError(f"it took longer than {self.timeout:g} s") from None
            except OSError as error:
                raise NgspiceError(f"it could not be started: {error}") from None
            self._said = complaint([*done.stderr.splitlines(), *done.stdout.splitlines()])
            if done.returncode < 0:
                raise NgspiceError(f"it crashed (signal {-done.returncode})")
            plots = {
                step.name: _read_raw(folder / f"{step.name}.raw")
                for step in job.steps
                if (folder / f"{step.name}.raw").is_file()
            }
            return usable(plots, done.stderr.splitlines())

    def complaint(self) -> str:
        """See :class:`Runner`."""
        return self._said

    def close(self) -> None:
        """Nothing is left running."""


def _script(job: Job) -> Iterable[str]:
    """The deck with the commands of the steps; each writes a file of its own."""
    yield from job.circuit
    yield from (".control", "set filetype=binary")
    for step in job.steps:
        yield from step.commands
        yield f"write {step.name}.raw {' '.join(step.vectors) or 'all'}"
    yield from ("quit 0", ".endc", ".end", "")


def _read_raw(file: Path) -> Plot:
    """The vectors of a binary raw file."""
    header, _, data = file.read_bytes().partition(b"Binary:\n")
    lines = header.decode("utf-8", "replace").splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("\t"))
    count, points = int(fields["No. Variables"]), int(fields["No. Points"])
    # The totals of the noise are written like a voltage and a current.
    names = [_TOTAL.sub(r"\1", line.split("\t")[2].lower()) for line in lines[-count:]]
    kind = np.complex128 if "complex" in fields["Flags"] else np.float64
    table: NDArray[Any] = np.frombuffer(data, dtype=kind, count=count * points).reshape(points, count)
    return {name: table[:, column].copy() for column, name in enumerate(names)}


def program() -> str:
    """Where ngspice is.

    Raises:
        InputError: it is not installed.
    """
    found = shutil.which("ngspice")
    if found is None:
        raise InputError(
            "ngspice is not installed: there is no program 'ngspice' (apt install ngspice)"
        )
    return found


def program_version() -> int:
    """The version of the program, such as 39.

    Raises:
        InputError: it is not installed, or does not tell its version.
    """
    return _version_of(program())


@cache
def _version_of(path: str) -> int:
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, stdin=subprocess.DEVNULL, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{path} does not run: {error}") from None
    version = re.search(rb"ngspice-(\d+)", done.stdout)
    if version is None:
        raise InputError(f"{path} --version does not name an ngspice version")
    return int(version[1])
