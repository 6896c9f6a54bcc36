"""Laws that hold whatever the body, track and action: momentum, seeds, threads, complementarity."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyas.envs.walker.bodies_teachmyagent import make_body
from eyas.envs.walker.collide import sine_cosine
from eyas.envs.walker.env import WalkerBatch
from eyas.envs.walker.impulse_solver import empty_impulses, solve_impulses
from eyas.envs.walker.lidar import RAY_X, RAY_Y
from eyas.envs.walker.model import compile_body, part_mass
from eyas.envs.walker.time_of_impact import TARGET, TOLERANCE, time_of_impact

G = -10.0
DT = 1 / 50


@numba.njit
def _sine_cosine(angle):
    return sine_cosine(angle)


@numba.njit
def _time_of_impact(count, parts, temporary):
    return time_of_impact(count, parts[0], temporary[0])


@numba.njit
def _solve(count, rounds, rows):
    return solve_impulses(count, rounds, rows)


def _random_actions(rng, batch, steps):
    return rng.uniform(-1, 1, (steps, batch.num_envs, batch.body.action_size)).astype(np.float32)


@pytest.mark.parametrize("solver", ["fast", "box2d"])
@pytest.mark.parametrize("body", ["default", "quadrupedal", "spider"])
def test_in_the_air_only_gravity_changes_momentum(solver, body):
    batch = WalkerBatch(8, terrain="plain", body=body, solver=solver)
    batch.reset(seed=1)
    rng = np.random.default_rng(0)
    for action in _random_actions(rng, batch, 10):
        batch.step(action)
    batch.state.position[:, :, 1] += 60
    batch.state.touch_count[:] = 0
    mass, inertia = (np.array([part_mass(p)[k] for p in batch.body.parts]) for k in (0, 1))

    def momenta():
        x, v = batch.state.position.astype(float), batch.state.velocity.astype(float)
        linear = (mass[:, None] * v[..., :2]).sum(1)
        centre = (mass[:, None] * x[..., :2]).sum(1) / mass.sum()
        speed = linear / mass.sum()
        r, u = x[..., :2] - centre[:, None], v[..., :2] - speed[:, None]
        turning = inertia * v[..., 2] + mass * (r[..., 0] * u[..., 1] - r[..., 1] * u[..., 0])
        return linear, turning.sum(1)

    before, _ = momenta()
    rows = []
    for action in _random_actions(rng, batch, 15):
        batch.step(action, autoreset=False)
        linear, angular = momenta()
        expected = before + np.array([0, mass.sum() * G * DT])
        np.testing.assert_allclose(linear, expected, atol=2e-3 * mass.sum())
        before = linear
        rows.append(angular)
    scale = (inertia.sum() + mass.sum() * 0.3) * 4
    assert np.ptp(np.array(rows), axis=0).max() < 0.05 * scale


def test_joints_hold_together():
    batch = WalkerBatch(32, terrain="stump-tracks", body="default")
    batch.reset(seed=0, tasks=[1.5, 2.0])
    worst = 0.0
    for action in _random_actions(np.random.default_rng(2), batch, 150):
        batch.step(action)
        for copy in range(0, 32, 8):
            poses = batch.part_poses(copy).astype(float)
            for joint in batch.body.joints:
                ends = []
                for part, anchor in (
                    (joint.parent, joint.parent_anchor),
                    (joint.child, joint.child_anchor),
                ):
                    x, y, angle = poses[part]
                    c, s = math.cos(angle), math.sin(angle)
                    ends.append((x + c * anchor[0] - s * anchor[1], y + s * anchor[0] + c * anchor[1]))
                worst = max(worst, math.dist(*ends))
    # A foot stopped at its time of impact leaves its joint for one step, as in Box2D.
    assert worst < 0.3


def test_copies_depend_on_their_own_seed_only_and_threads_change_nothing():
    actions = _random_actions(np.random.default_rng(0), WalkerBatch(12), 120)
    results = []
    for threads in (1, 2, 5):
        batch = WalkerBatch(12, threads=threads)
        batch.reset(seed=7, tasks=[1.0, 3.0])
        total = [batch.step(a)[1].copy() for a in actions]
        results.append((np.array(total), batch.observations.copy()))
    for rewards, observations in results[1:]:
        np.testing.assert_array_equal(rewards, results[0][0])
        np.testing.assert_array_equal(observations, results[0][1])

    # The same streams in another order: the same episodes in that order.
    order = np.random.default_rng(1).permutation(12)
    batch = WalkerBatch(12)
    batch.seed(7)
    batch.random_state[:] = batch.random_state[order]
    batch.reset(tasks=[1.0, 3.0])
    rewards = np.array([batch.step(a[order])[1].copy() for a in actions])
    np.testing.assert_array_equal(rewards, results[0][0][:, order])


def test_different_seeds_differ_and_zero_is_a_seed():
    def first(seed):
        return WalkerBatch(2).reset(seed=seed, tasks=[1.0, 3.0]).copy()

    assert not np.array_equal(first(0), first(1))
    np.testing.assert_array_equal(first(0), first(0))


def test_a_nan_action_acts_like_zero():
    batch = WalkerBatch(2, terrain="plain")
    batch.reset(seed=0)
    batch.random_state[1] = batch.random_state[0]
    batch.reset()
    action = np.array([[np.nan] * 4, [0.0] * 4], np.float32)
    for _ in range(30):
        batch.step(action)
    np.testing.assert_array_equal(batch.observations[0], batch.observations[1])


def test_a_standing_walker_falls_without_action_and_is_told():
    batch = WalkerBatch(4, terrain="plain")
    batch.reset(seed=0)
    action = np.zeros((4, 4), np.float32)
    for _ in range(600):
        *_, episodes = batch.step(action)
        if episodes is not None:
            assert (batch.rewards[episodes.copies] == -100).all()
            assert batch.terminated[episodes.copies].all()
            return
    pytest.fail("nobody fell")


@settings(max_examples=200, deadline=None)
@given(st.floats(-60, 60))
def test_sine_cosine(angle):
    s, c = _sine_cosine(np.float32(angle))
    assert abs(s - math.sin(np.float32(angle))) < 3e-7 * max(1, abs(angle) / 6)
    assert abs(c - math.cos(np.float32(angle))) < 3e-7 * max(1, abs(angle) / 6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(0, 4))
def test_impulses_are_complementary(seed, motors, points):
    rng = np.random.default_rng(seed)
    count = motors + 2 * points
    lines = rng.normal(size=(count, count + 2))
    rows = empty_impulses(16)
    matrix = (lines @ lines.T).astype(np.float32)
    rows.matrix[:count, :count] = matrix
    rows.bias[:count] = rng.normal(size=count) * 3
    rows.low[:motors], rows.high[:motors] = -0.5, 0.5
    for p in range(points):
        n = motors + 2 * p
        rows.low[n], rows.high[n] = 0, 1e9
        rows.high[n + 1], rows.normal[n + 1] = 0.7, n
    _solve(count, 60, rows)
    impulse = rows.impulse[:count].astype(float)
    speed = matrix.astype(float) @ impulse + rows.bias[:count]
    low, high = rows.low[:count].astype(float), rows.high[:count].astype(float)
    for r in range(count):
        n = rows.normal[r]
        if n >= 0:
            low[r], high[r] = -high[r] * impulse[n], high[r] * impulse[n]
    assert (impulse >= low - 1e-5).all() and (impulse <= high + 1e-5).all()
    # The natural residual: one exact projected step of each row changes nothing.
    mass = 1 / np.diag(matrix)
    step = np.clip(impulse - mass * speed, low, high) - impulse
    assert np.abs(step).max() < 2e-2 * (1 + np.abs(impulse).max())


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 100_000))
def test_time_of_impact_against_fine_steps(seed):
    rng = np.random.default_rng(seed)
    work = compile_body(make_body("default"))
    part, t = work.parts[0], work.temporary[0]
    slope = rng.uniform(-0.4, 0.4)
    edge = np.array([[-3.0, -3.0 * slope], [3.0, 3.0 * slope]], np.float32)
    t["shape"][:2] = edge
    part["sweep"] = (*rng.uniform(-1, 1, 1), rng.uniform(1.3, 2.2), rng.uniform(-3, 3), 0)
    part["x"] = part["sweep"][:3] + np.array(
        [rng.uniform(-1, 1), rng.uniform(-2, 0.3), rng.uniform(-1, 1)]
    )
    touching, fraction = _time_of_impact(2, work.parts, work.temporary)

    normal = np.array([-slope, 1]) / math.hypot(slope, 1)
    points = part["local_vertices"][: part["vertex_count"]].astype(float)
    start, end = part["sweep"][:3].astype(float), part["x"].astype(float)

    def distance(s):
        x, y, angle = (1 - s) * start + s * end
        c, sn = math.cos(angle), math.sin(angle)
        world = points @ np.array([[c, sn], [-sn, c]]) + (x, y)
        return (world @ normal).min()

    fine = np.array([distance(s) for s in np.linspace(0, 1, 2001)])
    if fine.min() > TARGET + 2 * TOLERANCE:
        assert not touching
    elif fine.min() < TARGET - 2 * TOLERANCE and fine[0] > TARGET + 2 * TOLERANCE:
        assert touching
        assert abs(distance(fraction) - TARGET) < 2 * TOLERANCE
        assert fine[: int(fraction * 2000)].min() > TARGET - 2 * TOLERANCE


@pytest.mark.parametrize("terrain", ["plain", "stump-tracks", "hexagon-tracks", "hardcore"])
def test_lidar_against_brute_force(terrain):
    batch = WalkerBatch(6, terrain=terrain)
    rng = np.random.default_rng(3)
    batch.next_tasks[:] = batch.task_space.sample(rng, 6)
    batch.reset(seed=5)
    for copy in range(6):
        batch.state.position[copy, :, 0] += rng.uniform(0, 60)
        batch.state.position[copy, :, 1] += 3
    batch.step(np.zeros((6, 4), np.float32), autoreset=False)
    ground = batch.ground
    for copy in range(6):
        x, y = batch.part_poses(copy)[0, :2].astype(float)
        segments = [ground.edges[copy, k] for k in range(ground.edge_count[copy])]
        for p in range(ground.polygon_count[copy]):
            corners = ground.vertices[copy, p, : ground.vertex_count[copy, p]]
            segments += [
                np.concatenate(pair) for pair in zip(corners, np.roll(corners, -1, 0), strict=True)
            ]
        for ray in range(10):
            dx, dy = float(RAY_X[ray]), float(RAY_Y[ray])
            nearest = 1.0
            for ax, ay, bx, by in np.array(segments, float):
                ex, ey = bx - ax, by - ay
                cross = dx * ey - dy * ex
                if abs(cross) < 1e-12:
                    continue
                along = ((ax - x) * ey - (ay - y) * ex) / cross
                share = ((ax - x) * dy - (ay - y) * dx) / cross
                if 0 <= along <= nearest and 0 <= share <= 1:
                    nearest = along
            assert abs(nearest - batch.state.lidar[copy, ray]) < 2e-3, (copy, ray)
