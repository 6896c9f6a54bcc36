"""Random bit patterns, times and memories against the exported C, with the compiler's sanitizers on."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import InputError
from ..code.generate import Generated
from ..code.program import float_literal
from .compiled import write_sources
from .compilers import STANDARD, WARNINGS, Compiler, find_compiler
from .worlds import memory_limits, spare_bits

SANITIZERS = (
    "-fsanitize=address,undefined,float-cast-overflow,float-divide-by-zero",
    "-fno-sanitize-recover=all",
)
LARGEST_INPUTS = 2**32 - 1
_MAIN = Path(__file__).with_name("fuzz.c")
_SECONDS_PER_INPUT = 1e-3
_WORDS = 4000


@dataclass(frozen=True, kw_only=True)
class FuzzResult:
    """What came of it."""

    inputs: int
    """How many were drawn."""
    compiler: str
    sanitizers: bool
    """Whether undefined behaviour and stray accesses would have been found."""
    seconds: float
    """It took, compilation not counted."""
    failure: str | None
    """The first promise that did not hold, with the input, or the sanitizer's words; None for none."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Steps by what their status said, and corrupted states; empty after a failure."""

    @property
    def passed(self) -> bool:
        """Whether every promise held."""
        return self.failure is None


def fuzz(
    generated: Generated, inputs: int = 1_000_000, seed: int = 0, compiler: Compiler | None = None
) -> FuzzResult:
    """Check after every call what the header promises, see ``fuzz.c``.

    Inputs are random words throughout, one random word among clean numbers, or special values (NaN,
    infinities, denormals, zeros, limits). Every one goes through a look ahead, a step, a clean step after
    it, and ``NAME_control`` at a random time with a sample of random age; for every eighth the bytes of
    a state are corrupted. Actions must be finite and within their range, the memory within its own, a
    bad number must leave no trace after one clean step, and a corrupted memory must start anew.

    Args:
        generated: the exported policy.
        inputs: how many.
        seed: of the bit patterns.
        compiler: None for the first one found.

    Raises:
        InputError: there is no compiler, or a number is out of its range.
        CompilationError: the compiler refused the code.
    """
    if not 1 <= inputs <= LARGEST_INPUTS:
        raise InputError(f"inputs = {inputs} is not a whole number from 1 to {LARGEST_INPUTS}")
    if not 0 <= seed < 2**64:
        raise InputError(f"seed = {seed} is not a whole number from 0 to 2**64 - 1")
    compiler = compiler or find_compiler()
    sanitizers = compiler.accepts(*SANITIZERS)
    with tempfile.TemporaryDirectory(prefix="eyas-") as name:
        folder = Path(name)
        sources = write_sources(generated, folder)
        (folder / "fuzz-main.c").write_text(_MAIN.read_text())
        (folder / "fuzz-ranges.h").write_text(_ranges(generated))
        more = SANITIZERS if sanitizers else ()
        flags = [STANDARD, *WARNINGS, "-O2", "-g", *more]
        compiler.run([*flags, *sources, "fuzz-main.c", "-o", "fuzz"], folder)
        begin = time.perf_counter()
        failure, counts = _run([str(folder / "fuzz"), str(inputs), str(seed)], inputs)
        seconds = time.perf_counter() - begin
    return FuzzResult(
        inputs=inputs,
        compiler=compiler.title,
        sanitizers=sanitizers,
        seconds=seconds,
        failure=failure,
        counts=counts,
    )


def _run(command: list[str], inputs: int) -> tuple[str | None, dict[str, int]]:
    limit = 60 + inputs * _SECONDS_PER_INPUT
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return f"the program was not done after {limit:.0f} s", {}
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()[:_WORDS]
        return said or f"the program ended with {done.returncode}", {}
    pairs = (line.split() for line in done.stdout.splitlines())
    return None, {name: int(count) for name, count in pairs}


def _ranges(generated: Generated) -> str:
    """Limits of what goes in, comes out and is remembered, as a header."""
    network = generated.network
    size = network.observation_size
    previous = network.previous_action
    parts = {
        "center": network.input.center,
        "limit": network.input.limit,
        "low": network.output.low,
        "high": network.output.high,
        "fallback": generated.fallback,
    }
    lines = ["/* How many observations NAME_control reads: it fills in the previous action itself. */"]
    lines.append(f"#define PolicyOwnObservations {size if previous is None else previous}u")
    exact = generated.number_format == "float32" or not network.input.center.any()
    lines.append("/* Whether a number in the middle of its range is exactly 0 to the network. */")
    lines.append(f"#define PolicyExactCenters {int(exact)}")
    for name, values in parts.items():
        numbers = ", ".join(float_literal(value) for value in values)
        lines.append(f"static const float {name}[{len(values)}] = {{ {numbers} }};")
    if network.memory_size:
        limits, spare = memory_limits(generated), spare_bits(generated)
        literal = float_literal if limits.dtype == np.float32 else str
        numbers = ", ".join(literal(value) for value in limits.tolist())
        lines.append(f"static const PolicyNumber memory_limit[{len(limits)}] = {{ {numbers} }};")
        if spare.any():
            lines.append("/* Bits that are 0 in the numbers of the memory. */")
            lines.append("#define PolicySpareBits")
            masks = ", ".join(str(mask) for mask in spare.tolist())
            lines.append(f"static const PolicyNumber spare_bits[{len(spare)}] = {{ {masks} }};")
    return "\n".join(lines) + "\n"
