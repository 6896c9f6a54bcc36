"""``eyas raptor evaluate``: fly a policy through all protocols and print the table."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from threadpoolctl import threadpool_limits

from ...bounds import check
from ...envs.quadrotor.evaluation.own_simulator import OwnSimulator
from ...envs.quadrotor.evaluation.protocols import PROTOCOLS, QUICK
from ...errors import InputError
from ...files import atomic_write
from ...policies.quadrotor_policy import SHIPPED, load_quadrotor_policy
from ...policies.recurrent_policy import RecurrentPolicy
from .evaluate_config import EvaluateConfig, SimulatorName
from .evaluate_table import print_tables
from .evaluation import MakeSimulator, evaluate_named, evaluate_unseen, total_steps, unseen
from .l2f_simulator import L2fSimulator
from .published import published_policy

_SEEDS = 4


def evaluate(config: EvaluateConfig) -> int:
    """Evaluate as the command line does.

    Raises:
        InputError: the policy cannot be read or is for another world, a package that was asked for is
            not installed, or a setting is out of its range.
    """
    check(config)
    if config.json is not None and not config.json.parent.is_dir():
        raise InputError(f"json = {config.json}: there is no folder {config.json.parent}")
    policies = {"ours": load_quadrotor_policy(config.policy or SHIPPED)}
    simulator_name: SimulatorName = config.simulator or ("l2f" if find_spec("l2f") else "ours")
    both = config.published == "yes"
    if config.published == "auto":
        both = not config.quick and find_spec("foundation_policy") is not None
    if both:
        policies["published"] = published_policy()
    with threadpool_limits(1, user_api="blas"):
        result = _evaluate(config, simulator_name, policies)
    result["policy"] = str(config.policy or SHIPPED.name)
    if config.json is not None:
        atomic_write(config.json, (json.dumps(result, indent=1) + "\n").encode())
    print_tables(result)
    return 0


def _evaluate(
    config: EvaluateConfig, simulator_name: SimulatorName, policies: dict[str, RecurrentPolicy]
) -> dict[str, Any]:
    """All figures as JSON values."""
    names = QUICK if config.quick else tuple(PROTOCOLS)
    seeds = 1 if config.quick else _SEEDS
    make: MakeSimulator = L2fSimulator if simulator_name == "l2f" else OwnSimulator
    sample = unseen(config.count, config.seed)
    simulator = make(sample.airframes)
    policies_results: dict[str, Any] = {}
    steps = len(policies) * total_steps(names, seeds, named=not config.quick)
    with _progress(config.quiet) as bar:
        task = bar.add_task("flying", total=steps)

        def advance(done: int) -> None:
            bar.advance(task, done)

        for name, policy in policies.items():
            bar.update(task, description=name)
            found = evaluate_unseen(policy, sample, simulator, names, seeds=seeds, progress=advance)
            if not config.quick:
                found["named"] = evaluate_named(policy, make, seeds=seeds, progress=advance)
            found["parameters"] = policy.parameter_count
            policies_results[name] = found
    return {
        "simulator": simulator_name,
        "count": config.count,
        "seed": config.seed,
        "policies": policies_results,
    }


def _progress(quiet: bool) -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )


def _main(function: Callable[[EvaluateConfig], int]) -> int:
    """``python -m eyas.agents.raptor.evaluate``."""
    import tyro

    try:
        return function(tyro.cli(EvaluateConfig))
    except InputError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(_main(evaluate))
