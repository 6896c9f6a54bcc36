"""What a policy earns in our walker and in Gymnasium's: ``python -m eyas.bench.transfer POLICY``.

A policy trained in one of the two must earn nearly as much in the other. Both play
``BipedalWalker-v3``: the default body on the plain terrain.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import gymnasium
import numpy as np
import tyro
from numpy.typing import NDArray
from tyro.conf import Positional

from ..agents.play import play
from ..bounds import Seed, check, whole
from ..envs.walker.env import WalkerBatch
from ..envs.walker.terrain import make_terrain
from ..errors import InputError
from ..policies.policy import Policy, load_policy

World = Literal["ours", "gymnasium"]
Solver = Literal["fast", "box2d"]


class Earned(NamedTuple):
    """Returns of one policy in one world."""

    mean: float
    error: float
    """Standard error of the mean."""
    lowest: float
    episodes: int


class Transfer(NamedTuple):
    """What a policy keeps of its return when it leaves the world it was trained in."""

    home: Earned
    away: Earned
    ratio: float
    """Mean return away over mean return at home."""
    ratio_error: float
    """Its standard error, to first order."""


def returns_in_gymnasium(policy: Policy, episodes: int, seed: int) -> NDArray[np.float64]:
    """Returns of the deterministic policy in Gymnasium's BipedalWalker-v3, shape ``(episodes,)``.

    Every episode is played in an environment of its own, seeded ``seed``, ``seed + 1``, ...: in one
    that is used again Box2D orders contacts differently, and the same seed gives other episodes.
    """
    returns = np.zeros(episodes)
    for episode in range(episodes):
        env = gymnasium.make("BipedalWalker-v3", disable_env_checker=True)
        observation, _ = env.reset(seed=seed + episode)
        ended = False
        while not ended:
            observation, reward, terminated, truncated, _ = env.step(policy(observation))
            returns[episode] += float(reward)
            ended = terminated or truncated
    return returns


def returns_in_ours(
    policy: Policy, episodes: int, seed: int, solver: Solver = "fast"
) -> NDArray[np.float64]:
    """Returns of the deterministic policy in ``WalkerBatch`` on plain terrain, shape ``(episodes,)``."""
    make = partial(WalkerBatch, terrain="plain", body="default", solver=solver)
    tasks = np.tile(make_terrain("plain").task_space.default, (episodes, 1))
    return play(make, policy, tasks, seed=seed, copies=episodes).returns


def transfer(home: NDArray[np.float64], away: NDArray[np.float64]) -> Transfer:
    """Summarise the returns at home and away, each of shape ``(episodes,)``."""
    at_home, abroad = _earned(home), _earned(away)
    ratio = abroad.mean / at_home.mean
    error = abs(ratio) * float(np.hypot(at_home.error / at_home.mean, abroad.error / abroad.mean))
    return Transfer(at_home, abroad, ratio, error)


def _earned(returns: NDArray[np.float64]) -> Earned:
    error = float(returns.std(ddof=1) / np.sqrt(len(returns)))
    return Earned(float(returns.mean()), error, float(returns.min()), len(returns))


@dataclass(frozen=True, kw_only=True)
class TransferConfig:
    """Play one policy in our walker and in Gymnasium's BipedalWalker-v3."""

    policy: Positional[Path]
    """Policy file (safetensors), like a training run's."""
    trained_in: World = "ours"
    """Where the policy comes from; its return there is the whole."""
    solver: Solver = "fast"
    """Solver of ours."""
    episodes: Annotated[int, whole(2, 100_000)] = 100
    """Episodes in each world."""
    seed: Seed = 0
    """Seed of the tracks."""


def measure_transfer(config: TransferConfig) -> dict[str, Any]:
    """Play the policy in both worlds and summarise it as JSON values.

    Raises:
        InputError: the policy file cannot be used.
    """
    policy = load_policy(config.policy)
    returns = {
        "ours": returns_in_ours(policy, config.episodes, config.seed, config.solver),
        "gymnasium": returns_in_gymnasium(policy, config.episodes, config.seed),
    }
    home = returns.pop(config.trained_in)
    (away,) = returns.values()
    result = transfer(home, away)
    return {
        "policy": config.policy.name,
        "trained_in": config.trained_in,
        "solver": config.solver,
        "seed": config.seed,
        "home": result.home._asdict(),
        "away": result.away._asdict(),
        "ratio": result.ratio,
        "ratio_error": result.ratio_error,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it from the command line; returns the exit code."""
    config = tyro.cli(TransferConfig, prog="python -m eyas.bench.transfer", args=arguments)
    try:
        check(config, option="--")
        print(json.dumps(measure_transfer(config), indent=1))
    except InputError as error:
        print(f"eyas: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
