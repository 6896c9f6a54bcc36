"""A netlist as index arrays for the compiled analyses, and the order in which its matrix is eliminated.

Modified nodal analysis: the unknowns are the node voltages and the currents through floating voltage
sources, controlled voltage sources and inductors. A node that a voltage source ties to ground is known
and is no unknown. Matrix indices count unknowns first, then known nodes, and ground last.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .netlist import (
    GROUND,
    Capacitor,
    CurrentSource,
    Element,
    Inductor,
    Mosfet,
    Resistor,
    VoltageControlledCurrentSource,
    VoltageControlledVoltageSource,
    VoltageSource,
    values_of,
)
from .topology import Topology

Indices = NDArray[np.int64]
Numbers = NDArray[np.float64]

KINDS: tuple[type[Element], ...] = (
    Mosfet,
    Resistor,
    Capacitor,
    Inductor,
    CurrentSource,
    VoltageControlledCurrentSource,
    VoltageControlledVoltageSource,
    VoltageSource,
)
"""The order of the element values of a design: kind by kind, each as in the netlist."""

_WIDTHS: dict[type[Element], int] = dict(zip(KINDS, (6, 2, 3, 4, 2, 4, 5, 5), strict=True))


class Structure(NamedTuple):
    """What all designs of a topology share. Rows of node arrays are matrix indices.

    ``first`` has, for each kind of :data:`KINDS`, where its values begin in a design's row of values
    (transistors take two each: width and length).
    """

    unknowns: int
    size: int
    """Unknowns, known nodes and ground."""
    first: Indices
    mosfets: Indices
    """Drain, gate, source, bulk, type (+1 n, -1 p), card."""
    resistors: Indices
    capacitors: Indices
    """Plus, minus, whether it only closes the loop for direct current."""
    inductors: Indices
    """Plus, minus, branch, whether it only closes the loop for direct current."""
    currents: Indices
    vccs: Indices
    """Plus, minus, control plus, control minus."""
    vcvs: Indices
    """Plus, minus, control plus, control minus, branch."""
    voltages: Indices
    """Plus, minus, branch (-1 if it ties a known node), the known node's index (or -1), sign."""
    supplies: Indices
    """Places in ``voltages`` of the sources whose power counts."""
    output: Indices
    """The two nodes of the output."""
    input_currents: Numbers
    """Injected into the unknowns by each input, shape ``(inputs, unknowns)``."""
    input_known: Numbers
    """Amplitudes of the known nodes for each input, shape ``(inputs, known nodes)``."""
    noise_resistors: int
    frequencies: Numbers


INPUT_SIGNAL, INPUT_NOISE = 0, 1
"""Rows of the inputs: what drives the response, what noise is referred to; disturbances follow."""


class Index(NamedTuple):
    """Names to matrix indices, for those who read results."""

    nodes: dict[str, int]
    branches: dict[str, int]


def elements_of(topology: Topology) -> list[Element]:
    """The elements in the order of :data:`KINDS`."""
    return [e for kind in KINDS for e in topology.netlist.elements if isinstance(e, kind)]


def value_texts(topology: Topology) -> list[str]:
    """The expressions whose values make up a design's row of values, in its order."""
    return [text for element in elements_of(topology) for text in values_of(element)]


def build(topology: Topology) -> tuple[Structure, Index]:
    """Number the nodes and branches of a topology."""
    netlist, bench = topology.netlist, topology.bench
    groups = {kind: [e for e in netlist.elements if isinstance(e, kind)] for kind in KINDS}
    tied: dict[str, VoltageSource] = {}
    for source in groups[VoltageSource]:
        assert isinstance(source, VoltageSource)
        for node, other in ((source.plus, source.minus), (source.minus, source.plus)):
            if other == GROUND and node != GROUND and node not in tied:
                tied[node] = source
                break
    free = [node for node in netlist.nodes if node not in tied]
    nodes = {node: i for i, node in enumerate(free)}
    branched = [
        e
        for e in elements_of(topology)
        if isinstance(e, Inductor | VoltageControlledVoltageSource)
        or (isinstance(e, VoltageSource) and e not in tied.values())
    ]
    branches = {e.name: len(free) + i for i, e in enumerate(branched)}
    unknowns = len(free) + len(branched)
    nodes |= {node: unknowns + i for i, node in enumerate(tied)}
    size = unknowns + len(tied) + 1
    nodes[GROUND] = size - 1

    def rows(kind: type[Element], *columns: list[int]) -> Indices:
        table = [[nodes[node] for node in element.nodes] for element in groups[kind]]
        table = [row + [column[i] for column in columns] for i, row in enumerate(table)]
        return np.array(table, dtype=np.int64).reshape(len(table), _WIDTHS[kind])

    cards = [model.name for model in netlist.models]
    signs = [1 if netlist.model(m.model).polarity == "nmos" else -1 for m in netlist.transistors]
    sources = [e for e in groups[VoltageSource] if isinstance(e, VoltageSource)]
    known = {source.name: nodes[node] for node, source in tied.items()}
    closes = {
        kind: [int(e.name in bench.closure) for e in groups[kind]] for kind in (Capacitor, Inductor)
    }
    widths = [2 * len(groups[Mosfet]), *(len(groups[kind]) for kind in KINDS[1:])]
    inputs = [
        [bench.source, *bench.other_sources],
        [bench.source],
        *([s] for _, s in bench.disturbances),
    ]
    currents = np.zeros((len(inputs), unknowns))
    amplitudes = np.zeros((len(inputs), len(tied)))
    for row, names in enumerate(inputs):
        for element in netlist.elements:
            if element.name not in names or not isinstance(element, CurrentSource | VoltageSource):
                continue
            amplitude = element.ac if row == INPUT_SIGNAL else 1.0
            if isinstance(element, CurrentSource):
                for node, sign in ((element.plus, -1.0), (element.minus, 1.0)):
                    if nodes[node] < unknowns:
                        currents[row, nodes[node]] += sign * amplitude
            elif element.name in known:
                sign = 1.0 if element.minus == GROUND else -1.0
                amplitudes[row, known[element.name] - unknowns] = sign * amplitude
            else:
                currents[row, branches[element.name]] = amplitude
    structure = Structure(
        unknowns=unknowns,
        size=size,
        first=np.concatenate([[0], np.cumsum(widths)]).astype(np.int64),
        mosfets=rows(Mosfet, signs, [cards.index(m.model) for m in netlist.transistors]),
        resistors=rows(Resistor),
        capacitors=rows(Capacitor, closes[Capacitor]),
        inductors=rows(Inductor, [branches[e.name] for e in groups[Inductor]], closes[Inductor]),
        currents=rows(CurrentSource),
        vccs=rows(VoltageControlledCurrentSource),
        vcvs=rows(
            VoltageControlledVoltageSource,
            [branches[e.name] for e in groups[VoltageControlledVoltageSource]],
        ),
        voltages=rows(
            VoltageSource,
            [branches.get(e.name, -1) for e in sources],
            [known.get(e.name, -1) for e in sources],
            [1 if e.minus == GROUND else -1 for e in sources],
        ),
        supplies=np.array(
            [[s.name for s in sources].index(name) for name in bench.supplies], dtype=np.int64
        ),
        output=np.array([nodes[node] for node in bench.output], dtype=np.int64),
        input_currents=currents,
        input_known=amplitudes,
        noise_resistors=len(groups[Resistor]),
        frequencies=bench.frequencies,
    )
    return structure, Index(nodes, branches)
