"""How training scenarios are drawn; light to import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ...bounds import real

Share = Annotated[float, real(0, 1)]


@dataclass(frozen=True, kw_only=True)
class ScenarioConfig:
    """How scenarios are drawn; shares are probabilities."""

    wide: Share = 0.2
    """Airframes from the wide distribution instead of RAPTOR's."""
    hard: Annotated[float, real(0, 4)] = 0.7
    """Sluggish airframes are drawn more often, by (600 rad/s^2 / torque-to-inertia) to this power."""
    recovery: Share = 0.35
    """RAPTOR's own episodes: l2f's random starts, reference at rest, errors not clipped, hardly any noise
    and delay; leaving its bounds (2 m/s, 20 rotor distances) costs much."""
    recovery_limit_weight: Annotated[float, real(0, 1000)] = 10.0
    """How much."""
    moving: Share = 0.55
    """Of the others: references that move."""
    hover: Share = 0.5
    """Of the others: starts near the reference, at rest and at hover speed."""
    clipped: Share = 0.7
    """Of the others: the policy sees errors of at most 0.5 m and 1 m/s."""
    delay: tuple[Share, Share, Share, Share] = (0.45, 0.3, 0.15, 0.1)
    """Of the others: observations that are 0, 1, 2 and 3 steps late."""
    noise: Annotated[float, real(0, 10)] = 1.6
    """Of the others: largest level of the observation noise; a third has none."""
    force: Share = 0.5
    """Vehicles pushed by a disturbance force."""
