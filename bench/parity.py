"""How closely ``WalkerBatch`` follows the real Box2D: ``python -m eyas.bench.parity``.

Two questions, both asked on the same ground, body, initial force and actions:

* the first steps: how far do hull pose and joint angles part (:func:`compare`)? Beside it stands how
  far the real Box2D parts from itself when the walker starts a hundredth of a millimetre further on.
* long rollouts: do returns, distances and falls agree
  (:func:`roll_out_batch`, :func:`roll_out_twin`, :func:`agreement_tests`)?
"""

from __future__ import annotations

import functools
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import scipy.stats
import tyro
from numpy.typing import NDArray

from ..agents.play import check_fit
from ..bounds import Seed, check, whole
from ..envs.walker.bodies import Body
from ..envs.walker.bodies_teachmyagent import BODIES, make_body
from ..envs.walker.box2d_twin import Box2DTwin
from ..envs.walker.env import WalkerBatch
from ..errors import InputError
from ..policies.policy import Policy, load_policy

Actions = Literal["random", "smooth"]
Solver = Literal["fast", "box2d"]
Floats = NDArray[np.float64]
Control = Callable[[NDArray[np.float32], int], NDArray[np.float32]]
"""Observations (N, size) and the number of the step -> actions (N, size)."""

TOLERANCE = 1e-2
"""Of the first steps: metres and radians."""
FIRST_STEPS = 50
NUDGE = 1e-5
"""Metres; a thousandth of the tolerance, and what ours has lost to rounding after one step."""


def open_loop(kind: Actions, copies: int, size: int, seed: int) -> Control:
    """Actions that do not look at the observation; the same ones whenever made with the same seed.

    Args:
        kind: "random" draws every action uniformly; "smooth" is one sine per joint with its own
            amplitude (0.3 to 1), frequency (0.5 to 2.5 Hz) and phase, as a gait would be.
        copies: rows of actions.
        size: action components.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    if kind == "random":
        return lambda _, __: rng.uniform(-1, 1, (copies, size)).astype(np.float32)
    shape = (copies, size)
    amplitude, phase = rng.uniform(0.3, 1.0, shape), rng.uniform(0.0, 2 * math.pi, shape)
    pulse = 2 * math.pi * rng.uniform(0.5, 2.5, shape) / 50
    return lambda _, step: (amplitude * np.sin(pulse * step + phase)).astype(np.float32)


def make_batch(
    body: str | Body, terrain: str, copies: int, seed: int, solver: Solver = "box2d"
) -> WalkerBatch:
    """A reset batch, every copy with a task of its own drawn uniformly."""
    batch = WalkerBatch(copies, terrain=terrain, body=body, solver=solver)
    rng = np.random.default_rng(seed)
    batch.reset(seed=seed, tasks=batch.task_space.sample(rng, copies))
    return batch


def make_twins(batch: WalkerBatch, nudge: float = 0.0) -> list[Box2DTwin]:
    """One twin per copy, on its ground and body, reset with its initial force.

    Args:
        batch: must not have been stepped since its reset.
        nudge: start the walkers this far to the right (m).
    """
    parts = [replace(p, position=(p.position[0] + nudge, p.position[1])) for p in batch.body.parts]
    body = replace(batch.body, parts=tuple(parts))
    twins = []
    for copy in range(batch.num_envs):
        twin = Box2DTwin(body, batch.ground, copy)
        twin.reset(float(batch.initial_force[copy]))
        twins.append(twin)
    return twins


class Comparison(NamedTuple):
    """Largest difference of hull pose (m, rad) and joint angles (rad), shape ``(cases, steps)``."""

    ours: Floats
    """Between ``WalkerBatch`` and the twin."""
    itself: Floats
    """Between the twin and a twin that starts :data:`NUDGE` further to the right, which is taken off its
    positions: what small errors do in the real Box2D."""


def compare(
    body: str | Body,
    terrain: str,
    cases: int,
    steps: int = FIRST_STEPS,
    *,
    actions: Actions | Control = "random",
    solver: Solver = "box2d",
    seed: int = 0,
) -> Comparison:
    """Step ours and the twin side by side on random tracks of one family.

    The physics goes on past the end of an episode: a fallen walker is compared like any other.
    """
    batch = make_batch(body, terrain, cases, seed, solver)
    twins = make_twins(batch)
    others = make_twins(batch, NUDGE)
    control = actions
    if not callable(control):
        control = open_loop(control, cases, batch.body.action_size, seed)
    ours, itself = np.zeros((cases, steps)), np.zeros((cases, steps))
    for step in range(steps):
        given = control(batch.observations, step)
        batch.step(given, autoreset=False)
        for copy, (twin, other) in enumerate(zip(twins, others, strict=True)):
            twin.step(given[copy])
            other.step(given[copy])
            expected = _pose(twin.part_poses()[0], twin.joint_angles())
            here = _pose(batch.part_poses(copy)[0], batch.joint_angles(copy))
            ours[copy, step] = np.abs(here - expected).max()
            nudged = _pose(other.part_poses()[0] - (NUDGE, 0, 0), other.joint_angles())
            itself[copy, step] = np.abs(nudged - expected).max()
    return Comparison(ours, itself)


def _pose(hull: NDArray[Any], joints: NDArray[Any]) -> Floats:
    return np.concatenate([hull, joints]).astype(np.float64)


def share_within(deviation: Floats, tolerance: float = TOLERANCE) -> float:
    """The share of cases that stay within the tolerance at every step; ``deviation``: (cases, steps)."""
    return float((deviation.max(axis=1) < tolerance).mean())


class Rollouts(NamedTuple):
    """One episode per copy, arrays of shape ``(episodes,)``."""

    returns: Floats
    distances: Floats
    """Of the hull from start to end (m)."""
    falls: NDArray[np.bool_]
    """Whether the episode ended with reward -100."""
    lengths: NDArray[np.int64]
    """Steps."""


def roll_out_batch(batch: WalkerBatch, control: Control) -> Rollouts:
    """Run the running episode of every copy to its end."""
    count = batch.num_envs
    start = np.array([batch.part_poses(copy)[0, 0] for copy in range(count)], np.float64)
    result = _no_rollouts(count)
    running = np.ones(count, np.bool_)
    step = 0
    while running.any():
        _, rewards, terminated, truncated, _ = batch.step(
            control(batch.observations, step), autoreset=False
        )
        result.returns[running] += rewards[running]
        result.lengths[running] += 1
        for copy in np.flatnonzero(running & (terminated | truncated)).tolist():
            result.distances[copy] = batch.part_poses(copy)[0, 0] - start[copy]
            result.falls[copy] = rewards[copy] == -100
        running &= ~(terminated | truncated)
        step += 1
    return result


def roll_out_twin(batch: WalkerBatch, control: Control) -> Rollouts:
    """The same episodes in the real Box2D: call it before ``batch`` moves on from its reset."""
    count = batch.num_envs
    twins = make_twins(batch)
    start = np.array([twin.part_poses()[0, 0] for twin in twins])
    result = _no_rollouts(count)
    observations = batch.observations.copy()
    running = np.ones(count, np.bool_)
    for step in range(batch.max_episode_steps):
        actions = control(observations, step)
        for copy in np.flatnonzero(running).tolist():
            observations[copy], reward, terminated = twins[copy].step(actions[copy])
            result.returns[copy] += reward
            result.lengths[copy] += 1
            if terminated or step + 1 == batch.max_episode_steps:
                result.distances[copy] = twins[copy].part_poses()[0, 0] - start[copy]
                result.falls[copy] = reward == -100
                running[copy] = False
        if not running.any():
            break
    return result


def _no_rollouts(count: int) -> Rollouts:
    return Rollouts(
        np.zeros(count), np.zeros(count), np.zeros(count, np.bool_), np.zeros(count, np.int64)
    )


def agreement_tests(ours: Rollouts, twin: Rollouts) -> dict[str, float]:
    """P-values that both simulators give the same returns, distances and falls.

    Episode k is the same track, force and policy in both, so the means are compared by the paired
    t-test and the falls by McNemar's exact test; the whole distributions by Kolmogorov and
    Smirnov's two-sample test.
    """
    tests: dict[str, float] = {}
    for name in ("returns", "distances"):
        a, b = getattr(ours, name), getattr(twin, name)
        mean = float(scipy.stats.ttest_rel(a, b).pvalue)
        # NaN: the difference is the same in all episodes, nothing or certainly something.
        tests[f"{name}_mean"] = float(np.array_equal(a, b)) if math.isnan(mean) else mean
        tests[f"{name}_distribution"] = float(scipy.stats.ks_2samp(a, b, method="asymp").pvalue)
    only_ours = int((ours.falls & ~twin.falls).sum())
    only_twin = int((twin.falls & ~ours.falls).sum())
    differing = only_ours + only_twin
    tests["falls"] = float(scipy.stats.binomtest(only_ours, differing).pvalue) if differing else 1.0
    return tests


@dataclass(frozen=True, kw_only=True)
class ParityConfig:
    """Compare the walker's physics with the real Box2D: one JSON object per line."""

    cases: Annotated[int, whole(2, 100_000)] = 100
    """Cases of the first steps, and episodes of the long rollouts, per body, terrain and actions."""
    bodies: tuple[str, ...] = tuple(BODIES)
    """Walker bodies."""
    terrains: tuple[str, ...] = ("plain", "stump-tracks", "hexagon-tracks")
    """Terrain families."""
    policy: Path | None = None
    """Policy file; its actions replace the random and smooth ones."""
    solver: Solver = "box2d"
    """Solver of ours."""
    seed: Seed = 0
    """Seed of tracks, forces and actions."""
    table: Path | None = None
    """Measure nothing; print what an earlier run wrote to this file as a table, one row per body."""


def measure_parity(config: ParityConfig) -> Iterator[dict[str, Any]]:
    """One row of figures per body, terrain and kind of actions.

    Raises:
        InputError: there is no such body or terrain, the policy file cannot be used, or Box2D is not
            installed.
    """
    kinds: tuple[Actions | Policy, ...] = ("random", "smooth")
    if config.policy is not None:
        kinds = (load_policy(config.policy),)
    for body in config.bodies:
        for terrain in config.terrains:
            for kind in kinds:
                yield _measure_one(config, body, terrain, kind)


def _measure_one(
    config: ParityConfig, body: str, terrain: str, kind: Actions | Policy
) -> dict[str, Any]:
    seed = config.seed

    def control(seed: int) -> Control:
        if isinstance(kind, Policy):
            return lambda observations, _: kind(observations)
        return open_loop(kind, config.cases, make_body(body).action_size, seed)

    if isinstance(kind, Policy):
        check_fit(make_batch(body, terrain, 1, seed, config.solver), kind)
    comparison = compare(
        body, terrain, config.cases, actions=control(seed), solver=config.solver, seed=seed
    )
    worst = comparison.ours.max(axis=1)
    batch = make_batch(body, terrain, config.cases, seed + 1, config.solver)
    twin = roll_out_twin(batch, control(seed + 1))
    ours = roll_out_batch(batch, control(seed + 1))
    return {
        "body": body,
        "terrain": terrain,
        "actions": kind if isinstance(kind, str) else str(config.policy),
        "solver": config.solver,
        "cases": config.cases,
        "seed": seed,
        "within_tolerance": share_within(comparison.ours),
        "box2d_within_tolerance_of_itself": share_within(comparison.itself),
        "deviation_quantiles": np.quantile(worst, (0.5, 0.9, 0.95, 0.99)).tolist(),
        "ours": _summary(ours),
        "twin": _summary(twin),
        "p_values": agreement_tests(ours, twin),
    }


def _summary(rollouts: Rollouts) -> dict[str, float]:
    root = math.sqrt(len(rollouts.returns))
    return {
        "return": float(rollouts.returns.mean()),
        "return_error": float(rollouts.returns.std(ddof=1) / root),
        "distance": float(rollouts.distances.mean()),
        "distance_error": float(rollouts.distances.std(ddof=1) / root),
        "falls": float(rollouts.falls.mean()),
        "length": float(rollouts.lengths.mean()),
    }


def summary_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: one line per body, averaged over terrains and kinds of actions."""
    lines = [
        "| body | cases | within 1e-2 for 50 steps | Box2D nudged | return, ours / Box2D"
        " | distance (m), ours / Box2D | falls, ours / Box2D | smallest of the p-values |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for body in dict.fromkeys(row["body"] for row in rows):
        chosen = [row for row in rows if row["body"] == body]

        def mean(*keys: str, chosen: Sequence[Mapping[str, Any]] = chosen) -> float:
            return float(np.mean([functools.reduce(lambda d, k: d[k], keys, row) for row in chosen]))

        p_values = [p for row in chosen for p in row["p_values"].values()]
        lines.append(
            f"| `{body}` | {sum(row['cases'] for row in chosen)} | {mean('within_tolerance'):.1%}"
            f" | {mean('box2d_within_tolerance_of_itself'):.1%}"
            f" | {mean('ours', 'return'):.1f} / {mean('twin', 'return'):.1f}"
            f" | {mean('ours', 'distance'):.2f} / {mean('twin', 'distance'):.2f}"
            f" | {mean('ours', 'falls'):.1%} / {mean('twin', 'falls'):.1%}"
            f" | {min(p_values):.2g} of {len(p_values)} |"
        )
    return "\n".join(lines)


def _read_rows(path: Path) -> list[dict[str, Any]]:
    try:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    except OSError:
        raise InputError(f"cannot read {path}") from None
    except ValueError:
        raise InputError(f"{path} does not hold one JSON object per line") from None
    if not all(isinstance(row, dict) and "p_values" in row for row in rows):
        raise InputError(f"{path} was not written by this benchmark")
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it from the command line; returns the exit code."""
    config = tyro.cli(ParityConfig, prog="python -m eyas.bench.parity", args=arguments)
    try:
        check(config, option="--")
        if config.table is not None:
            print(summary_table(_read_rows(config.table)))
            return 0
        for row in measure_parity(config):
            print(json.dumps(row), flush=True)
    except InputError as error:
        print(f"eyas: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
