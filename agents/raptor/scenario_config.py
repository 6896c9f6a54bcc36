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
    moving: Share = 0.6
    """References that move."""
    hover: Share = 0.3
    """Starts near the reference, at rest and at hover speed, instead of l2f's random ones."""
    delay: tuple[Share, Share, Share, Share] = (0.5, 0.3, 0.13, 0.07)
    """Observations that are 0, 1, 2 and 3 steps late."""
    noise: Annotated[float, real(0, 10)] = 1.2
    """Largest level of the observation noise; a third of the vehicles has none."""
    force: Share = 0.5
    """Vehicles pushed by a disturbance force."""
    clipped: Share = 0.5
    """Vehicles whose policy sees errors of at most 0.5 m and 1 m/s."""
