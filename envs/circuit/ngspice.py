"""The twin: the same designs simulated by ngspice, with the same results.

ngspice runs the deck of :mod:`.deck` and hands over raw vectors; the metrics are computed from them in
:mod:`.measure`. It runs as a subprocess (one for each design) or as a shared library in a child process
(:mod:`.libngspice`). A user's own transistor models work here.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from .conditions import TYPICAL, Corner
from .deck import OPTIONS, TIGHT, Deck, ModelCards, spice_name
from .expressions import Expression
from .libngspice import Library, library_version
from .measure import (
    disturbance_metrics,
    noise_metrics,
    noise_totals,
    pole_metrics,
    poles_from_impedances,
    region,
    response_metrics,
)
from .netlist import Mosfet, VoltageSource
from .ngspice_job import (
    BSIM,
    LEVEL_ONE,
    Job,
    NgspiceError,
    Plot,
    Runner,
    Step,
    impedance_job,
    impedances_suffice,
    job,
)
from .ngspice_program import Subprocess, program_version
from .results import DEVICE_COLUMNS, Results, metric_names
from .topology import Topology

Numbers = NDArray[np.float64]
OK, BAD_DESIGN, NO_OPERATING_POINT, NOT_FINITE, FAILED = 0, 1, 2, 4, 5
"""Status, an index into :data:`.results.REASONS`."""


class NgspiceSimulator:
    """Simulates designs of one topology in ngspice.

    Args:
        topology: What is simulated.
        model_cards: The user's own transistor models; None: the topology's level-1 cards.
        by: ``"subprocess"`` (``ngspice -b``, one for each design) or ``"library"`` (libngspice in a child
            process; several times faster).
        threads: How many run at a time.
        timeout: Of one design (s); after it the design is a failed row.

    Raises:
        InputError: ngspice is missing, or ``threads`` or ``timeout`` is out of range.
    """

    def __init__(
        self,
        topology: Topology,
        model_cards: ModelCards | None = None,
        *,
        by: Literal["subprocess", "library"] = "subprocess",
        threads: int = 1,
        timeout: float = 60.0,
    ) -> None:
        if threads < 1:
            raise InputError(f"threads = {threads} must be at least 1")
        if not timeout > 0:
            raise InputError(f"timeout = {timeout:g} s must be positive")
        if by not in ("subprocess", "library"):
            raise InputError(f"by = {by!r} must be 'subprocess' or 'library'")
        self.topology, self.model_cards, self.threads = topology, model_cards, threads
        self._area = Expression(topology.area)
        self._sizes = [i for i, variable in enumerate(topology.variables) if variable.low > 0]
        self.runners: list[Runner] = []
        if by == "library":
            self.version = library_version()
            self.runners = [Library(timeout) for _ in range(threads)]
        else:
            self.version = program_version()
            self.runners = [Subprocess(timeout) for _ in range(threads)]
        self._finalizer = weakref.finalize(self, _close, self.runners)

    def close(self) -> None:
        """End the child processes; also happens when the simulator is no longer used."""
        self._finalizer()

    def deck(
        self, design: Numbers, *, corner: Corner = TYPICAL, mismatch: Numbers | None = None
    ) -> Deck:
        """The deck of one design, shape ``(variables,)``; ``mismatch`` has shape ``(transistors, 2)``."""
        options = TIGHT if self.model_cards is None else OPTIONS
        return Deck(self.topology, design, corner, mismatch, self.model_cards, self.version, options)

    def simulate(
        self,
        designs: ArrayLike,
        *,
        corner: Corner = TYPICAL,
        mismatch: Numbers | None = None,
        poles: bool = True,
        spectra: bool = False,
    ) -> Results:
        """As :meth:`.simulator.Simulator.simulate`; a failed row has ngspice's own reason.

        Args:
            designs: Sizes in the variables' units, shape ``(n, variables)``, or one design.
            corner: Process, supply and temperature of all of them.
            mismatch: Of each transistor, shape ``(n, transistors, 2)``: added to the type-normalised
                threshold (V), and the relative error of ``kp``.
            poles: Find the poles (``pz``); where ngspice finds none, their metrics are NaN.
            spectra: Keep the response and the noise over frequency.

        Raises:
            InputError: ``designs`` or ``mismatch`` has a wrong shape, or the user's own model cards are
                asked for a process corner or mismatch.
        """
        sizes = np.atleast_2d(np.asarray(designs, dtype=np.float64))
        if sizes.ndim != 2 or sizes.shape[1] != len(self.topology.names):
            raise InputError(
                f"designs have shape {np.shape(designs)}, but {self.topology.name} takes"
                f" (n, {len(self.topology.names)}): {', '.join(self.topology.names)}"
            )
        count, transistors = len(sizes), len(self.topology.netlist.transistors)
        if mismatch is not None and mismatch.shape != (count, transistors, 2):
            raise InputError(f"mismatch has shape {mismatch.shape}, not ({count}, {transistors}, 2)")
        decks = [
            self.deck(size, corner=corner, mismatch=None if mismatch is None else mismatch[row])
            for row, size in enumerate(sizes)
        ]
        if self.threads == 1:
            rows = [self._row(deck, self.runners[0], poles) for deck in decks]
        else:
            idle = SimpleQueue[Runner]()
            for runner in self.runners:
                idle.put(runner)

            def simulate(deck: Deck) -> _Row:
                runner = idle.get()
                try:
                    return self._row(deck, runner, poles)
                finally:
                    idle.put(runner)

            with ThreadPoolExecutor(self.threads) as pool:
                rows = list(pool.map(simulate, decks))
        return self._results(sizes, rows, poles, spectra)

    def _row(self, deck: Deck, runner: Runner, poles: bool) -> _Row:
        """One design, measured or failed."""
        sizes = deck.design[self._sizes]
        if not (np.all(np.isfinite(deck.design)) and np.all(sizes > 0.0)):
            return _Row.failed(BAD_DESIGN, "")
        try:
            plots = _run(runner, deck, job)
            for name in (
                "op",
                "ac",
                "noise",
                *(prefix for prefix, _ in self.topology.bench.disturbances),
            ):
                if name not in plots:
                    reason = runner.complaint() or f"the {name} analysis failed"
                    return _Row.failed(
                        NO_OPERATING_POINT if name == "op" else FAILED, f"ngspice: {reason}"
                    )
            row = self._measured(deck, plots)
            if poles and not row.status:
                row.poles = self._poles(
                    deck, dict(zip(self.topology.netlist.nodes, row.voltages, strict=True)), runner
                )
                row.metrics |= pole_metrics(row.poles)
        except NgspiceError as failure:
            return _Row.failed(FAILED, f"ngspice: {failure}")
        return row

    def _measured(self, deck: Deck, plots: dict[str, Plot]) -> _Row:
        topology, bench = self.topology, self.topology.bench
        op = {name: float(values[0].real) for name, values in plots["op"].items()}
        row = _Row.empty()
        row.voltages = [op[f"v({node})".lower()] for node in topology.netlist.nodes]
        for transistor in topology.netlist.transistors:
            device = self._device(deck, transistor, plots, op)
            row.devices.append(device)
            row.regions.append(
                region(device["vds"], device["vdsat"]) if np.isfinite(device["vds"]) else "?"
            )
        metrics = row.metrics
        metrics["power"] = sum(
            abs(op[f"i({spice_name(source)})".lower()] * self._volts(deck, source))
            for source in topology.netlist.elements
            if isinstance(source, VoltageSource) and source.name in bench.supplies
        )
        named = dict(zip(topology.names, deck.design, strict=True))
        metrics["area"] = float(self._area.evaluate(named))
        metrics["saturated"] = np.nan if "?" in row.regions else float(set(row.regions) <= {"S"})
        row.response = _difference(plots["ac"], bench.output)
        noise = {name: np.real(values) for name, values in plots["noise"].items()}
        row.output_noise, row.input_noise = noise.pop("onoise_spectrum"), noise.pop("inoise_spectrum")
        if "totals" in plots:
            totals = tuple(float(plots["totals"][f"{end}noise_total"][0].real) for end in "oi")
        else:
            each = np.array([values for name, values in noise.items() if name != "frequency"])
            totals = noise_totals(bench.frequencies, each, row.output_noise, row.input_noise)
        metrics |= response_metrics(bench.frequencies, row.response, bench.unity_gain)
        metrics |= noise_metrics(
            row.response, row.output_noise, row.input_noise, (totals[0], totals[1])
        )
        for prefix, _ in bench.disturbances:
            metrics |= dict(disturbance_metrics(prefix, _difference(plots[prefix], bench.output)))
        if not all(np.isfinite(metrics[name]) for name in ("irn_rms", "power", "gain_db")):
            return _Row.failed(NOT_FINITE, "")
        return row

    def _poles(self, deck: Deck, voltages: dict[str, float], runner: Runner) -> NDArray[np.complex128]:
        """Natural frequencies (rad/s); none where ngspice does not find them.

        ``pz`` gives up on circuits of a dozen nodes, or returns what is no pole. The level-1 circuits
        are conductances and capacitances, so their poles follow from the impedances between the nodes at
        one frequency, which ngspice's AC analysis has to all digits. Models of a user's own may have
        nodes inside that cannot be reached: there it is ``pz``.
        """
        nodes = deck.pole_nodes
        frequencies = deck.topology.bench.frequencies
        frequency = float(np.sqrt(frequencies[0] * frequencies[-1]))
        if not impedances_suffice(deck):
            plots = runner.run(Job(deck.circuit(for_poles=True), [Step("poles", (deck.poles,), ())]))
            found = [complex(values[0]) for values in plots.get("poles", {}).values()]
            return np.array(found, dtype=np.complex128)
        plots = _run(runner, deck, lambda deck: impedance_job(deck, voltages, frequency))
        if len(plots) < len(nodes):
            return np.empty(0, dtype=np.complex128)
        columns = [
            [plots[f"z{i}"][f"v({node})".lower()][0] for node in nodes] for i in range(len(nodes))
        ]
        impedances = np.array(columns, dtype=np.complex128).T
        return poles_from_impedances(impedances, 2.0 * np.pi * frequency)

    def _volts(self, deck: Deck, source: VoltageSource) -> float:
        named = dict(zip(self.topology.names, deck.design, strict=True))
        return float(Expression(source.value).evaluate(named)) * deck.corner.supply

    def _device(
        self, deck: Deck, transistor: Mosfet, plots: dict[str, Plot], op: dict[str, float]
    ) -> dict[str, float]:
        """The 20 columns of a transistor, type-normalised; NaN where its model does not tell."""
        name = deck.device(transistor)
        if self.model_cards is None:
            raw = {quantity: op[f"@{name}[{quantity}]"] for quantity in LEVEL_ONE}
            card = self.topology.netlist.model(transistor.model)
            # Of all of them ngspice reports these two with the sign of the device.
            sign = 1.0 if card.polarity == "nmos" else -1.0
            raw["vth"], raw["vdsat"] = sign * raw["von"], sign * raw["vdsat"]
            named = dict(zip(self.topology.names, deck.design, strict=True))
            length = float(Expression(transistor.length).evaluate(named))
            aspect = float(Expression(transistor.width).evaluate(named)) / length
            raw["beta"] = deck.kp(transistor) * aspect * (1 + card.lambda_length / length * raw["vds"])
            raw["gam_eff"] = card.gamma
        else:
            own = plots.get(transistor.name, {})
            raw = {key: float(own[f"@{name}[{key}]"][0].real) if own else np.nan for key in BSIM}
            # Off the diagonal its capacitance matrix has the negative of what is between two terminals.
            raw |= {"cgs": -raw["cgs"], "cgd": -raw["cgd"], "cgb": raw["cgg"] + raw["cgs"] + raw["cgd"]}
            raw |= {"cbs": raw["capbs"], "cbd": raw["capbd"], "beta": np.nan, "gam_eff": np.nan}
        raw |= {
            "gmb": raw["gmbs"],
            "vod": raw["vgs"] - raw["vth"],
            "cdtot": raw["cgd"] + raw["cbd"],
            "cgtot": raw["cgs"] + raw["cgd"] + raw["cgb"],
            "cstot": raw["cgs"] + raw["cbs"],
            "cbtot": raw["cbd"] + raw["cbs"] + raw["cgb"],
        }
        return {column: raw[column] for column in DEVICE_COLUMNS}

    def _results(self, designs: Numbers, rows: list[_Row], poles: bool, spectra: bool) -> Results:
        topology = self.topology
        names = metric_names(topology)
        transistors = len(topology.netlist.transistors)
        frequencies = topology.bench.frequencies
        shape = (len(rows), len(frequencies))
        response = np.full(shape, np.nan, dtype=np.complex128)
        output_noise, input_noise = np.full(shape, np.nan), np.full(shape, np.nan)
        found = np.full(
            (len(rows), max((len(r.poles) for r in rows), default=0)), np.nan, dtype=np.complex128
        )
        metrics = np.full((len(rows), len(names)), np.nan)
        voltages = np.full((len(rows), len(topology.netlist.nodes)), np.nan)
        devices = np.full((len(rows), transistors, len(DEVICE_COLUMNS)), np.nan)
        regions = np.full((len(rows), transistors), ord("?"), dtype=np.uint8)
        for place, row in enumerate(rows):
            if row.status:
                continue
            metrics[place] = [row.metrics.get(name, np.nan) for name in names]
            voltages[place] = row.voltages
            devices[place] = [list(device.values()) for device in row.devices]
            regions[place] = [ord(letter) for letter in row.regions]
            found[place, : len(row.poles)] = row.poles
            response[place], output_noise[place] = row.response, row.output_noise
            input_noise[place] = row.input_noise
        return Results(
            topology=topology,
            designs=designs,
            status=np.array([row.status for row in rows], dtype=np.uint8),
            metric_names=names,
            metrics=metrics,
            voltages=voltages,
            devices=devices,
            regions=regions,
            frequencies=frequencies,
            response=response if spectra else None,
            output_noise=output_noise if spectra else None,
            input_noise=input_noise if spectra else None,
            poles=found if poles else None,
            reasons=tuple(row.reason for row in rows),
        )


@dataclass
class _Row:
    """What one design gave."""

    status: int
    reason: str
    metrics: dict[str, float]
    voltages: list[float]
    devices: list[dict[str, float]]
    regions: list[str]
    poles: NDArray[np.complex128]
    response: NDArray[np.complex128]
    output_noise: Numbers
    input_noise: Numbers

    @classmethod
    def failed(cls, status: int, reason: str) -> _Row:
        nothing = np.empty(0)
        complex_nothing = nothing.astype(np.complex128)
        return cls(status, reason, {}, [], [], [], complex_nothing, complex_nothing, nothing, nothing)

    @classmethod
    def empty(cls) -> _Row:
        return cls.failed(OK, "")


def _run(runner: Runner, deck: Deck, to_job: Callable[[Deck], Job]) -> dict[str, Plot]:
    """The plots, with looser tolerances where ngspice does not reach tight ones."""
    asked = to_job(deck)
    plots = runner.run(asked)
    if len(plots) < len(asked.steps) and deck.options == TIGHT:
        plots = runner.run(to_job(replace(deck, options=OPTIONS)))
    return plots


def _difference(plot: Plot, output: tuple[str, str]) -> NDArray[np.complex128]:
    """The voltage between the nodes of the output."""
    plus, minus = (plot[f"v({node})".lower()] if node != "0" else 0.0 for node in output)
    return np.asarray(plus - minus, dtype=np.complex128)


def _close(runners: list[Runner]) -> None:
    for runner in runners:
        runner.close()
