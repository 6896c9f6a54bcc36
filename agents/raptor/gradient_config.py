"""What training by gradients can be told; light to import, so that the command line stays quick."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from tyro.conf import Fixed, Suppress

from ...bounds import Count, Seed, real, whole
from .scenario_config import ScenarioConfig

Weight = Annotated[float, real(0, 1000)]


@dataclass(frozen=True, kw_only=True)
class CostConfig:
    """Weights of the cost per step."""

    position: Weight = 1.0
    """Distance from the reference (m)."""
    velocity: Weight = 0.2
    """Size of the velocity error (m/s)."""
    rate: Weight = 0.03
    """Size of the angular velocity (rad/s)."""
    yaw: Weight = 0.5
    """Square of the quaternion's z component."""
    smoothness: Weight = 0.1
    """Square of the change of the actions."""
    overshoot: Weight = 0.2
    """Square of what an action exceeds [-1, 1] by."""
    speeding: Weight = 1.0
    """Square of what a component of the velocity error exceeds the vehicle's limit by."""
    straying: Weight = 2.0
    """Square of what a component of the position error exceeds the vehicle's limit by."""


@dataclass(frozen=True, kw_only=True)
class GradientConfig:
    """Train a recurrent policy through the dynamics."""

    updates: Count = 20_000
    """Steps of the optimiser; each follows a window of flight of all vehicles."""
    vehicles: Annotated[int, whole(128, 1 << 20)] = 1024
    """Vehicles in flight, a multiple of 128."""
    horizon: Annotated[int, whole(1, 10_000)] = 100
    """Steps of 10 ms per window."""
    hidden: Annotated[int, whole(4, 32)] = 16
    """Units of the policy, a multiple of 4."""
    learning_rate: Annotated[float, real(1e-8, 1)] = 2e-3
    """Largest step size of Adam; it falls along a cosine."""
    final_learning_rate: Annotated[float, real(0, 1)] = 0.02
    """Share of the learning rate that is left at the end."""
    warm_up: Count = 100
    """Updates over which the learning rate rises from 0."""
    gradient_clip: Annotated[float, real(1e-6, 1e6)] = 1.0
    """Largest norm of a gradient."""
    averaging: Annotated[float, real(0, 1)] = 0.999
    """Weight of the past in the average of the weights that becomes the policy."""
    pool: Annotated[int, whole(1, 1 << 20)] = 16_384
    """Airframes drawn at a time."""
    pool_updates: Count = 1000
    """Updates after which new ones are drawn."""
    curriculum: Literal["none", "alp-gmm"] = "none"
    """Who chooses the airframes from the pool: chance or a teacher."""
    threads: Annotated[int, whole(1, 1024), Fixed, Suppress] = 1
    """Cores."""
    seed: Annotated[Seed, Fixed, Suppress] = 0
    """Where all random numbers come from."""
    log_every: Count = 100
    """Updates between two lines of metrics."""
    checkpoint_seconds: Annotated[float, real(1, 1e6)] = 60.0
    """Time between two checkpoints (s)."""
    quiet: Annotated[bool, Fixed, Suppress] = False
    """Show no progress."""
    cost: CostConfig = field(default_factory=CostConfig)
    """What to avoid."""
    scenarios: ScenarioConfig = field(default_factory=ScenarioConfig)
    """What to fly."""
