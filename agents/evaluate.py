"""``eyas evaluate``: test a trained walker again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from ..envs.tasks import TaskSpace
from ..errors import InputError
from ..policies.policy import load_policy
from ..records import from_json, to_json
from ..runs import Run
from .config import EvaluateConfig
from .curriculum_run import BEST_POLICY, POLICY
from .play import Played, play, play_batch
from .train_walker import stored_config, world_of
from .world import TEST_SEED, World


def evaluate(config: EvaluateConfig) -> int:
    """Play the test set (or uniform tasks) with a run's policy and print the result.

    With the run's own solver, seed 0 and as many episodes as the test set has tasks this repeats the
    run's test episode by episode.

    Raises:
        InputError: the run has no policy yet, or a setting cannot be used.
    """
    config = from_json(EvaluateConfig, to_json(config))
    with Run.open(config.run) as run:
        stored = stored_config(run)
    path = run.folder / (BEST_POLICY if config.policy == "best" else POLICY)
    if not path.is_file():
        raise InputError(f"run folder {run.folder} has no {path.name} yet; train it further first")
    policy = load_policy(path)
    with threadpool_limits(1, user_api="blas"):
        world = world_of(stored, config.solver)
        tasks = _tasks(config, world)
        if config.tracks == "test-set" and config.episodes == len(world.test_tasks):
            batch = world.make_batch(len(tasks))
            played = play_batch(batch, policy, tasks, seed=TEST_SEED + config.seed)
        else:
            played = play(world.make_batch, policy, tasks, seed=config.seed)
    result = summarise(played, world.mastered_return) | {
        "run": str(run.folder),
        "policy": config.policy,
        "trained_steps": policy.metadata.get("origin", {}).get("steps"),
        "terrain": stored.terrain,
        "body": stored.body,
        "solver": config.solver or stored.solver,
        "tracks": config.tracks,
        "seed": config.seed,
    }
    if config.json:
        print(json.dumps(result))
    else:
        _print_table(result, played, tasks, world)
    return 0


def summarise(played: Played, mastered_return: float) -> dict[str, Any]:
    """Means and shares over episodes: ``mastered`` is the share above ``mastered_return``."""
    returns = played.returns
    return {
        "episodes": len(returns),
        "mastered": float((returns > mastered_return).mean()),
        "mean_return": float(returns.mean()),
        "std_return": float(returns.std(ddof=1)) if len(returns) > 1 else 0.0,
        "min_return": float(returns.min()),
        "max_return": float(returns.max()),
        "mean_length": float(played.lengths.mean()),
    }


def _tasks(config: EvaluateConfig, world: World) -> NDArray[np.float64]:
    if config.tracks == "test-set":
        return np.resize(world.test_tasks, (config.episodes, world.test_tasks.shape[1]))
    space: TaskSpace = world.make_batch(1).task_space
    return space.sample(np.random.default_rng(config.seed), config.episodes)


def _print_table(
    result: Mapping[str, Any], played: Played, tasks: NDArray[np.float64], world: World
) -> None:
    names = [entry["name"] for entry in world.description["task_space"]][:2]
    console = Console()
    table = Table(title=f"{result['run']}: {world.title}, {result['solver']} physics")
    for name in (*names, "episodes", "mastered", "mean return"):
        table.add_column(name, justify="right")
    # Thirds of the first parameter say where it fails without a line per track.
    edges = np.quantile(tasks[:, 0], [0, 1 / 3, 2 / 3, 1])
    for low, high in pairwise(edges):
        inside = (tasks[:, 0] >= low) & (
            tasks[:, 0] < high if high < edges[-1] else tasks[:, 0] <= high
        )
        if inside.any():
            second = tasks[inside, 1] if len(names) > 1 else None
            table.add_row(
                f"{low:.2f} to {high:.2f}",
                *([] if second is None else [f"{second.min():.2f} to {second.max():.2f}"]),
                str(int(inside.sum())),
                f"{(played.returns[inside] > world.mastered_return).mean():.0%}",
                f"{played.returns[inside].mean():.1f}",
            )
    table.add_section()
    table.add_row(
        *["all"] + [""] * (len(names) - 1),
        str(result["episodes"]),
        f"{result['mastered']:.0%}",
        f"{result['mean_return']:.1f}",
    )
    console.print(table)
    console.print(
        f"mastered: return above {world.mastered_return:g}; returns {result['min_return']:.1f} to"
        f" {result['max_return']:.1f}, standard deviation {result['std_return']:.1f};"
        f" {result['mean_length']:.0f} steps per episode",
        highlight=False,
    )
