"""``eyas size``: search for the sizes of a circuit, check the best ones, and report.

The run folder, besides what every run has (:mod:`eyas.runs`)::

    runs/three-stage-tia-eyas-20260131-120000/
    ├── sized.cir        the sized netlist as a SPICE deck
    ├── report.html      tables and figures, in one file
    ├── report.json      the same numbers
    └── figures/
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import yaml
from rich.console import Console
from threadpoolctl import threadpool_limits

from ...envs.circuit.problem import SizingProblem
from ...envs.circuit.simulator import Simulator
from ...envs.circuit.spec import SPECS, Spec, find_spec
from ...envs.circuit.topology import TOPOLOGIES, find_topology
from ...errors import InputError
from ...files import atomic_write
from ...records import from_json, to_json
from ...runs import Run
from ..job_control import StopRequest
from .assessment import assess
from .registry import make_sizer
from .report import DECK, write_report
from .sign_off import sign_off
from .simulators import make_simulator
from .size_config import SizeConfig, resumed_config, sizers_of
from .size_tables import corners_table, search_table, sizes_table, spec_table
from .sizing_run import SizingRun

JOB = "size"
SPEC = "spec.yaml"
"""In the run folder: the spec as it was when the run began."""
_WIDTH = 130  # of tables where standard output is no terminal


def size(config: SizeConfig) -> int:
    """Size a circuit, or go on with a run.

    SIGINT and SIGTERM end it after the batch at hand, with a checkpoint.

    Returns:
        0 when all is done, 128 + the signal's number when a signal ended it.

    Raises:
        InputError: a setting, the spec or a folder cannot be used, or ngspice is asked for and missing;
            nothing has been written then.
    """
    given = from_json(SizeConfig, to_json(config))
    command = [Path(sys.argv[0]).name, *sys.argv[1:]]
    with threadpool_limits(1, user_api="blas"):
        if given.resume is not None:
            with Run.open(given.resume, write=True) as run:
                going_on = resumed_config(given, stored_config(run))
                problem = make_problem(going_on, _stored_spec(run, going_on))
                run.note_resume(going_on, command)
                return _work(run, going_on, problem)
        problem = make_problem(given, read_spec(given))
        names = sizers_of(given)
        for (
            name
        ) in names:  # one that cannot have this budget or problem is refused before the folder is made
            make_sizer(name, problem, given.seed, given.simulations)
        folder = given.out or Path("runs") / (
            f"{given.topology}-{given.agent}-{time.strftime('%Y%m%d-%H%M%S')}"
        )
        with Run.create(folder, given, command, job=JOB) as run:
            atomic_write(run.folder / SPEC, yaml.safe_dump(problem.spec.to_dict(), sort_keys=False))
            return _work(run, given, problem)


def read_spec(config: SizeConfig) -> Spec:
    """The spec that the config names: of a file, one that comes along, or the topology's own.

    Raises:
        InputError: there is none, or it is not valid.
    """
    if config.topology is None:
        raise InputError(f"topology is missing; there are: {', '.join(TOPOLOGIES)}")
    topology = find_topology(config.topology)
    if config.spec is None:
        if topology.name not in SPECS:
            raise InputError(
                f"spec is missing: {topology.name} has none of its own, give a YAML file with --spec"
            )
        return find_spec(topology.name)
    if config.spec in SPECS and not Path(config.spec).is_file():
        return find_spec(config.spec)
    return Spec.read(config.spec)


def make_problem(config: SizeConfig, spec: Spec) -> SizingProblem:
    """What is sized, by the simulator of the config.

    Raises:
        InputError: the spec is another topology's, or ngspice is asked for and missing.
    """
    topology = find_topology(config.topology or spec.topology.name)
    simulator = make_simulator(topology, config.simulator, threads=config.threads)
    return SizingProblem(topology, spec, simulator=simulator)


def stored_config(run: Run) -> SizeConfig:
    """The config of a run of this command.

    Raises:
        InputError: the run is another job's, or its config is not of this version.
    """
    if run.record["job"] != JOB:
        raise InputError(f"run folder {run.folder} is a {run.record['job']!r} run, expected {JOB!r}")
    return run.config_as(SizeConfig)


def _stored_spec(run: Run, config: SizeConfig) -> Spec:
    """As it was when the run began; a run killed before it was noted has done nothing yet."""
    path = run.folder / SPEC
    return Spec.read(path) if path.is_file() else read_spec(config)


def _work(run: Run, config: SizeConfig, problem: SizingProblem) -> int:
    sizing = SizingRun(
        run, problem, sizers_of(config), config.simulations, config.seed, quiet=config.quiet
    )
    with StopRequest() as stop:
        signal = sizing.search(stop)
    if signal is not None:
        print(
            f"Stopped after {sizing.simulations:,} simulations; go on with: eyas size --resume {run.folder}"
        )
        return 128 + signal
    if not config.quiet:
        print("Checking the best design and drawing ...", file=sys.stderr, flush=True)
    native = (
        problem.simulator if isinstance(problem.simulator, Simulator) else Simulator(problem.topology)
    )
    assessment = assess(problem.spec, sizing.histories[config.agent].best_design, native)
    signed = sign_off(assessment)
    page = write_report(run, problem, sizing.histories, assessment, signed)
    run.finish()
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    for table in (
        spec_table(assessment),
        sizes_table(assessment, problem.names),
        search_table(sizing.histories),
        corners_table(assessment),
    ):
        console.print(table)
    print(f"{signed.sentence}.")
    print(f"Netlist: {run.folder / DECK}\nReport: {page}")
    return 0
