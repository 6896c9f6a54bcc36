"""The same C by several compilers with many flags: no warning, and the same bits."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..code.generate import Generated, Reference
from .compiled import CompiledPolicy, write_sources
from .compilers import STANDARD, WARNINGS, CompilationError, Compiler
from .worlds import random_observations

Array = NDArray[np.float32]

LEVELS = ("-O0", "-O2", "-O3", "-Os")
FLAGS: tuple[tuple[str, ...], ...] = (
    *((level,) for level in LEVELS),
    # What fuses products and sums elsewhere: fused instructions and GNU's dialect.
    ("-O3", "-march=native"),
    ("-O3", "-march=native", "-std=gnu99"),
    ("-O2", "-march=native", "-std=gnu99", "-flto"),
)
FUSING = ("-O3", "-march=native", "-ffp-contract=fast")
"""gcc lets the source overrule this; clang does not, and the self-test finds that out."""
_STEPS, _COPIES = 100, 32


@dataclass(frozen=True, kw_only=True)
class Build:
    """One compiler with some flags."""

    compiler: str
    flags: tuple[str, ...]
    steps: int = 0
    """Compared with the reference, all bits of each."""
    problem: str | None
    """What the compiler said, or where bits differ; None for none."""
    skipped: str | None = None
    """What the compiler said where it does not have these flags here; None where it has."""


def check_warnings(generated: Generated, compiler: Compiler) -> tuple[Build, ...]:
    """Compile source and self-test, each by itself, with all warnings as errors at every level."""
    builds = []
    with tempfile.TemporaryDirectory(prefix="eyas-") as name:
        folder = Path(name)
        sources = write_sources(generated, folder)
        for level in LEVELS:
            problem = None
            try:
                for source in sources:
                    flags = (STANDARD, *WARNINGS, level, "-c", source, "-o", "object.o")
                    compiler.run(flags, folder)
            except CompilationError as error:
                problem = str(error)
            builds.append(Build(compiler=compiler.title, flags=(level,), problem=problem))
    return tuple(builds)


def check_determinism(
    generated: Generated, compilers: Sequence[Compiler], *, seed: int = 0
) -> tuple[Build, ...]:
    """Compare every compiler's code, with all of :data:`FLAGS`, with the reference."""
    rng = np.random.default_rng(seed)
    rows = random_observations(generated.network, rng, _STEPS * _COPIES)
    observations = rows.reshape(_STEPS, _COPIES, -1)
    expected = _record(generated.reference, observations)
    return tuple(
        _compare(generated, compiler, flags, observations, expected)
        for compiler in compilers
        for flags in (*FLAGS, *((FUSING,) if compiler.family == "gcc" else ()))
    )


def refuses_fast_math(generated: Generated, compiler: Compiler) -> bool:
    """Whether the source stops a compiler that is told to break the rules of floating point."""
    with tempfile.TemporaryDirectory(prefix="eyas-") as name:
        folder = Path(name)
        source, *_ = write_sources(generated, folder)
        try:
            # Only compiled: what is linked so makes the whole process round denormals to 0.
            compiler.run((STANDARD, "-O2", "-ffast-math", "-c", source, "-o", "object.o"), folder)
        except CompilationError as error:
            return "#error" in str(error) or "must not be compiled with -ffast-math" in str(error)
    return False


def _record(policy: Reference | CompiledPolicy, observations: Array) -> list[bytes]:
    """The bits of all results, step by step."""
    memory = policy.initial_state(observations.shape[1])
    results = []
    for seen in observations:
        actions, memory, status = policy.evaluate(seen, memory)
        results.append(actions.tobytes() + memory.tobytes() + status.tobytes())
    return results


def _compare(
    generated: Generated,
    compiler: Compiler,
    flags: tuple[str, ...],
    observations: Array,
    expected: list[bytes],
) -> Build:
    steps, problem, skipped = 0, None, None
    try:
        compiled = CompiledPolicy(generated, compiler, flags)
    except CompilationError as error:
        if compiler.accepts(*flags):
            problem = str(error)
        else:
            skipped = str(error)
    else:
        found = _record(compiled, observations)
        differing = [step for step in range(len(found)) if found[step] != expected[step]]
        steps = observations.shape[0] * observations.shape[1]
        if differing:
            problem = f"{len(differing)} of {len(found)} steps differ, the first is {differing[0]}"
        elif compiled.selftest() != 0:
            problem = f"the self-test gives {compiled.selftest()}"
    return Build(compiler=compiler.title, flags=flags, steps=steps, problem=problem, skipped=skipped)
