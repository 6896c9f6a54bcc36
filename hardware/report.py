"""The verification of an export as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
from rich.table import Table

from .verify import Verification
from .verify_table import flight_table, sentences, target_table

_TEMPLATE = Path(__file__).with_name("report.html.j2")


def report_page(found: Verification, policy: str, command: str) -> str:
    """The page: a strip of numbers, the tables of the command line, and how to repeat it.

    Args:
        found: what was found.
        policy: where the policy comes from.
        command: the command line.
    """
    network = found.generated.network
    tables = [target_table(found)] + ([flight_table(found)] if found.flights else [])
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        title=f"{found.generated.name}: a policy as C",
        subtitle=f"{policy}: {network.observation_size} observations to {network.action_size} actions,"
        f" {network.parameter_count:,} parameters, {found.generated.number_format}.",
        numbers=_numbers(found),
        problems=found.problems,
        tables=[_cells(table) for table in tables],
        sentences=sentences(found),
        skipped=found.skipped,
        command=command,
    )


def _numbers(found: Verification) -> list[tuple[str, str]]:
    numbers = []
    if found.host:
        words = sum(host.comparison.total for host in found.host)
        right = all(host.comparison.equal for host in found.host)
        numbers.append(("equal" if right else "DIFFERENT", f"all bits of {words:,} words, here"))
    for report in found.targets:
        if report.target == "cortex-m4f" and report.step is not None and report.figures is not None:
            numbers.append((f"{report.step.mean:,.0f}", "instructions per decision on a Cortex-M4F"))
            numbers.append((f"{report.figures.flash:,} B", "of flash"))
            numbers.append((f"{report.stack['step']} B", "of stack"))
    rows = list(found.flights.values())
    if rows:
        numbers.append((f"{rows[-1]['crashes']} of {rows[-1]['flights']}", "flights crashed"))
    return numbers


def _cells(table: Table) -> dict[str, Any]:
    columns = [
        {"heading": str(column.header), "align": "right" if column.justify == "right" else "left"}
        for column in table.columns
    ]
    rows = list(zip(*(list(column.cells) for column in table.columns), strict=True))
    return {"title": table.title, "caption": table.caption, "columns": columns, "rows": rows}
