"""Every teacher by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..envs.tasks import TaskSpace
from ..errors import InputError
from .accel import ACCEL
from .adr import ADR
from .alp_gmm import ALPGMM
from .covar_gmm import CovarGMM
from .exp3_bandit import Exp3Bandit
from .goal_gan import GoalGAN
from .learning_progress import LPBandit
from .oracle import OracleTeacher
from .plr import PLR, RobustPLR
from .progress_forest import ProgressForest
from .riac import RIAC
from .sfl import SFL
from .teacher import Teacher, TeacherSettings
from .uniform import RandomTeacher

TEACHERS: Mapping[str, type[Teacher]] = {
    teacher.name: teacher
    for teacher in (
        RandomTeacher,
        OracleTeacher,
        ALPGMM,
        CovarGMM,
        RIAC,
        ProgressForest,
        PLR,
        RobustPLR,
        ACCEL,
        SFL,
        ADR,
        GoalGAN,
        LPBandit,
        Exp3Bandit,
    )
}
"""The teachers that ``make_teacher`` and the command line know."""
PRESETS = ("eyas", "published")
"""Named settings every teacher has: our defaults, and the published ones with their slips; a teacher
may have more, each told in its file."""


def find_teacher(name: str) -> type[Teacher]:
    """The class of the teacher called ``name``.

    Raises:
        InputError: there is none; the message lists those there are.
    """
    if name not in TEACHERS:
        raise InputError(f"unknown teacher {name!r}; known are {', '.join(TEACHERS)}")
    return TEACHERS[name]


def make_settings(name: str, preset: str = "eyas", **overrides: Any) -> TeacherSettings:
    """A teacher's preset with some settings replaced; lists become tuples.

    Raises:
        InputError: unknown teacher, preset or setting, or a value that is not allowed.
    """
    return replace_settings(name, preset, overrides)


def replace_settings(name: str, preset: str, overrides: Mapping[str, Any]) -> TeacherSettings:
    """Like :func:`make_settings`, for overrides with whatever names a file or a user gave them."""
    teacher = find_teacher(name)
    if preset not in teacher.presets:
        raise InputError(f"unknown preset {preset!r}; known are {', '.join(teacher.presets)}")
    known = [field.name for field in dataclasses.fields(teacher.settings_type)]
    for field in overrides:
        if field not in known:
            raise InputError(
                f"unknown setting {field!r} of the {name} teacher; known are {', '.join(known)}"
            )
    values = {
        key: tuple(value) if isinstance(value, list) else value for key, value in overrides.items()
    }
    return dataclasses.replace(teacher.presets[preset], **values)


def world_settings(
    name: str, preset: str, success_return: float, *, always: bool = False
) -> dict[str, Any]:
    """What a teacher has to be told of a world: the return above which a task is mastered.

    Args:
        name: of the teacher.
        preset: its settings; a preset that has a ``success_return`` of its own keeps it.
        success_return: the world's, in units of its returns.
        always: replace a preset's own too, as a world with other returns needs.

    Returns:
        Overrides for :func:`make_teacher`; empty for a teacher that does not ask.
    """
    teacher = find_teacher(name)
    settings = teacher.presets[preset]
    asks = hasattr(settings, "success_return") and (always or settings.success_return is None)
    return {"success_return": success_return} if asks else {}


def make_teacher(
    name: str, task_space: TaskSpace, *, seed: int, preset: str = "eyas", **overrides: Any
) -> Teacher:
    """Build a teacher.

    Args:
        name: one of :data:`TEACHERS`.
        task_space: the box it chooses from.
        seed: seed of its private generator, 0 or more.
        preset: one of :data:`PRESETS`.
        **overrides: settings that differ from the preset.

    Raises:
        InputError: unknown teacher, preset or setting, or a value that is not allowed.
    """
    settings = replace_settings(name, preset, overrides)
    return find_teacher(name)(task_space, seed=seed, settings=settings)
