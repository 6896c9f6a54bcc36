"""The window of flight: its derivative against finite differences, delays, guards."""

import numpy as np
import pytest

from eyas.agents.raptor.cost import CostWeights
from eyas.agents.raptor.fleet import DELAY, MEASUREMENTS, NOISE, empty_fleet, empty_tape
from eyas.agents.raptor.gradient_config import CostConfig
from eyas.agents.raptor.lane_network import initial_parameters, layout
from eyas.agents.raptor.scenario_config import ScenarioConfig
from eyas.agents.raptor.scenarios import begin, draw_pool
from eyas.agents.raptor.window import fly_window
from eyas.envs.quadrotor.dynamics import LINEAR_VELOCITY
from eyas.envs.quadrotor.lanes import LANES

HIDDEN = 8
WEIGHTS = CostWeights(**{n: np.float32(getattr(CostConfig(), n)) for n in CostWeights._fields})


class Flight:
    def __init__(self, blocks=1, seed=0, config=None):
        config = config or ScenarioConfig()
        self.rng = np.random.default_rng(seed)
        self.at = layout(HIDDEN)
        self.parameters = 0.5 * initial_parameters(HIDDEN, self.rng)
        self.pool = draw_pool(self.rng, 64, config)
        self.fleet = empty_fleet(blocks, HIDDEN)
        count = blocks * LANES
        begin(
            self.fleet, np.arange(count), self.pool, self.pool.draw(self.rng, count),
            self.parameters[self.at.initial_hidden :], config, self.rng,
        )  # fmt: skip
        self.noise = self.rng.normal(size=MEASUREMENTS * LANES + 1000).astype(np.float32)
        self.start = [array.copy() for array in self.fleet]

    def fly(self, steps, parameters=None, gradient=False):
        for array, kept in zip(self.fleet, self.start, strict=True):
            array[:] = kept
        blocks = len(self.fleet.states)
        gradients = np.zeros((blocks, self.at.size if gradient else 0), np.float32)
        fly_window(
            self.parameters if parameters is None else parameters, self.at, self.fleet,
            np.arange(blocks), steps, self.noise, np.tile(np.arange(steps), (blocks, 1)), WEIGHTS,
            empty_tape(steps, HIDDEN), gradients,
        )  # fmt: skip
        total = float(self.fleet.costs.sum(dtype=np.float64) * steps)
        return total, gradients.sum(axis=0, dtype=np.float64)


@pytest.mark.parametrize("steps", [1, 3, 12])
def test_derivative_agrees_with_finite_differences(steps):
    flight = Flight(seed=steps)
    _, gradient = flight.fly(steps, gradient=True)
    some = slice(0, flight.at.initial_hidden)
    for trial in range(3):
        direction = np.zeros(flight.at.size)
        if trial == 0:
            direction[some] = gradient[some] / np.linalg.norm(gradient[some])
        else:
            direction[some] = flight.rng.normal(size=direction[some].size)
            direction /= np.linalg.norm(direction)
        width = 2e-3
        step = (width * direction).astype(np.float32)
        up = flight.fly(steps, flight.parameters + step)[0]
        down = flight.fly(steps, flight.parameters - step)[0]
        expected = float(gradient @ direction)
        assert (up - down) / (2 * width) == pytest.approx(expected, rel=2e-2, abs=3e-2)


def test_initial_memory_has_a_derivative():
    flight = Flight(seed=5)
    _, gradient = flight.fly(6, gradient=True)
    unit = 3
    hidden = flight.start[flight.fleet._fields.index("hidden")]
    values = []
    for sign in (1, -1):
        hidden[:, unit * LANES : (unit + 1) * LANES] += sign * np.float32(5e-3)
        values.append(flight.fly(6)[0])
        hidden[:, unit * LANES : (unit + 1) * LANES] -= sign * np.float32(5e-3)
    expected = gradient[flight.at.initial_hidden + unit]
    assert (values[0] - values[1]) / 1e-2 == pytest.approx(expected, rel=2e-2, abs=1e-2)


def test_windows_go_on_where_the_last_one_ended():
    flight = Flight(seed=7)
    flight.fly(20)
    whole = [array.copy() for array in flight.fleet]
    flight.fly(8)
    start, flight.start = flight.start, [array.copy() for array in flight.fleet]
    tape, none = empty_tape(12, HIDDEN), np.zeros((1, 0), np.float32)
    fly_window(
        flight.parameters, flight.at, flight.fleet, np.arange(1), 12, flight.noise,
        np.arange(8, 20)[None], WEIGHTS, tape, none,
    )  # fmt: skip
    flight.start = start
    for name in ("states", "hidden", "history", "actions", "references"):
        index = flight.fleet._fields.index(name)
        np.testing.assert_array_equal(getattr(flight.fleet, name), whole[index], err_msg=name)


def test_a_delay_of_three_steps_shows_nothing_new_for_three_steps():
    config = ScenarioConfig(recovery=0, noise=0, delay=(0, 0, 0, 1))
    flight = Flight(seed=8, config=config)
    conditions = flight.start[flight.fleet._fields.index("conditions")]
    assert (conditions[:, (DELAY + 3) * LANES : (DELAY + 4) * LANES] == 1).all()
    assert (conditions[:, NOISE * LANES : (NOISE + 4) * LANES] == 0).all()
    flight.fly(3)
    reference = flight.fleet.actions.copy()
    # A different velocity now cannot have reached the policy yet.
    states = flight.start[flight.fleet._fields.index("states")]
    states[:, LINEAR_VELOCITY * LANES : (LINEAR_VELOCITY + 3) * LANES] += 0.5
    flight.fly(3)
    np.testing.assert_array_equal(flight.fleet.actions, reference)
    flight.fly(4)
    before = flight.fleet.actions.copy()
    states[:, LINEAR_VELOCITY * LANES : (LINEAR_VELOCITY + 3) * LANES] -= 0.5
    flight.fly(4)
    assert (flight.fleet.actions != before).any()


def test_a_vehicle_that_tumbles_is_held_and_spoils_nothing():
    flight = Flight(seed=9)
    states = flight.start[flight.fleet._fields.index("states")]
    states[0, LINEAR_VELOCITY * LANES] = np.float32(1e4)
    _, gradient = flight.fly(10, gradient=True)
    assert flight.fleet.lost[0, 0] == 1
    assert flight.fleet.lost[0, 1:].sum() == 0
    assert np.isfinite(gradient).all()
    assert np.isfinite(flight.fleet.states).all()
