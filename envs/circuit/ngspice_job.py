"""What ngspice is asked to do with a deck, whoever runs it, and what it had to say."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .deck import Deck, spice_name
from .netlist import Inductor, Resistor

Plot = dict[str, NDArray[np.complex128] | NDArray[np.float64]]
"""Vectors by name, lower case."""
LEVEL_ONE = (
    "id", "ibs", "ibd", "vgs", "vds", "vbs", "von", "vdsat", "gm", "gds", "gmbs", "cgs", "cgd", "cgb",
    "cbs", "cbd",
)  # fmt: skip
"""What is read from a level-1 transistor at the operating point."""
BSIM = (
    "id", "ibs", "ibd", "vgs", "vds", "vbs", "vth", "vdsat", "gm", "gds", "gmbs", "cgs", "cgd", "cgg",
    "capbs", "capbd",
)  # fmt: skip
"""The same from a BSIM3 or BSIM4 transistor; other models have no device columns."""
_COMPLAINT = re.compile(
    r"error|fatal|failed|could ?n.t|could not|can't|cannot|undefined|singular|aborted|unknown|only mos",
    re.I,
)


class NgspiceError(Exception):
    """ngspice did not simulate a design; the text is its own reason."""


class Step(NamedTuple):
    """Commands for ngspice, and what is then read from the plot that they leave."""

    name: str
    commands: tuple[str, ...]
    vectors: tuple[str, ...]
    """Empty: all."""


@dataclass(frozen=True)
class Job:
    """One design as ngspice gets it."""

    circuit: list[str]
    """The deck without its last line."""
    steps: list[Step]


class Runner(Protocol):
    """A way to run ngspice."""

    def run(self, job: Job) -> dict[str, Plot]:
        """The plots by the names of their steps; a step that failed is missing.

        Raises:
            NgspiceError: nothing came back at all.
        """

    def complaint(self) -> str:
        """What ngspice had to say in the last run, in a sentence."""

    def close(self) -> None:
        """End what still runs."""


def job(deck: Deck) -> Job:
    """Operating point, response, noise and disturbances of a deck."""
    topology, bench = deck.topology, deck.topology.bench
    sources = [e for e in topology.netlist.elements if e.name in bench.supplies]
    output = tuple(f"v({node})" for node in bench.output if node != "0")
    transistors = topology.netlist.transistors
    read = (
        *(f"v({node})" for node in topology.netlist.nodes),
        *(f"i({spice_name(source)})" for source in sources),
    )
    noise = ("onoise_spectrum", "inoise_spectrum")
    if deck.model_cards is None:
        device = tuple(f"@{deck.device(t)}[{key}]" for t in transistors for key in LEVEL_ONE)
        own = [f"onoise_{spice_name(t)}_{kind}" for t in transistors for kind in ("id", "1overf")]
        own += [
            f"onoise_{spice_name(e)}_thermal"
            for e in topology.netlist.elements
            if isinstance(e, Resistor)
        ]
        steps = [
            Step("op", ("op",), (*read, *device)),
            Step("ac", (deck.ac,), output),
            # With each source's spectrum: the totals that ngspice prints lose steep intervals, or are NaN.
            Step("noise", (f"{deck.noise} 1", "setplot noise1"), (*noise, *own)),
        ]
    else:
        steps = [
            Step("op", ("op",), read),
            # One by one, as a model may not have them.
            *(
                Step(t.name, (), tuple(f"@{deck.device(t)}[{key}]" for key in BSIM))
                for t in transistors
            ),
            Step("ac", (deck.ac,), output),
            Step("noise", (deck.noise, "setplot noise1"), noise),
            Step("totals", ("setplot noise2",), ("onoise_total", "inoise_total")),
        ]
    steps += [Step(p, (*deck.stimulus(source), deck.ac), output) for p, source in bench.disturbances]
    return Job(deck.circuit(), steps)


def impedances_suffice(deck: Deck) -> bool:
    """Whether conductances and capacitances between the deck's own nodes are all there is."""
    inductors = {e.name for e in deck.topology.netlist.elements if isinstance(e, Inductor)}
    return deck.model_cards is None and inductors <= set(deck.topology.bench.closure)


def impedance_job(deck: Deck, voltages: dict[str, float], frequency: float) -> Job:
    """The voltages of all nodes for a unit current into each, steps ``z0``, ``z1``, ...

    Args:
        deck: The design.
        voltages: Its operating point, near which ngspice begins (V).
        frequency: Where (Hz).
    """
    nodes = deck.pole_nodes
    near = " ".join(f"v({node})={voltages[node]!r}" for node in nodes)
    probes = [f"iprobe{i} 0 {node} dc 0" for i, node in enumerate(nodes)]
    steps = []
    for i in range(len(nodes)):
        switch = [f"alter iprobe{i - 1} ac = 0"] if i else []
        commands = (*switch, f"alter iprobe{i} ac = 1", f"ac lin 1 {frequency!r} {frequency!r}")
        steps.append(Step(f"z{i}", commands, tuple(f"v({node})" for node in nodes)))
    return Job([*deck.circuit(for_poles=True), f".nodeset {near}", *probes], steps)


def complaint(lines: Iterable[str]) -> str:
    """The first two lines of ngspice's output that tell of a failure, as one."""
    found = dict.fromkeys(
        " ".join(line.split())
        for line in lines
        if _COMPLAINT.search(line) and not line.lstrip().startswith("Note")
    )
    return "; ".join(list(found)[:2])[:300]


def usable(plots: dict[str, Plot], said: Iterable[str]) -> dict[str, Plot]:
    """Without poles where ngspice gave up searching: those it found are not all, and not all are poles."""
    if any("Pole-zero iteration limit reached" in line for line in said):
        plots.pop("poles", None)
    return plots
