"""Best score after so many simulations, for every sizer: ``python -m eyas.bench.sizing``.

Every sizer sizes both transimpedance amplifiers of L2DC with ten seeds. Every finished run is stored, so
that the benchmark, which takes hours, goes on where it was interrupted; once all runs are there it takes
seconds. Each run's best design is simulated again, with its poles, and in ngspice.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from numpy.typing import NDArray

from ..agents.sizing.registry import make_sizer
from ..agents.sizing.run import run_sizer
from ..agents.sizing.sign_off import compare
from ..agents.sizing.simulators import make_simulator
from ..bounds import Seed, check, whole
from ..envs.circuit.problem import SizingProblem
from ..envs.circuit.spec import find_spec
from ..errors import InputError
from ..files import atomic_write
from ..policies.state_file import read_tree, tree_bytes
from .table import Measurement

SPECS = ("two-stage-tia", "three-stage-tia")
BUDGETS = {
    "cma-es": 40_000,
    "eyas": 40_000,
    "l2dc": 40_000,
    "differential-evolution": 40_000,
    "random": 40_000,
    "tpe": 1_000,
    "gaussian-process": 500,
}
"""Simulations of a run of each sizer; the last two take ever longer over each one."""
MARKS = (100, 200, 500, 1_000, 5_000, 40_000)
"""Simulations after which the best score is told."""
FOLDER = Path("runs/bench_sizing")
SEEDS = 10
_PEER = "cma-es"
_KIND, _VERSION = "eyas sizing benchmark run", 1


@dataclass(frozen=True, kw_only=True)
class SizingBenchConfig:
    """Size both transimpedance amplifiers with every sizer, and tell the best scores."""

    sizers: tuple[str, ...] = tuple(BUDGETS)
    """Which ones."""
    specs: tuple[str, ...] = SPECS
    """What they have to reach."""
    seeds: Annotated[int, whole(2, 1000)] = SEEDS
    """Runs of each."""
    seed: Seed = 0
    """Of the first run; the others count up from it."""
    folder: Path = FOLDER
    """Where finished runs are kept."""
    stored: bool = False
    """Tell what is stored and run nothing."""


@dataclass(frozen=True)
class Outcome:
    """A finished run."""

    best_so_far: NDArray[np.float64]
    """Shape ``(budget,)``."""
    design: NDArray[np.float64]
    """The best one, all variables of the topology."""
    feasible: bool
    """Whether it meets all limits."""
    seconds: float
    """Wall time."""


@dataclass(frozen=True)
class Row:
    """One sizer on one circuit after so many simulations."""

    spec: str
    sizer: str
    simulations: int
    runs: int
    mean: float
    deviation: float
    """Standard deviation over the runs."""
    lowest: float
    highest: float
    feasible: int
    """Runs that have a design that meets all limits."""


@dataclass(frozen=True)
class SignedOff:
    """The winning designs of one sizer on one circuit: the best one of each run, if it is feasible."""

    spec: str
    sizer: str
    winners: int
    stable: int
    """Those with all poles in the left half-plane."""
    ngspice: int | None
    """Those that ngspice finds stable, feasible and the same in all metrics; None: it is missing."""
    seconds: float
    """Mean wall time of a run."""


def measure(seconds: float, seed: int) -> Iterator[Measurement]:
    """Mean best scores of ten runs; runs that ``runs/bench_sizing`` has are not repeated.

    Args:
        seconds: unused: the runs have budgets of simulations.
        seed: of the first run.
    """
    reference: dict[tuple[str, int], float] = {}
    for row in results(SizingBenchConfig(seed=seed)):
        if isinstance(row, SignedOff):
            signed = row.stable if row.ngspice is None else row.ngspice
            by = "stable" if row.ngspice is None else "stable and signed off in ngspice"
            unit = f"of {row.winners} winners {by}"
            yield Measurement(f"{row.spec}, {row.sizer}, winning designs", signed, unit)
            continue
        at = row.spec, row.simulations
        if row.sizer == _PEER:
            reference[at] = row.mean
        known = row.sizer != _PEER and at in reference
        yield Measurement(
            name=f"{row.spec}, {row.sizer}, {row.simulations:,} simulations",
            value=row.mean,
            unit=f"score, sd {row.deviation:.3g} of {row.runs} runs",
            peer=_PEER if known else "",
            peer_value=reference[at] if known else None,
            ratio=row.mean / reference[at] if known and min(row.mean, reference[at]) > 0 else None,
        )


def results(config: SizingBenchConfig) -> Iterator[Row | SignedOff]:
    """Run what is not stored yet and tell each sizer's rows as soon as they are complete.

    Raises:
        InputError: a sizer or spec does not exist, or a stored run is corrupt.
    """
    for sizer in config.sizers:
        if sizer not in BUDGETS:
            raise InputError(f"sizer {sizer!r} does not exist; there are: {', '.join(BUDGETS)}")
    for sizer in config.sizers:
        for spec in config.specs:
            outcomes = list(_outcomes(config, sizer, spec))
            if len(outcomes) > 1:
                yield from _rows(sizer, spec, outcomes)
                yield _sign_off(sizer, spec, outcomes)


def _outcomes(config: SizingBenchConfig, sizer: str, spec: str) -> Iterator[Outcome]:
    """The runs of one sizer on one circuit; with ``stored``, those that are there."""
    budget = BUDGETS[sizer]
    for seed in range(config.seed, config.seed + config.seeds):
        path = config.folder / spec / f"{sizer}-{budget}-seed{seed}.safetensors"
        if path.exists():
            yield _read(path)
        elif not config.stored:
            print(f"{spec}, {sizer}, seed {seed}: {budget:,} simulations", file=sys.stderr, flush=True)
            yield _run(path, sizer, spec, budget, seed)


def _run(path: Path, sizer: str, spec: str, budget: int, seed: int) -> Outcome:
    problem = _problem(spec)
    history = run_sizer(make_sizer(sizer, problem, seed, budget), problem, budget)
    tree = {
        "scores": history.scores,
        "feasible": history.feasible,
        "best_design": history.best_design,
        "seconds": history.seconds,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, tree_bytes(_KIND, _VERSION, tree))
    return _read(path)


def _read(path: Path) -> Outcome:
    tree = read_tree(path, _KIND, _VERSION)
    scores = tree["scores"]
    return Outcome(
        best_so_far=np.maximum.accumulate(scores),
        design=tree["best_design"],
        feasible=bool(tree["feasible"][np.argmax(scores)]),
        seconds=float(tree["seconds"]),
    )


def _rows(sizer: str, spec: str, outcomes: Sequence[Outcome]) -> Iterator[Row]:
    for mark in MARKS:
        if mark > BUDGETS[sizer]:
            break
        best = np.array([outcome.best_so_far[mark - 1] for outcome in outcomes])
        yield Row(
            spec=spec,
            sizer=sizer,
            simulations=mark,
            runs=len(best),
            mean=float(best.mean()),
            deviation=float(best.std(ddof=1)),
            lowest=float(best.min()),
            highest=float(best.max()),
            feasible=int((best > 0).sum()),  # with L2DC's score all others are at most 0
        )


def _sign_off(sizer: str, spec: str, outcomes: Sequence[Outcome]) -> SignedOff:
    problem = _problem(spec)
    designs = [outcome.design for outcome in outcomes if outcome.feasible]
    stable, signed = 0, None
    if designs:
        ours = [problem.simulator.simulate(design[None]) for design in designs]
        stable = sum(int(result.column("stable")[0] == 1) for result in ours)
        twin = _twin(spec)
        if twin is not None:
            theirs = [twin.simulate(design[None]) for design in designs]
            signed = sum(
                int(compare(problem.spec, own, other).passed and other.column("stable")[0] == 1)
                for own, other in zip(ours, theirs, strict=True)
            )
    seconds = float(np.mean([outcome.seconds for outcome in outcomes]))
    return SignedOff(spec, sizer, len(designs), stable, signed, seconds)


@cache
def _problem(spec: str) -> SizingProblem:
    found = find_spec(spec)
    return SizingProblem(found.topology, found)


@cache
def _twin(spec: str) -> Any:
    """The twin of this circuit; None, and the reason on standard error, where ngspice is missing."""
    try:
        return make_simulator(find_spec(spec).topology, "ngspice")
    except InputError as error:
        print(f"no sign-off in ngspice: {error}", file=sys.stderr)
        return None


def main() -> int:
    """Run the benchmark with options and print a JSON object per row."""
    try:
        config = tyro.cli(SizingBenchConfig, description=__doc__)
        check(config, option="--")
        for row in results(config):
            print(json.dumps(dataclasses.asdict(row)), flush=True)
    except InputError as error:
        print(f"eyas: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
