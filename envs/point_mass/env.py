"""PointMassBatch: N point masses, each with a gate in its way."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ..batch import BatchEnv
from ..jit import inner, kernel
from ..plan_view import PlanView
from ..random import uniform
from ..tasks import Parameter, TaskSpace

REACH = 4.0
"""Positions stay within this of the middle, on both axes."""
START_Y, GOAL_Y = 3.0, -3.0
"""Start and goal lie at x = 0; the wall with the gate is at y = 0."""
FORCE = 10.0
"""What an action of 1 is."""
GAIN = 1.5
"""Acceleration per force."""
NOISE = 0.05
"""Standard deviation of the acceleration's noise, per axis and substep."""
TIME_STEP, SUBSTEPS = 0.01, 10
STEEPNESS = 0.6
"""The reward falls with the exponential of this times the distance."""
STEPS = 100
BEST_BEFORE_GATE = STEPS * math.exp(-STEEPNESS * (0.0 - GOAL_Y))
"""No episode that stays on its side of the wall returns more, 16.53: the wall is 3 from the goal."""

_GATE = (
    Parameter("gate_position", -4.0, 4.0, 0.0, "1", "x of the middle of the gate"),
    Parameter("gate_width", 0.5, 8.0, 2.0, "1", "from side to side"),
)
_FRICTION = Parameter("friction", 0.0, 4.0, 0.0, "1/s", "deceleration per speed")
TASK_SPACES = {False: TaskSpace(_GATE), True: TaskSpace((*_GATE, _FRICTION))}
"""Without and with friction."""


class PointMassBatch(BatchEnv):
    """N point masses that have to pass a gate.

    ## Description
    A mass in the plane is pushed from (0, 3) towards the goal at (0, -3). A wall at y = 0 has one gate:
    its place and its width are the task. Easy are wide gates in the middle; the target of CURROT's
    experiments are gates of width 0.5 at x = 3 and x = -3, which send the mass far out of its way.

    Acceleration is 1.5 force - friction velocity + N(0, 0.05) on each axis, integrated by explicit Euler,
    10 substeps of 0.01 s for a step. Positions are clipped to [-4, 4] (velocities are not).

    ## Task
    ``gate_position`` -4 to 4, ``gate_width`` 0.5 to 8, and with ``friction`` that, 0 to 4 (else none).

    ## Action space
    ``Box(-1, 1, (2,))``: force on x and y in tens. (CURROT's environment takes -10 to 10.)

    ## Observation space
    float32: x, velocity in x, y, velocity in y, then the task, unscaled.

    ## Reward
    exp(-0.6 distance to the goal) after the step: 0.027 at the start, 1 at the goal.
    :data:`BEST_BEFORE_GATE` bounds the return of whoever never passes.

    ## Starting state
    (0, 3), at rest. Only the noise is random.

    ## Episode end
    Terminated by a crash: where the line y = 0 is crossed further than half the gate's width from its
    middle, in either direction; the mass then lies at rest where it hit. Truncated after 100 steps.

    Source: Klink et al. (2020, 2022), ``deep_sprl/environments/contextual_point_mass.py``.

    ## Arguments
    Args:
        num_envs: copies N, at least 1.
        friction: make friction the task's third parameter.

    Raises:
        InputError: fewer than one copy.

    ## Version history
    v0: first version.
    """

    render_modes: ClassVar[tuple[str, ...]] = ("rgb_array", "human")
    render_fps: ClassVar[int] = 10

    def __init__(self, num_envs: int = 1, *, friction: bool = False) -> None:
        space = TASK_SPACES[bool(friction)]
        super().__init__(
            num_envs,
            space,
            gymnasium.spaces.Box(-np.inf, np.inf, (4 + space.dimension,), np.float32),
            gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32),
            STEPS,
        )
        self.states = np.zeros((num_envs, 4))
        """x, velocity in x, y, velocity in y; shape ``(num_envs, 4)``."""

    def _reset_copies(self, copies: NDArray[np.int64]) -> None:
        self.states[copies] = (0.0, 0.0, START_Y, 0.0)
        self.observations[copies, :4] = self.states[copies]
        self.observations[copies, 4:] = self.tasks[copies]

    def _advance(self, actions: NDArray[np.float32]) -> None:
        actions = np.ascontiguousarray(actions, dtype=np.float32)
        advance(
            self.states,
            self.tasks,
            actions,
            self.random_state,
            self.observations,
            self.rewards,
            self.terminated,
        )

    def _state_arrays(self) -> dict[str, NDArray[Any]]:
        return {"states": self.states}

    def render_copy(self, copy: int = 0) -> NDArray[np.uint8]:
        """Wall, gate, goal and mass from above, uint8, shape ``(400, 400, 3)``."""
        position, width = self.tasks[copy, :2]
        view = PlanView(REACH + 0.25)
        view.rectangle(-REACH, -0.1, position - width / 2, 0.1, "wall")
        view.rectangle(position + width / 2, -0.1, REACH, 0.1, "wall")
        view.disc(0.0, GOAL_Y, 0.25, "goal")
        view.disc(self.states[copy, 0], self.states[copy, 2], 0.12, "agent")
        return view.picture


@kernel
def advance(
    states: NDArray[np.float64],
    tasks: NDArray[np.float64],
    actions: NDArray[np.float32],
    random_state: NDArray[np.uint64],
    observations: NDArray[np.float32],
    rewards: NDArray[np.float32],
    terminated: NDArray[np.bool_],
) -> None:
    """One step of every copy."""
    for copy in range(len(states)):
        force_x = FORCE * min(max(np.float64(actions[copy, 0]), -1.0), 1.0)
        force_y = FORCE * min(max(np.float64(actions[copy, 1]), -1.0), 1.0)
        crashed = False
        for _ in range(SUBSTEPS):
            crashed = _substep(states[copy], tasks[copy], force_x, force_y, random_state, copy)
            if crashed:
                break
        x, y = states[copy, 0], states[copy, 2]
        rewards[copy] = math.exp(-STEEPNESS * math.sqrt(x * x + (y - GOAL_Y) ** 2))
        terminated[copy] = crashed
        for column in range(4):
            observations[copy, column] = states[copy, column]


@inner
def _substep(
    state: NDArray[np.float64],
    task: NDArray[np.float64],
    force_x: float,
    force_y: float,
    random_state: NDArray[np.uint64],
    copy: int,
) -> bool:
    """One Euler step of one copy; whether it crashed. Both numbers of a Box-Muller pair are used."""
    radius = NOISE * math.sqrt(-2.0 * math.log(1.0 - uniform(random_state, copy, 0.0, 1.0)))
    angle = 2.0 * math.pi * uniform(random_state, copy, 0.0, 1.0)
    friction = task[2] if len(task) > 2 else 0.0
    x, speed_x, y, speed_y = state[0], state[1], state[2], state[3]
    new_x = min(max(x + TIME_STEP * speed_x, -REACH), REACH)
    new_y = min(max(y + TIME_STEP * speed_y, -REACH), REACH)
    state[1] = speed_x + TIME_STEP * (GAIN * force_x - friction * speed_x + radius * math.cos(angle))
    state[3] = speed_y + TIME_STEP * (GAIN * force_y - friction * speed_y + radius * math.sin(angle))
    state[0] = new_x
    state[2] = new_y
    if (y >= 0.0 and new_y < 0.0) or (y <= 0.0 and new_y > 0.0):
        share = -y / (new_y - y)
        crossing = share * new_x + (1.0 - share) * x
        if abs(crossing - task[0]) > 0.5 * task[1]:
            state[0] = crossing
            state[1] = 0.0
            state[2] = 0.0
            state[3] = 0.0
            return True
    return False
