"""``eyas simulate``: what a circuit does at given sizes."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ...bounds import check, read_number
from ...envs.circuit.conditions import PROCESS_CORNERS, Corner
from ...envs.circuit.results import Results
from ...envs.circuit.topology import Topology, find_topology
from ...errors import InputError
from ...files import atomic_write
from .columns import OK, columns_of, json_value, row_of, text, units_of
from .simulate_config import SimulateConfig
from .simulate_csv import metrics_lines, read_designs
from .simulators import CircuitSimulator, make_simulator, read_cards

_ROWS_AT_ONCE = 2048
_DIGITS = 10  # shown


def simulate(config: SimulateConfig) -> int:
    """Simulate as the command line does.

    Raises:
        InputError: the topology, a size, a file or a setting cannot be used, ngspice is asked for and
            missing, or the one design cannot be simulated; nothing has been written then.
    """
    check(config)
    topology = find_topology(config.topology)
    sizes = read_sizes(config.set, topology)
    if config.csv is None and config.out is not None:
        raise InputError(f"out = {config.out} is where the rows of a --csv FILE go, and there is none")
    if config.model_cards is None and (config.nmos or config.pmos):
        raise InputError("nmos and pmos name models of a --model-cards FILE, and there is none")
    cards = None
    if config.model_cards is not None:
        cards = read_cards(config.model_cards, config.nmos, config.pmos)
    threads = config.threads or os.cpu_count() or 1
    simulator = make_simulator(topology, config.simulator, threads=threads, cards=cards)
    corner = corner_of(config)
    if config.csv is None:
        return _simulate_one(config, topology, sizes, simulator, corner)
    return _simulate_file(config, topology, sizes, simulator, corner)


def read_sizes(settings: tuple[str, ...], topology: Topology) -> dict[str, float]:
    """What ``--set NAME=VALUE`` says, in the variables' units.

    Raises:
        InputError: no ``NAME=VALUE``, an unknown variable, one given twice, or no positive number.
    """
    sizes: dict[str, float] = {}
    for setting in settings:
        name, equals, number = (part.strip() for part in setting.partition("="))
        if not (name and equals):
            raise InputError(f"set = {setting!r} is not of the form NAME=VALUE, such as W1=1.02")
        unit = topology.variables[topology.index(name)].unit
        if name in sizes:
            raise InputError(f"set = {setting!r}: {name} is given twice")
        value = read_number(number, integer=False)
        if isinstance(value, str):
            wanted = "a positive number" + (f" of {unit}" if unit != "1" else "")
            raise InputError(f"set = {setting!r}: {name} must be {wanted}")
        sizes[name] = float(value)
    topology.design(sizes)
    return sizes


def corner_of(config: SimulateConfig) -> Corner:
    """The condition that the config names."""
    process = PROCESS_CORNERS[config.corner]
    return Corner(process.name, process.nmos, process.pmos, temperature=config.temperature)


# One design -----------------------------------------------------------------------------------


def _simulate_one(
    config: SimulateConfig,
    topology: Topology,
    sizes: dict[str, float],
    simulator: CircuitSimulator,
    corner: Corner,
) -> int:
    design = topology.design(sizes)
    results = simulator.simulate(design[np.newaxis], corner=corner)
    if results.status[0]:
        raise InputError(f"{topology.name} cannot be simulated at these sizes: {results.reason(0)}")
    values = row_of(columns_of(results), 0)
    given = dict(zip(topology.names, map(float, design), strict=True))
    if config.json:
        entry = {**given, "status": OK, **{name: json_value(value) for name, value in values.items()}}
        print(json.dumps(entry, indent=1))
        return 0
    console = Console()
    console.print(_table(topology, given, values, _title(config, topology)))
    return 0


def _title(config: SimulateConfig, topology: Topology) -> str:
    where = "" if config.simulator == "native" else f", {config.simulator}"
    cards = "" if config.model_cards is None else f", {config.model_cards.name}"
    return f"{topology.name}: {config.corner}, {config.temperature:g} C{where}{cards}"


def _table(topology: Topology, given: dict[str, float], values: dict[str, Any], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    table.add_column("value", justify="right")
    table.add_column("unit")
    for variable in topology.variables:
        table.add_row(variable.name, _shown(given[variable.name]), _unit(variable.unit))
    table.add_section()
    table.add_row("status", OK, "")
    nodes = tuple(f"v_{node}" for node in topology.netlist.nodes)
    first_device = next((f"{device.name}_id" for device in topology.netlist.transistors), "")
    for name, unit in units_of(topology).items():
        if name in (nodes[0], first_device):
            table.add_section()
        table.add_row(name, _shown(values[name]), _unit(unit))
    return table


def _unit(unit: str) -> str:
    return "" if unit == "1" else unit


def _shown(value: Any) -> str:
    return f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value)


# A file of designs ------------------------------------------------------------------------------


def _simulate_file(
    config: SimulateConfig,
    topology: Topology,
    sizes: dict[str, float],
    simulator: CircuitSimulator,
    corner: Corner,
) -> int:
    assert config.csv is not None
    table = read_designs(config.csv, topology, sizes)
    out = config.out or config.csv.with_name(f"{config.csv.stem}_metrics.csv")
    if not out.parent.is_dir():
        raise InputError(f"out = {out}: there is no folder {out.parent}")
    if out.is_dir() or (out.exists() and out.samefile(config.csv)):
        raise InputError(f"out = {out} is {'a folder' if out.is_dir() else 'the file that is read'}")
    parts, failed = [], 0
    for start in range(0, len(table.designs), _ROWS_AT_ONCE):
        stop = start + _ROWS_AT_ONCE
        results = simulator.simulate(table.designs[start:stop], corner=corner)
        cells = _cells(results, table.reasons[start:stop])
        parts.append(metrics_lines(table, start, cells))
        failed += sum(row["status"] != OK for row in cells)
    replaced = out.exists()
    atomic_write(out, "".join(parts))
    count = len(table.designs)
    if config.json:
        print(json.dumps({"out": str(out), "rows": count, "failed": failed}))
        return 0
    print(f"{count:,} designs simulated, {failed:,} of them failed (the reason is in status)"
          if failed else f"{count:,} designs simulated")  # fmt: skip
    if table.dropped:
        print(f"Computed anew, not copied: {len(table.dropped)} columns that the file has already")
    print(f"{out}{' (replaced)' if replaced else ''}")
    return 0


def _cells(results: Results, reasons: list[str]) -> list[dict[str, str]]:
    """The status and the columns of each row; a row that failed has its status alone."""
    columns = columns_of(results)
    rows = []
    for row, reason in enumerate(reasons):
        if reason or results.status[row]:
            rows.append({"status": reason or results.reason(row)})
        else:
            values = row_of(columns, row)
            rows.append({"status": OK, **{name: text(value) for name, value in values.items()}})
    return rows
