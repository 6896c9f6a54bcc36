"""What the jobs on the walker can be told; light to import, so that the command line stays quick."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from ..bounds import Count, Seed, real, whole
from ..errors import InputError
from .resuming import refuse_contradiction

TeacherName = Literal[
    "random",
    "oracle",
    "alp-gmm",
    "covar-gmm",
    "riac",
    "progress-forest",
    "plr",
    "robust-plr",
    "accel",
    "sfl",
    "adr",
    "goal-gan",
    "lp-bandit",
    "exp3-bandit",
]
StudentName = Literal["ppo", "sac", "td3"]
TerrainName = Literal["stump-tracks", "hexagon-tracks", "plain", "hardcore", "obstacle-course"]
BodyName = Literal["short", "default", "quadrupedal", "spider", "millipede", "wheel", "chimpanzee"]
SolverName = Literal["fast", "box2d"]


@dataclass(frozen=True, kw_only=True)
class StudentConfig:
    """How the student learns; fields that a student does not have are ignored."""

    hidden: tuple[Annotated[int, whole(1, 4096)], ...] = (64, 64)
    """Units of each hidden layer, of policy and value networks."""
    activation: Literal["tanh", "relu"] = "tanh"
    """What follows each hidden layer."""
    learning_rate: Annotated[float, real(1e-8, 1)] = 1e-3
    """Step size of Adam."""
    final_learning_rate: Annotated[float, real(0, 1)] = 0.1
    """Share of the learning rate that is left at the end of the run; it falls linearly."""
    gamma: Annotated[float, real(0, 1)] = 0.99
    """Discount per step."""
    minibatch: Annotated[int, whole(2, 10**6)] = 2048
    """Transitions per gradient step."""
    normalise_observations: bool = True
    """Shift and scale observations by their running mean and deviation."""
    normalise_rewards: bool = True
    """Divide rewards by the running deviation of the discounted return."""
    n_steps: Annotated[int, whole(2, 10**5)] = 256
    """PPO: steps of each copy between updates."""
    epochs: Annotated[int, whole(1, 1000)] = 5
    """PPO: passes over the collected steps per update."""
    gae_lambda: Annotated[float, real(0, 1)] = 0.95
    """PPO: weight of longer advantage estimates."""
    clip_range: Annotated[float, real(1e-6, 10)] = 0.2
    """PPO: how far the probability ratio may move per update."""
    entropy_coefficient: Annotated[float, real(0, 10)] = 0.0
    """PPO: weight of the entropy bonus."""
    value_coefficient: Annotated[float, real(0, 100)] = 0.5
    """PPO: weight of the value loss."""
    gradient_clip: Annotated[float, real(1e-6, 1e6)] = 0.5
    """PPO: largest norm of a gradient."""
    target_kl: Annotated[float, real(0, 100)] = 0.0
    """PPO: stop an update's passes at 1.5 times this divergence; 0 never stops."""
    initial_log_std: Annotated[float, real(-10, 2)] = 0.0
    """PPO: logarithm of the actions' standard deviation at the start."""
    buffer: Count = 1_000_000
    """SAC, TD3: transitions in the replay buffer."""
    gradient_steps: Annotated[int, whole(1, 10**4)] = 1
    """SAC, TD3: gradient steps per step of all copies."""
    learning_starts: Annotated[int, whole(0, 10**9)] = 10_000
    """SAC, TD3: environment steps with random actions before learning starts."""
    tau: Annotated[float, real(1e-6, 1)] = 0.005
    """SAC, TD3: share by which the target networks follow per gradient step."""
    entropy_temperature: Annotated[float, real(0, 100)] = 0.0
    """SAC: fixed weight of the entropy; 0 tunes it."""
    exploration_noise: Annotated[float, real(0, 10)] = 0.1
    """TD3: standard deviation of the noise on actions, which range over [-1, 1]."""


@dataclass(frozen=True, kw_only=True)
class TrainWalkerConfig:
    """Train a walker on tracks that a teacher chooses."""

    teacher: TeacherName = "alp-gmm"
    """Who chooses the next track."""
    teacher_preset: Literal["eyas", "published"] = "eyas"
    """The teacher's settings: ours, or those of Portelas et al. (2019)."""
    student: StudentName = "ppo"
    """Who learns to walk (Stable-Baselines3)."""
    steps: Annotated[
        Count | None,
        arg(metavar="INT", help_behavior_hint="(default: 2_000_000, or the resumed run's)"),
    ] = None
    """Environment steps in all, summed over the copies; 2e6, 20M and 2_000_000 are fine."""
    terrain: TerrainName = "stump-tracks"
    """Family of tracks, and so the task space."""
    body: BodyName = "default"
    """Body of the walker."""
    solver: SolverName = "fast"
    """Physics: joints solved exactly, or with Box2D's own 180 and 60 iterations."""
    copies: Annotated[int, whole(1, 65_536)] = 64
    """Walkers simulated side by side."""
    threads: Annotated[int, whole(0, 1024)] = 0
    """Cores for the simulator (0: all); learning always uses one."""
    seed: Seed = 0
    """Where all random numbers come from."""
    out: Annotated[
        Path | None, arg(metavar="FOLDER", help_behavior_hint="(default: runs/NAME-TIME)")
    ] = None
    """Run folder, must be new or empty."""
    resume: Annotated[
        Path | None, arg(metavar="FOLDER", help_behavior_hint="(default: start anew)")
    ] = None
    """Run folder to continue with its own settings; only --steps may be raised."""
    evaluate_every: Count = 500_000
    """Environment steps between two passes over the test set."""
    checkpoint_every: Count = 250_000
    """Environment steps between two checkpoints."""
    figures: bool = True
    """Draw figures, a video and a report at the end."""
    quiet: bool = False
    """Show no progress."""
    student_config: Annotated[StudentConfig, arg(name="")] = field(default_factory=StudentConfig)
    """How the student learns."""


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """Test a trained walker again."""

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    """Run folder."""
    policy: Literal["last", "best"] = "last"
    """The policy of the last checkpoint, or the one that did best on the test set."""
    tracks: Literal["test-set", "uniform"] = "test-set"
    """The run's fixed test set, or tracks drawn uniformly from the task space."""
    episodes: Count = 50
    """Episodes to play; the test set is gone through as often as that takes."""
    solver: Annotated[SolverName | None, arg(help_behavior_hint="(default: as in training)")] = None
    """Physics."""
    seed: Seed = 0
    """Where the tracks' random numbers come from; 0 repeats the test set of training."""
    json: bool = False
    """Print one JSON object instead of a table."""


DEFAULT_STEPS = 2_000_000
"""Of a run that was not told how many."""
# What says where and how a run is worked on, not what it computes.
_NOT_STORED = {"out", "resume", "quiet", "figures", "threads"}


def started_config(given: TrainWalkerConfig) -> TrainWalkerConfig:
    """The config to start a new run with: the given one, with the steps filled in."""
    return given if given.steps is not None else dataclasses.replace(given, steps=DEFAULT_STEPS)


def resumed_config(given: TrainWalkerConfig, stored: TrainWalkerConfig) -> TrainWalkerConfig:
    """The config to go on with after ``--resume``: the stored one, with the steps perhaps raised.

    Raises:
        InputError: a field was given that contradicts the run, or fewer steps than it had.
    """
    refuse_contradiction(given, TrainWalkerConfig(), stored, _NOT_STORED | {"steps"})
    steps, before = given.steps or stored.steps or DEFAULT_STEPS, stored.steps or DEFAULT_STEPS
    if steps < before:
        raise InputError(
            f"steps = {steps} is less than the {before} of the run to resume; only more is allowed"
        )
    kept = {name: getattr(given, name) for name in _NOT_STORED}
    return dataclasses.replace(stored, steps=steps, **kept)
