"""Everything that is checked about an export, on this computer and on emulated microcontrollers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..envs.quadrotor.distribution import raptor_airframes
from ..envs.quadrotor.evaluation.flight import Pilot
from .code.generate import Generated
from .cross.in_the_loop import LoopReport, fly_in_the_loop
from .cross.matrix import TargetReport, run_matrix
from .host.builds import Build, check_determinism, check_warnings, refuses_fast_math
from .host.compare import Comparison, LargestDifference, compare, largest_differences
from .host.compiled import CompiledPolicy
from .host.compilers import Compiler, find_compilers
from .host.flights import fly_unseen, pilot_of
from .host.fuzz import FuzzResult, fuzz
from .host.torch_policy import TorchPolicy
from .host.worlds import UNSEEN_SEED, is_quadrotor_policy
from .reference import FloatReference

GROSS_DIFFERENCE = 1e-3
"""Of a float32 action from PyTorch's in one decision, as a share of the action's range: roundings are a
thousand times smaller, so this is another network."""
LOOP_AIRFRAMES = 8
"""Quadrotors that an emulated microcontroller flies."""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class HostReport:
    """One compiler of this computer."""

    compiler: str
    selftest: int
    comparison: Comparison
    warnings: tuple[Build, ...]
    builds: tuple[Build, ...]
    refuses_fast_math: bool

    @property
    def problems(self) -> list[str]:
        """What is wrong, in sentences."""
        found = [
            f"{build.compiler} {' '.join(build.flags)}: {build.problem}"
            for build in (*self.warnings, *self.builds)
            if build.problem is not None
        ]
        if self.selftest:
            found.append(f"{self.compiler}: the self-test returns {self.selftest}")
        if not self.comparison.equal:
            found.append(f"{self.compiler}: {self.comparison.first}")
        if not self.refuses_fast_math:
            found.append(f"{self.compiler}: -ffast-math is not refused")
        return found


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was found; figures that could not be taken are empty, with the reason in ``skipped``."""

    generated: Generated
    host: tuple[HostReport, ...] = ()
    fuzz: FuzzResult | None = None
    differences: Mapping[str, LargestDifference] = field(default_factory=dict)
    """Of actions in flight: from PyTorch, and of a fixed-point format from float32."""
    targets: tuple[TargetReport, ...] = ()
    loop: LoopReport | None = None
    flights: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Over unseen airframes, by arithmetic."""
    airframes: int = 0
    skipped: tuple[str, ...] = ()
    """What was left out, and why."""

    @property
    def problems(self) -> list[str]:
        """What is wrong, in sentences; none where all that was checked holds."""
        found = [problem for report in self.host for problem in report.problems]
        if self.fuzz is not None and self.fuzz.failure is not None:
            found.append(f"fuzzing: {self.fuzz.failure}")
        found += [
            f"{report.title} {report.opt_level}: {_why(report)}"
            for report in self.targets
            if report.skipped is None and not report.passed
        ]
        torch = self.differences.get("torch")
        if torch is not None and torch.decision is not None:
            output = self.generated.network.output
            if not torch.decision <= GROSS_DIFFERENCE * float((output.high - output.low).max()):
                found.append(
                    f"an action differs from PyTorch's by {torch.decision:.2g} in one decision"
                )
        if self.loop is not None and self.loop.differences:
            found.append(
                f"{self.loop.title} in the loop: {self.loop.differences} of {self.loop.steps}"
                " decisions differ from the reference"
            )
        return found


def verify(
    generated: Generated, *, airframes: int, fuzz_inputs: int, say: Say = lambda words: None
) -> Verification:
    """Check an export.

    Args:
        generated: the export.
        airframes: unseen quadrotors to fly with.
        fuzz_inputs: random bit patterns to put in.
        say: is told what begins.

    Raises:
        InputError: ``CC`` names no compiler.
        CompilationError: the code does not compile on this computer.
        CrossError: an emulator fails.
    """
    skipped: list[str] = []
    compilers = find_compilers()
    if not compilers:
        skipped.append("this computer: no C compiler (apt install gcc)")
    host = []
    for compiler in compilers:
        say(f"comparing with {compiler.title}")
        host.append(_host(generated, compiler))
    fuzzed = None
    if compilers:
        say("fuzzing")
        fuzzed = fuzz(generated, fuzz_inputs)
    say("emulating")
    targets = tuple(run_matrix(generated))
    skipped += [f"{report.title}: {report.skipped}" for report in targets if report.skipped]
    say("flying")
    differences = _differences(generated)
    loop, flights = None, {}
    if is_quadrotor_policy(generated.network):
        sample = raptor_airframes(np.random.default_rng(UNSEEN_SEED), LOOP_AIRFRAMES)
        loop = fly_in_the_loop(generated, sample.airframes)
        if loop.skipped is not None:
            skipped.append(f"flight of the emulated microcontroller: {loop.skipped}")
        flights = fly_unseen(_pilots(generated, bool(compilers)), airframes)
    return Verification(
        generated=generated,
        host=tuple(host),
        fuzz=fuzzed,
        differences=differences,
        targets=targets,
        loop=loop,
        flights=flights,
        airframes=airframes if flights else 0,
        skipped=tuple(skipped),
    )


def _host(generated: Generated, compiler: Compiler) -> HostReport:
    compiled = CompiledPolicy(generated, compiler)
    return HostReport(
        compiler=compiler.title,
        selftest=compiled.selftest(),
        comparison=compare(generated, compiled),
        warnings=check_warnings(generated, compiler),
        builds=check_determinism(generated, (compiler,)),
        refuses_fast_math=refuses_fast_math(generated, compiler),
    )


def _differences(generated: Generated) -> dict[str, LargestDifference]:
    others: dict[str, Pilot] = {"torch": TorchPolicy(generated.network)}
    if generated.number_format != "float32":
        others["float32"] = FloatReference(generated.network)
    return largest_differences(generated.network, generated.reference, others)


def _pilots(generated: Generated, compiles: bool) -> dict[str, Pilot]:
    pilots: dict[str, Pilot] = {"Python, float32": TorchPolicy(generated.network)}
    if generated.number_format != "float32":
        pilots["reference, float32"] = FloatReference(generated.network)
    name = "compiled C" if compiles else "reference"
    pilots[f"{name}, {generated.number_format}"] = pilot_of(generated)
    return pilots


def _why(report: TargetReport) -> str:
    if report.failed is not None:
        return report.failed
    if report.selftest:
        return f"the self-test returns {report.selftest}"
    if not report.identical:
        return "its bits are not those of the reference"
    return "it wants " + ", ".join(report.figures.external if report.figures else ()) + " or variables"
