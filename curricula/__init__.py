"""Teachers: they choose tasks and are told returns; they know no environment and no learner."""

from .registry import PRESETS, TEACHERS, make_settings, make_teacher
from .storage import load_teacher, save_teacher
from .teacher import Teacher, TeacherSettings

__all__ = [
    "PRESETS",
    "TEACHERS",
    "Teacher",
    "TeacherSettings",
    "load_teacher",
    "make_settings",
    "make_teacher",
    "save_teacher",
]
