"""Quadrotor steps per second beside l2f's and MuJoCo's, on one core."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import mujoco
import mujoco.rollout
import numpy as np
from numpy.typing import NDArray

from ..agents.raptor.l2f_simulator import L2fSimulator
from ..envs.quadrotor.distribution import raptor_airframes
from ..envs.quadrotor.env import QuadrotorBatch
from ..envs.quadrotor.mjcf import mjcf
from ..envs.quadrotor.named import NAMED
from .table import Measurement
from .walker import ROUNDS, Steps, interleaved, one_core

L2F_STEP = "l2f step alone"
L2F_OBSERVE = "l2f step and observation"
MUJOCO = "MuJoCo rollout, "
FEW_COPIES = (1, 64)
"""Shown without peers: a block of lanes is computed whole, however few copies are in it."""
COPIES = (1024, 4096, 8192)
L2F_COPIES = (256, 1024)
"""l2f's better one counts; it gets slower with more."""
INTEGRATORS = {"RK4": mujoco.mjtIntegrator.mjINT_RK4, "Euler": mujoco.mjtIntegrator.mjINT_EULER}
"""MuJoCo's: the one we use, and its fastest."""
RICH: dict[str, Any] = {"airframes": "wide", "conditions": "random", "reference": "raptor"}
WARM_UP = 200
"""Batch steps before the first measurement, so that episodes end at their usual rate."""
_ACTIONS = 64
"""Different sets of random actions, drawn before the clock starts and used in turn."""
_L2F_EPISODE = 500
_MUJOCO_STEPS = 1000


def measure(seconds: float, seed: int) -> Iterator[Measurement]:
    """Environment steps per CPU-second under random actions, all on the same core.

    Ours is the whole of an environment's step: dynamics, reward, observation, endings, and the resets of
    the copies that ended (random actions end an episode about every 30 steps). l2f's vector steps the same
    airframes' dynamics alone, or with observations, without reward, endings or resets. MuJoCo steps one
    vehicle's body in its own compiled loop at the same 10 ms, without rotor lag, reward, observation or
    resets. CPU time is counted; all take turns.

    Args:
        seconds: CPU time for each figure.
        seed: of actions and airframes.
    """
    with one_core():
        runners: dict[Any, Steps] = {
            copies: _ours(copies, seed, airframes="raptor") for copies in (*FEW_COPIES, *COPIES)
        }
        rich = f"wide airframes, noise, delays, moving references, {COPIES[0]} at once"
        runners[rich] = _ours(COPIES[0], seed, **RICH)
        if find_spec("l2f") is not None:
            for copies in L2F_COPIES:
                runners[L2F_STEP, copies] = _l2f(copies, seed, observing=False)
                runners[L2F_OBSERVE, copies] = _l2f(copies, seed, observing=True)
        for integrator in INTEGRATORS:
            runners[MUJOCO + integrator] = _mujoco(integrator, seed)
        rates = interleaved(runners, seconds / ROUNDS)
    for copies in FEW_COPIES:
        yield Measurement(f"RAPTOR's airframes, {copies} at once", rates[copies], "steps/s")
    peers: dict[str, float | None] = {
        name: max((rates[name, n] for n in L2F_COPIES if (name, n) in rates), default=None)
        for name in (L2F_STEP, L2F_OBSERVE)
    }
    peers |= {MUJOCO + integrator: rates[MUJOCO + integrator] for integrator in INTEGRATORS}
    names: dict[Any, str] = {copies: f"RAPTOR's airframes, {copies} at once" for copies in COPIES}
    for key, name in (names | {rich: rich}).items():
        for peer, theirs in peers.items():
            yield Measurement(
                name=name,
                value=rates[key],
                unit="steps/s",
                peer=peer,
                peer_value=theirs,
                ratio=None if theirs is None else rates[key] / theirs,
                install="pip install 'eyas[raptor]'",
            )


def _actions(copies: int, seed: int) -> Callable[[], NDArray[np.float32]]:
    """Random actions, shape ``(copies, 4)``, one set after the other."""
    rng = np.random.default_rng(seed)
    rows = rng.uniform(-1, 1, (_ACTIONS, copies, 4)).astype(np.float32)
    turn = -1

    def following() -> NDArray[np.float32]:
        nonlocal turn
        turn = (turn + 1) % _ACTIONS
        return rows[turn]

    return following


def _ours(copies: int, seed: int, **options: Any) -> Steps:
    batch = QuadrotorBatch(copies, pool_seed=seed, **options)
    batch.reset(seed=seed)
    actions = _actions(copies, seed)
    for _ in range(WARM_UP):
        batch.step(actions())

    def run() -> int:
        batch.step(actions())
        return copies

    return run


def _l2f(copies: int, seed: int, observing: bool) -> Steps:
    simulator = L2fSimulator(raptor_airframes(np.random.default_rng(seed), copies).airframes)
    simulator.start_recovery(seed, None)
    actions = _actions(copies, seed)
    steps = 0

    def run() -> int:
        nonlocal steps
        steps += 1
        if steps % _L2F_EPISODE == 0:
            simulator.start_recovery(seed, None)  # before it has tumbled off to infinity
        simulator.step(actions())
        if observing:
            simulator.observe()
        return copies

    return run


def _mujoco(integrator: str, seed: int) -> Steps:
    airframe = NAMED["crazyflie"]
    model = mujoco.MjModel.from_xml_string(mjcf(airframe, physics_step=0.01))
    model.opt.integrator = INTEGRATORS[integrator]
    data = mujoco.MjData(model)
    full = sum(airframe.thrust_coefficients[0])
    thrusts = np.random.default_rng(seed).uniform(0, full, (1, _MUJOCO_STEPS, model.nu))
    size = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS)
    start = np.zeros((1, size))
    mujoco.mj_getState(model, data, start[0], mujoco.mjtState.mjSTATE_FULLPHYSICS)
    states = np.zeros((1, _MUJOCO_STEPS, size))
    sensed = np.zeros((1, _MUJOCO_STEPS, model.nsensordata))

    def run() -> int:
        mujoco.rollout.rollout(model, data, start, thrusts, state=states, sensordata=sensed)
        return _MUJOCO_STEPS

    return run
