"""A circuit as a list of elements between named nodes.

Values are expressions of the design variables (:mod:`.expressions`), in SI units but for the widths
and lengths of transistors, which are in micrometres as designers write them. Node ``"0"`` is ground.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import InputError
from .expressions import Expression
from .model_card import MosfetModel

GROUND = "0"


@dataclass(frozen=True)
class Mosfet:
    """A four-terminal transistor; ``width`` and ``length`` in micrometres."""

    name: str
    drain: str
    gate: str
    source: str
    bulk: str
    model: str
    width: str
    length: str

    @property
    def nodes(self) -> tuple[str, ...]:
        """Drain, gate, source, bulk."""
        return self.drain, self.gate, self.source, self.bulk


@dataclass(frozen=True)
class _TwoTerminal:
    name: str
    plus: str
    minus: str

    @property
    def nodes(self) -> tuple[str, ...]:
        """Plus, minus."""
        return self.plus, self.minus


@dataclass(frozen=True)
class Resistor(_TwoTerminal):
    """``value`` in ohm."""

    value: str


@dataclass(frozen=True)
class Capacitor(_TwoTerminal):
    """``value`` in farad."""

    value: str


@dataclass(frozen=True)
class Inductor(_TwoTerminal):
    """``value`` in henry."""

    value: str


@dataclass(frozen=True)
class CurrentSource(_TwoTerminal):
    """Current ``value`` (A, DC) from plus through the source to minus; ``ac`` is its AC amplitude (A)."""

    value: str = "0"
    ac: float = 0.0


@dataclass(frozen=True)
class VoltageSource(_TwoTerminal):
    """Voltage ``value`` (V, DC) of plus over minus; ``ac`` is its AC amplitude (V)."""

    value: str = "0"
    ac: float = 0.0


@dataclass(frozen=True)
class _Controlled(_TwoTerminal):
    control_plus: str
    control_minus: str
    value: str

    @property
    def nodes(self) -> tuple[str, ...]:
        """Plus, minus, and the two that control."""
        return self.plus, self.minus, self.control_plus, self.control_minus


@dataclass(frozen=True)
class VoltageControlledVoltageSource(_Controlled):
    """SPICE's E: ``value`` (V/V) times the control voltage, plus over minus."""


@dataclass(frozen=True)
class VoltageControlledCurrentSource(_Controlled):
    """SPICE's G: ``value`` (A/V) times the control voltage, from plus through the source to minus."""


Element = (
    Mosfet
    | Resistor
    | Capacitor
    | Inductor
    | CurrentSource
    | VoltageSource
    | VoltageControlledVoltageSource
    | VoltageControlledCurrentSource
)


def values_of(element: Element) -> tuple[str, ...]:
    """The expressions of an element: width and length of a transistor, one value of any other."""
    return (element.width, element.length) if isinstance(element, Mosfet) else (element.value,)


@dataclass(frozen=True)
class Netlist:
    """Elements and the model cards of their transistors.

    Raises:
        InputError: no element, two elements of one name, a transistor whose model is missing, a value
            that is no expression, a node without a direct-current path to ground, or no ground.
    """

    elements: tuple[Element, ...]
    models: tuple[MosfetModel, ...] = ()

    def __post_init__(self) -> None:
        if not self.elements:
            raise InputError("the netlist has no elements")
        names = [element.name.lower() for element in self.elements]
        for name in names:
            if names.count(name) > 1:
                raise InputError(
                    f"element name {name!r} is used {names.count(name)} times in the netlist"
                )
        cards = [model.name for model in self.models]
        for element in self.elements:
            if isinstance(element, Mosfet) and element.model not in cards:
                known = ", ".join(cards) or "none"
                raise InputError(
                    f"{element.name}: model {element.model!r} is missing; there are: {known}"
                )
            for value in values_of(element):
                Expression(value)
        self._refuse_floating_nodes()

    @property
    def nodes(self) -> tuple[str, ...]:
        """All nodes but ground, in order of appearance."""
        found = dict.fromkeys(node for element in self.elements for node in element.nodes)
        return tuple(node for node in found if node != GROUND)

    @property
    def transistors(self) -> tuple[Mosfet, ...]:
        """The transistors, in order."""
        return tuple(element for element in self.elements if isinstance(element, Mosfet))

    @property
    def names(self) -> frozenset[str]:
        """The names that the values refer to."""
        texts = [text for element in self.elements for text in values_of(element)]
        return frozenset().union(*(Expression(text).names for text in texts))

    def model(self, name: str) -> MosfetModel:
        """The card of this name."""
        return next(model for model in self.models if model.name == name)

    def _refuse_floating_nodes(self) -> None:
        """Gates, capacitors and current sources carry no direct current: they hold no node."""
        reached, waiting = {GROUND}, [GROUND]
        paths: dict[str, set[str]] = {}
        for element in self.elements:
            if isinstance(element, Mosfet):
                joined: tuple[str, ...] = (element.drain, element.source, element.bulk)
            elif isinstance(element, Capacitor | CurrentSource | VoltageControlledCurrentSource):
                joined = ()
            else:
                joined = (element.plus, element.minus)
            for node in joined:
                paths.setdefault(node, set()).update(joined)
        while waiting:
            for node in paths.get(waiting.pop(), set()) - reached:
                reached.add(node)
                waiting.append(node)
        if not any(GROUND in element.nodes for element in self.elements):
            raise InputError("the netlist has no ground: one node must be named '0'")
        for node in self.nodes:
            if node not in reached:
                raise InputError(f"node {node!r} floats: it has no direct-current path to ground ('0')")
