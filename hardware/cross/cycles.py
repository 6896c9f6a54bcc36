"""Cycles of a program from its instructions: which ran, how often, and what each takes.

There is no cycle-exact emulator of these cores to be had. The table is that of the processor's manual
for memory without wait states; the sum is a model, good to perhaps 20 %.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..network import Activation, Gru, Lstm, Network
from .build import BARE_METAL
from .targets import Target
from .tools import CrossError, call, missing

PLUGIN = "count_plugin.so"
Core = Literal["cortex-m4", "cortex-m0"]


@dataclass(frozen=True, kw_only=True)
class Executed:
    """One instruction of the program and what became of it between the markers."""

    mnemonic: str
    """Without the suffixes of width: ``ldr``, ``vmul.f32``, ``bne``."""
    operands: str
    runs: int
    jumps: int
    """How often the next instruction was another one than that behind it."""


def build_plugin(folder: Path) -> str | None:
    """Compile the plugin into a folder; why it cannot be done, None where it is done."""
    reason = missing(("gcc",))
    if reason is not None:
        return reason
    source = str(BARE_METAL / "count_plugin.c")
    try:
        call(["gcc", "-shared", "-fPIC", "-O2", "-o", PLUGIN, source], folder)
    except CrossError as error:
        return str(error)
    return None


def executed(target: Target, program: Path, counts: Path) -> list[Executed]:
    """Join the plugin's counts with the disassembly of the program.

    Raises:
        CrossError: the disassembler fails.
    """
    code = _disassemble(target, program)
    runs: dict[int, int] = {}
    jumps: dict[int, int] = {}
    for line in counts.read_text().splitlines():
        start, length, ran, jumped = line.split()
        address = last = int(start, 16)
        for _ in range(int(length)):
            runs[address] = runs.get(address, 0) + int(ran)
            last = address
            address += code[address][2]
        if _branches(*code[last][:2]):
            jumps[last] = jumps.get(last, 0) + int(jumped)
    return [
        Executed(mnemonic=code[a][0], operands=code[a][1], runs=n, jumps=jumps.get(a, 0))
        for a, n in sorted(runs.items())
    ]


_CONDITION = "(eq|ne|cs|cc|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)?"
_LINE = re.compile(r"\s*([0-9a-f]+):\t((?:[0-9a-f]{4,8} ?)+)\s*\t(\S+)\s*([^;@]*)")


def _disassemble(target: Target, program: Path) -> Mapping[int, tuple[str, str, int]]:
    """Mnemonic, operands and bytes of every instruction, by address."""
    text = call([f"{target.prefix}objdump", "-d", program.name], program.parent)
    code: dict[int, tuple[str, str, int]] = {}
    for line in text.splitlines():
        found = _LINE.match(line)
        if found:
            size = len(found[2].replace(" ", "")) // 2
            mnemonic = re.sub(r"\.[nw]$", "", found[3])
            code[int(found[1], 16)] = (mnemonic, found[4].strip(), size)
    return code


def _branches(mnemonic: str, operands: str) -> bool:
    """Whether the instruction may go elsewhere than to the next one."""
    if re.fullmatch(rf"(b|bl|bx|blx){_CONDITION}|cbn?z|tb[bh]", mnemonic):
        return True
    if re.match(r"ldm|pop", mnemonic):
        return "pc" in operands
    return operands.startswith("pc,")


_LIST = re.compile(r"\{(.*)\}")


def _registers(operands: str) -> int:
    """How many registers a list like ``{r4, r5, lr}`` or ``{s16-s23}`` names."""
    found = _LIST.search(operands)
    count = 0
    for part in found[1].split(",") if found else ():
        first, _, last = part.strip().partition("-")
        words = 2 if first.startswith("d") else 1
        count += words * (int(last[1:]) - int(first[1:]) + 1 if last else 1)
    return count


def _m4(instruction: Executed) -> tuple[int, int]:
    """Cycles of a run, and more of a jump.

    Arm Cortex-M4 Processor Technical Reference Manual, tables of instructions and of the FPU.
    """
    name, operands = instruction.mnemonic, instruction.operands
    if re.fullmatch(f"(v?(ldm|stm)(ia|db|fd|ea)?|v?push|v?pop){_CONDITION}", name):
        return 1 + _registers(operands), 2
    if re.match(r"(ldrd|strd)", name):
        return 3, 0
    if re.match(r"(vldr|ldr)", name):
        return 2, 2
    if re.match(r"(vfm|vfnm|vmla|vmls|vnml)", name):
        return 3, 0
    if re.match(r"(vdiv|vsqrt)", name):
        return 14, 0
    if re.match(r"vstr", name):
        return 2, 0
    if re.match(r"[su]div", name):
        return 7, 0
    return 1, 2


def _m0(instruction: Executed) -> tuple[int, int]:
    """The same by the Arm Cortex-M0 Technical Reference Manual, with the multiplier of one cycle."""
    name, operands = instruction.mnemonic, instruction.operands
    if name == "pop" and "pc" in operands:
        return 1 + _registers(operands), 3  # 4 + N
    if re.match(r"(ldm|stm|push|pop)", name):
        return 1 + _registers(operands), 0
    if re.match(r"(ldr|str)", name):
        return 2, 2
    if name == "bl":
        return 1, 3
    return 1, 2


def cycles(instructions: Iterable[Executed], core: Core) -> int:
    """Cycles that these instructions take, by the table of the core."""
    table = {"cortex-m4": _m4, "cortex-m0": _m0}[core]
    total = 0
    for instruction in instructions:
        run, jump = table(instruction)
        total += run * instruction.runs + jump * instruction.jumps
    return total


_PER_PRODUCT = {"float32": 3.0, "q15": 0.56 + 0.5}
"""Cycles of one product and sum on a Cortex-M4: a weight from flash, VMUL and VADD; or, with two at a
time, a load and SMLAD."""
_PER_ACTIVATION = {"float32": 35.0, "q15": 30.0}
"""Of a rational sigmoid or tanh; 14 of the 35 are the division."""


def cycle_limit(network: Network, number_format: str) -> float | None:
    """What a Cortex-M4 cannot do without: cycles of all products and all sigmoids and tanhs.

    An estimate of the bound that nobody's code can beat; None for formats that have no estimate.
    """
    if number_format not in _PER_PRODUCT:
        return None
    products = sum(
        array.size for layer in network.layers for array in layer.tensors().values() if array.ndim == 2
    )
    gates = {Gru: 3, Lstm: 5}
    functions = sum(gates.get(type(layer), 0) * layer.outputs for layer in network.layers)
    functions += sum(
        layer.size for layer in network.layers if isinstance(layer, Activation) and layer.name != "relu"
    )
    if network.output.kind == "tanh":
        functions += network.action_size
    return products * _PER_PRODUCT[number_format] + functions * _PER_ACTIVATION[number_format]
