"""What an agent sees of a simulated circuit: operating points, node voltages, metrics and limits.

Each number is less its mean and divided by its standard deviation over random designs of the topology, as
AnalogGym (ICCAD 2024) does with 100 simulations; here the designs are always the same ones, so that an
observation means the same to every agent and needs no file.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .results import DEVICE_COLUMNS, Results, metric_names
from .simulator import Simulator
from .spec import SIGNED, Spec
from .topology import Topology

Array = NDArray[np.float64]

CLIP = 10.0
"""No number is larger (standard deviations)."""
TRANSISTOR_SIZE = 2 + len(DEVICE_COLUMNS)
"""Numbers of each transistor: NMOS and PMOS one-hot, and its operating point."""
SAMPLES = 512
"""Random designs that the statistics are of."""
_SEED = 20181204


@dataclass(frozen=True)
class Scaling:
    """Means and standard deviations of some columns."""

    mean: Array
    deviation: Array

    @staticmethod
    def of(rows: Array) -> Scaling:
        """Of the rows that are numbers, column by column; a column that never changes keeps its unit."""
        known = np.isfinite(rows)
        count = np.maximum(known.sum(axis=0), 1)
        filled = np.where(known, rows, 0.0)
        mean = filled.sum(axis=0) / count
        deviation = np.sqrt((np.where(known, rows - mean, 0.0) ** 2).sum(axis=0) / count)
        constant = deviation <= 1e-9 * np.abs(filled).max(axis=0)
        return Scaling(mean, np.where(constant, 1.0, deviation))

    def apply(self, rows: Array) -> Array:
        """Normalised and clipped; 0 where a number is missing."""
        scaled = np.clip((rows - self.mean) / self.deviation, -CLIP, CLIP)
        return np.where(np.isfinite(scaled), scaled, 0.0)


@dataclass(frozen=True)
class Statistics:
    """How the quantities of a topology are spread over random designs."""

    devices: Scaling
    """Of shape ``(transistors, 20)``."""
    voltages: Scaling
    """Of shape ``(nodes,)``."""
    metrics: Scaling
    """Of shape ``(metrics,)``, after :func:`metric_scale`."""


def metric_scale(names: tuple[str, ...], values: Array) -> Array:
    """Metrics ``(n, len(names))`` on the scale they are shown on.

    Decimal logarithms, but for those that can be zero or negative.
    """
    signed = np.array([name in SIGNED for name in names])
    return np.where(signed, values, np.log10(np.where(values > 0, values, np.nan)))


@functools.cache
def statistics(topology: Topology) -> Statistics:
    """Statistics of ``SAMPLES`` designs, log-uniform in the box of ``topology.sizing``; same every time."""
    rng = np.random.default_rng(_SEED)
    designs = np.tile(topology.nominal, (SAMPLES, 1))
    for name in topology.sizing:
        variable = topology.variables[topology.index(name)]
        unit = rng.random(SAMPLES)
        if variable.low > 0:
            values = variable.low * (variable.high / variable.low) ** unit
        else:
            values = variable.low + (variable.high - variable.low) * unit
        designs[:, topology.index(name)] = values
    results = Simulator(topology).simulate(topology.snap(designs))
    return Statistics(
        devices=Scaling.of(results.devices),
        voltages=Scaling.of(results.voltages),
        metrics=Scaling.of(metric_scale(results.metric_names, results.metrics)),
    )


class Observer:
    """Turns results into flat observations, one block after the other.

    ====================  ==============================================================================
    ``transistors``       22 numbers for each, in the netlist's order: NMOS, PMOS (one-hot), then the
                          operating point in the order of :data:`~.results.DEVICE_COLUMNS`
    ``voltages``          of the nodes, in the netlist's order
    ``metrics``           all of them, in the order of :func:`~.results.metric_names`
    ``limits``            of the spec, in its order, on the scale of their metrics
    ``sizes``             the free variables, -1 to 1 between their bounds on a logarithmic scale
    ====================  ==============================================================================

    The first three are zero where nothing was simulated or the simulation failed; a missing metric is zero.

    Args:
        spec: names the topology and the limits.
        sizes: number of free variables.
    """

    def __init__(self, spec: Spec, sizes: int) -> None:
        topology = spec.topology
        self.spec = spec
        self.statistics = statistics(topology)
        self.limited = [row for row, metric in enumerate(spec.metrics) if metric.limit is not None]
        """Rows of the spec's metrics that have limits."""
        cards = [topology.netlist.model(t.model).polarity for t in topology.netlist.transistors]
        self._types = np.array([[card == "nmos", card == "pmos"] for card in cards], dtype=np.float32)
        self._limit_names = tuple(spec.metrics[row].name for row in self.limited)
        names = metric_names(topology)
        places = [names.index(name) for name in self._limit_names]
        scaling = self.statistics.metrics
        self._limit_scaling = Scaling(scaling.mean[places], scaling.deviation[places])
        lengths = {
            "transistors": len(cards) * TRANSISTOR_SIZE,
            "voltages": len(topology.netlist.nodes),
            "metrics": len(names),
            "limits": len(self.limited),
            "sizes": sizes,
        }
        self.blocks: dict[str, slice] = {}
        """Where each block is."""
        start = 0
        for block, length in lengths.items():
            self.blocks[block] = slice(start, start + length)
            start += length
        self.size = start
        """Length of an observation."""

    def observe(self, results: Results | None, limits: Array, unit: Array) -> NDArray[np.float32]:
        """Observations of n designs, float32, shape ``(n, size)``, within plus and minus :data:`CLIP`.

        Args:
            results: of the designs; None if nothing was simulated yet.
            limits: from :meth:`.Spec.limits`, shape ``(n, spec metrics)``.
            unit: the free variables as points of the unit cube, shape ``(n, sizes)``.
        """
        rows = np.zeros((len(unit), self.size), np.float32)
        if results is not None:
            ok = results.status == 0
            points = self.statistics.devices.apply(results.devices[ok])
            types = np.broadcast_to(self._types, (len(points), *self._types.shape))
            block = self.blocks["transistors"]
            transistors = np.concatenate([types, points], axis=2)
            rows[ok, block] = transistors.reshape(len(points), block.stop - block.start)
            rows[ok, self.blocks["voltages"]] = self.statistics.voltages.apply(results.voltages[ok])
            metrics = metric_scale(results.metric_names, results.metrics[ok])
            rows[ok, self.blocks["metrics"]] = self.statistics.metrics.apply(metrics)
        wanted = metric_scale(self._limit_names, limits[:, self.limited])
        rows[:, self.blocks["limits"]] = self._limit_scaling.apply(wanted)
        rows[:, self.blocks["sizes"]] = 2 * unit - 1
        return rows
