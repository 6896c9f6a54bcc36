"""A topology as components and wires, for agents that work on a sequence or a graph.

Matched devices share their variables in the netlist's expressions, so a variable may size several
components; the first of them, in the order of the netlist, is said to own it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .expressions import Expression
from .netlist import (
    GROUND,
    Capacitor,
    CurrentSource,
    Element,
    Inductor,
    Mosfet,
    Netlist,
    Resistor,
    VoltageSource,
    values_of,
)
from .topology import Topology

TYPES = (
    "nmos",
    "pmos",
    "resistor",
    "capacitor",
    "inductor",
    "current source",
    "voltage source",
    "controlled source",
)
"""Kinds of components, in the order of a one-hot code."""

_TYPES: tuple[tuple[type, str], ...] = (
    (Resistor, "resistor"),
    (Capacitor, "capacitor"),
    (Inductor, "inductor"),
    (CurrentSource, "current source"),
    (VoltageSource, "voltage source"),
)


@dataclass(frozen=True)
class Component:
    """One element of the netlist."""

    name: str
    type: str
    """One of :data:`TYPES`."""
    variables: tuple[str, ...]
    """Free variables that its values depend on, in the problem's order."""
    owns: tuple[str, ...]
    """Those of them that no component before it depends on."""
    transistor: int | None
    """Its row among the transistors (``Results.devices``); None for another element."""


@dataclass(frozen=True)
class Components:
    """The components of a topology, in the order of its netlist, and what joins them."""

    items: tuple[Component, ...]
    nets: tuple[str, ...]
    """The netlist's nodes, ground left out, in the order of ``Results.voltages``."""
    incidence: NDArray[np.bool_]
    """Which components touch which nets, shape ``(components, nets)``."""
    rails: NDArray[np.bool_]
    """Nets that voltage sources hold, shape ``(nets,)``: they join nearly everything and say little."""

    @property
    def adjacency(self) -> NDArray[np.bool_]:
        """Which components share a net other than ground and the rails; symmetric, no loops.

        Shape ``(components, components)``.
        """
        touches = self.incidence[:, ~self.rails].astype(np.int64)
        shared = touches @ touches.T > 0
        np.fill_diagonal(shared, False)
        return shared

    @property
    def one_hot(self) -> NDArray[np.float32]:
        """The types as numbers, shape ``(components, len(TYPES))``."""
        codes = [TYPES.index(item.type) for item in self.items]
        return np.eye(len(TYPES), dtype=np.float32)[codes]

    def selection(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Which components depend on which of these variables, shape ``(components, len(names))``."""
        return np.array([[name in item.variables for name in names] for item in self.items])


def components(topology: Topology, free: Sequence[str] = ()) -> Components:
    """The components of a topology.

    Args:
        topology: the circuit.
        free: names of the free variables; by default ``topology.sizing``.

    Raises:
        InputError: a free variable is unknown.
    """
    names = tuple(free) or topology.sizing
    for name in names:
        topology.index(name)
    netlist = topology.netlist
    transistors = [transistor.name for transistor in netlist.transistors]
    items: list[Component] = []
    owned: set[str] = set()
    for element in netlist.elements:
        used = frozenset().union(*(Expression(text).names for text in values_of(element)))
        variables = tuple(name for name in names if name in used)
        owns = tuple(name for name in variables if name not in owned)
        owned.update(owns)
        transistor = transistors.index(element.name) if isinstance(element, Mosfet) else None
        items.append(Component(element.name, _type(netlist, element), variables, owns, transistor))
    nets = netlist.nodes
    held = _held(netlist)
    return Components(
        items=tuple(items),
        nets=nets,
        incidence=np.array([[net in element.nodes for net in nets] for element in netlist.elements]),
        rails=np.array([net in held for net in nets]),
    )


def _type(netlist: Netlist, element: Element) -> str:
    if isinstance(element, Mosfet):
        return netlist.model(element.model).polarity
    return next((name for kind, name in _TYPES if isinstance(element, kind)), "controlled source")


def _held(netlist: Netlist) -> set[str]:
    """Ground and the nodes that independent voltage sources tie to it, directly or in a chain."""
    held = {GROUND}
    sources = [element for element in netlist.elements if isinstance(element, VoltageSource)]
    for _ in sources:
        for source in sources:
            if source.plus in held or source.minus in held:
                held.update((source.plus, source.minus))
    return held
