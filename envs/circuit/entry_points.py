"""What ``gymnasium.make`` and ``gymnasium.make_vec`` call for the circuit."""

from __future__ import annotations

from typing import Any

from ..gym_vector import GymVectorEnv
from ..single import SingleEnv
from .env import CircuitBatch


def make_circuit(render_mode: str | None = None, **options: Any) -> SingleEnv:
    """One circuit; ``options`` are those of :class:`~eyas.envs.circuit.env.CircuitBatch`."""
    return SingleEnv(CircuitBatch(1, **options), render_mode=render_mode)


def make_circuits(
    num_envs: int,
    autoreset_mode: str = "NextStep",
    render_mode: str | None = None,
    **options: Any,
) -> GymVectorEnv:
    """Many circuits; ``options`` are those of :class:`~eyas.envs.circuit.env.CircuitBatch`."""
    return GymVectorEnv(
        CircuitBatch(num_envs, **options), autoreset_mode=autoreset_mode, render_mode=render_mode
    )
