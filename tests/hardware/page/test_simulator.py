"""The page's simulator and observation against the world's, in single precision."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from eyas.envs.quadrotor.airframe import GRAVITY
from eyas.envs.quadrotor.evaluation.flight import POSITION_CLIP, VELOCITY_CLIP, figure_eight
from eyas.envs.quadrotor.named import NAMED
from eyas.envs.quadrotor.vehicle import CompiledQuadrotor, VehicleState

AIRFRAMES = ("crazyflie", "x500", "race", "flightmare", "soft")
STEPS = 500
# Relative to the largest number of the state. One step from the same numbers differs by the rounding to
# single precision alone; in 500 steps it grows, the more so the faster a vehicle tumbles.
STEP_TOLERANCE = 5e-7
FLIGHT_TOLERANCE = 5e-5

FLY = """
return flights.map(({ airframe, start, force, actions }) => {
  let state = Float64Array.from(start);
  return actions.map(action => {
    state = advance(state, action, airframe, { force, torque: [0, 0, 0] });
    return Array.from(state);
  });
});
"""
STEP = """
return flights.map(({ airframe, force, actions, states }) => actions.map((action, i) => Array.from(
  advance(Float64Array.from(states[i]), action, airframe, { force, torque: [0, 0, 0] }))));
"""


@pytest.fixture(scope="module")
def flights():
    """Random flights of the compiled world: start, force, actions and all states."""
    rng = np.random.default_rng(0)
    flown = []
    for name in AIRFRAMES:
        airframe = replace(NAMED[name], drag=(0.3, 0.2, 0.1)) if name == "soft" else NAMED[name]
        vehicle = CompiledQuadrotor(airframe)
        vehicle.set_state(
            VehicleState.read(
                position=rng.uniform(-1, 1, 3),
                quaternion=rng.normal(size=4),
                linear_velocity=rng.normal(size=3),
                angular_velocity=rng.normal(size=3),
                rotor_speeds=rng.uniform(0, 1, 4),
            )
        )
        force = rng.normal(size=3) * 0.1 * airframe.mass * GRAVITY
        vehicle.set_disturbance(force)
        # Beyond the range now and then; rotors differ little, or nothing slows the tumbling.
        actions = rng.uniform(-1.1, 1.1, (STEPS, 1)) + rng.uniform(-0.1, 0.1, (STEPS, 4))
        states = [vehicle.state.as_array()]
        for action in actions:
            vehicle.step(action)
            states.append(vehicle.state.as_array())
        flown.append((airframe, force, actions, np.array(states)))
    return flown


def in_javascript(flights):
    return [
        {
            "airframe": asdict(airframe),
            "force": force.tolist(),
            "actions": actions.tolist(),
            "start": states[0].tolist(),
            "states": states[:-1].tolist(),
        }
        for airframe, force, actions, states in flights
    ]


def test_every_step_is_the_worlds(node, flights):
    got = np.array(node(STEP, flights=in_javascript(flights)))
    for (airframe, _, _, states), mine in zip(flights, got, strict=True):
        error = np.abs(mine - states[1:]).max(axis=1) / np.maximum(1, np.abs(states[1:]).max(axis=1))
        assert error.max() < STEP_TOLERANCE, airframe.name


def test_whole_flights_are_the_worlds(node, flights):
    got = np.array(node(FLY, flights=in_javascript(flights)))
    for (airframe, _, _, states), mine in zip(flights, got, strict=True):
        scale = np.maximum(1, np.abs(states[1:]).max())
        assert np.abs(mine - states[1:]).max() / scale < FLIGHT_TOLERANCE, airframe.name
        assert np.abs(states[-1] - states[0]).max() > 1  # it went somewhere


def test_the_observation_is_the_worlds(node, flights):
    program = """
    const reference = { position: [0.3, -0.2, 1.1], velocity: [0.5, 0.1, -0.4] };
    return states.map(state => {
      const observation = new Float32Array(22);
      observe(Float64Array.from(state), reference, [0.1, -0.2, 0.3, -0.4], observation);
      return Array.from(observation);
    });"""
    states = flights[0][3][::10]
    got = np.array(node(program, states=states.tolist()))
    for state, mine in zip(states, got, strict=True):
        seen = VehicleState(*np.split(state, (3, 7, 10, 13)))
        expected = np.concatenate(
            [
                np.clip(seen.position - [0.3, -0.2, 1.1], -POSITION_CLIP, POSITION_CLIP),
                seen.rotation.ravel(),
                np.clip(seen.linear_velocity - [0.5, 0.1, -0.4], -VELOCITY_CLIP, VELOCITY_CLIP),
                seen.angular_velocity,
                [0.1, -0.2, 0.3, -0.4],
            ]
        )
        np.testing.assert_allclose(mine, expected, rtol=3e-7, atol=3e-7)


def test_derived_numbers_and_the_figure_eight_are_the_worlds(node):
    program = """return {
      airframes: Object.values(DATA.airframes).map(a => [thrustToWeight(a), hoverThrottle(a)]),
      eight: times.map(time => { const r = figureEight(time, 5.5); return [...r.position, ...r.velocity]; }),
    };"""
    times = np.linspace(0, 25, 101).tolist()
    got = node(program, times=times)
    expected = [(a.thrust_to_weight, a.hover_throttle) for a in NAMED.values()]
    np.testing.assert_allclose(got["airframes"], expected, rtol=1e-12)
    reference = figure_eight(5.5)
    eight = [[x for part in reference(time) for x in part] for time in times]
    np.testing.assert_allclose(got["eight"], eight, atol=1e-12)


def test_the_sliders_change_a_vehicle_as_a_real_change_would(node):
    program = """return ["x500", "soft"].map(name => DATA.airframes[name]).map(
      a => [withMass(a, 1.5 * a.mass), withThrustToWeight(a, 4)]);"""
    for name, (loaded, strong) in zip(("x500", "soft"), node(program), strict=True):
        nominal = NAMED[name]
        assert loaded["mass"] == 1.5 * nominal.mass
        for key, value in asdict(nominal).items():
            if key != "mass":
                np.testing.assert_array_equal(loaded[key], value)
            if key != "thrust_coefficients":
                np.testing.assert_array_equal(strong[key], value)
        np.testing.assert_allclose(
            strong["thrust_coefficients"],
            np.multiply(nominal.thrust_coefficients, 4 / nominal.thrust_to_weight),
        )
