"""Files of designs: a column per design variable, a row per design, and the metrics beside them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...envs.circuit.topology import Topology
from ...errors import InputError
from .columns import text, units_of


@dataclass(frozen=True)
class DesignTable:
    """A file that was read."""

    header: tuple[str, ...]
    """The columns that are kept, in the file's order."""
    rows: list[dict[str, str]]
    """Their cells as they were written."""
    designs: NDArray[np.float64]
    """Shape ``(rows, variables)``; NaN in a row that has a reason."""
    reasons: list[str]
    """Why a row cannot be simulated, empty if it can."""
    filled: dict[str, float]
    """The variables that are no columns, with their value."""
    computed: tuple[str, ...]
    """The columns that come beside them."""
    dropped: tuple[str, ...]
    """Columns of the file with names of computed ones."""


def read_designs(path: Path, topology: Topology, sizes: Mapping[str, float]) -> DesignTable:
    """Read a file of designs.

    Args:
        path: comma-separated values with a header; columns that are no variables are kept.
        topology: whose variables the columns are.
        sizes: variables that are no columns; what is in neither is nominal.

    Raises:
        InputError: there is no such file, it is no table, it has no variable as a column, or a variable
            is in it and in ``sizes``.
    """
    header, rows = _read(path)
    variables = [name for name in header if name in topology.names]
    if not variables:
        raise InputError(
            f"{path} has no column of a design variable of {topology.name}: {', '.join(topology.names)}"
        )
    for name in variables:
        if name in sizes:
            raise InputError(f"set = {name}={sizes[name]:g}: {name} is a column of {path} already")
    base = topology.design(sizes)
    designs = np.full((len(rows), len(base)), np.nan)
    reasons, kept = [], []
    computed = ("status", *units_of(topology))
    dropped = tuple(name for name in header if name in computed)
    header = tuple(name for name in header if name not in computed)
    for number, row in enumerate(rows):
        reason, design = _design(row, len(dropped) + len(header), variables, topology, base)
        reasons.append(reason)
        kept.append({name: row.get(name, "") for name in header})
        if not reason:
            designs[number] = design
    filled = {
        name: float(base[place]) for place, name in enumerate(topology.names) if name not in variables
    }
    return DesignTable(header, kept, designs, reasons, filled, computed, dropped)


def metrics_lines(table: DesignTable, start: int, cells: Sequence[Mapping[str, str]]) -> str:
    """Lines of the file with the metrics: what was read, the filled variables, what was computed.

    Args:
        table: the designs.
        start: the first row; the header comes before row 0.
        cells: the computed columns of the rows from ``start`` on, by name; a missing one stays empty.
    """
    filled = {name: text(value) for name, value in table.filled.items()}
    file = io.StringIO()
    writer = csv.DictWriter(
        file, [*table.header, *filled, *table.computed], restval="", lineterminator="\n"
    )
    if start == 0:
        writer.writeheader()
    for given, row in zip(table.rows[start : start + len(cells)], cells, strict=True):
        writer.writerow({**given, **filled, **row})
    return file.getvalue()


def _read(path: Path) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """Header and rows; blank lines are left out. A row of another length has the key ``""``."""
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"csv = {path}: there is no such file") from None
    except IsADirectoryError:
        raise InputError(f"csv = {path} is a folder") from None
    except UnicodeDecodeError:
        raise InputError(f"csv = {path} is no text in UTF-8") from None
    try:
        lines = [line for line in csv.reader(io.StringIO(content, newline=""), strict=True) if line]
    except csv.Error as error:
        raise InputError(f"csv = {path} is no table of comma-separated values: {error}") from None
    if len(lines) < 2:
        raise InputError(f"csv = {path} has no row of sizes under a header")
    header = tuple(name.strip() for name in lines[0])
    for name in header:
        if not name or header.count(name) > 1:
            what = f"two columns named {name!r}" if name else "a column without a name"
            raise InputError(f"csv = {path} has {what}")
    rows = []
    for line in lines[1:]:
        row = dict(zip(header, line, strict=False))
        if len(line) != len(header):
            row[""] = str(len(line))
        rows.append(row)
    return header, rows


def _design(
    row: Mapping[str, str],
    columns: int,
    variables: Sequence[str],
    topology: Topology,
    base: NDArray[np.float64],
) -> tuple[str, NDArray[np.float64]]:
    """Why a row is no design, or nothing and the design."""
    if "" in row:
        return f"the row has {row['']} cells under {columns} columns", base
    design = base.copy()
    for name in variables:
        place = topology.index(name)
        try:
            design[place] = float(row[name])
        except ValueError:
            return f"{name} = {row[name].strip()!r} is not a number", base
    return "", design
