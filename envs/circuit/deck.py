"""A design as a SPICE deck that a person can read and ngspice runs as it is.

The design variables are on the first ``.param`` line and every size is an expression of them, so a copy of
the deck is resized by editing that line. Channel-length modulation is a length's own, so every length in
use has its own ``.model``; drain and source areas follow the width as :class:`.MosfetModel` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from .conditions import NOMINAL_TEMPERATURE, TYPICAL, Corner, card_at, process_card
from .expressions import Expression
from .model_card import MosfetModel
from .netlist import (
    Capacitor,
    CurrentSource,
    Element,
    Inductor,
    Mosfet,
    Resistor,
    VoltageControlledCurrentSource,
    VoltageControlledVoltageSource,
    VoltageSource,
)
from .topology import Topology

OPTIONS = ".options reltol=1e-7 vntol=1e-10 abstol=1e-16 itl1=1000"
"""Tolerances under which ngspice's operating point is exact to about eight digits with any model."""
TIGHT = ".options reltol=1e-10 vntol=1e-12 abstol=1e-16 itl1=1000"
"""To about eleven digits, with level 1."""
NLEV_VERSION = 43
"""From this version on ngspice's level 1 has flicker noise by ``nlev``; before, SPICE3's formula."""
_PERMITTIVITY_OXIDE = 3.9 * 8.854214871e-12
_LETTERS: dict[type[Element], str] = {
    Mosfet: "m",
    Resistor: "r",
    Capacitor: "c",
    Inductor: "l",
    CurrentSource: "i",
    VoltageSource: "v",
    VoltageControlledVoltageSource: "e",
    VoltageControlledCurrentSource: "g",
}


@dataclass(frozen=True)
class ModelCards:
    """A user's own transistor models in place of the level-1 cards: BSIM3, BSIM4, a PDK.

    Raises:
        InputError: the file does not exist, or its path, a name or the unit cannot stand in a deck.
    """

    path: Path
    """A file of ``.model`` cards, or a library of which one ``section`` is taken."""
    nmos: str
    """Name of the model that every NMOS transistor gets."""
    pmos: str
    """Name of the model that every PMOS transistor gets."""
    section: str = ""
    """Taken by ``.lib``, such as ``"tt"``; empty: the whole file by ``.include``."""
    inside: str = ""
    """Where the models are subcircuits (as in most PDKs): the name of the transistor inside, in which
    ``{model}`` is the model's name, such as ``"m{model}"`` (sky130) or ``"m0"``. Empty: plain models."""
    micrometre: float = 1e-6
    """What one micrometre is in the deck; 1 for a PDK that sets ``.option scale=1u``."""

    def __post_init__(self) -> None:
        path = Path(self.path)
        object.__setattr__(self, "path", path)
        if not path.is_file():
            raise InputError(f"model cards: {path} is not a file")
        if any(mark in str(path.resolve()) for mark in '"\n\r'):
            raise InputError(
                f"model cards: ngspice cannot read a path with quotes or line ends: {path}"
            )
        words = {"nmos": self.nmos, "pmos": self.pmos, "section": self.section, "inside": self.inside}
        for name, word in words.items():
            if word.split() != ([word] if word else []) or (not word and name in ("nmos", "pmos")):
                raise InputError(f"model cards: {name} = {word!r} must be one word")
        if not (np.isfinite(self.micrometre) and self.micrometre > 0):
            raise InputError(
                f"model cards: micrometre = {self.micrometre:g} must be a positive number (1e-6 or 1)"
            )

    def line(self) -> str:
        """The line of the deck that takes the file in."""
        path = f'"{self.path.resolve()}"'
        return f".lib {path} {self.section}" if self.section else f".include {path}"

    def model(self, card: MosfetModel) -> str:
        """The user's model in place of a level-1 card."""
        return self.nmos if card.polarity == "nmos" else self.pmos


@dataclass(frozen=True)
class Deck:
    """One design under one condition.

    Args:
        topology: Of the design.
        design: In the variables' units, shape ``(variables,)``.
        corner: Process (level-1 cards only), supply and temperature.
        mismatch: Shift of ``vto`` (V, away from zero if positive for either polarity) and relative error
            of ``kp`` for each transistor, shape ``(transistors, 2)``.
        model_cards: The user's own models; None: the level-1 cards.
        version: Of the ngspice that will read it; decides on how flicker noise is written.
        options: The line of tolerances.

    Raises:
        InputError: two variables that differ in case alone (SPICE does not tell them apart), or a user's
            own models with a process corner or mismatch, which only level-1 cards have.
    """

    topology: Topology
    design: NDArray[np.float64]
    corner: Corner = TYPICAL
    mismatch: NDArray[np.float64] | None = None
    model_cards: ModelCards | None = None
    version: int = 39
    options: str = OPTIONS

    def __post_init__(self) -> None:
        lower = [name.lower() for name in self.topology.names]
        for name in lower:
            if lower.count(name) > 1:
                raise InputError(
                    f"{self.topology.name}: SPICE has no upper case: two variables {name!r}"
                )
        if self.model_cards is None:
            return
        if (self.corner.nmos, self.corner.pmos) != ("typical", "typical"):
            raise InputError(
                f"corner {self.corner.name}: own model cards bring their own process;"
                " use a corner of supply and temperature alone"
            )
        if self.mismatch is not None:
            raise InputError("mismatch is of level-1 cards; own model cards have none here")

    def text(self) -> str:
        """The whole file: circuit, and the analyses with what they print (``ngspice -b FILE``)."""
        return "\n".join([*self.circuit(), *self._printing(), ".end", ""])

    def circuit(self, for_poles: bool = False) -> list[str]:
        """The lines up to the analyses.

        Args:
            for_poles: The circuit whose natural frequencies count: the loop is closed, and sources have
                no AC amplitude (``pz`` takes a voltage source that has for open).
        """
        topology, corner = self.topology, self.corner
        sizes = zip(topology.names, self.design, strict=True)
        lines = [
            f"* {topology.name}: {topology.title}",
            ".param " + " ".join(f"{name}={number(value)}" for name, value in sizes),
        ]
        if corner.temperature != NOMINAL_TEMPERATURE:
            lines.append(f".temp {number(corner.temperature)}")
        if self.model_cards is None:
            lines += self._level_one()
        else:
            lines.append(self.model_cards.line())
        shorts = self._shorts() if for_poles else {}
        for element in topology.netlist.elements:
            if for_poles and element.name in topology.bench.closure:
                continue
            lines.append(self._line(element, shorts, for_poles))
        return [*lines, self.options]

    @property
    def separate_poles(self) -> bool:
        """Whether the circuit of the pole analysis is another one than that of the others."""
        with_amplitude = (
            isinstance(element, VoltageSource) and element.ac
            for element in self.topology.netlist.elements
        )
        return bool(self.topology.bench.closure) or any(with_amplitude)

    def device(self, transistor: Mosfet) -> str:
        """A transistor as in ``@name[gm]``."""
        name = spice_name(transistor)
        if self.model_cards is None or not self.model_cards.inside:
            return name
        model = self.model_cards.model(self.topology.netlist.model(transistor.model))
        return f"m.x{name}.{self.model_cards.inside.format(model=model)}".lower()

    @property
    def ac(self) -> str:
        """The AC analysis."""
        return f"ac {self._sweep}"

    @property
    def noise(self) -> str:
        """The noise analysis."""
        return f"noise {self._output} {spice_name(self._element(self.topology.bench.source))} {self._sweep}"

    @property
    def poles(self) -> str:
        """The pole analysis; poles do not depend on the ports, so both are the output."""
        plus, minus = (self._shorts().get(node, node) for node in self.topology.bench.output)
        return f"pz {plus} {minus} {plus} {minus} cur pol"

    @property
    def pole_nodes(self) -> tuple[str, ...]:
        """Nodes of the circuit whose natural frequencies count, without ground."""
        shorts, closure = self._shorts(), self.topology.bench.closure
        left = [element for element in self.topology.netlist.elements if element.name not in closure]
        found = dict.fromkeys(shorts.get(node, node) for element in left for node in element.nodes)
        return tuple(node for node in found if node != "0")

    def stimulus(self, source: str) -> list[str]:
        """Commands that make ``source`` the only AC source, with amplitude 1."""
        used = {name for _, name in self.topology.bench.disturbances}
        return [
            f"alter {spice_name(element)} ac = {int(element.name == source)}"
            for element in self.topology.netlist.elements
            if isinstance(element, VoltageSource | CurrentSource)
            and (element.ac or element.name in used)
        ]

    def kp(self, transistor: Mosfet) -> float:
        """Of a transistor's level-1 card at the corner, mismatch and temperature included (A/V^2)."""
        place = self.topology.netlist.transistors.index(transistor)
        error = 0.0 if self.mismatch is None else float(self.mismatch[place, 1])
        return card_at(self.topology.netlist.model(transistor.model), self.corner).kp * (1.0 + error)

    def _element(self, name: str) -> Element:
        return next(element for element in self.topology.netlist.elements if element.name == name)

    @property
    def _sweep(self) -> str:
        bench = self.topology.bench
        start, stop = number(bench.start_frequency), number(bench.stop_frequency)
        return f"dec {bench.points_per_decade} {start} {stop}"

    @property
    def _output(self) -> str:
        plus, minus = self.topology.bench.output
        return f"v({plus})" if minus == "0" else f"v({plus},{minus})"

    def _shorts(self) -> dict[str, str]:
        """Nodes that are one in the closed loop: each to the name that stays."""
        names: dict[str, str] = {}
        for element in self.topology.netlist.elements:
            if isinstance(element, Inductor) and element.name in self.topology.bench.closure:
                kept, gone = (names.get(node, node) for node in (element.plus, element.minus))
                if gone == "0":
                    kept, gone = gone, kept
                names = {node: kept if name == gone else name for node, name in names.items()}
                names[gone] = kept
        return names

    def _level_one(self) -> list[str]:
        """One card for each card and length in use, or for each transistor where they differ."""
        lines: dict[str, str] = {}
        for place, transistor in enumerate(self.topology.netlist.transistors):
            card = process_card(self.topology.netlist.model(transistor.model), self.corner)
            if self.mismatch is not None:
                shift, error = (float(value) for value in self.mismatch[place])
                sign = 1.0 if card.polarity == "nmos" else -1.0
                card = replace(card, vto=card.vto + sign * shift, kp=card.kp * (1.0 + error))
            name = self._model_name(transistor)
            if name not in lines:
                lines[name] = self._card(name, card, transistor.length)
        return list(lines.values())

    def _model_name(self, transistor: Mosfet) -> str:
        if self.mismatch is not None:
            return f"{transistor.model}_{transistor.name}"
        lengths = dict.fromkeys(
            other.length
            for other in self.topology.netlist.transistors
            if other.model == transistor.model
        )
        if len(lengths) == 1:
            return transistor.model
        length = transistor.length
        suffix = length.lower() if length.isidentifier() else str(list(lengths).index(length) + 1)
        return f"{transistor.model}_{suffix}"

    def _card(self, name: str, card: MosfetModel, length: str) -> str:
        values = {
            "vto": card.vto, "kp": card.kp, "gamma": card.gamma, "phi": card.phi, "tox": card.tox,
            "cgso": card.cgso, "cgdo": card.cgdo, "cgbo": card.cgbo, "cj": card.cj, "cjsw": card.cjsw,
            "pb": card.pb, "mj": card.mj, "mjsw": card.mjsw, "is": card.saturation_current, "fc": card.fc,
            "kf": card.kf, "af": card.af,
        }  # fmt: skip
        if self.version >= NLEV_VERSION:
            # nlev=1 divides by Cox W L, SPICE3's formula by Cox^2 W L.
            values["kf"] = card.kf / (_PERMITTIVITY_OXIDE / card.tox)
            values["nlev"] = 1
        text = " ".join(f"{key}={number(value)}" for key, value in values.items())
        return f".model {name} {card.polarity} level=1 lambda={{{number(card.lambda_length)}/{_factor(length)}}} {text}"

    def _line(self, element: Element, shorts: Mapping[str, str], for_poles: bool) -> str:
        name = spice_name(element)
        nodes = " ".join(shorts.get(node, node) for node in element.nodes)
        if isinstance(element, Mosfet):
            return self._transistor(element, nodes)
        value = element.value
        if isinstance(element, VoltageSource | CurrentSource):
            if element.name in self.topology.bench.supplies and self.corner.supply != 1.0:
                value = f"({value})*{number(self.corner.supply)}"
            amplitude = f" ac {number(element.ac)}" if element.ac and not for_poles else ""
            return f"{name} {nodes} dc {_value(value)}{amplitude}"
        return f"{name} {nodes} {_value(value)}"

    def _transistor(self, element: Mosfet, nodes: str) -> str:
        card = self.topology.netlist.model(element.model)
        name, model, micrometre = spice_name(element), self._model_name(element), 1e-6
        if self.model_cards is not None:
            model, micrometre = self.model_cards.model(card), self.model_cards.micrometre
            name = f"x{name}" if self.model_cards.inside else name
        width, length = _factor(element.width), _factor(element.length)
        unit, square = _unit(micrometre), _unit(micrometre**2)
        area = f"{{{number(2 * card.hdif)}*{width}*{square}}}"
        perimeter = f"{{({number(4 * card.hdif)}+{width})*{unit}}}"
        return (
            f"{name} {nodes} {model} w={{{width}*{unit}}} l={{{length}*{unit}}}"
            f" ad={area} as={area} pd={perimeter} ps={perimeter}"
        )

    def _printing(self) -> Iterable[str]:
        """The analyses of the file that is handed over, and what they print."""
        bench = self.topology.bench
        plus, minus = bench.output
        output = f"v({plus})" if minus == "0" else f"v({plus})-v({minus})"
        yield from (".control", "set numdgt=10", "op")
        yield from (f"print v({node})" for node in self.topology.netlist.nodes)
        yield from (f"print i({spice_name(self._element(name))})" for name in bench.supplies)
        yield self.ac
        yield f"let gain_db = db({output})"
        yield f"meas ac gain_db_f0 find gain_db at={number(bench.start_frequency)}"
        yield "meas ac gain_max_db max gain_db"
        yield "let falls_at = gain_db_f0 - 3"
        yield "meas ac f3db when gain_db=falls_at fall=1"
        yield from (self.noise, "print onoise_total inoise_total")
        if not self.separate_poles:
            yield from (self.poles, "print all")
        yield ".endc"


def spice_name(element: Element) -> str:
    """The element's name in a deck, which begins with the letter of its kind."""
    letter = _LETTERS[type(element)]
    return element.name if element.name.lower().startswith(letter) else f"{letter}_{element.name}"


def number(value: float) -> str:
    """The shortest text that ngspice reads back as the same number."""
    value = float(value)
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def _value(text: str) -> str:
    """A constant as it is, an expression between braces."""
    try:
        return number(float(text))
    except ValueError:
        return f"{{{text}}}"


_SUFFIXES = {1e-6: "1u", 1e-12: "1p"}


def _unit(value: float) -> str:
    """As a designer writes it."""
    return _SUFFIXES.get(value, number(value))


def _factor(text: str) -> str:
    """An expression that may stand in a product."""
    return text if not Expression(text).names or text.isidentifier() else f"({text})"
