"""Compiling an exported policy for a target, and what the object file says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..code.generate import Generated
from ..host.compilers import STANDARD, WARNINGS
from ..network import Network
from .sequence import SEED, steps_of
from .targets import Target
from .tools import call

BARE_METAL = Path(__file__).with_name("bare_metal")
_COUNTED_STEPS = 20
# Contraction is what compilers do in the modes that firmwares use; the source has to switch it off.
_POLICY = [STANDARD, *WARNINGS, "-ffreestanding", "-ffp-contract=fast"]
_PROGRAM = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-O2", f"-I{BARE_METAL}"]
# Or the compiler turns the bodies of memcpy and memset into calls of themselves.
_START = ["-fno-tree-loop-distribute-patterns", "-ffunction-sections", "-nostdlib", "-static"]
_FUNCTIONS = ("reset", "step", "peek", "control", "weights_crc")


@dataclass(frozen=True, kw_only=True)
class ObjectFigures:
    """What the compiled policy takes and wants, without its self-test."""

    flash: int
    """Code, constants and initial values (bytes)."""
    ram: int
    """Variables of its own (bytes); the state belongs to the caller."""
    stack_bound: int | None
    """Sum of the frames of all its functions (bytes), so no chain of calls takes more; None where the
    compiler does not tell."""
    helpers: tuple[str, ...]
    """Functions of the compiler's own library that it calls: arithmetic that the processor lacks."""
    flash_with_helpers: int
    """Of the policy linked with those (bytes)."""
    external: tuple[str, ...]
    """Other symbols that it wants; there should be none."""


def counted_steps(network: Network) -> int:
    """Steps of which ``peek``, ``control`` and cycles are counted."""
    return min(_COUNTED_STEPS, steps_of(network))


def write_sources(generated: Generated, folder: Path) -> None:
    """Put the policy's sources into a folder, with a header that names it for the programs here."""
    for name, text in generated.files.items():
        (folder / name).write_text(text)
    network, name = generated.network, generated.name
    lines = [
        f'#include "{name}.h"',
        f"#define subject_state {name}_state",
        f"#define SUBJECT_OBSERVATIONS {network.observation_size}u",
        f"#define SUBJECT_ACTIONS {network.action_size}u",
        f"#define SUBJECT_PERIOD_US ((uint32_t){name.upper()}_PERIOD_US)",
        # It begins with the memory.
        "#define SUBJECT_MEMORY_BYTES "
        + (f"((uint32_t)sizeof((({name}_state *)0)->memory))" if network.memory_size else "0u"),
        f"#define SEQUENCE_STEPS {steps_of(network)}u",
        f"#define SEQUENCE_SEED {SEED:#x}u",
        f"#define COUNTED_STEPS {counted_steps(network)}u",
    ]
    lines += [
        f"#define subject_{f} {name}_{f}" for f in ("reset", "step", "peek", "control", "selftest")
    ]
    (folder / "subject.h").write_text("\n".join(lines) + "\n")


def compile_policy(generated: Generated, target: Target, opt_level: str, folder: Path) -> Path:
    """Compile the policy alone, with all warnings as errors.

    Args:
        generated: the export; its sources are in ``folder``, see :func:`write_sources`.
        target: the processor.
        opt_level: ``-O2``, ``-O3`` or ``-Os``.
        folder: where the sources are and the object goes.

    Raises:
        CrossError: the compiler refuses it.
    """
    compiler = "clang" if target.family == "wasm" else f"{target.prefix}gcc"
    usage = [] if target.family == "wasm" else ["-fstack-usage"]
    name = generated.name
    call([compiler, *target.flags, *_POLICY, opt_level, *usage, "-c", f"{name}.c"], folder)
    return folder / f"{name}.o"


def link_program(
    generated: Generated, target: Target, folder: Path, main: str, defines: tuple[str, ...] = ()
) -> Path:
    """Link the compiled policy and its self-test with a program of ``bare_metal``.

    Args:
        generated: the export; its object is in ``folder``.
        target: the processor.
        folder: where the program goes.
        main: the program's source file.
        defines: options of the compiler for the program.

    Raises:
        CrossError: it does not compile, or does not fit into the machine's memory.
    """
    name = generated.name
    if target.machine is None:
        return _link_web(generated, target, folder, main)
    areas = {"FLASH": target.machine.flash, "RAM": target.machine.ram}
    layout = [
        f"-Wl,--defsym={area}_{what}={number:#x}"
        for area, numbers in areas.items()
        for what, number in zip(("ORIGIN", "LENGTH"), numbers, strict=True)
    ]
    program = folder / f"{Path(main).stem}.elf"
    sources = [str(BARE_METAL / source) for source in ("start.c", "semihosting.c", main)]
    call(
        [
            f"{target.prefix}gcc",
            *target.flags,
            *_PROGRAM,
            *_START,
            *defines,
            f"-I{folder}",
            *layout,
            "-Wl,--gc-sections",
            f"-Wl,-T,{BARE_METAL / 'memory.ld'}",
            *sources,
            f"{name}_selftest.c",
            f"{name}.o",
            "-lgcc",
            "-o",
            program.name,
        ],
        folder,
    )
    return program


def object_figures(generated: Generated, target: Target, folder: Path) -> ObjectFigures:
    """What the compiled policy in a folder takes and wants.

    Raises:
        CrossError: a tool fails.
    """
    name = generated.name
    if target.machine is None:
        module = folder / "policy.wasm"
        exports = [f"--export={name}_{f}" for f in _FUNCTIONS]
        command = ["wasm-ld", f"{name}.o", "--no-entry", "--strip-all", *exports]
        # A symbol that is missing is an error, also where only a function that nobody calls wants it.
        call([*command, "--no-gc-sections", "-z", "stack-size=8192", "-o", module.name], folder)
        size = module.stat().st_size
        return ObjectFigures(
            flash=size, ram=0, stack_bound=None, helpers=(), flash_with_helpers=size, external=()
        )
    flash, ram = _size(target, f"{name}.o", folder)
    wanted = _symbols([f"{target.prefix}nm", "-u", f"{name}.o"], folder)
    helpers: list[str] = []
    linked = flash
    if wanted:
        compiler = f"{target.prefix}gcc"
        library = call([compiler, *target.flags, "-print-libgcc-file-name"], folder).strip()
        offered = set(_symbols([f"{target.prefix}nm", "--defined-only", library], folder))
        helpers = sorted(set(wanted) & offered)
    external = tuple(sorted(set(wanted) - set(helpers)))
    if helpers and not external:
        roots = [f"-Wl,-u,{name}_{f}" for f in _FUNCTIONS]
        command = [f"{target.prefix}gcc", *target.flags, "-nostdlib", "-Wl,-e,0", "-Wl,--gc-sections"]
        call([*command, *roots, f"{name}.o", "-lgcc", "-o", "policy.elf"], folder)
        linked = _size(target, "policy.elf", folder)[0]
    frames = [line.split("\t")[1] for line in (folder / f"{name}.su").read_text().splitlines()]
    return ObjectFigures(
        flash=flash,
        ram=ram,
        stack_bound=sum(map(int, frames)),
        helpers=tuple(helpers),
        flash_with_helpers=linked,
        external=external,
    )


def symbol_addresses(target: Target, program: Path) -> dict[str, int]:
    """Where the functions of a program are."""
    lines = call([f"{target.prefix}nm", program.name], program.parent).splitlines()
    fields = [line.split() for line in lines]
    return {words[2]: int(words[0], 16) for words in fields if len(words) == 3 and words[1] in "tT"}


def _link_web(generated: Generated, target: Target, folder: Path, main: str) -> Path:
    name, objects = generated.name, [f"{generated.name}.o"]
    for source in (BARE_METAL / main, folder / f"{name}_selftest.c"):
        objects.append(f"{source.stem}.o")
        command = ["clang", *target.flags, *_PROGRAM, f"-I{folder}", "-c", str(source)]
        call([*command, "-o", objects[-1]], folder)
    # Not through clang, which would run an optimizer of another package where there is one.
    options = ["--no-entry", "--strip-all", "-z", "stack-size=8192"]
    call(["wasm-ld", *objects, *options, "-o", "program.wasm"], folder)
    return folder / "program.wasm"


def _size(target: Target, file: str, folder: Path) -> tuple[int, int]:
    """Bytes of flash and of RAM of an object or a program."""
    line = call([f"{target.prefix}size", file], folder).splitlines()[1]
    text, data, bss = (int(word) for word in line.split()[:3])
    return text + data, data + bss


def _symbols(command: list[str], folder: Path) -> list[str]:
    lines = (line.split() for line in call(command, folder).splitlines())
    return [words[-1] for words in lines if len(words) > 1]
