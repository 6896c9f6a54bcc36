"""The quadrotor world: rewards, endings, references, options, and what every batch must keep."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyas.envs.quadrotor.airframe import GRAVITY
from eyas.envs.quadrotor.distribution import raptor_airframes, wide_airframes
from eyas.envs.quadrotor.env import PRESETS, QuadrotorBatch
from eyas.envs.quadrotor.episode import LIMITS, REWARDS, STARTS, Limits, Reward, Start
from eyas.envs.quadrotor.named import NAMED
from eyas.envs.quadrotor.task_airframes import TASK_SPACE
from eyas.envs.quadrotor.trajectories import TRAJECTORIES, figure_eight
from eyas.errors import InputError


def random_actions(count, steps, seed=0, most=1.0):
    return np.random.default_rng(seed).uniform(-most, most, (steps, count, 4)).astype(np.float32)


def hover_actions(batch):
    return np.repeat((2 * batch.airframes.hover_throttle - 1)[:, None], 4, axis=1).astype(np.float32)


def rotation(q):
    w, x, y, z = q.T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.array(rows).transpose(2, 0, 1)


def test_observations_show_the_state():
    batch = QuadrotorBatch(200, airframes="wide", reference="raptor", errors=False)
    batch.reset(seed=1)
    for actions in random_actions(200, 5):
        observations, *_ = batch.step(actions)
    running = batch.episode_lengths > 0
    states = batch.states.astype(np.float64)[running]
    seen = observations[running]
    np.testing.assert_allclose(seen[:, :3], states[:, :3], atol=1e-6)
    np.testing.assert_allclose(seen[:, 3:12].reshape(-1, 3, 3), rotation(states[:, 3:7]), atol=1e-6)
    np.testing.assert_allclose(seen[:, 12:18], states[:, 7:13], rtol=1e-6)
    np.testing.assert_array_equal(seen[:, 18:], actions[running])
    teacher = batch.privileged_observations()[running]
    references = batch.references[running]
    np.testing.assert_allclose(teacher[:, :3], seen[:, :3] - references[:, :3], atol=1e-6)
    np.testing.assert_allclose(teacher[:, 12:15], seen[:, 12:15] - references[:, 3:], atol=1e-6)
    np.testing.assert_allclose(teacher[:, 22:], 2 * states[:, 13:] - 1, atol=1e-6)


@pytest.mark.parametrize("name", REWARDS)
def test_reward_is_the_formula(name):
    """Costs of the state before the step; the first step is charged as if the last action were 0."""
    batch = QuadrotorBatch(300, airframes="raptor", reference="langevin", reward=name, start="tilted")
    batch.reset(seed=2)
    weights = REWARDS[name]
    last = np.zeros((300, 4))
    for actions in random_actions(300, 8):
        p, q, v, w = np.split(batch.states.astype(np.float64)[:, :13], [3, 7, 10], axis=1)
        reference = batch.references
        expected = weights.constant - (
            weights.position * np.linalg.norm(p - reference[:, :3], axis=1)
            + weights.yaw * 2 * np.arccos(1 - np.abs(q[:, 3]))
            + weights.linear_velocity * np.linalg.norm(v - reference[:, 3:], axis=1)
            + weights.angular_velocity * np.linalg.norm(w, axis=1)
            + weights.action_change * np.linalg.norm(actions - last, axis=1)
        )
        _, rewards, terminated, *_ = batch.step(actions)
        np.testing.assert_allclose(rewards, np.where(terminated, -100, expected), rtol=1e-5, atol=1e-5)
        last = np.where((batch.episode_lengths == 0)[:, None], 0, actions)
    assert np.abs(batch.references).max() > 0.001


def test_perfect_flight_pays_750():
    batch = QuadrotorBatch(1, airframes="x500", start="hover", limits="none")
    batch.reset(seed=0)
    action = hover_actions(batch)
    batch.step(action)
    for _ in range(499):
        *_, truncated, episodes = batch.step(action)
    assert truncated[0] and episodes.lengths[0] == 500
    # The change from 0 to the first action is charged.
    assert episodes.returns[0] == pytest.approx(750 - np.linalg.norm(action), abs=0.5)


def test_endings():
    batch = QuadrotorBatch(6, airframes="crazyflie", start="hover")
    batch.reset(seed=0)
    limit = 20 * NAMED["crazyflie"].rotor_positions[0][0] * np.sqrt(2)
    states = batch.states
    states[1, 0] = -limit - 0.01
    states[2, 2] = limit - 0.01
    states[3, 8] = 2.01
    states[4, 12] = 35.5
    states[5, 12] = 34.5
    batch.set_states(states)
    _, rewards, terminated, truncated, episodes = batch.step(hover_actions(batch), autoreset=False)
    assert terminated.tolist() == [False, True, False, True, True, False]
    np.testing.assert_array_equal(rewards[terminated], -100)
    assert not truncated.any() and episodes.copies.tolist() == [1, 3, 4]


def test_limits_may_follow_the_reference():
    far = Limits(position=0.3, velocity=0.5, relative=True)
    options = {"airframes": "x500", "reference": figure_eight(4.0), "start": "hover"}
    batches = {name: QuadrotorBatch(1, limits=limits, **options) for name, limits in
               (("relative", far), ("absolute", Limits(position=0.3, velocity=0.5)))}  # fmt: skip
    ended = {}
    for name, batch in batches.items():
        batch.reset(seed=0)
        for _ in range(500):
            states = batch.states
            states[:, :3], states[:, 7:10] = batch.references[:, :3], batch.references[:, 3:]
            states[:, 3:7], states[:, 10:13] = (1, 0, 0, 0), 0
            batch.set_states(states)
            ended[name] = bool(batch.step(hover_actions(batch), autoreset=False)[2][0])
            if ended[name]:
                break
    assert ended == {"relative": False, "absolute": True}


@pytest.mark.parametrize("name", STARTS)
def test_initial_states(name):
    start = STARTS[name]
    batch = QuadrotorBatch(4000, airframes="fs", start=name)
    batch.reset(seed=3)
    p, q, v, w, r = np.split(batch.states, [3, 7, 10, 13], axis=1)
    at_rest = ~np.concatenate([p, v, w], axis=1).any(axis=1)
    assert at_rest.mean() == pytest.approx(start.guidance, abs=0.03)
    np.testing.assert_array_equal(q[at_rest], [[1, 0, 0, 0]] * at_rest.sum())
    np.testing.assert_allclose(np.linalg.norm(q, axis=1), 1, atol=1e-6)
    airframe = NAMED["fs"]
    if name == "hover":
        np.testing.assert_allclose(r, airframe.hover_throttle, rtol=1e-5)
        return
    reach = start.position or 10 * np.hypot(0.20895, 0.240666)
    for values, most in ((p, reach), (v, 1), (w, 1)):
        assert 0.99 * most < np.abs(values).max() <= most
        assert values.mean() == pytest.approx(0, abs=0.05 * most)
    angle = 2 * np.arccos(np.clip(q[~at_rest, 0], -1, 1))
    np.testing.assert_allclose(np.quantile(angle, [0.25, 0.5, 0.75, 1]), np.array([0.25, 0.5, 0.75, 1]) * start.angle, atol=0.06)  # fmt: skip
    axis = q[~at_rest, 1:] / np.linalg.norm(q[~at_rest, 1:], axis=1, keepdims=True)
    np.testing.assert_allclose(axis.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose((axis**2).mean(axis=0), 1 / 3, atol=0.03)
    assert r.min() >= start.rotors[0] and r.max() <= start.rotors[1]
    np.testing.assert_allclose(batch.observations[:, 18:], 2 * r - 1, atol=1e-6)


def test_free_fall_keeps_energy_and_momentum():
    """Rotors at rest give no thrust, so only gravity acts."""
    batch = QuadrotorBatch(64, airframes="x500", limits="none", start="tilted")
    batch.reset(seed=4)
    states = batch.states
    states[:, 13:] = 0
    states[:, 10:13] *= 5
    batch.set_states(states)
    inertia = np.array(NAMED["x500"].inertia)

    def measured():
        s = batch.states.astype(np.float64)
        spin = np.einsum("nij,nj->ni", rotation(s[:, 3:7]), inertia * s[:, 10:13])
        energy = (inertia * s[:, 10:13] ** 2).sum(axis=1) / 2
        return spin, energy, s

    spin, energy, before = measured()
    rest = np.full((64, 4), -1, np.float32)
    for _ in range(100):
        batch.step(rest, autoreset=False)
    spin_after, energy_after, after = measured()
    np.testing.assert_allclose(spin_after, spin, atol=2e-5 * np.abs(spin).max())
    np.testing.assert_allclose(energy_after, energy, rtol=2e-5)
    fallen = before[:, :3] + before[:, 7:10] - [0, 0, GRAVITY / 2]
    np.testing.assert_allclose(after[:, :3], fallen, atol=1e-4)
    np.testing.assert_allclose(after[:, 9], before[:, 9] - GRAVITY, atol=1e-4)


@given(st.floats(-3.1, 3.1))
@settings(max_examples=10, deadline=None)
def test_a_turned_world_is_the_same_world(angle):
    batch = QuadrotorBatch(2, airframes="race", limits="none")
    batch.reset(seed=5)
    states = batch.states.astype(np.float64)
    states[1] = states[0]
    turn = rotation(np.array([[np.cos(angle / 2), 0, 0, np.sin(angle / 2)]]))[0]
    states[1, :3], states[1, 7:10] = turn @ states[0, :3], turn @ states[0, 7:10]
    (a, d), (w, x, y, z) = (np.cos(angle / 2), np.sin(angle / 2)), states[0, 3:7]
    states[1, 3:7] = a * w - d * z, a * x - d * y, a * y + d * x, a * z + d * w
    batch.set_states(states)
    for actions in random_actions(1, 40):
        batch.step(np.repeat(actions, 2, axis=0), autoreset=False)
    one, two = batch.states.astype(np.float64)
    np.testing.assert_allclose(turn @ one[:3], two[:3], atol=1e-3)
    np.testing.assert_allclose(turn @ one[7:10], two[7:10], atol=5e-3)
    np.testing.assert_allclose(one[10:], two[10:], atol=5e-3)


def test_langevin_references():
    """The statistics of l2f's recurrence, and half of the copies under ``raptor``."""
    batch = QuadrotorBatch(4000, airframes="x500", reference="raptor", limits="none", start="hover")
    batch.reset(seed=11)
    action = hover_actions(batch)
    for _ in range(400):
        batch.step(action)
    references = batch.references
    moving = references.any(axis=1)
    assert moving.mean() == pytest.approx(0.5, abs=0.04)
    rng = np.random.default_rng(0)
    x, v, x_raw, v_raw = np.zeros((4, 6000))
    for _ in range(400):
        v_raw += (-v_raw - 4 * x_raw) * 0.01 + 0.5 * np.sqrt(0.01) * rng.standard_normal(6000)
        x_raw += v_raw * 0.01
        v = 0.01 * v_raw + 0.99 * v
        x += v * 0.01
    for column in range(3):
        assert references[moving, column].std() == pytest.approx(x.std(), rel=0.1)
        assert references[moving, 3 + column].std() == pytest.approx(v.std(), rel=0.1)
    correlation = np.corrcoef(references[moving].T)
    expected = np.corrcoef(x, v)[0, 1]
    for axis in range(3):
        assert correlation[axis, 3 + axis] == pytest.approx(expected, abs=0.1)
    cross = correlation[:3, :3] - np.eye(3)
    assert np.abs(cross).max() < 0.1


@pytest.mark.parametrize("name", TRAJECTORIES)
def test_trajectories_are_followed(name):
    trajectory = TRAJECTORIES[name]
    batch = QuadrotorBatch(2, airframes="x500", reference=name, start="hover", limits="none")
    assert batch.max_episode_steps == round(trajectory.duration / 0.01)
    batch.reset(seed=0)
    for step in range(700):
        position, velocity = trajectory.at(step * 0.01)
        np.testing.assert_allclose(batch.references[0, :3], position, atol=1e-6)
        np.testing.assert_allclose(batch.references[1, 3:], velocity, atol=1e-5)
        batch.step(hover_actions(batch))


def test_errors_are_clipped_where_asked():
    options = {"airframes": "x500", "limits": "none", "start": Start(position=3.0, velocity=2.0)}
    plain = QuadrotorBatch(500, **options).reset(seed=0)
    clipped = QuadrotorBatch(500, error_clips=(0.5, 1.0), **options).reset(seed=0)
    np.testing.assert_array_equal(clipped[:, :3], plain[:, :3].clip(-0.5, 0.5))
    np.testing.assert_array_equal(clipped[:, 12:15], plain[:, 12:15].clip(-1, 1))
    np.testing.assert_array_equal(clipped[:, 3:12], plain[:, 3:12])


def test_actions_are_clipped_unless_l2fs_quirk_is_asked_for():
    actions = random_actions(50, 1, most=3.0)[0]
    batches = [
        QuadrotorBatch(50, airframes="x500", limits="none", clip_actions=c) for c in (True, False)
    ]
    for batch in batches:
        batch.reset(seed=0)
    (clipped, cheap, *_), (raw, dear, *_) = (batch.step(actions) for batch in batches)
    np.testing.assert_array_equal(clipped[:, 18:], actions.clip(-1, 1))
    np.testing.assert_array_equal(raw[:, 18:], actions)
    np.testing.assert_array_equal(clipped[:, :18], raw[:, :18])
    np.testing.assert_allclose(
        cheap - dear,
        np.linalg.norm(actions, axis=1) - np.linalg.norm(actions.clip(-1, 1), axis=1),
        atol=1e-5,
    )


def test_nan_actions_poison_nobody():
    batch = QuadrotorBatch(3, airframes="x500")
    batch.reset(seed=0)
    actions = np.zeros((3, 4), np.float32)
    actions[1] = np.nan
    for _ in range(3):
        observations, rewards, *_ = batch.step(actions)
        assert np.isfinite(observations).all() and np.isfinite(rewards).all()


def test_a_spin_beyond_the_step_ends_the_episode():
    """Runge-Kutta steps of 10 ms cannot follow such rates; without limits they would end in NaN."""
    batch = QuadrotorBatch(200, airframes="race", limits="none")
    batch.reset(seed=0)
    states = batch.states
    states[:, 10:13] *= np.geomspace(1e2, 9e4, 200)[:, None]
    batch.set_states(states)
    ended = np.zeros(200, np.bool_)
    for actions in random_actions(200, 30):
        observations, rewards, terminated, *_ = batch.step(actions, autoreset=False)
        assert np.isfinite(observations).all() and np.isfinite(rewards).all()
        np.testing.assert_array_equal(rewards[terminated], -100)
        ended |= terminated
    assert ended[-20:].any() and not ended[:20].any()


def test_disturbance_forces():
    sample = raptor_airframes(np.random.default_rng(0), 3000)
    batch = QuadrotorBatch(3000, airframes=sample, start="hover", limits="none")
    batch.reset(seed=0, tasks=np.arange(3000)[:, None])
    batch.step(hover_actions(batch), autoreset=False)
    # Hovering, so that only the force accelerates.
    force = batch.states[:, 7:10].astype(np.float64) / 0.01 * batch.airframes.mass[:, None]
    scaled = force / sample.disturbance_force_std[:, None]
    assert np.median(np.abs(scaled)) == pytest.approx(0.6745, rel=0.05)
    np.testing.assert_allclose(np.corrcoef(scaled.clip(-5, 5).T), np.eye(3), atol=0.08)


def test_tasks_choose_the_airframe():
    batch = QuadrotorBatch(50)
    tasks = TASK_SPACE.sample(np.random.default_rng(0), 50)
    batch.reset(seed=0, tasks=tasks)
    np.testing.assert_allclose(np.cbrt(batch.airframes.mass), tasks[:, 0])
    # The airframe that flies is the one the task names: compare with flying it from a table.
    table = QuadrotorBatch(50, airframes=batch.airframes, limits="none")
    tasked = QuadrotorBatch(50, limits="none")
    table.reset(seed=1, tasks=np.arange(50)[:, None])
    tasks[:, -1] = 0
    tasked.reset(seed=1, tasks=tasks)
    tasked.set_states(table.states)
    for actions in random_actions(50, 10):
        table.step(actions, autoreset=False)
        tasked.step(actions, autoreset=False)
    np.testing.assert_allclose(table.states, tasked.states, rtol=1e-3, atol=1e-3)


def test_a_teacher_gives_the_next_airframe():
    """Whoever is told of an episode's end sets the airframe that the copy flies next."""
    batch = QuadrotorBatch(64)
    batch.reset(seed=0)
    rng = np.random.default_rng(0)
    given = {}

    def on_episodes(episodes):
        for copy in episodes.copies:
            batch.next_tasks[copy] = given[copy] = TASK_SPACE.sample(rng)

    batch.on_episodes = on_episodes
    for actions in random_actions(64, 80):
        batch.step(actions)
    assert len(given) > 32
    airframes = batch.airframes
    for copy, task in given.items():
        np.testing.assert_array_equal(batch.tasks[copy], task)
        assert airframes.thrust_to_weight[copy] == pytest.approx(task[1])
        assert batch._blocks.reshape(-1, 128)[0, copy] == pytest.approx(1 / task[0] ** 3, rel=1e-5)


def test_rows_choose_from_a_set():
    airframes = wide_airframes(np.random.default_rng(0), 40)
    batch = QuadrotorBatch(400, airframes=airframes)
    batch.reset(seed=0)
    drawn = [int(name.split("-")[1]) for name in batch.airframes.names]
    assert len(set(drawn)) == 40
    batch.reset(tasks=(np.arange(400) % 40)[:, None])
    np.testing.assert_array_equal(batch.airframes.mass, np.tile(airframes.mass, 10))


def test_pictures():
    batch = QuadrotorBatch(2, airframes="race", start="hover", limits="none")
    batch.reset(seed=0)
    states = batch.states
    states[1, 3:7] = np.sqrt(0.5), np.sqrt(0.5), 0, 0
    batch.set_states(states)
    level, tilted = batch.render_copy(0), batch.render_copy(1)
    assert level.shape == tilted.shape == (480, 640, 3) and level.dtype == np.uint8
    assert (level != tilted).any()


@pytest.mark.parametrize("name", PRESETS)
def test_presets(name):
    batch = QuadrotorBatch(8, airframes="raptor", **PRESETS[name])
    observations = batch.reset(seed=0)
    assert observations.shape == (8, 26 if name == "raptor-teacher" else 22)
    assert batch.limits == LIMITS["raptor"] and batch.reward == Reward()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_envs": 0}, "num_envs = 0 must be at least 1"),
        (
            {"airframes": "crazyfly"},
            "airframes = 'crazyfly' is unknown; choose from raptor, wide, crazyflie",
        ),
        ({"airframes": "raptor", "pool": 0}, "count = 0 must be at least 1"),
        ({"observation": "all"}, "observation = 'all' is unknown; choose from student, teacher"),
        ({"reference": "eight"}, "reference = 'eight' is unknown; choose from raptor, .*figure-eight"),
        ({"start": "x"}, "start = 'x' is unknown; choose from raptor, raptor-teacher, tilted, hover"),
        ({"reward": "x"}, "reward = 'x' is unknown"),
        ({"limits": "x"}, "limits = 'x' is unknown"),
        ({"conditions": "bad"}, "conditions = 'bad' is unknown; choose from ideal, random"),
        ({"conditions": "random"}, "conditions = 'random' needs airframes"),
        ({"error_clips": (0, 1)}, r"error_clips = \(0, 1\) must be above 0"),
        ({"max_episode_steps": 0}, "max_episode_steps = 0 must be at least 1"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        QuadrotorBatch(**options)


def test_bad_parts_are_refused():
    with pytest.raises(InputError, match=r"start angle = 4 must be from 0 to 3.14"):
        Start(angle=4)
    with pytest.raises(InputError, match="start rotors"):
        Start(rotors=(0.5, 0.2))
    with pytest.raises(InputError, match="limits velocity = 0 must be above 0"):
        Limits(velocity=0)
    with pytest.raises(InputError, match="reward yaw = nan must be finite"):
        Reward(yaw=float("nan"))
    batch = QuadrotorBatch(2, airframes="mrs")
    with pytest.raises(InputError, match=r"actions have shape \(4,\), expected \(2, 4\)"):
        batch.step(np.zeros(4, np.float32))
    with pytest.raises(InputError, match="states must be finite"):
        batch.set_states(np.full((2, 17), np.nan))
    with pytest.raises(InputError, match="airframe"):
        batch.set_next_tasks([5])
