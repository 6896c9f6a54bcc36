"""A topology: a netlist, its design variables, and the bench it is measured on."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from .expressions import Expression
from .netlist import CurrentSource, Netlist, VoltageSource


@dataclass(frozen=True)
class Variable:
    """One quantity that a designer chooses.

    Sizes have a positive lower bound, must be positive and are searched on a logarithmic scale.
    """

    name: str
    unit: str
    low: float
    high: float
    step: float
    """The technology's grid: sizes are multiples of it."""
    nominal: float
    """Of the human design (or a plausible start where nobody published one)."""


@dataclass(frozen=True)
class Bench:
    """What is measured: the response from one source to one voltage, its noise, and the power."""

    source: str
    """Name of the independent source that is the input; its ``ac`` amplitude counts."""
    output: tuple[str, str]
    """The voltage between these two nodes is the output."""
    start_frequency: float
    stop_frequency: float
    points_per_decade: int
    supplies: tuple[str, ...]
    """Voltage sources whose ``|V I|`` are summed to ``power`` (W)."""
    unity_gain: bool = False
    """Also measure ``ugbw`` and ``pm_deg``."""
    closure: tuple[str, ...] = ()
    """Inductors and capacitors that close a loop for direct current only. In the pole analysis these
    inductors are shorts and capacitors are open, so that poles are those of the closed loop."""
    disturbances: tuple[tuple[str, str], ...] = ()
    """``(prefix, source)``: also measure ``{prefix}_gain_f0`` and ``{prefix}_gain_max`` (V/V or V/A), the
    response of the output to another source of unit amplitude, and its largest value on the grid."""
    other_sources: tuple[str, ...] = ()
    """Further sources that belong to the input (the other half of a differential one): they drive the
    response together with ``source``, but not the reference of the noise (as in ngspice)."""

    @property
    def frequencies(self) -> NDArray[np.float64]:
        """The grid (Hz): ``dec`` of SPICE, built by repeated multiplication."""
        decades = np.log10(self.stop_frequency / self.start_frequency)
        count = int(np.floor(decades * self.points_per_decade + 1e-6)) + 1
        ratio = np.exp(np.log(10.0) / self.points_per_decade)
        steps = np.full(count, ratio)
        steps[0] = self.start_frequency
        return np.asarray(np.cumprod(steps))


@dataclass(frozen=True)
class Topology:
    """A circuit that can be sized.

    Raises:
        InputError: a value refers to an unknown variable, a source or node of the bench is missing, or
            a variable's bounds do not hold its nominal value.
    """

    name: str
    title: str
    netlist: Netlist
    variables: tuple[Variable, ...]
    bench: Bench
    area: str
    """Gate area as an expression of the variables (um^2)."""
    sizing: tuple[str, ...] = ()
    """The variables that are free by default; the others keep their nominal values. Empty: all sizes."""
    citation: str = ""
    names: tuple[str, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        names = tuple(variable.name for variable in self.variables)
        object.__setattr__(self, "names", names)
        if not self.sizing:
            object.__setattr__(self, "sizing", tuple(v.name for v in self.variables if v.low > 0))
        for name in sorted((self.netlist.names | Expression(self.area).names) - set(names)):
            raise InputError(
                f"topology {self.name}: {name!r} is not one of its variables: {', '.join(names)}"
            )
        for variable in self.variables:
            if not variable.low <= variable.nominal <= variable.high:
                raise InputError(
                    f"topology {self.name}: {variable.name} = {variable.nominal:g} is not in"
                    f" [{variable.low:g}, {variable.high:g}]"
                )
            if variable.name in self.sizing and not variable.low > 0:
                raise InputError(
                    f"topology {self.name}: the lower bound of {variable.name} must be positive"
                )
        sources = {
            e.name for e in self.netlist.elements if isinstance(e, VoltageSource | CurrentSource)
        }
        wanted = (self.bench.source, *self.bench.supplies, *(s for _, s in self.bench.disturbances))
        for source in wanted:
            if source not in sources:
                raise InputError(
                    f"topology {self.name}: its bench names a source {source!r} that it lacks"
                )
        for node in self.bench.output:
            if node not in (*self.netlist.nodes, "0"):
                raise InputError(f"topology {self.name}: its bench names a node {node!r} that it lacks")

    @property
    def nominal(self) -> NDArray[np.float64]:
        """The nominal design, shape ``(variables,)``."""
        return np.array([variable.nominal for variable in self.variables])

    def index(self, name: str) -> int:
        """The place of a variable.

        Raises:
            InputError: there is no variable of this name.
        """
        if name not in self.names:
            raise InputError(
                f"{self.name} has no design variable {name!r}; it has: {', '.join(self.names)}"
            )
        return self.names.index(name)

    def design(self, values: Mapping[str, float]) -> NDArray[np.float64]:
        """The nominal design with some variables changed, shape ``(variables,)``.

        Bounds are those of the search, not of the simulator: any positive size is accepted (and any
        finite value of a variable whose lower bound is not positive).

        Raises:
            InputError: a variable is unknown, or a size is not a positive number.
        """
        design = self.nominal
        for name, value in values.items():
            place = self.index(name)
            variable = self.variables[place]
            if not np.isfinite(value) or (variable.low > 0 and not value > 0):
                kind = "positive number" if variable.low > 0 else "finite number"
                raise InputError(f"{name} = {value:g} {variable.unit} must be a {kind}")
            design[place] = value
        return design

    def snap(self, designs: ArrayLike) -> NDArray[np.float64]:
        """The nearest designs on the grid and within the bounds, any leading shape."""
        low, high, step = (
            np.array([getattr(variable, key) for variable in self.variables])
            for key in ("low", "high", "step")
        )
        steps = np.round(np.asarray(designs, dtype=np.float64) / step)
        return np.asarray(np.round(np.clip(steps * step, low, high), 12))  # 4.6, not 4.6000000000000005


TOPOLOGIES = {
    "two-stage-tia": ".topologies.two_stage_tia",
    "three-stage-tia": ".topologies.three_stage_tia",
    "inverter-tia": ".topologies.inverter_tia",
    "two-stage-opamp": ".topologies.two_stage_opamp",
    "folded-cascode-ota": ".topologies.folded_cascode_ota",
    "ldo": ".topologies.ldo",
}
"""Module of each topology, relative to this package; it has the constant ``TOPOLOGY``."""


@cache
def find_topology(name: str) -> Topology:
    """The topology of this name.

    Raises:
        InputError: there is none.
    """
    if name not in TOPOLOGIES:
        raise InputError(f"topology {name!r} does not exist; there are: {', '.join(TOPOLOGIES)}")
    topology: Topology = importlib.import_module(TOPOLOGIES[name], __package__).TOPOLOGY
    return topology
