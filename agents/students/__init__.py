"""Students: Stable-Baselines3's PPO, SAC and TD3 with our settings, saved without pickle."""

from __future__ import annotations

from stable_baselines3.common.vec_env import VecEnv

from ...errors import InputError
from ..config import StudentConfig
from .ppo import PPOStudent
from .sac import SACStudent
from .student import Student
from .td3 import TD3Student

__all__ = ["STUDENTS", "PPOStudent", "SACStudent", "Student", "TD3Student", "make_student"]

STUDENTS: dict[str, type[Student]] = {"ppo": PPOStudent, "sac": SACStudent, "td3": TD3Student}
"""All students, by the name the command line knows."""


def make_student(
    name: str, env: VecEnv, config: StudentConfig, *, total_steps: int, seed: int
) -> Student:
    """Build a student.

    Args:
        name: a key of :data:`STUDENTS`.
        env: the copies to learn in.
        config: how it learns.
        total_steps: environment steps of the whole run.
        seed: a whole number of 32 bits.

    Raises:
        InputError: no such student.
    """
    if name not in STUDENTS:
        raise InputError(f"student = {name!r} is not one of: {', '.join(STUDENTS)}")
    return STUDENTS[name](env, config, total_steps, seed)
