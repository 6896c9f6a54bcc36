"""What is told of a simulated design, under one set of names: in tables, JSON and CSV files.

``regions``, the metrics, ``v_<node>`` and ``<transistor>_<id|gm|gds|gmbs>``: the names of the
ground-truth files in ``tests/data/circuit``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.circuit.results import Results
from ...envs.circuit.spec import metric_units
from ...envs.circuit.topology import Topology

OK = "ok"
"""The status of a design that could be simulated."""
REGIONS = "regions"
FLAGS = frozenset({"saturated", "stable"})
"""Columns that are 0 or 1."""
_DEVICE = {"id": "A", "gm": "S", "gds": "S", "gmbs": "S"}
_DIGITS = 12  # significant; the simulator agrees with SPICE to about nine


def units_of(topology: Topology) -> dict[str, str]:
    """All columns but the status, in order, with their units."""
    units = {REGIONS: ""} | metric_units(topology)
    units |= {f"v_{node}": "V" for node in topology.netlist.nodes}
    for device in topology.netlist.transistors:
        units |= {f"{device.name}_{name}": unit for name, unit in _DEVICE.items()}
    return units


def columns_of(results: Results) -> dict[str, NDArray[Any]]:
    """All columns but the status, in order, each of shape ``(n,)``; regions are strings."""
    return {name: np.asarray(results.column(name)) for name in units_of(results.topology)}


def row_of(columns: Mapping[str, NDArray[Any]], row: int) -> dict[str, Any]:
    """One design of :func:`columns_of`: text, 0 or 1, or a number.

    A number is NaN where there is none, such as a frequency at which nothing crosses.
    """
    values: dict[str, Any] = {}
    for name, column in columns.items():
        value = column[row]
        if name == REGIONS:
            values[name] = str(value)
        elif name in FLAGS and np.isfinite(value):
            values[name] = int(value)
        else:
            values[name] = float(value)
    return values


def text(value: Any) -> str:
    """A value as CSV files have it: twelve significant digits, ``nan`` where there is none."""
    return f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value)


def json_value(value: Any) -> Any:
    """A value for JSON, which has no NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
