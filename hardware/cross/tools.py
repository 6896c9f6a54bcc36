"""Programs that the cross builds need and a user may lack."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

PACKAGES = {
    "arm-none-eabi-gcc": "gcc-arm-none-eabi",
    "arm-none-eabi-nm": "binutils-arm-none-eabi",
    "arm-none-eabi-size": "binutils-arm-none-eabi",
    "arm-none-eabi-objdump": "binutils-arm-none-eabi",
    "qemu-system-arm": "qemu-system-arm",
    "riscv64-unknown-elf-gcc": "gcc-riscv64-unknown-elf",
    "riscv64-unknown-elf-nm": "binutils-riscv64-unknown-elf",
    "riscv64-unknown-elf-size": "binutils-riscv64-unknown-elf",
    "qemu-system-riscv32": "qemu-system-misc",
    "clang": "clang",
    "wasm-ld": "lld",
    "node": "nodejs",
    "gcc": "gcc",
}
"""The package of Debian and Ubuntu that has a program."""

_SECONDS = 60.0


class CrossError(RuntimeError):
    """A build or an emulated program failed; the message is one sentence that says which and why."""


def missing(programs: Iterable[str]) -> str | None:
    """Why these programs cannot all be run, as one sentence; None where they can."""
    absent = [name for name in programs if shutil.which(name) is None]
    if not absent:
        return None
    packages = sorted({PACKAGES[name] for name in absent})
    return f"{', '.join(absent)} not found (apt install {' '.join(packages)})"


def call(command: list[str], folder: Path, *, seconds: float = _SECONDS) -> str:
    """Run a program and return its standard output.

    Args:
        command: the program and its arguments.
        folder: where it runs.
        seconds: after which it is killed.

    Raises:
        CrossError: it is missing, fails or takes too long.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CrossError(f"{command[0]} did not end within {seconds:g} s") from None
    except OSError as error:
        raise CrossError(f"{command[0]} cannot be run: {error.strerror}") from None
    if done.returncode != 0:
        raise CrossError(f"{command[0]} failed with status {done.returncode}: {_last(done.stderr)}")
    return done.stdout


def _last(text: str) -> str:
    """The line of a diagnostic that tells most."""
    lines = [line for line in text.splitlines() if line.strip()]
    for line in lines:
        if "error" in line or "overflowed" in line:
            return line.strip()
    return lines[-1].strip() if lines else "it said nothing"
