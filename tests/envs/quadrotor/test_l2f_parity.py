"""The world beside rl-tools' l2f: recorded flights, and the package itself where it is installed."""

import json
from pathlib import Path

import numpy as np
import pytest

from eyas.agents.raptor.l2f_simulator import L2fSimulator
from eyas.envs.quadrotor.airframe import Airframe, Airframes
from eyas.envs.quadrotor.distribution import raptor_airframes
from eyas.envs.quadrotor.dynamics import GYROSCOPIC
from eyas.envs.quadrotor.env import QuadrotorBatch
from eyas.envs.quadrotor.named import NAMED

FLIGHTS = json.loads((Path(__file__).parents[2] / "data" / "l2f_fixture.json").read_text())


def recorded_airframe(name, dynamics):
    return Airframe(
        name=name,
        mass=dynamics["mass"],
        inertia=tuple(1 / dynamics["J_inv"][k][k] for k in range(3)),
        rotor_positions=dynamics["rotor_positions"],
        thrust_coefficients=dynamics["rotor_thrust_coefficients"],
        torque_constants=dynamics["rotor_torque_constants"],
        rising_time_constants=dynamics["rotor_time_constants_rising"],
        falling_time_constants=dynamics["rotor_time_constants_falling"],
    )


def test_recorded_flights():
    """100 steps under given actions agree with l2f's to single precision."""
    dynamics = [flight["parameters"]["dynamics"] for flight in FLIGHTS]
    airframes = Airframes.stack([recorded_airframe(str(n), d) for n, d in enumerate(dynamics)])
    batch = QuadrotorBatch(len(FLIGHTS), airframes=airframes, limits="none", start="hover")
    # l2f multiplies with J and its inverse separately, and the first recording's J was cut to 6 digits.
    for n, d in enumerate(dynamics):
        j, inverse = np.diag(d["J"]), np.diag(d["J_inv"])
        batch._vehicles[n, GYROSCOPIC : GYROSCOPIC + 3] = (np.roll(j, -1) - np.roll(j, -2)) * inverse
    batch.reset(tasks=np.arange(len(FLIGHTS))[:, None])
    batch.set_states([flight["initial_state"] for flight in FLIGHTS])
    actions = np.array([flight["actions"] for flight in FLIGHTS], np.float32)
    compared = 0
    for step in range(100):
        batch.step(actions[:, step])
        if str(step + 1) in FLIGHTS[0]["states"]:
            expected = np.array([flight["states"][str(step + 1)] for flight in FLIGHTS])
            np.testing.assert_allclose(batch.states, expected, rtol=1e-5, atol=2e-6 * (step + 5))
            compared += 1
    assert compared == 4


@pytest.fixture(scope="module")
def l2f():
    return pytest.importorskip("l2f", reason="needs pip install l2f")


def fly_both(airframes, steps, tilt, seed):
    """States' observations of ours and l2f's over a flight from a random state."""
    count = len(airframes)
    rng = np.random.default_rng(seed)
    batch = QuadrotorBatch(count, airframes=airframes, limits="none", start="hover")
    batch.reset(tasks=np.arange(count)[:, None])
    orientation = np.array([1, 0, 0, 0]) + rng.uniform(-tilt, tilt, (count, 4))
    orientation /= np.linalg.norm(orientation, axis=1, keepdims=True)
    states = np.concatenate(
        [
            rng.uniform(-0.5, 0.5, (count, 3)),
            orientation,
            rng.uniform(-1, 1, (count, 6)),
            rng.uniform(0, 1, (count, 4)),
        ],
        axis=1,
    ).astype(np.float32)
    batch.set_states(states)
    simulator = L2fSimulator(airframes)
    simulator.start_hover()
    simulator.set_state(
        states[:, :3], states[:, 3:7], states[:, 7:10], states[:, 10:13], states[:, 13:]
    )
    ours, theirs = [], []
    for _ in range(steps):
        actions = rng.uniform(-1.2, 1.2, (count, 4)).astype(np.float32)
        ours.append(batch.step(actions)[0].copy())
        simulator.step(actions.clip(-1, 1))
        theirs.append(simulator.observe().copy())
    return np.array(ours), np.array(theirs)


def test_sampled_airframes_in_l2f(l2f):
    airframes = raptor_airframes(np.random.default_rng(5), 64).airframes
    ours, theirs = fly_both(airframes, 50, 0.3, 0)
    assert np.abs(theirs).max() > 10  # it tumbles
    # Rates grow large and their error with them.
    scale = 1 + np.abs(theirs).max(axis=(0, 2), keepdims=True)
    np.testing.assert_array_less(np.abs(ours - theirs) / scale, 1e-4 * np.ones_like(ours))
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5, atol=1e-5)


def test_named_airframes_in_l2f(l2f):
    airframes = Airframes.stack(list(NAMED.values()))
    ours, theirs = fly_both(airframes, 30, 0.2, 1)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


def test_initial_states_in_l2f(l2f):
    """Moments of l2f's own initial states and of ours, quirks included."""
    count = 4096
    airframes = Airframes.stack([NAMED["crazyflie"]] * count)
    simulator = L2fSimulator(airframes)
    simulator.start_recovery(0, None)
    theirs = simulator.observe().copy()
    ours = QuadrotorBatch(count, airframes="crazyflie").reset(seed=0)
    # Within five standard errors, whose squares add up.
    for moment in (lambda x: x, np.square, np.abs):
        difference = moment(ours).mean(axis=0) - moment(theirs).mean(axis=0)
        error = np.sqrt((moment(ours).var(axis=0) + moment(theirs).var(axis=0)) / count)
        np.testing.assert_array_less(np.abs(difference), 5 * error + 1e-6)
    np.testing.assert_allclose(ours.min(axis=0), theirs.min(axis=0), atol=0.05)
    np.testing.assert_allclose(ours.max(axis=0), theirs.max(axis=0), atol=0.05)
