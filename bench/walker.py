"""Walker steps per second beside Gymnasium's and EnvPool's, on one core, resets included."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ..envs.walker.env import WalkerBatch
from .table import Measurement

GYMNASIUM = "Gymnasium BipedalWalker-v3"
ENVPOOL = "EnvPool BipedalWalker-v3"
TERRAINS = ("plain", "stump-tracks", "hexagon-tracks")
SOLVERS = ("fast", "box2d")
COPIES = 256
ROUNDS = 5
"""Everybody is measured this often, in turn; the median counts."""
ENVPOOL_COPIES = (1, 8)
"""EnvPool's better one counts."""
WARM_UP = 100
"""Batch steps before the first measurement, so that episodes end at their usual rate."""
_ACTIONS = 64
"""Different rows of random actions, drawn before the clock starts and used in turn."""

Steps = Callable[[], int]
"""Steps everything once and returns how many environment steps that was."""


def measure(seconds: float, seed: int) -> Iterator[Measurement]:
    """Environment steps per CPU-second under random actions, all on the same core.

    Tasks of ours are drawn uniformly, one per copy; the plain terrain is the peers' own. CPU time is
    counted, not wall time, so that other work on the machine disturbs little; ours and the peers take
    turns.

    Args:
        seconds: CPU time for each figure.
        seed: of actions and tasks.
    """
    with one_core():
        names = [(terrain, solver) for terrain in TERRAINS for solver in SOLVERS]
        runners: dict[Any, Steps] = {name: _ours(*name, seed) for name in names}
        gymnasium_runner = _gymnasium(seed)
        if gymnasium_runner is not None:
            runners[GYMNASIUM] = gymnasium_runner
        runners |= _envpool(seed)
        rates = interleaved(runners, seconds / ROUNDS)
    peers = {
        GYMNASIUM: rates.get(GYMNASIUM),
        ENVPOOL: max(
            (rates[ENVPOOL, n] for n in ENVPOOL_COPIES if (ENVPOOL, n) in rates), default=None
        ),
    }
    for terrain, solver in names:
        rate = rates[terrain, solver]
        for peer, theirs in peers.items():
            yield Measurement(
                name=f"{terrain} {solver}",
                value=rate,
                unit="steps/s",
                peer=peer,
                peer_value=theirs,
                ratio=None if theirs is None else rate / theirs,
                install="pip install 'eyas[bench]'",
            )


def interleaved(runners: dict[Any, Steps], seconds: float) -> dict[Any, float]:
    """Steps per CPU-second of everybody: the median over rounds in which each runs ``seconds``."""
    rates: dict[Any, list[float]] = {name: [] for name in runners}
    for _ in range(ROUNDS):
        for name, run in runners.items():
            rates[name].append(_rate(run, seconds))
    return {name: statistics.median(values) for name, values in rates.items()}


def _rate(run: Steps, seconds: float) -> float:
    steps = 0
    start = time.process_time()
    while (spent := time.process_time() - start) < seconds or steps == 0:
        steps += run()
    return steps / spent


@contextmanager
def one_core() -> Iterator[None]:
    """Hold this thread, and the threads it starts, on one core where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _actions(copies: int, seed: int) -> Callable[[], NDArray[np.float32]]:
    """Rows of random actions, shape ``(copies, 4)``, one after the other."""
    rng = np.random.default_rng(seed)
    rows = rng.uniform(-1, 1, (_ACTIONS, copies, 4)).astype(np.float32)
    turn = -1

    def following() -> NDArray[np.float32]:
        nonlocal turn
        turn = (turn + 1) % _ACTIONS
        return rows[turn]

    return following


def _ours(terrain: str, solver: str, seed: int) -> Steps:
    batch = WalkerBatch(COPIES, terrain=terrain, body="default", solver=solver, threads=1)
    tasks = batch.task_space.sample(np.random.default_rng(seed), COPIES)
    if terrain == "plain":
        tasks[:] = batch.task_space.default  # the peers' own roughness
    batch.reset(seed=seed, tasks=tasks)
    actions = _actions(COPIES, seed)
    for _ in range(WARM_UP):
        batch.step(actions())

    def run() -> int:
        batch.step(actions())
        return COPIES

    return run


def _gymnasium(seed: int) -> Steps | None:
    try:
        env = gymnasium.make("BipedalWalker-v3", disable_env_checker=True)
    except gymnasium.error.DependencyNotInstalled:
        return None
    env.reset(seed=seed)
    actions = _actions(1, seed)

    def run() -> int:
        _, _, terminated, truncated, _ = env.step(actions()[0])
        if terminated or truncated:
            env.reset()
        return 1

    return run


def _envpool(seed: int) -> dict[Any, Steps]:
    try:
        import envpool
    except ImportError:
        return {}
    runners: dict[Any, Steps] = {}
    for copies in ENVPOOL_COPIES:
        pool = envpool.make(
            "BipedalWalker-v3", env_type="gymnasium", num_envs=copies, num_threads=1, seed=seed
        )
        pool.reset()
        runners[ENVPOOL, copies] = _envpool_runner(pool, _actions(copies, seed), copies)
    return runners


def _envpool_runner(pool: Any, actions: Callable[[], NDArray[np.float32]], copies: int) -> Steps:
    resetting = 0  # where an episode ended, the next call only resets

    def run() -> int:
        nonlocal resetting
        _, _, terminated, truncated, _ = pool.step(actions())
        stepped = copies - resetting
        resetting = int((terminated | truncated).sum())
        return stepped

    return run
