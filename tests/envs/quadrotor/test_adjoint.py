"""The hand-written adjoint against torch's automatic differentiation of the same equations."""

import numpy as np
import pytest
import torch

from eyas.envs.quadrotor.adjoint import reverse_block
from eyas.envs.quadrotor.airframe import GRAVITY, YAW_SIGNS, Airframes
from eyas.envs.quadrotor.dynamics import LOAD_ROWS, POWER, TIME_STEP, pack, step_block
from eyas.envs.quadrotor.lanes import LANES, from_blocks, to_blocks

COUNT = 100


def random_airframes(rng):
    inertia = 1e-3 * rng.uniform(1, 1.6, (COUNT, 3))
    corners = 0.1 * np.array([[1, -1, 0], [-1, -1, 0], [-1, 1, 0], [1, 1, 0]])
    return Airframes(
        names=("some",) * COUNT,
        mass=rng.uniform(0.3, 0.6, COUNT),
        inertia=inertia,
        rotor_positions=corners + rng.normal(0, 0.01, (COUNT, 4, 3)),
        thrust_coefficients=rng.uniform([0.1, 0.5, 1.5], [0.3, 1, 3], (COUNT, 4, 3)),
        torque_constants=rng.uniform(0.01, 0.05, (COUNT, 4)),
        rising_time_constants=rng.uniform(0.03, 0.1, (COUNT, 4)),
        falling_time_constants=rng.uniform(0.03, 0.3, (COUNT, 4)),
        drag=rng.uniform(0, 0.2, (COUNT, 3)),
    )


def random_states(rng):
    q = rng.normal(size=(4, COUNT))
    return np.concatenate(
        [
            rng.normal(size=(3, COUNT)),
            q / np.linalg.norm(q, axis=0),
            rng.normal(size=(3, COUNT)),
            5 * rng.normal(size=(3, COUNT)),
            rng.uniform(0, 1, (4, COUNT)),
        ]
    )


def torch_step(airframes, loads, actions, state):
    """The same equations, written from the textbook with matrices in float64."""
    t = lambda x: torch.as_tensor(np.asarray(x), dtype=torch.float64)  # noqa: E731
    mass, inertia, arms = t(airframes.mass), t(airframes.inertia), t(airframes.rotor_positions)
    curve, drag = t(airframes.thrust_coefficients), t(airframes.drag)
    yaw = t(YAW_SIGNS) * t(airframes.torque_constants)
    rising, falling = t(airframes.rising_time_constants), t(airframes.falling_time_constants)
    force, torque, power = t(loads[:3].T), t(loads[3:6].T), t(loads[6:10].T)
    u = (actions.T.clamp(-1, 1) + 1) / 2

    def slope(s):
        q, v, w, r = s[:, 3:7], s[:, 7:10], s[:, 10:13], s[:, 13:17]
        qw, qx, qy, qz = q.T
        zero = torch.zeros_like(qw)
        # R = I + 2 w [x] + 2 [x]^2
        cross = torch.stack([zero, -qz, qy, qz, zero, -qx, -qy, qx, zero], 1).reshape(-1, 3, 3)
        R = torch.eye(3, dtype=q.dtype) + 2 * qw[:, None, None] * cross + 2 * cross @ cross
        f = power * (curve[:, :, 0] + curve[:, :, 1] * r + curve[:, :, 2] * r * r)
        up = torch.stack([torch.zeros_like(f), torch.zeros_like(f), f], 2)
        tau = torch.cross(arms, up, dim=2).sum(1) + torch.stack([zero, zero, (yaw * f).sum(1)], 1)
        body_force = up.sum(1) - drag * torch.einsum("nji,nj->ni", R, v)
        dv = torch.einsum("nij,nj->ni", R, body_force) / mass[:, None] + force
        dv = dv - t([0, 0, GRAVITY])
        dw = (tau - torch.cross(w, inertia * w, dim=1)) / inertia + torque
        dq = 0.5 * torch.stack(
            [
                -(qx * w[:, 0] + qy * w[:, 1] + qz * w[:, 2]),
                *(qw[:, None] * w + torch.cross(q[:, 1:], w, dim=1)).T,
            ],
            1,
        )
        dr = (u - r) / torch.where(u >= r, rising, falling)
        return torch.cat([v, dq, dv, dw, dr], 1)

    s, h = state.T, TIME_STEP
    k1 = slope(s)
    k2 = slope(s + h / 2 * k1)
    k3 = slope(s + h / 2 * k2)
    k4 = slope(s + h * k3)
    s = s + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    q = s[:, 3:7]
    return torch.cat([s[:, :3], q / q.norm(dim=1, keepdim=True), s[:, 7:]], 1).T


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(3)
    airframes = random_airframes(rng)
    loads = np.zeros((LOAD_ROWS, COUNT))
    loads[:6] = rng.normal(size=(6, COUNT))
    loads[POWER:] = rng.uniform(0.8, 1, (4, COUNT))
    actions = rng.uniform(-1.3, 1.3, (4, COUNT))
    return airframes, loads, actions, random_states(rng), rng.normal(size=(17, COUNT))


def blocks(rows):
    return to_blocks(np.asarray(rows, np.float32))[0]


def test_step_agrees_with_the_textbook(case):
    airframes, loads, actions, states, _ = case
    expected = torch_step(airframes, loads, torch.as_tensor(actions), torch.as_tensor(states)).numpy()
    ours = blocks(states)
    step_block(blocks(pack(airframes)), blocks(loads), blocks(actions), ours)
    np.testing.assert_allclose(from_blocks(ours[None], COUNT), expected, rtol=2e-5, atol=2e-5)


def test_reverse_agrees_with_automatic_differentiation(case):
    airframes, loads, actions, states, cotangents = case
    a = torch.tensor(actions, requires_grad=True)
    s = torch.tensor(states, requires_grad=True)
    (torch_step(airframes, loads, a, s) * torch.as_tensor(cotangents)).sum().backward()
    ours, ours_action = blocks(cotangents), np.zeros(4 * LANES, np.float32)
    reverse_block(
        blocks(pack(airframes)), blocks(loads), blocks(actions), blocks(states), ours, ours_action
    )
    np.testing.assert_allclose(from_blocks(ours[None], COUNT), s.grad.numpy(), rtol=2e-4, atol=2e-4)
    np.testing.assert_allclose(
        from_blocks(ours_action[None], COUNT), a.grad.numpy(), rtol=2e-4, atol=2e-5
    )
    assert (np.abs(actions) > 1).any()
