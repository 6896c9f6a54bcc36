"""The figures of an evaluation as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from ...envs.quadrotor.evaluation.protocols import PROTOCOLS
from .bins import PROPERTIES
from .evaluation import NAMED_PROTOCOLS

Figures = Mapping[str, Any]


def print_tables(result: Figures) -> None:
    """Print what ``eyas raptor evaluate --json`` writes, on standard output."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    console.print(protocol_table(result))
    console.print(
        "failed: P0 left l2f's limits within 5 s; P1 and P3 went 5 m, P2 2 m from the reference."
        " Errors (m) are of the flights that did not fail.",
        highlight=False,
    )
    console.print(bin_table(result))
    policies = result["policies"]
    if all("named" in figures for figures in policies.values()):
        console.print(named_table(result))
    for name, figures in policies.items():
        r2 = figures["probe"]
        text = "too few vehicles" if r2 is None else f"R^2 = {r2:.3f} on held-out vehicles"
        console.print(f"{name}: memory to thrust-to-weight ratio, linear: {text}", highlight=False)


def protocol_table(result: Figures) -> Table:
    """One row per protocol; for each policy the share that failed and the errors."""
    policies = result["policies"]
    table = Table(
        title=f"{result['policy']}: {result['count']} unseen quadrotors (seed {result['seed']}) in"
        f" {_SIMULATORS[result['simulator']]}",
        title_justify="left",
    )
    table.add_column("")
    table.add_column("")
    for name in policies:
        short = "" if len(policies) == 1 else f"{name}\n"
        for heading in ("failed", "median", "p90", "p99"):
            table.add_column(f"{short}{heading}", justify="right")
    first = next(iter(policies.values()))["protocols"]
    for protocol in first:
        rows = [policies[name]["protocols"][protocol] for name in policies]
        _add(table, protocol, PROTOCOLS[protocol].title, rows, "error")
        if "settling" in first[protocol]:
            _add(table, "", "settles below 0.15 m after (s)", rows, "settling")
        if "length" in first[protocol]:
            cells = [cell for row in rows for cell in (f"{row['length']:.1f}", *[""] * 3)]
            table.add_row("", "mean length (steps)", *cells)
    return table


_SIMULATORS = {"ours": "our simulator", "l2f": "l2f"}


def _add(table: Table, name: str, title: str, rows: list[Figures], values: str) -> None:
    cells = []
    for row in rows:
        cells.append(_percent(row["failed"]) if values == "error" else "")
        form = ".4f" if values == "error" else ".2f"
        cells += [_number(row[values][k], form) for k in ("median", "p90", "p99")]
    table.add_row(name, title, *cells)


def bin_table(result: Figures) -> Table:
    """Failures of P0 with force, of the step and of P3 by kind of vehicle."""
    policies = result["policies"]
    shown = [p for p in ("P0", "P1b", "P3 10 ms") if p in next(iter(policies.values()))["bins"]]
    table = Table(title="failed, by kind of vehicle", title_justify="left")
    table.add_column("")
    table.add_column("vehicles", justify="right")
    for protocol in shown:
        for name in policies:
            short = "" if len(policies) == 1 else f"\n{name}"
            table.add_column(f"{protocol}{short}", justify="right")
    for kind in PROPERTIES:
        table.add_section()
        title = kind.name.replace("_", "-")
        for number, place in enumerate(next(iter(policies.values()))["bins"][shown[0]][kind.name]):
            shares = [
                policies[name]["bins"][protocol][kind.name][number]["failed"]
                for protocol in shown
                for name in policies
            ]
            table.add_row(
                f"{title} {place['from']:g} to {place['to']:g} {kind.unit}".rstrip(),
                str(place["vehicles"]),
                *[_percent(share) for share in shares],
            )
    return table


def named_table(result: Figures) -> Table:
    """One row per named airframe and policy: P0's failures, the median errors of the others."""
    policies = result["policies"]
    table = Table(title="named airframes, median errors (m)", title_justify="left")
    table.add_column("")
    if len(policies) > 1:
        table.add_column("")
    for protocol in NAMED_PROTOCOLS:
        table.add_column("P0 failed" if protocol.startswith("P0") else protocol, justify="right")
    for airframe in next(iter(policies.values()))["named"]:
        table.add_section()
        for number, (name, figures) in enumerate(policies.items()):
            flown = figures["named"][airframe]
            cells = [
                _percent(flown[protocol]["failed"])
                if protocol.startswith("P0")
                else _with_failures(flown[protocol])
                for protocol in NAMED_PROTOCOLS
            ]
            who = [name] if len(policies) > 1 else []
            table.add_row(airframe if number == 0 else "", *who, *cells)
    return table


def _with_failures(found: Figures) -> str:
    lost = "" if found["failed"] == 0 else f" ({_percent(found['failed'])} failed)"
    return _number(found["error"]["median"], ".4f") + lost


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f} %"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
