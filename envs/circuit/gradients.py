"""Exact gradients of the metrics by the sizes, by the adjoint method.

All derivatives of all metrics of a design cost about as much as a few simulations, whatever the number of
variables. They are derivatives of the metrics exactly as the simulator defines them: interpolated
crossings, maxima on the grid and the power-law integrals of the noise included.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from ..jit import announced
from .conditions import TYPICAL, Corner
from .expressions import Expression
from .gradients_kernel import gradients
from .gradients_sweep import Plan, plan
from .readings import NAMES
from .results import Results, metric_names
from .simulator import Simulator
from .structure import value_texts
from .topology import Topology

Numbers = NDArray[np.float64]

_CHUNK = 256  # designs that a thread takes at a time
_WITHOUT = ("saturated", "pole_max_re", "stable", "zeta_min")


def differentiable_metrics(topology: Topology) -> tuple[str, ...]:
    """The metrics of a topology that have gradients here: all but flags and poles."""
    return tuple(name for name in metric_names(topology) if name not in _WITHOUT)


def metric_gradients(
    simulator: Simulator,
    designs: ArrayLike,
    metrics: Sequence[str],
    *,
    corner: Corner = TYPICAL,
    mismatch: Numbers | None = None,
) -> tuple[Numbers, Numbers]:
    """Metrics and their derivatives by all design variables.

    Args:
        simulator: the native simulator of the topology.
        designs: sizes in the variables' units, shape ``(n, variables)``, or one design.
        metrics: names, of :func:`differentiable_metrics`.
        corner: process, supply and temperature.
        mismatch: of each transistor, shape ``(n, transistors, 2)``, see :meth:`.Simulator.simulate`. It
            is held constant.

    Returns:
        values: shape ``(n, metrics)``, equal to the simulator's.
        gradients: shape ``(n, metrics, variables)``, in the metric's unit per unit of the variable.

        Both are NaN in the row of a design that failed; where a crossing does not exist, for its metrics
        alone. Level 1 has kinks where a transistor changes its region; there the gradient is that of
        the side on which the design lies.

    Raises:
        InputError: a metric is unknown or has no gradient, or ``designs`` has a wrong shape.
    """
    known = differentiable_metrics(simulator.topology)
    for name in metrics:
        if name not in known:
            raise InputError(
                f"metric {name!r} of {simulator.topology.name} has no gradient; these have: {', '.join(known)}"
            )
    results = simulator.simulate(designs, corner=corner, mismatch=mismatch, poles=False, spectra=True)
    return gradients_of(simulator, results, metrics, corner=corner, mismatch=mismatch)


def gradients_of(
    simulator: Simulator,
    results: Results,
    metrics: Sequence[str],
    *,
    corner: Corner = TYPICAL,
    mismatch: Numbers | None = None,
) -> tuple[Numbers, Numbers]:
    """As :func:`metric_gradients`, of designs already simulated with ``spectra=True``."""
    response, output_noise, input_noise = results.response, results.output_noise, results.input_noise
    assert response is not None
    assert output_noise is not None
    assert input_noise is not None
    structure, names = simulator.structure, metric_names(simulator.topology)
    count = len(results)
    every = (*NAMES, *(name for name in names if name not in NAMES))
    columns = np.full((count, len(every)), np.nan)
    columns[:, [every.index(name) for name in names]] = results.metrics
    asked = [name for name in metrics if name != "area"]
    values = simulator.element_values(results.designs, corner)
    bars = np.full((count, len(asked), values.shape[1]), np.nan)
    voltages = np.zeros((count, structure.size))
    places = [simulator.index.nodes[node] for node in simulator.topology.netlist.nodes]
    voltages[:, places] = results.voltages
    with np.errstate(all="ignore"):
        densities = np.stack([output_noise**2, (output_noise / input_noise) ** 2], axis=1)
    cards, codes = simulator.cards(corner), np.array([every.index(n) for n in asked], dtype=np.int64)
    prepared, slopes = _prepared(simulator)
    shifts = simulator.no_mismatch if mismatch is None else mismatch

    def run(part: slice) -> None:
        gradients(
            structure, prepared, cards, corner.kelvin, shifts if len(shifts) == 1 else shifts[part], values[part],
            voltages[part], response[part], densities[part], columns[part], codes, bars[part],
        )  # fmt: skip

    with announced("circuit gradients", Path(__file__).with_name("gradients_kernel.py")):
        run(slice(0, 0))
    if simulator.threads == 1 or count <= _CHUNK:
        run(slice(None))
    else:
        with ThreadPoolExecutor(simulator.threads) as pool:
            list(pool.map(run, [slice(i, i + _CHUNK) for i in range(0, count, _CHUNK)]))
    bars[:, :, structure.first[7] + structure.supplies] *= corner.supply
    by_variable = _chain(simulator.topology, slopes, results.designs, bars)
    result = np.empty((count, len(metrics), len(simulator.topology.names)))
    for column, name in enumerate(metrics):
        if name == "area":
            result[:, column] = _area_gradient(simulator.topology, results.designs)
            result[results.status != 0, column] = np.nan
        else:
            result[:, column] = by_variable[:, asked.index(name)]
    return columns[:, [every.index(name) for name in metrics]], result


_PREPARED: WeakKeyDictionary[Simulator, tuple[Plan, list[Expression]]] = WeakKeyDictionary()


def _prepared(simulator: Simulator) -> tuple[Plan, list[Expression]]:
    """What all designs of a simulator share; kept, for it takes as long as many small batches."""
    if simulator not in _PREPARED:
        expressions = [Expression(text) for text in value_texts(simulator.topology)]
        _PREPARED[simulator] = plan(simulator.structure, simulator.program), expressions
    return _PREPARED[simulator]


def _chain(
    topology: Topology, expressions: list[Expression], designs: Numbers, bars: Numbers
) -> Numbers:
    """From derivatives by element values to derivatives by variables."""
    named = {name: designs[:, i] for i, name in enumerate(topology.names)}
    result = np.zeros((*bars.shape[:2], len(topology.names)))
    result[np.isnan(bars).any(axis=2)] = np.nan
    with np.errstate(all="ignore"):  # a failed design may divide by zero; its bars are NaN
        for place, expression in enumerate(expressions):
            if expression.text in topology.names:
                result[:, :, topology.index(expression.text)] += bars[:, :, place]
                continue
            for name, slope in expression.gradient(named).items():
                result[:, :, topology.index(name)] += bars[:, :, place] * slope[:, None]
    return result


def _area_gradient(topology: Topology, designs: Numbers) -> Numbers:
    named = {name: designs[:, i] for i, name in enumerate(topology.names)}
    result = np.zeros(designs.shape)
    for name, slope in Expression(topology.area).gradient(named).items():
        result[:, topology.index(name)] = slope
    return result
