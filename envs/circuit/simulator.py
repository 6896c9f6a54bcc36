"""The native simulator: batches of designs of one topology, compiled, on one core or several."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from ..jit import announced
from .conditions import TYPICAL, Corner, card_at
from .elimination import Program, compile_elimination
from .expressions import Expression
from .kernels import NO_OPERATING_POINT, OK, Output, matrices, operating_points, simulate
from .model_card import MosfetModel
from .mosfet import CARD_NUMBERS, PERMITTIVITY_OXIDE
from .netlist import VoltageSource
from .readings import AREA, NAMES, POLE_MAX_RE, STABLE, ZETA_MIN
from .results import DEVICE_COLUMNS, Results, metric_names
from .structure import build, elements_of, value_texts
from .topology import Topology

Numbers = NDArray[np.float64]

_CHUNK = 256  # designs that a thread takes at a time
_STABILITY_MARGIN = 1e-9  # of the pole analysis's own frequency: below it a real part is rounding


def card_row(model: MosfetModel, corner: Corner) -> Numbers:
    """A card at a corner as the numbers that the kernels take."""
    card = card_at(model, corner)
    sign = 1.0 if card.polarity == "nmos" else -1.0
    cox = PERMITTIVITY_OXIDE / card.tox
    row = np.array([
        sign * card.vto - card.gamma * math.sqrt(card.phi), card.kp, card.gamma, card.phi,
        card.lambda_length, cox, card.cgso, card.cgdo, card.cgbo, card.cj, card.cjsw, card.pb, card.mj,
        card.mjsw, card.hdif, card.kf, card.af, card.saturation_current, card.fc, corner.thermal_voltage,
        corner.kelvin, cox,
    ])  # fmt: skip
    assert len(row) == CARD_NUMBERS
    return row


class Simulator:
    """Simulates designs of one topology with the level-1 model, exactly as ngspice 39 does.

    Construction numbers the nodes, finds the nominal design's operating point, from which all others
    start, and fixes the order of elimination.

    Args:
        topology: what is simulated.
        threads: cores; each takes its share of a batch.

    Raises:
        InputError: the nominal design has no operating point, or its matrix is singular.
    """

    def __init__(self, topology: Topology, *, threads: int = 1) -> None:
        if threads < 1:
            raise InputError(f"threads = {threads} must be at least 1")
        self.topology = topology
        self.threads = threads
        self.structure, self.index = build(topology)
        self._expressions = [Expression(text) for text in value_texts(topology)]
        self._area = Expression(topology.area)
        elements = elements_of(topology)
        supplies = {
            e.name
            for e in elements
            if isinstance(e, VoltageSource) and e.name in topology.bench.supplies
        }
        voltage_sources = [e for e in elements if isinstance(e, VoltageSource)]
        first = int(self.structure.first[7])
        self._supply_places = [first + i for i, e in enumerate(voltage_sources) if e.name in supplies]
        self._sizes = [i for i, variable in enumerate(topology.variables) if variable.low > 0]
        nodes = topology.netlist.nodes
        self._node_places = np.array([self.index.nodes[node] for node in nodes])
        frequencies = self.structure.frequencies
        self.pole_shift = 2.0 * math.pi * math.sqrt(float(frequencies[0] * frequencies[-1]))
        with announced("circuit simulator", Path(__file__).with_name("kernels.py")):
            self.start = self._nominal_voltages()
            self.program = self._program()
            self.simulate(topology.nominal[None])

    @property
    def no_mismatch(self) -> Numbers:
        """The mismatch of matched transistors, shape ``(1, transistors, 2)``."""
        return np.zeros((1, len(self.structure.mosfets), 2))

    def cards(self, corner: Corner = TYPICAL) -> Numbers:
        """The model cards at a corner, a row each."""
        rows = [card_row(model, corner) for model in self.topology.netlist.models]
        return np.array(rows).reshape(len(rows), CARD_NUMBERS)

    def element_values(self, designs: Numbers, corner: Corner = TYPICAL) -> Numbers:
        """The values of all elements, a row for each design, in the order of ``structure.first``."""
        named = {name: designs[:, i] for i, name in enumerate(self.topology.names)}
        values = np.empty((len(designs), len(self._expressions)))
        with np.errstate(all="ignore"):
            for column, expression in enumerate(self._expressions):
                values[:, column] = expression.evaluate(named)
        values[:, self._supply_places] *= corner.supply
        return values

    def simulate(
        self,
        designs: ArrayLike,
        *,
        corner: Corner = TYPICAL,
        mismatch: Numbers | None = None,
        poles: bool = True,
        spectra: bool = False,
    ) -> Results:
        """Simulate designs; a design that fails is a failed row and disturbs no other.

        Args:
            designs: sizes in the variables' units, shape ``(n, variables)``, or one design.
            corner: process, supply and temperature of all of them.
            mismatch: of each transistor, shape ``(n, transistors, 2)``: added to the type-normalised
                threshold (V), and the relative error of ``kp``.
            poles: find the poles, and with them ``stable``, ``pole_max_re`` and ``zeta_min``.
            spectra: keep the response and the noise over frequency.

        Raises:
            InputError: ``designs`` or ``mismatch`` has a wrong shape.
        """
        sizes = np.atleast_2d(np.asarray(designs, dtype=np.float64))
        if sizes.ndim != 2 or sizes.shape[1] != len(self.topology.names):
            raise InputError(
                f"designs have shape {np.shape(designs)}, but {self.topology.name} takes"
                f" (n, {len(self.topology.names)}): {', '.join(self.topology.names)}"
            )
        count, transistors = len(sizes), len(self.structure.mosfets)
        if mismatch is None:
            mismatch = self.no_mismatch
        elif mismatch.shape != (count, transistors, 2):
            raise InputError(f"mismatch has shape {mismatch.shape}, not ({count}, {transistors}, 2)")
        structure, points = self.structure, len(self.structure.frequencies)
        disturbances = len(self.topology.bench.disturbances)
        kept = count if spectra else 0
        output = Output(
            status=np.zeros(count, dtype=np.uint8),
            metrics=np.full((count, len(NAMES) + 2 * disturbances), np.nan),
            voltages=np.full((count, structure.size), np.nan),
            devices=np.full((count, transistors, len(DEVICE_COLUMNS)), np.nan),
            regions=np.full((count, transistors), ord("?"), dtype=np.uint8),
            pole_matrices=np.zeros((count if poles else 0, structure.unknowns, structure.unknowns)),
            response=np.full((kept, points), np.nan, dtype=np.complex128),
            densities=np.full((kept, 2, points), np.nan),
        )
        values = self.element_values(sizes, corner)
        values[~np.all(sizes[:, self._sizes] > 0.0, axis=1)] = np.nan  # also where a size is NaN
        cards = self.cards(corner)
        if self.threads == 1 or count <= _CHUNK:
            self._run(slice(None), cards, corner, mismatch, values, output)
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                starts = range(0, count, _CHUNK)
                list(pool.map(
                    lambda i: self._run(slice(i, i + _CHUNK), cards, corner, mismatch, values, output), starts
                ))  # fmt: skip
        return self._results(sizes, output, poles, spectra)

    def _run(
        self,
        rows: slice,
        cards: Numbers,
        corner: Corner,
        mismatch: Numbers,
        values: Numbers,
        output: Output,
    ) -> None:
        part = Output._make(array[rows] if len(array) else array for array in output)
        shifts = mismatch if len(mismatch) == 1 else mismatch[rows]
        simulate(
            self.structure, self.program, cards, corner.kelvin, shifts, values[rows], self.start,
            self.pole_shift, part,
        )  # fmt: skip

    def _results(self, designs: Numbers, output: Output, poles: bool, spectra: bool) -> Results:
        ok = output.status == OK
        metrics = output.metrics
        named = {name: designs[:, i] for i, name in enumerate(self.topology.names)}
        metrics[:, AREA] = self._area.evaluate(named)
        found = None
        if poles:
            found = self._poles(output.pole_matrices, ok)
            metrics[:, [POLE_MAX_RE, STABLE, ZETA_MIN]] = pole_figures(found, self.pole_shift)
        metrics[~ok] = np.nan
        names = metric_names(self.topology)
        every = (*NAMES, *names[len(names) - 2 * len(self.topology.bench.disturbances) :])
        columns = [every.index(name) for name in names]
        output.voltages[~ok] = np.nan
        output.devices[~ok] = np.nan
        output.regions[~ok] = ord("?")
        density, squared = output.densities[:, 0], output.densities[:, 1]
        return Results(
            topology=self.topology,
            designs=designs,
            status=output.status,
            metric_names=names,
            metrics=metrics[:, columns],
            voltages=output.voltages[:, self._node_places],
            devices=output.devices,
            regions=output.regions,
            frequencies=self.structure.frequencies,
            response=output.response if spectra else None,
            output_noise=np.sqrt(density) if spectra else None,
            input_noise=np.sqrt(density / squared) if spectra else None,
            poles=found,
        )

    def _poles(self, matrices: Numbers, ok: NDArray[np.bool_]) -> NDArray[np.complex128]:
        """Natural frequencies (rad/s) from shifted and inverted pencils; NaN for infinite ones."""
        usable = np.where(ok[:, None, None], matrices, 0.0)
        eigenvalues = np.linalg.eigvals(usable).astype(np.complex128)
        largest = np.max(np.abs(eigenvalues), axis=1, keepdims=True)
        finite = np.abs(eigenvalues) > 1e-13 * largest
        inverse = np.full(eigenvalues.shape, np.nan, dtype=np.complex128)
        np.divide(1.0, eigenvalues, out=inverse, where=finite)
        return np.asarray(self.pole_shift - inverse)

    def _nominal_voltages(self) -> Numbers:
        """Where Newton starts for every design: the nominal design's operating point."""
        structure = self.structure
        voltages = np.zeros((1, structure.size))
        status = np.zeros(1, dtype=np.uint8)
        values = self.element_values(self.topology.nominal[None])
        operating_points(
            structure,
            self.cards(),
            self.no_mismatch,
            values,
            np.zeros(structure.size),
            status,
            voltages,
        )
        if status[0] == NO_OPERATING_POINT:
            raise InputError(
                f"{self.topology.name}: no operating point was found for the nominal design"
            )
        return voltages[0]

    def _program(self) -> Program:
        """The elimination, chosen on the nominal design's matrices at three frequencies."""
        conductances, capacitance = matrices(
            self.structure,
            self.cards(),
            self.element_values(self.topology.nominal[None])[0],
            self.start,
        )
        n = self.structure.unknowns
        grid = self.structure.frequencies
        samples = [
            conductances[:n, :n] + 2j * math.pi * grid[i] * capacitance[:n, :n]
            for i in (0, len(grid) // 2, -1)
        ]
        return compile_elimination(np.array(samples), self.structure.output, self._pattern()[:n, :n])

    def _pattern(self) -> NDArray[np.bool_]:
        """Entries that are zero in the nominal design where a transistor is off or a gain is 0."""
        pattern = np.zeros((self.structure.size, self.structure.size), dtype=np.bool_)
        for row in self.structure.mosfets:
            pattern[np.ix_(row[:4], row[:4])] = True
        for row in self.structure.vccs:
            pattern[np.ix_(row[:2], row[2:4])] = True
        for row in self.structure.vcvs:
            pattern[row[4], row[2:4]] = True
        return pattern


def pole_figures(poles: NDArray[np.complex128], scale: float) -> Numbers:
    """Largest real part (rad/s), whether all poles are stable, and the least damping, a row each.

    Args:
        poles: rad/s, shape ``(n, poles)``, NaN where there is none.
        scale: a frequency (rad/s) in whose rounding a pole at 0 may lie.
    """
    real = np.where(np.isnan(poles), -np.inf, poles.real)
    largest = np.max(real, axis=1)
    oscillating = ~np.isnan(poles) & (np.abs(poles.imag) > 1e-9 * np.abs(poles))
    with np.errstate(invalid="ignore"):
        damping = np.where(oscillating, -poles.real / np.abs(poles), 1.0)
    return np.stack([largest, largest < _STABILITY_MARGIN * scale, np.min(damping, axis=1)], axis=1)
