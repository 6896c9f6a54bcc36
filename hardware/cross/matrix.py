"""One export on every target: the same bits, and what it costs there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ...errors import InputError
from ..code.generate import Generated
from .build import (
    ObjectFigures,
    compile_policy,
    counted_steps,
    link_program,
    object_figures,
    symbol_addresses,
    write_sources,
)
from .cycles import PLUGIN, build_plugin, cycle_limit, cycles, executed
from .emulator import LARGE_SHIFT, SHIFT, Lines, instructions, run_program
from .sequence import expected_hash
from .targets import TARGETS, Target
from .tools import CrossError

OPT_LEVELS = ("-O2", "-O3", "-Os")
_COUNTS = "counts.txt"
_LARGE = 20_000
_COUNTED = ("step", "peek", "control")


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Instructions per call."""

    least: int
    mean: float
    most: int


@dataclass(frozen=True, kw_only=True)
class Cycles:
    """Modelled time of a step; no flash wait states, no interrupts."""

    cycles: float
    """Mean over the first steps."""
    instructions: float
    """Instructions of the same steps, counted by the translator."""
    clock_hz: float
    microseconds: float
    """At that clock."""
    limit_ratio: float | None
    """Cycles over :func:`.cycles.cycle_limit`; None where there is no such estimate."""


@dataclass(frozen=True, kw_only=True)
class TargetReport:
    """What was found of one target at one optimization level.

    Figures that were not taken are None; ``skipped`` or ``failed`` says why.
    """

    target: str
    """Its name in ``TARGETS``."""
    title: str
    opt_level: str
    skipped: str | None = None
    """Why there is no verdict: a tool is missing, or the part is too small for the policy."""
    failed: str | None = None
    """Why it could not be finished: it does not compile, faults or hangs."""
    selftest: int | None = None
    """What ``NAME_selftest`` returned; 0 is right."""
    hash: int | None = None
    """Of all actions, status words and memories."""
    identical: bool | None = None
    """Whether that is the hash of the reference arithmetic."""
    step: Counts | None = None
    peek: Counts | None = None
    control: Counts | None = None
    modelled: Cycles | None = None
    not_modelled: str | None = None
    """Why there are no modelled cycles where there could be."""
    figures: ObjectFigures | None = None
    state_size: int | None = None
    """Bytes of the caller's state."""
    stack: dict[str, int] = field(default_factory=dict)
    """Bytes of stack that step, peek and control wrote to, by function."""

    @property
    def passed(self) -> bool:
        """Bits, self-test, symbols and variables are as they should be; False where it was skipped."""
        return (
            self.skipped is None
            and self.failed is None
            and self.selftest == 0
            and self.identical is True
            and self.figures is not None
            and not self.figures.external
            and self.figures.ram == 0
        )


def run_matrix(
    generated: Generated,
    targets: Iterable[str] | None = None,
    opt_levels: Sequence[str] = ("-O2",),
) -> list[TargetReport]:
    """Build an export for every target, run it there and measure.

    Args:
        generated: the export.
        targets: names of :data:`.targets.TARGETS`; None for all.
        opt_levels: some of ``-O2``, ``-O3``, ``-Os``.

    Returns:
        One report per target and level, in this order; targets whose tools are missing are skipped.

    Raises:
        InputError: there is no such target or level.
    """
    names = list(TARGETS if targets is None else targets)
    for name in names:
        if name not in TARGETS:
            raise InputError(f"target = {name!r} is none of {', '.join(TARGETS)}")
    for level in opt_levels:
        if level not in OPT_LEVELS:
            raise InputError(f"opt_level = {level!r} is none of {', '.join(OPT_LEVELS)}")
    expected = expected_hash(generated.reference)
    jobs = [(name, level) for name in names for level in opt_levels]
    with TemporaryDirectory(prefix="eyas-cross-") as name:
        folder = Path(name)
        no_plugin = build_plugin(folder)

        def run(job: tuple[str, str]) -> TargetReport:
            own = folder / "".join(job)
            own.mkdir()
            if no_plugin is None:
                shutil.copy(folder / PLUGIN, own)
            return _report(generated, *job, own, expected, no_plugin)

        # The work is done by other processes.
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            return list(pool.map(run, jobs))


def _report(
    generated: Generated,
    name: str,
    opt_level: str,
    folder: Path,
    expected: int,
    no_plugin: str | None,
) -> TargetReport:
    target = TARGETS[name]
    found = TargetReport(target=name, title=target.title, opt_level=opt_level, skipped=target.missing())
    if found.skipped is not None:
        return found
    figures: ObjectFigures | None = None
    try:
        write_sources(generated, folder)
        compile_policy(generated, target, opt_level, folder)
        figures = object_figures(generated, target, folder)
        program = link_program(
            generated, target, folder, "web.c" if target.machine is None else "measure.c"
        )
        shift = SHIFT if generated.network.parameter_count <= _LARGE else LARGE_SHIFT
        lines, not_modelled = _run(target, program, no_plugin, shift)
        counts: dict[str, Counts] = {}
        if target.machine is not None:
            counts = {key: _counts(instructions(target, lines, key, shift)) for key in _COUNTED}
        modelled = None
        if target.cycle_model is not None and not_modelled is None:
            modelled = _model(generated, target, program)
    except CrossError as error:
        if "overflowed" in str(error):
            return replace(found, skipped=f"does not fit ({error})", figures=figures)
        return replace(found, failed=str(error), figures=figures)
    return replace(
        found,
        selftest=lines["selftest"][0],
        hash=lines["hash"][0],
        identical=lines["hash"][0] == expected,
        modelled=modelled,
        not_modelled=not_modelled if target.cycle_model is not None else None,
        figures=figures,
        state_size=lines["state"][0],
        stack={key[6:]: lines[key][0] for key in lines if key.startswith("stack_")},
        step=counts.get("step"),
        peek=counts.get("peek"),
        control=counts.get("control"),
    )


def _run(target: Target, program: Path, no_plugin: str | None, shift: int) -> tuple[Lines, str | None]:
    """What the program printed, and why no instructions were counted for the model."""
    if target.cycle_model is None or no_plugin is not None:
        return run_program(target, program, shift=shift), no_plugin
    at = symbol_addresses(target, program)
    markers = f"begin={at['count_begin']:#x},end={at['count_end']:#x}"
    try:
        return run_program(target, program, f"./{PLUGIN},{markers},out={_COUNTS}", shift), None
    except CrossError as error:
        # A QEMU without plugins, or with another version of their interface, may still run the program.
        return run_program(target, program, shift=shift), f"with the plugin, {error}"


def _counts(values: list[int]) -> Counts:
    return Counts(least=min(values), mean=sum(values) / len(values), most=max(values))


def _model(generated: Generated, target: Target, program: Path) -> Cycles:
    assert target.cycle_model is not None
    assert target.model_hz is not None
    done = executed(target, program, program.with_name(_COUNTS))
    steps = counted_steps(generated.network)
    mean = cycles(done, target.cycle_model) / steps
    limit = None
    if target is TARGETS["cortex-m4f"]:
        limit = cycle_limit(generated.network, generated.number_format)
    return Cycles(
        cycles=mean,
        instructions=sum(instruction.runs for instruction in done) / steps,
        clock_hz=target.model_hz,
        microseconds=1e6 * mean / target.model_hz,
        limit_ratio=None if limit is None else mean / limit,
    )
