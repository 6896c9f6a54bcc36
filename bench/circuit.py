"""Circuit designs per second beside ngspice's, as a program and as a shared library."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..envs.circuit.deck import Deck
from ..envs.circuit.libngspice import Library, library_version
from ..envs.circuit.ngspice_job import Job, Runner, Step
from ..envs.circuit.ngspice_program import Subprocess, program
from ..envs.circuit.simulator import Simulator
from ..envs.circuit.topology import Topology, find_topology
from ..errors import InputError
from .table import Measurement
from .walker import ROUNDS, one_core

PROGRAM = "ngspice -b"
LIBRARY = "libngspice"
TARGETS: dict[str, float | None] = {
    "two-stage-tia": 15_000,
    "three-stage-tia": 5_000,
    "two-stage-opamp": None,
}
"""The topologies that are measured, and how many designs a second one core should do."""
PEER_TARGETS = {PROGRAM: 100, LIBRARY: 15}
"""How many times faster ours should be."""
_INSTALL = {PROGRAM: "apt install ngspice", LIBRARY: "apt install libngspice0"}
_BATCH = 1024
_TIMEOUT = 60.0


class Spent(NamedTuple):
    """What some designs took."""

    designs: int
    cpu: float
    """CPU time (s), without what starts and reads the peers."""
    wall: float
    """On the clock (s), with everything."""


Run = Callable[[], Spent]


def measure(seconds: float, seed: int) -> Iterator[Measurement]:
    """Operating point, response and noise of random designs, one core each, all in turn.

    Designs are log-uniform within the topology's bounds, the same for everybody. The peers read a new deck
    for each design, as in a search over sizes; of them the CPU time of ngspice alone is counted. CPU time
    stands for a core of one's own on a machine that is shared; the rates by the clock are beside it.

    Args:
        seconds: Time for each figure, by the clock.
        seed: Of the designs.
    """
    for name, target in TARGETS.items():
        topology = find_topology(name)
        designs = random_designs(topology, _BATCH, seed)
        peers = _peers()
        with one_core():
            runs = {
                "ours": _ours(topology, designs, poles=False),
                "poles": _ours(topology, designs, poles=True),
            }
            runs |= {peer: _peer(topology, designs, *how) for peer, how in peers.items()}
            cpu, wall = interleaved(runs, seconds / ROUNDS)
        for runner, _ in peers.values():
            runner.close()
        goal = "" if target is None else f" (target {target:,.0f})"
        for peer in (PROGRAM, LIBRARY):
            yield _row(f"{name}{goal}", cpu, peer, f"{peer} (target {PEER_TARGETS[peer]}x)")
        for peer in (PROGRAM, LIBRARY):
            yield _row(f"{name}, by the clock", wall, peer, f"{peer}, by the clock")
        yield Measurement(f"{name}, with poles", cpu["poles"], "designs/s")
        yield _all_cores(topology, designs, seconds)
    from .circuit_gradients import measure_gradients  # which takes its designs and its clock from here

    yield from measure_gradients(seconds, seed)


def random_designs(topology: Topology, count: int, seed: int) -> NDArray[np.float64]:
    """Log-uniform within the bounds and on the grid, shape ``(count, variables)``."""
    rng = np.random.default_rng(seed)
    low, high = (
        np.array([getattr(variable, key) for variable in topology.variables]) for key in ("low", "high")
    )
    return topology.snap(low * (high / low) ** rng.uniform(size=(count, len(low))))


def interleaved(runs: dict[str, Run], seconds: float) -> tuple[dict[str, float], dict[str, float]]:
    """Designs per CPU-second and by the clock: medians of rounds in which each runs ``seconds``."""
    cpu: dict[str, list[float]] = {name: [] for name in runs}
    wall: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            spent = [run()]
            while sum(part.wall for part in spent) < seconds:
                spent.append(run())
            designs = sum(part.designs for part in spent)
            cpu[name].append(designs / sum(part.cpu for part in spent))
            wall[name].append(designs / sum(part.wall for part in spent))
    return tuple({name: statistics.median(rates[name]) for name in runs} for rates in (cpu, wall))  # type: ignore[return-value]


def _row(name: str, rates: dict[str, float], peer: str, shown: str) -> Measurement:
    theirs = rates.get(peer)
    return Measurement(
        name=name,
        value=rates["ours"],
        unit="designs/s",
        peer=shown,
        peer_value=theirs,
        ratio=None if theirs is None else rates["ours"] / theirs,
        install=_INSTALL[peer],
    )


def _ours(topology: Topology, designs: NDArray[np.float64], poles: bool, threads: int = 1) -> Run:
    simulator = Simulator(topology, threads=threads)
    simulator.simulate(designs, poles=poles)

    def run() -> Spent:
        cpu, wall = time.process_time(), time.perf_counter()
        simulator.simulate(designs, poles=poles)
        return Spent(len(designs), time.process_time() - cpu, time.perf_counter() - wall)

    return run


def _all_cores(topology: Topology, designs: NDArray[np.float64], seconds: float) -> Measurement:
    """By the clock on all cores, beside one core times their number."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    many = np.tile(designs, (2 * cores, 1))
    runs = {"one": _ours(topology, many, False), "all": _ours(topology, many, False, threads=cores)}
    _, wall = interleaved(runs, seconds / ROUNDS)
    return Measurement(
        name=f"{topology.name}, all cores by the clock",
        value=wall["all"],
        unit="designs/s",
        peer="ours on one core, times the cores",
        peer_value=wall["one"] * cores,
        ratio=wall["all"] / (wall["one"] * cores),
        cores=cores,
    )


def _peers() -> dict[str, tuple[Runner, Callable[[], float]]]:
    """Those that are installed, and how to read their CPU time."""
    found: dict[str, tuple[Runner, Callable[[], float]]] = {}
    with suppress(InputError):
        program()
        found[PROGRAM] = Subprocess(_TIMEOUT), _children
    with suppress(InputError):
        library_version()
        library = Library(_TIMEOUT, lifetime=10**9)  # a restart in the middle would be counted
        found[LIBRARY] = library, lambda: library.cpu_seconds
    return found


def _peer(
    topology: Topology, designs: NDArray[np.float64], runner: Runner, cpu: Callable[[], float]
) -> Run:
    turn = 0

    def run() -> Spent:
        nonlocal turn
        job = analyses(Deck(topology, designs[turn % len(designs)]))
        turn += 1
        before, wall = cpu(), time.perf_counter()
        plots = runner.run(job)
        spent = Spent(1, cpu() - before, time.perf_counter() - wall)
        assert len(plots) == len(job.steps), f"{topology.name}: {runner.complaint()}"
        return spent

    run()
    return run


def analyses(deck: Deck) -> Job:
    """Operating point, response and noise, and no more read than that."""
    output = tuple(f"v({node})" for node in deck.topology.bench.output if node != "0")
    return Job(
        deck.circuit(),
        [
            Step("op", ("op",), tuple(f"v({node})" for node in deck.topology.netlist.nodes)),
            Step("ac", (deck.ac,), output),
            Step("noise", (deck.noise, "setplot noise1"), ("onoise_spectrum", "inoise_spectrum")),
            Step("totals", ("setplot noise2",), ("onoise_total", "inoise_total")),
        ],
    )


def _children() -> float:
    """CPU time of the processes that have ended (s)."""
    times = os.times()
    try:
        import resource
    except ImportError:  # no such module on Windows, where os.times has it
        return times.children_user + times.children_system
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
