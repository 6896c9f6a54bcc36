"""Running a program on an emulated microcontroller."""

from __future__ import annotations

from pathlib import Path

from .build import BARE_METAL
from .targets import Target
from .tools import CrossError, call

_FAULT = 99
_SECONDS = 60.0
SHIFT = 6
"""Every instruction takes 2^6 ns of virtual time; SysTick then ticks more often than instructions run on
every machine used here."""
LARGE_SHIFT = 0
"""For networks whose steps take millions of instructions, or SysTick would wrap."""
_NOPS = 256
_WRAPPED = 0xFFFF_FFFF

Lines = dict[str, list[int]]
"""What a program printed: numbers by key, in order."""


def qemu_command(target: Target, program: Path) -> list[str]:
    """QEMU with one program, its output on standard output and nothing else attached."""
    assert target.machine is not None
    return [
        *target.emulator,
        *("-M", target.machine.name, "-display", "none", "-monitor", "none", "-serial", "none"),
        *("-chardev", "stdio,id=console", "-semihosting-config"),
        "enable=on,target=native,chardev=console",
        *("-kernel", program.name),
    ]


def run_program(target: Target, program: Path, plugin: str | None = None, shift: int = SHIFT) -> Lines:
    """Run ``measure.c`` or ``web.c`` to its end and read what it prints.

    Args:
        target: the processor.
        program: the linked program; it runs in its folder.
        plugin: of QEMU's translator, with its arguments; None for no plugin.
        shift: of virtual time.

    Raises:
        CrossError: it faults, ends early or takes longer than a minute.
    """
    if target.machine is None:
        text = call(["node", str(BARE_METAL / "web.js"), program.name], program.parent)
    else:
        command = [*qemu_command(target, program), "-icount", f"shift={shift},sleep=off,align=off"]
        if plugin is not None:
            command += ["-plugin", plugin]
        try:
            text = call(command, program.parent, seconds=_SECONDS)
        except CrossError as error:
            raise CrossError(f"{target.title}: {_explain(error)}") from None
    lines: Lines = {}
    for line in text.splitlines():
        key, _, number = line.partition(" ")
        lines.setdefault(key, []).append(int(number, 16) if number else 0)
    if "end" not in lines:
        raise CrossError(f"{target.title}: the program ended before it had measured everything")
    return lines


def _explain(error: CrossError) -> str:
    if f"status {_FAULT}" in str(error):
        return "the program stopped with a processor fault"
    return str(error)


def instructions(target: Target, lines: Lines, key: str, shift: int = SHIFT) -> list[int]:
    """Instructions per call from what the counter showed; the cost of reading it is taken off.

    Raises:
        CrossError: a call took longer than the counter can count.
    """
    if max(lines[key]) == _WRAPPED:
        raise CrossError(f"{target.title}: {key} takes longer than the 24 bits of SysTick can count")
    none, per_instruction = lines["none"][0], counts_per_instruction(target, lines, shift)
    return [round((count - none) / per_instruction) for count in lines[key]]


def counts_per_instruction(target: Target, lines: Lines, shift: int = SHIFT) -> float:
    """By how much the counter grows.

    SysTick counts virtual time. What ``minstret`` counts under ``-icount`` depends on QEMU's version:
    7.2 shows nanoseconds, later ones instructions; the program finds out with instructions that do
    nothing.
    """
    assert target.machine is not None
    if target.machine.clock_hz is None:
        return (lines["nops"][0] - lines["none"][0]) / _NOPS
    return 2**shift * 1e-9 * target.machine.clock_hz
