"""What the training of teachers can be told; light to import, so that the command line stays quick."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from ...bounds import Seed, real, whole

Weight = Annotated[float, real(0, 1000)]


@dataclass(frozen=True, kw_only=True)
class TeacherCostConfig:
    """Weights of the cost per step; 1, 0.283 and 1 for the first three are RAPTOR's reward."""

    position: Weight = 1.0
    """Distance from the reference (m)."""
    yaw: Weight = 0.283
    """Square root of the quaternion's z component, rounded at 0."""
    change: Weight = 1.0
    """Distance between two actions in a row."""
    velocity: Weight = 0.08
    """Size of the velocity error (m/s)."""
    rate: Weight = 0.015
    """Size of the angular velocity (rad/s)."""
    speeding: Weight = 30.0
    """Square of what a velocity component exceeds the speed limit by."""
    straying: Weight = 200.0
    """Square of what a coordinate exceeds the stray limit by (m)."""
    speed_limit: Annotated[float, real(0.1, 100)] = 1.5
    """m/s; RAPTOR's episodes end at 2."""
    stray_limit: Annotated[float, real(0.1, 1)] = 0.8
    """Share of the coordinate at which RAPTOR's episodes end."""
    last: Annotated[float, real(1, 1000)] = 20.0
    """So many steps does the last state of a window count for."""


@dataclass(frozen=True, kw_only=True)
class TeacherTrainingConfig:
    """How a teacher is trained."""

    horizon: Annotated[int, whole(1, 500)] = 100
    """Steps of 10 ms per window."""
    learning_rate: Annotated[float, real(1e-8, 1)] = 4e-3
    """Largest step size of Adam; it falls along a cosine."""
    gradient_clip: Annotated[float, real(1e-6, 1e6)] = 1.0
    """Largest norm of a gradient."""
    wide_starts: Annotated[float, real(0, 1)] = 0.5
    """Share of the episodes that start within ten rotor distances, the others within 0.5 m."""
    episode_steps: Annotated[int, whole(500, 100_000)] = 500
    """Longest episode in training."""
    base_blocks: Annotated[int, whole(1, 1024)] = 8
    """Blocks of 128 vehicles that the base network flies, each with an airframe of its own."""
    cost: TeacherCostConfig = field(default_factory=TeacherCostConfig)
    """What to avoid."""


@dataclass(frozen=True, kw_only=True)
class TeachersConfig:
    """Train one teacher for each of many airframes of RAPTOR's distribution."""

    count: Annotated[int, whole(1, 1_000_000)] = 1000
    """Teachers."""
    updates: Annotated[int, whole(1, 10**9)] = 250
    """Steps of the optimiser per teacher; each follows a second of flight of 128 vehicles."""
    warm_start: bool = True
    """Start from a base network that is trained first and is told the airframe, not from random weights."""
    base_updates: Annotated[int, whole(1, 10**9)] = 1500
    """Steps of the optimiser for the base network."""
    shard: Annotated[int, whole(1, 4096)] = 32
    """Teachers trained and saved together; a run that is taken up again repeats unfinished shards."""
    workers: Annotated[int, whole(0, 100_000)] = 0
    """Shards at a time, each a task of Ray on a core of its own; 0 and 1 work in this process. The
    teachers are the same either way."""
    address: str | None = None
    """Ray cluster to join, as ray.init takes it; without it Ray starts on this machine."""
    seed: Seed = 0
    """Where all random numbers come from."""
    out: Path | None = None
    """Run folder, must be new or empty; runs/teachers-TIME without it."""
    resume: Path | None = None
    """Run folder to continue with its own settings; --workers and --address may be new."""
    quiet: bool = False
    """Show no progress."""
    training: TeacherTrainingConfig = field(default_factory=TeacherTrainingConfig)
    """How each is trained."""
