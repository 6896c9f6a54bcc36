"""The twin against Gymnasium's own BipedalWalker and against values recorded from teachDeepRL."""

import gymnasium
import numpy as np
import pytest

from eyas.envs.walker.bodies import DEFAULT, QUADRUPED_LEGACY, SHORT
from eyas.envs.walker.box2d_twin import Box2DTwin, gymnasium_ground
from eyas.envs.walker.ground import (
    TERRAIN_HEIGHT,
    TERRAIN_STEP,
    add_edge,
    add_polygon,
    empty_ground,
    index_ground,
)
from eyas.errors import InputError

pytest.importorskip("Box2D")


class RecordingGenerator(np.random.Generator):
    """Remembers its last uniform number; a reset of BipedalWalker draws the force on the hull last."""

    last = 0.0

    def uniform(self, low=0.0, high=1.0, size=None):
        self.last = super().uniform(low, high, size)
        return self.last


@pytest.mark.parametrize("hardcore", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_equals_gymnasium_on_its_own_track(hardcore, seed):
    # A fresh env each: in a reused world Box2D hands out other proxy ids, which changes the order
    # of contacts, and Gymnasium then differs from itself.
    env = gymnasium.make("BipedalWalker-v3", hardcore=hardcore).unwrapped
    generator = RecordingGenerator(np.random.PCG64(seed))
    env.np_random = generator
    expected, _ = env.reset()
    twin = Box2DTwin(DEFAULT, gymnasium_ground(env))
    np.testing.assert_array_equal(twin.reset(generator.last), expected)
    actions = np.random.default_rng(seed).uniform(-1.3, 1.3, (300, 4)).astype(np.float32)
    for action in actions:
        expected, expected_reward, expected_end, _, _ = env.step(action)
        observation, reward, terminated = twin.step(action)
        np.testing.assert_array_equal(observation, expected)
        assert reward == pytest.approx(expected_reward, abs=1e-6)
        assert terminated == expected_end
        if terminated:
            break
    poses = twin.part_poses()
    bodies = [env.hull, *env.legs]
    np.testing.assert_array_equal(poses, [(b.position.x, b.position.y, b.angle) for b in bodies])
    np.testing.assert_array_equal(twin.joint_angles(), [joint.angle for joint in env.joints])
    velocities = [(b.linearVelocity.x, b.linearVelocity.y, b.angularVelocity) for b in bodies]
    np.testing.assert_array_equal(twin.part_velocities(), velocities)


def stump_track():
    """The start of a stump track: pad, one stump of 1.2 grid steps, a gap of 3 m."""
    ground = empty_ground(1, 8, 1)
    step, low, x = TERRAIN_STEP, TERRAIN_HEIGHT, 20 * TERRAIN_STEP
    top = low + 1.2 * step
    corners = np.array([(x, low), (x + step, low), (x + step, top), (x, top)], np.float32)
    add_polygon(0, ground, corners, 4)
    add_edge(0, ground, 0.0, low, x, low)
    add_edge(0, ground, x, low, x, low)
    add_edge(0, ground, x, low, x + step, low)
    add_edge(0, ground, x + step, low, x + step + 3, low)
    index_ground(0, ground)
    return ground


# Recorded from teachDeepRL's own walker under Box2D 2.3.10, without the initial force: hull position
# after the reset, sum of rewards and hull position after ten more steps of one action.
@pytest.mark.parametrize(
    ("body", "first", "total", "last"),
    [
        (DEFAULT, (4.66365, 5.68434), -1.15473, (4.6965, 5.865)),
        (SHORT, (4.66388, 4.50917), -0.97108, (4.7376, 4.7265)),
        (QUADRUPED_LEGACY, (4.66044, 6.83605), -1.27211, (4.6172, 6.9796)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_equals_the_values_recorded_from_teachdeeprl(body, first, total, last):
    twin = Box2DTwin(body, stump_track())
    twin.reset()
    np.testing.assert_allclose(twin.part_poses()[0, :2], first, atol=1e-4)
    action = np.tile((0.5, -0.5, -0.5, 0.5), body.action_size // 4)
    assert sum(twin.step(action)[1] for _ in range(10)) == pytest.approx(total, abs=1e-3)
    np.testing.assert_allclose(twin.part_poses()[0, :2], last, atol=1e-3)


def test_first_observation_of_teachdeeprl():
    observation = Box2DTwin(DEFAULT, stump_track()).reset()
    state = [0.00275, 0, 0, -0.016, 0.09215, 0, 0.86028, 0.00387, 1, 0.03256, 0, 0.85374, 0, 1]
    lidar = [0.44081, 0.44582, 0.46142, 0.48955, 0.5341, 0.60246, 0.70915, 0.88593, 0.93941, 1]
    np.testing.assert_allclose(observation, state + lidar, atol=1e-3)


def test_initial_force_pushes_the_hull():
    twin = Box2DTwin(DEFAULT, stump_track())
    speeds = []
    for force in (-5.0, 5.0):
        twin.reset(force)
        speeds.append(twin.part_velocities()[0, 0])
    assert speeds[0] < 0 < speeds[1]


def test_falling_costs_100_and_ends_the_episode():
    twin = Box2DTwin(DEFAULT, stump_track())
    twin.reset()
    for _ in range(200):
        _, reward, terminated = twin.step([1, 1, -1, -1])
        if terminated:
            break
    assert terminated
    assert reward == -100


def test_refuses_what_it_cannot_use():
    with pytest.raises(InputError, match="copy = 3"):
        Box2DTwin(DEFAULT, stump_track(), 3)
    twin = Box2DTwin(DEFAULT, stump_track())
    twin.reset()
    with pytest.raises(InputError, match=r"expected \(4,\)"):
        twin.step([0.0, 1.0])
