"""Who simulates: our simulator or ngspice, behind one interface."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Protocol

from numpy.typing import ArrayLike

from ...envs.circuit.conditions import TYPICAL, Corner
from ...envs.circuit.deck import ModelCards
from ...envs.circuit.ngspice import NgspiceSimulator
from ...envs.circuit.results import Results
from ...envs.circuit.simulator import Simulator
from ...envs.circuit.topology import Topology
from ...errors import InputError
from .simulate_config import SimulatorName

_MODEL = r"^\s*\.model\s+(\S+)\s+{}\b"


class CircuitSimulator(Protocol):
    """Simulates designs of one topology."""

    def simulate(
        self,
        designs: ArrayLike,
        *,
        corner: Corner = TYPICAL,
        poles: bool = True,
        spectra: bool = False,
    ) -> Results:
        """As :meth:`.Simulator.simulate`."""


def make_simulator(
    topology: Topology, name: SimulatorName, *, threads: int = 1, cards: ModelCards | None = None
) -> CircuitSimulator:
    """The simulator of this name.

    Args:
        topology: what it simulates.
        name: ``native``, or ngspice as a program or as a shared library.
        threads: designs at a time.
        cards: SPICE models for ngspice, in place of the level-1 cards.

    Raises:
        InputError: ngspice is not installed, or models are given to our simulator.
    """
    if name == "native":
        if cards is not None:
            raise InputError(
                f"model_cards = {cards.path} is for --simulator ngspice or libngspice; ours knows the"
                " topology's level-1 cards alone"
            )
        return Simulator(topology, threads=threads)
    by: Literal["subprocess", "library"] = "subprocess" if name == "ngspice" else "library"
    return NgspiceSimulator(topology, cards, by=by, threads=threads)


def read_cards(path: Path, nmos: str | None, pmos: str | None) -> ModelCards:
    """Model cards of a user.

    Args:
        path: a file with ``.model`` lines.
        nmos: name of the NMOS model; None: the only one in the file.
        pmos: name of the PMOS model; None: the only one in the file.

    Raises:
        InputError: there is no such file, or not one model of a polarity and no name either.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"model_cards = {path} cannot be read: {error.strerror}") from None
    names = {}
    for polarity, given in (("nmos", nmos), ("pmos", pmos)):
        found = list(dict.fromkeys(re.findall(_MODEL.format(polarity), lines, re.I | re.M)))
        if given is None and len(found) != 1:
            has = (
                f"has {len(found)} {polarity} models ({', '.join(found[:8])})"
                if found
                else f"has no {polarity} model"
            )
            raise InputError(f"model_cards = {path} {has}; name the one to take with --{polarity}")
        names[polarity] = given or found[0]
    return ModelCards(path, names["nmos"], names["pmos"])
