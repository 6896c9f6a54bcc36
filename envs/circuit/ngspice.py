"""The twin: the same designs simulated by ngspice, with the same results.

ngspice runs the deck of :mod:`.deck` and hands over raw vectors; the metrics are computed from them in
:mod:`.measure`. It runs as a subprocess (one for each design) or as a shared library in a child process
(:mod:`.libngspice`). A user's own transistor models work here.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from .conditions import TYPICAL, Corner
from .deck import OPTIONS, TIGHT, Deck, ModelCards, spice_name
from .expressions import Expression
from .measure import (
    disturbance_metrics,
    noise_metrics,
    noise_totals,
    pole_metrics,
    poles_from_impedances,
    region,
    response_metrics,
)
from .netlist import Inductor, Mosfet, Resistor, VoltageSource
from .results import DEVICE_COLUMNS, Results, metric_names
from .topology import Topology

Numbers = NDArray[np.float64]
Plot = dict[str, NDArray[np.complex128] | Numbers]
"""Vectors by name, lower case."""

OK, BAD_DESIGN, NO_OPERATING_POINT, NOT_FINITE, FAILED = 0, 1, 2, 4, 5
"""Status, an index into :data:`.results.REASONS`."""
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
_TOTAL = re.compile(r"[vi]\(([io]noise_\w+)\)")


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
            from .libngspice import Library, library_version  # its import needs no library

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
        shares = [range(start, count, self.threads) for start in range(self.threads)]
        rows: list[_Row] = [_Row.empty()] * count
        if self.threads == 1:
            rows = [self._row(deck, self.runners[0], poles) for deck in decks]
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                tasks = [
                    pool.submit(
                        lambda share, runner: [(i, self._row(decks[i], runner, poles)) for i in share],
                        *pair,
                    )
                    for pair in zip(shares, self.runners, strict=True)
                ]
            for task in tasks:
                for place, row in task.result():
                    rows[place] = row
        return self._results(sizes, rows, poles, spectra)

    def _row(self, deck: Deck, runner: Runner, poles: bool) -> _Row:
        """One design, measured or failed."""
        sizes = deck.design[self._sizes]
        if not (np.all(np.isfinite(deck.design)) and np.all(sizes > 0.0)):
            return _Row.failed(BAD_DESIGN, "")
        try:
            plots = runner.run(job(deck))
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
        plots = runner.run(impedance_job(deck, voltages, frequency))
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


class Subprocess:
    """Runs ``ngspice -b``, once for each design, in a folder of its own that is then removed.

    Args:
        timeout: Of one design (s).
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self._said = ""

    def run(self, job: Job) -> dict[str, Plot]:
        """See :class:`Runner`."""
        with tempfile.TemporaryDirectory(prefix="eyas-ngspice-") as name:
            folder = Path(name)
            (folder / "circuit.cir").write_text("\n".join(_script(job)))
            command = [program(), "-n", "-b", "circuit.cir"]
            try:
                done = subprocess.run(
                    command, cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=self.timeout,
                    text=True, errors="replace", check=False,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                raise NgspiceError(f"it took longer than {self.timeout:g} s") from None
            except OSError as error:
                raise NgspiceError(f"it could not be started: {error}") from None
            self._said = complaint([*done.stderr.splitlines(), *done.stdout.splitlines()])
            if done.returncode < 0:
                raise NgspiceError(f"it crashed (signal {-done.returncode})")
            plots = {
                step.name: _read_raw(folder / f"{step.name}.raw")
                for step in job.steps
                if (folder / f"{step.name}.raw").is_file()
            }
            return usable(plots, done.stderr.splitlines())

    def complaint(self) -> str:
        """See :class:`Runner`."""
        return self._said

    def close(self) -> None:
        """Nothing is left running."""


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


def _script(job: Job) -> Iterable[str]:
    """The deck with the commands of the steps; each writes a file of its own."""
    yield from job.circuit
    yield from (".control", "set filetype=binary")
    for step in job.steps:
        yield from step.commands
        yield f"write {step.name}.raw {' '.join(step.vectors) or 'all'}"
    yield from ("quit 0", ".endc", ".end", "")


def _read_raw(file: Path) -> Plot:
    """The vectors of a binary raw file."""
    header, _, data = file.read_bytes().partition(b"Binary:\n")
    lines = header.decode("utf-8", "replace").splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("\t"))
    count, points = int(fields["No. Variables"]), int(fields["No. Points"])
    # The totals of the noise are written like a voltage and a current.
    names = [_TOTAL.sub(r"\1", line.split("\t")[2].lower()) for line in lines[-count:]]
    kind: type = np.complex128 if "complex" in fields["Flags"] else np.float64
    table = np.frombuffer(data, dtype=kind, count=count * points).reshape(points, count)
    return {name: table[:, column].copy() for column, name in enumerate(names)}


def _difference(plot: Plot, output: tuple[str, str]) -> NDArray[np.complex128]:
    """The voltage between the nodes of the output."""
    plus, minus = (plot[f"v({node})".lower()] if node != "0" else 0.0 for node in output)
    return np.asarray(plus - minus, dtype=np.complex128)


def _close(runners: list[Runner]) -> None:
    for runner in runners:
        runner.close()


def program() -> str:
    """Where ngspice is.

    Raises:
        InputError: it is not installed.
    """
    found = shutil.which("ngspice")
    if found is None:
        raise InputError(
            "ngspice is not installed: there is no program 'ngspice' (apt install ngspice)"
        )
    return found


def program_version() -> int:
    """The version of the program, such as 39.

    Raises:
        InputError: it is not installed, or does not tell its version.
    """
    return _version_of(program())


@cache
def _version_of(path: str) -> int:
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, stdin=subprocess.DEVNULL, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{path} does not run: {error}") from None
    version = re.search(rb"ngspice-(\d+)", done.stdout)
    if version is None:
        raise InputError(f"{path} --version does not name an ngspice version")
    return int(version[1])
