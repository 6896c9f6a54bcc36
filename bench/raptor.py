"""Training steps per second of the recurrent policy, on one core."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from ..agents.raptor.cost import CostWeights
from ..agents.raptor.fleet import empty_fleet, empty_tape
from ..agents.raptor.gradient_config import CostConfig, GradientConfig
from ..agents.raptor.lane_network import initial_parameters, layout
from ..agents.raptor.scenarios import begin, draw_pool
from ..agents.raptor.window import fly_window
from .table import Measurement
from .walker import ROUNDS, Steps, interleaved, one_core

FORWARD, BOTH = "a window forward", "a window forward and backward"
TORCH = "torch, the network alone"
VEHICLES, HORIZON = 1024, 100
_TABLE = 1 << 20
_WINDOWS = 5  # of a scenario, as in training


def measure(seconds: float, seed: int) -> Iterator[Measurement]:
    """Environment steps per CPU-second of training by gradients.

    Ours is a window of flight: dynamics, sensors with noise and delay, network, cost; and its exact
    derivative. Torch's share is its own GRU network alone, unrolled over the same window by its fused
    layer, without dynamics, sensors or cost.

    Args:
        seconds: CPU time for each figure.
        seed: of vehicles, weights and scenarios.
    """
    with one_core():
        runners: dict[Any, Steps] = {
            FORWARD: _ours(seed, backward=False),
            BOTH: _ours(seed, backward=True),
            (TORCH, FORWARD): _torch(backward=False),
            (TORCH, BOTH): _torch(backward=True),
        }
        rates = interleaved(runners, seconds / ROUNDS)
    for name in (FORWARD, BOTH):
        theirs = rates[TORCH, name]
        yield Measurement(
            name=f"recurrent policy, {name}",
            value=rates[name],
            unit="steps/s",
            peer=TORCH,
            peer_value=theirs,
            ratio=rates[name] / theirs,
        )


def _ours(seed: int, backward: bool) -> Steps:
    config = GradientConfig(vehicles=VEHICLES, horizon=HORIZON)
    rng = np.random.default_rng(seed)
    at, parameters = layout(config.hidden), initial_parameters(config.hidden, rng)
    blocks = VEHICLES // 128
    fleet, tape = empty_fleet(blocks, config.hidden), empty_tape(HORIZON, config.hidden)
    pool = draw_pool(rng, VEHICLES, config.scenarios)
    vehicles = np.arange(VEHICLES)
    initial = parameters[at.initial_hidden :]
    noise = rng.standard_normal(_TABLE).astype(np.float32)
    offsets = rng.integers(0, _TABLE // 2, (blocks, HORIZON))
    cost = CostConfig()
    weights = CostWeights(**{name: np.float32(getattr(cost, name)) for name in CostWeights._fields})
    gradients = np.zeros((blocks, at.size if backward else 0), np.float32)

    windows = 0

    def run() -> int:
        nonlocal windows
        if windows % _WINDOWS == 0:
            begin(fleet, vehicles, pool, vehicles, initial, config.scenarios, rng)
        windows += 1
        fly_window(
            parameters,
            at,
            fleet,
            np.arange(blocks),
            HORIZON,
            noise,
            offsets,
            weights,
            tape,
            gradients,
        )
        return VEHICLES * HORIZON

    return run


def _torch(backward: bool) -> Steps:
    encoder, memory = torch.nn.Linear(22, 16), torch.nn.GRU(16, 16)
    decoder = torch.nn.Linear(16, 4)
    observations = torch.zeros(HORIZON, VEHICLES, 22)

    def run() -> int:
        with torch.set_grad_enabled(backward):
            actions = decoder(memory(torch.relu(encoder(observations)))[0])
        if backward:
            actions.sum().backward()
        return VEHICLES * HORIZON

    return run
