"""The microcontrollers that the exported C is built for, and the emulators that stand in for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .tools import missing

Family = Literal["arm", "riscv", "wasm"]

_FLASH_ORIGIN_STM32 = 0x0800_0000
_RAM_ORIGIN_ARM = 0x2000_0000


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A board of QEMU with its memory map."""

    name: str
    """As ``-M`` takes it."""
    flash: tuple[int, int]
    """Address and size (bytes) of the memory for code and constants."""
    ram: tuple[int, int]
    """Address and size (bytes) of the memory for variables and the stack."""
    clock_hz: float | None
    """Of SysTick in this board of QEMU 7.2; None where instructions are counted by another register."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A processor, how to compile for it and what runs the program."""

    title: str
    family: Family
    flags: tuple[str, ...]
    """Options of the compiler that choose the processor."""
    machine: Machine | None
    """None: the program runs in node."""
    emulator: tuple[str, ...] = ()
    """QEMU's program and options of the processor."""
    cycle_model: Literal["cortex-m4", "cortex-m0"] | None = None
    """Which table of :mod:`.cycles` holds for it."""
    model_hz: float | None = None
    """Clock of the part that modelled cycles are turned into time for."""

    @property
    def prefix(self) -> str:
        """What the names of the GNU tools begin with."""
        return {"arm": "arm-none-eabi-", "riscv": "riscv64-unknown-elf-", "wasm": ""}[self.family]

    def missing(self) -> str | None:
        """Why it cannot be built and run on this computer; None where it can."""
        if self.family == "wasm":
            return missing(("clang", "wasm-ld", "node"))
        tools = ["gcc", "nm", "size"] + (["objdump"] if self.cycle_model else [])
        return missing([*(self.prefix + tool for tool in tools), self.emulator[0]])


_QEMU_ARM = ("qemu-system-arm",)
_STM32F405 = Machine(
    name="netduinoplus2",
    flash=(_FLASH_ORIGIN_STM32, 1 << 20),
    ram=(_RAM_ORIGIN_ARM, 128 << 10),
    clock_hz=168e6,
)
_VIRT = Machine(name="virt", flash=(0x8000_0000, 1 << 20), ram=(0x8010_0000, 128 << 10), clock_hz=None)

TARGETS: Mapping[str, Target] = {
    "cortex-m4f": Target(
        title="Cortex-M4F (STM32F405)",
        family="arm",
        flags=("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
        machine=_STM32F405,
        emulator=_QEMU_ARM,
        cycle_model="cortex-m4",
        model_hz=168e6,
    ),
    "cortex-m7": Target(
        title="Cortex-M7 (MPS2 AN500)",
        family="arm",
        flags=("-mcpu=cortex-m7", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
        machine=Machine(
            name="mps2-an500", flash=(0, 4 << 20), ram=(_RAM_ORIGIN_ARM, 4 << 20), clock_hz=25e6
        ),
        emulator=_QEMU_ARM,
    ),
    "cortex-m3": Target(
        title="Cortex-M3 (STM32F205)",
        family="arm",
        flags=("-mcpu=cortex-m3", "-mthumb", "-mfloat-abi=soft"),
        machine=Machine(
            name="netduino2",
            flash=(_FLASH_ORIGIN_STM32, 1 << 20),
            ram=(_RAM_ORIGIN_ARM, 128 << 10),
            clock_hz=120e6,
        ),
        emulator=_QEMU_ARM,
    ),
    "cortex-m0": Target(
        title="Cortex-M0 (nRF51822)",
        family="arm",
        flags=("-mcpu=cortex-m0", "-mthumb", "-mfloat-abi=soft"),
        machine=Machine(
            name="microbit", flash=(0, 256 << 10), ram=(_RAM_ORIGIN_ARM, 16 << 10), clock_hz=16e6
        ),
        emulator=_QEMU_ARM,
        cycle_model="cortex-m0",
        model_hz=48e6,
    ),
    "rv32imc": Target(
        title="RV32IMC (as ESP32-C3)",
        family="riscv",
        flags=("-march=rv32imc", "-mabi=ilp32", "-mcmodel=medany"),
        machine=_VIRT,
        emulator=("qemu-system-riscv32", "-cpu", "rv32,f=off,d=off", "-bios", "none"),
    ),
    "rv32imafc": Target(
        title="RV32IMAFC",
        family="riscv",
        flags=("-march=rv32imafc", "-mabi=ilp32f", "-mcmodel=medany"),
        machine=_VIRT,
        emulator=("qemu-system-riscv32", "-bios", "none"),
    ),
    "wasm32": Target(
        title="WebAssembly",
        family="wasm",
        flags=("--target=wasm32",),
        machine=None,
    ),
}
"""All targets by name; the order is that of the table.

Memory maps: QEMU 7.2 ``hw/arm/{stm32f405_soc,stm32f205_soc,nrf51_soc,mps2}.c`` and
``hw/riscv/virt.c``, whose RAM is split here into a part for code and one for variables.
"""
