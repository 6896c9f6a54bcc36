"""What a verification found, as tables."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from .cross.matrix import TargetReport
from .verify import HostReport, Verification


def print_verification(found: Verification) -> None:
    """Print all of it on standard output."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=144)
    console.print(target_table(found))
    for sentence in sentences(found):
        console.print(sentence, highlight=False, markup=False)
    if found.flights:
        console.print(flight_table(found))
    for reason in found.skipped:
        console.print(f"skipped - {reason}", highlight=False, markup=False)
    for problem in found.problems:
        console.print(f"WRONG - {problem}", style="bold red", highlight=False, markup=False)


def target_table(found: Verification) -> Table:
    """One row per compiler of this computer and per emulated processor."""
    generated = found.generated
    table = Table(
        title=f"{generated.name}: {generated.network.parameter_count} parameters, {generated.number_format}",
        title_justify="left",
        caption="At -O2. Instructions, cycles and stack are of one step, guards on; sizes in bytes. Cycles:"
        " modelled, no flash wait states. Flash: code and constants, plus the compiler's soft float.",
        caption_justify="left",
    )
    table.add_column("", no_wrap=True)
    table.add_column("bits")
    table.add_column("self-test")
    for heading in ("instructions", "cycles", "time", "flash", "RAM", "stack", "state"):
        table.add_column(heading, justify="right")
    table.add_column("needs")
    for host in found.host:
        table.add_row(*_host_cells(host))
    for target in found.targets:
        if target.skipped is None:
            table.add_row(*_target_cells(target))
    return table


def _host_cells(host: HostReport) -> tuple[str, ...]:
    right = host.comparison.equal and not any(build.problem for build in host.builds)
    bits = "equal" if right else "DIFFERENT"
    return (f"here, {host.compiler}", bits, _selftest(host.selftest), *[""] * 8)


def _target_cells(report: TargetReport) -> tuple[str, ...]:
    title = report.title.split(" (")[0]
    if report.failed is not None:
        return (title, "FAILED", *[""] * 9)
    cells = [title, "equal" if report.identical else "DIFFERENT", _selftest(report.selftest)]
    cells.append(f"{report.step.mean:,.0f}" if report.step else "")
    modelled = report.modelled
    cells.append(f"{modelled.cycles:,.0f}" if modelled else "")
    cells.append(_time(modelled.microseconds) if modelled else "")
    if modelled:
        cells[0] += f", {modelled.clock_hz / 1e6:.0f} MHz"
    figures = report.figures
    if figures is None:
        cells += ["", ""]
    else:
        more = figures.flash_with_helpers - figures.flash
        cells += [f"{figures.flash:,}" + (f"+{more:,}" if more else ""), str(figures.ram)]
    cells.append(str(report.stack["step"]) if "step" in report.stack else "")
    cells.append(str(report.state_size) if report.state_size is not None else "")
    wanted = (
        [] if figures is None else [*figures.external, *(["soft float"] if figures.helpers else [])]
    )
    cells.append(", ".join(wanted) or "nothing")
    return tuple(cells)


def _time(microseconds: float) -> str:
    return f"{microseconds:,.0f} us" if microseconds < 1000 else f"{microseconds / 1000:.2f} ms"


def _selftest(code: int | None) -> str:
    return "passed" if code == 0 else f"RETURNS {code}"


def sentences(found: Verification) -> list[str]:
    """What does not fit into columns."""
    told = []
    for host in found.host:
        words = ", ".join(f"{count:,} of {name}" for name, count in host.comparison.words.items())
        told.append(
            f"{host.compiler}: {host.comparison.total:,} words compared with the reference: {words}."
        )
    if found.host:
        builds = sum(len(host.builds) for host in found.host if not host.problems)
        warnings = sum(len(host.warnings) for host in found.host if not host.problems)
        told.append(
            f"{builds} builds with other flags (-O0 to -O3, -Os, -march=native, -flto, contraction asked for)"
            f" give the same bits; {warnings} compile without a warning; -ffast-math is refused."
        )
    if found.fuzz is not None and found.fuzz.passed:
        sanitized = (
            "address and undefined-behaviour sanitizers" if found.fuzz.sanitizers else "no sanitizers"
        )
        told.append(
            f"{found.fuzz.inputs:,} random bit patterns with {sanitized}: actions finite and in range,"
            " no trace of a bad number after one clean step."
        )
    for name, difference in found.differences.items():
        decision = (
            f"{difference.decision:.1e} in one decision, " if difference.decision is not None else ""
        )
        told.append(
            f"Largest difference of an action from {name}: {decision}{difference.flight:.1e} in flight,"
            " each with its own memory."
        )
    loop = found.loop
    if loop is not None and loop.skipped is None:
        failed = sum(round(flown["failed"] * flown["flights"]) for flown in loop.flights.values())
        flights = sum(flown["flights"] for flown in loop.flights.values())
        told.append(
            f"{loop.title} in the loop: {loop.vehicles} quadrotors, {flights} flights, {failed} crashed,"
            f" {loop.differences} of {loop.steps:,} decisions differ from the reference"
            f" ({loop.steps_per_second:,.0f} decisions/s)."
        )
    return told


def flight_table(found: Verification) -> Table:
    """Errors and failures over unseen airframes, a row per arithmetic."""
    table = Table(
        title=f"{found.airframes} unseen quadrotors (seed 12345)",
        title_justify="left",
        caption="Recovery: share that left l2f's limits. Hover: error of the last 5 s. Figure-eight: 5.5 s a"
        " lap. Crashes: of hovers and figure-eights.",
        caption_justify="left",
    )
    headings = ("recovery failed", "hover median", "hover p99", "figure-eight RMSE", "p99", "crashes")
    table.add_column("")
    for heading in headings:
        table.add_column(heading, justify="right")
    for name, row in found.flights.items():
        table.add_row(
            name,
            f"{100 * row['recovery_failed']:.2f} %",
            *(
                _millimetres(row[key])
                for key in ("hover_median", "hover_p99", "eight_rmse", "eight_p99")
            ),
            f"{row['crashes']} of {row['flights']}",
        )
    return table


def _millimetres(metres: float | None) -> str:
    return "" if metres is None else f"{1000 * metres:.2f} mm"


def as_json(found: Verification) -> dict[str, Any]:
    """All figures as JSON values."""
    return {
        "passed": not found.problems,
        "problems": found.problems,
        "skipped": list(found.skipped),
        "host": [
            {
                "compiler": host.compiler,
                "selftest": host.selftest,
                "words_compared": dict(host.comparison.words),
                "words_differing": host.comparison.differing,
                "warnings": [asdict(build) for build in host.warnings],
                "builds": [asdict(build) for build in host.builds],
                "refuses_fast_math": host.refuses_fast_math,
            }
            for host in found.host
        ],
        "fuzz": asdict(found.fuzz) if found.fuzz is not None else None,
        "largest_differences": {name: asdict(value) for name, value in found.differences.items()},
        "targets": [{**asdict(report), "passed": report.passed} for report in found.targets],
        "in_the_loop": asdict(found.loop) if found.loop is not None else None,
        "airframes": found.airframes,
        "flights": {name: dict(row) for name, row in found.flights.items()},
    }
